/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_cc: our congestion controller in real connections over simulated links: each link of rows.h, beside others, and
 * when the link changes. */
#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/rows.h"
#include "tests/unit/conn_fixture.h"

static struct flows_result run(const struct flows_settings *settings) {
    struct flows_result r;

    flows_run(settings, fixture.client, fixture.server, &r);
    return r;
}

START_TEST(a_link_is_filled_without_much_queue_or_many_drops) {
    const struct row *row = &rows[_i];
    struct flows_settings s = {.rate = row->rate,
                               .delay = row->delay,
                               .jitter = row->jitter,
                               .loss = row->loss,
                               .skip = row->skip,
                               .seconds = row->seconds,
                               .seed = 1,
                               .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_msg(r.share >= row->share, "%s: share %.3f", row->name, r.share);
    ck_assert_msg(r.delay <= row->queue, "%s: delay %.1f ms", row->name, r.delay);
    ck_assert_msg(r.drops <= row->drops, "%s: drops %.4f", row->name, r.drops);
}
END_TEST

START_TEST(start_up_stays_below_twice_the_path) {
    struct flows_settings s = {.rate = 50, .delay = 20, .skip = 1, .seconds = 2, .seed = 3, .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_double_lt(r.overshoot, 2);
    ck_assert_double_le(r.reached, 1.0);
}
END_TEST

START_TEST(a_shallow_queue_is_not_overrun_for_long) {
    struct flows_settings s = {
        .rate = 50, .delay = 20, .queue = 100, .skip = 5, .seconds = 20, .seed = 1, .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_double_ge(r.share, 0.95);
    ck_assert_double_le(r.drops, 0.01);
}
END_TEST

START_TEST(the_link_is_shared_with_another) {
    static const char *const other[] = {"cubic", "bbr", "own"};
    static const size_t queue[] = {200, 400, 950};
    struct flows_settings s = {.rate = 50,
                               .delay = 20,
                               .queue = queue[_i % 3],
                               .skip = 10,
                               .seconds = 30,
                               .seed = 1,
                               .flow = {"own", other[_i / 3]},
                               .start = {0, _i / 3 == 2 ? 3 : 0}};
    struct flows_result r = run(&s);
    double share = r.rate[0] / (r.rate[0] + r.rate[1]);

    ck_assert_msg(share >= 0.3 && share <= 0.7, "beside %s, %zu packets: %.2f", other[_i / 3], s.queue, share);
    ck_assert_double_ge(r.share, 0.95);
}
END_TEST

START_TEST(a_rate_that_falls_and_comes_back_is_used_within_two_seconds) {
    struct flows_settings s = {.rate = 50,
                               .delay = 20,
                               .change_at = {5, 11},
                               .change_to = {10, 50},
                               .skip = 12.5,
                               .seconds = 13.5,
                               .seed = 1,
                               .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_double_ge(r.tail, 0.9);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cc");
    TCase *tc = tcase_create("cc");
    SRunner *runner = srunner_create(suite);
    int failed;

    fixture_init();
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_link_is_filled_without_much_queue_or_many_drops, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tc, start_up_stays_below_twice_the_path);
    tcase_add_test(tc, a_shallow_queue_is_not_overrun_for_long);
    tcase_add_loop_test(tc, the_link_is_shared_with_another, 0, 9);
    tcase_add_test(tc, a_rate_that_falls_and_comes_back_is_used_within_two_seconds);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    fixture_fini();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
