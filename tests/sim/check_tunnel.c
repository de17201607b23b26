/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two whole ends in virtual time: the tunnel over links that lose, delay, duplicate, corrupt, rebind and die.
 *
 *      client 198.51.100.2 ── link ── server 198.51.100.1, pools 10.77.0.0/24 and fd77::/64
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "tests/unit/suite.h"

#define MS NS_PER_MS

static const struct link_quality good = {.delay = 10 * MS};
static struct host *server_host, *client_host;
static struct end server, client;
static struct ledger at_server, at_client;
static struct ip_addr server4, server6;

static const char *server_config(const char *more) {
    static char text[1024];
    snprintf(text, sizeof text,
             "[Server]\nListen = 198.51.100.1:443\nCertificate = %s/server.crt\nPrivateKey = %s/server.key\nPool = "
             "10.77.0.0/24\nPool = fd77::/64\nUsers = %s/users\n%s\n%s",
             ends_dir(), ends_dir(), ends_dir(), more, ends_user());
    return text;
}

static const char *client_config(const char *token) {
    static char text[512];
    snprintf(text, sizeof text,
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\nCertificateAuthority = "
             "%s/server.crt\n[Path sim0]\n",
             token, ends_dir());
    return text;
}

static void begin(uint64_t seed, const struct link_quality *quality) {
    ends_begin(seed);
    world_quality(quality);
    server_host = world_host("server", "198.51.100.1");
    client_host = world_host("client", "198.51.100.2");
    ledger_watch(&at_server, server_host);
    ledger_watch(&at_client, client_host);
    ip_addr_parse("10.77.0.1", &server4);
    ip_addr_parse("fd77::1", &server6);
    end_start(&server, server_host, server_config(""));
    end_start(&client, client_host, client_config(ENDS_TOKEN));
}

static void finish(void) {
    end_kill(&client);
    end_kill(&server);
    world_end();
}

static bool comes_up(uint64_t within) {
    return world_run(world_now() + within, end_is_up, &client);
}

static void up_down(uint32_t first, uint32_t count, size_t length, uint64_t gap) {
    struct ip_addr own = end_address(&client, 4);
    flow_send(&client, &own, &server4, first, count, length, gap);
    flow_send(&server, &server4, &own, first, count, length, gap);
}

START_TEST(a_clean_link_carries_everything_once_and_in_order) {
    struct ip_addr own6;
    begin(1, &good);
    ck_assert(comes_up(NS_PER_SEC));
    up_down(0, 1000, 900, MS / 10);
    own6 = end_address(&client, 6);
    flow_send(&client, &own6, &server6, 1000, 1000, 1200, MS / 10);
    flow_send(&server, &server6, &own6, 1000, 1000, 1200, MS / 10);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        const struct ledger *ledger = i ? &at_client : &at_server;
        ck_assert_uint_eq(ledger->received, 2000);
        ck_assert_uint_eq(ledger->duplicates + ledger->disordered + ledger->damaged + ledger->other, 0);
    }
    finish();
}
END_TEST

START_TEST(the_tunnel_is_up_within_three_round_trips_and_a_little) {
    begin(2, &good);
    uint64_t start = world_now();
    ck_assert(comes_up(NS_PER_SEC));
    ck_assert_uint_le(world_now() - start, 3 * 20 * MS + 50 * MS);
    finish();
}
END_TEST

