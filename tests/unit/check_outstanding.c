/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/outstanding and bond/kept: single stories in virtual time, and a long random one beside a model.
 */
#include "bond/outstanding.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bond/kept.h"
#include "tests/unit/suite.h"

#define RTT (20 * NS_PER_MS)
#define WRAP 0xfffffff0u /**< sequences begin here, so that all tests wrap */

static struct buf_pool *pool;
static struct outstanding *o;
static uint64_t now;

/** One random number of a fixed series. */
static uint32_t draw(void) {
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void remake(uint32_t span_max, uint64_t memory_max) {
    outstanding_free(o);
    o = outstanding_new(
        &(struct outstanding_settings){.first_sequence = WRAP, .span_max = span_max, .memory_max = memory_max});
    ck_assert_ptr_nonnull(o);
    for (unsigned leg = 0; leg < OUTSTANDING_LEGS; leg++)
        outstanding_set_leg_pto(o, leg, 2 * RTT);
    outstanding_set_repair_limit(o, 3 * RTT);
}

static void setup(void) {
    pool = buf_pool_new(&(struct buf_pool_settings){.count = {20000, 256, [BUF_LARGE] = 64}});
    o = NULL;
    now = NS_PER_SEC;
    remake(0, 0);
}

static void teardown(void) {
    outstanding_free(o);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

/** A split over a fresh buffer; the caller drops the buffer. */
static struct split make(size_t capacity) {
    struct split split = {.packet = {.buf = buf_get(pool, capacity), .length = 100}, .count = 40};

    if (!split.packet.buf)
        ck_abort_msg("the pool is empty");
    return split;
}

/** Send a segment as the session does. @return its id */
static uint64_t send_segment(const struct split *split, uint16_t index, unsigned leg) {
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
static uint64_t send_unordered(unsigned leg) {
    struct split split = make(100);
    struct outstanding_packet packet = {
        .sequence = outstanding_next(o), .repair = true, .length = 100, .split = &split};
    uint64_t id = outstanding_add(o, leg, &packet, now);

    buf_unref(split.packet.buf);
    return id;
}

/** Send a packet of its own buffer. @return its id */
static uint64_t send_packet(unsigned leg) {
    struct split split = make(100);
    uint64_t id = send_segment(&split, 0, leg);

    buf_unref(split.packet.buf);
    return id;
}

/** Send the packet that is due first again. @return its id */
static uint64_t resend(unsigned leg) {
    const struct outstanding_resend *due = outstanding_next_resend(o, now);

    ck_assert_ptr_nonnull(due);
    return outstanding_resent(o, due->packet.sequence, leg, now);
}

START_TEST(floor_is_the_first_not_acknowledged) {
    uint64_t ids[40];

    for (int i = 0; i < 40; i++)
        ids[i] = send_packet(0);
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    for (int i = 1; i < 40; i++)
        outstanding_on_acked(o, ids[i], now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    ck_assert_uint_eq(outstanding_packets(o), 1);
    outstanding_on_acked(o, ids[0], now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 40);
    ck_assert_uint_eq(outstanding_next(o), WRAP + 40);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_eq(outstanding_deadline(o), TIME_NEVER);
    ck_assert(!outstanding_floor_due(o, now));
    ck_assert_uint_eq(outstanding_floor_deadline(o), TIME_NEVER);
}
END_TEST

START_TEST(wait_is_the_longest_until_all_before_were_acknowledged) {
    uint64_t first = send_packet(0), second = send_packet(0), begin = now;

    now += RTT;
    outstanding_on_acked(o, second, now);
    ck_assert_uint_eq(outstanding_wait(o), 0);
    outstanding_on_lost(o, first, now);
    second = resend(0);
    now += RTT;
    outstanding_on_acked(o, second, now);
    ck_assert_uint_eq(outstanding_wait(o), 2 * RTT);
    /* It is forgotten after two seconds in which nothing took as long. */
    while (now < begin + 3 * NS_PER_SEC) {
        first = send_packet(0);
        now += RTT;
        outstanding_on_acked(o, first, now);
    }
    ck_assert_uint_eq(outstanding_wait(o), RTT);
}
END_TEST

START_TEST(lost_packet_is_due_with_all_its_numbers) {
    struct split split = make(2000);
    const struct outstanding_resend *due;
    uint64_t id;

    send_packet(0);
    id = send_segment(&split, 5, 2);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_lost(o, id, now + RTT);
    due = outstanding_next_resend(o, now + RTT);
    ck_assert_ptr_nonnull(due);
    ck_assert_uint_eq(due->packet.sequence, WRAP + 1);
    ck_assert_uint_eq(due->packet.bucket, 3);
    ck_assert_uint_eq(due->packet.bucket_sequence, 7);
    ck_assert_uint_eq(due->packet.index, 5);
    ck_assert_uint_eq(due->packet.length, 100);
    ck_assert_ptr_eq(due->packet.split->packet.buf, split.packet.buf);
    ck_assert_uint_eq(due->legs, 1u << 2);
    ck_assert_uint_eq(due->tries, 0);
    ck_assert_uint_eq(due->first_sent, now);
    buf_unref(split.packet.buf);
    id = resend(1);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_lost(o, id, now + RTT);
    due = outstanding_next_resend(o, now + RTT);
    ck_assert_uint_eq(due->legs, 1u << 2 | 1u << 1);
    ck_assert_uint_eq(due->tries, 1);
    outstanding_on_acked(o, resend(1), now);
    ck_assert_uint_eq(outstanding_stats(o)->repaired, 1);
    ck_assert_uint_eq(outstanding_stats(o)->resent, 2);
    ck_assert_uint_eq(outstanding_packets(o), 1);
}
END_TEST

START_TEST(acknowledgement_after_loss_ends_resending_and_is_counted) {
    uint64_t first = send_packet(0), copy;

    outstanding_on_lost(o, first, now);
    outstanding_on_acked(o, first, now);
    ck_assert_uint_eq(outstanding_stats(o)->spurious, 1);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    /* The same when the copy is on its way already; both answers come. */
    first = send_packet(0);
    outstanding_on_lost(o, first, now);
    copy = resend(1);
    outstanding_on_acked(o, first, now);
    ck_assert_uint_eq(outstanding_stats(o)->spurious, 2);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 2);
    outstanding_on_acked(o, copy, now);
    outstanding_on_acked(o, copy, now);
    outstanding_on_lost(o, first, now);
    ck_assert_uint_eq(outstanding_stats(o)->acknowledged, 2);
    ck_assert_uint_eq(outstanding_stats(o)->repaired, 0);
    ck_assert_uint_eq(outstanding_deadline(o), TIME_NEVER);
}
END_TEST

START_TEST(packet_is_resent_three_times_at_most) {
    uint64_t id = send_packet(0);

    for (unsigned i = 0; i < OUTSTANDING_RESENDS; i++) {
        outstanding_on_lost(o, id, now);
        id = resend(0);
    }
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    outstanding_on_lost(o, id, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->too_often, 1);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

START_TEST(packet_older_than_the_repair_limit_is_given_up) {
    uint64_t first = send_unordered(0), second = send_unordered(0);

    outstanding_on_lost(o, first, now + 3 * RTT - 1);
    outstanding_on_lost(o, second, now + 3 * RTT);
    ck_assert_uint_eq(outstanding_stats(o)->too_old, 1);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now + 3 * RTT - 1));
    ck_assert_uint_eq(outstanding_deadline(o), now + 3 * RTT);
    outstanding_on_timer(o, now + 3 * RTT - 1);
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    outstanding_on_timer(o, now + 3 * RTT);
    ck_assert_uint_eq(outstanding_stats(o)->too_old, 2);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 2);
    ck_assert_ptr_null(outstanding_next_resend(o, now + 3 * RTT));
    /* Asked for instead of timed. */
    outstanding_on_lost(o, send_unordered(0), now);
    ck_assert_ptr_null(outstanding_next_resend(o, now + 3 * RTT));
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 3);
}
END_TEST

