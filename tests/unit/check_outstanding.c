/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/outstanding and bond/kept: single stories in virtual time. Outages, and a long random story beside
 * a model, are in check_outage.c. */
#include "bond/outstanding.h"

#include <check.h>

#include "bond/kept.h"
#include "tests/unit/outstanding_env.h"
#include "tests/unit/suite.h"

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

START_TEST(what_is_of_flows_that_send_little_is_due_first) {
    static const uint32_t order[] = {3, 5, 0, 2, 4};
    uint64_t ids[6];

    for (unsigned i = 0; i < 6; i++)
        ids[i] = i % 2 ? send_light(0) : send_packet(0);
    outstanding_leg_suspect(o, 0, now);
    ck_assert_uint_eq(outstanding_stats(o)->suspected, 6);
    /* It is due no more when it is acknowledged, nor when its leg lives. */
    outstanding_on_acked(o, ids[1], now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 3);
    outstanding_leg_recovered(o, 0, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_leg_suspect(o, 0, now);
    for (unsigned i = 0; i < 5; i++) {
        const struct outstanding_resend *due = outstanding_next_resend(o, now);

        ck_assert_ptr_nonnull(due);
        ck_assert_uint_eq(due->packet.sequence, WRAP + order[i]);
        ck_assert_uint_eq(due->packet.light, order[i] % 2);
        resend(1);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

START_TEST(what_a_leg_took_along_is_told_from_usual_losses) {
    const struct outstanding_packet copy = {.sequence = WRAP + 5, .length = 100};
    uint64_t ids[6], lost;

    /* Lost, or of a flow that sends little. */
    outstanding_on_lost(o, send_packet(0), now);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now));
    ck_assert(!outstanding_is_takeover(o));
    resend(1);
    send_light(2);
    outstanding_leg_suspect(o, 2, now);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now));
    ck_assert(!outstanding_is_takeover(o));
    resend(1);
    /* It is until all of it was sent again, … */
    for (unsigned i = 0; i < 3; i++)
        ids[i] = send_packet(0);
    outstanding_leg_suspect(o, 0, now);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(outstanding_is_takeover(o));
        ids[3 + i] = resend(1);
    }
    ck_assert(!outstanding_is_takeover(o));
    /* … and when that was lost, … */
    outstanding_on_lost(o, ids[3], now);
    outstanding_on_lost(o, ids[4], now);
    ck_assert(outstanding_is_takeover(o));
    /* … but not when it is acknowledged, or its leg lives. */
    outstanding_on_acked(o, ids[0], now);
    ck_assert(outstanding_is_takeover(o));
    outstanding_leg_recovered(o, 0, now);
    ck_assert(!outstanding_is_takeover(o));
    /* What is due already becomes so when the leg with its other copy dies. */
    outstanding_leg_suspect(o, 4, now);
    lost = send_packet(3);
    outstanding_add(o, 4, &copy, now);
    outstanding_on_lost(o, lost, now);
    ck_assert_ptr_nonnull(outstanding_next_resend(o, now));
    ck_assert(!outstanding_is_takeover(o));
    outstanding_leg_died(o, 4, now);
    ck_assert(outstanding_is_takeover(o));
    resend(1);
    ck_assert(!outstanding_is_takeover(o));
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
    tcase_add_test(tests, what_is_of_flows_that_send_little_is_due_first);
    tcase_add_test(tests, what_a_leg_took_along_is_told_from_usual_losses);
    tcase_add_test(tests, packets_that_the_peer_told_had_come_are_not_sent_again);
    tcase_add_test(tests, packet_on_its_way_on_a_suspect_leg_is_not_given_up);
    tcase_add_loop_test(tests, what_a_leg_took_along_may_be_sent_again_beyond_the_repair_limit, 0, 2);
    tcase_add_test(tests, dead_legs_packets_are_due_and_its_slot_starts_afresh);
    tcase_add_test(tests, packet_twice_on_a_dying_leg_is_due_once);
    tcase_add_test(tests, floor_that_released_is_announced_once_a_millisecond);
    tcase_add_test(tests, segments_of_a_superpacket_share_its_memory);
    tcase_add_test(tests, past_the_memory_bound_the_oldest_are_not_repairable);
    tcase_add_test(tests, packet_that_needs_no_repair_is_given_up_at_its_loss);
    tcase_add_test(tests, span_at_its_limit_gives_the_oldest_up_and_sends_all_the_same);
    tcase_add_test(tests, refused_packet_is_given_up);
    tcase_add_test(tests, foreign_ids_mean_nothing);
    tcase_add_test(tests, kept_superpackets_are_counted_by_user_and_let_go_by_age);
    tcase_add_test(tests, kept_finds_each_of_many);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
