/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp: UDP sockets in the ring, and receiving on them. Sending in batches is in udp_tx.c.
 *
 * One multishot recvmsg per socket fills a ring of provided buffers. Each holds, in this order: struct
 * io_uring_recvmsg_out, the sender's name (NAME_BYTES), control data (RECEIVE_CONTROL_BYTES), payload: one datagram, or
 * several of one sender that UDP_GRO glued together. The owner is called with the payload in place and the buffer goes
 * straight back.
 *
 * An IPv6 socket that also takes IPv4 deals in IPv4-mapped addresses and, for IPv4 packets, in IPv4's own control
 * messages; the owner sees plain AF_INET. Path MTU discovery is the owner's: DF is set, and the kernel neither
 * fragments nor remembers MTUs from ICMP (IP_PMTUDISC_PROBE).
 *
 * A closed socket's port is free at once, or when the last send of its senders is through.
 *
 * Leaves out: ICMP errors (RFC 9000 section 14.2.1), connected sockets.
 * Invariant: the struct lives until it is closed, its receive ended, its senders are gone and no callback is running.
 * Standards: RFC 768, RFC 3168 (ECN), RFC 3542 (packet info), RFC 3493 (IPv4-mapped addresses). */
#include "os/udp.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/patience.h"
#include "os/udp_private.h"

#ifndef UDP_GRO
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define DEFAULT_READ_BUFFERS 16u
#define DEFAULT_KERNEL_BUFFER (4 << 20)
#define NAME_BYTES 32u             /* sockaddr_in6, rounded so that control data is aligned */
#define RECEIVE_CONTROL_BYTES 192u /* packet info, two traffic classes, segment size, and some */
#define ECN_BITS 0x03u

/* --- addresses --- */

static bool is_mapped(const struct in6_addr *addr) {
    return IN6_IS_ADDR_V4MAPPED(addr);
}

/* ::ffff:a.b.c.d as the socket's family has it becomes a.b.c.d. */
static union sock_addr to_owner(const union sock_addr *kernel) {
    union sock_addr out = *kernel;

    if (kernel->sa.sa_family == AF_INET6 && is_mapped(&kernel->in6.sin6_addr)) {
        out = (union sock_addr){.in = {.sin_family = AF_INET, .sin_port = kernel->in6.sin6_port}};
        memcpy(&out.in.sin_addr, &kernel->in6.sin6_addr.s6_addr[12], 4);
    }
    return out;
}

static union sock_addr to_kernel(const struct udp_socket *socket, const union sock_addr *owner) {
    union sock_addr out = *owner;

    if (socket->local.sa.sa_family == AF_INET6 && owner->sa.sa_family == AF_INET) {
        out = (union sock_addr){.in6 = {.sin6_family = AF_INET6, .sin6_port = owner->in.sin_port}};
        memset(&out.in6.sin6_addr.s6_addr[10], 0xff, 2);
        memcpy(&out.in6.sin6_addr.s6_addr[12], &owner->in.sin_addr, 4);
    }
    return out;
}

/* --- messages to send --- */

static void add_control(struct msghdr *header, int level, int type, const void *data, size_t length) {
    struct cmsghdr *cmsg = (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);

    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(cmsg), data, length);
    header->msg_controllen += CMSG_SPACE(length);
}

static void add_source(struct msghdr *header, const union sock_addr *local) {
    if (local->sa.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = local->in.sin_addr};

        add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr, .ipi6_ifindex = local->in6.sin6_scope_id};

        add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

