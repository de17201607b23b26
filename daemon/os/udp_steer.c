/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_steer: several sockets on one address, and which of them gets a datagram.
 *
 * The sockets are a SO_REUSEPORT group; the kernel runs a classic BPF program over the UDP payload and takes the socket
 * whose number in the group, the order of their bind(2), it returns. The number is the first byte of the QUIC packet's
 * Destination Connection ID, modulo their count: our own connection IDs begin with the number of the worker that issued
 * them, so a client that changes its address or port stays where it is; a client's first Initial has a random one, so
 * new connections spread, unless the client aims (the bonding field's `w`).
 *
 * What is too short to have that byte ends the program, which means number 0: it is junk to whoever gets it.
 *
 * Leaves out: a group whose sockets come and go (they live as long as the daemon).
 * Invariant: the group holds this process's sockets only; an address in use by anybody else is an error as ever.
 * Standards: RFC 8999 section 5 (where a DCID is, in any version), RFC 9000 section 5.1. */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/udp_private.h"

#define LONG_HEADER 0x80u /* first byte: header form */
#define LONG_DCID_AT 6u   /* after first byte, version and length */
#define SHORT_DCID_AT 1u  /* after the first byte */

/* A socket that does not share shows whether the address is free: among those that do, nobody would notice a second
 * daemon of the same user. */
static int is_free(const struct udp_settings *settings) {
    int fd = socket(settings->local.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    int v6_only = settings->v6_only, error = 0;

    if (fd < 0) {
        return -errno;
    }
    if (settings->local.sa.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0) {
        error = -errno;
    }
    if (error == 0 && bind(fd, &settings->local.sa, sock_addr_length(&settings->local)) != 0) {
        error = -errno;
    }
    close(fd);
    return error;
}

int udp_share(int fd, const struct udp_settings *settings) {
    const int on = 1;
    int error = settings->share_number == 0 ? is_free(settings) : 0;

    if (error == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
        error = -errno;
    }
    return error;
}

/* A long header with an empty DCID names nobody: the byte after it decides, which is as good as any. */
int udp_steer(int fd, unsigned count) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, LONG_HEADER, 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, LONG_DCID_AT),
        BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SHORT_DCID_AT),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog filter;

    memset(&filter, 0, sizeof filter); /* its padding goes to the kernel, too */
    filter.len = sizeof program / sizeof *program;
    filter.filter = program;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == 0 ? 0 : -errno;
}
