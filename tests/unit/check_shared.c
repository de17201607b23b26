/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_shared: limits, lingering sessions and fixed addresses over several workers' sessions. */
#include "shared.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "bond/control.h"
#include "tests/unit/suite.h"

static struct shared shared;
static struct evictions evictions;
static const struct shared_limits limits = {.sessions = 5, .per_user = 2};

static void setup(void) {
    struct ip_prefix prefix;
    struct pool *pool = NULL;
    char why[200];

    ck_assert_int_eq(ip_prefix_parse("10.7.0.0/29", &prefix), 0);
    ck_assert_int_eq(pool_new(&prefix, 1, &pool, why, sizeof why), 0);
    ck_assert_int_eq(shared_init(&shared, 3, pool), 0);
}

static void teardown(void) {
    while (shared.seats) {
        shared_leave(&shared, shared.seats);
    }
    shared_fini(&shared);
}

static struct seat *sit(uint8_t worker, const char *user) {
    struct seat *seat = NULL;

    ck_assert_int_eq(shared_sit(&shared, worker, user, &limits, &seat, &evictions), 0);
    return seat;
}

static int refused(const char *user) {
    struct seat *seat = NULL;
    int error = shared_sit(&shared, 0, user, &limits, &seat, &evictions);

    ck_assert_ptr_null(seat);
    ck_assert_uint_eq(evictions.count, 0);
    return error;
}

static void linger(struct seat *seat) {
    shared_linger(&shared, seat, true, 2, &evictions);
}

static void expect_eviction(uint8_t worker, uint64_t id, const char *reason) {
    ck_assert_uint_eq(evictions.count, 1);
    ck_assert_uint_eq(evictions.list[0].worker, worker);
    ck_assert_uint_eq(evictions.list[0].id, id);
    ck_assert_pstr_eq(evictions.list[0].reason, reason);
}

START_TEST(a_users_limit_holds_over_all_workers) {
    struct seat *first = sit(0, "bob");

    sit(1, "bob");
    ck_assert_int_eq(refused("bob"), -EUSERS);
    sit(2, "eve");
    shared_leave(&shared, first);
    sit(2, "bob");
    ck_assert_uint_eq(shared_count(&shared, "bob"), 2);
    ck_assert_uint_eq(shared_count(&shared, NULL), 3);
}
END_TEST

START_TEST(the_limit_of_all_holds_over_all_workers_and_users) {
    for (uint8_t i = 0; i < 5; i++) {
        sit(i % 3, NULL);
    }
    ck_assert_int_eq(refused(NULL), -ENFILE);
    ck_assert_int_eq(refused("bob"), -ENFILE);
}
END_TEST

START_TEST(numbers_grow_and_pages_follow_them) {
    uint64_t last = 0;

    for (uint8_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(sit(i % 2, NULL)->id, i + 1u);
    }
    shared_leave(&shared, shared.seats->next);
    ck_assert(shared_page(&shared, 0, 2, &last));
    ck_assert_uint_eq(last, 3);
    ck_assert(!shared_page(&shared, last, 2, &last));
    ck_assert_uint_eq(last, 4);
    ck_assert(!shared_page(&shared, 4, 2, &last));
    ck_assert_uint_eq(last, 4);
}
END_TEST

START_TEST(the_oldest_lingering_session_makes_room_wherever_it_is) {
    struct seat *young, *old = sit(2, "bob");
    struct ip_addr addr;

    young = sit(0, "bob");
    ck_assert_int_eq(shared_take(&shared, old, 4, NULL, &addr, &evictions), 0);
    linger(young);
    linger(old);
    ck_assert_uint_eq(evictions.count, 0);
    sit(1, "bob");
    expect_eviction(2, old->id, NULL);
    ck_assert(old->unseated);
    ck_assert_int_eq(shared_owner(&shared, &addr), -ENOENT);
    ck_assert_uint_eq(shared_count(&shared, "bob"), 2);
    shared_leave(&shared, old);
    ck_assert_uint_eq(shared_count(&shared, "bob"), 2);
}
END_TEST

