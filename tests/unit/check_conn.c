/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/conn: how connections begin and end. Two of them in one process, in virtual time. */
#include "quic/conn.h"

#include <check.h>
#include <errno.h>

#include "quic/tls_context.h"
#include "tests/unit/conn_fixture.h"

START_TEST(a_handshake_takes_one_round_trip) {
    struct pair_settings settings = fixture_links(100, 20, 0);
    struct pair pair;
    uint8_t a[32], b[32];

    fixture_connect(&pair, &settings);
    ck_assert_uint_lt(pair.client.ready_at - NS_PER_SEC, 42 * NS_PER_MS);
    ck_assert(conn_is_ready(pair.client.conn) && conn_is_ready(pair.server.conn));
    ck_assert_int_eq(conn_export(pair.client.conn, "EXPORTER-test", (const uint8_t *)"x", 1, a, sizeof a), 0);
    ck_assert_int_eq(conn_export(pair.server.conn, "EXPORTER-test", (const uint8_t *)"x", 1, b, sizeof b), 0);
    ck_assert_mem_eq(a, b, sizeof a);
    pair_fini(&pair);
}
END_TEST

START_TEST(every_cipher_carries_datagrams) {
    static const char *const ciphers[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                          "TLS_CHACHA20_POLY1305_SHA256"};

    for (size_t i = 0; i < 3; i++) {
        struct pair_settings settings = fixture_links(100, 5, 0);
        struct pair pair;

        settings.client_tls = fixture_client(fixture.pin, ciphers[i]);
        fixture_connect(&pair, &settings);
        ck_assert_str_eq(conn_cipher_name(pair.client.conn), ciphers[i]);
        ck_assert_str_eq(conn_cipher_name(pair.server.conn), ciphers[i]);
        pair.client.datagrams_to_send = pair.server.datagrams_to_send = 500;
        pair_run(&pair, NS_PER_SEC);
        ck_assert_uint_eq(pair.server.datagrams_in, 500);
        ck_assert_uint_eq(pair.client.datagrams_in, 500);
        ck_assert_uint_eq(pair.client.acked, 500);
        pair_fini(&pair);
        tls_context_unref(settings.client_tls);
    }
}
END_TEST

START_TEST(a_handshake_survives_heavy_loss) {
    unsigned connected = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair_settings settings = fixture_links(50, 20, 0.25);
        struct pair pair;

        settings.up.seed = seed;
        settings.down.seed = seed + 100;
        pair_init(&pair, &settings);
        connected += pair_connect(&pair);
        pair_fini(&pair);
    }
    ck_assert_uint_ge(connected, 18);
}
END_TEST

START_TEST(the_certificate_is_checked_against_a_ca_file_and_the_name) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    settings.client_tls = fixture_client(NULL, NULL);
    fixture_connect(&pair, &settings);
    pair_fini(&pair);
    settings.server_name = "other.example";
    pair_init(&pair, &settings);
    ck_assert(!pair_connect(&pair));
    ck_assert_int_eq(pair.client.status, -ECONNABORTED);
    ck_assert_str_ne(pair.client.error.reason, "");
    pair_fini(&pair);
    tls_context_unref(settings.client_tls);
}
END_TEST

START_TEST(a_wrong_pin_is_refused_with_a_reason_on_both_sides) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    uint8_t pin[32] = {1};

    settings.client_tls = fixture_client(pin, NULL);
    pair_init(&pair, &settings);
    ck_assert(!pair_connect(&pair));
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, -ECONNABORTED);
    ck_assert_uint_ge(pair.client.error.code, 0x100);
    ck_assert(!pair.client.error.remote);
    ck_assert_ptr_nonnull(strstr(pair.client.error.reason, "pin"));
    ck_assert_str_eq(pair.client.error.reason, pair.client.tls_reason);
    ck_assert_int_eq(pair.server.status, -ENOTCONN);
    ck_assert(pair.server.error.remote);
    ck_assert_uint_eq(pair.server.error.code, pair.client.error.code);
    ck_assert_str_eq(pair.server.error.reason, pair.client.error.reason);
    pair_fini(&pair);
    tls_context_unref(settings.client_tls);
}
END_TEST

