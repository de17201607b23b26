/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_fixture: certificates and trust for the tests of connections, made once for each test program. */
#ifndef MPVPN_TESTS_CONN_FIXTURE_H
#define MPVPN_TESTS_CONN_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/pair.h"
#include "tests/unit/suite.h"

/** Where the files are, and contexts made from them. */
static struct {
    char directory[64], certificate[96], key[96]; /**< paths */
    uint8_t pin[32];                              /**< of the certificate */
    struct tls_context *client, *server;          /**< any cipher; the client pins the certificate */
} fixture;

static inline struct tls_context *fixture_client(const uint8_t *pin, const char *ciphers) {
    struct tls_client_settings settings = {
        .has_pin = pin != NULL, .ca_file = pin == NULL ? fixture.certificate : NULL, .ciphers = ciphers};
    struct tls_context *context;
    char why[200] = "";

    if (pin != NULL)
        memcpy(settings.pin, pin, sizeof settings.pin);
    if (tls_client_context_new(&settings, &context, why, sizeof why) != 0) {
        fprintf(stderr, "client context: %s\n", why);
        exit(EXIT_FAILURE);
    }
    return context;
}

static inline void fixture_init(void) {
    char why[200] = "";

    snprintf(fixture.directory, sizeof fixture.directory, "%s/mpvpn-conn-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(fixture.directory) == NULL)
        exit(EXIT_FAILURE);
    snprintf(fixture.certificate, sizeof fixture.certificate, "%s/cert.pem", fixture.directory);
    snprintf(fixture.key, sizeof fixture.key, "%s/key.pem", fixture.directory);
    if (tls_keygen(fixture.certificate, fixture.key, "test.example", why, sizeof why) != 0 ||
        tls_pin_of_certificate(fixture.certificate, fixture.pin, why, sizeof why) != 0 ||
        tls_server_context_new(fixture.certificate, fixture.key, NULL, &fixture.server, why, sizeof why) != 0) {
        fprintf(stderr, "fixture: %s\n", why);
        exit(EXIT_FAILURE);
    }
    fixture.client = fixture_client(fixture.pin, NULL);
}

/** A client without session tickets, whatever tests before have left; before fixture_links(). */
static inline void fixture_forget_tickets(void) {
    tls_context_unref(fixture.client);
    fixture.client = fixture_client(fixture.pin, NULL);
}

static inline void fixture_fini(void) {
    tls_context_unref(fixture.client);
    tls_context_unref(fixture.server);
    unlink(fixture.certificate);
    unlink(fixture.key);
    rmdir(fixture.directory);
}

/** Settings for two links of this rate (Mbit/s), one-way delay (ms) and loss. */
static inline struct pair_settings fixture_links(uint64_t mbit, uint64_t delay_ms, double loss) {
    struct pair_settings settings = {.client_tls = fixture.client, .server_tls = fixture.server};

    settings.up =
        (struct link_settings){.rate_bps = mbit * 1000000, .delay = delay_ms * NS_PER_MS, .loss = loss, .seed = 11};
    settings.down = settings.up;
    settings.down.seed = 12;
    return settings;
}

/** A pair that is connected. */
static inline void fixture_connect(struct pair *pair, const struct pair_settings *settings) {
    pair_init(pair, settings);
    ck_assert_msg(pair_connect(pair), "client: %s %s, server: %s", pair->client.error.reason, pair->client.tls_reason,
                  pair->server.error.reason);
}

/** Run a suite made of one case. @return for main() */
static inline int fixture_run(const char *name, const TTest *const *tests, size_t count) {
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    int status;

    fixture_init();
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    status = suite_run(suite);
    fixture_fini();
    return status;
}

#endif