void udp_message_make(struct udp_message *message, const struct udp_socket *socket, const union sock_addr *local,
                      const union sock_addr *remote, uint8_t ecn, uint16_t segment_bytes) {
    int tos = ecn & ECN_BITS;
    bool v4 = remote->sa.sa_family == AF_INET;

    _Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t)) <=
                       UDP_CONTROL_BYTES,
                   "room");
    message->name = to_kernel(socket, remote);
    message->header = (struct msghdr){.msg_name = &message->name,
                                      .msg_namelen = sock_addr_length(&message->name),
                                      .msg_iov = &message->iov,
                                      .msg_iovlen = 1,
                                      .msg_control = message->control};
    memset(message->control, 0, sizeof message->control);
    if (local != NULL && local->sa.sa_family == remote->sa.sa_family) {
        add_source(&message->header, local);
    }
    if (tos != 0) {
        add_control(&message->header, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
    }
    if (segment_bytes != 0) {
        add_control(&message->header, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes);
    }
}

void udp_message_payload(struct udp_message *message, uint8_t *data, size_t length) {
    message->iov = (struct iovec){.iov_base = data, .iov_len = length};
}

int udp_send(struct udp_socket *socket, const uint8_t *data, size_t length, const union sock_addr *local,
             const union sock_addr *remote) {
    struct udp_message message;

    udp_message_make(&message, socket, local, remote, 0, 0);
    udp_message_payload(&message, (uint8_t *)(uintptr_t)data, length);
    if (sendmsg(socket->file.fd, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        int error = -errno;

        socket->statistics.send_errors++;
        return error;
    }
    socket->statistics.sends++;
    socket->statistics.datagrams_sent++;
    return 0;
}

/* --- life and death --- */

static void free_if_done(struct udp_socket *socket) {
    if (socket->closed && socket->running == 0 && socket->senders == 0 && !socket->receive.active) {
        ring_later_cancel(socket->loop, &socket->later);
        ring_buffers_fini(socket->loop, &socket->buffers);
        ring_file_release(socket->loop, &socket->file);
        udp_batches_free(socket);
        free(socket);
    }
}

void udp_socket_release(struct udp_socket *socket) {
    socket->senders--;
    free_if_done(socket);
}

void udp_socket_failed(struct udp_socket *socket, int error) {
    if ((error == -ENETDOWN || error == -ENODEV || error == -EBADF || error == -ENXIO) && !socket->failed &&
        !socket->closed) {
        socket->failed = true;
        socket->error = error;
        ring_later(socket->loop, &socket->later);
    }
}

/* --- receiving --- */

static void arm(struct udp_socket *socket) {
    if (socket->closed || socket->receive.active) {
        return;
    }
    struct io_uring_sqe *sqe = ring_prepare(socket->loop, &socket->receive);

    io_uring_prep_recvmsg_multishot(sqe, -1, &socket->layout, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = (uint16_t)socket->buffers.group;
    ring_use_file(sqe, &socket->file);
}

/* The owner may close the socket when it hears of an error. */
static void on_later(struct ring_later *later) {
    struct udp_socket *socket = (struct udp_socket *)((char *)later - offsetof(struct udp_socket, later));
    int error = socket->error;

    socket->running++;
    socket->error = 0;
    if (error != 0 && !socket->closed) {
        socket->hooks.on_failure(socket->hooks.context, error);
    }
    arm(socket);
    socket->running--;
    free_if_done(socket);
}

static uint8_t ecn_of(const struct cmsghdr *cmsg) {
    int value = 0;

    if (cmsg->cmsg_len < CMSG_LEN(sizeof value)) {
        return *CMSG_DATA(cmsg) & ECN_BITS;
    }
    memcpy(&value, CMSG_DATA(cmsg), sizeof value);
    return (uint8_t)((unsigned)value & ECN_BITS);
}

static void read_control(const struct cmsghdr *cmsg, struct udp_received *received) {
    const void *data = CMSG_DATA(cmsg);

    if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;

        memcpy(&info, data, sizeof info);
        received->local.in.sin_family = AF_INET;
        received->local.in.sin_addr = info.ipi_addr;
        received->ifindex = (unsigned)info.ipi_ifindex;
    } else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;

        memcpy(&info, data, sizeof info);
        received->local.in6.sin6_family = AF_INET6;
        received->local.in6.sin6_addr = info.ipi6_addr;
        received->local.in6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
        received->ifindex = info.ipi6_ifindex;
    } else if ((cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TOS) ||
               (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_TCLASS)) {
        received->ecn = ecn_of(cmsg);
    } else if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO) {
        int segment_bytes = 0;

        memcpy(&segment_bytes, data, sizeof segment_bytes);
        received->segment_bytes = segment_bytes > 0 ? (size_t)segment_bytes : received->length;
    }
}