START_TEST(a_retry_proves_the_address) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    settings.retry = true;
    fixture_connect(&pair, &settings);
    ck_assert_uint_eq(pair.retries, 1);
    ck_assert_int_eq(pair.token_kind, TOKEN_RETRY);
    pair.client.datagrams_to_send = 100;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_uint_eq(pair.server.datagrams_in, 100);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_new_token_spares_the_next_connection_the_retry) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair, next;
    uint8_t token[TOKEN_MAX];
    size_t length;

    fixture_connect(&pair, &settings);
    length = token_write(pair.token_key, &pair.client.path.local, 1000000, token);
    ck_assert_int_eq(conn_submit_token(pair.client.conn, token, length), -ENOTCONN);
    ck_assert_int_eq(conn_submit_token(pair.server.conn, token, length), 0);
    pair_run(&pair, 100 * NS_PER_MS);
    ck_assert_uint_eq(pair.client.token_length, length);
    ck_assert_mem_eq(pair.client.token, token, length);
    settings.retry = true;
    settings.token = pair.client.token;
    settings.token_length = pair.client.token_length;
    fixture_connect(&next, &settings);
    ck_assert_uint_eq(next.retries, 0);
    ck_assert_int_eq(next.token_kind, TOKEN_REGULAR);
    pair_fini(&next);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_forged_token_meets_a_retry_and_connects) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    uint8_t junk[60] = {2, 3, 4};

    settings.retry = true;
    settings.token = junk;
    settings.token_length = sizeof junk;
    fixture_connect(&pair, &settings);
    ck_assert_uint_eq(pair.retries, 1);
    pair_fini(&pair);
}
END_TEST

/* Bytes of UDP payload that a client got by the end of its handshake. */
static uint64_t handshake_bytes(struct pair_settings *settings, bool resumed) {
    struct conn_statistics statistics;
    struct pair pair;

    fixture_connect(&pair, settings);
    ck_assert_int_eq(conn_is_resumed(pair.client.conn), resumed);
    ck_assert_int_eq(conn_is_resumed(pair.server.conn), resumed);
    conn_statistics(pair.server.conn, &statistics);
    pair_run(&pair, NS_PER_SEC);
    pair_fini(&pair);
    return statistics.bytes_sent;
}

START_TEST(the_next_connection_is_resumed_with_fewer_bytes) {
    fixture_forget_tickets();
    struct pair_settings settings = fixture_links(100, 5, 0);
    uint64_t full = handshake_bytes(&settings, false);

    for (int i = 0; i < 5; i++)
        ck_assert_uint_lt(handshake_bytes(&settings, true), full);
    settings.retry = true;
    handshake_bytes(&settings, true);
}
END_TEST

START_TEST(a_ticket_outlasts_attempts_without_an_answer) {
    fixture_forget_tickets();
    struct pair_settings settings = fixture_links(100, 5, 0), mute = fixture_links(100, 5, 0);
    struct pair pair;

    handshake_bytes(&settings, false);
    mute.down.loss = 1;
    for (int i = 0; i < 5; i++) { /* more than there are tickets */
        pair_init(&pair, &mute);
        pair_run(&pair, NS_PER_SEC);
        ck_assert(!conn_is_resumed(pair.client.conn));
        pair_fini(&pair);
    }
    handshake_bytes(&settings, true);
}
END_TEST

/* This server would use the ticket without a key exchange, which the client does not offer: it closes the connection
 * without a word of TLS. */
START_TEST(an_attempt_that_was_answered_and_failed_takes_all_tickets_with_it) {
    fixture_forget_tickets();
    struct pair_settings settings = fixture_links(100, 5, 0), odd = settings;
    struct pair pair;
    char why[200];

    handshake_bytes(&settings, false);
    ck_assert_int_eq(tls_server_context_new(fixture.certificate, fixture.key, NULL, &odd.server_tls, why, sizeof why),
                     0);
    ck_assert_int_eq(wolfSSL_CTX_no_dhe_psk(odd.server_tls->wolf), 0);
    pair_init(&pair, &odd);
    ck_assert(!pair_connect(&pair));
    ck_assert(pair.client.error.remote);
    pair_fini(&pair);
    handshake_bytes(&odd, false);
    tls_context_unref(odd.server_tls);
}
END_TEST

