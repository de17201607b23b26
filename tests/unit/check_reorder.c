/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/reorder: single situations. check_reorder_sim.c runs whole conversations. A packet's contents are
 * its bucket and bucket sequence, and what was delivered is compared as text: "1:0 1:1 2:0". */
#include "bond/reorder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define RTT (40 * NS_PER_MS)
#define LIMIT (110 * NS_PER_MS) /**< repair limit at that RTT */
#define START (10 * NS_PER_SEC)

static struct buf_pool *pool;
static struct reorder *reorder;
static uint64_t now;
static char got[1024];     /**< what was delivered since it was looked at last */
static uint64_t got_count; /**< packets delivered */

static void deliver(void *context, const uint8_t *packet, size_t length) {
    struct frame_packet frame;
    size_t used = strlen(got), same = FRAME_PACKET_BYTES;

    (void)context;
    suite_assert(frame_read_packet(packet, length, &frame) == 0);
    while (same < length && packet[same] == (frame.sequence & 0xff))
        same++;
    suite_assert(same == length);
    got_count++;
    if (used < sizeof got - 32)
        snprintf(got + used, sizeof got - used, "%s%u:%u", used ? " " : "", frame.bucket, frame.bucket_sequence);
}

static void start(uint32_t sequence, uint32_t bucket_sequence, size_t buffers) {
    struct buf_pool_settings sizes = {.count = {buffers, buffers, 4, 4}};
    struct reorder_settings settings = {.deliver = deliver, .first_sequence = sequence};

    settings.first_bucket_sequence = bucket_sequence;
    settings.pool = pool = buf_pool_new(&sizes);
    ck_assert_ptr_nonnull(pool);
    reorder = reorder_new(&settings);
    ck_assert_ptr_nonnull(reorder);
    for (uint8_t leg = 0; leg < 3; leg++)
        reorder_set_leg(reorder, leg, RTT, 0);
    now = START;
    got[0] = '\0';
    got_count = 0;
}

static void setup(void) {
    start(0, 0, 4096);
}

static void teardown(void) {
    reorder_free(reorder);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, (enum buf_class)i), 0);
    buf_pool_free(pool);
}

static enum duplicate_result push_sized(uint8_t leg, uint32_t sequence, uint8_t bucket, uint32_t bucket_sequence,
                                        size_t length) {
    struct frame_packet frame = {
        .sequence = sequence, .bucket = bucket, .bucket_sequence = bucket_sequence & FRAME_SEQUENCE24};
    uint8_t packet[2000];

    memset(packet, (uint8_t)sequence, length);
    frame_write_packet(&frame, packet);
    return reorder_push(reorder, leg, &frame, packet, length, now);
}

static enum duplicate_result push(uint8_t leg, uint32_t sequence, uint8_t bucket, uint32_t bucket_sequence) {
    return push_sized(leg, sequence, bucket, bucket_sequence, 20 + sequence % 1300);
}

static void mark(uint8_t on, uint8_t about, uint8_t flags, uint32_t next, uint32_t floor) {
    reorder_mark(reorder, on, &(struct frame_mark){.leg = about, .flags = flags, .next = next, .floor = floor}, now);
}

/** Let time pass, heeding the timer. */
static void wait(uint64_t ns) {
    uint64_t end = now + ns;

    while (reorder_deadline(reorder) <= end) {
        if (now < reorder_deadline(reorder))
            now = reorder_deadline(reorder);
        reorder_on_timer(reorder, now);
        suite_assert(reorder_deadline(reorder) > now);
    }
    now = end;
}

/** What was delivered since the last call. */
static void expect(const char *text) {
    ck_assert_str_eq(got, text);
    got[0] = '\0';
}

static const struct reorder_statistics *count(void) {
    return reorder_statistics(reorder);
}

START_TEST(what_comes_in_order_goes_straight_on) {
    for (uint32_t i = 0; i < 100000; i++) {
        suite_assert(push(0, i, (uint8_t)(1 + i % 3), i / 3) == DUPLICATE_FRESH);
        now += 10000;
    }
    ck_assert_uint_eq(got_count, 100000);
    ck_assert_uint_eq(count()->held, 0);
    ck_assert_uint_eq(reorder_deadline(reorder), UINT64_MAX);
}
END_TEST

