/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two whole ends in virtual time, several paths to a server that does not bond: one leg, moved by QUIC migration. The
 * server is made plain by join_parse(), which the linker puts ours in place of: no field is understood.
 *
 *      client sima 198.18.0.2  ──┐
 *             simb 203.0.113.2 ──┴── server 198.51.100.1, pool 10.77.0.0/24
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bond/join.h"
#include "client_path.h"
#include "ends.h"
#include "tests/unit/suite.h"

#define MS NS_PER_MS

static const struct link_quality near = {.delay = 10 * MS, .rate_bps = 20000000};
static const struct link_quality far = {.delay = 40 * MS, .rate_bps = 10000000};
static const struct link_quality dead = {.dead = true};
static struct host *server_host, *client_host;
static struct end server, client;
static struct ledger at_server, at_client;
static struct ip_addr server4, own;

static bool bonds; /* join_parse() does what it does, for all who are in this process */

int __real_join_parse(const char *value, size_t length, struct join_field *out);
int __wrap_join_parse(const char *value, size_t length, struct join_field *out);
int __wrap_join_parse(const char *value, size_t length, struct join_field *out) {
    return bonds ? __real_join_parse(value, length, out) : -EINVAL;
}

static const char *state_of(const char *device) {
    const struct client_path *path = client_find_path(&client.client, device);
    return path ? client_path_state(path) : "none";
}

struct states {
    const char *a, *b;
};
static bool states_are(void *context) {
    const struct states *wanted = context;
    return !strcmp(state_of("sima"), wanted->a) && !strcmp(state_of("simb"), wanted->b) &&
           client.client.session->leg_count == 1 && client.client.session->address_count;
}

static void come_to(const char *a, const char *b, uint64_t within) {
    struct states wanted = {a, b};
    ck_assert_msg(world_run(world_now() + within, states_are, &wanted), "sima is %s, simb is %s", state_of("sima"),
                  state_of("simb"));
}

static void run(uint64_t duration) {
    world_run(world_now() + duration, NULL, NULL);
}

static char text[2][1024]; /* configuration of server and client */

static void begin(uint64_t seed, const char *paths) {
    ends_begin(seed);
    world_quality(&near);
    server_host = world_host("server", "198.51.100.1");
    client_host = world_host("client", "198.51.100.2");
    world_device(client_host, "sima", "198.18.0.2", &near);
    world_device(client_host, "simb", "203.0.113.2", &far);
    ledger_watch(&at_server, server_host);
    ledger_watch(&at_client, client_host);
    ip_addr_parse("10.77.0.1", &server4);
    snprintf(text[0], sizeof text[0],
             "[Server]\nListen = 198.51.100.1:443\nCertificate = %s/server.crt\nPrivateKey = %s/server.key\nPool = "
             "10.77.0.0/24\nUsers = %s/users\n%s",
             ends_dir(), ends_dir(), ends_dir(), ends_user());
    snprintf(text[1], sizeof text[1],
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\nCertificateAuthority = "
             "%s/server.crt\n%s",
             ENDS_TOKEN, ends_dir(), paths);
    end_start(&server, server_host, text[0]);
    end_start(&client, client_host, text[1]);
}

static void begin_with_spare(uint64_t seed) {
    begin(seed, "[Path sima]\n[Path simb]\n");
    come_to("up", "standby", 2 * NS_PER_SEC);
    own = end_address(&client, 4);
    run(NS_PER_SEC); /* both ends have connection IDs to spare */
}

/* Packets both ways; what was sent while the path was dead is lost, nothing else. */
static void both_ways(uint32_t first, uint32_t count) {
    flow_send(&client, &own, &server4, first, count, 1000, MS);
    flow_send(&server, &server4, &own, first, count, 1000, MS);
    run(NS_PER_SEC);
}

static void both_have(uint32_t count) {
    ck_assert_uint_eq(at_server.received, count);
    ck_assert_uint_eq(at_client.received, count);
}

