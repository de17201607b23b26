/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_linkmodel: the emulated link's arithmetic, in virtual time, and its settings as text. */
#include "tests/lab/linkmodel.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define FULL 1462u /**< bytes of IP that cost 1500 on the wire */

static struct linkmodel model;
static uint64_t came, came_late, last_time; /**< packets that came out, those of them out of order, when the last did */
static uint32_t last_handle;                /**< of the last that came out */

static void setup(void) {
    ck_assert_int_eq(linkmodel_init(&model, 7), 0);
    came = came_late = last_time = last_handle = 0;
}

static void teardown(void) {
    linkmodel_fini(&model);
}

/** Settings on top of the present ones. */
static void set(uint64_t now, const char *text) {
    struct linkmodel_settings settings = model.settings;
    char problem[200], words[200], *word, *rest = words;

    snprintf(words, sizeof words, "%s", text);
    while ((word = strsep(&rest, " ")) != NULL)
        ck_assert_int_eq(settings_parse(&settings, word, problem, sizeof problem), 0);
    linkmodel_set(&model, &settings, now);
}

/** Take all that is due. */
static void drain(uint64_t now) {
    struct linkmodel_out out;

    while (linkmodel_take(&model, now, &out)) {
        suite_assert(out.time <= now);
        if (out.dropped)
            continue;
        came++;
        came_late += out.handle < last_handle;
        last_time = out.time;
        last_handle = out.handle;
    }
}

/** Put count packets, one each interval, from start. @return the time after the last */
static uint64_t put(uint64_t start, uint64_t interval, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t now = start + i * interval;

        drain(now);
        linkmodel_put(&model, FULL, (uint32_t)model.statistics.in, now);
    }
    return start + count * interval;
}

/** Nothing went astray. */
static void check_sums(void) {
    const struct linkmodel_statistics *s = &model.statistics;

    drain(TIME_NEVER - 1);
    ck_assert_uint_eq(linkmodel_next(&model), TIME_NEVER);
    ck_assert_uint_eq(s->in, s->out + s->lost + s->dropped + s->policed + s->blacked);
    ck_assert_uint_eq(s->out, came);
}

static double mean_ms(void) {
    return model.statistics.delay_sum / (double)model.statistics.out * 1e-6;
}

static double deviation_ms(void) {
    double mean = model.statistics.delay_sum / (double)model.statistics.out;

    return sqrt(model.statistics.delay_sum2 / (double)model.statistics.out - mean * mean) * 1e-6;
}

static double ratio(uint64_t part, uint64_t whole) {
    return (double)part / (double)whole;
}

START_TEST(a_packet_takes_its_delay_and_its_time_on_the_wire) {
    set(0, "rate=12M delay=20ms");
    put(0, 1, 3);
    drain(21 * NS_PER_MS - 1);
    ck_assert_uint_eq(came, 0);
    drain(21 * NS_PER_MS);
    ck_assert_uint_eq(came, 1);
    drain(TIME_NEVER - 1);
    ck_assert_uint_eq(last_time, 23 * NS_PER_MS);
    check_sums();
}
END_TEST

START_TEST(a_full_link_keeps_to_its_rate) {
    const struct linkmodel_statistics *s = &model.statistics;
    uint64_t end;

    set(0, "rate=50M delay=20ms jitter=5ms packets=300");
    end = put(0, 150 * NS_PER_US, 100000);
    drain(end);
    ck_assert_double_eq_tol(ratio((s->out_bytes - s->first_bytes) * 8, s->last - s->first) * 1e3, 50, 0.05);
    ck_assert_uint_gt(s->dropped, 30000);
    ck_assert_uint_eq(came_late, 0);
    check_sums();
}
END_TEST

START_TEST(jitter_is_normal_and_never_below_zero) {
    set(0, "delay=20ms jitter=5ms packets=0");
    /* So far apart that none holds up the next. */
    put(0, 200 * NS_PER_MS, 20000);
    drain(TIME_NEVER - 1);
    ck_assert_double_eq_tol(mean_ms(), 20, 0.15);
    ck_assert_double_eq_tol(deviation_ms(), 5, 0.15);
    memset(&model.statistics, 0, sizeof model.statistics);
    set(0, "delay=1ms");
    put(10000 * NS_PER_SEC, 200 * NS_PER_MS, 20000);
    drain(TIME_NEVER - 1);
    /* Half of a normal distribution with mean 1 and deviation 5, the rest at 0: 2.54 on average. */
    ck_assert_double_eq_tol(mean_ms(), 2.54, 0.1);
}
END_TEST

