/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_conditions: our congestion controller under what links do beside having a rate, a delay, jitter and losses
 * (conditions.h), with senders that have not always something to send, and with many of its kind. */
#include "tests/sim/cc/conditions.h"
#include "tests/sim/chance.h"
#include "tests/sim/sort.h"
#include "tests/unit/conn_fixture.h"
#include "tests/unit/suite.h"

#define SEEDS 11 /* where chance has a part: judged is the median */

static struct flows_result result; /* of the last run */

static void run_seed(struct flows_settings settings, uint64_t seed) {
    settings.seed = seed;
    if (settings.flow[0] == NULL)
        settings.flow[0] = "own";
    chance_begin(settings.seed);
    flows_run(&settings, fixture.client, fixture.server, &result);
}

static void run(struct flows_settings settings) {
    run_seed(settings, 1);
}

static double median(double *values, size_t count) {
    sort_figures(values, count);
    return values[count / 2];
}

START_TEST(the_link_is_used_without_much_queue_or_many_drops) {
    const struct condition *c = &conditions[_i];
    const size_t seeds = c->run.jitter > 0 || c->run.path.loss > 0 ? SEEDS : 1;
    double share[SEEDS], queue[SEEDS], drops[SEEDS];

    for (size_t i = 0; i < seeds; i++) {
        run_seed(c->run, i + 1);
        share[i] = flows_rate(&result, 0, c->from, c->until) / flows_bound(&c->run);
        queue[i] = flows_delay(&result, c->from, c->until);
        drops[i] = result.drops;
    }
    ck_assert_msg(median(share, seeds) >= c->share, "%s: share %.3f", c->name, share[seeds / 2]);
    ck_assert_msg(median(queue, seeds) <= c->queue, "%s: delay %.1f ms", c->name, queue[seeds / 2]);
    ck_assert_msg(median(drops, seeds) <= c->drops, "%s: drops %.4f", c->name, drops[seeds / 2]);
}
END_TEST

START_TEST(congestion_marks_shorten_the_queue) {
    struct flows_settings s = {.path = {50, 20, 0}, .skip = 5, .seconds = 15};
    double unmarked;

    run(s);
    unmarked = result.delay;
    s.mark = 1;
    run(s);
    ck_assert_msg(result.delay <= 0.8 * unmarked, "%.2f ms with marks, %.2f without", result.delay, unmarked);
    ck_assert_double_ge(result.share, 0.95);
}
END_TEST

START_TEST(a_limited_sender_gets_its_rate_without_a_queue) {
    run((struct flows_settings){.path = {50, 20, 0}, .limit = 25, .limit_until = 12, .skip = 4, .seconds = 12});
    ck_assert_double_ge(result.rate[0], 0.99 * 25);
    ck_assert_double_le(result.delay, 1);
    ck_assert(result.drops == 0);
}
END_TEST

START_TEST(a_path_that_was_idle_is_not_flooded) {
    run((struct flows_settings){.path = {50, 20, 0}, .idle_from = 5, .idle_until = 8, .skip = 8, .seconds = 9});
    ck_assert_double_le(flows_delay(&result, 8, 8.5), 15);
    ck_assert_double_ge(flows_rate(&result, 0, 8.1, 9), 0.9 * 50);
    ck_assert(result.drops == 0);
}
END_TEST

/* Hosts without a processor for 5 to 60 ms again and again. What is left of the link: a client sends nothing while it
 * stops, and what it sends while the server stops waits there. */
START_TEST(hosts_that_are_starved_are_no_queue) {
    static const struct {
        struct flows_path path;
        double stop, client, server, both; /* share of the time; of what is left at least */
        double queue;                      /* ms, at most */
    } bounds[] = {{{1000, 0.1, 0}, 0.3, 0.85, 0.8, 0.75, 7}, {{1000, 0.1, 0}, 0.6, 0.8, 0.7, 0.4, 7}};
    const double least[] = {bounds[_i].client, bounds[_i].server, bounds[_i].both};

    for (unsigned who = 1; who <= 3; who++) {
        struct flows_settings s = {.path = bounds[_i].path,
                                   .stop = bounds[_i].stop,
                                   .stop_least = 5,
                                   .stop_most = 60,
                                   .stop_client = who & 1,
                                   .stop_server = who & 2,
                                   .skip = 2,
                                   .seconds = 5};
        double left = who & 1 ? 1 - s.stop : 1;

        run(s);
        ck_assert_msg(result.share >= least[who - 1] * left, "%g Mbit/s, %.0f %%, hosts %u: %.2f of %.2f", s.path.rate,
                      100 * s.stop, who, result.share, left);
        ck_assert_msg(result.delay <= bounds[_i].queue, "%g Mbit/s, hosts %u: delay %.1f ms", s.path.rate, who,
                      result.delay);
    }
}
END_TEST

START_TEST(several_of_ours_converge) {
    static const struct {
        size_t flows;
        double rate, jain, queue; /* Mbit/s, at least, ms at most */
    } bounds[] = {{2, 50, 0.98, 8}, {4, 50, 0.96, 9}, {8, 50, 0.85, 12}, {8, 100, 0.85, 9}};
    struct flows_settings s = {.skip = 20, .seconds = 40};

    s.path = (struct flows_path){bounds[_i].rate, 20, 0};
    for (size_t i = 0; i < bounds[_i].flows; i++) {
        s.flow[i] = "own";
        s.start[i] = 2.0 * (double)i;
    }
    run(s);
    ck_assert_msg(result.jain >= bounds[_i].jain, "%zu flows: Jain's index %.3f", bounds[_i].flows, result.jain);
    ck_assert_msg(result.delay <= bounds[_i].queue, "%zu flows: delay %.1f ms", bounds[_i].flows, result.delay);
    ck_assert_double_ge(result.share, 0.97);
}
END_TEST

START_TEST(two_of_ours_converge_when_one_begins_late) {
    static const struct {
        double rate, least; /* Mbit/s; share of each at least */
    } bounds[] = {{10, 0.40}, {20, 0.45}, {50, 0.45}, {100, 0.45}};
    struct flows_settings s = {.queue = 400, .skip = 20, .seconds = 30, .flow = {"own", "own"}, .start = {0, 5}};
    double share;

    s.path = (struct flows_path){bounds[_i].rate, 20, 0};
    run(s);
    share = result.rate[0] / (result.rate[0] + result.rate[1]);
    ck_assert_msg(share >= bounds[_i].least && share <= 1 - bounds[_i].least, "%g Mbit/s: the first has %.2f",
                  bounds[_i].rate, share);
    ck_assert_double_ge(result.share, 0.97);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("conditions");
    TCase *tc = tcase_create("conditions");

    fixture_init();
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, the_link_is_used_without_much_queue_or_many_drops, 0,
                        (int)(sizeof conditions / sizeof *conditions));
    tcase_add_test(tc, congestion_marks_shorten_the_queue);
    tcase_add_test(tc, a_limited_sender_gets_its_rate_without_a_queue);
    tcase_add_test(tc, a_path_that_was_idle_is_not_flooded);
    tcase_add_loop_test(tc, hosts_that_are_starved_are_no_queue, 0, 2);
    tcase_add_loop_test(tc, several_of_ours_converge, 0, 4);
    tcase_add_loop_test(tc, two_of_ours_converge_when_one_begins_late, 0, 4);
    suite_add_tcase(suite, tc);
    int status = suite_run(suite);
    fixture_fini();
    return status;
}
