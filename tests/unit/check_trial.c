/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_trial: which flows are tried without order, and what comes of it. */
#include "bond/trial.h"

#include <check.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define SEGMENT 1400u
#define SPAN (200 * NS_PER_MS)
#define MBIT 1000000u
#define ROUNDS_TO_TRIAL 9u /* spans: the first one ends with its first data that are late enough */

/* A flow, and the legs that it goes by. */
struct scene {
    struct trial trial;
    struct trial_legs legs;
    struct trial_data data; /* the next superpacket */
    uint64_t now;
    bool loose;  /* as it was said last */
    bool steady; /* its rate does not vary */
};

static struct scene begin(void) {
    return (struct scene){
        .legs = {.round_trip = SPAN, .room_bps = 30 * MBIT, .sent_bps = 4 * MBIT, .lossy = true, .order_costs = true},
        .data = {.number = UINT32_MAX - 100000, .bytes = 2 * SEGMENT, .segment = SEGMENT},
        .now = NS_PER_SEC};
}

/* The next superpacket goes, and so much later the one after it. */
static void send(struct scene *scene, uint64_t later) {
    scene->loose = trial_on_sent(&scene->trial, &scene->legs, &scene->data, scene->now);
    scene->data.number += scene->data.bytes;
    scene->now += later;
}

/* When the next superpacket is due at a rate, which is a fifth more and less in turn. */
static uint64_t gap(const struct scene *scene, uint64_t rate_bps) {
    uint64_t fifths = scene->steady ? 5 : scene->now / (2 * SPAN) % 2 ? 6 : 4;

    return (uint64_t)scene->data.bytes * 8 * NS_PER_SEC * 5 / (fifths * rate_bps);
}

/* A flow sends at a rate for some spans. */
static void go(struct scene *scene, uint64_t rate_bps, unsigned spans) {
    uint64_t until = scene->now + spans * SPAN;

    while (scene->now < until)
        send(scene, gap(scene, rate_bps));
}

/* A flow goes on for long, and is not tried. */
static void stay_in_order(struct scene *scene) {
    for (unsigned i = 0; i < 100; i++) {
        go(scene, 4 * MBIT, 1);
        ck_assert(!scene->loose);
    }
}

/* A trial has begun. */
static struct scene on_trial(void) {
    struct scene scene = begin();

    go(&scene, 4 * MBIT, ROUNDS_TO_TRIAL);
    ck_assert(scene.loose);
    return scene;
}

START_TEST(a_flow_that_stands_still_while_legs_have_room_is_tried) {
    struct scene scene = begin();

    go(&scene, 4 * MBIT, ROUNDS_TO_TRIAL - 2);
    ck_assert(!scene.loose);
    go(&scene, 4 * MBIT, 2);
    ck_assert(scene.loose);
}
END_TEST

START_TEST(one_that_order_costs_nothing_is_not) {
    struct scene scene = begin();

    scene.legs.order_costs = false;
    stay_in_order(&scene);
}
END_TEST

START_TEST(nor_one_where_the_legs_carry_much_already) {
    struct scene scene = begin();

    scene.legs.room_bps = 11 * MBIT;
    scene.legs.sent_bps = 0; /* a second ago */
    stay_in_order(&scene);
    scene.legs.room_bps = 15 * MBIT;
    scene.legs.lossy = false;
    stay_in_order(&scene);
    scene.legs.room_bps = 30 * MBIT;
    scene.legs.lossy = true;
    scene.legs.sent_bps = 11 * MBIT; /* with other flows */
    stay_in_order(&scene);
}
END_TEST

START_TEST(nor_one_whose_rate_does_not_vary) {
    struct scene scene = begin();

    scene.steady = true;
    stay_in_order(&scene);
}
END_TEST

START_TEST(nor_one_whose_packets_wait) {
    struct scene scene = begin();

    for (unsigned i = 0; i < 50; i++) {
        go(&scene, 4 * MBIT, 1);
        scene.data.waited = SPAN / 8;
        send(&scene, NS_PER_MS);
        scene.data.waited = 0;
        ck_assert(!scene.loose);
    }
}
END_TEST

START_TEST(nor_one_that_grows) {
    struct scene scene = begin();

    scene.legs.room_bps = 3000ull * MBIT;
    for (uint64_t rate = 4 * MBIT; rate < 400 * MBIT; rate += rate / 20) {
        go(&scene, rate, 1);
        ck_assert(!scene.loose);
    }
}
END_TEST

START_TEST(nor_one_that_sends_something_again) {
    struct scene scene = begin();

    for (unsigned i = 0; i < 50; i++) {
        go(&scene, 4 * MBIT, 1);
        scene.data.number -= scene.data.bytes;
        send(&scene, NS_PER_MS);
        ck_assert(!scene.loose);
    }
}
END_TEST

START_TEST(nor_one_whose_sender_has_no_more) {
    struct scene scene = begin();

    for (unsigned i = 0; i < 500; i++) {
        for (unsigned piece = 0; piece < 4; piece++)
            send(&scene, gap(&scene, 4 * MBIT));
        scene.data.bytes = SEGMENT + 1; /* the last segment is short */
        send(&scene, gap(&scene, 4 * MBIT));
        scene.data.bytes = 2 * SEGMENT;
        ck_assert(!scene.loose);
    }
}
END_TEST