START_TEST(bucket_0_never_waits) {
    push(0, 5, 0, 0);
    push(0, 3, 0, 0);
    push(0, 4, 0, 0);
    ck_assert_int_eq(push(0, 3, 0, 0), DUPLICATE_SEEN);
    expect("0:0 0:0 0:0");
}
END_TEST

START_TEST(order_is_kept_within_a_bucket_and_only_there) {
    push(0, 1, 1, 1);
    push(0, 2, 2, 0);
    expect("2:0");
    push(0, 4, 1, 3);
    push(0, 3, 1, 2);
    expect("");
    push(1, 0, 1, 0);
    expect("1:0 1:1 1:2 1:3");
    ck_assert_uint_eq(count()->held, 3);
    ck_assert_uint_eq(count()->held_packets, 0);
    ck_assert_uint_eq(reorder_deadline(reorder), UINT64_MAX);
}
END_TEST

START_TEST(nothing_is_delivered_twice) {
    push(0, 0, 1, 0);
    push(0, 2, 1, 2);
    ck_assert_int_eq(push(1, 0, 1, 0), DUPLICATE_SEEN);
    ck_assert_int_eq(push(1, 2, 1, 2), DUPLICATE_SEEN);
    push(1, 1, 1, 1);
    ck_assert_int_eq(push(0, 1, 1, 1), DUPLICATE_SEEN);
    expect("1:0 1:1 1:2");
    ck_assert_uint_eq(count()->duplicates, 3);
}
END_TEST

START_TEST(a_gap_is_lost_once_when_every_leg_has_passed_it) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    push(0, 3, 1, 3);
    ck_assert_uint_eq(count()->lost_once, 0);
    push(1, 4, 2, 0);
    ck_assert_uint_eq(count()->lost_once, 1);
    expect("1:0 1:1 2:0");
}
END_TEST

START_TEST(a_gap_that_is_lost_once_is_held_until_the_copy_comes) {
    push(0, 0, 1, 0);
    push(0, 2, 1, 2);
    ck_assert_uint_eq(count()->lost_once, 1);
    wait(LIMIT - NS_PER_MS);
    expect("1:0");
    push(0, 1, 1, 1);
    expect("1:1 1:2");
    ck_assert_uint_eq(count()->repaired, 1);
    ck_assert_uint_eq(count()->given_up, 0);
    ck_assert_uint_eq(count()->longest_hold, LIMIT - NS_PER_MS);
}
END_TEST

START_TEST(the_floor_releases_what_is_lost_once) {
    push(0, 0, 1, 0);
    push(0, 4, 1, 2);
    mark(0, 0, 0, 5, 3);
    expect("1:0");
    mark(0, 0, 0, 5, 4);
    expect("1:2");
    ck_assert_uint_eq(count()->given_up, 1);
    push(0, 1, 1, 1);
    expect("1:1");
    ck_assert_uint_eq(count()->late, 1);
}
END_TEST

START_TEST(the_floor_does_not_release_what_may_be_under_way) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    push(0, 3, 1, 3);
    mark(0, 0, 0, 4, 4);
    expect("1:0 1:1");
    push(1, 2, 1, 2);
    expect("1:2 1:3");
    ck_assert_uint_eq(count()->given_up, 0);
}
END_TEST

START_TEST(the_repair_limit_releases_in_time) {
    push(0, 0, 1, 0);
    push(0, 2, 1, 2);
    push(0, 4, 1, 4);
    wait(LIMIT - 1);
    expect("1:0");
    wait(NS_PER_MS);
    expect("1:2");
    wait(6 * NS_PER_MS); /* the second gap was not looked at while the first was open */
    expect("1:4");
    ck_assert_uint_eq(count()->given_up, 2);
    ck_assert_uint_eq(reorder_deadline(reorder), UINT64_MAX);
}
END_TEST

/* A second copy may be late by as much, and is not to come just after it was given up. */
START_TEST(the_repair_limit_is_longer_where_round_trips_vary) {
    reorder_set_leg(reorder, 0, RTT, 20 * NS_PER_MS);
    push(0, 0, 1, 0);
    push(0, 2, 1, 2);
    wait(LIMIT + 80 * NS_PER_MS - 1);
    expect("1:0");
    wait(NS_PER_MS);
    expect("1:2");
    ck_assert_uint_eq(count()->given_up, 1);
}
END_TEST

