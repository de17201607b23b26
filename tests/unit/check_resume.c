/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_resume: TLS sessions resumed by tickets, and everything that must keep them from it; handshakes between two
 * bare ngtcp2 connections, the tickets' cache and their seal. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/quic.h>

#include "common/clock.h"
#include "quic/ticket.h"
#include "quic/ticket_seal.h"
#include "quic/tls_context.h"
#include "quic_pair.h"
#include "tests/unit/suite.h"

#define NAME "vpn.example.org"
#define HOUR 3600u

static struct tls_context *client, *server;
static char why[256];

static struct tls_context *server_of(const char *certificate, const char *key, const char *ciphers) {
    struct tls_context *context = NULL;
    ck_assert_msg(tls_server_context_new(certificate, key, ciphers, &context, why, sizeof why) == 0, "%s", why);
    return context;
}

static struct tls_context *client_of(const char *ca_file, const char *pinned) {
    struct tls_client_settings settings = {.ca_file = ca_file, .has_pin = pinned != NULL};
    struct tls_context *context = NULL;
    if (pinned != NULL) {
        ck_assert_int_eq(tls_pin_of_certificate(pinned, settings.pin, why, sizeof why), 0);
    }
    ck_assert_msg(tls_client_context_new(&settings, &context, why, sizeof why) == 0, "%s", why);
    return context;
}

static void setup(void) {
    pair_start = 1000000000;
    pair_wall = 20000 * UINT64_C(86400);
    pair_address = 1;
    client = client_of(suite_data("root.crt"), NULL);
    server = server_of(suite_data("chain.pem"), suite_data("leaf.key"), NULL);
}

static void teardown(void) {
    tls_context_unref(client);
    tls_context_unref(server);
}

/* Another server stands in the first one's place from now on. */
static void replace_server(struct tls_context *by) {
    tls_context_unref(server);
    server = by;
}

/* It is that much later. */
static void go_on(uint64_t seconds) {
    pair_start += seconds * NS_PER_SEC;
    pair_wall += seconds;
}

/* A handshake that must come off. @return whether both ends say that it was resumed */
static bool resumes(const char *name) {
    struct pair pair;
    bool resumed;
    ck_assert(pair_init(&pair, client, server, name, 0));
    pair_run(&pair);
    ck_assert_msg(pair_is_ready(&pair), "client %d \"%s\", server %d \"%s\"", pair.client.error,
                  tls_session_reason(pair.client.session), pair.server.error, tls_session_reason(pair.server.session));
    resumed = tls_session_resumed(pair.client.session);
    ck_assert_int_eq(resumed, tls_session_resumed(pair.server.session));
    pair_fini(&pair);
    return resumed;
}

/* A handshake that must fail at the client with these words. */
static void fails(const char *name, const char *words) {
    struct pair pair;
    ck_assert(pair_init(&pair, client, server, name, 0));
    pair_run(&pair);
    ck_assert(!ngtcp2_conn_get_handshake_completed(pair.client.conn));
    ck_assert_msg(strstr(tls_session_reason(pair.client.session), words) != NULL, "%s",
                  tls_session_reason(pair.client.session));
    pair_fini(&pair);
}

static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256"};