START_TEST(close_carries_code_and_reason_both_ways) {
    for (int who = 0; who < 2; who++) {
        struct pair_settings settings = fixture_links(100, 5, 0);
        struct pair pair;
        struct pair_end *closer, *other;

        fixture_connect(&pair, &settings);
        closer = who == 0 ? &pair.client : &pair.server;
        other = who == 0 ? &pair.server : &pair.client;
        pair_run(&pair, 100 * NS_PER_MS);
        conn_close(closer->conn, 0x107, "no tunnel\twanted", pair.now);
        pair_run(&pair, NS_PER_SEC);
        ck_assert_int_eq(other->status, -ENOTCONN);
        ck_assert(other->error.remote && other->error.application);
        ck_assert_uint_eq(other->error.code, 0x107);
        ck_assert_str_eq(other->error.reason, "no tunnel?wanted");
        ck_assert_uint_eq(conn_error(closer->conn)->code, 0x107);
        ck_assert(!conn_error(closer->conn)->remote);
        ck_assert(conn_is_closed(closer->conn) && conn_is_closed(other->conn));
        ck_assert_int_eq(conn_on_timer(closer->conn, pair.now + 10 * NS_PER_SEC), -ENOTCONN);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(a_lost_close_is_repeated_when_packets_come) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_run(&pair, 100 * NS_PER_MS);
    pair.client.bulk = true;
    conn_close(pair.server.conn, 0x100, NULL, pair.now);
    pair.down.settings.loss = 1;
    pair_run(&pair, NS_PER_MS);
    ck_assert_uint_ge(pair.down.lost, 1);
    pair.down.settings.loss = 0;
    pair_run(&pair, 50 * NS_PER_MS);
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert(pair.client.error.remote && pair.client.error.application);
    ck_assert_uint_lt(pair.down.sent, 100);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_hook_can_close_with_an_http3_error) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair.server.stop_with = 0x10e;
    ck_assert_int_ge(pair_send_stream(&pair.client, -1, true, 10, false), 0);
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(pair.server.status, -ECONNABORTED);
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert(pair.client.error.application && pair.client.error.remote);
    ck_assert_uint_eq(pair.client.error.code, 0x10e);
    pair_fini(&pair);
}
END_TEST

START_TEST(silence_ends_in_the_idle_timeout) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    settings.idle_timeout = 5 * NS_PER_SEC;
    fixture_connect(&pair, &settings);
    pair_run(&pair, 4 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    pair_run(&pair, 3 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert(pair.client.error.idle && pair.server.error.idle);
    pair_fini(&pair);
}
END_TEST

START_TEST(keepalive_and_pings_keep_a_connection_open) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    settings.idle_timeout = 5 * NS_PER_SEC;
    settings.keepalive = 2 * NS_PER_SEC;
    fixture_connect(&pair, &settings);
    pair_run(&pair, 60 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    ck_assert_int_eq(pair.server.status, 0);
    pair_fini(&pair);

    settings.keepalive = 0;
    fixture_connect(&pair, &settings);
    for (int i = 0; i < 10; i++) {
        uint64_t before;

        pair_run(&pair, 3 * NS_PER_SEC);
        before = pair.up.sent;
        conn_ping(pair.client.conn);
        pair_run(&pair, 100 * NS_PER_MS);
        ck_assert_uint_ge(pair.up.sent,
                          before + 1); /* and perhaps the answer to a PING that came with the acknowledgement */
        ck_assert_uint_le(pair.up.sent, before + 2);
    }
    ck_assert_int_eq(pair.client.status, 0);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_given_up) {
    struct pair_settings settings = fixture_links(100, 5, 1);
    struct pair pair;

    pair_init(&pair, &settings);
    ck_assert(!pair_connect(&pair));
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert(pair.client.error.idle);
    ck_assert_str_eq(pair.client.error.reason, "no answer to the handshake");
    ck_assert_uint_le(pair.now, NS_PER_SEC + 11 * NS_PER_SEC);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_restarted_server_answers_with_a_stateless_reset) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_run(&pair, 100 * NS_PER_MS);
    pair.server_gone = true;
    conn_ping(pair.client.conn);
    pair_run(&pair, 50 * NS_PER_MS);
    ck_assert_uint_ge(pair.resets, 1);
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert(pair.client.error.stateless_reset && pair.client.error.remote);
    pair_fini(&pair);
}
END_TEST