/* The port lies at the same place in both kinds of sockaddr. */
static void read_message(struct udp_socket *socket, struct io_uring_recvmsg_out *out, size_t bytes,
                         struct udp_received *received) {
    struct msghdr *layout = &socket->layout;
    union sock_addr remote = {0};

    received->data = io_uring_recvmsg_payload(out, layout);
    received->length = io_uring_recvmsg_payload_length(out, (int)bytes, layout);
    received->segment_bytes = received->length;
    received->local = socket->local;
    memcpy(&remote, io_uring_recvmsg_name(out), out->namelen < sizeof remote ? out->namelen : sizeof remote);
    received->remote = to_owner(&remote);
    for (struct cmsghdr *cmsg = io_uring_recvmsg_cmsg_firsthdr(out, layout); cmsg != NULL;
         cmsg = io_uring_recvmsg_cmsg_nexthdr(out, layout, cmsg)) {
        read_control(cmsg, received);
    }
    received->local.in.sin_port = socket->local.in.sin_port;
    received->local = to_owner(&received->local);
    if (received->segment_bytes > received->length) {
        received->segment_bytes = received->length;
    }
}

static void on_message(struct udp_socket *socket, struct buf *filled, size_t bytes) {
    struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(filled->data, (int)bytes, &socket->layout);
    struct udp_received received = {0};

    if (out == NULL || (out->flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        socket->statistics.truncated++;
        return;
    }
    read_message(socket, out, bytes, &received);
    if (received.length == 0) {
        return;
    }
    socket->failed = false;
    socket->statistics.receives++;
    socket->statistics.datagrams_received += (received.length + received.segment_bytes - 1) / received.segment_bytes;
    socket->hooks.on_received(socket->hooks.context, &received);
}

static void receive_done(struct ring_op *op, int result, unsigned flags) {
    struct udp_socket *socket = (struct udp_socket *)((char *)op - offsetof(struct udp_socket, receive));
    struct buf *filled = ring_buffers_filled(&socket->buffers, flags);

    socket->running++;
    if (filled != NULL) {
        if (result >= 0 && !socket->closed) {
            on_message(socket, filled, (size_t)result);
        }
        ring_buffers_return(&socket->buffers, filled);
    }
    if (result == -ENOBUFS) {
        socket->statistics.no_buffer++;
    }
    if (result < 0 && result != -ENOBUFS && result != -ECANCELED && !socket->closed) {
        udp_socket_failed(socket, result);
        ring_later(socket->loop, &socket->later);
    } else {
        arm(socket);
    }
    socket->running--;
    free_if_done(socket);
}

/* --- opening --- */

static int set_int(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

static void set_kernel_buffers(int fd, int bytes) {
    if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) != 0) {
        set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
    }
    if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) != 0) {
        set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes);
    }
}

/* Options of IPv4 are set on IPv6 sockets as well: they hold for the IPv4-mapped traffic. */
static int set_options(int fd, int family, bool v6_only) {
    struct {
        int level;
        int option;
        int value;
        bool v6;
    } options[] = {
        {IPPROTO_IP, IP_RECVTOS, 1, false},         {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, false},
        {IPPROTO_IPV6, IPV6_V6ONLY, v6_only, true}, {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, true},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, 1, true},   {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE, true},
        {IPPROTO_IPV6, IPV6_DONTFRAG, 1, true},
    };
    int error = 0;

    for (size_t i = 0; i < sizeof options / sizeof *options && error == 0; i++) {
        if (!options[i].v6 || family == AF_INET6) {
            error = set_int(fd, options[i].level, options[i].option, options[i].value);
        }
    }
    if (error == 0 && family == AF_INET) {
        error = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
    return error;
}

