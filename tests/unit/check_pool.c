/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_pool: addresses given, wished for, fixed, remembered and exhausted. */
#include "masque/pool.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static char why[160];

static struct ip_addr addr(const char *text) {
    struct ip_addr out;
    ck_assert_int_eq(ip_addr_parse(text, &out), 0);
    return out;
}

/** A pool of these prefixes, separated by blanks. @return pool_new()'s result */
static int make(const char *texts, struct pool **out) {
    struct ip_prefix prefixes[8];
    size_t count = 0;
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", texts);
    for (char *at = strtok(copy, " "); at != NULL; at = strtok(NULL, " ")) {
        ck_assert_int_eq(ip_prefix_parse(at, &prefixes[count++]), 0);
    }
    why[0] = '\0';
    return pool_new(prefixes, count, out, why, sizeof(why));
}

static struct pool *pool_of(const char *texts) {
    struct pool *pool;
    ck_assert_int_eq(make(texts, &pool), 0);
    return pool;
}

/** Take an address. @return its text, or the error as text */
static const char *take(struct pool *pool, uint8_t version, const char *user, const char *wanted) {
    static char text[IP_ADDR_TEXT_MAX];
    struct ip_addr want = {0}, out;
    if (wanted != NULL)
        want = addr(wanted);
    switch (pool_take(pool, version, user, &want, &out)) {
    case 0:
        return ip_addr_print(&out, text);
    case -ENOSPC:
        return "ENOSPC";
    case -ENOENT:
        return "ENOENT";
    default:
        return "?";
    }
}

static void give(struct pool *pool, const char *text) {
    struct ip_addr a = addr(text);
    pool_give(pool, &a);
}

static int reserve(struct pool *pool, const char *text, const char *user) {
    struct ip_addr a = addr(text);
    return pool_reserve(pool, &a, user);
}

static int take_fixed(struct pool *pool, const char *text, const char *user) {
    struct ip_addr a = addr(text);
    return pool_take_fixed(pool, &a, user);
}

START_TEST(the_first_address_is_the_servers_and_the_second_the_first_clients) {
    struct pool *pool = pool_of("10.77.0.0/24 fd77::/64");
    struct ip_prefix own;
    char text[IP_PREFIX_TEXT_MAX];
    ck_assert_int_eq(pool_server_address(pool, 4, &own), 0);
    ck_assert_str_eq(ip_prefix_print(&own, text), "10.77.0.1/24");
    ck_assert_int_eq(pool_server_address(pool, 6, &own), 0);
    ck_assert_str_eq(ip_prefix_print(&own, text), "fd77::1/64");
    ck_assert_str_eq(take(pool, 4, "alice", NULL), "10.77.0.2");
    ck_assert_str_eq(take(pool, 6, "alice", NULL), "fd77::2");
    ck_assert_str_eq(take(pool, 4, "bob", NULL), "10.77.0.3");
    pool_free(pool);
}
END_TEST

START_TEST(host_bits_of_a_prefix_do_not_matter) {
    struct pool *pool = pool_of("10.77.0.77/24");
    ck_assert_str_eq(take(pool, 4, "", NULL), "10.77.0.2");
    pool_free(pool);
}
END_TEST

START_TEST(a_version_without_prefix_has_no_addresses) {
    struct pool *pool = pool_of("10.77.0.0/24");
    struct ip_prefix own;
    ck_assert_str_eq(take(pool, 6, "", NULL), "ENOENT");
    ck_assert_int_eq(pool_server_address(pool, 6, &own), -ENOENT);
    pool_free(pool);
    pool = pool_of("");
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOENT");
    pool_free(pool);
}
END_TEST

