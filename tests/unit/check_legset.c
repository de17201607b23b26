/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/legset: what the legs have passed, and for how long a silent one is waited for. check_reorder.c
 * shows what follows from it. */
#include "bond/legset.h"

#include <check.h>

#include "bond/duplicate.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

#define FIRST (UINT32_MAX - 100) /**< sequences wrap early */
#define START NS_PER_SEC

static struct legset set;

static void setup(void) {
    legset_init(&set, FIRST);
}

static void teardown(void) {
    legset_fini(&set);
}

static int mark(uint8_t on, uint8_t about, uint8_t flags, uint32_t next, uint64_t now) {
    return legset_on_mark(&set, on, &(struct frame_mark){.leg = about, .flags = flags, .next = next}, now);
}

/** Both are known from the beginning, as a session tells of its legs; leg 0 first, leg 1 with each tenth packet, late
 * by this much, for half a second. @return the time after it */
static uint64_t run_two(uint64_t late) {
    uint32_t ms = (uint32_t)(late / NS_PER_MS);

    legset_set_rtt(&set, 0, 0, 0);
    legset_set_rtt(&set, 1, 0, 0);
    for (uint32_t i = 0; i < 500; i++) {
        legset_on_packet(&set, 0, FIRST + 10 * i, START + i * NS_PER_MS);
        if (i >= ms)
            legset_on_packet(&set, 1, FIRST + 10 * (i - ms), START + i * NS_PER_MS);
    }
    return START + 500 * NS_PER_MS;
}

START_TEST(the_slowest_leg_says_what_was_passed) {
    legset_on_packet(&set, 0, FIRST + 200, START);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 201);
    legset_on_packet(&set, 1, FIRST + 150, START);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 151);
    legset_on_packet(&set, 1, FIRST + 20, START);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 151);
    legset_remove(&set, 1);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 201);
}
END_TEST

START_TEST(a_removed_leg_never_comes_back) {
    for (uint8_t leg = 0; leg < 8; leg++)
        legset_on_packet(&set, leg, FIRST + leg, START);
    for (uint8_t leg = 0; leg < 8; leg += 2)
        legset_remove(&set, leg);
    ck_assert_uint_eq(set.count, 4);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 2);
    legset_on_packet(&set, 0, FIRST, START);
    ck_assert_int_eq(mark(1, 0, 0, FIRST, START), 0);
    ck_assert_uint_eq(set.count, 4);
    legset_on_packet(&set, 1, FIRST + 50, START);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 4);
    /* Unless its number is given to another one. */
    legset_add(&set, 0);
    legset_on_packet(&set, 0, FIRST + 2, START);
    ck_assert_uint_eq(set.count, 5);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 3);
    legset_add(&set, 0);
    ck_assert_uint_eq(set.count, 5);
}
END_TEST

START_TEST(the_lateness_of_a_leg_is_measured) {
    uint64_t now = run_two(30 * NS_PER_MS), silent;

    ck_assert_uint_ge(set.legs[1].spread, 28 * NS_PER_MS);
    ck_assert_uint_le(set.legs[1].spread, 31 * NS_PER_MS);
    silent = legset_silent_at(&set, FIRST + 5000, now);
    ck_assert_uint_ge(silent, now + 28 * NS_PER_MS);
    ck_assert_uint_le(silent, now + 40 * NS_PER_MS);
    ck_assert_uint_eq(legset_silent_at(&set, FIRST + 100, now), 0);
}
END_TEST

START_TEST(an_only_leg_leaves_no_trail) {
    legset_on_packet(&set, 0, FIRST, START);
    legset_on_packet(&set, 0, FIRST + 1, START + 10 * NS_PER_MS);
    ck_assert_ptr_null(set.points);
    /* Of a leg that was not known, nobody can say how late its first packet is. */
    legset_on_packet(&set, 1, FIRST, START + 40 * NS_PER_MS);
    ck_assert_ptr_nonnull(set.points);
    ck_assert_uint_eq(set.legs[1].sampled, 0);
}
END_TEST

START_TEST(a_copy_says_nothing_of_lateness) {
    uint64_t now = run_two(0);

    for (uint32_t i = 0; i < 100; i++)
        legset_on_packet(&set, 1, FIRST + i, now += NS_PER_MS);
    ck_assert_uint_eq(set.legs[1].spread, 0);
}
END_TEST

/* What an outage of all legs swallowed may come on another leg than the one whose turn it was, much later. */
START_TEST(what_an_outage_held_up_says_nothing_of_lateness) {
    uint64_t now = run_two(0);
    const uint32_t next = set.head + 1;

    for (uint32_t i = 0; i < 10; i++)
        legset_on_packet(&set, 0, next + i, now += NS_PER_MS);
    now += 600 * NS_PER_MS;
    for (uint32_t i = 0; i < 10; i++)
        legset_on_packet(&set, 1, next + i, now += 2 * NS_PER_MS);
    ck_assert_uint_eq(set.legs[1].spread, 0);
}
END_TEST