START_TEST(a_user_may_have_so_many_lingering_and_no_more) {
    struct seat *first = sit(0, NULL), *second = sit(1, NULL);

    shared_linger(&shared, first, true, 1, &evictions);
    ck_assert_uint_eq(evictions.count, 0);
    shared_linger(&shared, second, true, 1, &evictions);
    expect_eviction(0, first->id, NULL);
    shared_leave(&shared, first);
    shared_linger(&shared, second, false, 1, &evictions);
    ck_assert(!shared_make_room(&shared, &evictions));
    ck_assert_uint_eq(evictions.count, 0);
}
END_TEST

START_TEST(a_fixed_address_goes_to_the_newest_session) {
    struct auth *auth = auth_new();
    struct auth_user bob = {.name = "bob", .address = {{0}}};
    struct seat *old = sit(1, "bob"), *new = sit(2, "bob"), *eve = sit(0, "eve");
    struct ip_addr addr;
    char why[200];

    ck_assert_int_eq(ip_addr_parse("10.7.0.5", &bob.address[0]), 0);
    ck_assert_int_eq(auth_add(auth, &bob), 0);
    ck_assert_int_eq(shared_reserve(&shared, auth, NULL, why, sizeof why), 0);
    ck_assert_int_eq(shared_take(&shared, old, 4, &bob.address[0], &addr, &evictions), 0);
    ck_assert_uint_eq(evictions.count, 0);
    ck_assert_int_eq(shared_owner(&shared, &addr), 1);
    ck_assert_int_eq(shared_take(&shared, old, 4, &bob.address[0], &addr, &evictions), -EALREADY);
    ck_assert_int_eq(shared_take(&shared, new, 4, &bob.address[0], &addr, &evictions), 0);
    expect_eviction(1, old->id, CONTROL_REPLACED);
    ck_assert_int_eq(shared_owner(&shared, &addr), 2);
    /* The old one's end, later, takes nothing away from the new one. */
    shared_leave(&shared, old);
    ck_assert_int_eq(shared_owner(&shared, &addr), 2);
    ck_assert_int_eq(shared_take(&shared, eve, 4, &bob.address[0], &addr, &evictions), -EPERM);
    ck_assert_uint_eq(evictions.count, 0);
    ck_assert_int_eq(shared_owner(&shared, &addr), 2);
    auth_free(auth);
}
END_TEST

START_TEST(a_joining_leg_finds_its_session_until_that_is_unseated) {
    const uint8_t id[JOIN_ID_BYTES] = {1, 2, 3}, other[JOIN_ID_BYTES] = {1, 2, 4};
    const uint8_t secret[JOIN_SECRET_BYTES] = {9, 8, 7};
    uint8_t found[JOIN_SECRET_BYTES] = {0};
    struct seat *seat = sit(2, "bob");

    ck_assert_int_eq(shared_find(&shared, "bob", id, found), -ENOENT);
    shared_bond(&shared, seat, id, secret);
    ck_assert_int_eq(shared_find(&shared, "bob", id, found), 2);
    ck_assert_mem_eq(found, secret, sizeof secret);
    ck_assert_int_eq(shared_find(&shared, "eve", id, found), -ENOENT);
    ck_assert_int_eq(shared_find(&shared, "bob", other, found), -ENOENT);
    linger(seat);
    ck_assert(shared_make_room(&shared, &evictions));
    ck_assert_int_eq(shared_find(&shared, "bob", id, found), -ENOENT);
    shared_leave(&shared, seat);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shared");
    TCase *tc = tcase_create("seats");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_users_limit_holds_over_all_workers);
    tcase_add_test(tc, the_limit_of_all_holds_over_all_workers_and_users);
    tcase_add_test(tc, numbers_grow_and_pages_follow_them);
    tcase_add_test(tc, the_oldest_lingering_session_makes_room_wherever_it_is);
    tcase_add_test(tc, a_user_may_have_so_many_lingering_and_no_more);
    tcase_add_test(tc, a_fixed_address_goes_to_the_newest_session);
    tcase_add_test(tc, a_joining_leg_finds_its_session_until_that_is_unseated);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
