/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_knee: the congestion controller by itself, against a path that answers every packet after a set time. Whole
 * links are in tests/sim/cc. */
#include <check.h>
#include <stdlib.h>

#include "common/clock.h"
#include "quic/knee.h"

#define PACKET 1200u /**< bytes */

#define MOST 5000u /**< packets that are sent in a round at most */

/** Send and acknowledge a window's worth for that many rounds. @param share of the window that is used */
static uint64_t rounds(struct knee *knee, unsigned count, uint64_t rtt, double share, uint64_t now) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t window = (uint64_t)((double)knee_window(knee) * share), packets = window / PACKET;

        if (packets > MOST)
            packets = MOST;
        for (uint64_t k = 0; k < packets; k++)
            knee_on_acked(knee, PACKET, now, (k + 1) * PACKET, now + rtt);
        knee_on_ack_done(knee, now, now + rtt);
        now += rtt + 1;
    }
    return now;
}

START_TEST(a_window_starts_with_ten_packets_and_no_pace) {
    struct knee knee;
    uint64_t bytes, ns;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    knee_pace(&knee, &bytes, &ns);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
    ck_assert_uint_eq(ns, 0);
}
END_TEST

START_TEST(a_window_that_is_used_grows_while_the_path_does_not_slow_down) {
    struct knee knee;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    rounds(&knee, 10, 40 * NS_PER_MS, 1, NS_PER_SEC);
    ck_assert_uint_gt(knee_window(&knee), 60 * PACKET);
}
END_TEST

START_TEST(a_window_that_is_not_used_does_not_grow) {
    struct knee knee;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    rounds(&knee, 50, 40 * NS_PER_MS, 0.3, NS_PER_SEC);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
}
END_TEST

START_TEST(a_mark_ends_start_up_when_there_is_a_queue_and_only_then) {
    struct knee knee;
    uint64_t now;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 8, 40 * NS_PER_MS, 1, NS_PER_SEC);
    knee_on_marked(&knee, now, now + 1);
    ck_assert_int_eq(knee.mode, KNEE_START);
    now = rounds(&knee, 1, 50 * NS_PER_MS, 1, now);
    knee_on_marked(&knee, now, now + 2);
    ck_assert_int_ne(knee.mode, KNEE_START);
}
END_TEST

START_TEST(another_path_begins_anew) {
    struct knee knee;
    uint64_t now;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 8, 40 * NS_PER_MS, 1, NS_PER_SEC);
    knee_reset(&knee, now);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
}
END_TEST

START_TEST(a_window_never_falls_below_two_packets_whatever_is_lost) {
    struct knee knee;
    uint64_t now = NS_PER_SEC;

    knee_init(&knee, PACKET, 1, now);
    for (unsigned i = 0; i < 500; i++) {
        now = rounds(&knee, 1, (1 + i % 7) * 30 * NS_PER_MS, 1, now);
        for (unsigned k = 0; k < 20; k++)
            knee_on_lost(&knee, PACKET, now - 20 * NS_PER_MS);
        ck_assert_uint_ge(knee_window(&knee), 2 * PACKET);
        ck_assert_uint_le(knee_window(&knee), 4000000000u);
    }
}
END_TEST

START_TEST(a_path_that_was_dead_begins_anew) {
    struct knee knee;
    uint64_t now, window;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 10, 40 * NS_PER_MS, 1, NS_PER_SEC);
    window = knee_window(&knee);
    /* Idle for long, then a packet and its answer: nothing has happened. */
    now += 60 * NS_PER_SEC;
    knee_on_sent(&knee, now);
    knee_on_acked(&knee, PACKET, now, PACKET, now + 40 * NS_PER_MS);
    ck_assert_uint_ge(knee_window(&knee), window);
    /* Packets without an answer for a second, and then one: the first one's, whose own was lost. */
    now += NS_PER_SEC;
    knee_on_sent(&knee, now);
    knee_on_acked(&knee, PACKET, now, PACKET, now + NS_PER_SEC);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
    ck_assert_uint_eq((uint64_t)knee.rtt, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("knee");
    TCase *tc = tcase_create("knee");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_window_starts_with_ten_packets_and_no_pace);
    tcase_add_test(tc, a_window_that_is_used_grows_while_the_path_does_not_slow_down);
    tcase_add_test(tc, a_window_that_is_not_used_does_not_grow);
    tcase_add_test(tc, a_mark_ends_start_up_when_there_is_a_queue_and_only_then);
    tcase_add_test(tc, another_path_begins_anew);
    tcase_add_test(tc, a_path_that_was_dead_begins_anew);
    tcase_add_test(tc, a_window_never_falls_below_two_packets_whatever_is_lost);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
