/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagrams: UDP at a steady rate from one process to another on the same machine, and what became of it.
 *
 * How it works: each datagram carries its number and the monotonic time at which it was sent, which both ends share
 * because they share the machine; so the receiver knows the way's delay. The sender keeps to the rate over time: what a
 * busy machine made it miss it catches up on, and it says what it really offered. Datagrams of the first SKIP seconds
 * do not count. The receiver ends with the sender's last words, or after its own time, and prints words KEY=VALUE.
 *
 * What it leaves out: what is lost at the very end is not seen as lost, as the receiver counts up to the last number it
 * saw. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define BATCH 32u                 /**< datagrams in one call at most */
#define BYTES_MAX 1472u           /**< of a datagram */
#define TICK (500 * NS_PER_US)    /**< ns: between wake-ups of the sender */
#define LAST UINT64_MAX           /**< number of the last words */
#define BUFFER (32 * 1024 * 1024) /**< bytes of a socket's buffer */
#define BUCKETS 40000u            /**< of the delays, 100 µs each */
#define BUCKET (100 * NS_PER_US)  /**< ns */

/** What a datagram begins with. */
struct header {
    uint64_t number;  /**< from 0, or LAST */
    uint64_t sent;    /**< ns */
    uint64_t counted; /**< whether it comes after the beginning that is left out */
};

/** What the receiver has seen of the counted ones. */
struct tally {
    uint64_t received, bytes;       /**< datagrams, bytes of payload */
    uint64_t lowest, highest;       /**< numbers */
    uint64_t first, last;           /**< ns: when the first and the last came */
    uint64_t first_sent, last_sent; /**< ns: when those with the lowest and highest number were sent */
    double jitter;                  /**< ns: RFC 3550's */
    int64_t before;                 /**< ns: delay of the one before; -1: none */
    uint64_t late;                  /**< that came after one with a higher number */
    uint32_t delays[BUCKETS];       /**< how many had such a delay */
};

static void fail(const char *what) {
    fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int open_socket(const char *address, const char *port, bool receive, struct sockaddr_in *where) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;

    *where = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (fd < 0 || inet_pton(AF_INET, address, &where->sin_addr) != 1)
        fail(address);
    if (setsockopt(fd, SOL_SOCKET, receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &size, sizeof size) != 0)
        fail("socket buffer");
    if ((receive ? bind : connect)(fd, (const struct sockaddr *)where, sizeof *where) != 0)
        fail(address);
    return fd;
}

/* --- the sender
 * ------------------------------------------------------------------------------------------------------- */

