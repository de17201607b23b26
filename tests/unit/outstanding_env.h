/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding_env: what the tests of bond/outstanding share: a sender's record in virtual time, and who sends. */
#ifndef MPVPN_TESTS_OUTSTANDING_ENV_H
#define MPVPN_TESTS_OUTSTANDING_ENV_H

#include <check.h>

#include "bond/outstanding.h"

#define RTT (20 * NS_PER_MS)
#define WRAP 0xfffffff0u /**< sequences begin here, so that all tests wrap */

static struct buf_pool *pool;
static struct outstanding *o;
static uint64_t now;

static inline void remake(uint32_t span_max, uint64_t memory_max) {
    outstanding_free(o);
    o = outstanding_new(
        &(struct outstanding_settings){.first_sequence = WRAP, .span_max = span_max, .memory_max = memory_max});
    ck_assert_ptr_nonnull(o);
    for (unsigned leg = 0; leg < OUTSTANDING_LEGS; leg++)
        outstanding_set_leg_pto(o, leg, 2 * RTT);
    outstanding_set_repair_limit(o, 3 * RTT);
}

static inline void setup(void) {
    pool = buf_pool_new(&(struct buf_pool_settings){.count = {20000, 256, [BUF_LARGE] = 64}});
    o = NULL;
    now = NS_PER_SEC;
    remake(0, 0);
}

static inline void teardown(void) {
    outstanding_free(o);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

/** A split over a fresh buffer; the caller drops the buffer. */
static inline struct split make(size_t capacity) {
    struct split split = {.packet = {.buf = buf_get(pool, capacity), .length = 100}, .count = 40};

    if (!split.packet.buf)
        ck_abort_msg("the pool is empty");
    return split;
}

/** Send a segment as the session does. @return its id */
static inline uint64_t send_segment(const struct split *split, uint16_t index, unsigned leg) {
    uint64_t id = outstanding_next_id(o);
    struct outstanding_packet packet = {.sequence = outstanding_next(o),
                                        .bucket_sequence = 7,
                                        .bucket = 3,
                                        .repair = true,
                                        .index = index,
                                        .length = 100,
                                        .split = split};

    if (outstanding_next_id(o) != id || outstanding_add(o, leg, &packet, now) != id)
        ck_abort_msg("another id than was said");
    return id;
}

/** Send a packet of its own buffer that needs no order: of no use after an outage. @return its id */
static inline uint64_t send_unordered(unsigned leg) {
    struct split split = make(100);
    struct outstanding_packet packet = {
        .sequence = outstanding_next(o), .repair = true, .length = 100, .split = &split};
    uint64_t id = outstanding_add(o, leg, &packet, now);

    buf_unref(split.packet.buf);
    return id;
}

/** Send a packet of a flow that sends little, of its own buffer. @return its id */
static inline uint64_t send_light(unsigned leg) {
    struct split split = make(100);
    struct outstanding_packet packet = {
        .sequence = outstanding_next(o), .bucket = 3, .light = true, .repair = true, .length = 100, .split = &split};
    uint64_t id = outstanding_add(o, leg, &packet, now);

    buf_unref(split.packet.buf);
    return id;
}

/** Send a packet of its own buffer. @return its id */
static inline uint64_t send_packet(unsigned leg) {
    struct split split = make(100);
    uint64_t id = send_segment(&split, 0, leg);

    buf_unref(split.packet.buf);
    return id;
}

/** Send the packet that is due first again. @return its id */
static inline uint64_t resend(unsigned leg) {
    const struct outstanding_resend *due = outstanding_next_resend(o, now);

    ck_assert_ptr_nonnull(due);
    return outstanding_resent(o, due->packet.sequence, leg, now);
}

#endif