START_TEST(transmission_without_answer_is_lost_after_two_pto) {
    uint64_t id = send_packet(4);

    ck_assert_uint_eq(outstanding_deadline(o), now + 4 * RTT);
    outstanding_set_leg_pto(o, 4, RTT / 2);
    ck_assert_uint_eq(outstanding_deadline(o), now + RTT);
    outstanding_on_timer(o, now + RTT - 1);
    ck_assert_ptr_null(outstanding_next_resend(o, now + RTT - 1));
    outstanding_on_timer(o, now + RTT);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now + RTT));
    ck_assert_uint_eq(outstanding_stats(o)->timed_out, 1);
    outstanding_on_lost(o, id, now + RTT);
    ck_assert_uint_eq(outstanding_stats(o)->lost, 0);
    outstanding_on_acked(o, id, now + RTT);
    ck_assert_uint_eq(outstanding_stats(o)->spurious, 1);
    ck_assert_uint_eq(outstanding_packets(o), 0);
}
END_TEST

START_TEST(first_acknowledged_copy_is_enough) {
    struct outstanding_leg leg;
    struct outstanding_packet copy = {.sequence = WRAP, .length = 100};
    uint64_t a = send_packet(0), b = outstanding_add(o, 1, &copy, now), c = outstanding_add(o, 2, &copy, now);

    outstanding_on_lost(o, a, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_acked(o, b, now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->copies, 2);
    /* The third still tells of its leg. */
    outstanding_leg_get(o, 2, &leg);
    ck_assert_uint_eq(leg.oldest_sent, now);
    ck_assert_uint_eq(leg.in_flight, 1);
    ck_assert_uint_eq(leg.bytes, 100);
    outstanding_on_acked(o, c, now + 1);
    outstanding_leg_get(o, 2, &leg);
    ck_assert_uint_eq(leg.oldest_sent, TIME_NEVER);
    ck_assert_uint_eq(leg.last_acked, now + 1);
    ck_assert_uint_eq(leg.in_flight + leg.bytes, 0);
    /* All copies lost: one resend is due. */
    copy.sequence = WRAP + 1;
    a = send_packet(0);
    b = outstanding_add(o, 1, &copy, now);
    outstanding_on_lost(o, b, now);
    outstanding_on_lost(o, a, now);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now));
    resend(0);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

START_TEST(packet_on_its_way_can_be_copied_until_its_fate_is_known) {
    uint64_t first = send_packet(0), second = send_packet(0), third = send_packet(0);
    const struct outstanding_resend *copy = outstanding_on_its_way(o, WRAP + 1);
    struct outstanding_packet packet;

    ck_assert_ptr_nonnull(copy);
    ck_assert_uint_eq(copy->packet.sequence, WRAP + 1);
    ck_assert_uint_eq(copy->packet.bucket_sequence, 7);
    ck_assert_uint_eq(copy->packet.bucket, 3);
    ck_assert_uint_eq(copy->legs, 1);
    ck_assert_ptr_nonnull(copy->packet.split);
    packet = copy->packet;
    ck_assert_uint_ne(outstanding_add(o, 1, &packet, now), OUTSTANDING_NO_ID);
    ck_assert_uint_eq(outstanding_stats(o)->copies, 1);
    /* With the copy on its way the loss of the first is none. */
    outstanding_on_lost(o, second, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_acked(o, first, now);
    ck_assert_ptr_null(outstanding_on_its_way(o, WRAP));
    outstanding_on_lost(o, third, now);
    ck_assert_ptr_null(outstanding_on_its_way(o, WRAP + 2));
    ck_assert_ptr_null(outstanding_on_its_way(o, WRAP + 3));
}
END_TEST

START_TEST(suspect_legs_packets_are_due_at_once_and_not_when_it_returns) {
    struct outstanding_packet copy = {.sequence = WRAP + 9, .length = 100};
    uint64_t ids[10], again;

    for (int i = 0; i < 10; i++)
        ids[i] = send_packet(1);
    outstanding_add(o, 2, &copy, now);
    outstanding_on_acked(o, ids[0], now);
    outstanding_leg_suspect(o, 1, now);
    ck_assert_uint_eq(outstanding_stats(o)->suspected, 8);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    again = resend(2);
    outstanding_on_acked(o, ids[5], now);
    outstanding_leg_recovered(o, 1, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_packets(o), 8);
    outstanding_on_lost(o, again, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_lost(o, ids[1], now);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now));
}
END_TEST

