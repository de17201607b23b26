/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_relay: the least that a tunnel in user space can be, for bench.sh: packets between a TUN device and a UDP
 * socket, as they are, one at a time, with no cryptography, protocol, queue or offload. What a ping takes through two
 * of these is what this machine's wake-ups and kernel cost any tunnel; what is above that is the tunnel's own.
 *
 *   bench_relay DEVICE OWN PEER PORT      makes DEVICE, and carries its packets from OWN:PORT to PEER:PORT and back
 *
 * It sleeps in poll(), as daemons do that have other things to wait for. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX 65536u /* bytes */

static void die(const char *what) {
    fprintf(stderr, "bench_relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int tun_open(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
        die(name);
    return fd;
}

static int udp_open(const char *own, const char *peer, const char *port) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))}, to = from;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    errno = EINVAL;
    if (inet_pton(AF_INET, own, &from.sin_addr) != 1 || inet_pton(AF_INET, peer, &to.sin_addr) != 1)
        die("addresses");
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) || connect(fd, (struct sockaddr *)&to, sizeof to))
        die(own);
    return fd;
}

/* Carries what waits in `from` to `to`; a packet that does not fit there is lost, as on any line. */
static void carry(int from, int to) {
    static uint8_t packet[PACKET_MAX];
    ssize_t bytes;

    while ((bytes = read(from, packet, sizeof packet)) > 0)
        if (write(to, packet, (size_t)bytes) < 0)
            continue;
}

int main(int argc, char **argv) {
    struct pollfd fds[2];

    if (argc != 5) {
        fprintf(stderr, "usage: bench_relay DEVICE OWN PEER PORT\n");
        return 2;
    }
    fds[0] = (struct pollfd){.fd = tun_open(argv[1]), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = udp_open(argv[2], argv[3], argv[4]), .events = POLLIN};
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            die("poll");
        if (fds[0].revents)
            carry(fds[0].fd, fds[1].fd);
        if (fds[1].revents)
            carry(fds[1].fd, fds[0].fd);
    }
}
