/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_udp: how many UDP packets a second a path carries with less than 1 % loss. iperf3 spends more on sending a
 * small packet than a tunnel on carrying it; this sends and receives many by one system call, without offloads.
 *
 *   bench_udp sink ADDRESS PORT           counts, and tells how many when asked
 *   bench_udp ADDRESS PORT BYTES          looks for the highest rate: doubles from 8,000 a second until too many are
 * lost, then halves the interval; a rate that fails is tried once more, for machines have other things to do, too.
 * Prints packets a second and Mbit/s of payload.
 *   bench_udp ADDRESS PORT BYTES RATE SECONDS   sends that many packets a second and prints how many were sent, came,
 * and were lost in percent.
 *
 * A trial is three tenths of a second. Packets go in groups a quarter of a millisecond apart. A packet's first 8 bytes
 * are the trial's number; a packet of 8 bytes asks how many of its trial came, and is answered by 8 bytes. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GROUP 64u             /* packets of one system call */
#define SIZE_MAX_BYTES 1400u  /* of a packet's payload */
#define TRIAL 300000000ull    /* ns */
#define GAP 250000ull         /* ns between groups */
#define FIRST_RATE 8000u      /* packets a second */
#define HIGHEST_RATE 4000000u /* never more */
#define STEPS 5               /* halvings: 3 % at the end */
#define LOSS_PERCENT 1.0
#define BUFFER (8 << 20)

static struct sockaddr_in peer;
static int fd;
static uint64_t trial;

static void die(const char *what) {
    fprintf(stderr, "bench_udp: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void set_buffers(void) {
    int bytes = BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static void sink(void) {
    static uint8_t bytes[GROUP][SIZE_MAX_BYTES];
    struct sockaddr_in from[GROUP];
    struct iovec iov[GROUP];
    struct mmsghdr messages[GROUP];
    uint64_t counted = 0, current = 0, which;

    if (bind(fd, (struct sockaddr *)&peer, sizeof peer))
        die("bind");
    for (;;) {
        int count;
        for (unsigned i = 0; i < GROUP; i++) {
            iov[i] = (struct iovec){bytes[i], SIZE_MAX_BYTES};
            messages[i].msg_hdr = (struct msghdr){
                .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &iov[i], .msg_iovlen = 1};
        }
        count = recvmmsg(fd, messages, GROUP, MSG_WAITFORONE, NULL);
        if (count < 0)
            die("recvmmsg");
        for (int i = 0; i < count; i++) {
            memcpy(&which, bytes[i], sizeof which);
            if (which > current) {
                current = which;
                counted = 0;
            }
            if (messages[i].msg_len > sizeof which)
                counted += which == current;
            else
                sendto(fd, &counted, sizeof counted, 0, (struct sockaddr *)&from[i], sizeof from[i]);
        }
    }
}

/* How many of the trial came. The question is asked again when it, or its answer, is lost. */
static uint64_t arrived(void) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t answer = 0;
    usleep(50000);
    for (int i = 0; i < 20; i++) {
        if (send(fd, &trial, sizeof trial, 0) < 0 && errno != ENOBUFS)
            die("send");
        if (poll(&poll_fd, 1, 100) > 0 && recv(fd, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer) {
            usleep(20000);
            while (recv(fd, &(uint64_t){0}, sizeof answer, MSG_DONTWAIT) > 0) {
            }
            return answer;
        }
    }
    return 0;
}

/* Send at a rate for some time, ns. @return packets that were sent; fewer when there is no time for more */
static uint64_t send_at(unsigned rate, size_t bytes, uint64_t length) {
    static uint8_t payload[SIZE_MAX_BYTES];
    struct iovec iov = {payload, bytes};
    struct mmsghdr messages[GROUP];
    uint64_t begin = now(), time, sent = 0;

    memcpy(payload, &trial, sizeof trial);
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < GROUP; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
    while ((time = now() - begin) < length) {
        uint64_t due = time * rate / 1000000000 + 1;
        struct timespec gap = {.tv_nsec = (long)GAP};
        while (sent < due) {
            uint64_t left = due - sent;
            int count = sendmmsg(fd, messages, left < GROUP ? (unsigned)left : GROUP, 0);
            if (count < 0 && errno != ENOBUFS && errno != EAGAIN)
                die("sendmmsg");
            sent += count > 0 ? (unsigned)count : 0;
            if (count <= 0 || now() - begin >= length)
                break;
        }
        nanosleep(&gap, NULL);
    }
    return sent;
}

/* @return packets a second that came, when few enough were lost and the rate was kept; otherwise 0 */
static double try_once(unsigned rate, size_t bytes) {
    uint64_t begin, sent, came;
    double seconds;
    trial = now();
    begin = now();
    sent = send_at(rate, bytes, TRIAL);
    seconds = (double)(now() - begin) / 1e9;
    came = arrived();
    if ((double)sent < 0.9 * rate * seconds || (double)came < (double)sent * (1 - LOSS_PERCENT / 100))
        return 0;
    return (double)came / seconds;
}

static double try_twice(unsigned rate, size_t bytes) {
    double got = try_once(rate, bytes);
    return got > 0 ? got : try_once(rate, bytes);
}

/* One rate for many seconds. */
static void hold(unsigned rate, size_t bytes, unsigned seconds) {
    uint64_t sent, came;
    trial = now();
    sent = send_at(rate, bytes, seconds * 1000000000ull);
    came = arrived();
    printf("%llu %llu %.2f\n", (unsigned long long)sent, (unsigned long long)came,
           100 * (1 - (double)came / (double)sent));
}

int main(int argc, char **argv) {
    unsigned good = 0, bad, rate = FIRST_RATE;
    double best = 0, got;
    bool is_sink = argc == 4 && !strcmp(argv[1], "sink");
    size_t bytes = 0;

    if (argc != 4 && argc != 6)
        return fprintf(stderr, "usage: bench_udp sink ADDRESS PORT | bench_udp ADDRESS PORT BYTES [RATE SECONDS]\n"), 2;
    peer.sin_family = AF_INET;
    peer.sin_port = htons((uint16_t)atoi(argv[is_sink ? 3 : 2]));
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[is_sink ? 2 : 1], &peer.sin_addr) != 1)
        die("address");
    set_buffers();
    if (is_sink)
        sink();
    bytes = (size_t)atoi(argv[3]);
    if (bytes <= sizeof trial || bytes > SIZE_MAX_BYTES || connect(fd, (struct sockaddr *)&peer, sizeof peer))
        die("connect");
    if (argc == 6)
        return hold((unsigned)atoi(argv[4]), bytes, (unsigned)atoi(argv[5])), 0;
    for (bad = 0; bad == 0 && rate <= HIGHEST_RATE;) {
        got = try_twice(rate, bytes);
        if (got > 0) {
            best = got;
            good = rate;
            rate *= 2;
        } else {
            bad = rate;
        }
    }
    for (int i = 0; bad && i < STEPS; i++) {
        rate = good + (bad - good) / 2;
        got = try_twice(rate, bytes);
        if (got > best)
            best = got;
        *(got > 0 ? &good : &bad) = rate;
    }
    printf("%.0f %.0f\n", best, best * (double)bytes * 8 / 1e6);
    return 0;
}
