/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_cc: our congestion controller in real connections over simulated links: each link of rows.h, beside others, and
 * when the link changes. */
#include <stdlib.h>

#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/rows.h"
#include "tests/sim/chance.h"
#include "tests/sim/sort.h"
#include "tests/unit/conn_fixture.h"
#include "tests/unit/suite.h"

static struct flows_result run(const struct flows_settings *settings) {
    struct flows_result r;

    chance_begin(settings->seed);
    flows_run(settings, fixture.client, fixture.server, &r);
    return r;
}

START_TEST(a_link_is_filled_without_much_queue_or_many_drops) {
    const struct row *row = &rows[_i];
    struct flows_settings s = row_run(row, "own", row->seconds, 1);
    struct flows_result r = run(&s);

    ck_assert_msg(r.share >= row->share, "%s: share %.3f", row->name, r.share);
    ck_assert_msg(r.delay <= row->queue, "%s: delay %.1f ms", row->name, r.delay);
    ck_assert_msg(r.drops <= row->drops, "%s: drops %.4f", row->name, r.drops);
}
END_TEST

enum { NOISY_SEEDS = 20 };

/** What came of noisy links, each sorted. */
struct noisy {
    double share[NOISY_SEEDS], delay[NOISY_SEEDS], drops[NOISY_SEEDS], reached[NOISY_SEEDS];
};

/** Some seconds with each of the seeds. @param s what they have in common */
static void run_noisy(struct flows_settings s, size_t seeds, struct noisy *out) {
    for (size_t i = 0; i < seeds; i++) {
        s.seed = i + 1;
        struct flows_result r = run(&s);

        out->share[i] = r.share;
        out->delay[i] = r.delay;
        out->drops[i] = r.drops;
        out->reached[i] = r.reached > 0 ? r.reached : s.seconds;
    }
    sort_figures(out->share, seeds);
    sort_figures(out->delay, seeds);
    sort_figures(out->drops, seeds);
    sort_figures(out->reached, seeds);
}

/* Slow paths climb faster than others, but not past a queue that noise hides: its delay is within 15 ms of what jitter
 * costs by itself (50.1 ms), in the median. Seeds differ by 15 ms, so a few of them would tell little. */
START_TEST(a_slow_path_does_not_climb_on_behind_noise) {
    struct noisy of;

    run_noisy((struct flows_settings){.path = {20, 50, 0.02}, .jitter = 20, .skip = 5, .seconds = 30, .flow = {"own"}},
              NOISY_SEEDS, &of);
    ck_assert_msg(of.share[NOISY_SEEDS / 2] >= 0.95, "share %.3f", of.share[NOISY_SEEDS / 2]);
    ck_assert_msg(of.share[0] >= 0.9 * of.share[NOISY_SEEDS / 2], "worst share %.3f", of.share[0]);
    ck_assert_msg(of.delay[NOISY_SEEDS / 2] <= 65.1, "delay %.1f ms", of.delay[NOISY_SEEDS / 2]);
}
END_TEST

/* Where noise hides a short queue the climb does not lead far into it, the pace that is found is used soon, and no
 * start-up that ends early leaves the link unused for long. */
START_TEST(a_limit_that_noise_hides_is_found_without_many_drops) {
    enum { SEEDS = 13 };
    struct noisy of;

    run_noisy((struct flows_settings){.path = {100, 50, 0.01}, .jitter = 25, .skip = 5, .seconds = 30, .flow = {"own"}},
              SEEDS, &of);
    ck_assert_msg(of.share[0] >= 0.9 * of.share[SEEDS / 2], "share %.3f, worst %.3f", of.share[SEEDS / 2], of.share[0]);
    ck_assert_msg(of.drops[SEEDS / 2] <= 0.005, "drops %.4f", of.drops[SEEDS / 2]);
    ck_assert_msg(of.reached[SEEDS / 2] <= 5.0, "used after %.1f s", of.reached[SEEDS / 2]);
}
END_TEST

/* Where jitter changes the order, what noise in order needs (few losses that count, a slow climb) leaves links unused.
 */
START_TEST(a_link_whose_jitter_changes_the_order_is_used) {
    struct noisy of;

    run_noisy(
        (struct flows_settings){
            .path = {20, 50, 0.01}, .jitter = 20, .reorder = true, .skip = 10, .seconds = 30, .flow = {"own"}},
        NOISY_SEEDS, &of);
    ck_assert_msg(of.share[NOISY_SEEDS / 2] >= 0.9, "share %.3f", of.share[NOISY_SEEDS / 2]);
    ck_assert_msg(of.share[0] >= 0.8, "worst share %.3f", of.share[0]);
    ck_assert_msg(of.delay[NOISY_SEEDS / 2] <= 20, "delay %.1f ms", of.delay[NOISY_SEEDS / 2]);
}
END_TEST

