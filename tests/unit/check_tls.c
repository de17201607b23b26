/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_tls: contexts, key generation, certificate verification and what TLS may not do in QUIC; handshakes between two
 * bare ngtcp2 connections. */
#include "quic/tls.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/quic.h>
#include <wolfssl/wolfcrypt/random.h>

#include "common/random.h"
#include "quic/tls_context.h"
#include "quic/tls_frame.h"
#include "quic_hello.h"
#include "quic_pair.h"
#include "tests/unit/suite.h"

#define NAME "vpn.example.org"

static char directory[64];
static char certificate[96], key[96], other_certificate[96], other_key[96], address_certificate[96], address_key[96],
    junk[96];
static char why[256];

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    fclose(file);
}

/* Certificates are made once, before the tests. */
static void make_files(void) {
    snprintf(directory, sizeof directory, "/tmp/mpvpn-check-tls.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(certificate, sizeof certificate, "%s/a.crt", directory);
    snprintf(key, sizeof key, "%s/a.key", directory);
    snprintf(other_certificate, sizeof other_certificate, "%s/b.crt", directory);
    snprintf(other_key, sizeof other_key, "%s/b.key", directory);
    snprintf(address_certificate, sizeof address_certificate, "%s/c.crt", directory);
    snprintf(address_key, sizeof address_key, "%s/c.key", directory);
    snprintf(junk, sizeof junk, "%s/junk", directory);
    ck_assert_int_eq(tls_keygen(certificate, key, NAME, why, sizeof why), 0);
    ck_assert_int_eq(tls_keygen(other_certificate, other_key, "other.example.org", why, sizeof why), 0);
    ck_assert_int_eq(tls_keygen(address_certificate, address_key, "2001:db8::1", why, sizeof why), 0);
    write_file(junk, "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n");
}

static void remove_files(void) {
    const char *const files[] = {certificate, key, other_certificate, other_key, address_certificate,
                                 address_key, junk};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlink(files[i]);
    }
    rmdir(directory);
}

static struct tls_context *server_context(const char *certificate_file, const char *key_file, const char *ciphers) {
    struct tls_context *context = NULL;
    ck_assert_msg(tls_server_context_new(certificate_file, key_file, ciphers, &context, why, sizeof why) == 0, "%s",
                  why);
    return context;
}

static struct tls_context *client_context(const struct tls_client_settings *settings) {
    struct tls_context *context = NULL;
    ck_assert_msg(tls_client_context_new(settings, &context, why, sizeof why) == 0, "%s", why);
    return context;
}

static struct tls_context *pinned_client(const char *certificate_file) {
    struct tls_client_settings settings = {.has_pin = true};
    ck_assert_int_eq(tls_pin_of_certificate(certificate_file, settings.pin, why, sizeof why), 0);
    return client_context(&settings);
}

/* A handshake between these two contexts, whose references it takes. */
static void shake(struct pair *pair, struct tls_context *client, struct tls_context *server, const char *name) {
    ck_assert(pair_init(pair, client, server, name, 0));
    tls_context_unref(client);
    tls_context_unref(server);
    pair_run(pair);
}