START_TEST(jitter_reorders_only_when_told_to) {
    uint64_t now;

    set(0, "rate=50M delay=20ms jitter=5ms");
    now = put(0, NS_PER_MS, 5000);
    drain(now + NS_PER_SEC);
    ck_assert_uint_eq(came_late, 0);
    ck_assert_uint_eq(model.statistics.reordered, 0);
    set(now, "reorder=yes");
    now = put(now + NS_PER_SEC, NS_PER_MS, 5000);
    check_sums();
    ck_assert_uint_gt(came_late, 1000);
    ck_assert_uint_gt(model.statistics.reordered, 1000);
}
END_TEST

START_TEST(what_is_late_holds_up_the_rest) {
    double alone;

    set(0, "delay=20ms jitter=20ms packets=0");
    put(0, 500 * NS_PER_MS, 5000);
    drain(TIME_NEVER - 1);
    alone = mean_ms();
    memset(&model.statistics, 0, sizeof model.statistics);
    put(5000 * NS_PER_SEC, NS_PER_MS, 5000);
    drain(TIME_NEVER - 1);
    ck_assert_double_gt(mean_ms(), alone + 15);
}
END_TEST

START_TEST(packets_are_lost_in_the_set_share) {
    set(0, "loss=0.5%");
    put(0, NS_PER_MS, 200000);
    check_sums();
    ck_assert_double_eq_tol(ratio(model.statistics.lost, 200000), 0.005, 0.0005);
}
END_TEST

START_TEST(losses_come_in_bursts) {
    uint64_t now = 0, runs = 0;
    bool before = true;

    set(0, "burst-enter=1% burst-leave=20% burst-loss=100%");
    for (int i = 0; i < 200000; i++, now += NS_PER_MS) {
        bool taken = linkmodel_put(&model, FULL, (uint32_t)i, now);

        runs += before && !taken;
        before = taken;
        drain(now);
    }
    /* p / (p + r) of the time, five packets long on average. */
    ck_assert_double_eq_tol(ratio(model.statistics.lost, 200000), 0.01 / 0.21, 0.004);
    ck_assert_double_eq_tol(ratio(model.statistics.lost, runs), 5, 0.3);
}
END_TEST

START_TEST(a_limit_in_packets_counts_all_that_are_held) {
    set(0, "rate=12M delay=20ms packets=10");
    put(0, 1, 15);
    ck_assert_uint_eq(model.statistics.dropped, 5);
    check_sums();
    ck_assert_uint_eq(came, 10);
}
END_TEST

START_TEST(a_limit_in_bytes_counts_what_waits_for_the_transmitter) {
    set(0, "rate=12M delay=20ms bytes=15000");
    put(0, 1, 15);
    check_sums();
    ck_assert_uint_eq(came, 10);
    /* At the rate nothing waits, however much is on the line. */
    put(NS_PER_SEC, NS_PER_MS, 500);
    check_sums();
    ck_assert_uint_eq(came, 510);
}
END_TEST

START_TEST(nothing_passes_in_a_blackout) {
    uint64_t now;

    set(0, "rate=50M delay=20ms");
    now = put(0, NS_PER_MS, 100);
    drain(now);
    ck_assert_uint_gt(came, 70);
    set(now, "blackout=yes");
    now = put(now, NS_PER_MS, 100);
    drain(now);
    ck_assert_uint_lt(came, 82);
    ck_assert_uint_ge(model.statistics.blacked, 100);
    set(now, "blackout=no");
    put(now, NS_PER_MS, 100);
    check_sums();
    ck_assert_uint_gt(came, 170);
}
END_TEST

START_TEST(a_change_of_rate_acts_on_what_waits) {
    set(0, "rate=12M");
    put(0, 1, 100);
    drain(10 * NS_PER_MS);
    ck_assert_uint_eq(came, 10);
    set(10 * NS_PER_MS, "rate=120M");
    /* The one that is being sent takes its millisecond, the others a tenth of one. */
    drain(15 * NS_PER_MS);
    ck_assert_uint_eq(came, 10 + 1 + 40);
    check_sums();
}
END_TEST