/** Send count datagrams of so many bytes, numbered from number. */
static void send_batch(int fd, uint64_t number, unsigned count, size_t bytes, bool counted) {
    static uint8_t data[BATCH][BYTES_MAX];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint64_t now = clock_now();

    for (unsigned i = 0; i < count; i++) {
        struct header header = {.number = number == LAST ? LAST : number + i, .sent = now, .counted = counted};

        memcpy(data[i], &header, sizeof header);
        parts[i] = (struct iovec){.iov_base = data[i], .iov_len = bytes};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    for (unsigned done = 0; done < count;) {
        int r = sendmmsg(fd, messages + done, count - done, 0);

        /* An ICMP error of an earlier datagram, or no room in a device's queue: that datagram is gone. */
        done += r > 0 ? (unsigned)r : 1;
    }
}

static void send_all(int fd, double rate_bps, size_t bytes, double skip, double seconds) {
    uint64_t start = clock_now(), number = 0, interval = (uint64_t)((double)bytes * 8e9 / rate_bps);
    uint64_t counted_from = start + (uint64_t)(skip * 1e9), end = counted_from + (uint64_t)(seconds * 1e9);

    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    for (uint64_t now; (now = clock_now()) < end;) {
        uint64_t due = (now - start) / (interval > 0 ? interval : 1) + 1;
        struct timespec wait = {.tv_nsec =
                                    (long)(interval > TICK && due == number ? start + number * interval - now : TICK)};

        while (number < due) {
            unsigned count = due - number < BATCH ? (unsigned)(due - number) : BATCH;

            send_batch(fd, number, count, bytes, now >= counted_from);
            number += count;
        }
        if (wait.tv_nsec < (long)NS_PER_SEC)
            nanosleep(&wait, NULL);
        else
            sleep(1);
    }
    for (int i = 0; i < 5; i++) {
        struct timespec wait = {.tv_nsec = (long)(100 * NS_PER_MS)};

        nanosleep(&wait, NULL);
        send_batch(fd, LAST, 1, sizeof(struct header), true);
    }
}

/* --- the receiver
 * ----------------------------------------------------------------------------------------------------- */

static void count_one(struct tally *t, const struct header *header, size_t bytes, uint64_t now) {
    uint64_t delay = now - header->sent;

    if (t->received++ == 0) {
        t->lowest = t->highest = header->number;
        t->first = now;
        t->first_sent = t->last_sent = header->sent;
    } else {
        t->bytes += bytes;
    }
    if (header->number < t->lowest) {
        t->lowest = header->number;
        t->first_sent = header->sent;
    }
    t->late += header->number < t->highest;
    if (header->number > t->highest) {
        t->highest = header->number;
        t->last_sent = header->sent;
    }
    t->last = now;
    if (t->before >= 0)
        t->jitter += (fabs((double)((int64_t)delay - t->before)) - t->jitter) / 16;
    t->before = (int64_t)delay;
    t->delays[delay / BUCKET < BUCKETS ? delay / BUCKET : BUCKETS - 1]++;
}

/** @return the delay below which such a part of them was, ms */
static double quantile(const struct tally *t, double part) {
    uint64_t sum = 0, wanted = (uint64_t)(part * (double)t->received);

    for (size_t i = 0; i < BUCKETS; i++) {
        sum += t->delays[i];
        if (sum > wanted)
            return (double)(i * BUCKET) * 1e-6;
    }
    return NAN;
}

static void print_tally(const struct tally *t) {
    uint64_t sent = t->received > 0 ? t->highest - t->lowest + 1 : 0;
    double span = (double)(t->last - t->first), sent_span = (double)(t->last_sent - t->first_sent);
    double bytes = t->received > 1 ? (double)t->bytes / (double)(t->received - 1) : 0;

    printf("goodput=%.3f offered=%.3f", span > 0 ? (double)t->bytes * 8e3 / span : 0,
           sent_span > 0 ? bytes * (double)(sent - 1) * 8e3 / sent_span : 0);
    printf(" udp_loss=%.4f udp_jitter=%.3f", sent > 0 ? 100 * (1 - (double)t->received / (double)sent) : 100,
           t->jitter * 1e-6);
    printf(" udp_late=%.4f delay_median=%.1f delay_p95=%.1f\n",
           t->received > 0 ? 100 * (double)t->late / (double)t->received : 0, quantile(t, 0.5), quantile(t, 0.95));
}

static void receive_all(int fd, double seconds) {
    static struct tally tally = {.before = -1};
    static uint8_t data[BATCH][BYTES_MAX];
    uint64_t end = clock_now() + (uint64_t)(seconds * 1e9);
    bool last = false;

    while (!last && clock_now() < end) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        struct mmsghdr messages[BATCH];
        struct iovec parts[BATCH];
        int count;

        for (unsigned i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){.iov_base = data[i], .iov_len = BYTES_MAX};
            messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
        }
        poll(&poll_fd, 1, 200);
        count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            struct header header;

            if (messages[i].msg_len < sizeof header)
                continue;
            memcpy(&header, data[i], sizeof header);
            last |= header.number == LAST;
            if (header.number != LAST && header.counted)
                count_one(&tally, &header, messages[i].msg_len, clock_now());
        }
    }
    print_tally(&tally);
}

int main(int argc, char **argv) {
    struct sockaddr_in where;

    if (argc == 8 && strcmp(argv[1], "send") == 0) {
        double rate = atof(argv[4]) * 1e6;
        size_t bytes = (size_t)atoi(argv[5]);

        if (rate > 0 && bytes >= sizeof(struct header) && bytes <= BYTES_MAX) {
            send_all(open_socket(argv[2], argv[3], false, &where), rate, bytes, atof(argv[6]), atof(argv[7]));
            return 0;
        }
    } else if (argc == 5 && strcmp(argv[1], "receive") == 0) {
        receive_all(open_socket(argv[2], argv[3], true, &where), atof(argv[4]));
        return 0;
    }
    fprintf(
        stderr,
        "Usage: datagrams send ADDRESS PORT MBIT BYTES SKIP SECONDS\n       datagrams receive ADDRESS PORT SECONDS\n"
        "BYTES of payload, from %zu to %u.\n",
        sizeof(struct header), BYTES_MAX);
    return 2;
}