START_TEST(keygen_writes_a_key_for_its_owner_only_and_touches_no_existing_file) {
    struct stat st;
    char third[96];
    ck_assert_int_eq(stat(key, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    snprintf(third, sizeof third, "%s/third.key", directory);
    ck_assert_int_eq(tls_keygen(certificate, third, NAME, why, sizeof why), -EEXIST);
    ck_assert_int_ne(access(third, F_OK), 0);
    ck_assert_ptr_nonnull(strstr(why, certificate));
    ck_assert_int_eq(tls_keygen(third, key, NAME, why, sizeof why), -EEXIST);
    ck_assert_int_ne(access(third, F_OK), 0);
    ck_assert_int_eq(tls_keygen(third, third, "no spaces", why, sizeof why), -EINVAL);
    ck_assert_int_eq(tls_keygen(third, "/nowhere/at/all", NAME, why, sizeof why), -ENOENT);
}
END_TEST

START_TEST(context_errors_name_the_file_and_the_reason) {
    struct tls_client_settings settings = {.ca_file = "/nowhere/ca.pem"};
    struct tls_context *context = NULL;
    uint8_t pin[32];
    ck_assert_int_eq(tls_server_context_new("/nowhere/x.crt", key, NULL, &context, why, sizeof why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "/nowhere/x.crt: No such file"));
    ck_assert_int_eq(tls_server_context_new(junk, key, NULL, &context, why, sizeof why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, junk));
    ck_assert_int_eq(tls_server_context_new(certificate, junk, NULL, &context, why, sizeof why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "private key"));
    ck_assert_int_eq(tls_server_context_new(certificate, directory, NULL, &context, why, sizeof why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
    ck_assert_int_eq(tls_server_context_new(certificate, other_key, NULL, &context, why, sizeof why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "does not belong"));
    ck_assert_int_eq(tls_server_context_new(certificate, key, "TLS_AES_128_GCM_SHA256:RC4", &context, why, sizeof why),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "\"RC4\""));
    ck_assert_int_eq(tls_client_context_new(&settings, &context, why, sizeof why), -ENOENT);
    settings.ca_file = junk;
    ck_assert_int_eq(tls_client_context_new(&settings, &context, why, sizeof why), -EINVAL);
    ck_assert_int_eq(tls_pin_of_certificate(junk, pin, why, sizeof why), -EINVAL);
    ck_assert_int_eq(tls_pin_of_certificate(key, pin, why, sizeof why), -EINVAL);
    ck_assert_ptr_null(context);
}
END_TEST

/* There may be none left, or no /dev. TLS draws its own, by a file unless wolfSSL was built otherwise: then it says so.
 * Where it needs none, the next thing that does is told: the file of the system's roots. */
START_TEST(randomness_needs_no_descriptor) {
    struct tls_client_settings pinned = {.has_pin = true}, rooted = {0};
    struct tls_context *context = NULL;
    uint8_t random[2][300] = {{0}}, seed[32];
    char reason[2][200] = {""};
    struct rlimit before, none;
    bool seeds;
    OS_Seed os;
    int rc[2];

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 2; i++)
        random_fill(random[i], sizeof random[i]);
    seeds = wc_GenerateSeed(&os, seed, sizeof seed) == 0;
    rc[1] = tls_client_context_new(&rooted, &context, reason[1], sizeof reason[1]);
    rc[0] = tls_client_context_new(&pinned, &context, reason[0], sizeof reason[0]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(memcmp(random[0], random[1], sizeof random[0]) != 0);
    if (seeds) {
        ck_assert_msg(rc[0] == 0, "%s", reason[0]);
        ck_assert_int_eq(rc[1], -EMFILE);
        ck_assert_ptr_nonnull(strstr(reason[1], "Too many open files"));
    } else {
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(rc[i], -EIO);
            ck_assert_ptr_nonnull(strstr(reason[i], "no randomness"));
        }
    }
    tls_context_unref(context);
}
END_TEST

START_TEST(derived_secrets_depend_on_key_and_label_alone) {
    struct tls_context *a = server_context(certificate, key, NULL), *again = server_context(certificate, key, NULL);
    struct tls_context *b = server_context(other_certificate, other_key, NULL), *client = pinned_client(certificate);
    uint8_t s1[32], s2[32];
    ck_assert_int_eq(tls_context_derive(a, "reset", s1, sizeof s1), 0);
    ck_assert_int_eq(tls_context_derive(again, "reset", s2, sizeof s2), 0);
    ck_assert_mem_eq(s1, s2, 32);
    ck_assert_int_eq(tls_context_derive(a, "token", s2, sizeof s2), 0);
    ck_assert_mem_ne(s1, s2, 32);
    ck_assert_int_eq(tls_context_derive(b, "reset", s2, sizeof s2), 0);
    ck_assert_mem_ne(s1, s2, 32);
    ck_assert_int_eq(tls_context_derive(client, "reset", s2, sizeof s2), -EINVAL);
    tls_context_unref(a);
    tls_context_unref(again);
    tls_context_unref(b);
    tls_context_unref(client);
}
END_TEST

START_TEST(sha256_and_hmac_match_known_values) {
    static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf}, mac[4] = {0x5b, 0xdc, 0xc1, 0x46};
    uint8_t out[32];
    tls_sha256("abc", 3, out);
    ck_assert_mem_eq(out, abc, 4);
    /* RFC 4231 test case 2 */
    tls_hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out);
    ck_assert_mem_eq(out, mac, 4);
}
END_TEST

static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                     "TLS_CHACHA20_POLY1305_SHA256"};