static void link_goes(const char *device, bool up) {
    client_on_link(&client.client, world_device_link(client_host, device, up), true, up);
    loop_set_deadline(client.worker.loop, world_now());
}

/* The tunnel is still the one that was opened first. */
static void it_is_the_same_tunnel(void) {
    const struct ip_addr now = end_address(&client, 4);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_uint_eq(client.client.connects, 1);
    ck_assert_int_eq(client.client.bonding, BONDING_NO);
    ck_assert(!ip_addr_compare(&now, &own));
}

static void finish(void) {
    end_kill(&client);
    end_kill(&server);
    world_end();
}

START_TEST(one_path_carries_the_tunnel_the_other_stands_by) {
    begin_with_spare(1);
    both_ways(0, 300);
    both_have(300);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

START_TEST(a_lost_link_moves_the_leg_there_and_back) {
    begin_with_spare(2);
    both_ways(0, 100);
    link_goes("sima", false);
    come_to("down", "up", 100 * MS);
    both_ways(100, 100);
    both_have(200);
    link_goes("sima", true);
    come_to("standby", "up", NS_PER_SEC);
    link_goes("simb", false);
    come_to("up", "down", 100 * MS);
    both_ways(200, 100);
    both_have(300);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

START_TEST(a_leg_without_any_link_goes_on_by_the_first_that_comes_back) {
    begin_with_spare(3);
    link_goes("simb", false);
    come_to("up", "down", NS_PER_SEC);
    link_goes("sima", false);
    run(3 * NS_PER_SEC);
    link_goes("simb", true);
    come_to("down", "up", 2 * NS_PER_SEC);
    both_ways(0, 100);
    both_have(100);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

START_TEST(a_path_dying_silently_is_left_within_three_seconds_and_comes_back_as_a_spare) {
    begin_with_spare(4);
    world_device_quality(client_host, "sima", &dead);
    flow_send(&client, &own, &server4, 0, 300, 1000, 10 * MS);
    ck_assert_str_eq(state_of("simb"), "up");
    run(NS_PER_SEC);
    ck_assert_uint_ge(at_server.received, 200); /* what waited in the queue comes too */
    both_ways(300, 100);
    ck_assert_uint_eq(at_client.received, 100);
    world_device_quality(client_host, "sima", &near);
    come_to("standby", "up", 60 * NS_PER_SEC);
    world_device_quality(client_host, "simb", &dead);
    run(5 * NS_PER_SEC);
    ck_assert_str_eq(state_of("sima"), "up");
    it_is_the_same_tunnel();
    finish();
}
END_TEST

/* The server is heard all the time, if only because it asks why nothing is acknowledged. */
START_TEST(a_path_that_dies_in_one_direction_is_left_too) {
    struct link_quality mute = near, deaf = near;
    mute.mute = deaf.deaf = true;
    begin_with_spare(6);
    world_device_quality(client_host, "sima", _i ? &deaf : &mute);
    for (uint32_t i = 0; i < 500; i++) {
        flow_send(&client, &own, &server4, i, 1, 1000, 0);
        flow_send(&server, &server4, &own, i, 1, 1000, 10 * MS);
    }
    ck_assert_str_eq(state_of("simb"), "up");
    ck_assert_uint_ge(at_server.received, 200);
    ck_assert_uint_ge(at_client.received, 200);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

/* What comes from the server is only acknowledged, which nothing answers. */
START_TEST(a_leg_that_only_receives_stays_where_it_is) {
    begin_with_spare(7);
    flow_send(&server, &server4, &own, 0, 1000, 1000, 10 * MS);
    run(NS_PER_SEC);
    come_to("up", "standby", MS);
    ck_assert_uint_eq(at_client.received, 1000);
    finish();
}
END_TEST

START_TEST(an_idle_leg_stays_where_it_is) {
    begin_with_spare(5);
    run(120 * NS_PER_SEC);
    come_to("up", "standby", MS);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

START_TEST(a_removed_path_leaves_its_leg_to_the_spare) {
    begin_with_spare(6);
    both_ways(0, 100);
    ck_assert(!client_remove_path(&client.client, "sima"));
    loop_set_deadline(client.worker.loop, world_now());
    come_to("none", "up", 100 * MS);
    both_ways(100, 100);
    both_have(200);
    it_is_the_same_tunnel();
    finish();
}
END_TEST

START_TEST(a_dead_server_is_found_again_by_any_path) {
    begin_with_spare(7);
    world_device_quality(client_host, "sima", &dead);
    world_device_quality(client_host, "simb", &dead);
    run(60 * NS_PER_SEC);
    ck_assert_uint_eq(client.client.session->leg_count, 0);
    world_device_quality(client_host, "simb", &far);
    ck_assert(world_run(world_now() + 60 * NS_PER_SEC, end_is_up, &client));
    own = end_address(&client, 4);
    both_ways(0, 100);
    both_have(100);
    finish();
}
END_TEST

static bool is_bonded(void *context) {
    (void)context;
    return client.client.bonding == BONDING_YES && client.client.session->leg_count == 2 &&
           client.client.session->address_count;
}

static bool has_requested(void *context) {
    const struct client_path *path = context;
    return path->state == PATH_CONNECTING && path->requested;
}

/* The server is restarted and bonds no more. simb asked to join the session of before, and is refused late, when sima
 * carries a plain one: it is a spare then, and its next connection has to fail for itself. */
START_TEST(who_becomes_a_spare_when_it_is_refused_is_not_excused_for_the_next_failure) {
    struct link_quality deaf = near;
    struct client_path *late;
    deaf.deaf = true;
    bonds = true;
    begin(8, "[Path sima]\n[Path simb]\n");
    ck_assert(world_run(world_now() + 2 * NS_PER_SEC, is_bonded, NULL));
    run(2 * NS_PER_SEC);
    world_device_quality(client_host, "simb", &near);
    late = client_find_path(&client.client, "simb");
    client_path_reconnect(late, "test");
    loop_set_deadline(client.worker.loop, world_now());
    world_device_quality(client_host, "sima", &dead); /* it does not hear of the restart yet */
    end_kill(&server);
    end_start(&server, server_host, text[0]);
    ck_assert(world_run(world_now() + NS_PER_SEC, has_requested, late));
    run(25 * MS); /* the request goes when the server's settings are here */
    world_device_quality(client_host, "simb", &deaf);
    run(15 * MS);
    bonds = false;
    world_device_quality(client_host, "sima", &near);
    own = end_address(&client, 4);
    flow_send(&client, &own, &server4, 0, 10, 1000, MS);
    run(500 * MS);
    ck_assert_str_eq(state_of("sima"), "up");
    ck_assert_int_eq(client.client.bonding, BONDING_NO);
    ck_assert_int_eq(late->state, PATH_CONNECTING);
    world_device_quality(client_host, "simb", &near);
    come_to("up", "standby", 5 * NS_PER_SEC);
    ck_assert_msg(strstr(late->ending, "409") != NULL, "%s", late->ending);
    ck_assert(!late->again);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_plain");
    TCase *tcase = tcase_create("plain");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, one_path_carries_the_tunnel_the_other_stands_by);
    tcase_add_test(tcase, a_lost_link_moves_the_leg_there_and_back);
    tcase_add_test(tcase, a_leg_without_any_link_goes_on_by_the_first_that_comes_back);
    tcase_add_test(tcase, a_path_dying_silently_is_left_within_three_seconds_and_comes_back_as_a_spare);
    tcase_add_loop_test(tcase, a_path_that_dies_in_one_direction_is_left_too, 0, 2);
    tcase_add_test(tcase, a_leg_that_only_receives_stays_where_it_is);
    tcase_add_test(tcase, an_idle_leg_stays_where_it_is);
    tcase_add_test(tcase, a_removed_path_leaves_its_leg_to_the_spare);
    tcase_add_test(tcase, a_dead_server_is_found_again_by_any_path);
    tcase_add_test(tcase, who_becomes_a_spare_when_it_is_refused_is_not_excused_for_the_next_failure);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