START_TEST(a_mark_on_another_leg_holds_after_what_was_under_way) {
    uint64_t now = run_two(30 * NS_PER_MS);

    ck_assert_int_eq(mark(0, 1, 0, FIRST + 6000, now), 0);
    legset_on_packet(&set, 0, FIRST + 6001, now);
    ck_assert_uint_lt(legset_passed(&set), FIRST + 5000);
    ck_assert_uint_lt(legset_silent_at(&set, FIRST + 5999, now + 60 * NS_PER_MS), now + 60 * NS_PER_MS);
    ck_assert_uint_gt(legset_silent_at(&set, FIRST + 6001, now + 60 * NS_PER_MS), now + 80 * NS_PER_MS);
    ck_assert_int_eq(mark(1, 1, 0, FIRST + 6000, now), 0);
    ck_assert_uint_eq(legset_passed(&set), FIRST + 6000);
}
END_TEST

START_TEST(what_was_sent_before_a_leg_was_idle_does_not_call_it_back) {
    uint64_t now = run_two(30 * NS_PER_MS);

    mark(0, 1, FRAME_MARK_IDLE, FIRST + 5000, now);
    legset_on_packet(&set, 1, FIRST + 4995, now + 20 * NS_PER_MS);
    ck_assert(set.legs[1].idle);
    legset_tick(&set, now + 80 * NS_PER_MS);
    ck_assert(!set.legs[1].member);
    legset_on_packet(&set, 1, FIRST + 4996, now + 90 * NS_PER_MS);
    ck_assert(!set.legs[1].member);
    legset_on_packet(&set, 1, FIRST + 5001, now + 90 * NS_PER_MS);
    ck_assert(set.legs[1].member);
}
END_TEST

START_TEST(a_leg_that_is_silent_for_the_whole_number_space_does_no_harm) {
    uint64_t now = START;

    legset_on_packet(&set, 0, FIRST, now);
    legset_on_packet(&set, 1, FIRST, now);
    for (uint32_t sequence = FIRST; now < START + 6000 * NS_PER_MS; sequence += 1000000, now += NS_PER_MS) {
        legset_on_packet(&set, 0, sequence, now);
        int32_t behind = frame_distance32(legset_passed(&set), sequence);
        ck_assert_int_ge(behind, -1);
        ck_assert_int_le(behind, 2 * (int32_t)DUPLICATE_WINDOW_MAX);
    }
}
END_TEST

START_TEST(waits_are_bounded) {
    legset_set_rtt(&set, 3, 3600 * NS_PER_SEC, 0);
    mark(3, 3, 0, FIRST, START);
    ck_assert_uint_eq(legset_wait(&set), LEGSET_WAIT_MAX);
    legset_remove(&set, 3);
    ck_assert_uint_eq(legset_wait(&set), LEGSET_WAIT_MIN);
    ck_assert_uint_eq(legset_rtt(&set), LEGSET_SRTT_INITIAL);
    ck_assert_uint_eq(legset_repair(&set), legset_repair_time(LEGSET_SRTT_INITIAL, 0));
}
END_TEST

/* Not the longest leg tells for how long repair is waited for, but the one on which it takes longest. */
START_TEST(repair_takes_longer_on_a_leg_that_varies) {
    legset_set_rtt(&set, 0, 50 * NS_PER_MS, 0);
    legset_set_rtt(&set, 1, 40 * NS_PER_MS, 20 * NS_PER_MS);
    legset_set_rtt(&set, 2, 300 * NS_PER_MS, 0);
    mark(0, 0, 0, FIRST, START);
    ck_assert_uint_eq(legset_repair(&set), 135 * NS_PER_MS);
    mark(1, 1, 0, FIRST, START);
    ck_assert_uint_eq(legset_repair(&set), 190 * NS_PER_MS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("legset");
    TCase *tc = tcase_create("legset");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_slowest_leg_says_what_was_passed);
    tcase_add_test(tc, a_removed_leg_never_comes_back);
    tcase_add_test(tc, the_lateness_of_a_leg_is_measured);
    tcase_add_test(tc, an_only_leg_leaves_no_trail);
    tcase_add_test(tc, a_copy_says_nothing_of_lateness);
    tcase_add_test(tc, what_an_outage_held_up_says_nothing_of_lateness);
    tcase_add_test(tc, a_mark_on_another_leg_holds_after_what_was_under_way);
    tcase_add_test(tc, what_was_sent_before_a_leg_was_idle_does_not_call_it_back);
    tcase_add_test(tc, a_leg_that_is_silent_for_the_whole_number_space_does_no_harm);
    tcase_add_test(tc, waits_are_bounded);
    tcase_add_test(tc, repair_takes_longer_on_a_leg_that_varies);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