START_TEST(no_packet_is_held_for_more_than_a_second) {
    reorder_set_leg(reorder, 0, 30 * NS_PER_SEC, 0);
    push(0, 0, 1, 0);
    for (uint32_t i = 0; i < 300; i++) {
        push(0, 2 * i + 2, 1, 2 * i + 2);
        wait(10 * NS_PER_MS);
    }
    wait(NS_PER_SEC);
    ck_assert_uint_le(count()->longest_hold, REORDER_HOLD_MAX);
    ck_assert_uint_eq(count()->held_packets, 0);
    ck_assert_uint_eq(got_count, 301);
}
END_TEST

/** Two legs; leg 1 brings each packet 20 ms later than it would have come on leg 0. @return the next sequence */
static uint32_t settle(void) {
    mark(0, 1, 0, 0, 0);
    for (uint32_t i = 0; i < 400; i += 2) {
        now += 2 * NS_PER_MS;
        push(0, i, 1, i);
        if (i >= 20)
            push(1, i - 19, 1, i - 19);
    }
    ck_assert_uint_eq(count()->given_up, 0);
    ck_assert_uint_eq(count()->lost_once, 0);
    got[0] = '\0';
    return 400;
}

START_TEST(legs_of_different_delay_keep_order) {
    settle();
    ck_assert_uint_le(count()->longest_hold, 22 * NS_PER_MS);
}
END_TEST

START_TEST(a_silent_leg_is_left_out) {
    uint32_t next = settle();

    push(0, next, 1, next);
    wait(30 * NS_PER_MS);
    ck_assert_uint_gt(count()->lost_once, 0);
    wait(LIMIT + NS_PER_MS);
    ck_assert_uint_eq(count()->held_packets, 0);
}
END_TEST

START_TEST(a_leg_that_speaks_is_waited_for) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    wait(10 * NS_PER_MS);
    push(0, 7, 1, 7);
    for (uint32_t i = 2; i < 6; i++) {
        wait(4 * NS_PER_MS);
        push(1, i, 1, i);
        ck_assert_uint_eq(count()->lost_once, 0);
    }
    push(1, 6, 1, 6);
    expect("1:0 1:1 1:2 1:3 1:4 1:5 1:6 1:7");
}
END_TEST

START_TEST(an_idle_mark_takes_a_leg_out_of_the_set) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    mark(1, 1, FRAME_MARK_IDLE, 2, 2);
    push(0, 3, 1, 3);
    ck_assert_uint_eq(count()->lost_once, 1);
    mark(0, 1, 0, 4, 2);
    push(0, 5, 2, 1);
    ck_assert_uint_eq(count()->lost_once, 1);
    push(1, 6, 3, 0);
    ck_assert_uint_eq(count()->lost_once, 2);
}
END_TEST

START_TEST(an_idle_mark_on_another_leg_waits_for_what_is_under_way) {
    settle();
    mark(0, 1, FRAME_MARK_IDLE, 400, 381);
    push(0, 400, 1, 400);
    ck_assert_uint_eq(count()->lost_once, 0);
    for (uint32_t i = 381; i < 400; i += 2) {
        now += 2 * NS_PER_MS;
        push(1, i, 1, i);
    }
    ck_assert_uint_eq(count()->held_packets, 0);
    wait(60 * NS_PER_MS);
    push(0, 402, 1, 402);
    ck_assert_uint_eq(count()->lost_once, 1);
}
END_TEST

START_TEST(a_gone_mark_takes_a_leg_out_for_good) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    push(0, 3, 1, 3);
    ck_assert_uint_eq(count()->lost_once, 0);
    mark(0, 1, FRAME_MARK_GONE, 2, 2);
    ck_assert_uint_eq(count()->lost_once, 1);
    push(1, 2, 1, 2);
    push(0, 5, 1, 5);
    ck_assert_uint_eq(count()->lost_once, 2);
    expect("1:0 1:1 1:2 1:3");
}
END_TEST