START_TEST(a_bad_link_loses_but_never_repeats_disorders_or_damages) {
    const struct link_quality bad = {
        .delay = 20 * MS, .jitter = 5 * MS, .loss = 0.02, .duplicate = 0.05, .corrupt = 0.02, .ce_mark = 0.05};
    begin((uint64_t)_i + 100, &bad);
    ck_assert(comes_up(10 * NS_PER_SEC));
    up_down(0, 2000, 1000, MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_ge(at_server.received, 1800);
    ck_assert_uint_ge(at_client.received, 1800);
    ck_assert_uint_eq(at_server.duplicates + at_server.damaged, 0);
    ck_assert_uint_eq(at_client.duplicates + at_client.damaged, 0);
    /* Out of order is only what came after it had been given up. */
    ck_assert_uint_le(at_server.disordered, reorder_statistics(server.crew.server->sessions->reorder)->late);
    ck_assert_uint_le(at_client.disordered, reorder_statistics(client.client.session->reorder)->late);
    finish();
}
END_TEST

START_TEST(an_ipv6_packet_of_1280_bytes_passes_a_path_too_narrow_for_it) {
    struct link_quality narrow = good;
    struct ip_addr own6;
    narrow.mtu_bytes = 1280;
    begin(3, &narrow);
    ck_assert(comes_up(NS_PER_SEC));
    own6 = end_address(&client, 6);
    flow_send(&client, &own6, &server6, 0, 100, 1280, 5 * MS);
    flow_send(&server, &server6, &own6, 0, 100, 1280, 5 * MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(at_server.received, 100);
    ck_assert_uint_eq(at_client.received, 100);
    ck_assert_uint_eq(leg_counters(session_first(client.client.session)->leg)->capsules_sent, 100);
    finish();
}
END_TEST

START_TEST(the_mtu_grows_to_what_a_wide_path_carries_and_the_server_answers_too_big_with_icmp) {
    struct ip_addr own;
    begin(4, &good);
    ck_assert(comes_up(NS_PER_SEC));
    world_run(world_now() + 5 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_ge(session_mtu(client.client.session), 1400);
    ck_assert_uint_eq(client.client.mtu_bytes, session_mtu(client.client.session));
    own = end_address(&client, 4);
    flow_send(&server, &server4, &own, 0, 1, 1500, MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(at_client.received, 0);
    ck_assert_uint_eq(at_server.other, 1);
    ck_assert_uint_eq(server.worker.drops.count[DROP_TOO_BIG], 1);
    finish();
}
END_TEST

START_TEST(a_nat_rebinding_does_not_end_the_tunnel) {
    begin(5, &good);
    ck_assert(comes_up(NS_PER_SEC));
    up_down(0, 50, 500, MS);
    world_readdress(client_host, "198.51.100.77", true);
    up_down(50, 300, 500, 2 * MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.connects, 1);
    ck_assert_uint_ge(at_server.received, 340);
    ck_assert_uint_ge(at_client.received, 330);
    finish();
}
END_TEST

START_TEST(a_restarted_server_gets_its_client_back_at_once) {
    struct ip_addr before;
    uint64_t start;
    begin(6, &good);
    ck_assert(comes_up(NS_PER_SEC));
    before = end_address(&client, 4);
    up_down(0, 20, 500, MS);
    world_run(world_now() + 2 * NS_PER_SEC, NULL, NULL);
    end_kill(&server);
    end_start(&server, server_host, server_config(""));
    start = world_now();
    flow_send(&client, &before, &server4, 20, 1, 500,
              MS); /* the old connection's packet: answered with a stateless reset */
    world_run(world_now() + 30 * MS, NULL, NULL);
    ck_assert(comes_up(10 * NS_PER_SEC));
    ck_assert_uint_le(world_now() - start, 400 * MS);
    ck_assert_uint_eq(client.client.connects, 2);
    up_down(100, 100, 500, MS);
    ck_assert_uint_ge(at_server.received, 100);
    finish();
}
END_TEST

START_TEST(a_stopping_server_takes_nobody_in_any_more) {
    const uint64_t grace = 200 * MS;
    begin(14, &good);
    ck_assert(comes_up(NS_PER_SEC));
    world_run(world_now() + 15 * NS_PER_SEC, NULL, NULL); /* long enough for the client to come back at once */
    crew_close(&server.crew);
    world_run(world_now() + grace, NULL, NULL);
    ck_assert_uint_eq(server.crew.shared.seat_count, 0);
    ck_assert_uint_eq(client.client.connects, 1);
    finish();
}
END_TEST

START_TEST(a_link_dead_for_a_minute_comes_back_by_itself) {
    struct link_quality dead = good;
    dead.dead = true;
    begin(7, &good);
    ck_assert(comes_up(NS_PER_SEC));
    world_quality(&dead);
    world_run(world_now() + 60 * NS_PER_SEC, NULL, NULL);
    ck_assert(!end_is_up(&client));
    ck_assert_ptr_null(session_first(server.crew.server->sessions));
    world_quality(&good);
    ck_assert(comes_up(40 * NS_PER_SEC));
    finish();
}
END_TEST

START_TEST(an_idle_tunnel_stays_up) {
    begin(8, &good);
    ck_assert(comes_up(NS_PER_SEC));
    world_run(world_now() + 600 * NS_PER_SEC, NULL, NULL);
    ck_assert(end_is_up(&client));
    ck_assert_uint_eq(client.client.connects, 1);
    finish();
}
END_TEST

START_TEST(a_wrong_token_is_refused_and_said_on_both_sides) {
    begin(9, &good);
    end_kill(&client);
    end_start(&client, client_host, client_config("some-other-token-that-nobody-has-01234567"));
    ck_assert(!comes_up(5 * NS_PER_SEC));
    ck_assert_msg(strstr(client.client.paths->reason, "401") != NULL, "%s", client.client.paths->reason);
    ck_assert_uint_eq(server.crew.shared.seat_count, 0);
    finish();
}
END_TEST

/* Lines of these levels that were logged to what stands in for standard error. */
static unsigned lines_of(FILE *log, const char *level) {
    char line[512];
    unsigned count = 0;
    rewind(log);
    while (fgets(line, sizeof line, log))
        count += strstr(line, level) != NULL;
    return count;
}

START_TEST(what_fails_for_an_hour_in_the_same_way_is_told_now_and_then) {
    FILE *log = tmpfile();
    int saved = dup(STDERR_FILENO);
    begin(17, &good);
    end_kill(&client);
    ck_assert_int_eq(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
    end_start(&client, client_host, client_config("some-other-token-that-nobody-has-01234567"));
    ck_assert(!comes_up(3600 * NS_PER_SEC));
    dup2(saved, STDERR_FILENO);
    ck_assert_uint_ge(lines_of(log, "warning: path sim0"), 6);
    ck_assert_uint_le(lines_of(log, "warning: path sim0"), 8);
    ck_assert_uint_le(lines_of(log, "info: path sim0"), 8);
    close(saved);
    fclose(log);
    finish();
}
END_TEST

START_TEST(each_failed_attempt_gives_its_own_reason) {
    struct link_quality dead = good;
    dead.dead = true;
    begin(14, &good);
    end_kill(&client);
    end_start(&client, client_host, client_config("some-other-token-that-nobody-has-01234567"));
    ck_assert(!comes_up(NS_PER_SEC / 4));
    ck_assert_ptr_nonnull(strstr(client.client.paths->reason, "401"));
    world_quality(&dead);
    ck_assert(!comes_up(60 * NS_PER_SEC));
    ck_assert_msg(strstr(client.client.paths->reason, "no answer") != NULL, "%s", client.client.paths->reason);
    finish();
}
END_TEST

START_TEST(packets_from_addresses_that_are_not_the_sessions_are_dropped) {
    struct ip_addr own, foreign;
    begin(10, &good);
    ck_assert(comes_up(NS_PER_SEC));
    own = end_address(&client, 4);
    ip_addr_parse("10.77.0.200", &foreign);
    flow_send(&client, &foreign, &server4, 0, 10, 500, MS); /* the honest client drops them itself */
    ck_assert_uint_eq(client.worker.drops.count[DROP_SOURCE_NOT_ALLOWED], 10);
    client.client.session->address[client.client.session->address_count++] =
        (struct ip_prefix){.addr = foreign, .length = 32}; /* a dishonest one does not */
    flow_send(&client, &foreign, &server4, 0, 10, 500, MS);
    flow_send(&client, &own, &server4, 10, 10, 500, MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(at_server.received, 10);
    ck_assert_uint_eq(server.worker.drops.count[DROP_SOURCE_NOT_ALLOWED], 10);
    finish();
}
END_TEST

START_TEST(junk_of_every_size_harms_nobody) {
    union sock_addr from, to;
    uint8_t junk[1500];
    begin(11, &good);
    ck_assert(comes_up(NS_PER_SEC));
    sock_addr_parse("198.51.100.9:999", &from);
    sock_addr_parse("198.51.100.1:443", &to);
    for (size_t i = 1; i < 1500; i++) {
        for (size_t k = 0; k < i; k++)
            junk[k] = (uint8_t)world_random();
        if (i % 3 == 0)
            junk[0] = 0xc3; /* an Initial's first byte, version 1 */
        if (i % 6 == 0 && i > 5)
            memcpy(junk + 1, "\0\0\0\1", 4);
        world_inject_udp(&from, &to, junk, i);
        world_run(world_now() + MS / 10, NULL, NULL);
    }
    up_down(0, 100, 500, MS);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(at_server.received, 100);
    ck_assert_uint_eq(at_client.received, 100);
    finish();
}
END_TEST

static size_t captured_bytes;
static uint8_t captured[1500];
static void capture(void *context, const union sock_addr *from, const union sock_addr *to, const uint8_t *data,
                    size_t length) {
    (void)context;
    (void)from;
    if (!captured_bytes && sock_addr_port(to) == 443 && length >= 1200 && length <= sizeof captured) {
        memcpy(captured, data, length);
        captured_bytes = length;
    }
}

START_TEST(a_flood_of_first_packets_is_met_with_retry_and_an_honest_client_still_comes_in) {
    union sock_addr from, to;
    begin(12, &good);
    captured_bytes = 0;
    world_tap(capture, NULL);
    ck_assert(comes_up(NS_PER_SEC));
    ck_assert_uint_ge(captured_bytes, 1200);
    end_kill(&client);
    sock_addr_parse("198.51.100.1:443", &to);
    for (unsigned i = 0; i < 500; i++) { /* the same Initial from many ports, its random DCID changed: keys do not
                                            match, so nothing is answered beyond the limit */
        char text[64];
        snprintf(text, sizeof text, "198.51.100.9:%u", 1000 + i);
        sock_addr_parse(text, &from);
        captured[6] = (uint8_t)i;
        captured[7] = (uint8_t)(i >> 8);
        world_inject_udp(&from, &to, captured, captured_bytes);
    }
    world_run(world_now() + 10 * MS, NULL, NULL);
    end_start(&client, client_host, client_config(ENDS_TOKEN));
    ck_assert(comes_up(2 * NS_PER_SEC));
    ck_assert_uint_le(server.crew.shared.connections, 70);
    finish();
}
END_TEST

START_TEST(two_ends_with_the_same_seed_behave_the_same) {
    const struct link_quality bad = {.delay = 20 * MS, .jitter = 5 * MS, .loss = 0.05, .rate_bps = 5000000};
    uint32_t received[2];
    uint64_t when[2];
    for (int i = 0; i < 2; i++) {
        begin(13, &bad);
        ck_assert(comes_up(10 * NS_PER_SEC));
        when[i] = world_now();
        finish();
        received[i] = 0;
    }
    ck_assert_uint_eq(received[0], received[1]);
    /* Random IDs and proofs differ by a few bytes when Huffman-coded: microseconds on the wire. */
    ck_assert_uint_le(when[0] > when[1] ? when[0] - when[1] : when[1] - when[0], MS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_tunnel");
    TCase *tcase = tcase_create("tunnel");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_clean_link_carries_everything_once_and_in_order);
    tcase_add_test(tcase, the_tunnel_is_up_within_three_round_trips_and_a_little);
    tcase_add_loop_test(tcase, a_bad_link_loses_but_never_repeats_disorders_or_damages, 0, 5);
    tcase_add_test(tcase, an_ipv6_packet_of_1280_bytes_passes_a_path_too_narrow_for_it);
    tcase_add_test(tcase, the_mtu_grows_to_what_a_wide_path_carries_and_the_server_answers_too_big_with_icmp);
    tcase_add_test(tcase, a_nat_rebinding_does_not_end_the_tunnel);
    tcase_add_test(tcase, a_restarted_server_gets_its_client_back_at_once);
    tcase_add_test(tcase, a_stopping_server_takes_nobody_in_any_more);
    tcase_add_test(tcase, a_link_dead_for_a_minute_comes_back_by_itself);
    tcase_add_test(tcase, an_idle_tunnel_stays_up);
    tcase_add_test(tcase, a_wrong_token_is_refused_and_said_on_both_sides);
    tcase_add_test(tcase, what_fails_for_an_hour_in_the_same_way_is_told_now_and_then);
    tcase_add_test(tcase, each_failed_attempt_gives_its_own_reason);
    tcase_add_test(tcase, packets_from_addresses_that_are_not_the_sessions_are_dropped);
    tcase_add_test(tcase, junk_of_every_size_harms_nobody);
    tcase_add_test(tcase, a_flood_of_first_packets_is_met_with_retry_and_an_honest_client_still_comes_in);
    tcase_add_test(tcase, two_ends_with_the_same_seed_behave_the_same);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
