/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue_env: what the tests of bond/queue share: a queue, packets that are put into it, and whose is shown. */
#ifndef MPVPN_TESTS_QUEUE_ENV_H
#define MPVPN_TESTS_QUEUE_ENV_H

#include <check.h>

#include "bond/queue.h"
#include "common/clock.h"
#include "tests/unit/make_packet.h"
#include "tests/unit/suite.h"

enum { ACK = 16 };

static struct buf_pool *pool;
static struct queue *queue;
static uint8_t content[65535];

static inline void remake(size_t packets, uint64_t bytes) {
    queue_free(queue);
    queue = queue_new(&(struct queue_settings){.max_packets = packets, .max_bytes = bytes, .key = {1, 2, 3}});
    ck_assert_ptr_nonnull(queue);
}

static inline void setup(void) {
    pool = buf_pool_new(&(struct buf_pool_settings){.count = {4096, 4096, 64, [BUF_18432] = 500, [BUF_LARGE] = 128}});
    queue = NULL;
    remake(4000, 8 << 20);
}

static inline void teardown(void) {
    queue_free(queue);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

/** A packet of a flow, TCP superpacket when gso_size is given, else UDP. */
static inline struct superpacket make(unsigned flow, size_t payload_bytes, uint16_t gso_size, uint8_t tos) {
    struct made m = {.version = 4,
                     .protocol = gso_size ? IPPROTO_TCP : IPPROTO_UDP,
                     .source = (uint8_t)flow,
                     .target = 1,
                     .sport = 9,
                     .dport = 8,
                     .ttl = 64,
                     .df = true,
                     .tos = tos,
                     .flags = ACK,
                     .payload = content,
                     .payload_bytes = payload_bytes};
    struct superpacket packet = {.buf = buf_get(pool, payload_bytes + 100), .offset = 32};

    suite_assert(packet.buf);
    packet.length = (uint32_t)made_write(&m, superpacket_data(&packet));
    if (gso_size)
        packet.offload = (struct offload){.gso = OFFLOAD_TCP4, .gso_size = gso_size, .needs_checksum = true};
    return packet;
}

/** Put a packet in; one that is refused is dropped. @return as queue_put() */
static inline int put_packet(struct superpacket packet, uint64_t now) {
    struct inner inner;
    int error;

    suite_assert(inner_parse(superpacket_data(&packet), packet.length, true, &inner) == 0);
    error = queue_put(queue, &packet, &inner, now);
    if (error)
        buf_unref(packet.buf);
    return error;
}

/** Queue a plain packet of 1000 bytes. */
static inline void put(unsigned flow, uint64_t now) {
    suite_assert(put_packet(make(flow, 972, 0, 0), now) == 0);
}

/** Which flow a shown segment belongs to. */
static inline unsigned flow_of(const struct queue_item *item) {
    return item->inner->source.bytes[3];
}

/** Show the next flow. */
static inline unsigned next_flow(uint64_t now) {
    const struct queue_item *item = queue_peek(queue, now);

    return item ? flow_of(item) : 0;
}

/** Take everything. @return segments */
static inline size_t drain(uint64_t now) {
    size_t n = 0;

    for (; queue_peek(queue, now); n++)
        queue_commit(queue);
    return n;
}

#endif
