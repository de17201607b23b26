/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_packet: what the packet room costs per segment of 1400 bytes: checksum, split, merge, and the queue with split.
 * Run by hand, on a quiet machine: it prints nanoseconds and judges nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/draw.h"
#include "../unit/make_packet.h"
#include "bond/queue.h"
#include "common/clock.h"
#include "packet/checksum.h"
#include "packet/merge.h"

enum { ROUNDS = 100, SEGMENTS = 45, PAYLOAD = 1400, BEST_OF = 500 };

static uint8_t content[65536], copy[65536];
static uint8_t segments[SEGMENTS][1600];
static size_t lengths[SEGMENTS];
static struct buf_pool *pool;
static volatile uint64_t sink;

static void sum_all(void) {
    for (int i = 0; i < SEGMENTS; i++)
        sink += checksum_sum(content + i * PAYLOAD, PAYLOAD);
}

static void copy_all(void) {
    for (int i = 0; i < SEGMENTS; i++)
        sink += checksum_copy(copy + 52 + i * PAYLOAD, content + i * PAYLOAD, PAYLOAD);
}

static void swallow(void *context, struct superpacket *packet) {
    (void)context;
    sink += packet->length;
    buf_unref(packet->buf);
}

static struct merge *merge;

static void merge_all(void) {
    for (int i = 0; i < SEGMENTS; i++)
        merge_push(merge, segments[i], lengths[i]);
    merge_flush(merge);
}

static struct superpacket superpacket;
static struct inner inner;

static void split_all(void) {
    struct segment segment;
    struct split split;

    split_init(&split, &superpacket);
    for (size_t i = 0; i < split.count; i++) {
        split_segment(&split, i, &segment);
        sink += segment.header[16];
    }
}

static struct queue *queue;

static void queue_all(void) {
    const struct queue_item *item;
    struct segment segment;
    static uint64_t now = 1;

    buf_ref(superpacket.buf);
    queue_put(queue, &superpacket, &inner, now++);
    while ((item = queue_peek(queue, now))) {
        queue_build(item, &segment);
        sink += segment.header[16];
        queue_commit(queue);
    }
}

/** Print the best of many short runs, which is what the code costs when nothing else runs, per segment. */
static void measure(const char *name, void (*run)(void)) {
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < BEST_OF; i++) {
        uint64_t begin = clock_now(), took;

        for (int r = 0; r < ROUNDS; r++)
            run();
        took = clock_now() - begin;
        if (took < best)
            best = took;
    }
    printf("%-16s %6.1f ns a segment\n", name, (double)best / ROUNDS / SEGMENTS);
}

/** Make the superpacket and its segments. */
static void prepare(int version, int protocol) {
    static const uint8_t options[12] = {1, 1, 8, 10};
    struct made m = {.version = version,
                     .protocol = protocol,
                     .source = 1,
                     .target = 2,
                     .ttl = 64,
                     .df = true,
                     .flags = 16,
                     .options = options,
                     .option_bytes = sizeof options,
                     .payload = content,
                     .payload_bytes = PAYLOAD};

    for (int i = 0; i < SEGMENTS; i++) {
        lengths[i] = made_write(&m, segments[i]);
        m.payload += PAYLOAD;
        m.sequence += PAYLOAD;
        m.id++;
    }
    m.payload = content;
    m.payload_bytes = SEGMENTS * PAYLOAD;
    superpacket = (struct superpacket){.buf = buf_get(pool, BUF_LARGE_BYTES), .offset = 32};
    superpacket.length = (uint32_t)made_write(&m, superpacket_data(&superpacket));
    superpacket.offload = (struct offload){.gso = protocol == IPPROTO_UDP ? OFFLOAD_UDP
                                                  : version == 4          ? OFFLOAD_TCP4
                                                                          : OFFLOAD_TCP6,
                                           .gso_size = PAYLOAD};
    inner_parse(superpacket_data(&superpacket), superpacket.length, true, &inner);
}

int main(void) {
    uint64_t seed = 5;

    draw_bytes(&seed, content, sizeof content);
    pool = buf_pool_new(&(struct buf_pool_settings){.count = {[BUF_2048] = 100, [BUF_LARGE] = 40}});
    merge = merge_new(&(struct merge_settings){.tcp = true, .udp = true, .pool = pool, .emit = swallow});
    queue = queue_new(&(struct queue_settings){.max_packets = 100, .max_bytes = 1 << 20});
    measure("checksum", sum_all);
    measure("copy, checksum", copy_all);
    for (int i = 0; i < 4; i++) {
        int version = i & 1 ? 6 : 4, protocol = i & 2 ? IPPROTO_UDP : IPPROTO_TCP;

        printf("-- %s over IPv%d\n", i & 2 ? "UDP" : "TCP", version);
        prepare(version, protocol);
        measure("split", split_all);
        measure("queue and split", queue_all);
        measure("merge", merge_all);
        buf_unref(superpacket.buf);
    }
    queue_free(queue);
    merge_free(merge);
    buf_pool_free(pool);
    return 0;
}