START_TEST(an_unknown_version_is_answered_and_the_answer_understood) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct conn_first_packet first;
    struct pair pair;
    uint8_t initial[1200] = {0xc0, 0x1a, 0x2b, 0x3c, 0x4d, 8, 1, 2, 3, 4, 5, 6, 7, 8, 3, 9, 9, 9}, out[64];
    size_t n;

    ck_assert_int_eq(conn_peek_first(initial, sizeof initial, &first), CONN_FIRST_VERSION);
    ck_assert_uint_eq(first.version, 0x1a2b3c4d);
    ck_assert_uint_eq(first.scid.length, 3);
    ck_assert_int_eq(conn_peek_first(initial, 1199, &first), CONN_FIRST_JUNK);
    conn_peek_first(initial, sizeof initial, &first);
    ck_assert_uint_eq(conn_write_version_negotiation(&first, out, 10), 0);
    n = conn_write_version_negotiation(&first, out, sizeof out);
    ck_assert_uint_eq(n, 7 + 8 + 3 + 8);
    ck_assert_mem_eq(out + 1, "\0\0\0\0", 4);
    ck_assert_uint_eq(out[5], 3);

    /* A client whose Initial is answered so, without version 1 in the list, gives up. */
    pair_init(&pair, &settings);
    pair.up.settings.loss = 0;
    {
        uint8_t packet[1500];
        struct conn_packet where;
        ssize_t length = conn_write(pair.client.conn, packet, CONN_UDP_MAX, &where, pair.now);
        uint8_t answer[64] = {0x80, 0, 0, 0, 0};
        size_t at = 5, dcid_length, scid_length;

        ck_assert_int_ge(length, 1200);
        dcid_length = packet[5];
        scid_length = packet[6 + dcid_length];
        answer[at++] = (uint8_t)scid_length;
        memcpy(answer + at, packet + 7 + dcid_length, scid_length);
        at += scid_length;
        answer[at++] = (uint8_t)dcid_length;
        memcpy(answer + at, packet + 6, dcid_length);
        at += dcid_length;
        memcpy(answer + at, "\x0a\x1a\x2a\x3a", 4);
        pair_inject(&pair, &pair.client, answer, at + 4);
    }
    ck_assert_int_eq(pair.client.status, -ENOTCONN);
    ck_assert_ptr_nonnull(strstr(pair.client.error.reason, "version"));
    pair_fini(&pair);
}
END_TEST

START_TEST(junk_of_every_size_is_harmless) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    uint8_t junk[1500];

    fixture_connect(&pair, &settings);
    pair_run(&pair, 100 * NS_PER_MS);
    for (size_t length = 0; length <= 1472; length += length < 64 ? 1 : 11) {
        for (int kind = 0; kind < 6; kind++) {
            for (size_t i = 0; i < length; i++)
                junk[i] = (uint8_t)(link_random(&pair.up) * 256);
            if (kind == 1 && length > 0)
                junk[0] |= 0xc0;
            if (kind == 2 && length > 0)
                junk[0] &= 0x7f;
            if (kind >= 3 && length > 5)
                memcpy(junk, "\xc0\0\0\0\1", 5);
            if (kind == 4 && length > 6)
                junk[5] = 12;
            if (kind == 5 && length > 20) {
                /* an Initial for the server's own connection ID */
                junk[5] = 12;
                junk[18] = 0;
            }
            pair_inject(&pair, &pair.client, junk, length);
            pair_inject(&pair, &pair.server, junk, length);
            ck_assert_int_eq(pair.client.status, 0);
            ck_assert_int_eq(pair.server.status, 0);
        }
    }
    pair.client.datagrams_to_send = 100;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_uint_eq(pair.server.datagrams_in, 100);
    pair_fini(&pair);
}
END_TEST

START_TEST(altered_and_replayed_packets_are_ignored) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    uint8_t packet[1500];

    fixture_connect(&pair, &settings);
    pair_run(&pair, 100 * NS_PER_MS);
    for (int i = 0; i < 300; i++) {
        size_t length;

        pair.client.datagrams_to_send = 1;
        while (pair.up.count == 0)
            pair_run(&pair, 100 * NS_PER_US);
        length = pair.up.packets[pair.up.head].length;
        memcpy(packet, pair.up.packets[pair.up.head].data, length);
        packet[(size_t)i * 7 % length] ^= (uint8_t)(1 << (i % 8));
        pair_inject(&pair, &pair.server, packet, length);
        packet[(size_t)i * 7 % length] ^= (uint8_t)(1 << (i % 8));
        pair_run(&pair, 20 * NS_PER_MS);
        pair_inject(&pair, &pair.server, packet, length);
        ck_assert_int_eq(pair.server.status, 0);
    }
    ck_assert_uint_eq(pair.server.datagrams_in, 300);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_reset_is_shorter_than_what_it_answers) {
    struct conn_cid cid = {.length = CONN_CID_BYTES, .bytes = {5}};
    uint8_t key[32] = {1}, out[100], again[100];

    for (size_t received = 0; received < 200; received++) {
        size_t n = conn_write_stateless_reset(key, &cid, received, out, sizeof out);

        ck_assert(n == 0 || (n < received && n >= 21));
        ck_assert(received < 22 || n > 0);
    }
    ck_assert_uint_eq(conn_write_stateless_reset(key, &cid, 100, out, 43), 43);
    ck_assert_uint_eq(conn_write_stateless_reset(key, &cid, 100, again, 43), 43);
    ck_assert_mem_eq(out + 43 - 16, again + 43 - 16, 16);
    ck_assert_uint_eq(out[0] & 0xc0, 0x40);
}
END_TEST