START_TEST(pinned_server_is_accepted_with_every_suite_and_both_ends_export_the_same) {
    uint8_t a[40], b[40];
    struct pair pair;
    shake(&pair, pinned_client(certificate), server_context(certificate, key, suites[_i]), "whatever.example");
    ck_assert_msg(pair_is_ready(&pair), "client %d \"%s\", server %d \"%s\"", pair.client.error,
                  tls_session_reason(pair.client.session), pair.server.error, tls_session_reason(pair.server.session));
    ck_assert_str_eq(tls_session_cipher_name(pair.client.session), suites[_i]);
    ck_assert_str_eq(tls_session_cipher_name(pair.server.session), suites[_i]);
    ck_assert_str_eq(tls_session_reason(pair.client.session), "");
    ck_assert_int_eq(tls_session_export(pair.client.session, "EXPORTER-test", (const uint8_t *)"c", 1, a, sizeof a), 0);
    ck_assert_int_eq(tls_session_export(pair.server.session, "EXPORTER-test", (const uint8_t *)"c", 1, b, sizeof b), 0);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(tls_session_export(pair.server.session, "EXPORTER-test", NULL, 0, b, sizeof b), 0);
    ck_assert_mem_ne(a, b, sizeof a);
    pair_fini(&pair);
}
END_TEST

START_TEST(when_exports_end_a_server_keeps_no_tls_and_still_tells_its_suite) {
    static const uint8_t ticket[] = {4, 0, 0, 0};
    uint8_t out[32];
    struct pair pair;
    shake(&pair, pinned_client(certificate), server_context(certificate, key, suites[0]), NULL);
    tls_session_end_exports(pair.server.session);
    tls_session_end_exports(pair.server.session);
    tls_session_end_exports(pair.client.session);
    ck_assert_int_eq(tls_session_export(pair.server.session, "EXPORTER-test", NULL, 0, out, sizeof out), -EIO);
    ck_assert_int_eq(tls_session_export(pair.client.session, "EXPORTER-test", NULL, 0, out, sizeof out), 0);
    ck_assert_str_eq(tls_session_cipher_name(pair.server.session), suites[0]);
    ck_assert_int_eq(tls_session_feed(pair.server.session, NGTCP2_ENCRYPTION_LEVEL_1RTT, ticket, sizeof ticket),
                     NGTCP2_ERR_CRYPTO); /* nothing may come after the handshake, whether wolfSSL is there or not */
    pair_fini(&pair);
}
END_TEST

/* The client must have failed with this alert and these words. */
static void expect_refused(struct pair *pair, uint8_t alert, const char *words) {
    ck_assert(!ngtcp2_conn_get_handshake_completed(pair->client.conn));
    ck_assert_int_eq(pair->client.error, NGTCP2_ERR_CRYPTO);
    ck_assert_msg(strstr(tls_session_reason(pair->client.session), words) != NULL, "%s",
                  tls_session_reason(pair->client.session));
    ck_assert_msg(alert == 0 || ngtcp2_conn_get_tls_alert(pair->client.conn) == alert, "alert %u",
                  ngtcp2_conn_get_tls_alert(pair->client.conn));
    pair_fini(pair);
}

START_TEST(server_with_another_key_than_the_pin_is_refused_with_its_pin) {
    char got[80] = "does not match the pin (got sha256:";
    uint8_t pin[32];
    struct pair pair;
    ck_assert_int_eq(tls_pin_of_certificate(other_certificate, pin, why, sizeof why), 0);
    snprintf(got + strlen(got), 5, "%02x%02x", pin[0], pin[1]);
    shake(&pair, pinned_client(certificate), server_context(other_certificate, other_key, NULL), NAME);
    expect_refused(&pair, 42, got);
}
END_TEST

/* The pinned certificate is public: whoever shows it must also have its key. */
START_TEST(server_with_the_pinned_certificate_but_another_key_is_refused) {
    struct tls_context *server = server_context(certificate, key, NULL);
    struct pair pair;
    ck_assert_int_eq(wolfSSL_CTX_use_PrivateKey_file(server->wolf, other_key, WOLFSSL_FILETYPE_PEM), WOLFSSL_SUCCESS);
    shake(&pair, pinned_client(certificate), server, NAME);
    ck_assert(!ngtcp2_conn_get_handshake_completed(pair.client.conn));
    ck_assert(pair.client.error != 0 || pair.server.error != 0);
    pair_fini(&pair);
}
END_TEST