START_TEST(packets_that_the_peer_told_had_come_are_not_sent_again) {
    uint64_t ids[40], later;

    for (int i = 0; i < 40; i++)
        ids[i] = send_packet(0);
    outstanding_on_acked(o, ids[3], now);
    outstanding_leg_suspect(o, 0, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    /* What comes before the floor, is done with, or was not sent is passed over. */
    outstanding_on_arrived(o, WRAP - 20, 20);
    ck_assert_uint_eq(outstanding_packets(o), 39);
    outstanding_on_arrived(o, WRAP - 20, 30);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 10);
    ck_assert_uint_eq(outstanding_packets(o), 30);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 10);
    outstanding_on_arrived(o, WRAP + 20, 100);
    ck_assert_uint_eq(outstanding_packets(o), 10);
    outstanding_on_arrived(o, WRAP + 40, UINT32_MAX);
    outstanding_on_arrived(o, WRAP + 1000, 1000);
    ck_assert_uint_eq(outstanding_stats(o)->arrived, 29);
    ck_assert_uint_eq(outstanding_stats(o)->acknowledged, 30);
    for (uint32_t i = 10; i < 20; i++) {
        ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + i);
        later = resend(1);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    /* Their transmissions tell of the leg still, and of nothing else. */
    outstanding_on_lost(o, ids[0], now);
    outstanding_on_acked(o, ids[25], now);
    ck_assert_uint_eq(outstanding_packets(o), 10);
    outstanding_on_arrived(o, WRAP + 10, 9);
    outstanding_on_acked(o, later, now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 40);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

START_TEST(packet_on_its_way_on_a_suspect_leg_is_not_given_up) {
    uint64_t id = send_packet(1);

    outstanding_set_leg_pto(o, 1, OUTSTANDING_REPAIR_LIMIT);
    outstanding_leg_suspect(o, 1, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now + OUTSTANDING_REPAIR_LIMIT));
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    outstanding_on_acked(o, id, now + OUTSTANDING_REPAIR_LIMIT);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 0);
    /* Nor when the timer looks, but when it is lost there too. */
    id = send_unordered(1);
    outstanding_leg_suspect(o, 1, now);
    outstanding_on_timer(o, now + OUTSTANDING_REPAIR_LIMIT);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 0);
    ck_assert_ptr_null(outstanding_next_resend(o, now + OUTSTANDING_REPAIR_LIMIT));
    outstanding_on_timer(o, now + 2 * OUTSTANDING_REPAIR_LIMIT);
    ck_assert_uint_eq(outstanding_stats(o)->too_old, 1);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 2);
}
END_TEST

/* That they are late is the leg's fault: those who take over have their start-up before them. */
START_TEST(what_a_leg_took_along_may_be_sent_again_beyond_the_repair_limit) {
    const bool dies = _i;
    uint64_t id;

    send_unordered(0);
    id = send_unordered(1);
    send_unordered(0);
    outstanding_on_lost(o, id, now);
    if (dies)
        outstanding_leg_died(o, 0, now);
    else
        outstanding_leg_suspect(o, 0, now);
    now += 3 * RTT;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    resend(1);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 2);
    ck_assert_uint_eq(outstanding_stats(o)->too_old, 1);
    now += OUTSTANDING_REPAIR_LIMIT - 3 * RTT;
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_stats(o)->too_old, dies ? 2 : 1);
}
END_TEST

START_TEST(dead_legs_packets_are_due_and_its_slot_starts_afresh) {
    struct outstanding_leg leg;
    uint64_t ids[1000];

    for (int i = 0; i < 1000; i++)
        ids[i] = send_packet((unsigned)i % 2);
    outstanding_on_acked(o, ids[999], now);
    outstanding_leg_died(o, 1, now);
    ck_assert_uint_eq(outstanding_stats(o)->stranded, 499);
    outstanding_leg_get(o, 1, &leg);
    ck_assert_uint_eq(leg.oldest_sent, TIME_NEVER);
    ck_assert_uint_eq(leg.last_acked + leg.in_flight + leg.bytes, 0);
    for (unsigned i = 1; i < 999; i += 2) {
        const struct outstanding_resend *due = outstanding_next_resend(o, now);

        ck_assert_uint_eq(due->packet.sequence, WRAP + i);
        ck_assert_uint_eq(due->legs, 0);
        resend(0);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_acked(o, send_packet(2), now + OUTSTANDING_REPAIR_LIMIT);
    outstanding_leg_died(o, 0, now + OUTSTANDING_REPAIR_LIMIT);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1001);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 999);
}
END_TEST

/** Twenty packets, a millisecond apart, on two legs that acknowledge the first and then are silent for five seconds.
 * The fourth needs no order. */
