/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of paths with one inner CUBIC flow up and a ping, in virtual time, each path alone beside the bond: where the
 * default configuration reaches its goals it must reach them, elsewhere it must not become worse. Other flows, and the
 * other direction: check_flows.c. Whole tables: bench_pairs. */
#include <check.h>
#include <stdlib.h>

#include "goals.h"
#include "tests/sim/sort.h"
#include "tests/unit/suite.h"

/* better alone, sum, ping, what the paths carry, vain */
static const struct goals rows[] = {
    {"baseline", GOAL, GOAL, GOAL, 95, GOAL}, {"rtt_40", GOAL, GOAL, GOAL, 93, GOAL},
    {"rtt_70", GOAL, GOAL, GOAL, 90, GOAL},   {"rtt_120", GOAL, NOT, GOAL, 45, GOAL},
    {"rtt_320", GOAL, NOT, GOAL, 45, GOAL},   {"jit_5", GOAL, GOAL, GOAL, 80, GOAL},
    {"jit_20", GOAL, 75, GOAL, 70, 1},        {"loss_05", GOAL, GOAL, GOAL, 85, 1},
    {"loss_2", GOAL, GOAL, GOAL, 70, 2},      {"bw_4to1", GOAL, GOAL, GOAL, 92, GOAL},
    {"bw_10to1", GOAL, GOAL, GOAL, 90, GOAL}, {"dual_lte", GOAL, GOAL, GOAL, 80, 1},
    {"fiber_lte", GOAL, NOT, GOAL, 80, GOAL}, {"lte_starlink", GOAL, 65, 150, 48, 1},
    {"lte_geo", GOAL, NOT, GOAL, 55, GOAL},   {"congested", GOAL, GOAL, 250, 80, GOAL},
    {"loss_1_one", GOAL, GOAL, GOAL, 90, 1},  {"loss_1_alone", GOAL, GOAL, GOAL, 75, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(one_flow_up_reaches_what_it_is_to) {
    const struct pair_run run = goals_run(rows[_i].pair);
    goals_check(&run, &rows[_i]);
}
END_TEST

/* What a flow carries from its first second to its fourth, percent of what the paths can: neither jitter nor repair nor
 * the legs' own start-up may end its slow start early. The median of the seeds. And when it ends, by what waits too
 * long being dropped, the flow is not held up for long: ms without a byte, at most, of all seeds, and in their median.
 * On dual_lte that is chance: of 80 seeds about a dozen hold it up for more than 290 ms, and three tell nothing of it.
 */
static const struct beginning {
    const char *pair;
    size_t seeds;
    double least, longest, middle;
} beginnings[] = {{"rtt_70", 3, 70, 170, 170},
                  {"jit_20", 3, 45, 260, 260},
                  {"loss_2", 3, 80, 200, 200},
                  {"dual_lte", 15, 80, 450, 230},
                  {"lte_starlink", 3, 20, 270, 270}};
enum { BEGINNINGS = sizeof beginnings / sizeof *beginnings, SEEDS_MAX = 15 };

START_TEST(a_flow_fills_the_paths_soon) {
    const struct beginning *b = &beginnings[_i];
    struct pair_run run = goals_run(b->pair);
    double share[SEEDS_MAX], gap[SEEDS_MAX];
    run.skip = 1;
    run.seconds = 3;
    for (size_t i = 0; i < b->seeds; i++) {
        run.seed = i + 1;
        const struct pair_result result = pair_run(&run);
        share[i] = 100 * result.goodput / result.bound;
        gap[i] = (double)result.tcp.longest_gap / 1e6;
    }
    sort_figures(share, b->seeds);
    sort_figures(gap, b->seeds);
    ck_assert_msg(share[b->seeds / 2] >= b->least, "%s: %.0f %% (%.0f to %.0f)", b->pair, share[b->seeds / 2], share[0],
                  share[b->seeds - 1]);
    ck_assert_msg(gap[b->seeds - 1] <= b->longest, "%s: %.0f ms without a byte", b->pair, gap[b->seeds - 1]);
    ck_assert_msg(gap[b->seeds / 2] <= b->middle, "%s: %.0f ms without a byte in the median", b->pair,
                  gap[b->seeds / 2]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_pairs");
    TCase *tcase = tcase_create("pairs");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, one_flow_up_reaches_what_it_is_to, 0, ROWS);
    tcase_add_loop_test(tcase, a_flow_fills_the_paths_soon, 0, BEGINNINGS);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