START_TEST(what_waited_for_a_leg_that_left_waits_for_copies) {
    reorder_set_leg(reorder, 1, 300 * NS_PER_MS, 0);
    push(0, 0, 1, 0);
    mark(0, 1, 0, 1, 1);
    push(0, 2, 1, 2);
    wait(200 * NS_PER_MS);
    mark(0, 1, FRAME_MARK_GONE, 3, 1);
    ck_assert_uint_eq(count()->lost_once, 1);
    wait(LIMIT - 2 * NS_PER_MS);
    push(0, 1, 1, 1);
    expect("1:0 1:1 1:2");
    ck_assert_uint_eq(count()->given_up, 0);
}
END_TEST

START_TEST(a_leg_whose_connection_ended_is_not_waited_for) {
    push(0, 0, 1, 0);
    push(1, 1, 1, 1);
    push(0, 3, 1, 3);
    reorder_remove_leg(reorder, 1, now);
    ck_assert_uint_eq(count()->lost_once, 1);
}
END_TEST

START_TEST(a_leg_announced_before_its_first_packet_is_waited_for) {
    push(0, 0, 1, 0);
    mark(0, 1, 0, 1, 1);
    push(0, 2, 1, 2);
    ck_assert_uint_eq(count()->lost_once, 0);
    wait(10 * NS_PER_MS);
    push(1, 1, 1, 1);
    expect("1:0 1:1 1:2");
}
END_TEST

START_TEST(sequences_wrap) {
    teardown();
    start(UINT32_MAX - 50, FRAME_SEQUENCE24 - 40, 4096);
    mark(0, 1, 0, UINT32_MAX - 50, UINT32_MAX - 50);
    for (uint32_t i = 0; i < 200; i += 2) {
        push(0, UINT32_MAX - 50 + i + 1, 1, FRAME_SEQUENCE24 - 40 + i + 1);
        push(1, UINT32_MAX - 50 + i, 1, FRAME_SEQUENCE24 - 40 + i);
        mark(0, 0, 0, UINT32_MAX - 50 + i + 2, UINT32_MAX - 50 + i);
    }
    ck_assert_uint_eq(got_count, 200);
    ck_assert_uint_eq(count()->late + count()->given_up + count()->marks_refused + count()->held_packets, 0);
    push(0, 151, 1, FRAME_SEQUENCE24 - 40 + 202);
    push(1, 152, 2, FRAME_SEQUENCE24 - 40);
    ck_assert_uint_eq(count()->lost_once, 2);
    mark(0, 0, 0, 153, 151);
    ck_assert_uint_eq(got_count, 202);
}
END_TEST

START_TEST(marks_beyond_the_window_are_refused) {
    push(0, 0, 1, 0);
    push(0, 2, 1, 2);
    mark(0, 0, 0, 2, DUPLICATE_WINDOW_MIN + 10);
    mark(0, 0, 0, DUPLICATE_WINDOW_MIN + 10, 2);
    mark(0, 0, 0, 3, 0x80000000u);
    ck_assert_uint_eq(count()->marks_refused, 3);
    expect("1:0");
    push(0, 3, 2, 0);
    ck_assert_int_eq(push(0, DUPLICATE_WINDOW_MIN + 3, 0, 0), DUPLICATE_FRESH);
    ck_assert_int_eq(push(0, 6 * DUPLICATE_WINDOW_MIN, 0, 0), DUPLICATE_FRESH);
    ck_assert_int_eq(push(0, 12 * DUPLICATE_WINDOW_MIN, 0, 0), DUPLICATE_JUMP);
    ck_assert_uint_eq(count()->jumps, 1);
}
END_TEST

START_TEST(no_more_legs_are_counted_than_there_can_be) {
    for (uint32_t leg = 0; leg < 255; leg++)
        mark(0, (uint8_t)leg, 0, 0, 0);
    ck_assert_uint_eq(count()->marks_refused, 255 - 16);
    push(200, 0, 1, 0);
    expect("1:0");
}
END_TEST