static void begin_outage(void) {
    const uint32_t first = outstanding_next(o);
    uint64_t end;

    for (uint32_t i = 0; i < 20; i++) {
        uint64_t id = i == 3 ? send_unordered(1) : send_packet(i % 2);

        now += NS_PER_MS;
        if (i == 0)
            outstanding_on_acked(o, id, now);
    }
    now += 2 * RTT;
    for (unsigned leg = 0; leg < 2; leg++)
        outstanding_leg_suspect(o, leg, now);
    for (end = now + 5 * NS_PER_SEC; now < end; now += 10 * NS_PER_MS) {
        outstanding_on_timer(o, now);
        /* The legs' windows leave room for some. */
        while (outstanding_next_resend(o, now) && outstanding_next_resend(o, now)->packet.sequence - first < 6)
            resend(0);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}

START_TEST(what_an_outage_of_all_legs_swallowed_is_due_in_order_when_one_is_back) {
    uint64_t id;

    begin_outage();
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_packets(o), 18);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 18);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 1);
    outstanding_outage_over(o, now);
    outstanding_leg_recovered(o, 0, now);
    for (uint32_t i = 1; i < 20; i++) {
        const struct outstanding_resend *due = outstanding_next_resend(o, now);

        if (i == 3)
            continue;
        ck_assert_ptr_nonnull(due);
        ck_assert_uint_eq(due->packet.sequence, WRAP + i);
        ck_assert_uint_eq(due->tries, 0);
        resend(0);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    /* They have a second from there, and what waited so long says nothing of how long repair takes. */
    now += OUTSTANDING_REPAIR_LIMIT - 1;
    outstanding_on_timer(o, now);
    outstanding_on_arrived(o, WRAP + 1, 5);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 6);
    ck_assert_uint_eq(outstanding_packets(o), 14);
    id = resend(0);
    now++;
    outstanding_on_acked(o, id, now);
    ck_assert_uint_eq(outstanding_wait(o), NS_PER_MS);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* Where there is one leg, nobody suspects it. What is acknowledged may be from before the outage. */
START_TEST(an_acknowledgement_or_a_loss_ends_an_outage) {
    uint64_t id = send_packet(0);

    now += RTT;
    begin_outage();
    if (_i)
        outstanding_on_acked(o, id, now);
    else
        outstanding_on_lost(o, id, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, _i ? WRAP + 2 : WRAP);
}
END_TEST