START_TEST(single_packets_that_are_shorter_than_others_show_that_too) {
    struct scene scene = begin();

    for (unsigned i = 0; i < 2500; i++) {
        scene.data.segment = scene.data.bytes = i % 8 ? SEGMENT : SEGMENT / 2;
        send(&scene, gap(&scene, 4 * MBIT));
        ck_assert(!scene.loose);
    }
}
END_TEST

START_TEST(a_flow_that_pauses_is_looked_at_anew) {
    struct scene scene = begin();

    go(&scene, 4 * MBIT, ROUNDS_TO_TRIAL - 2);
    scene.now += 5 * SPAN;
    go(&scene, 4 * MBIT, ROUNDS_TO_TRIAL - 2);
    ck_assert(!scene.loose);
    go(&scene, 4 * MBIT, 2);
    ck_assert(scene.loose);
}
END_TEST

START_TEST(one_that_gains_a_quarter_stays_without_order) {
    struct scene scene = on_trial();

    go(&scene, 6 * MBIT, 100);
    ck_assert(scene.loose);
    /* What it sends again, and what the legs are like, matters no more. */
    scene.legs = (struct trial_legs){.round_trip = SPAN};
    scene.data.waited = SPAN;
    for (unsigned i = 0; i < 50; i++) {
        go(&scene, 6 * MBIT, 1);
        scene.data.number -= scene.data.bytes;
        send(&scene, NS_PER_MS);
        ck_assert(scene.loose);
    }
}
END_TEST

START_TEST(nor_does_a_short_fall_end_that) {
    struct scene scene = on_trial();

    go(&scene, 6 * MBIT, 20);
    for (unsigned i = 0; i < 10; i++) {
        go(&scene, MBIT / 2, 2); /* PROBE_RTT */
        ck_assert(scene.loose);
        go(&scene, 6 * MBIT, 40);
        ck_assert(scene.loose);
    }
}
END_TEST

START_TEST(a_long_one_does) {
    struct scene scene = on_trial();

    go(&scene, 6 * MBIT, 20);
    go(&scene, 2 * MBIT, 10);
    ck_assert(!scene.loose);
}
END_TEST

START_TEST(who_falls_on_trial_is_in_order_at_once) {
    struct scene scene = on_trial();

    go(&scene, 2 * MBIT, 3);
    ck_assert(!scene.loose);
}
END_TEST

START_TEST(who_stops_on_trial_is_in_order_when_it_goes_on) {
    struct scene scene = on_trial();

    scene.now += 5 * SPAN;
    send(&scene, NS_PER_MS);
    ck_assert(!scene.loose);
}
END_TEST

START_TEST(a_trial_without_gain_ends) {
    struct scene scene = on_trial();

    go(&scene, 4 * MBIT, 20);
    ck_assert(scene.loose);
    go(&scene, 4 * MBIT, 10);
    ck_assert(!scene.loose);
}
END_TEST

START_TEST(the_next_trial_is_after_a_time_that_doubles) {
    struct scene scene = on_trial();
    uint64_t rest = 10 * NS_PER_SEC, ended, waited;

    for (unsigned i = 0; i < 12; i++) {
        while (scene.loose)
            send(&scene, gap(&scene, 2 * MBIT));
        ended = scene.now;
        while (!scene.loose && scene.now - ended < 2 * rest)
            send(&scene, gap(&scene, 4 * MBIT));
        waited = scene.now - ended;
        ck_assert_uint_le(waited, rest + 2 * SPAN);
        ck_assert_uint_ge(waited, rest - SPAN);
        rest = rest < 640 * NS_PER_SEC ? 2 * rest : rest;
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trial");
    TCase *tcase = tcase_create("trial");
    tcase_add_test(tcase, a_flow_that_stands_still_while_legs_have_room_is_tried);
    tcase_add_test(tcase, one_that_order_costs_nothing_is_not);
    tcase_add_test(tcase, nor_one_where_the_legs_carry_much_already);
    tcase_add_test(tcase, nor_one_whose_rate_does_not_vary);
    tcase_add_test(tcase, nor_one_whose_packets_wait);
    tcase_add_test(tcase, nor_one_that_grows);
    tcase_add_test(tcase, nor_one_that_sends_something_again);
    tcase_add_test(tcase, nor_one_whose_sender_has_no_more);
    tcase_add_test(tcase, single_packets_that_are_shorter_than_others_show_that_too);
    tcase_add_test(tcase, a_flow_that_pauses_is_looked_at_anew);
    tcase_add_test(tcase, one_that_gains_a_quarter_stays_without_order);
    tcase_add_test(tcase, nor_does_a_short_fall_end_that);
    tcase_add_test(tcase, a_long_one_does);
    tcase_add_test(tcase, who_falls_on_trial_is_in_order_at_once);
    tcase_add_test(tcase, who_stops_on_trial_is_in_order_when_it_goes_on);
    tcase_add_test(tcase, a_trial_without_gain_ends);
    tcase_add_test(tcase, the_next_trial_is_after_a_time_that_doubles);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