START_TEST(the_next_handshake_is_resumed_with_every_suite_and_exports_the_same_at_both_ends) {
    uint8_t first[32], a[32], b[32];
    struct pair pair;
    replace_server(server_of(suite_data("chain.pem"), suite_data("leaf.key"), suites[_i]));
    for (int turn = 0; turn < 3; turn++) {
        ck_assert(pair_init(&pair, client, server, NAME, 0));
        pair_run(&pair);
        ck_assert(pair_is_ready(&pair));
        ck_assert_int_eq(tls_session_resumed(pair.client.session), turn > 0);
        ck_assert_int_eq(tls_session_resumed(pair.server.session), turn > 0);
        ck_assert_str_eq(tls_session_cipher_name(pair.client.session), suites[_i]);
        ck_assert_int_eq(tls_session_export(pair.client.session, "EXPORTER-test", NULL, 0, a, sizeof a), 0);
        ck_assert_int_eq(tls_session_export(pair.server.session, "EXPORTER-test", NULL, 0, b, sizeof b), 0);
        ck_assert_mem_eq(a, b, sizeof a);
        ck_assert(turn == 0 || memcmp(a, first, sizeof a) != 0);
        memcpy(first, a, sizeof a);
        ck_assert_uint_eq(client->tickets.count,
                          2); /* two came with the first; one was used, and one came, with each other */
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(each_ticket_is_offered_once) {
    struct pair pairs[3];
    ck_assert(!resumes(NAME));
    ck_assert_uint_eq(client->tickets.count, 2);
    for (int i = 0; i < 3; i++) {
        ck_assert(pair_init(&pairs[i], client, server, NAME, 0));
        ck_assert_uint_eq(client->tickets.count, i == 0 ? 1 : 0);
    }
    for (int i = 0; i < 3; i++) {
        pair_run(&pairs[i]);
        ck_assert(pair_is_ready(&pairs[i]));
        ck_assert_int_eq(tls_session_resumed(pairs[i].client.session), i < 2);
        pair_fini(&pairs[i]);
    }
}
END_TEST

START_TEST(a_restarted_server_with_the_same_files_resumes) {
    ck_assert(!resumes(NAME));
    replace_server(server_of(suite_data("chain.pem"), suite_data("leaf.key"), NULL));
    ck_assert(resumes(NAME));
}
END_TEST

/* expired.pem has the same key: only the certificate was changed. */
START_TEST(a_server_with_a_new_certificate_has_to_show_it) {
    struct tls_context *first = client;
    ck_assert(!resumes(NAME));
    replace_server(server_of(suite_data("expired.pem"), suite_data("leaf.key"), NULL));
    fails(NAME, "certificate expired");
    ck_assert_uint_eq(client->tickets.count, 0); /* they came to nothing */
    client = client_of(NULL, suite_data("chain.pem"));
    replace_server(server_of(suite_data("chain.pem"), suite_data("leaf.key"), NULL));
    ck_assert(!resumes(NAME));
    replace_server(server_of(suite_data("expired.pem"), suite_data("leaf.key"), NULL));
    ck_assert(!resumes(NAME));
    ck_assert(resumes(NAME));
    tls_context_unref(first);
}
END_TEST

START_TEST(a_stranger_in_the_servers_place_is_refused_tickets_or_not) {
    char directory[] = "/tmp/mpvpn-check-resume.XXXXXX", certificate[64], key[64];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(certificate, sizeof certificate, "%s/crt", directory);
    snprintf(key, sizeof key, "%s/key", directory);
    ck_assert_int_eq(tls_keygen(certificate, key, NAME, why, sizeof why), 0);
    ck_assert(!resumes(NAME));
    replace_server(server_of(certificate, key, NULL));
    fails(NAME, "unknown authority");
    unlink(certificate);
    unlink(key);
    rmdir(directory);
}
END_TEST

START_TEST(a_server_that_cannot_open_the_ticket_goes_on_with_its_certificate) {
    ck_assert(!resumes(NAME));
    server->ticket_secret[0] ^= 1; /* as after a restart with other keys */
    ck_assert(!resumes(NAME));
    ck_assert(resumes(NAME));
}
END_TEST

START_TEST(keys_of_tickets_go_out_of_use) {
    ck_assert(!resumes(NAME));
    pair_wall += TICKET_LIFETIME_S; /* the next key's time: the last one still opens */
    ck_assert(resumes(NAME));
    pair_wall += 2 * TICKET_LIFETIME_S;
    ck_assert(!resumes(NAME));
}
END_TEST

START_TEST(a_ticket_is_not_offered_after_its_lifetime) {
    ck_assert(!resumes(NAME));
    go_on(12 * HOUR - 1);
    ck_assert(resumes(NAME));
    ticket_fini(&client->tickets.tickets[--client->tickets.count]); /* the other of the first handshake stays */
    go_on(2);
    ck_assert_uint_eq(client->tickets.count, 1);
    ck_assert(!resumes(NAME));
}
END_TEST

START_TEST(a_certificate_is_verified_again_after_a_day_of_resuming) {
    ck_assert(!resumes(NAME));
    for (int i = 0; i < 3; i++) {
        go_on(7 * HOUR);
        ck_assert(resumes(NAME));
    }
    go_on(3 * HOUR - 1);
    ck_assert(resumes(NAME));
    go_on(2);
    ck_assert(!resumes(NAME));
    ck_assert(resumes(NAME));
}
END_TEST

START_TEST(a_ticket_is_for_the_server_that_gave_it_and_the_trust_that_it_was_got_under) {
    struct tls_context *first = client;
    ck_assert(!resumes(NAME));
    ck_assert(!resumes("a.wild.example.org"));
    fails("mail.example.org", "another name");
    ck_assert(resumes(NAME));
    client = client_of(suite_data("root.crt"), NULL);
    ck_assert(!resumes(NAME));
    tls_context_unref(first);
}
END_TEST

START_TEST(contexts_trust_alike_with_the_same_pin_or_the_same_authorities) {
    struct tls_context *same = client_of(suite_data("root.crt"), NULL),
                       *other = client_of(suite_data("chain.pem"), NULL);
    struct tls_context *pinned = client_of(NULL, suite_data("chain.pem")),
                       *again = client_of(NULL, suite_data("expired.pem"));
    ck_assert(tls_context_trusts_alike(client, same));
    ck_assert(!tls_context_trusts_alike(client, other));
    ck_assert(!tls_context_trusts_alike(client, pinned));
    ck_assert(tls_context_trusts_alike(pinned, again));
    again->trust[31] ^= 1;
    ck_assert(!tls_context_trusts_alike(pinned, again));
    tls_context_unref(same);
    tls_context_unref(other);
    tls_context_unref(pinned);
    tls_context_unref(again);
}
END_TEST

START_TEST(a_session_of_another_group_than_ours_is_resumed_with_that_group) {
    int groups[] = {WOLFSSL_ECC_SECP384R1};
    struct pair pair;
    ck_assert_int_eq(wolfSSL_CTX_set_groups(server->wolf, groups, 1), WOLFSSL_SUCCESS);
    ck_assert(!resumes(NAME));
    ck_assert(pair_init(&pair, client, server, NAME, 0));
    pair_move(&pair, &pair.client, &pair.server);
    pair_move(&pair, &pair.server, &pair.client);
    ck_assert(ngtcp2_conn_get_handshake_completed(pair.client.conn)); /* no HelloRetryRequest any more */
    ck_assert(tls_session_resumed(pair.client.session));
    pair_fini(&pair);
}
END_TEST

/* Without Diffie-Hellman whoever gets hold of the ticket's key could read the connection. What comes of a ticket that
 * the server would use so is also what comes of any that makes a handshake fail: the next one goes without. */
START_TEST(a_session_is_not_resumed_without_a_fresh_key_exchange) {
    struct pair pair;
    ck_assert(!resumes(NAME));
    ck_assert_int_eq(wolfSSL_CTX_no_dhe_psk(server->wolf), 0);
    ck_assert(pair_init(&pair, client, server, NAME, 0));
    pair_run(&pair);
    ck_assert(!pair_is_ready(&pair));
    ck_assert_uint_eq(client->tickets.count, 1);
    pair_fini(&pair);
    ck_assert_uint_eq(client->tickets.count, 0);
    ck_assert(!resumes(NAME));
}
END_TEST

/* NewSessionTickets from a server that makes its own. */
#define JUNK 5 /* index of the plain one */
static const struct odd {
    const char *what;       /**< for a failure's message */
    const char *bytes;      /**< the message up to the ticket */
    size_t length, padding; /**< bytes of it, and of the ticket that follows */
    size_t kept;            /**< tickets kept of it */
} odds[] = {
    {"one of lifetime nought", "\4\0\0\x4d\0\0\0\0\1\2\3\4\0\0\x40", 15, 64, 0},
    {"one of eight days", "\4\0\0\x4d\0\x0a\x8c\0\1\2\3\4\0\0\x40", 15, 64, 0},
    {"one with a long nonce", "\4\0\0\x56\0\0\x0e\0\1\2\3\4\x09nnnnnnnnn\0\x40", 24, 64, 0},
    {"one without a ticket", "\4\0\0\x0d\0\0\x0e\0\1\2\3\4\0\0\0", 15, 0, 0},
    {"a very long one", "\4\0\4\x0e\0\0\x0e\0\1\2\3\4\0\4\1", 15, 1025, 0},
    {"junk", "\4\0\0\x4d\0\0\x0e\0\1\2\3\4\0\0\x40", 15, 64, 1},
    {"junk as long as a session's ID", "\4\0\0\x2d\0\0\x0e\0\1\2\3\4\0\0\x20", 15, 32, 1},
    {"junk as long as a real one", "\4\0\1\x0d\0\0\x0e\0\1\2\3\4\0\1\0", 15, 256, 1},
    {"the longest", "\4\0\4\x0d\0\0\x0e\0\1\2\3\4\0\4\0", 15, 1024, 1},
};

/* The server says this ticket after the handshake. */
static void say(struct pair *pair, const struct odd *odd) {
    uint8_t message[1100];
    size_t length = odd->length + odd->padding + 2;
    memset(message, 'x', sizeof message);
    memcpy(message, odd->bytes, odd->length);
    memset(message + length - 2, 0, 2); /* no extensions */
    ck_assert_int_eq(ngtcp2_conn_submit_crypto_data(pair->server.conn, NGTCP2_ENCRYPTION_LEVEL_1RTT, message, length),
                     0);
    pair_run(pair);
}

START_TEST(odd_tickets_are_passed_over_and_harm_nothing) {
    const struct odd *odd = &odds[_i], *usual = &odds[JUNK];
    struct pair pair;
    ck_assert(pair_init(&pair, client, server, NAME, 0));
    pair_run(&pair);
    ck_assert_uint_eq(client->tickets.count, 2);
    say(&pair, odd);
    ck_assert_msg(pair.client.error == 0, "%s: %d %s", odd->what, pair.client.error,
                  tls_session_reason(pair.client.session));
    ck_assert_msg(client->tickets.count == 2 + odd->kept, "%s: %zu", odd->what, client->tickets.count);
    say(&pair, usual);
    ck_assert_msg(client->tickets.count == 3 + odd->kept, "after %s: %zu", odd->what, client->tickets.count);
    pair_fini(&pair);
    ck_assert(!resumes(NAME)); /* with the last one, which the server cannot open */
    ck_assert(resumes(NAME));
}
END_TEST

START_TEST(a_server_that_floods_tickets_gets_a_few_kept) {
    static const uint8_t junk[] = {4, 0, 0, 0x0e, 0, 0, 0x0e, 0, 1, 2, 3, 4, 0, 0, 1, 'x', 0, 0};
    struct pair pair;
    ck_assert(pair_init(&pair, client, server, NAME, 0));
    pair_run(&pair);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(
            ngtcp2_conn_submit_crypto_data(pair.server.conn, NGTCP2_ENCRYPTION_LEVEL_1RTT, junk, sizeof junk), 0);
    }
    pair_run(&pair);
    ck_assert_int_eq(pair.client.error, 0);
    ck_assert_uint_eq(client->tickets.count, TICKETS_TAKEN);
    pair_fini(&pair);
}
END_TEST

/* An attempt whose packets nobody answers. */
static void attempt_in_vain(bool resuming) {
    struct pair pair;
    size_t before = client->tickets.count;
    ck_assert(pair_init(&pair, client, server, NAME, 0));
    ck_assert_uint_eq(client->tickets.count, before - resuming);
    ngtcp2_conn_write_pkt(pair.client.conn, NULL, NULL, (uint8_t[1500]){0}, 1500, pair.now);
    tls_session_unanswered(pair.client.session);
    pair_fini(&pair);
}

START_TEST(a_ticket_that_got_no_answer_is_offered_again_from_the_same_address_only) {
    ck_assert(!resumes(NAME));
    attempt_in_vain(true);
    attempt_in_vain(true);
    ck_assert_uint_eq(client->tickets.count, 2);
    ck_assert_uint_eq(client->tickets.tickets[1].unanswered, 2);
    pair_address = 2;
    ck_assert(resumes(NAME)); /* with the other one */
    ck_assert_uint_eq(client->tickets.tickets[0].unanswered, 2);
    client->tickets.tickets[1].expires = 0;
    ck_assert(!resumes(NAME));
    client->tickets.tickets[1].expires = client->tickets.tickets[2].expires = 0;
    pair_address = 1;
    ck_assert(resumes(NAME));
}
END_TEST

START_TEST(tickets_are_given_up_when_silence_may_be_their_fault) {
    ck_assert(!resumes(NAME));
    for (unsigned i = 0; i < TICKET_UNANSWERED_MAX; i++) {
        ck_assert_uint_eq(client->tickets.count, 2);
        attempt_in_vain(true);
    }
    ck_assert_uint_eq(client->tickets.count, 0);
    attempt_in_vain(false);
    ck_assert(!resumes(NAME));
}
END_TEST

/* The cache alone. */

static struct ticket make(const char *name, uint64_t expires) {
    struct ticket ticket = {.wolf = wolfSSL_SESSION_new(), .expires = expires};
    ck_assert_ptr_nonnull(ticket.wolf);
    snprintf(ticket.server_name, sizeof ticket.server_name, "%s", name);
    return ticket;
}

START_TEST(the_cache_keeps_the_newest_and_gives_the_newest_first) {
    const struct ip_addr from = {.version = 4};
    struct ticket_cache cache = {0};
    struct ticket out;
    for (uint64_t i = 1; i <= TICKETS_KEPT + 2; i++) {
        struct ticket ticket = make(i % 2 ? "a" : "b", i * 100);
        ticket_cache_put(&cache, &ticket);
        ck_assert_ptr_null(ticket.wolf);
    }
    ck_assert_uint_eq(cache.count, TICKETS_KEPT);
    ck_assert_uint_eq(cache.tickets[0].expires, 300);
    ck_assert(ticket_cache_take(&cache, "a", &from, 1, &out));
    ck_assert_uint_eq(out.expires, 900);
    ticket_fini(&out);
    ck_assert(ticket_cache_take(&cache, "b", &from, 400, &out));
    ck_assert_uint_eq(out.expires, 1000);
    ticket_fini(&out);
    ck_assert_uint_eq(cache.count, TICKETS_KEPT - 4); /* those of 300 and 400 expired */
    ck_assert(!ticket_cache_take(&cache, "c", &from, 1, &out));
    ticket_cache_clear(&cache, "a");
    ck_assert_uint_eq(cache.count, 2);
    ck_assert_str_eq(cache.tickets[1].server_name, "b");
    ticket_cache_clear(&cache, NULL);
    ck_assert_uint_eq(cache.count, 0);
}
END_TEST

/* The seal alone. */

START_TEST(a_sealed_ticket_opens_with_its_secret_in_its_time_and_unaltered_only) {
    uint8_t secret[TICKET_SECRET_BYTES] = {7}, name[16], iv[16], tag[16], contents[120], sealed[120], copy[120];
    const struct ticket_envelope envelope = {.name = name, .iv = iv, .tag = tag};
    uint8_t *const parts[] = {name, iv, tag, sealed};
    const size_t lengths[] = {16, 12, 16, sizeof sealed};
    const uint64_t now = 1000 * UINT64_C(43200);
    memset(contents, 'c', sizeof contents);
    memcpy(sealed, contents, sizeof sealed);
    ck_assert_int_eq(ticket_seal(secret, now, &envelope, sealed, sizeof sealed), 0);
    ck_assert_mem_ne(sealed, contents, sizeof sealed);
    for (size_t part = 0; part < 4; part++) {
        for (size_t i = 0; i < lengths[part]; i++) {
            memcpy(copy, sealed, sizeof copy);
            parts[part][i] ^= 0x10;
            ck_assert_int_eq(ticket_open(secret, now, &envelope, sealed, sizeof sealed), -EBADMSG);
            memcpy(sealed, copy, sizeof copy);
            parts[part][i] ^= part < 3 ? 0x10 : 0;
        }
    }
    ck_assert_int_eq(ticket_open(secret, now - 1, &envelope, sealed, sizeof sealed), -EBADMSG);
    ck_assert_int_eq(ticket_open(secret, now + 2 * TICKET_LIFETIME_S, &envelope, sealed, sizeof sealed), -EBADMSG);
    memcpy(copy, sealed, sizeof copy);
    secret[0]++;
    ck_assert_int_eq(ticket_open(secret, now, &envelope, copy, sizeof copy), -EBADMSG);
    secret[0]--;
    ck_assert_int_eq(ticket_open(secret, now, &envelope, sealed, 600), -EBADMSG);
    ck_assert_int_eq(ticket_seal(secret, now, &envelope, sealed, 600), -EIO);
    ck_assert_int_eq(ticket_open(secret, now + 2 * TICKET_LIFETIME_S - 1, &envelope, sealed, sizeof sealed), 0);
    ck_assert_mem_eq(sealed, contents, sizeof sealed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("resume");
    TCase *tcase = tcase_create("resume");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, the_next_handshake_is_resumed_with_every_suite_and_exports_the_same_at_both_ends, 0, 3);
    tcase_add_test(tcase, each_ticket_is_offered_once);
    tcase_add_test(tcase, a_restarted_server_with_the_same_files_resumes);
    tcase_add_test(tcase, a_server_with_a_new_certificate_has_to_show_it);
    tcase_add_test(tcase, a_stranger_in_the_servers_place_is_refused_tickets_or_not);
    tcase_add_test(tcase, a_server_that_cannot_open_the_ticket_goes_on_with_its_certificate);
    tcase_add_test(tcase, keys_of_tickets_go_out_of_use);
    tcase_add_test(tcase, a_ticket_is_not_offered_after_its_lifetime);
    tcase_add_test(tcase, a_certificate_is_verified_again_after_a_day_of_resuming);
    tcase_add_test(tcase, a_ticket_is_for_the_server_that_gave_it_and_the_trust_that_it_was_got_under);
    tcase_add_test(tcase, contexts_trust_alike_with_the_same_pin_or_the_same_authorities);
    tcase_add_test(tcase, a_session_of_another_group_than_ours_is_resumed_with_that_group);
    tcase_add_test(tcase, a_session_is_not_resumed_without_a_fresh_key_exchange);
    tcase_add_loop_test(tcase, odd_tickets_are_passed_over_and_harm_nothing, 0, (int)(sizeof odds / sizeof odds[0]));
    tcase_add_test(tcase, a_server_that_floods_tickets_gets_a_few_kept);
    tcase_add_test(tcase, a_ticket_that_got_no_answer_is_offered_again_from_the_same_address_only);
    tcase_add_test(tcase, tickets_are_given_up_when_silence_may_be_their_fault);
    tcase_add_test(tcase, the_cache_keeps_the_newest_and_gives_the_newest_first);
    tcase_add_test(tcase, a_sealed_ticket_opens_with_its_secret_in_its_time_and_unaltered_only);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
