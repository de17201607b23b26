/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/join: the field by RFC 9651's rules, and the proof. */
#include "bond/join.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "quic/tls.h"
#include "tests/unit/suite.h"

#define ID "AAECAwQFBgcICQoLDA0ODw=="                        /**< bytes 0 to 15 */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" /**< 32 bytes of zero */

static struct join_field field;

static int parse(const char *text) {
    memset(&field, 0xee, sizeof field);
    return join_parse(text, strlen(text), &field);
}

static void check_new(const char *text) {
    if (parse(text) != 0)
        ck_abort_msg("refused: %s", text);
    ck_assert(field.is_new && !field.has_proof);
    ck_assert_int_eq(field.leg, -1);
    ck_assert_int_eq(field.worker, -1);
}

static void check_absent(const char *text) {
    if (parse(text) != -EBADMSG)
        ck_abort_msg("accepted: %s", text);
    /* Outputs are written on success only. */
    ck_assert_uint_eq(field.proof[0], 0xee);
}

static void check_id(const char *text) {
    if (parse(text) != 0)
        ck_abort_msg("refused: %s", text);
    ck_assert(!field.is_new);
    for (unsigned i = 0; i < JOIN_ID_BYTES; i++)
        ck_assert_uint_eq(field.session_id[i], i);
}

START_TEST(the_three_forms_are_read) {
    check_new("new;v=1");
    check_id(":" ID ":;v=1;proof=:" ZEROS ":");
    ck_assert(field.has_proof);
    ck_assert_uint_eq(field.proof[0] | field.proof[31], 0);
    ck_assert_int_eq(field.leg, -1);
    check_id(":" ID ":;v=1;leg=254;w=255");
    ck_assert(!field.has_proof);
    ck_assert_int_eq(field.leg, 254);
    ck_assert_int_eq(field.worker, 255);
    ck_assert(!field.or_new);
    check_id(":" ID ":;v=1;proof=:" ZEROS ":;new");
    ck_assert(field.has_proof && field.or_new);
    check_id(":" ID ":;v=1;new=?1;new=?0");
    ck_assert(!field.or_new);
    check_id(":" ID ":;v=1;leg=0;w=0");
    ck_assert_int_eq(field.leg, 0);
    ck_assert_int_eq(field.worker, 0);
}
END_TEST

START_TEST(what_structured_fields_allow_is_allowed) {
    check_new("  new;v=1  ");
    check_new("new; v=1");
    check_new("new;   v=1");
    check_new("new;v=01");
    check_new("new;v=7;v=1");
    /* Of a parameter that repeats the last one counts, however wrong those before it were. */
    check_id(":" ID ":;leg=999;v=2;leg=\"a\";proof=?0;x;y=?1;leg=5;v=1;proof=:" ZEROS ":");
    ck_assert(field.has_proof);
    ck_assert_int_eq(field.leg, 5);
}
END_TEST

/** Parameters of every type, which are ignored. */
START_TEST(unknown_parameters_are_parsed_and_ignored) {
    static const char *const values[] = {
        "",
        "=1",
        "=-999999999999999",
        "=1.5",
        "=-123456789012.123",
        "=tok*/en:",
        "=*",
        "=\"\"",
        "=\"a\\\"\\\\\"",
        "=::",
        "=:aGk=:",
        "=:aGk:",
        "=:aGl=:",
        "=?0",
        "=?1",
        "=@1659578233",
        "=@-1",
        "=%\"\"",
        "=%\"f%c3%bc\"",
        "=%\"a\"",
        "=%\"%f0%9f%98%80\"",
        "=%\"%e2%82%ac\"",
    };
    static const char *const keys[] = {"a", "*", "z_9-.*", "leg2", "vv"};
    char text[128];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            snprintf(text, sizeof text, "new;%s%s;v=1;%s%s", keys[k], values[i], keys[k], values[i]);
            check_new(text);
        }
}
END_TEST