START_TEST(what_an_outage_swallowed_is_kept_for_a_minute_unless_memory_is_needed) {
    const uint64_t begin = now;

    begin_outage();
    ck_assert_uint_eq(outstanding_deadline(o), begin + NS_PER_MS + OUTSTANDING_STORED_LIMIT);
    if (_i) {
        outstanding_give_up_stored(o);
    } else {
        outstanding_on_timer(o, begin + OUTSTANDING_STORED_LIMIT);
        ck_assert_uint_eq(outstanding_packets(o), 18);
        outstanding_on_timer(o, begin + OUTSTANDING_STORED_LIMIT + 20 * NS_PER_MS);
    }
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_eq(outstanding_deadline(o), TIME_NEVER);
    outstanding_outage_over(o, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

/* Other sessions need the buffers. */
START_TEST(nothing_is_stored_in_buffers_that_are_scarce) {
    struct buf *scarce[64];
    struct split split;
    int count;

    outstanding_on_acked(o, send_packet(0), now);
    split = make(BUF_LARGE_BYTES);
    send_segment(&split, 0, 0);
    buf_unref(split.packet.buf);
    for (count = 0; count < 31 + _i; count++)
        scarce[count] = buf_get(pool, BUF_LARGE_BYTES);
    now += OUTSTANDING_REPAIR_LIMIT;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_packets(o), _i ? 0 : 1);
    while (count > 0)
        buf_unref(scarce[--count]);
}
END_TEST

START_TEST(what_no_leg_is_left_for_is_stored) {
    outstanding_on_acked(o, send_packet(0), now);
    outstanding_on_lost(o, send_packet(0), now);
    outstanding_refuse(o, outstanding_next_resend(o, now)->packet.sequence, false, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    now += 2 * NS_PER_SEC;
    outstanding_outage_over(o, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 0);
}
END_TEST

/* While no leg takes it, each late acknowledgement would have all looked through again. */
START_TEST(what_no_leg_is_left_for_is_due_once_for_each_outage) {
    struct outstanding_leg leg;
    uint64_t ids[4];

    for (int i = 0; i < 4; i++)
        ids[i] = send_packet(0);
    outstanding_on_lost(o, ids[0], now);
    outstanding_refuse(o, WRAP, false, now);
    outstanding_leg_suspect(o, 0, now);
    outstanding_on_acked(o, ids[1], now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    outstanding_refuse(o, WRAP, false, now);
    now += 2 * RTT - 1;
    outstanding_on_acked(o, ids[2], now);
    ck_assert_uint_ne(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    if (_i)
        outstanding_leg_recovered(o, 0, now);
    else
        outstanding_on_acked(o, ids[3], ++now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    outstanding_leg_get(o, 0, &leg);
    ck_assert_uint_eq(leg.in_flight, (unsigned)_i);
}
END_TEST

/** A leg has nothing under way, and its record is whole. */
static void is_idle(unsigned leg) {
    struct outstanding_leg record;

    outstanding_leg_get(o, leg, &record);
    ck_assert_uint_eq(record.in_flight, 0);
    ck_assert_uint_eq(record.bytes, 0);
    ck_assert_uint_eq(record.oldest_sent, TIME_NEVER);
    ck_assert_uint_eq(record.last_acked, now);
    for (int i = 0; i < 20; i++) /* the slots given back are whole as well */
        outstanding_on_acked(o, send_packet(leg), now);
    outstanding_leg_get(o, leg, &record);
    ck_assert_uint_eq(record.in_flight, 0);
    ck_assert_uint_eq(record.bytes, 0);
}

/* Its buffer had to go while it was stored, which shows when the outage is over. */
START_TEST(late_acknowledgement_of_what_can_not_be_sent_again_ends_an_outage) {
    uint64_t ids[10], later[25];

    remake(0, 20 * 256);
    outstanding_on_acked(o, send_packet(0), now);
    for (int i = 0; i < 10; i++)
        ids[i] = send_packet(0);
    now += NS_PER_SEC;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 10);
    for (int i = 0; i < 25; i++)
        later[i] = send_packet(0);
    for (int i = 0; i < 10; i++)
        if (_i)
            outstanding_on_acked(o, ids[i], now);
        else
            outstanding_on_lost(o, ids[i], now);
    ck_assert_uint_eq(outstanding_packets(o), 25);
    for (int i = 0; i < 25; i++)
        outstanding_on_acked(o, later[i], now);
    is_idle(0);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* It is due behind others for so long that it is given up when the outage is over. */
START_TEST(late_acknowledgement_of_what_needs_no_order_ends_an_outage) {
    uint64_t unordered;

    outstanding_on_acked(o, send_packet(0), now);
    for (int i = 0; i < 5; i++)
        send_packet(0);
    now += 2 * NS_PER_SEC;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 5);
    outstanding_on_acked(o, send_packet(0), now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    outstanding_set_repair_limit(o, 5 * RTT);
    unordered = send_unordered(0);
    now += 4 * RTT;
    outstanding_on_timer(o, now);
    now += 3 * RTT;
    outstanding_refuse(o, outstanding_next_resend(o, now)->packet.sequence, false, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 6);
    outstanding_on_acked(o, unordered, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    for (uint32_t i = 1; i <= 5; i++)
        outstanding_on_arrived(o, WRAP + i, 1);
    is_idle(0);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* It is in our own memory yet. */
START_TEST(what_went_by_a_stream_says_nothing_of_the_leg) {
    struct outstanding_leg leg;

    begin_outage();
    outstanding_leg_get(o, 1, &leg);
    const uint64_t acked = leg.last_acked, id = send_packet(1);
    outstanding_on_streamed(o, id, now);
    outstanding_leg_get(o, 1, &leg);
    ck_assert_uint_eq(leg.last_acked, acked);
    ck_assert_uint_eq(outstanding_packets(o), 18);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_streamed(o, id, now);
    outstanding_on_acked(o, id, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

START_TEST(packet_twice_on_a_dying_leg_is_due_once) {
    uint64_t id = send_packet(0);

    outstanding_on_lost(o, id, now);
    resend(0);
    outstanding_on_timer(o, now + 4 * RTT - 1);
    outstanding_leg_suspect(o, 0, now);
    resend(0);
    outstanding_leg_died(o, 0, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->tries, 2);
    outstanding_on_lost(o, resend(1), now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_stats(o)->too_often, 1);
}
END_TEST

START_TEST(floor_that_released_is_announced_once_a_millisecond) {
    uint64_t ids[4];

    for (int i = 0; i < 4; i++)
        ids[i] = send_packet(0);
    outstanding_on_acked(o, ids[0], now);
    ck_assert(!outstanding_floor_due(o, now));
    outstanding_on_lost(o, ids[2], now + 3 * RTT);
    ck_assert(!outstanding_floor_due(o, now));
    outstanding_on_acked(o, ids[1], now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 3);
    ck_assert(outstanding_floor_due(o, now));
    outstanding_floor_announced(o, now);
    ck_assert(!outstanding_floor_due(o, now));
    outstanding_on_lost(o, ids[3], now + 3 * RTT);
    ck_assert(!outstanding_floor_due(o, now + NS_PER_MS - 1));
    ck_assert_uint_eq(outstanding_floor_deadline(o), now + NS_PER_MS);
    ck_assert(outstanding_floor_due(o, now + NS_PER_MS));
}
END_TEST

START_TEST(segments_of_a_superpacket_share_its_memory) {
    struct split split = make(60000);
    uint64_t ids[40];

    for (uint16_t i = 0; i < 40; i++)
        ids[i] = send_segment(&split, i, 0);
    ck_assert_uint_eq(split.packet.buf->references, 2);
    ck_assert_uint_eq(outstanding_memory(o), BUF_LARGE_BYTES);
    buf_unref(split.packet.buf);
    for (int i = 0; i < 39; i++)
        outstanding_on_acked(o, ids[i], now);
    ck_assert_uint_eq(outstanding_memory(o), BUF_LARGE_BYTES);
    outstanding_on_acked(o, ids[39], now);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_eq(buf_pool_used(pool, BUF_LARGE), 0);
}
END_TEST

START_TEST(past_the_memory_bound_the_oldest_are_not_repairable) {
    uint64_t ids[5];

    remake(0, 4 * BUF_LARGE_BYTES);
    for (int i = 0; i < 5; i++) {
        struct split split = make(60000);

        ids[i] = send_segment(&split, 0, 0);
        buf_unref(split.packet.buf);
    }
    ck_assert_uint_eq(outstanding_memory(o), 4 * BUF_LARGE_BYTES);
    ck_assert_uint_eq(outstanding_packets(o), 5);
    outstanding_on_lost(o, ids[1], now);
    outstanding_on_lost(o, ids[0], now);
    ck_assert_uint_eq(outstanding_stats(o)->no_data, 1);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    /* One that is due already may lose its buffer too. */
    for (int i = 0; i < 4; i++) {
        struct split split = make(60000);

        send_segment(&split, 0, 0);
        buf_unref(split.packet.buf);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_stats(o)->no_data, 2);
}
END_TEST

START_TEST(packet_that_needs_no_repair_is_given_up_at_its_loss) {
    struct split split = make(100);
    struct outstanding_packet packet = {.sequence = WRAP, .length = 100, .split = &split};
    uint64_t id = outstanding_add(o, 0, &packet, now);

    ck_assert_uint_eq(split.packet.buf->references, 1);
    buf_unref(split.packet.buf);
    outstanding_leg_suspect(o, 0, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_lost(o, id, now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert(outstanding_floor_due(o, now));
}
END_TEST

START_TEST(span_at_its_limit_gives_the_oldest_up_and_sends_all_the_same) {
    uint64_t first;

    remake(2048, 0);
    first = send_packet(0);
    for (int i = 1; i < 3000; i++)
        send_packet(i % 2 ? 1 : 0);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 3000 - 2048);
    ck_assert_uint_eq(outstanding_packets(o), 2048);
    ck_assert_uint_eq(outstanding_stats(o)->overrun, 3000 - 2048);
    outstanding_on_acked(o, first, now);
    ck_assert_uint_eq(outstanding_packets(o), 2048);
    /* The slots of transmissions run out as well: what is sent then is given up at once. */
    ck_assert_uint_ne(outstanding_next_id(o), OUTSTANDING_NO_ID);
    while (outstanding_next_id(o) != OUTSTANDING_NO_ID)
        send_packet(0);
    ck_assert_uint_eq(send_packet(0), OUTSTANDING_NO_ID);
    ck_assert_uint_eq(outstanding_stats(o)->untracked, 1);
    ck_assert_ptr_null(outstanding_new(&(struct outstanding_settings){.span_max = 1000}));
}
END_TEST

START_TEST(refused_packet_is_given_up) {
    uint64_t a = send_packet(0);

    outstanding_on_lost(o, a, now);
    outstanding_refuse(o, outstanding_next_resend(o, now)->packet.sequence, true, now);
    outstanding_refuse(o, WRAP, true, now);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->refused, 1);
}
END_TEST

START_TEST(foreign_ids_mean_nothing) {
    uint64_t id = send_packet(0), reserved = outstanding_next_id(o);
    const uint64_t ids[] = {0, 1, UINT64_MAX, id + 1, id + (1ull << 32), 7ull << 32, reserved};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        outstanding_on_acked(o, ids[i], now);
        outstanding_on_lost(o, ids[i], now);
    }
    ck_assert_uint_eq(outstanding_packets(o), 1);
    ck_assert_uint_eq(outstanding_stats(o)->lost + outstanding_stats(o)->acknowledged, 0);
    /* A resend of what is done with meanwhile is remembered for its leg only. */
    outstanding_on_lost(o, id, now);
    outstanding_next_resend(o, now);
    outstanding_on_acked(o, id, now);
    ck_assert_uint_eq(outstanding_resent(o, WRAP, 1, now), reserved);
    outstanding_on_acked(o, reserved, now);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_deadline(o), TIME_NEVER);
}
END_TEST

/** What the model knows of a transmission. */
struct model {
    uint64_t id;       /**< of it */
    uint32_t sequence; /**< of its packet */
    unsigned leg;      /**< its leg */
    bool answered;     /**< nothing will come of it any more */
    bool swallowed;    /**< by an outage: it is under way for the sender */
};

/** What the model knows of a packet. */
struct model_packet {
    bool unordered; /**< it needs no order */
    bool done;      /**< it was acknowledged, told, or given up as no leg takes it */
    bool reprieved; /**< whose leg fell silent or died, perhaps */
    bool held;      /**< an outage ended while it was outstanding, or no leg took it */
    uint8_t tries;  /**< resends since */
};

enum { MODEL_PACKETS = 60000, MODEL_TRANSMISSIONS = 6 * MODEL_PACKETS, MODEL_LEGS = 4, MODEL_MEMORY = 1 << 17 };

static struct model sent[MODEL_TRANSMISSIONS];
static struct model_packet packets[MODEL_PACKETS];
static uint32_t given[MODEL_TRANSMISSIONS]; /**< generation of the last id with that slot */
static uint32_t sent_count, sent_first;     /**< from the first on some are without an answer */
static uint32_t wrong;                      /**< what was not as the model has it */
static uint64_t heard;                      /**< ns, the last answer */
static uint64_t silent_until, silent_step;  /**< ns, when the outage of all legs ends, and between steps in it */

static struct model_packet *model_of(uint32_t sequence) {
    return &packets[sequence - WRAP];
}

static void reprieve(unsigned leg) {
    for (uint32_t i = 0; i < sent_count; i++)
        if (sent[i].leg == leg && (!sent[i].answered || sent[i].swallowed))
            model_of(sent[i].sequence)->reprieved = true;
}

/** A leg works. */
static void model_hears(void) {
    for (uint32_t s = outstanding_floor(o); now - heard >= 2 * RTT && s != outstanding_next(o); s++) {
        model_of(s)->held = true;
        model_of(s)->tries = 0;
    }
}

static void model_sent(uint64_t id, uint32_t sequence, unsigned leg) {
    wrong += given[(uint32_t)id] == id >> 32; /* no id is given twice */
    given[(uint32_t)id] = (uint32_t)(id >> 32);
    sent[sent_count++] = (struct model){.id = id, .sequence = sequence, .leg = leg};
}

static void model_sends(void) {
    const unsigned leg = draw() % MODEL_LEGS;
    const uint32_t sequence = outstanding_next(o);
    const bool unordered = draw() % 4 == 0;

    model_of(sequence)->unordered = unordered;
    model_sent(unordered ? send_unordered(leg) : send_packet(leg), sequence, leg);
}

/** One of the oldest transmissions gets its answer. */
static void model_answers(bool acked) {
    const uint64_t lost = outstanding_stats(o)->lost;
    uint32_t pick = sent_first + draw() % 400;
    struct outstanding_leg leg;

    while (pick < sent_count && sent[pick].answered)
        pick++;
    if (pick >= sent_count)
        return;
    model_hears();
    sent[pick].answered = true;
    if (acked) {
        model_of(sent[pick].sequence)->done = true;
        outstanding_on_acked(o, sent[pick].id, now);
    } else {
        /* Every fourth of these is acknowledged later. */
        sent[pick].answered = draw() % 4 != 0;
        outstanding_on_lost(o, sent[pick].id, now);
    }
    /* Of what is not known any more nothing is heard. */
    outstanding_leg_get(o, sent[pick].leg, &leg);
    if (leg.last_acked == now || outstanding_stats(o)->lost > lost)
        heard = now;
}

/** What is due is sent again, or no leg takes it. */
static void model_resends(void) {
    const struct outstanding_resend *due = outstanding_next_resend(o, now);
    const unsigned leg = draw() % MODEL_LEGS, fate = draw() % 10;
    const uint64_t stored = outstanding_stats(o)->stored;
    const uint32_t count = outstanding_packets(o);
    struct model_packet *packet;
    uint32_t sequence;
    uint64_t limit;

    if (!due || sent_count == MODEL_TRANSMISSIONS)
        return;
    sequence = due->packet.sequence;
    packet = model_of(sequence);
    limit = packet->reprieved ? OUTSTANDING_REPAIR_LIMIT : 3 * RTT;
    if (packet->held && !packet->unordered)
        limit = OUTSTANDING_STORED_LIMIT + OUTSTANDING_REPAIR_LIMIT;
    wrong += packet->done || now - due->first_sent >= limit || !due->packet.split;
    if (fate == 0) {
        outstanding_refuse(o, sequence, true, now);
        packet->done = outstanding_packets(o) < count; /* else it is on its way on a suspect leg */
        wrong += outstanding_stats(o)->stored > stored;
    } else if (fate == 1) {
        packet->held = true;
        packet->tries = 0;
        outstanding_refuse(o, sequence, false, now);
    } else {
        wrong += ++packet->tries > OUTSTANDING_RESENDS;
        model_sent(outstanding_resent(o, sequence, leg, now), sequence, leg);
    }
}

/** Some from before the floor may be told as well, and some that were not sent. */
static void model_tells(void) {
    uint32_t run = outstanding_floor(o) - WRAP + draw() % 20, length = draw() % 30;

    run -= run < 5 ? run : 5;
    outstanding_on_arrived(o, WRAP + run, length);
    for (; length > 0 && run < outstanding_next(o) - WRAP; run++, length--)
        packets[run].done = true;
}

static void model_leg_dies(void) {
    const unsigned leg = draw() % MODEL_LEGS;

    reprieve(leg);
    outstanding_leg_died(o, leg, now);
    outstanding_set_leg_pto(o, leg, 2 * RTT);
    for (uint32_t i = sent_first; i < sent_count; i++)
        sent[i].answered |= sent[i].leg == leg;
}

/** Nothing is heard for up to two seconds, at times for more than a minute. Half of what is under way is swallowed, and
 * of the rest the answers come afterwards. */
static void model_outage(void) {
    silent_step = (draw() % 8 ? draw() % 2000 : 70000) * NS_PER_MS / 1000;
    silent_until = now + 1000 * silent_step;
    for (uint32_t i = sent_first; i < sent_count; i++)
        if (!sent[i].answered && draw() % 2)
            sent[i].answered = sent[i].swallowed = true;
}

/** What the record says of its legs agrees with itself. */
static void model_looks(void) {
    struct outstanding_leg leg;

    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        outstanding_leg_get(o, i, &leg);
        wrong += leg.in_flight > sent_count || leg.bytes != 100 * (uint64_t)leg.in_flight ||
                 (leg.oldest_sent == TIME_NEVER) != (leg.in_flight == 0);
    }
    wrong += outstanding_memory(o) > MODEL_MEMORY || outstanding_packets(o) > 8192;
}

static void model_step(void) {
    const bool silent = now < silent_until;
    const uint32_t choice = draw() % 1000;

    now += silent ? silent_step : 20 * NS_PER_US;
    while (sent_first < sent_count && sent[sent_first].answered)
        sent_first++;
    if (choice < 400) {
        model_sends();
    } else if (choice < 900 && !silent) {
        model_answers(choice < 840);
    } else if (choice < 970) {
        model_resends();
    } else if (choice < 990) {
        outstanding_on_timer(o, now);
    } else if (choice < 992 && !silent) {
        model_tells();
    } else if (choice == 995) {
        const unsigned leg = draw() % MODEL_LEGS;

        outstanding_leg_suspect(o, leg, now);
        reprieve(leg);
    } else if (choice == 996) {
        model_hears();
        outstanding_leg_recovered(o, draw() % MODEL_LEGS, now);
    } else if (choice == 997 && draw() % 10 == 0) {
        outstanding_give_up_stored(o);
    } else if (choice == 998 && draw() % 10 == 0) {
        model_leg_dies();
    } else if (choice == 999 && !silent && draw() % 3 == 0) {
        model_outage();
    }
}

START_TEST(random_traffic_agrees_with_a_model) {
    struct outstanding_leg leg;
    uint32_t last_floor = WRAP;

    remake(8192, MODEL_MEMORY);
    heard = now;
    while (!wrong && outstanding_next(o) != WRAP + MODEL_PACKETS) {
        model_step();
        model_looks();
        wrong += (int32_t)(outstanding_floor(o) - last_floor) < 0;
        last_floor = outstanding_floor(o);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(outstanding_stats(o)->stored, 1000);
    /* Every answer comes that can: nothing is under way then. */
    outstanding_on_timer(o, now += NS_PER_SEC);
    for (uint32_t i = 0; i < sent_count; i++)
        outstanding_on_acked(o, sent[i].id, now);
    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        outstanding_leg_get(o, i, &leg);
        ck_assert_uint_eq(leg.in_flight, 0);
        outstanding_leg_died(o, i, now + NS_PER_SEC);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now + NS_PER_SEC));
    outstanding_on_timer(o, now + OUTSTANDING_STORED_LIMIT);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + MODEL_PACKETS);
    ck_assert_uint_eq(outstanding_stats(o)->acknowledged + outstanding_stats(o)->given_up, MODEL_PACKETS);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_gt(outstanding_stats(o)->arrived, 100);
    ck_assert_uint_gt(outstanding_stats(o)->repaired, 100);
    ck_assert_uint_gt(outstanding_stats(o)->spurious, 100);
    ck_assert_uint_gt(outstanding_stats(o)->timed_out, 0);
    ck_assert_uint_gt(outstanding_stats(o)->suspected, 0);
    ck_assert_uint_gt(outstanding_stats(o)->no_data, 100);
    ck_assert_uint_gt(outstanding_stats(o)->too_old, 100);
    ck_assert_uint_gt(outstanding_stats(o)->refused, 100);
}
END_TEST

START_TEST(kept_superpackets_are_counted_by_user_and_let_go_by_age) {
    struct kept *kept = kept_new(3 * 256);
    struct split split[4];
    uint64_t handles[4], again;

    for (int i = 0; i < 4; i++)
        split[i] = make(100);
    for (int i = 0; i < 3; i++)
        handles[i] = kept_take(kept, &split[i]);
    again = kept_take(kept, &split[0]);
    ck_assert_uint_eq(again, handles[0]);
    ck_assert_uint_eq(kept_memory(kept), 3 * 256);
    kept_release(kept, handles[0]);
    ck_assert_ptr_eq(kept_get(kept, again)->packet.buf, split[0].packet.buf);
    handles[3] = kept_take(kept, &split[3]);
    ck_assert_ptr_null(kept_get(kept, again));
    ck_assert_ptr_nonnull(kept_get(kept, handles[1]));
    kept_release(kept, again);
    kept_release(kept, KEPT_NONE);
    kept_release(kept, handles[2]);
    ck_assert_uint_eq(kept_memory(kept), 2 * 256);
    ck_assert_uint_eq(split[2].packet.buf->references, 1);
    kept_free(kept);
    kept_free(NULL);
    kept = kept_new(255);
    ck_assert_uint_eq(kept_take(kept, &split[0]), KEPT_NONE);
    kept_free(kept);
    for (int i = 0; i < 4; i++)
        buf_unref(split[i].packet.buf);
}
END_TEST

START_TEST(kept_finds_each_of_many) {
    struct kept *kept = kept_new(UINT64_MAX);
    static struct split split[5000];
    static uint64_t handles[5000];

    for (int i = 0; i < 5000; i++) {
        split[i] = make(100);
        handles[i] = kept_take(kept, &split[i]);
        buf_unref(split[i].packet.buf);
    }
    for (int i = 0; i < 5000; i++) {
        if (kept_take(kept, &split[i]) != handles[i] || kept_get(kept, handles[i])->packet.buf != split[i].packet.buf)
            ck_abort_msg("another superpacket was found");
        kept_release(kept, handles[i]);
    }
    for (int i = 0; i < 5000; i += 2)
        kept_release(kept, handles[i]);
    ck_assert_uint_eq(kept_memory(kept), 2500 * 256);
    kept_free(kept);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("outstanding");
    TCase *tests = tcase_create("outstanding");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, floor_is_the_first_not_acknowledged);
    tcase_add_test(tests, wait_is_the_longest_until_all_before_were_acknowledged);
    tcase_add_test(tests, lost_packet_is_due_with_all_its_numbers);
    tcase_add_test(tests, acknowledgement_after_loss_ends_resending_and_is_counted);
    tcase_add_test(tests, packet_is_resent_three_times_at_most);
    tcase_add_test(tests, packet_older_than_the_repair_limit_is_given_up);
    tcase_add_test(tests, transmission_without_answer_is_lost_after_two_pto);
    tcase_add_test(tests, first_acknowledged_copy_is_enough);
    tcase_add_test(tests, packet_on_its_way_can_be_copied_until_its_fate_is_known);
    tcase_add_test(tests, suspect_legs_packets_are_due_at_once_and_not_when_it_returns);
    tcase_add_test(tests, packets_that_the_peer_told_had_come_are_not_sent_again);
    tcase_add_test(tests, packet_on_its_way_on_a_suspect_leg_is_not_given_up);
    tcase_add_loop_test(tests, what_a_leg_took_along_may_be_sent_again_beyond_the_repair_limit, 0, 2);
    tcase_add_test(tests, dead_legs_packets_are_due_and_its_slot_starts_afresh);
    tcase_add_test(tests, what_an_outage_of_all_legs_swallowed_is_due_in_order_when_one_is_back);
    tcase_add_loop_test(tests, an_acknowledgement_or_a_loss_ends_an_outage, 0, 2);
    tcase_add_loop_test(tests, what_an_outage_swallowed_is_kept_for_a_minute_unless_memory_is_needed, 0, 2);
    tcase_add_loop_test(tests, nothing_is_stored_in_buffers_that_are_scarce, 0, 2);
    tcase_add_test(tests, what_no_leg_is_left_for_is_stored);
    tcase_add_loop_test(tests, what_no_leg_is_left_for_is_due_once_for_each_outage, 0, 2);
    tcase_add_loop_test(tests, late_acknowledgement_of_what_can_not_be_sent_again_ends_an_outage, 0, 2);
    tcase_add_test(tests, late_acknowledgement_of_what_needs_no_order_ends_an_outage);
    tcase_add_test(tests, what_went_by_a_stream_says_nothing_of_the_leg);
    tcase_add_test(tests, packet_twice_on_a_dying_leg_is_due_once);
    tcase_add_test(tests, floor_that_released_is_announced_once_a_millisecond);
    tcase_add_test(tests, segments_of_a_superpacket_share_its_memory);
    tcase_add_test(tests, past_the_memory_bound_the_oldest_are_not_repairable);
    tcase_add_test(tests, packet_that_needs_no_repair_is_given_up_at_its_loss);
    tcase_add_test(tests, span_at_its_limit_gives_the_oldest_up_and_sends_all_the_same);
    tcase_add_test(tests, refused_packet_is_given_up);
    tcase_add_test(tests, foreign_ids_mean_nothing);
    tcase_add_test(tests, random_traffic_agrees_with_a_model);
    tcase_add_test(tests, kept_superpackets_are_counted_by_user_and_let_go_by_age);
    tcase_add_test(tests, kept_finds_each_of_many);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
