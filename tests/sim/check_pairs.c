/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of paths with one inner CUBIC flow up and a ping, in virtual time, each path alone beside the bond: where the
 * default configuration reaches its goals it must reach them, elsewhere it must not become worse. Other flows, and the
 * other direction: check_flows.c. Whole tables: bench_pairs. */
#include <check.h>

#include "goals.h"
#include "tests/unit/suite.h"

/* better alone, sum, ping, what the paths carry, vain */
static const struct goals rows[] = {
    {"baseline", GOAL, GOAL, GOAL, 95, GOAL}, {"rtt_40", GOAL, GOAL, GOAL, 93, GOAL},
    {"rtt_70", GOAL, GOAL, GOAL, 82, GOAL},   {"rtt_120", GOAL, NOT, GOAL, 45, GOAL},
    {"rtt_320", GOAL, NOT, GOAL, 45, GOAL},   {"jit_5", GOAL, GOAL, GOAL, 80, GOAL},
    {"jit_20", GOAL, 60, GOAL, 40, 1},        {"loss_05", GOAL, 70, GOAL, 65, 1},
    {"loss_2", GOAL, GOAL, 110, 70, 2},       {"bw_4to1", GOAL, GOAL, GOAL, 92, GOAL},
    {"bw_10to1", GOAL, GOAL, GOAL, 90, GOAL}, {"dual_lte", GOAL, 75, GOAL, 60, 1},
    {"fiber_lte", GOAL, NOT, GOAL, 80, GOAL}, {"lte_starlink", 65, 45, 300, 18, 1},
    {"lte_geo", GOAL, NOT, GOAL, 55, GOAL},   {"congested", 80, 50, 320, 20, GOAL},
    {"loss_1_one", GOAL, GOAL, GOAL, 90, 1},  {"loss_1_alone", GOAL, GOAL, GOAL, 75, 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(one_flow_up_reaches_what_it_is_to) {
    const struct pair_run run = goals_run(rows[_i].pair);
    goals_check(&run, &rows[_i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_pairs");
    TCase *tcase = tcase_create("pairs");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, one_flow_up_reaches_what_it_is_to, 0, ROWS);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