static int bind_to(int fd, const struct udp_settings *settings, union sock_addr *local) {
    socklen_t length = sizeof *local;
    int error = settings->share_count != 0 ? udp_share(fd, settings) : 0;

    if (error != 0) {
        return error;
    }
    if (settings->device[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, settings->device,
                                                  (socklen_t)strnlen(settings->device, IFNAMSIZ)) != 0) {
        return -errno;
    }
    if (bind(fd, &settings->local.sa, sock_addr_length(&settings->local)) != 0 ||
        getsockname(fd, &local->sa, &length) != 0) {
        return -errno;
    }
    return settings->share_count != 0 && settings->share_number == 0 ? udp_steer(fd, settings->share_count) : 0;
}

static int bind_patiently(int fd, const struct udp_settings *settings, union sock_addr *local) {
    unsigned tries = 0;
    int error = bind_to(fd, settings, local);

    while (error == -EADDRINUSE && sock_addr_port(&settings->local) != 0 && patience(&tries)) {
        error = bind_to(fd, settings, local);
    }
    return error;
}

static int make_socket(struct udp_socket *socket_, const struct udp_settings *settings) {
    int family = settings->local.sa.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    int error = fd < 0 ? -errno : set_options(fd, family, settings->v6_only);

    if (error == 0) {
        set_kernel_buffers(fd,
                           settings->kernel_buffer_bytes != 0 ? settings->kernel_buffer_bytes : DEFAULT_KERNEL_BUFFER);
        error = bind_patiently(fd, settings, &socket_->local);
    }
    if (error != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    socket_->statistics.gso = set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;
    socket_->statistics.gro = set_int(fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
    socket_->file = ring_file_open(socket_->loop, fd);
    return 0;
}

static void name_socket(struct udp_socket *socket, const struct udp_settings *settings) {
    char text[SOCK_ADDR_TEXT_MAX];
    bool device = settings->device[0] != '\0';

    snprintf(socket->name, sizeof socket->name, "%s%s%.*s", sock_addr_print(&settings->local, text),
             device ? " on " : "", IFNAMSIZ, settings->device);
}

int udp_open(struct loop *loop, const struct udp_settings *settings, const struct udp_hooks *hooks,
             struct udp_socket **out, char *why, size_t why_size) {
    struct udp_socket *socket = calloc(1, sizeof *socket);
    int error = -ENOMEM;

    if (socket == NULL) {
        goto err_socket;
    }
    socket->loop = loop;
    socket->hooks = *hooks;
    socket->receive.done = receive_done;
    socket->later.run = on_later;
    socket->layout = (struct msghdr){.msg_namelen = NAME_BYTES, .msg_controllen = RECEIVE_CONTROL_BYTES};
    name_socket(socket, settings);
    error = make_socket(socket, settings);
    if (error != 0) {
        goto err_socket;
    }
    error = ring_buffers_init(loop, &socket->buffers, settings->pool,
                              settings->read_buffers != 0 ? settings->read_buffers : DEFAULT_READ_BUFFERS, 0);
    if (error != 0) {
        goto err_buffers;
    }
    arm(socket);
    *out = socket;
    return 0;

err_buffers:
    ring_file_release(loop, &socket->file);
err_socket:
    snprintf(why, why_size, "cannot open UDP %s: %s", socket != NULL ? socket->name : "socket", strerror(-error));
    free(socket);
    return error;
}

void udp_close(struct udp_socket *socket) {
    if (socket == NULL) {
        return;
    }
    socket->closed = true;
    ring_cancel(socket->loop, &socket->receive);
    if (socket->senders == 0) {
        ring_file_close(socket->loop, &socket->file);
    }
    free_if_done(socket);
}

union sock_addr udp_local(const struct udp_socket *socket) {
    return socket->local;
}

const struct udp_statistics *udp_statistics(const struct udp_socket *socket) {
    return &socket->statistics;
}