/* Back before the new address was found to be good. */
START_TEST(an_address_that_changes_to_and_fro_is_followed) {
    struct pair_settings settings = fixture_links(50, 10, 0);
    union sock_addr none = {{0}}, rebound;
    struct pair pair;
    uint64_t before;

    fixture_connect(&pair, &settings);
    pair.client.bulk = pair.server.bulk = true;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(sock_addr_parse("192.0.2.77:7777", &rebound), 0);
    for (unsigned i = 1; i <= 20; i++) {
        pair.rebound = i % 2 ? rebound : none;
        pair_run(&pair, 2 * i * NS_PER_MS);
    }
    before = pair.server.datagrams_in;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    ck_assert_int_eq(pair.server.status, 0);
    ck_assert_uint_gt(pair.server.datagrams_in, before + 3000);
    pair_fini(&pair);
}
END_TEST

START_TEST(every_id_told_to_the_owner_is_taken_back) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_run(&pair, NS_PER_SEC);
    ck_assert_uint_ge(pair.client.cids, 2);
    ck_assert_uint_ge(pair.server.cids, 3);
    conn_free(pair.server.conn);
    conn_free(pair.client.conn);
    pair.server.conn = pair.client.conn = NULL;
    ck_assert_uint_eq(pair.server.cids, 0);
    ck_assert_uint_eq(pair.client.cids, 0);
    pair_fini(&pair);
}
END_TEST

START_TEST(small_datagrams_that_wait_together_share_packets) {
    /* 14 of 100 bytes fit into a packet of 1472; loss is of packets, and each datagram hears of its own fate. */
    for (int lossy = 0; lossy < 2; lossy++) {
        struct pair_settings settings = fixture_links(50, 10, lossy ? 0.02 : 0);
        struct conn_statistics before, after;
        struct pair pair;

        fixture_connect(&pair, &settings);
        pair_run(&pair, 2 * NS_PER_SEC); /* the path's MTU is known */
        pair.client.payload = 100;
        pair.client.together = true;
        conn_statistics(pair.client.conn, &before);
        pair.client.datagrams_to_send = 13000;
        pair_run(&pair, 5 * NS_PER_SEC);
        conn_statistics(pair.client.conn, &after);
        ck_assert_uint_eq(pair.client.datagrams_sent, 13000);
        ck_assert_uint_ge(after.packets_sent - before.packets_sent, 929);
        ck_assert_uint_le(after.packets_sent - before.packets_sent, 1100);
        ck_assert_uint_eq(pair.client.refused, 0);
        ck_assert_int_eq(pair.client.status, 0);
        ck_assert_uint_eq(after.in_flight_bytes, 0);
        if (!lossy)
            ck_assert_uint_eq(pair.client.acked, 13000);
        ck_assert_uint_le(pair.client.acked + pair.client.lost - after.datagrams_spurious, 13000);
        ck_assert_uint_ge(pair.client.acked + pair.client.lost - after.datagrams_spurious + 50, 13000);
        ck_assert(lossy ? after.packets_lost >= 5 && after.packets_lost <= 60 : after.packets_lost == 0);
        pair_fini(&pair);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        a_handshake_takes_one_round_trip,
        every_cipher_carries_datagrams,
        a_handshake_survives_heavy_loss,
        the_certificate_is_checked_against_a_ca_file_and_the_name,
        a_wrong_pin_is_refused_with_a_reason_on_both_sides,
        a_retry_proves_the_address,
        a_new_token_spares_the_next_connection_the_retry,
        a_forged_token_meets_a_retry_and_connects,
        the_next_connection_is_resumed_with_fewer_bytes,
        a_ticket_outlasts_attempts_without_an_answer,
        an_attempt_that_was_answered_and_failed_takes_all_tickets_with_it,
        close_carries_code_and_reason_both_ways,
        a_lost_close_is_repeated_when_packets_come,
        a_hook_can_close_with_an_http3_error,
        silence_ends_in_the_idle_timeout,
        keepalive_and_pings_keep_a_connection_open,
        a_server_that_does_not_answer_is_given_up,
        a_restarted_server_answers_with_a_stateless_reset,
        an_unknown_version_is_answered_and_the_answer_understood,
        junk_of_every_size_is_harmless,
        altered_and_replayed_packets_are_ignored,
        a_reset_is_shorter_than_what_it_answers,
        an_address_that_changes_to_and_fro_is_followed,
        every_id_told_to_the_owner_is_taken_back,
        small_datagrams_that_wait_together_share_packets,
    };

    return fixture_run("conn", tests, sizeof tests / sizeof *tests);
}