/* Of a thousand packets on the way most are declared lost and arrive after all: far more than ngtcp2 remembers. */
START_TEST(a_fast_link_whose_jitter_changes_the_order_is_not_abandoned) {
    enum { SEEDS = 10 };
    struct noisy of;

    run_noisy(
        (struct flows_settings){
            .path = {100, 50, 0.01}, .jitter = 25, .reorder = true, .skip = 10, .seconds = 30, .flow = {"own"}},
        SEEDS, &of);
    ck_assert_msg(of.share[SEEDS / 2] >= 0.15, "share %.3f", of.share[SEEDS / 2]);
    ck_assert_msg(of.share[0] >= 0.12, "worst share %.3f", of.share[0]);
    ck_assert_msg(of.drops[SEEDS / 2] <= 0.005, "drops %.4f", of.drops[SEEDS / 2]);
}
END_TEST

/* A route or a queue that changes makes single packets late on any path: what noise in order needs holds on. Each
 * second is one of 10,000 packets of the first link. */
START_TEST(packets_that_are_seldom_overtaken_do_not_cost_a_noisy_link) {
    static const double every[] = {0, 1};
    struct flows_settings s = {.path = {100, 50, 0.01},
                               .jitter = 25,
                               .late = 60,
                               .late_from = 0.5,
                               .late_every = every[_i],
                               .late_packets = 1,
                               .skip = 5,
                               .seconds = 30,
                               .flow = {"own"}};
    struct noisy of;

    run_noisy(s, NOISY_SEEDS, &of);
    ck_assert_msg(of.share[NOISY_SEEDS / 2] >= 0.75, "share %.3f", of.share[NOISY_SEEDS / 2]);
    ck_assert_msg(of.drops[NOISY_SEEDS / 2] <= 0.006, "drops %.4f", of.drops[NOISY_SEEDS / 2]);
    s.path = (struct flows_path){20, 50, 0.02};
    s.jitter = 20;
    run_noisy(s, NOISY_SEEDS, &of);
    ck_assert_msg(of.share[NOISY_SEEDS / 2] >= 0.95, "share %.3f", of.share[NOISY_SEEDS / 2]);
    ck_assert_msg(of.delay[NOISY_SEEDS / 2] <= 65.1, "delay %.1f ms", of.delay[NOISY_SEEDS / 2]);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_run) {
    struct flows_settings s = {
        .path = {50, 20, 0.01}, .jitter = 10, .skip = 1, .seconds = 3, .seed = 7, .flow = {"own", "bbr"}};
    struct flows_result a = run(&s), b = run(&s);

    ck_assert_mem_eq(&a, &b, sizeof a);
    s.seed = 8;
    b = run(&s);
    ck_assert(a.delay != b.delay);
}
END_TEST

START_TEST(start_up_is_soon_over_and_does_not_overshoot_much) {
    static const struct {
        struct flows_path path;
        double reached; /* s, at most: 20 round trips, to a tick */
    } starts[] = {{{50, 20, 0}, 0.6}, {{50, 20, 0.005}, 0.6}, {{300, 10, 0}, 0.5}, {{700, 15, 0}, 0.75}};

    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct flows_settings s = {.path = starts[_i].path, .skip = 1, .seconds = 1.5, .seed = seed, .flow = {"own"}};
        struct flows_result r = run(&s);

        ck_assert_msg(r.overshoot < (s.path.loss > 0 ? 1.54 : 1.5), "%g Mbit/s: %.2f in flight", s.path.rate,
                      r.overshoot);
        ck_assert_msg(r.reached <= starts[_i].reached, "%g Mbit/s: used after %.1f s", s.path.rate, r.reached);
    }
}
END_TEST

/* What start-up lost is the path's own loss, or the climb to the rate that it found leads far beyond. */
START_TEST(start_up_with_losses_does_not_overshoot_much) {
    double overshoot = 0;

    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct flows_settings s = {.path = {50, 20, 0.02}, .skip = 1, .seconds = 1.5, .seed = seed, .flow = {"own"}};

        overshoot += run(&s).overshoot / 8;
    }
    ck_assert_msg(overshoot < 1.5, "%.3f in flight", overshoot);
}
END_TEST