/** Gaps in every bucket, marks and jumps, for ten seconds: memory and the time of each hold are bounded. */
START_TEST(a_hostile_peer_is_bounded) {
    uint32_t sequence = 0;

    teardown();
    start(0, 0, 512);
    for (uint32_t i = 0; i < 100000; i++) {
        sequence += 1 + i % 7;
        push((uint8_t)(i % 20), sequence, (uint8_t)(1 + i % 255), 2 * (i / 255) + 1);
        mark((uint8_t)(i % 3), (uint8_t)(i % 250), (uint8_t)(i % 4), sequence + i % 100, sequence - i % 5000);
        if (i % 1000 == 0)
            push(0, sequence += 100000, 5, i * 77777);
        wait(100 * NS_PER_US);
        suite_assert(buf_pool_used(pool, BUF_256) <= 128);
        suite_assert(buf_pool_used(pool, BUF_2048) <= 128);
    }
    wait(2 * NS_PER_SEC);
    ck_assert_uint_eq(count()->held_packets, 0);
    ck_assert_uint_le(count()->longest_hold, REORDER_HOLD_MAX);
    ck_assert_uint_eq(got_count, count()->delivered);
}
END_TEST

START_TEST(held_bytes_keep_to_the_limit_and_nothing_is_dropped) {
    uint32_t pushed = 0;

    teardown();
    start(0, 0, 100000);
    for (uint32_t i = 0; i < 20000; i++, pushed++) {
        suite_assert(push_sized(0, i, (uint8_t)(1 + i % 100), i / 100 + 1, 1400) == DUPLICATE_FRESH);
        suite_assert(count()->held_bytes <= REORDER_HELD_MAX);
    }
    ck_assert_uint_gt(count()->pressed, 0);
    ck_assert_uint_eq(got_count + count()->held_packets, pushed);
}
END_TEST

START_TEST(without_room_order_yields_but_packets_do_not) {
    teardown();
    start(0, 0, 16);
    for (uint32_t i = 0; i < 6; i++)
        push_sized(0, 10 + i, 1, 10 + 2 * i, 1400);
    ck_assert_uint_eq(count()->held_packets, 4);
    expect("1:10 1:12");
    push_sized(0, 20, 1, 13, 1400);
    expect("1:13 1:14");
}
END_TEST

START_TEST(the_oldest_gap_goes_first_under_pressure) {
    push(0, 1, 1, 1);
    now++;
    push(0, 3, 2, 1);
    ck_assert(reorder_release_oldest(reorder, now));
    expect("1:1");
    ck_assert(reorder_release_oldest(reorder, now));
    expect("2:1");
    ck_assert(!reorder_release_oldest(reorder, now));
    ck_assert_uint_eq(count()->pressed, 2);
}
END_TEST

START_TEST(what_is_held_goes_with_the_receiver) {
    for (uint32_t i = 0; i < 500; i++)
        push(0, i + 1, 1, i + 1);
    ck_assert_uint_eq(count()->held_packets, 500);
}
END_TEST

/** All orders of seven packets behind a gap come out the same. */
START_TEST(any_order_of_arrival_comes_out_sorted) {
    for (uint32_t order = 0; order < 5040; order++) {
        uint32_t left[7] = {1, 2, 3, 4, 5, 6, 7}, code = order, base = order * 8;

        got[0] = '\0';
        for (uint32_t n = 7; n > 0; n--) {
            uint32_t pick = code % n;
            code /= n;
            push(0, base + left[pick], (uint8_t)(1 + order % 255), order / 255 * 8 + left[pick]);
            memmove(left + pick, left + pick + 1, (n - 1 - pick) * sizeof *left);
        }
        ck_assert_str_eq(got, "");
        push(0, base, (uint8_t)(1 + order % 255), order / 255 * 8);
        ck_assert_uint_eq(count()->held_packets, 0);
    }
    ck_assert_uint_eq(got_count, 5040 * 8);
    ck_assert_uint_eq(count()->late, 0);
}
END_TEST