START_TEST(prefixes_too_small_or_overlapping_are_named) {
    struct pool *pool;
    ck_assert_int_eq(make("10.0.0.0/31", &pool), -EINVAL);
    ck_assert_str_eq(why, "10.0.0.0/31 has fewer than 4 addresses");
    ck_assert_int_eq(make("fd77::/127", &pool), -EINVAL);
    ck_assert_int_eq(make("10.0.0.0/24 10.1.0.0/16 10.1.2.0/24", &pool), -EINVAL);
    ck_assert_str_eq(why, "10.1.2.0/24 overlaps 10.1.0.0/16");
    ck_assert_int_eq(make("10.1.2.0/24 10.0.0.0/8", &pool), -EINVAL);
    ck_assert_int_eq(make("fd77::/64 fd77::/64", &pool), -EINVAL);
    ck_assert_int_eq(make("10.0.0.0/30 fd77::/126", &pool), 0);
    pool_free(pool);
}
END_TEST

START_TEST(a_small_pool_is_exhausted_and_recovers) {
    struct pool *pool = pool_of("10.0.0.0/30 10.0.1.0/29");
    static const char *const all[] = {"10.0.0.2", "10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5", "10.0.1.6"};
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(take(pool, 4, "", NULL), all[i]);
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    give(pool, "10.0.1.4");
    ck_assert_str_eq(take(pool, 4, "", NULL), "10.0.1.4");
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    pool_free(pool);
}
END_TEST

START_TEST(the_longest_free_address_is_given_first) {
    struct pool *pool = pool_of("10.0.0.0/29");
    for (size_t i = 0; i < 5; i++)
        take(pool, 4, "", NULL);
    give(pool, "10.0.0.5");
    give(pool, "10.0.0.3");
    ck_assert_str_eq(take(pool, 4, "", NULL), "10.0.0.5");
    ck_assert_str_eq(take(pool, 4, "", NULL), "10.0.0.3");
    pool_free(pool);
}
END_TEST

START_TEST(giving_twice_or_what_was_never_taken_is_harmless) {
    struct pool *pool = pool_of("10.0.0.0/29");
    take(pool, 4, "", NULL);
    give(pool, "10.0.0.2");
    give(pool, "10.0.0.2");
    give(pool, "10.0.0.4");
    give(pool, "192.0.2.1");
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_ne(take(pool, 4, "", NULL), "ENOSPC");
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    pool_free(pool);
}
END_TEST

START_TEST(a_wish_is_granted_if_free) {
    struct pool *pool = pool_of("10.0.0.0/24");
    ck_assert_str_eq(take(pool, 4, "a", "10.0.0.200"), "10.0.0.200");
    ck_assert_str_eq(take(pool, 4, "b", "10.0.0.200"), "10.0.0.2");
    ck_assert_str_eq(take(pool, 4, "c", "192.0.2.1"), "10.0.0.3");
    ck_assert_str_eq(take(pool, 4, "d", "10.0.0.0"), "10.0.0.4");
    ck_assert_str_eq(take(pool, 4, "e", "10.0.0.1"), "10.0.0.5");
    ck_assert_str_eq(take(pool, 4, "f", "10.0.0.255"), "10.0.0.6");
    ck_assert_str_eq(take(pool, 4, "g", "fd77::9"), "10.0.0.7");
    pool_free(pool);
}
END_TEST

