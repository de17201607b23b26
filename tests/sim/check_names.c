/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole ends in virtual time: a server whose name stands for several addresses, not all of which lead to it, and what a
 * path sends from. */
#include <check.h>
#include <utlist.h>

#include "bonded.h"
#include "client_path.h"
#include "tests/unit/suite.h"

static const struct client_path *named; /* the third path, whose server is given by name */

/** Both ends, the client with one more device by which the named server is looked for. */
static void begin_named(uint64_t seed, const char *address, const struct link_quality *quality,
                        const char *const *addresses) {
    begin_server(seed, NULL);
    world_name(addresses);
    client_host = world_host("client", "198.51.100.2");
    world_device(client_host, "sima", "198.18.0.2", &fast);
    world_device(client_host, "simb", "203.0.113.2", &fast);
    world_device(client_host, "simc", address, quality);
    ledger_watch(&at_client, client_host);
    start_client(&client, client_host, "[Path simc]\nServer = " WORLD_NAME "\n");
    named = client_find_path(&client.client, "simc");
    ck_assert_ptr_nonnull(named);
}

static bool is_up(void *context) {
    (void)context;
    return named->state == PATH_UP;
}

static bool is_not_up(void *context) {
    return !is_up(context);
}

static bool comes_up_within(uint64_t within) {
    return world_run(world_now() + within, is_up, NULL);
}

/* Once the address that it can reach has failed, the next is one that no route leads to, whatever comes first. */
START_TEST(after_a_failure_the_only_address_with_a_route_is_tried_again) {
    const char *const v4_first[] = {"198.51.100.1", "2001:db8::1", NULL};
    const char *const v6_first[] = {"2001:db8::1", "198.51.100.1", NULL};
    begin_named(1, "192.0.2.2", &dead, _i ? v6_first : v4_first);
    ck_assert(!comes_up_within(60 * NS_PER_SEC));
    ck_assert_int_ne(named->state, PATH_DOWN);
    world_device_quality(client_host, "simc", &fast);
    ck_assert(comes_up_within(45 * NS_PER_SEC));
    finish();
}
END_TEST

START_TEST(dead_addresses_hold_a_path_up_for_seconds_and_once) {
    const char *const addresses[] = {"198.51.100.77", "198.51.100.78", "198.51.100.1", NULL};
    begin_named(2, "192.0.2.2", &fast, addresses);
    ck_assert(comes_up_within(15 * NS_PER_SEC));
    world_run(world_now() + 20 * NS_PER_SEC, NULL, NULL);
    /* The server restarts: what worked is tried first. */
    end_kill(&server);
    start_server();
    up(0, 10, MS);
    ck_assert(world_run(world_now() + 5 * NS_PER_SEC, is_not_up, NULL));
    ck_assert(comes_up_within(2 * NS_PER_SEC));
    finish();
}
END_TEST

/* Its round trip is longer than the first address is given. */
START_TEST(a_slow_path_is_waited_for_although_there_are_other_addresses) {
    const char *const addresses[] = {"198.51.100.1", "198.51.100.77", NULL};
    const struct link_quality far = {.delay = 2100 * MS, .rate_bps = 10000000};
    begin_named(3, "192.0.2.2", &far, addresses);
    ck_assert(comes_up_within(60 * NS_PER_SEC));
    finish();
}
END_TEST

START_TEST(a_link_local_address_is_none_to_send_from) {
    const char *const addresses[] = {"2001:db8::1", NULL};
    begin_named(4, "fe80::2", &fast, addresses);
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    ck_assert_int_eq(named->state, PATH_DOWN);
    ck_assert_str_eq(named->reason, "simc has no IPv6 address");
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_names");
    TCase *tcase = tcase_create("names");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, after_a_failure_the_only_address_with_a_route_is_tried_again, 0, 2);
    tcase_add_test(tcase, dead_addresses_hold_a_path_up_for_seconds_and_once);
    tcase_add_test(tcase, a_slow_path_is_waited_for_although_there_are_other_addresses);
    tcase_add_test(tcase, a_link_local_address_is_none_to_send_from);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
