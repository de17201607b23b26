/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of the hall's timer heap. */
#include "timers.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

struct witness {
    struct timer timer;
    uint64_t due;
    int calls;
    struct timers *timers;
    uint64_t again;
};
static uint64_t last_due;

static void on_due(void *context, uint64_t now) {
    struct witness *w = context;
    (void)now;
    ck_assert_uint_ge(w->due, last_due);
    last_due = w->due;
    w->calls++;
    if (w->again)
        timer_set(w->timers, &w->timer, w->again);
}

START_TEST(timers_run_in_order_of_deadline_whatever_order_they_were_set_in) {
    struct timers timers = {0};
    static struct witness w[500];
    srand48(7);
    last_due = 0;
    for (int i = 0; i < 500; i++) {
        w[i] = (struct witness){.timer = {.on_due = on_due, .context = &w[i]}, .due = (uint64_t)(lrand48() % 1000)};
        timer_set(&timers, &w[i].timer, w[i].due);
    }
    for (int i = 0; i < 500; i += 3) { /* move a third, clear a few */
        w[i].due = i % 2 ? TIME_NEVER : (uint64_t)(lrand48() % 1000);
        timer_set(&timers, &w[i].timer, w[i].due);
    }
    timers_run(&timers, 499);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(w[i].calls, w[i].due <= 499);
    ck_assert_uint_gt(timers_next(&timers), 499);
    timers_run(&timers, 2000);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(w[i].calls, w[i].due != TIME_NEVER);
    ck_assert_uint_eq(timers_next(&timers), TIME_NEVER);
    timers_fini(&timers);
}
END_TEST

START_TEST(a_timer_that_sets_itself_to_the_past_runs_once_a_call) {
    struct timers timers = {0};
    struct witness w = {.timers = &timers, .again = 5};
    w.timer = (struct timer){.on_due = on_due, .context = &w};
    last_due = 0;
    timer_set(&timers, &w.timer, 5);
    timers_run(&timers, 10);
    ck_assert_int_eq(w.calls, 1);
    timers_run(&timers, 10);
    ck_assert_int_eq(w.calls, 2);
    timer_set(&timers, &w.timer, TIME_NEVER);
    timers_fini(&timers);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("timers");
    TCase *tcase = tcase_create("timers");
    tcase_add_test(tcase, timers_run_in_order_of_deadline_whatever_order_they_were_set_in);
    tcase_add_test(tcase, a_timer_that_sets_itself_to_the_past_runs_once_a_call);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
