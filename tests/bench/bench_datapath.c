/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_datapath: the daemon's datapath without QUIC: TUN, split, UDP batches on one side; UDP, merge, TUN on the
 * other. Shows what os/ and packet/ cost by themselves, hence the ceiling for the tunnel. One process for each end,
 * started by bench_datapath.sh.
 *
 * usage: bench_datapath TUN LOCAL:PORT REMOTE:PORT      ends at the end of its input and prints counters */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/loop.h"
#include "os/tun.h"
#include "os/udp.h"
#include "packet/merge.h"
#include "packet/split.h"

#define BACKLOG 128u  /* superpackets waiting for the sender */
#define TAG_BYTES 46u /* what QUIC, HTTP and bonding would add to each packet */

struct end {
    struct loop *loop;
    struct buf_pool *pool;
    struct tun *tun;
    struct udp_socket *udp;
    struct udp_tx *tx;
    struct merge *merge;
    struct loop_watch input;
    union sock_addr remote;
    struct superpacket backlog[BACKLOG]; /* ring */
    unsigned first, count;
    size_t index;     /* next segment of the first one */
    bool blocked;     /* waiting for on_writable */
    uint64_t dropped; /* backlog full, or cannot be split */
    uint64_t turns;
};

static void die(const char *why) {
    fprintf(stderr, "bench_datapath: %s\n", why);
    exit(1);
}

static bool send_segment(struct end *end, const struct split *split, size_t index) {
    size_t length = split_length(split, index) + TAG_BYTES;
    uint8_t *to = udp_tx_reserve(end->tx, length);
    struct segment segment;
    union sock_addr any = {0};

    if (to == NULL) {
        return false;
    }
    split_segment(split, index, &segment);
    memset(to, 0, TAG_BYTES);
    memcpy(to + TAG_BYTES, segment.header, segment.header_bytes);
    memcpy(to + TAG_BYTES + segment.header_bytes, segment.payload, segment.payload_bytes);
    udp_tx_commit(end->tx, length, &any, &end->remote, 0, false);
    return true;
}

static void pump(struct end *end) {
    while (end->count > 0 && !end->blocked) {
        struct superpacket *packet = &end->backlog[end->first];
        struct split split;

        if (split_init(&split, packet) == 0) {
            while (end->index < split.count && send_segment(end, &split, end->index)) {
                end->index++;
            }
            if (end->index < split.count) {
                end->blocked = true;
                break;
            }
        } else {
            end->dropped++;
        }
        end->index = 0;
        buf_unref(packet->buf);
        end->first = (end->first + 1) % BACKLOG;
        end->count--;
    }
    udp_tx_flush(end->tx);
    tun_pause(end->tun, end->count > BACKLOG / 4);
}

static void on_packet(void *context, struct superpacket *packet) {
    struct end *end = context;

    if (end->count == BACKLOG) {
        end->dropped++;
        buf_unref(packet->buf);
        return;
    }
    end->backlog[(end->first + end->count++) % BACKLOG] = *packet;
}

static void on_writable(void *context) {
    ((struct end *)context)->blocked = false;
}

static void on_received(void *context, const struct udp_received *received) {
    struct end *end = context;

    for (size_t at = 0; at < received->length; at += received->segment_bytes) {
        size_t left = received->length - at;
        size_t length = left < received->segment_bytes ? left : received->segment_bytes;

        if (length > TAG_BYTES) {
            merge_push(end->merge, received->data + at + TAG_BYTES, length - TAG_BYTES);
        }
    }
}

static void on_merged(void *context, struct superpacket *packet) {
    tun_write(((struct end *)context)->tun, packet);
}

static void on_failure(void *context, int error) {
    (void)context;
    die(strerror(-error));
}

static void on_input(void *context, uint32_t revents) {
    struct end *end = context;
    char byte;

    (void)revents;
    if (read(STDIN_FILENO, &byte, 1) <= 0) {
        loop_stop(end->loop);
    }
}

static void on_turn(void *context, uint64_t now) {
    struct end *end = context;

    (void)now;
    end->turns++;
    merge_flush(end->merge);
    pump(end);
}

static void open_end(struct end *end, char **argv) {
    struct buf_pool_settings pool = {
        .count = {[BUF_256] = 4096, [BUF_2048] = 4096, [BUF_9216] = 256, [BUF_LARGE] = 512}};
    struct loop_hooks hooks = {on_turn, end};
    struct tun_settings tun = {0};
    struct udp_settings udp = {0};
    char why[256] = "";

    end->pool = buf_pool_new(&pool);
    if (loop_new(&hooks, &end->loop, why, sizeof why) != 0) {
        die(why);
    }
    fprintf(stderr, "%s\n", loop_features(end->loop));
    snprintf(tun.name, sizeof tun.name, "%s", argv[1]);
    tun.pool = udp.pool = end->pool;
    if (sock_addr_parse(argv[2], &udp.local) != 0 || sock_addr_parse(argv[3], &end->remote) != 0) {
        die("bad address");
    }
    if (tun_open(end->loop, &tun, &(struct tun_hooks){on_packet, on_failure, end}, &end->tun, why, sizeof why) != 0 ||
        udp_open(end->loop, &udp, &(struct udp_hooks){on_received, on_failure, end}, &end->udp, why, sizeof why) != 0) {
        die(why);
    }
    end->tx = udp_tx_new(end->udp, on_writable, end);
    end->merge = merge_new(&(struct merge_settings){
        .tcp = true, .udp = tun_has_uso(end->tun), .pool = end->pool, .emit = on_merged, .context = end});
    end->input = (struct loop_watch){.fd = STDIN_FILENO, .events = POLLIN, .on_ready = on_input, .context = end};
    loop_watch(end->loop, &end->input);
}

static void report(const struct end *end) {
    const struct tun_statistics *tun = tun_statistics(end->tun);
    const struct udp_statistics *udp = udp_statistics(end->udp);
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("cpu %ld.%03ld s user, %ld.%03ld s system, rss %ld kB, %lu turns, %lu dropped\n", usage.ru_utime.tv_sec,
           usage.ru_utime.tv_usec / 1000, usage.ru_stime.tv_sec, usage.ru_stime.tv_usec / 1000, usage.ru_maxrss,
           (unsigned long)end->turns, (unsigned long)end->dropped);
    printf("tun read %lu packets (%lu B each), wrote %lu (%lu B each), %lu without buffer, %lu refused\n",
           (unsigned long)tun->packets_read, (unsigned long)(tun->bytes_read / (tun->packets_read | 1)),
           (unsigned long)tun->packets_written, (unsigned long)(tun->bytes_written / (tun->packets_written | 1)),
           (unsigned long)tun->no_buffer, (unsigned long)tun->write_errors);
    printf("udp sent %lu datagrams by %lu sends (%lu errors, %lu blocked), received %lu by %lu (%lu times dry)\n",
           (unsigned long)udp->datagrams_sent, (unsigned long)udp->sends, (unsigned long)udp->send_errors,
           (unsigned long)udp->would_block, (unsigned long)udp->datagrams_received, (unsigned long)udp->receives,
           (unsigned long)udp->no_buffer);
}

int main(int argc, char **argv) {
    static struct end end;

    if (argc != 4) {
        die("usage: bench_datapath TUN LOCAL:PORT REMOTE:PORT");
    }
    open_end(&end, argv);
    int error = loop_run(end.loop);

    report(&end);
    loop_unwatch(&end.input);
    merge_free(end.merge);
    udp_tx_free(end.tx);
    udp_close(end.udp);
    tun_close(end.tun);
    loop_free(end.loop);
    return error == 0 ? 0 : 1;
}
