/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/duplicate. */
#include "bond/duplicate.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

#define RTT 50000000ull
#define W DUPLICATE_WINDOW_MIN

static struct duplicate window;

static void start(uint32_t first) {
    ck_assert_int_eq(duplicate_init(&window, first), 0);
}

static void stop(void) {
    duplicate_fini(&window);
}

static enum duplicate_result see(uint32_t sequence) {
    return duplicate_check(&window, sequence, RTT, 0);
}

START_TEST(each_sequence_is_fresh_once) {
    start(0);
    for (uint32_t i = 0; i < 3 * W; i++) {
        suite_assert(see(i) == DUPLICATE_FRESH);
        suite_assert(see(i) == DUPLICATE_SEEN);
    }
    for (uint32_t i = 0; i < 3 * W; i++)
        suite_assert(see(i) == DUPLICATE_SEEN);
}
END_TEST

START_TEST(what_was_passed_over_is_fresh_when_it_comes) {
    start(0);
    for (uint32_t i = 1; i < 2 * W; i += 2)
        suite_assert(see(i) == DUPLICATE_FRESH);
    for (uint32_t i = W; i < 2 * W; i += 2)
        suite_assert(see(i) == DUPLICATE_FRESH);
    ck_assert_int_eq(see(W - 2), DUPLICATE_SEEN);
}
END_TEST

START_TEST(nothing_before_the_first_is_fresh) {
    start(1000);
    ck_assert_int_eq(see(999), DUPLICATE_SEEN);
    ck_assert_int_eq(see(1001), DUPLICATE_FRESH);
    ck_assert_int_eq(see(999), DUPLICATE_SEEN);
    ck_assert_int_eq(see(1000), DUPLICATE_FRESH);
}
END_TEST

START_TEST(the_window_wraps) {
    uint32_t first = (uint32_t)-W / 2;

    start(first);
    for (uint32_t i = 0; i < W; i += 3)
        suite_assert(see(first + i) == DUPLICATE_FRESH);
    for (uint32_t i = 0; i < W; i++)
        suite_assert(see(first + i) == (i % 3 == 0 ? DUPLICATE_SEEN : DUPLICATE_FRESH));
}
END_TEST

START_TEST(a_jump_within_the_window_clears_no_more_than_it_covers) {
    start(0);
    for (uint32_t i = 0; i < W; i++)
        see(i);
    ck_assert_int_eq(see(W - 1 + 100), DUPLICATE_FRESH);
    for (uint32_t i = 100; i < W; i++)
        suite_assert(see(i) == DUPLICATE_SEEN);
    for (uint32_t i = W; i < W - 1 + 100; i++)
        suite_assert(see(i) == DUPLICATE_FRESH);
}
END_TEST

START_TEST(a_jump_of_a_whole_window_is_believed) {
    start(0);
    ck_assert_int_eq(see(0), DUPLICATE_FRESH);
    ck_assert_int_eq(see(W), DUPLICATE_FRESH);
    ck_assert_int_eq(see(0), DUPLICATE_SEEN);
    ck_assert_int_eq(see(1), DUPLICATE_FRESH);
}
END_TEST

START_TEST(a_larger_jump_is_believed_once_per_rtt) {
    start(0);
    ck_assert_int_eq(duplicate_check(&window, 10 * W, RTT, 0), DUPLICATE_FRESH);
    ck_assert_int_eq(duplicate_check(&window, 20 * W, RTT, RTT - 1), DUPLICATE_JUMP);
    ck_assert_int_eq(duplicate_check(&window, 10 * W + 1, RTT, RTT - 1), DUPLICATE_FRESH);
    ck_assert_int_eq(duplicate_check(&window, 20 * W, RTT, RTT), DUPLICATE_FRESH);
    ck_assert_int_eq(duplicate_check(&window, 20 * W - 1, RTT, RTT), DUPLICATE_FRESH);
}
END_TEST

START_TEST(the_window_grows_with_what_comes_late) {
    start(0);
    ck_assert_int_eq(see(W - 1), DUPLICATE_FRESH);
    ck_assert_int_eq(see(10), DUPLICATE_FRESH);
    ck_assert_uint_eq(window.span, 2 * W);
    ck_assert_int_eq(see(W + 5000), DUPLICATE_FRESH);
    ck_assert_int_eq(see(5), DUPLICATE_FRESH);
    ck_assert_int_eq(see(10), DUPLICATE_SEEN);
    ck_assert_int_eq(see(W - 1), DUPLICATE_SEEN);
}
END_TEST