START_TEST(certificate_named_as_its_own_authority_is_accepted_for_its_name) {
    struct tls_client_settings settings = {.ca_file = certificate};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(certificate, key, NULL), "VPN.example.org");
    ck_assert_msg(pair_is_ready(&pair), "%s", tls_session_reason(pair.client.session));
    pair_fini(&pair);
}
END_TEST

START_TEST(certificate_for_another_name_is_refused) {
    struct tls_client_settings settings = {.ca_file = certificate};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(certificate, key, NULL), "mail.example.org");
    expect_refused(&pair, 0, "another name than \"mail.example.org\"");
}
END_TEST

START_TEST(certificate_for_an_address_is_accepted_for_that_address_only) {
    struct tls_client_settings settings = {.ca_file = address_certificate};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(address_certificate, address_key, NULL), "2001:db8:0::1");
    ck_assert_msg(pair_is_ready(&pair), "%s", tls_session_reason(pair.client.session));
    pair_fini(&pair);
    shake(&pair, client_context(&settings), server_context(address_certificate, address_key, NULL), "2001:db8::2");
    expect_refused(&pair, 0, "another name");
}
END_TEST

START_TEST(certificate_of_an_unknown_authority_is_refused) {
    struct tls_client_settings settings = {.ca_file = other_certificate};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(certificate, key, NULL), NAME);
    expect_refused(&pair, 48, "unknown authority");
}
END_TEST

START_TEST(self_signed_certificate_is_refused_with_the_roots_of_the_system) {
    struct tls_client_settings settings = {0};
    struct tls_context *context;
    struct pair pair;
    int rc = tls_client_context_new(&settings, &context, why, sizeof why);
    if (rc == -ENOENT) {
        return; /* a machine without any roots */
    }
    ck_assert_int_eq(rc, 0);
    shake(&pair, context, server_context(certificate, key, NULL), NAME);
    expect_refused(&pair, 48, "unknown authority");
}
END_TEST

START_TEST(chain_to_a_trusted_root_is_accepted_for_each_of_its_names) {
    static const char *const names[] = {"vpn.example.org", "a.wild.example.org", "192.0.2.1", "2001:db8::1"};
    struct tls_client_settings settings = {.ca_file = suite_data("root.crt")};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(suite_data("chain.pem"), suite_data("leaf.key"), NULL),
          names[_i]);
    ck_assert_msg(pair_is_ready(&pair), "%s: %s", names[_i], tls_session_reason(pair.client.session));
    pair_fini(&pair);
}
END_TEST

START_TEST(certificates_out_of_their_time_are_refused) {
    struct tls_client_settings settings = {.ca_file = suite_data("root.crt")};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(suite_data("expired.pem"), suite_data("leaf.key"), NULL),
          NAME);
    expect_refused(&pair, 45, "certificate expired");
    shake(&pair, client_context(&settings), server_context(suite_data("early.pem"), suite_data("leaf.key"), NULL),
          NAME);
    expect_refused(&pair, 45, "not valid yet");
}
END_TEST

START_TEST(pin_counts_whatever_the_chain_and_the_dates_say) {
    static const char *const files[] = {"chain.pem", "expired.pem", "early.pem"};
    struct pair pair;
    shake(&pair, pinned_client(suite_data("chain.pem")),
          server_context(suite_data(files[_i]), suite_data("leaf.key"), NULL), "any.example");
    ck_assert_msg(pair_is_ready(&pair), "%s: %s", files[_i], tls_session_reason(pair.client.session));
    pair_fini(&pair);
}
END_TEST

/* The server's way to say it is up to ngtcp2; here the end that found it out must have the alert. */
START_TEST(ends_without_a_common_suite_do_not_meet) {
    struct tls_client_settings settings = {.ca_file = certificate, .ciphers = suites[0]};
    struct pair pair;
    shake(&pair, client_context(&settings), server_context(certificate, key, suites[1]), NAME);
    ck_assert(!pair_is_ready(&pair));
    ck_assert_int_eq(pair.server.error, NGTCP2_ERR_CRYPTO);
    ck_assert_uint_eq(ngtcp2_conn_get_tls_alert(pair.server.conn), 40);
    pair_fini(&pair);
}
END_TEST