START_TEST(a_shorter_delay_lets_nothing_overtake) {
    set(0, "delay=300ms");
    put(0, NS_PER_MS, 100);
    set(100 * NS_PER_MS, "delay=20ms");
    put(100 * NS_PER_MS, NS_PER_MS, 400);
    check_sums();
    ck_assert_uint_eq(came_late, 0);
    ck_assert_uint_eq(last_time, 519 * NS_PER_MS);
}
END_TEST

START_TEST(a_policer_lets_a_burst_and_then_its_rate_through) {
    set(0, "police=12M police-burst=15000");
    put(0, 1, 20);
    ck_assert_uint_eq(model.statistics.policed, 10);
    memset(&model.statistics, 0, sizeof model.statistics);
    came = 0;
    drain(NS_PER_MS);
    came = 0;
    memset(&model.statistics, 0, sizeof model.statistics);
    /* 24 Mbit/s offered: half goes through, and nothing is delayed. */
    put(NS_PER_SEC, NS_PER_MS / 2, 20000);
    check_sums();
    ck_assert_double_eq_tol(ratio(model.statistics.policed, 20000), 0.5, 0.002);
    ck_assert_uint_eq(model.statistics.delay_max, 0);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_link) {
    struct linkmodel_statistics first;

    for (int i = 0; i < 2; i++) {
        teardown();
        setup();
        set(0, "rate=50M delay=20ms jitter=5ms loss=1% burst-enter=1% burst-leave=30% burst-loss=50%");
        put(0, 200 * NS_PER_US, 10000);
        drain(TIME_NEVER - 1);
        if (i == 0)
            first = model.statistics;
    }
    ck_assert_mem_eq(&first, &model.statistics, sizeof first);
    linkmodel_fini(&model);
    ck_assert_int_eq(linkmodel_init(&model, 8), 0);
    set(0, "rate=50M delay=20ms jitter=5ms loss=1% burst-enter=1% burst-leave=30% burst-loss=50%");
    put(0, 200 * NS_PER_US, 10000);
    ck_assert_uint_ne(first.lost, model.statistics.lost);
}
END_TEST

START_TEST(settings_are_refused_with_a_reason) {
    static const char *const bad[] = {"rate",      "rate=",           "rate=fast", "color=red",   "=5",
                                      "loss=101%", "loss=-1",         "loss=0.5x", "packets=-1",  "packets=30001",
                                      "loss=nan",  "reorder=perhaps", "packets=",  "bytes=2000G", "delay=soon"};
    struct linkmodel_settings settings, before;
    char problem[300];

    settings_init(&settings);
    before = settings;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        problem[0] = 0;
        ck_assert_msg(settings_parse(&settings, bad[i], problem, sizeof problem) < 0, "%s was taken", bad[i]);
        ck_assert_str_ne(problem, "");
        ck_assert_mem_eq(&settings, &before, sizeof before);
    }
    ck_assert_int_eq(settings_parse(&settings, "rate=1.5M", problem, sizeof problem), 0);
    ck_assert_uint_eq(settings.rate_bps, 1500000);
    ck_assert_int_eq(settings_parse(&settings, "loss=2%", problem, sizeof problem), 0);
    ck_assert_double_eq_tol(settings.loss, 0.02, 1e-9);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("linkmodel");
    TCase *tcase = tcase_create("core");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_packet_takes_its_delay_and_its_time_on_the_wire);
    tcase_add_test(tcase, a_full_link_keeps_to_its_rate);
    tcase_add_test(tcase, jitter_is_normal_and_never_below_zero);
    tcase_add_test(tcase, jitter_reorders_only_when_told_to);
    tcase_add_test(tcase, what_is_late_holds_up_the_rest);
    tcase_add_test(tcase, packets_are_lost_in_the_set_share);
    tcase_add_test(tcase, losses_come_in_bursts);
    tcase_add_test(tcase, a_limit_in_packets_counts_all_that_are_held);
    tcase_add_test(tcase, a_limit_in_bytes_counts_what_waits_for_the_transmitter);
    tcase_add_test(tcase, nothing_passes_in_a_blackout);
    tcase_add_test(tcase, a_change_of_rate_acts_on_what_waits);
    tcase_add_test(tcase, a_shorter_delay_lets_nothing_overtake);
    tcase_add_test(tcase, a_policer_lets_a_burst_and_then_its_rate_through);
    tcase_add_test(tcase, the_same_seed_gives_the_same_link);
    tcase_add_test(tcase, settings_are_refused_with_a_reason);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