/* Losses in a queue that both of them fill are not the path's own: who took them for that climbed into it for good. */
START_TEST(two_of_ours_do_not_take_the_others_losses_for_the_paths) {
    for (uint64_t seed = 2; seed <= 5; seed++) {
        struct flows_settings s = {.path = {50, 20, 0},
                                   .queue = 140,
                                   .skip = 10,
                                   .seconds = 30,
                                   .seed = seed,
                                   .flow = {"own", "own"},
                                   .start = {0, 3}};
        struct flows_result r = run(&s);
        double share = r.rate[0] / (r.rate[0] + r.rate[1]);

        ck_assert_msg(share >= 0.4 && share <= 0.6, "seed %d: the first has %.2f", (int)seed, share);
        ck_assert_msg(r.drops <= 0.006, "seed %d: drops %.4f", (int)seed, r.drops);
    }
}
END_TEST

START_TEST(a_shallow_queue_is_not_overrun_for_long) {
    struct flows_settings s = {.path = {50, 20, 0}, .queue = 100, .skip = 5, .seconds = 15, .seed = 1, .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_double_ge(r.share, 0.96);
    ck_assert_double_le(r.drops, 0.005);
}
END_TEST

START_TEST(the_link_is_shared_with_another) {
    static const char *const other[] = {"cubic", "bbr", "own"};
    static const size_t queue[] = {140, 200, 400, 950};
    struct flows_settings s = {.path = {50, 20, 0},
                               .queue = queue[_i % 4],
                               .skip = 10,
                               .seconds = 30,
                               .seed = 1,
                               .flow = {"own", other[_i / 4]},
                               .start = {0, 3}};
    struct flows_result r = run(&s);
    double share = r.rate[0] / (r.rate[0] + r.rate[1]);
    double least = _i / 4 == 2 ? 0.4 : 0.3;

    ck_assert_msg(share >= least && share <= 1 - least, "beside %s, %zu packets: %.2f", other[_i / 4], s.queue, share);
    ck_assert_double_ge(r.share, 0.95);
}
END_TEST

START_TEST(four_of_ours_keep_no_more_of_a_queue_than_one) {
    struct flows_settings s = {.path = {50, 20, 0},
                               .skip = 10,
                               .seconds = 20,
                               .seed = 1,
                               .flow = {"own", "own", "own", "own"},
                               .start = {0, 1, 2, 3}};
    struct flows_result r = run(&s);

    ck_assert_double_ge(r.share, 0.97);
    ck_assert_double_le(r.delay, 12);
}
END_TEST

START_TEST(a_rate_that_falls_and_comes_back_is_used_within_two_seconds) {
    struct flows_settings s = {.path = {50, 20, 0},
                               .change = {{5, {10, 20, 0}}, {11, {50, 20, 0}}},
                               .skip = 12.5,
                               .seconds = 13.5,
                               .seed = 1,
                               .flow = {"own"}};
    struct flows_result r = run(&s);

    ck_assert_double_ge(flows_rate(&r, 0, 12.5, 13.5), 0.9 * 50);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cc");
    TCase *tc = tcase_create("cc");

    fixture_init();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, a_link_is_filled_without_much_queue_or_many_drops, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tc, a_slow_path_does_not_climb_on_behind_noise);
    tcase_add_test(tc, a_limit_that_noise_hides_is_found_without_many_drops);
    tcase_add_test(tc, a_link_whose_jitter_changes_the_order_is_used);
    tcase_add_test(tc, a_fast_link_whose_jitter_changes_the_order_is_not_abandoned);
    tcase_add_loop_test(tc, packets_that_are_seldom_overtaken_do_not_cost_a_noisy_link, 0, 2);
    tcase_add_test(tc, the_same_seed_gives_the_same_run);
    tcase_add_loop_test(tc, start_up_is_soon_over_and_does_not_overshoot_much, 0, 4);
    tcase_add_test(tc, start_up_with_losses_does_not_overshoot_much);
    tcase_add_test(tc, two_of_ours_do_not_take_the_others_losses_for_the_paths);
    tcase_add_test(tc, four_of_ours_keep_no_more_of_a_queue_than_one);
    tcase_add_test(tc, a_shallow_queue_is_not_overrun_for_long);
    tcase_add_loop_test(tc, the_link_is_shared_with_another, 0, 12);
    tcase_add_test(tc, a_rate_that_falls_and_comes_back_is_used_within_two_seconds);
    suite_add_tcase(suite, tc);
    int status = suite_run(suite);
    fixture_fini();
    return status;
}