/** What growing keeps, from any position of the ring: a model of one byte a sequence tells. */
START_TEST(growing_forgets_nothing) {
    static uint8_t seen[4 * W];

    for (uint32_t offset = 0; offset < 130; offset += 7) {
        uint32_t first = (uint32_t)-W + offset, end = W + 3 * offset;
        memset(seen, 0, sizeof seen);
        start(first);
        for (uint32_t i = 0; i < end; i++)
            if (i * 2654435761u >> 30 != 0 || i == end - 1) {
                see(first + i);
                seen[i] = 1;
            }
        duplicate_reserve(&window, W / 2 + 1);
        ck_assert_uint_eq(window.span, 2 * W);
        for (uint32_t i = 0; i < end; i++) {
            bool known = i + W >= end;
            suite_assert(see(first + i) == (seen[i] || !known ? DUPLICATE_SEEN : DUPLICATE_FRESH));
        }
        for (uint32_t i = end; i < end + W; i++)
            suite_assert(see(first + i) == DUPLICATE_FRESH);
        stop();
    }
    start(0);
}
END_TEST

START_TEST(the_window_does_not_grow_beyond_its_limit) {
    start(0);
    duplicate_reserve(&window, UINT32_MAX);
    ck_assert_uint_eq(window.span, DUPLICATE_WINDOW_MAX);
    ck_assert_int_eq(see(DUPLICATE_WINDOW_MAX), DUPLICATE_FRESH);
    ck_assert_int_eq(see(1), DUPLICATE_FRESH);
    ck_assert_uint_eq(window.span, DUPLICATE_WINDOW_MAX);
}
END_TEST

/** Random walk beside a model of one byte a sequence, over the wrap. */
START_TEST(it_agrees_with_a_model) {
    enum { RANGE = 1 << 18 };
    uint8_t *seen = calloc(1, RANGE);
    uint32_t first = (uint32_t)-RANGE / 2, head = 0;

    ck_assert_ptr_nonnull(seen);
    start(first);
    while (head < RANGE - 100) {
        uint32_t at = draw() % 4 == 0 ? head + draw() % 90 : head - draw() % 5000;
        if (at >= RANGE)
            continue;
        suite_assert(see(first + at) == (seen[at] ? DUPLICATE_SEEN : DUPLICATE_FRESH));
        seen[at] = 1;
        head = at > head ? at : head;
    }
    free(seen);
}
END_TEST

START_TEST(runs_are_told) {
    uint32_t first = (uint32_t)-100; /* they wrap, too */

    start(first);
    ck_assert_uint_eq(duplicate_run(&window, first, true, W), 0);
    ck_assert_uint_eq(duplicate_run(&window, first, false, W), 0); /* nobody knows that it was sent */
    for (uint32_t i = 0; i < 300; i++)
        if (i < 70 || i >= 200)
            see(first + i);
    ck_assert_uint_eq(duplicate_run(&window, first, true, W), 70);
    ck_assert_uint_eq(duplicate_run(&window, first, true, 9), 9);
    ck_assert_uint_eq(duplicate_run(&window, first, false, W), 0);
    ck_assert_uint_eq(duplicate_run(&window, first + 70, false, W), 130);
    ck_assert_uint_eq(duplicate_run(&window, first + 70, true, W), 0);
    ck_assert_uint_eq(duplicate_run(&window, first + 200, true, W), 100);
    ck_assert_uint_eq(duplicate_run(&window, first + 300, true, W), 0);
    /* What is before the first, or has left the window, will not be waited for. */
    ck_assert_uint_eq(duplicate_run(&window, first - W, true, 2 * W), W + 70);
    ck_assert_uint_eq(duplicate_run(&window, first - 2 * W, true, 1), 1);
    ck_assert_uint_eq(duplicate_run(&window, first - 1, true, W), 71);
    ck_assert_uint_eq(duplicate_run(&window, window.highest - 0x7fffffff, true, W), W);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("duplicate");
    TCase *tc = tcase_create("duplicate");

    tcase_add_checked_fixture(tc, NULL, stop);
    tcase_add_test(tc, each_sequence_is_fresh_once);
    tcase_add_test(tc, what_was_passed_over_is_fresh_when_it_comes);
    tcase_add_test(tc, nothing_before_the_first_is_fresh);
    tcase_add_test(tc, the_window_wraps);
    tcase_add_test(tc, a_jump_within_the_window_clears_no_more_than_it_covers);
    tcase_add_test(tc, a_jump_of_a_whole_window_is_believed);
    tcase_add_test(tc, a_larger_jump_is_believed_once_per_rtt);
    tcase_add_test(tc, the_window_grows_with_what_comes_late);
    tcase_add_test(tc, growing_forgets_nothing);
    tcase_add_test(tc, the_window_does_not_grow_beyond_its_limit);
    tcase_add_test(tc, it_agrees_with_a_model);
    tcase_add_test(tc, runs_are_told);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
