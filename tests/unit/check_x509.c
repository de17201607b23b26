/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_x509: public key and names of a certificate, and that no bytes make the parser read past them. */
#include "quic/x509.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "quic/tls_file.h"
#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

static uint8_t der[4096];
static size_t der_length;

/* The leaf of chain.pem. */
static void load(void) {
    char why[256];
    uint8_t *pem;
    size_t length;
    int n;
    ck_assert_msg(tls_file_read(suite_data("chain.pem"), &pem, &length, why, sizeof why) == 0, "%s", why);
    n = wc_CertPemToDer(pem, (int)length, der, sizeof der, CERT_TYPE);
    ck_assert_int_gt(n, 0);
    der_length = (size_t)n;
    tls_file_free(pem, length);
}

START_TEST(names_match_as_rfc_9525_says) {
    static const char *const yes[] = {"vpn.example.org", "VPN.Example.ORG", "vpn.example.org.", "a.wild.example.org",
                                      "192.0.2.1",       "2001:db8::1",     "2001:DB8:0::1"};
    static const char *const no[] = {"",
                                     ".",
                                     "example.org",
                                     "a.vpn.example.org",
                                     "wild.example.org",
                                     "a.b.wild.example.org",
                                     ".wild.example.org",
                                     "192.0.2.2",
                                     "2001:db8::2",
                                     "leaf",
                                     "a@example.org",
                                     "vpn.example.orgx",
                                     "vpn.example.or"};
    struct x509_view view;
    ck_assert_int_eq(x509_parse(der, der_length, &view), 0);
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(x509_is_for(&view, yes[i]), "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!x509_is_for(&view, no[i]), "%s", no[i]);
    }
}
END_TEST

/* GeneralNames by hand: the traps. */
START_TEST(odd_names_match_nothing) {
    static const struct {
        const char *names;
        size_t length;
        const char *host;
    } odd[] = {
        {"\x82\x03*.b", 5, "a.b"}, /* a wildcard for a whole top-level domain */
        {"\x82\x01*", 3, "a"},     /* a bare wildcard */
        {"\x82\x07"
         "a.b\0x.c",
         9, "a.b"},                           /* a NUL inside */
        {"\x82\x00", 2, ""},                  /* an empty name */
        {"\x87\x04\1\2\3\4", 6, "1.2.3.5"},   /* another address */
        {"\x87\x05\1\2\3\4\5", 7, "1.2.3.4"}, /* an address that is too long */
        {"\x82\x07"
         "1.2.3.4",
         9, "1.2.3.4"}, /* an address as a DNS name */
        {"\x82\x10"
         "a.b",
         5, "a.b"}, /* a length past the end */
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct x509_view view = {.names = (const uint8_t *)odd[i].names, .names_length = odd[i].length};
        ck_assert_msg(!x509_is_for(&view, odd[i].host), "%zu", i);
    }
}
END_TEST

START_TEST(certificate_without_names_is_for_nobody) {
    struct x509_view view = {0};
    ck_assert(!x509_is_for(&view, "leaf"));
}
END_TEST

START_TEST(key_lies_within_the_certificate_and_names_follow_it) {
    struct x509_view view;
    ck_assert_int_eq(x509_parse(der, der_length, &view), 0);
    ck_assert_uint_eq(view.key[0], 0x30);
    ck_assert_uint_eq(view.key_length, 91); /* P-256 */
    ck_assert(view.names > view.key + view.key_length);
}
END_TEST

/* The copies are as long as what they hold, so that a sanitizer or valgrind sees a byte too many. */
START_TEST(cut_and_flipped_certificates_are_never_read_past_their_end) {
    struct x509_view view;
    for (size_t length = 0; length <= der_length; length++) {
        uint8_t *copy = malloc(length + (length == 0));
        memcpy(copy, der, length);
        if (x509_parse(copy, length, &view) == 0) {
            ck_assert_uint_eq(length, der_length);
        }
        free(copy);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(der_length);
        memcpy(copy, der, der_length);
        for (int flips = 0; flips < 3; flips++) {
            size_t at = draw() % der_length;
            copy[at] = (uint8_t)draw();
        }
        if (x509_parse(copy, der_length, &view) == 0) {
            x509_is_for(&view, "vpn.example.org");
            x509_is_for(&view, "192.0.2.9");
        }
        free(copy);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("x509");
    TCase *tc = tcase_create("x509");
    tcase_add_unchecked_fixture(tc, load, NULL);
    tcase_add_test(tc, names_match_as_rfc_9525_says);
    tcase_add_test(tc, odd_names_match_nothing);
    tcase_add_test(tc, certificate_without_names_is_for_nobody);
    tcase_add_test(tc, key_lies_within_the_certificate_and_names_follow_it);
    tcase_add_test(tc, cut_and_flipped_certificates_are_never_read_past_their_end);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
