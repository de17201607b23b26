/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_loose: who is asked for, and what an answer means. */
#include "bond/loose.h"

#include <check.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define HASH 0x1234u
#define BULK 65536u

START_TEST(a_flow_is_asked_for_once_when_it_sends_much) {
    struct loose loose = {0};
    uint64_t now = NS_PER_SEC;

    ck_assert(!loose_on_sent(&loose, HASH, 1400, now));
    ck_assert(!loose_on_sent(&loose, HASH, BULK - 1401, now));
    ck_assert(loose_on_sent(&loose, HASH, 1, now));
    ck_assert(!loose_on_sent(&loose, HASH, BULK, now));
    loose_on_answer(&loose, HASH, NULL);
    ck_assert(!loose_on_sent(&loose, HASH, BULK, now + 100 * NS_PER_SEC));
}
END_TEST

START_TEST(bbr_in_all_its_versions_needs_no_order_and_nothing_else) {
    static const struct {
        const char *name;
        bool loose;
    } rows[] = {{"bbr", true}, {"bbr2", true}, {"cubic", false}, {"reno", false},
                {"b", false},  {"", false},    {NULL, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct loose loose = {0};

        ck_assert(!loose_has(&loose, HASH));
        ck_assert(loose_on_sent(&loose, HASH, BULK, NS_PER_SEC));
        loose_on_answer(&loose, HASH, rows[i].name);
        ck_assert_msg(loose_has(&loose, HASH) == rows[i].loose, "%s", rows[i].name ? rows[i].name : "nobody's");
        ck_assert(!loose_has(&loose, HASH + LOOSE_FLOWS));
    }
}
END_TEST

START_TEST(another_flow_takes_a_place_over_only_after_a_pause) {
    const uint32_t other = HASH + LOOSE_FLOWS;
    struct loose loose = {0};
    uint64_t now = NS_PER_SEC;

    ck_assert(loose_on_sent(&loose, HASH, BULK, now));
    loose_on_answer(&loose, HASH, "bbr");
    ck_assert(!loose_on_sent(&loose, other, BULK, now + NS_PER_SEC - 1));
    loose_on_answer(&loose, other, "cubic"); /* late, of one that has no place */
    ck_assert(loose_has(&loose, HASH));
    ck_assert(!loose_has(&loose, other));
    ck_assert(loose_on_sent(&loose, other, BULK, now + NS_PER_SEC));
    ck_assert(!loose_has(&loose, HASH));
    ck_assert(!loose_has(&loose, other));
}
END_TEST

START_TEST(a_flow_with_the_ports_of_a_former_one_is_another_flow) {
    struct loose loose = {0};

    ck_assert(loose_on_sent(&loose, HASH, BULK, NS_PER_SEC));
    loose_on_answer(&loose, HASH, "bbr");
    loose_on_begin(&loose, HASH + LOOSE_FLOWS); /* of another one that shares its place */
    ck_assert(loose_has(&loose, HASH));
    loose_on_begin(&loose, HASH);
    ck_assert(!loose_has(&loose, HASH));
    ck_assert(!loose_on_sent(&loose, HASH, 60, NS_PER_SEC));
    ck_assert(loose_on_sent(&loose, HASH, BULK, NS_PER_SEC)); /* it is asked for again */
    loose_on_answer(&loose, HASH, NULL);
    loose_on_begin(&loose, HASH);
    ck_assert(!loose_is_tried(&loose, HASH));
}
END_TEST

START_TEST(only_a_flow_that_nobody_knows_is_tried) {
    static const char *const names[] = {NULL, "bbr", "cubic"};
    static const struct trial_data data = {.bytes = BULK, .segment = BULK};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct loose loose = {.legs = {.round_trip = NS_PER_SEC, .room_bps = UINT64_MAX, .order_costs = true}};
        struct trial_data next = data;
        unsigned changes = 0;

        ck_assert(loose_on_sent(&loose, HASH, BULK, NS_PER_SEC));
        ck_assert(!loose_is_tried(&loose, HASH));
        loose_on_answer(&loose, HASH, names[i]);
        ck_assert(loose_is_tried(&loose, HASH) == !names[i]);
        ck_assert(!loose_tries(&loose, NS_PER_SEC));
        ck_assert(!loose_is_tried(&loose, HASH + LOOSE_FLOWS));
        for (uint64_t second = 1; second < 20; second++, next.number += BULK) {
            changes += loose_on_data(&loose, HASH, &next, second * NS_PER_SEC);
            ck_assert(!loose_on_data(&loose, HASH + LOOSE_FLOWS, &next, second * NS_PER_SEC));
        }
        ck_assert_uint_eq(changes, !names[i]);
        ck_assert(loose_tries(&loose, 20 * NS_PER_SEC - 1) == !names[i]);
        ck_assert(!loose_tries(&loose, 20 * NS_PER_SEC));
        ck_assert(loose_has(&loose, HASH) == (i < 2));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("loose");
    TCase *tcase = tcase_create("loose");
    tcase_add_test(tcase, a_flow_is_asked_for_once_when_it_sends_much);
    tcase_add_test(tcase, bbr_in_all_its_versions_needs_no_order_and_nothing_else);
    tcase_add_test(tcase, a_flow_with_the_ports_of_a_former_one_is_another_flow);
    tcase_add_test(tcase, another_flow_takes_a_place_over_only_after_a_pause);
    tcase_add_test(tcase, only_a_flow_that_nobody_knows_is_tried);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
