/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of the hall's restore: when netlink_restore() is called, which the linker puts ours in place of. */
#include "restore.h"

#include <check.h>

#include "tests/unit/suite.h"

#define MS NS_PER_MS

static struct restore restore;
static struct timers timers;
static unsigned tries;
static bool no_memory;
static uint64_t now;

int __wrap_netlink_restore(struct netlink *netlink, bool *again);
int __wrap_netlink_restore(struct netlink *netlink, bool *again) {
    (void)netlink;
    tries++;
    *again = no_memory;
    return 0;
}

static unsigned restored; /* how often the hall was told */
static void on_restored(void *context) {
    ck_assert_ptr_eq(context, &restored);
    ck_assert_uint_eq(tries, ++restored); /* each time, afterwards */
}

static void setup(void) {
    tries = restored = 0;
    no_memory = false;
    now = NS_PER_SEC;
    restore_init(&restore, NULL, &timers, on_restored, &restored);
}

static void teardown(void) {
    restore_stop(&restore);
    ck_assert_uint_eq(timers_next(&timers), TIME_NEVER);
    timers_fini(&timers);
    timers = (struct timers){0};
}

/** Let time pass. @return how often was tried meanwhile */
static unsigned pass(uint64_t time) {
    const unsigned before = tries;
    const uint64_t until = now + time;
    while (timers_next(&timers) <= until) {
        now = timers_next(&timers);
        timers_run(&timers, now);
    }
    now = until;
    return tries - before;
}

START_TEST(what_is_undone_is_seen_to_a_moment_later_and_once) {
    ck_assert_uint_eq(pass(NS_PER_SEC), 0);
    restore_on_undone(&restore, now);
    ck_assert_uint_eq(pass(400 * MS), 0);
    restore_on_undone(&restore, now);
    ck_assert_uint_eq(pass(100 * MS), 1);
    ck_assert_uint_eq(restored, 1);
    ck_assert_uint_eq(pass(60 * NS_PER_SEC), 0);
}
END_TEST

START_TEST(without_memory_the_waits_double_up_to_eight_seconds) {
    no_memory = true;
    restore_on_undone(&restore, now);
    ck_assert_uint_eq(pass(500 * MS), 1);
    for (unsigned seconds = 1; seconds <= 8; seconds *= 2) {
        ck_assert_uint_eq(pass(seconds * NS_PER_SEC - 1), 0);
        ck_assert_uint_eq(pass(1), 1);
    }
    ck_assert_uint_eq(pass(80 * NS_PER_SEC), 10);
    no_memory = false;
    ck_assert_uint_eq(pass(80 * NS_PER_SEC), 1);
}
END_TEST

START_TEST(news_ends_a_long_wait_and_much_of_it_is_no_hurry) {
    no_memory = true;
    restore_on_undone(&restore, now);
    pass(16 * NS_PER_SEC);
    restore_on_undone(&restore, now);
    ck_assert_uint_eq(pass(500 * MS), 1);
    ck_assert_uint_eq(pass(NS_PER_SEC - 1), 0); /* the waits begin anew */
    ck_assert_uint_eq(pass(1), 1);
    tries = restored = 0;
    for (unsigned i = 0; i < 1000; i++) {
        restore_on_undone(&restore, now);
        pass(10 * MS);
    }
    ck_assert_uint_ge(tries, 18);
    ck_assert_uint_le(tries, 20);
}
END_TEST

START_TEST(nothing_is_put_back_once_it_is_stopped) {
    restore_on_undone(&restore, now);
    restore_stop(&restore);
    restore_on_undone(&restore, now);
    ck_assert_uint_eq(pass(60 * NS_PER_SEC), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("restore");
    TCase *tcase = tcase_create("restore");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_undone_is_seen_to_a_moment_later_and_once);
    tcase_add_test(tcase, without_memory_the_waits_double_up_to_eight_seconds);
    tcase_add_test(tcase, news_ends_a_long_wait_and_much_of_it_is_no_hurry);
    tcase_add_test(tcase, nothing_is_put_back_once_it_is_stopped);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