/* Bytes in the CRYPTO stream after the handshake, and what is to become of them. */
static const struct late {
    const char *what;  /**< for a failure's message */
    const char *bytes; /**< CRYPTO data */
    size_t length;     /**< bytes */
    bool to_server;    /**< else to the client */
    int error;         /**< how the receiver fails; 0: it does not */
    uint8_t alert;     /**< with NGTCP2_ERR_CRYPTO */
} lates[] = {
    {"KeyUpdate to the client", "\x18\0\0\1\0", 5, false, NGTCP2_ERR_CRYPTO, 10},
    {"KeyUpdate to the server", "\x18\0\0\1\1", 5, true, NGTCP2_ERR_CRYPTO, 10},
    {"CertificateRequest", "\x0d\0\0\3\0\0\0", 7, false, NGTCP2_ERR_PROTO, 0},
    {"ticket to the server", "\4\0\0\1\0", 5, true, NGTCP2_ERR_CRYPTO, 10},
    {"malformed ticket", "\4\0\0\1\0", 5, false, NGTCP2_ERR_CRYPTO, 50},
    {"ticket of 16 MiB", "\4\xff\xff\xff", 4, false, NGTCP2_ERR_CRYPTO, 50},
    {"ClientHello", "\1\0\0\0", 4, true, NGTCP2_ERR_CRYPTO, 10},
    {"Finished", "\x14\0\0\0", 4, false, NGTCP2_ERR_CRYPTO, 10},
    {"good ticket", "\4\0\0\x0f\0\0\0\x3c\1\2\3\4\0\0\2xy\0\0", 19, false, 0, 0},
    {"good ticket with early data", "\4\0\0\x17\0\0\0\x3c\1\2\3\4\0\0\2xy\0\x08\0\x2a\0\4\xff\xff\xff\xff", 27, false,
     0, 0},
    {"ticket with limited early data", "\4\0\0\x17\0\0\0\x3c\1\2\3\4\0\0\2xy\0\x08\0\x2a\0\4\0\0\xff\xff", 27, false,
     NGTCP2_ERR_PROTO, 0},
};

START_TEST(crypto_data_after_the_handshake_is_refused_with_the_error_of_rfc_9001) {
    const struct late *late = &lates[_i];
    struct pair pair;
    struct pair_end *from, *to;
    shake(&pair, pinned_client(certificate), server_context(certificate, key, NULL), NAME);
    ck_assert(pair_is_ready(&pair));
    from = late->to_server ? &pair.client : &pair.server;
    to = late->to_server ? &pair.server : &pair.client;
    ck_assert_int_eq(ngtcp2_conn_submit_crypto_data(from->conn, NGTCP2_ENCRYPTION_LEVEL_1RTT,
                                                    (const uint8_t *)late->bytes, late->length),
                     0);
    pair_run(&pair);
    ck_assert_msg(to->error == late->error, "%s: %d", late->what, to->error);
    if (late->error == NGTCP2_ERR_CRYPTO) {
        ck_assert_msg(ngtcp2_conn_get_tls_alert(to->conn) == late->alert, "%s: alert %u", late->what,
                      ngtcp2_conn_get_tls_alert(to->conn));
    }
    ck_assert(late->error == 0 || tls_session_reason(to->session)[0] != '\0');
    pair_fini(&pair);
}
END_TEST

START_TEST(messages_in_pieces_are_followed_and_types_out_of_place_are_refused) {
    static const uint8_t ticket[] = {4, 0, 0, 15, 0, 0, 0, 60, 1, 2, 3, 4, 0, 0, 2, 'x', 'y', 0, 0};
    static const uint8_t hello[] = {2, 0, 0, 3, 9, 9, 9, 2, 0};
    struct tls_frame frame = {0};
    struct tls_frame_error error;
    for (size_t i = 0; i < sizeof ticket; i++) {
        ck_assert(tls_frame_check(&frame, false, true, NGTCP2_ENCRYPTION_LEVEL_1RTT, ticket + i, 1, &error));
    }
    ck_assert_uint_eq(frame.header_length, 0);
    ck_assert(tls_frame_check(&frame, false, false, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello, sizeof hello, &error));
    ck_assert(!tls_frame_check(&frame, false, false, NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE, hello, 1, &error));
    tls_frame_fini(&frame);
    ck_assert(!tls_frame_check(&frame, false, false, NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE, hello, sizeof hello, &error));
    ck_assert_uint_eq(error.alert, 10);
    tls_frame_fini(&frame);
}
END_TEST

