/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole ends in virtual time: a server whose name stands for several addresses, not all of which lead to it, what a
 * path sends from, and what becomes of a leg whose path goes by another address or is lost for good. */
#include <check.h>
#include <stdio.h>
#include <utlist.h>

#include "bonded.h"
#include "client_path.h"
#include "tests/unit/suite.h"

static const struct client_path *named; /* the third path, whose server is given by name */

/** The client, with one more device by which the named server is looked for. */
static void begin_client(const char *address, const struct link_quality *quality, const char *const *addresses) {
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

static void begin_named(uint64_t seed, const char *address, const struct link_quality *quality,
                        const char *const *addresses) {
    begin_server(seed, NULL);
    begin_client(address, quality, addresses);
}

/** Likewise, with a server that has an IPv6 address, too. */
static void begin_named_of_both(uint64_t seed, const char *address, const char *const *addresses) {
    begin_server(seed, NULL);
    end_kill(&server);
    world_device(server_host, "sim6", "2001:db8::1", &fast);
    start_server_at(&server, server_host, "198.51.100.1:443\nListen = [2001:db8::1]");
    begin_client(address, &fast, addresses);
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

static void readdress(const char *address) {
    const struct client_path *path = client_find_path(&client.client, "simc");
    struct ip_addr gone = path->source, come;
    ip_addr_parse(address, &come);
    world_device_address(client_host, "simc", address);
    client_on_address(&client.client, path->ifindex, &gone, false);
    client_on_address(&client.client, path->ifindex, &come, true);
    turn_client();
}

/* The legs of the server's only session. */
static size_t server_legs(void) {
    return server.crew.server->sessions->leg_count;
}

static uint64_t sent_to_old; /* datagrams from the server */
static void count_to_old(void *context, const union sock_addr *from, const union sock_addr *to, const uint8_t *data,
                         size_t length) {
    const struct ip_addr target = sock_addr_ip(to);
    struct ip_addr old;
    (void)context, (void)from, (void)data, (void)length;
    ip_addr_parse("192.0.2.2", &old);
    sent_to_old += !ip_addr_compare(&target, &old);
}

/** What the server sends now comes whole by the other legs. */
static void nothing_goes_to_the_old_address(void) {
    world_tap(count_to_old, NULL);
    down(0, 1000, MS);
    settle();
    ck_assert_uint_eq(sent_to_old, 0);
    is_whole(&at_client, 1000);
}

/* The leg that was left can say nothing, as its address is gone. The server hears it on the leg that comes instead,
 * alone or beside two others, and sends nothing more there. */
START_TEST(a_leg_that_is_left_for_another_address_ends_at_the_server) {
    const char *const addresses[] = {"198.51.100.1", "2001:db8::1", NULL};
    const bool alone = _i;
    begin_named_of_both(5, "192.0.2.2", addresses);
    ck_assert(comes_up(3, 2 * NS_PER_SEC));
    settle();
    if (alone) {
        ck_assert(!client_remove_path(&client.client, "sima") && !client_remove_path(&client.client, "simb"));
        turn_client();
        ck_assert(comes_up(1, NS_PER_SEC));
    }
    readdress("2001:db8::2");
    ck_assert_int_eq(named->state, PATH_LOST);
    ck_assert(comes_up_within(5 * NS_PER_SEC));
    world_run(world_now() + 100 * MS, NULL, NULL);
    ck_assert_uint_eq(server_legs(), alone ? 1 : 3);
    nothing_goes_to_the_old_address();
    finish();
}
END_TEST

/* The client says on all legs that one of this number is over. */
static void say_over(uint8_t number) {
    static const enum control_leg_state states[] = {CONTROL_DOWN, CONTROL_DRAINING};
    for (size_t i = 0; i < 2; i++) {
        struct control_capsule capsule = {
            .type = CONTROL_LEG_ROLE, .leg = number, .role = {.state = states[i], .weight = 1}};
        session_tell(client.client.session, &capsule);
    }
    tunnel_mark(client.client.tunnel);
    turn_client();
}

/* As the client's capsules would come with another leg's number, about a leg that is only draining, and about the very
 * leg that they come on. */
START_TEST(a_leg_that_was_not_left_stays) {
    const struct control_leg_role draining = {.state = CONTROL_DRAINING, .weight = 1};
    struct session *session;
    uint64_t handshakes;
    begin(6, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    session = client.client.session;
    handshakes = client.client.handshakes;
    say_over(FRAME_LEG_MAX);
    session_set_role(session, client_path_leg(client_find_path(&client.client, "simb")), &draining);
    tunnel_mark(client.client.tunnel);
    turn_client();
    settle();
    ck_assert_uint_eq(server_legs(), 2);
    ck_assert(!client_remove_path(&client.client, "simb"));
    turn_client();
    settle();
    ck_assert_uint_eq(server_legs(), 1);
    say_over(session_first(session)->number);
    settle();
    ck_assert_int_eq(session_first(server.crew.server->sessions)->state, CONTROL_UP);
    down(0, 300, MS);
    settle();
    is_whole(&at_client, 300);
    ck_assert_uint_eq(server_legs(), 1);
    ck_assert_uint_eq(client.client.handshakes, handshakes);
    finish();
}
END_TEST

static void set_link(const char *device, bool up) {
    client_on_link(&client.client, world_device_link(client_host, device, up), true, up);
    turn_client();
}

/* Legs at the server, of all sessions, that it is to send on. */
static size_t server_legs_up(void) {
    const struct session *session;
    size_t count = 0;
    DL_FOREACH(server.crew.server->sessions, session)
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        count += session->legs[i].leg && session->legs[i].state == CONTROL_UP && !session->legs[i].gone;
    return count;
}

static void forget_session(bool by_reload) {
    char trust[300];
    if (by_reload) { /* the same file by another name */
        snprintf(trust, sizeof trust, "CertificateAuthority = %s/./server.crt", ends_dir());
        reload_client(trust, "");
        return;
    }
    world_enter(server_host);
    ck_assert_int_eq(server_evict(server.crew.server, server.crew.server->sessions->id, "closed"), 0);
    loop_set_deadline(server.worker.loop, world_now());
}

/* A path is lost, then the session is over: the next one's leg has the number of the lost one, which was of another. */
START_TEST(what_was_left_of_a_session_is_not_told_in_the_next) {
    struct client_path *path, *lost = NULL;
    begin(7, &fast, &slow, "");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    settle();
    DL_FOREACH(client.client.paths, path)
    if (client_path_leg(path)->number == 0)
        lost = path;
    ck_assert_ptr_nonnull(lost);
    set_link(lost->device, false);
    settle();
    ck_assert_int_eq(lost->state, PATH_LOST);
    forget_session(_i);
    world_run(world_now() + 5 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.session->leg_count, 1);
    ck_assert_uint_eq(session_first(client.client.session)->number, 0);
    ck_assert_uint_eq(server_legs_up(), 1);
    down(0, 300, MS);
    settle();
    set_link(lost->device, true);
    world_run(world_now() + 5 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.session->leg_count, 2);
    ck_assert_uint_eq(server_legs_up(), 2);
    down(300, 300, MS);
    settle();
    is_whole(&at_client, 600);
    finish();
}
END_TEST

/* The other two are lost, and what they take does not come before they are back: the server hears it on the next leg,
 * or on one that is back. */
START_TEST(that_a_leg_was_left_is_told_when_a_leg_works) {
    const char *const addresses[] = {"198.51.100.1", "2001:db8::1", NULL};
    const bool returns = _i;
    const uint64_t begun = world_now();
    begin_named_of_both(8, "192.0.2.2", addresses);
    ck_assert(comes_up(3, 2 * NS_PER_SEC));
    settle();
    set_link("sima", false);
    set_link("simb", false);
    if (returns) {
        set_link("simc", false);
        ck_assert(!client_remove_path(&client.client, "simc"));
        turn_client();
        settle();
        set_link("sima", true);
    } else {
        readdress("2001:db8::2");
        ck_assert_int_eq(named->state, PATH_LOST);
        ck_assert(comes_up_within(5 * NS_PER_SEC));
    }
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_lt(world_now() - begun, 20 * NS_PER_SEC); /* not by the idle time-out */
    ck_assert_uint_eq(server_legs(), returns ? 2 : 3);
    nothing_goes_to_the_old_address();
    finish();
}
END_TEST

/* The path goes with its leg, the last of the session, which another path joins anew. */
START_TEST(the_leg_of_a_lost_path_that_is_removed_ends_at_the_server) {
    const struct config_path other = {.device = "simb", .weight = 1};
    char why[200];
    begin(9, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    ck_assert(!client_remove_path(&client.client, "simb"));
    turn_client();
    settle();
    ck_assert_uint_eq(server_legs(), 1);
    set_link("sima", false);
    ck_assert(!client_remove_path(&client.client, "sima"));
    turn_client();
    settle();
    ck_assert_uint_eq(client.client.session->leg_count, 0);
    ck_assert_int_eq(client_add_path(&client.client, &other, why, sizeof why), 0);
    turn_client();
    ck_assert(comes_up(1, 5 * NS_PER_SEC));
    settle();
    ck_assert_uint_eq(server_legs(), 1);
    ck_assert_uint_eq(server_legs_up(), 1);
    down(0, 300, MS);
    settle();
    is_whole(&at_client, 300);
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
    tcase_add_loop_test(tcase, a_leg_that_is_left_for_another_address_ends_at_the_server, 0, 2);
    tcase_add_test(tcase, a_leg_that_was_not_left_stays);
    tcase_add_loop_test(tcase, what_was_left_of_a_session_is_not_told_in_the_next, 0, 2);
    tcase_add_loop_test(tcase, that_a_leg_was_left_is_told_when_a_leg_works, 0, 2);
    tcase_add_test(tcase, the_leg_of_a_lost_path_that_is_removed_ends_at_the_server);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