START_TEST(wishes_neither_hide_nor_double_addresses) {
    struct pool *pool = pool_of("10.0.0.0/29");
    ck_assert_str_eq(take(pool, 4, "", "10.0.0.4"), "10.0.0.4");
    give(pool, "10.0.0.4");
    ck_assert_str_eq(take(pool, 4, "", "10.0.0.3"), "10.0.0.3");
    static const char *const rest[] = {"10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(take(pool, 4, "", NULL), rest[i]);
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    pool_free(pool);
}
END_TEST

START_TEST(a_user_gets_the_last_address_again) {
    struct pool *pool = pool_of("10.0.0.0/24 fd77::/64");
    take(pool, 4, "x", NULL);
    ck_assert_str_eq(take(pool, 4, "alice", NULL), "10.0.0.3");
    ck_assert_str_eq(take(pool, 6, "alice", NULL), "fd77::2");
    give(pool, "10.0.0.3");
    give(pool, "fd77::2");
    ck_assert_str_eq(take(pool, 4, "bob", NULL), "10.0.0.4");
    ck_assert_str_eq(take(pool, 4, "alice", NULL), "10.0.0.3");
    ck_assert_str_eq(take(pool, 6, "alice", NULL), "fd77::2");
    ck_assert_str_eq(take(pool, 4, "alice", NULL), "10.0.0.5");
    pool_free(pool);
}
END_TEST

START_TEST(a_reserved_address_is_for_its_user_only) {
    struct pool *pool = pool_of("10.0.0.0/29");
    ck_assert_int_eq(reserve(pool, "10.0.0.3", "alice"), 0);
    ck_assert_int_eq(reserve(pool, "10.0.0.3", "alice"), 0);
    ck_assert_int_eq(reserve(pool, "10.0.0.3", "bob"), -EEXIST);
    ck_assert_str_eq(take(pool, 4, "bob", "10.0.0.3"), "10.0.0.2");
    ck_assert_str_eq(take(pool, 4, "bob", NULL), "10.0.0.4");
    ck_assert_int_eq(take_fixed(pool, "10.0.0.3", "bob"), -EPERM);
    ck_assert_int_eq(take_fixed(pool, "10.0.0.5", "alice"), -EPERM);
    ck_assert_int_eq(take_fixed(pool, "10.0.0.3", "alice"), 0);
    ck_assert_int_eq(take_fixed(pool, "10.0.0.3", "alice"), -EBUSY);
    give(pool, "10.0.0.3");
    ck_assert_str_eq(take(pool, 4, "alice", "10.0.0.3"), "10.0.0.3");
    pool_free(pool);
}
END_TEST

START_TEST(a_fixed_address_may_lie_outside_the_prefixes) {
    struct pool *pool = pool_of("10.0.0.0/29");
    ck_assert_int_eq(reserve(pool, "192.0.2.9", "alice"), 0);
    ck_assert_int_eq(take_fixed(pool, "192.0.2.9", "alice"), 0);
    give(pool, "192.0.2.9");
    ck_assert_int_eq(take_fixed(pool, "192.0.2.9", "alice"), 0);
    pool_clear_reservations(pool);
    give(pool, "192.0.2.9");
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(strncmp(take(pool, 4, "", NULL), "10.0.0.", 7), 0);
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    pool_free(pool);
}
END_TEST

START_TEST(the_servers_network_and_broadcast_addresses_cannot_be_reserved) {
    struct pool *pool = pool_of("10.0.0.0/29 fd77::/64");
    ck_assert_int_eq(reserve(pool, "10.0.0.0", "a"), -EINVAL);
    ck_assert_int_eq(reserve(pool, "10.0.0.1", "a"), -EINVAL);
    ck_assert_int_eq(reserve(pool, "10.0.0.7", "a"), -EINVAL);
    ck_assert_int_eq(reserve(pool, "fd77::1", "a"), -EINVAL);
    ck_assert_int_eq(reserve(pool, "10.0.0.2", ""), -EINVAL);
    ck_assert_int_eq(reserve(pool, "fd77::ffff:ffff:ffff:ffff", "a"), 0);
    pool_free(pool);
}
END_TEST

START_TEST(a_reload_frees_and_keeps_the_right_addresses) {
    struct pool *pool = pool_of("10.0.0.0/29");
    ck_assert_int_eq(reserve(pool, "10.0.0.2", "alice"), 0);
    ck_assert_int_eq(reserve(pool, "10.0.0.6", "carol"), 0);
    ck_assert_str_eq(take(pool, 4, "bob", NULL), "10.0.0.3");
    ck_assert_int_eq(take_fixed(pool, "10.0.0.2", "alice"), 0);
    pool_clear_reservations(pool);
    ck_assert_int_eq(reserve(pool, "10.0.0.3", "dave"), 0);
    ck_assert_int_eq(take_fixed(pool, "10.0.0.3", "dave"), -EBUSY);
    give(pool, "10.0.0.3");
    ck_assert_int_eq(take_fixed(pool, "10.0.0.3", "dave"), 0);
    static const char *const rest[] = {"10.0.0.4", "10.0.0.5", "10.0.0.6"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(take(pool, 4, "", NULL), rest[i]);
    ck_assert_str_eq(take(pool, 4, "", NULL), "ENOSPC");
    give(pool, "10.0.0.2");
    ck_assert_str_eq(take(pool, 4, "", NULL), "10.0.0.2");
    pool_free(pool);
}
END_TEST

START_TEST(a_64_carries_many_sessions_and_reuses_after_a_rest) {
    struct pool *pool = pool_of("fd77::/64");
    struct ip_addr first, out, none = {0};
    ck_assert_int_eq(pool_take(pool, 6, "", &none, &first), 0);
    int error = 0;
    for (size_t i = 0; i < 50000; i++)
        error |= pool_take(pool, 6, "", &none, &out);
    ck_assert_int_eq(error, 0);
    /* Of many that come and go, an address is not given again at once, and not for ever kept back. */
    pool_give(pool, &first);
    size_t taken = 0;
    do {
        error |= pool_take(pool, 6, "", &none, &out);
        pool_give(pool, &out);
        taken++;
    } while (ip_addr_compare(&out, &first) != 0 && taken < 100000);
    ck_assert_uint_gt(taken, 1000);
    ck_assert_uint_lt(taken, 2000);
    pool_free(pool);
}
END_TEST

START_TEST(random_use_never_gives_an_address_twice) {
    struct pool *pool = pool_of("10.0.0.0/25 10.0.1.0/28");
    struct ip_addr held[200];
    size_t count = 0, given = 0;
    unsigned seed = 1;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1103515245u + 12345u;
        unsigned roll = seed >> 16;
        char user[8];
        snprintf(user, sizeof(user), "u%u", roll % 9);
        if (roll % 3 == 0 && count > 0) {
            size_t i = roll / 3 % count;
            pool_give(pool, &held[i]);
            held[i] = held[--count];
            continue;
        }
        struct ip_addr wanted = addr("10.0.0.0"), out;
        ip_addr_add(&wanted, roll / 7 % 300);
        int error = pool_take(pool, 4, user, roll % 2 ? &wanted : &(struct ip_addr){0}, &out);
        ck_assert_int_eq(error, count == 125 + 13 ? -ENOSPC : 0);
        if (error != 0)
            continue;
        bool twice = false;
        for (size_t i = 0; i < count; i++)
            twice = twice || ip_addr_compare(&held[i], &out) == 0;
        ck_assert(!twice);
        held[count++] = out;
        given++;
    }
    ck_assert_uint_gt(given, 1000);
    pool_free(pool);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_first_address_is_the_servers_and_the_second_the_first_clients);
    tcase_add_test(tcase, host_bits_of_a_prefix_do_not_matter);
    tcase_add_test(tcase, a_version_without_prefix_has_no_addresses);
    tcase_add_test(tcase, prefixes_too_small_or_overlapping_are_named);
    tcase_add_test(tcase, a_small_pool_is_exhausted_and_recovers);
    tcase_add_test(tcase, the_longest_free_address_is_given_first);
    tcase_add_test(tcase, giving_twice_or_what_was_never_taken_is_harmless);
    tcase_add_test(tcase, a_wish_is_granted_if_free);
    tcase_add_test(tcase, wishes_neither_hide_nor_double_addresses);
    tcase_add_test(tcase, a_user_gets_the_last_address_again);
    tcase_add_test(tcase, a_reserved_address_is_for_its_user_only);
    tcase_add_test(tcase, a_fixed_address_may_lie_outside_the_prefixes);
    tcase_add_test(tcase, the_servers_network_and_broadcast_addresses_cannot_be_reserved);
    tcase_add_test(tcase, a_reload_frees_and_keeps_the_right_addresses);
    tcase_add_test(tcase, a_64_carries_many_sessions_and_reuses_after_a_rest);
    tcase_add_test(tcase, random_use_never_gives_an_address_twice);
    return suite_run(suite);
}
