/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two whole ends in virtual time: paths that return resume their TLS sessions, unless something speaks against it. The
 * first two handshakes, one for each path, are full ones: they begin together. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "bonded.h"
#include "quic/tls_context.h"
#include "tests/unit/suite.h"

/* Handshakes in which the client verified the server's certificate. */
static uint64_t full(void) {
    return client.client.handshakes - client.client.resumed_handshakes;
}

static void begin_with_two_paths(uint64_t seed) {
    begin(seed, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    ck_assert_uint_eq(full(), 2);
    ck_assert_uint_eq(client.client.resumed_handshakes, 0);
    ck_assert_uint_eq(client.client.tls->tickets.count, 4);
}

/* Both paths die and return. */
static void lose_and_return(uint64_t seconds) {
    world_device_quality(client_host, "sima", &dead);
    world_device_quality(client_host, "simb", &dead);
    world_run(world_now() + seconds * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.session->leg_count, 0);
    world_device_quality(client_host, "sima", &fast);
    world_device_quality(client_host, "simb", &fast);
    ck_assert(comes_up(2, 45 * NS_PER_SEC));
}

/* Five minutes are more attempts without an answer than there are tickets. */
START_TEST(a_path_that_returns_is_resumed_and_joins_its_session) {
    begin_with_two_paths(200);
    world_device_quality(client_host, "sima", &dead);
    world_run(world_now() + 300 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.session->leg_count, 1);
    world_device_quality(client_host, "sima", &fast);
    ck_assert(comes_up(2, 45 * NS_PER_SEC));
    ck_assert_uint_eq(full(), 2);
    ck_assert_uint_eq(client.client.resumed_handshakes, 1);
    ck_assert_uint_eq(server.crew.server->resumed_handshakes, 1);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_uint_eq(client.client.connects, 1);
    up(0, 300, MS);
    settle();
    is_whole(&at_server, 300);
    finish();
}
END_TEST

START_TEST(a_session_that_lost_all_its_paths_goes_on_with_resumed_ones) {
    begin_with_two_paths(210);
    lose_and_return(40);
    ck_assert_uint_eq(full(), 2);
    ck_assert_uint_ge(client.client.resumed_handshakes, 2);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_uint_eq(client.client.connects, 2);
    up(0, 300, MS);
    settle();
    is_whole(&at_server, 300);
    finish();
}
END_TEST

START_TEST(a_restarted_server_resumes_if_it_has_its_keys_and_verifies_itself_if_not) {
    bool other_keys = _i;
    begin_with_two_paths(220);
    end_kill(&server);
    start_server();
    if (other_keys)
        server.crew.server->policy.tls->ticket_secret[0] ^= 1;
    up(0, 10, MS);
    ck_assert(comes_up(2, 10 * NS_PER_SEC));
    settle();
    ck_assert(other_keys ? full() > 2 : full() == 2);
    ck_assert_uint_eq(server.crew.server->handshakes - server.crew.server->resumed_handshakes,
                      other_keys ? full() - 2 : 0);
    ck_assert(other_keys || client.client.resumed_handshakes >= 2);
    up(100, 300, MS);
    settle();
    ck_assert_uint_ge(at_server.received, 300);
    finish();
}
END_TEST

START_TEST(a_reload_keeps_the_tickets_if_server_and_trust_stay) {
    begin_with_two_paths(230);
    reload_client(NULL, "[Tunnel]\nScheduler = wrr\n");
    settle();
    ck_assert_uint_eq(client.client.tls->tickets.count, 4);
    lose_and_return(40);
    ck_assert_uint_eq(full(), 2);
    finish();
}
END_TEST

/* The certificate is its own authority, so that its pin trusts the same server in another way. */
START_TEST(a_reload_with_another_trust_or_server_verifies_anew) {
    char certificate[64], trust[100] = "ServerPin = sha256:", why[256];
    uint8_t pin[32];
    size_t tickets;
    begin_with_two_paths(240);
    snprintf(certificate, sizeof certificate, "%s/server.crt", ends_dir());
    ck_assert_msg(!tls_pin_of_certificate(certificate, pin, why, sizeof why), "%s", why);
    for (size_t i = 0; i < sizeof pin; i++)
        snprintf(trust + strlen(trust), 3, "%02x", pin[i]);
    reload_client(trust, "");
    ck_assert_uint_eq(client.client.tls->tickets.count, 0);
    ck_assert_uint_eq(client.client.session->leg_count, 2); /* those of before, still to be closed */
    settle();
    ck_assert_uint_eq(client.client.session->leg_count, 2);
    ck_assert_uint_ge(full(), 3);
    settle();
    tickets = client.client.tls->tickets.count;
    ck_assert_uint_gt(tickets, 0);
    /* The same trust, and a path that leads elsewhere: everything connects again, and verifies. */
    reload_client(trust, "Path = /elsewhere/{target}/{ipproto}/\n");
    ck_assert_uint_eq(client.client.tls->tickets.count, 0);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_return");
    TCase *tcase = tcase_create("return");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_path_that_returns_is_resumed_and_joins_its_session);
    tcase_add_test(tcase, a_session_that_lost_all_its_paths_goes_on_with_resumed_ones);
    tcase_add_loop_test(tcase, a_restarted_server_resumes_if_it_has_its_keys_and_verifies_itself_if_not, 0, 2);
    tcase_add_test(tcase, a_reload_keeps_the_tickets_if_server_and_trust_stay);
    tcase_add_test(tcase, a_reload_with_another_trust_or_server_verifies_anew);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