START_TEST(what_has_come_can_be_told) {
    uint32_t runs[5];

    ck_assert_uint_eq(reorder_arrived(reorder, 0, runs, 5), 0);
    for (uint32_t i = 0; i < 10; i++)
        push(0, i, 1, i);
    ck_assert_uint_eq(reorder_arrived(reorder, 10, runs, 5), 0);
    ck_assert_uint_eq(reorder_arrived(reorder, 4, runs, 5), 1);
    ck_assert_uint_eq(runs[0], 6);
    for (uint32_t i = 12; i < 40; i++)
        if (i != 15 && i % 10 < 7)
            push(1, i, 1, i);
    ck_assert_uint_eq(reorder_arrived(reorder, 0, runs, 5), 5);
    ck_assert_uint_eq(runs[0], 10);
    ck_assert_uint_eq(runs[1], 2);
    ck_assert_uint_eq(runs[2], 3);
    ck_assert_uint_eq(runs[3], 1);
    ck_assert_uint_eq(runs[4], 1);
    /* The first of them may be missing, and none ends with what is missing. */
    ck_assert_uint_eq(reorder_arrived(reorder, 17, runs, 5), 5);
    ck_assert_uint_eq(runs[0], 0);
    ck_assert_uint_eq(runs[1], 3);
    ck_assert_uint_eq(runs[2], 7);
    ck_assert_uint_eq(reorder_arrived(reorder, 0, runs, 4), 3);
    ck_assert_uint_eq(reorder_arrived(reorder, 37, runs, 5), 0);
    /* Who asks from long ago is told no more than so much. */
    push(1, 15040, 1, 15040);
    mark(1, 1, 0, 15041, 0);
    push(1, 30000, 1, 30000);
    ck_assert_uint_eq(reorder_arrived(reorder, 15041, runs, 5), 3);
    ck_assert_uint_eq(runs[1], 30000 - 15041);
    ck_assert_uint_eq(reorder_arrived(reorder, 37, runs, 5), 3);
    ck_assert_uint_eq(runs[1], 15040 - 37);
    ck_assert_uint_eq(runs[2], 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reorder");
    TCase *tc = tcase_create("reorder");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_comes_in_order_goes_straight_on);
    tcase_add_test(tc, bucket_0_never_waits);
    tcase_add_test(tc, order_is_kept_within_a_bucket_and_only_there);
    tcase_add_test(tc, nothing_is_delivered_twice);
    tcase_add_test(tc, a_gap_is_lost_once_when_every_leg_has_passed_it);
    tcase_add_test(tc, a_gap_that_is_lost_once_is_held_until_the_copy_comes);
    tcase_add_test(tc, the_floor_releases_what_is_lost_once);
    tcase_add_test(tc, the_floor_does_not_release_what_may_be_under_way);
    tcase_add_test(tc, the_repair_limit_releases_in_time);
    tcase_add_test(tc, the_repair_limit_is_longer_where_round_trips_vary);
    tcase_add_test(tc, no_packet_is_held_for_more_than_a_second);
    tcase_add_test(tc, legs_of_different_delay_keep_order);
    tcase_add_test(tc, a_silent_leg_is_left_out);
    tcase_add_test(tc, a_leg_that_speaks_is_waited_for);
    tcase_add_test(tc, an_idle_mark_takes_a_leg_out_of_the_set);
    tcase_add_test(tc, an_idle_mark_on_another_leg_waits_for_what_is_under_way);
    tcase_add_test(tc, a_gone_mark_takes_a_leg_out_for_good);
    tcase_add_test(tc, what_waited_for_a_leg_that_left_waits_for_copies);
    tcase_add_test(tc, a_leg_whose_connection_ended_is_not_waited_for);
    tcase_add_test(tc, a_leg_announced_before_its_first_packet_is_waited_for);
    tcase_add_test(tc, sequences_wrap);
    tcase_add_test(tc, marks_beyond_the_window_are_refused);
    tcase_add_test(tc, no_more_legs_are_counted_than_there_can_be);
    tcase_add_test(tc, a_hostile_peer_is_bounded);
    tcase_add_test(tc, held_bytes_keep_to_the_limit_and_nothing_is_dropped);
    tcase_add_test(tc, without_room_order_yields_but_packets_do_not);
    tcase_add_test(tc, the_oldest_gap_goes_first_under_pressure);
    tcase_add_test(tc, what_is_held_goes_with_the_receiver);
    tcase_add_test(tc, any_order_of_arrival_comes_out_sorted);
    tcase_add_test(tc, what_has_come_can_be_told);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
