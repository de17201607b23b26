/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of paths with one inner TCP flow and a ping, in virtual time: what the default configuration reaches must stay
 * reached. Whole tables, each path alone beside the bond: bench_pairs. */
#include <check.h>
#include <stdlib.h>

#include "pairs.h"

/** What the bond must reach at least, with one CUBIC flow after four seconds. */
struct bound {
    const char *pair;
    double goodput;   /**< Mbit/s at least */
    double ping_95;   /**< ms at most */
    double redundant; /**< percent of packets sent again beyond those that were lost, at most */
};

static const struct bound bounds[] = {
    {"baseline", 70, 90, 3},    {"rtt_40", 65, 130, 3},       {"rtt_70", 41, 170, 3},     {"rtt_120", 38, 250, 5},
    {"rtt_320", 38, 170, 5},    {"jit_5", 65, 120, 3},        {"jit_20", 10, 180, 1},     {"loss_05", 70, 110, 1},
    {"loss_2", 60, 130, 2},     {"bw_4to1", 48, 110, 3},      {"bw_10to1", 80, 110, 3},   {"dual_lte", 25, 220, 1},
    {"fiber_lte", 190, 50, 3},  {"lte_starlink", 25, 250, 1}, {"lte_geo", 28, 220, 5},    {"congested", 6, 330, 3},
    {"steady_100", 160, 60, 3}, {"steady_380", 280, 70, 5},   {"loss_1_one", 75, 130, 1}, {"loss_1_alone", 70, 130, 1},
};

static struct pair_run run_of(const char *name) {
    struct pair_run run = {
        .pair = pair_find(name), .paths = 3, .flows = 1, .path_config = "", .config = "", .skip = 4, .seconds = 8};
    run.seed = 1;
    ck_assert_ptr_nonnull(run.pair);
    return run;
}

START_TEST(one_flow_fills_what_is_worth_filling) {
    const struct bound *bound = &bounds[_i];
    const struct pair_run run = run_of(bound->pair);
    struct pair_result result = pair_run(&run);
    ck_assert_msg(result.goodput >= bound->goodput, "%s: %.1f Mbit/s, not %.1f", bound->pair, result.goodput,
                  bound->goodput);
    ck_assert_msg(result.ping_95 <= bound->ping_95, "%s: ping %.0f ms, not %.0f", bound->pair, result.ping_95,
                  bound->ping_95);
    ck_assert_msg(result.resent_percent - result.lost_percent <= bound->redundant, "%s: %.2f %% sent again in vain",
                  bound->pair, result.resent_percent - result.lost_percent);
}
END_TEST

START_TEST(one_flow_the_other_way) {
    struct pair_run run = run_of("baseline");
    run.down = true;
    ck_assert_double_ge(pair_run(&run).goodput, 65);
}
END_TEST

START_TEST(four_flows_fill_both_paths) {
    struct pair_run run = run_of("steady_100");
    run.flows = 4;
    ck_assert_double_ge(pair_run(&run).goodput, 155);
}
END_TEST

START_TEST(an_inner_bbr_flow_fills_both_paths) {
    struct pair_run run = run_of("baseline");
    run.cc = INNER_BBR;
    ck_assert_double_ge(pair_run(&run).goodput, 55);
}
END_TEST

START_TEST(one_path_with_losses_is_filled_too) {
    struct pair_run run = run_of("loss_1_alone");
    run.paths = 1;
    ck_assert_double_ge(pair_run(&run).goodput, 30);
}
END_TEST

START_TEST(what_waits_for_repair_on_long_paths_has_room) {
    struct pair_run run = run_of("lte_starlink");
    struct pair_result result;
    run.seconds = 20;
    result = pair_run(&run);
    ck_assert_double_ge(result.goodput, 45);
    ck_assert_double_le(result.given_up_percent, 0.01);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_run) {
    struct pair_run run = run_of("jit_5");
    struct pair_result first, second;
    run.skip = 1;
    run.seconds = 1;
    first = pair_run(&run);
    second = pair_run(&run);
    ck_assert_double_eq(first.goodput, second.goodput);
    ck_assert_double_eq(first.ping_longest, second.ping_longest);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_pairs");
    TCase *tcase = tcase_create("pairs");
    SRunner *runner;
    int failed;
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, one_flow_fills_what_is_worth_filling, 0, (int)(sizeof bounds / sizeof *bounds));
    tcase_add_test(tcase, one_flow_the_other_way);
    tcase_add_test(tcase, four_flows_fill_both_paths);
    tcase_add_test(tcase, an_inner_bbr_flow_fills_both_paths);
    tcase_add_test(tcase, one_path_with_losses_is_filled_too);
    tcase_add_test(tcase, what_waits_for_repair_on_long_paths_has_room);
    tcase_add_test(tcase, the_same_seed_gives_the_same_run);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