START_TEST(client_hello_with_a_session_id_is_a_protocol_violation) {
    uint8_t hello[4 + 100] = {1, 0, 0, 100, 3, 3};
    struct tls_frame frame = {0};
    struct tls_frame_error error;
    ck_assert(tls_frame_check(&frame, true, false, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello, sizeof hello, &error));
    hello[38] = 32;
    ck_assert(tls_frame_check(&frame, true, false, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello, 38, &error));
    ck_assert(!tls_frame_check(&frame, true, false, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello + 38, 1, &error));
    ck_assert_int_eq(error.code, NGTCP2_ERR_PROTO);
    tls_frame_fini(&frame);
}
END_TEST

/* Make a pair whose client never speaks. */
static void pair_with_silent_client(struct pair *pair) {
    struct tls_context *client = pinned_client(certificate), *server = server_context(certificate, key, NULL);
    ck_assert(pair_init(pair, client, server, NAME, 0));
    ngtcp2_conn_write_pkt(pair->client.conn, NULL, NULL, (uint8_t[1500]){0}, 1500, pair->now);
    tls_context_unref(client);
    tls_context_unref(server);
}

START_TEST(client_without_http3_gets_no_application_protocol) {
    static const char *const protocols[] = {NULL, "hq-interop", "h2", "h3-29"};
    struct hello hello;
    struct pair pair;
    pair_with_silent_client(&pair);
    make_hello(&pair, protocols[_i], &hello);
    ck_assert_int_eq(tls_session_feed(pair.server.session, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello.bytes, hello.length),
                     NGTCP2_ERR_CRYPTO);
    ck_assert_uint_eq(ngtcp2_conn_get_tls_alert(pair.server.conn), 120);
    /* nothing more is taken */
    ck_assert_int_eq(tls_session_feed(pair.server.session, NGTCP2_ENCRYPTION_LEVEL_INITIAL, hello.bytes, hello.length),
                     NGTCP2_ERR_CRYPTO);
    pair_fini(&pair);
}
END_TEST