START_TEST(what_is_no_item_is_absent) {
    static const char *const texts[] = {
        "",
        " ",
        ";v=1",
        "new",
        "new;",
        "new;v",
        "new;v=",
        "new;v=1;",
        "new;v=1,",
        "new;v=1, new;v=1",
        "new;v=1;;a",
        "new ;v=1",
        "new;v =1",
        "new;v= 1",
        "new\t;v=1",
        "\tnew;v=1",
        "new;v=1\t",
        "new;V=1",
        "new;1=1;v=1",
        "(new);v=1",
        "\"new\";v=1",
        "new=1;v=1",
        "new;v=1 x",
        "new;v=1;a=(1)",
        "new;v=1;a=1.",
        "new;v=1;a=.5",
        "new;v=1;a=1.2345",
        "new;v=1;a=1234567890123.1",
        "new;v=1;a=1234567890123456",
        "new;v=1;a=-",
        "new;v=1;a=--1",
        "new;v=1;a=+1",
        "new;v=1;a=\"",
        "new;v=1;a=\"\\a\"",
        "new;v=1;a=\"\\",
        "new;v=1;a=\"\x7f\"",
        "new;v=1;a=\"\xc3\xbc\"",
        "new;v=1;a=?",
        "new;v=1;a=?2",
        "new;v=1;a=@",
        "new;v=1;a=@1.5",
        "new;v=1;a=:",
        "new;v=1;a=:a",
        "new;v=1;a=:a:",
        "new;v=1;a=:aGk==:",
        "new;v=1;a=:aGkh=:",
        "new;v=1;a=:=:",
        "new;v=1;a=:a-_k:",
        "new;v=1;a=:aG k:",
        "new;v=1;a=%",
        "new;v=1;a=%\"",
        "new;v=1;a=%\"%C3%BC\"",
        "new;v=1;a=%\"%c3\"",
        "new;v=1;a=%\"%c3a\"",
        "new;v=1;a=%\"%ff\"",
        "new;v=1;a=%\"%c0%80\"",
        "new;v=1;a=%\"%e0%80%80\"",
        "new;v=1;a=%\"%ed%a0%80\"",
        "new;v=1;a=%\"%f4%90%80%80\"",
        "new;v=1;a=%\"%f5%80%80%80\"",
        "new;v=1;a=%\"%8\"",
        "new;v=1;a=%\"%80\"",
        "new;v=1;a=%\"\xc3\xbc\"",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_absent(texts[i]);
}
END_TEST

START_TEST(what_is_no_value_of_this_field_is_absent) {
    static const char *const texts[] = {
        "old;v=1",
        "New;v=1",
        "news;v=1",
        "ne;v=1",
        "1;v=1",
        "?1;v=1",
        "1.0;v=1",
        "@1;v=1",
        "%\"new\";v=1",
        "new;v=2",
        "new;v=0",
        "new;v=-1",
        "new;v=1.0",
        "new;v=\"1\"",
        "new;v=?1",
        "new;v;a=1",
        "new;v=one",
        "new;v=:AQ==:",
        "new;v=1;v=2",
        "new;v=1;v",
        "new;v=999999999999999",
        "::;v=1",
        ":AAECAwQFBgcICQoLDA0O:;v=1",
        ":AAECAwQFBgcICQoLDA0ODxA=:;v=1",
        ":" ID ":",
        ":" ID ":;v=1;proof=:" ID ":",
        ":" ID ":;v=1;proof=:" ZEROS "A:",
        ":" ID ":;v=1;proof",
        ":" ID ":;v=1;proof=p",
        ":" ID ":;v=1;leg=255",
        ":" ID ":;v=1;leg=-1",
        ":" ID ":;v=1;leg=1.0",
        ":" ID ":;v=1;leg",
        ":" ID ":;v=1;w=256",
        ":" ID ":;v=1;w=x",
        ":" ID ":;v=1;new=1",
        ":" ID ":;v=1;new=yes",
        ":" ID ":;v=1;leg=1;leg=300",
        ":" ID ":;v=1;proof=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_absent(texts[i]);
    check_absent("new;v=1;proof=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:");
}
END_TEST

START_TEST(padding_may_lack_and_pad_bits_are_not_looked_at) {
    check_id(":AAECAwQFBgcICQoLDA0ODw:;v=1");
    check_id(":AAECAwQFBgcICQoLDA0ODx==:;v=1");
    check_id(":AAECAwQFBgcICQoLDA0ODz:;v=1");
}
END_TEST

START_TEST(nothing_is_read_past_the_end) {
    static const char text[] = ":" ID ":;v=1;proof=:" ZEROS ":;leg=12;w=3;a=\"b\";c=%\"%c3%bc\"";
    size_t length = strlen(text);

    for (size_t cut = 0; cut <= length; cut++) {
        char *exact = malloc(cut + 1);

        memcpy(exact + 1, text, cut);
        join_parse(exact + 1, cut, &field);
        free(exact);
    }
    ck_assert_int_eq(join_parse("new;v=1\0", 8, &field), -EBADMSG);
}
END_TEST

START_TEST(printed_fields_are_read_as_the_same) {
    struct join_field out = {.is_new = true, .leg = -1, .worker = -1};
    char text[JOIN_FIELD_MAX];

    ck_assert_uint_eq(join_print(&out, text, sizeof text), 7);
    ck_assert_str_eq(text, "new;v=1");
    ck_assert_uint_eq(join_print(&out, text, 8), 7);
    ck_assert_uint_eq(join_print(&out, text, 7), 0);
    ck_assert_uint_eq(join_print(&out, text, 0), 0);
    out = (struct join_field){.or_new = true, .has_proof = true, .leg = 254, .worker = 255};
    for (unsigned i = 0; i < JOIN_ID_BYTES; i++)
        out.session_id[i] = (uint8_t)i;
    for (unsigned i = 0; i < JOIN_SECRET_BYTES; i++)
        out.proof[i] = (uint8_t)(255 - i);
    ck_assert_uint_gt(join_print(&out, text, sizeof text), 0);
    check_id(text);
    ck_assert(field.has_proof && field.or_new);
    ck_assert_mem_eq(field.proof, out.proof, sizeof field.proof);
    ck_assert_int_eq(field.leg, 254);
    ck_assert_int_eq(field.worker, 255);
    out.leg = 255;
    ck_assert_uint_eq(join_print(&out, text, sizeof text), 0);
    out = (struct join_field){.leg = 3, .worker = -1};
    ck_assert_uint_gt(join_print(&out, text, sizeof text), 0);
    ck_assert_str_eq(text, ":AAAAAAAAAAAAAAAAAAAAAA==:;v=1;leg=3");
}
END_TEST

START_TEST(proof_depends_on_secret_connection_and_stream) {
    uint8_t secret[JOIN_SECRET_BYTES] = {1}, exporter[JOIN_SECRET_BYTES] = {2};
    uint8_t message[40] = {2}, expected[32], proof[32], other[32];

    message[38] = 0x01;
    message[39] = 0x04;
    tls_hmac_sha256(secret, sizeof secret, message, sizeof message, expected);
    join_proof(secret, exporter, 0x104, proof);
    ck_assert(secret_equal(proof, expected, JOIN_SECRET_BYTES));
    join_proof(secret, exporter, 0x100, other);
    ck_assert(!secret_equal(proof, other, JOIN_SECRET_BYTES));
    exporter[31] = 1;
    join_proof(secret, exporter, 0x104, other);
    ck_assert(!secret_equal(proof, other, JOIN_SECRET_BYTES));
    exporter[31] = 0;
    secret[31] = 1;
    join_proof(secret, exporter, 0x104, other);
    ck_assert(!secret_equal(proof, other, JOIN_SECRET_BYTES));
    expected[31] ^= 0x80;
    ck_assert(!secret_equal(proof, expected, JOIN_SECRET_BYTES));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("join");
    TCase *tests = tcase_create("join");

    tcase_add_test(tests, the_three_forms_are_read);
    tcase_add_test(tests, what_structured_fields_allow_is_allowed);
    tcase_add_test(tests, unknown_parameters_are_parsed_and_ignored);
    tcase_add_test(tests, what_is_no_item_is_absent);
    tcase_add_test(tests, what_is_no_value_of_this_field_is_absent);
    tcase_add_test(tests, padding_may_lack_and_pad_bits_are_not_looked_at);
    tcase_add_test(tests, nothing_is_read_past_the_end);
    tcase_add_test(tests, printed_fields_are_read_as_the_same);
    tcase_add_test(tests, proof_depends_on_secret_connection_and_stream);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