START_TEST(hello_that_was_tampered_with_fails_with_an_alert_or_waits) {
    struct hello hello;
    struct pair pair;
    uint32_t seed = 11;
    pair_with_silent_client(&pair);
    make_hello(&pair, "h3", &hello);
    pair_fini(&pair);
    for (int i = 0; i < 300; i++) {
        struct hello copy = hello;
        int rc;
        for (int flips = 0; flips < 1 + i % 3; flips++) {
            seed = seed * 1664525 + 1013904223;
            copy.bytes[(seed >> 8) % copy.length] ^= (uint8_t)(1u << (seed >> 29));
        }
        pair_with_silent_client(&pair);
        rc = tls_session_feed(pair.server.session, NGTCP2_ENCRYPTION_LEVEL_INITIAL, copy.bytes, copy.length);
        ck_assert_msg(rc <= 0, "%d", rc);
        ck_assert(rc != NGTCP2_ERR_CRYPTO || ngtcp2_conn_get_tls_alert(pair.server.conn) != 0);
        ck_assert(rc == 0 || tls_session_reason(pair.server.session)[0] != '\0');
        ck_assert(!ngtcp2_conn_get_handshake_completed(pair.server.conn));
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(server_that_wants_another_group_gets_it_by_hello_retry_request) {
    int groups[] = {WOLFSSL_ECC_SECP384R1};
    struct tls_context *server = server_context(certificate, key, NULL);
    struct pair pair;
    ck_assert_int_eq(wolfSSL_CTX_set_groups(server->wolf, groups, 1), WOLFSSL_SUCCESS);
    shake(&pair, pinned_client(certificate), server, NAME);
    ck_assert_msg(pair_is_ready(&pair), "client %d \"%s\", server %d \"%s\"", pair.client.error,
                  tls_session_reason(pair.client.session), pair.server.error, tls_session_reason(pair.server.session));
    pair_fini(&pair);
}
END_TEST

START_TEST(session_that_does_not_fit_its_context_is_not_made) {
    struct tls_session_settings settings = {.server = true};
    struct tls_context *client = pinned_client(certificate);
    char name[300];
    ck_assert_ptr_null(tls_session_new(client, &settings));
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    settings = (struct tls_session_settings){.server_name = name};
    ck_assert_ptr_null(tls_session_new(client, &settings));
    tls_context_unref(client);
}
END_TEST

START_TEST(keys_are_updated_while_datagrams_flow_with_every_suite) {
    struct tls_context *client = pinned_client(certificate), *server = server_context(certificate, key, suites[_i]);
    uint8_t packet[1500], payload[1000] = {0};
    ngtcp2_path path = pair_path();
    ngtcp2_pkt_info info = {0};
    struct pair pair;
    uint64_t sent = 0;
    ck_assert(pair_init(&pair, client, server, NAME, 100));
    tls_context_unref(client);
    tls_context_unref(server);
    pair_run(&pair);
    ck_assert(pair_is_ready(&pair));
    for (int i = 0; i < 1000; i++) {
        int accepted = 0;
        ngtcp2_ssize n = ngtcp2_conn_write_datagram(pair.client.conn, NULL, &info, packet, sizeof packet, &accepted, 0,
                                                    (uint64_t)i, payload, sizeof payload, pair.now);
        ck_assert_int_ge(n, 0);
        sent += accepted != 0;
        if (n > 0) {
            ck_assert_int_eq(ngtcp2_conn_read_pkt(pair.server.conn, &path, &info, packet, (size_t)n, pair.now), 0);
        }
        pair.now += 2000000;
        pair_move(&pair, &pair.server, &pair.client);
        pair.now += 2000000;
    }
    ck_assert_int_eq(pair.client.error, 0);
    ck_assert_int_eq(pair.server.error, 0);
    ck_assert_uint_gt(sent, 900);
    ck_assert_uint_eq(pair.datagrams_read, sent);
    ck_assert_uint_ge(pair.key_updates, 2 * 5);
    pair_fini(&pair);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tls");
    TCase *tc = tcase_create("tls");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, make_files, remove_files);
    tcase_add_test(tc, keygen_writes_a_key_for_its_owner_only_and_touches_no_existing_file);
    tcase_add_test(tc, context_errors_name_the_file_and_the_reason);
    tcase_add_test(tc, randomness_needs_no_descriptor);
    tcase_add_test(tc, derived_secrets_depend_on_key_and_label_alone);
    tcase_add_test(tc, sha256_and_hmac_match_known_values);
    tcase_add_test(tc, when_exports_end_a_server_keeps_no_tls_and_still_tells_its_suite);
    tcase_add_loop_test(tc, pinned_server_is_accepted_with_every_suite_and_both_ends_export_the_same, 0, 3);
    tcase_add_test(tc, server_with_another_key_than_the_pin_is_refused_with_its_pin);
    tcase_add_test(tc, server_with_the_pinned_certificate_but_another_key_is_refused);
    tcase_add_test(tc, certificate_named_as_its_own_authority_is_accepted_for_its_name);
    tcase_add_test(tc, certificate_for_another_name_is_refused);
    tcase_add_test(tc, certificate_for_an_address_is_accepted_for_that_address_only);
    tcase_add_test(tc, certificate_of_an_unknown_authority_is_refused);
    tcase_add_test(tc, self_signed_certificate_is_refused_with_the_roots_of_the_system);
    tcase_add_loop_test(tc, chain_to_a_trusted_root_is_accepted_for_each_of_its_names, 0, 4);
    tcase_add_test(tc, certificates_out_of_their_time_are_refused);
    tcase_add_loop_test(tc, pin_counts_whatever_the_chain_and_the_dates_say, 0, 3);
    tcase_add_test(tc, ends_without_a_common_suite_do_not_meet);
    tcase_add_loop_test(tc, crypto_data_after_the_handshake_is_refused_with_the_error_of_rfc_9001, 0,
                        (int)(sizeof lates / sizeof lates[0]));
    tcase_add_test(tc, messages_in_pieces_are_followed_and_types_out_of_place_are_refused);
    tcase_add_test(tc, client_hello_with_a_session_id_is_a_protocol_violation);
    tcase_add_loop_test(tc, client_without_http3_gets_no_application_protocol, 0, 4);
    tcase_add_test(tc, hello_that_was_tampered_with_fails_with_an_alert_or_waits);
    tcase_add_test(tc, server_that_wants_another_group_gets_it_by_hello_retry_request);
    tcase_add_test(tc, session_that_does_not_fit_its_context_is_not_made);
    tcase_add_loop_test(tc, keys_are_updated_while_datagrams_flow_with_every_suite, 0, 3);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
