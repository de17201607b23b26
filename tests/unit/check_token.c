/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_token: a token opens where and while it should, and nowhere else. */
#include "quic/token.h"

#include <check.h>
#include <string.h>

#include "tests/unit/suite.h"

#define NOW UINT64_C(1800000000)

static const uint8_t key[16] = {1, 2, 3};

static union sock_addr address(const char *text) {
    union sock_addr addr;
    ck_assert_int_eq(sock_addr_parse(text, &addr), 0);
    return addr;
}

static struct conn_first_packet first_packet(void) {
    struct conn_first_packet first = {
        .dcid = {.length = 8, .bytes = "originl"}, .scid = {.length = 5, .bytes = "clien"}, .version = 1};
    return first;
}

/* Ask for a Retry and take it apart. @param token TOKEN_MAX bytes @param scid what the Retry names as our connection ID
 * @return bytes of the token */
static size_t retry_token(const union sock_addr *remote, uint8_t *token, struct conn_cid *scid) {
    struct conn_first_packet first = first_packet();
    uint8_t packet[300];
    size_t token_length, n = token_write_retry(key, &first, remote, 9, NOW, packet, sizeof packet);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(packet[0] & 0xf0, 0xf0);
    ck_assert_mem_eq(packet + 1, "\0\0\0\1\5clien", 10);
    ck_assert_uint_eq(packet[11], CONN_CID_BYTES);
    *scid = (struct conn_cid){.length = packet[11]};
    memcpy(scid->bytes, packet + 12, scid->length);
    ck_assert_uint_eq(scid->bytes[0], 9);
    token_length = n - 12 - CONN_CID_BYTES - 16;
    ck_assert_uint_le(token_length, TOKEN_MAX);
    memcpy(token, packet + 12 + CONN_CID_BYTES, token_length);
    return token_length;
}

START_TEST(retry_token_gives_the_original_connection_id_back) {
    union sock_addr remote = address("192.0.2.7:4433");
    uint8_t token[TOKEN_MAX];
    struct conn_cid scid, original;
    size_t n = retry_token(&remote, token, &scid);
    ck_assert_int_eq(token_check(key, token, n, &remote, &scid, NOW + 10, &original), TOKEN_RETRY);
    ck_assert_uint_eq(original.length, 8);
    ck_assert_mem_eq(original.bytes, "originl", 8);
}
END_TEST

START_TEST(retry_token_is_bound_to_address_port_connection_id_and_ten_seconds) {
    union sock_addr remote = address("[2001:db8::7]:4433"), port = address("[2001:db8::7]:4434"),
                    host = address("[2001:db8::8]:4433");
    uint8_t token[TOKEN_MAX];
    struct conn_cid scid, original = {.length = 77};
    size_t n = retry_token(&remote, token, &scid);
    ck_assert_int_eq(token_check(key, token, n, &port, &scid, NOW, &original), TOKEN_INVALID);
    ck_assert_int_eq(token_check(key, token, n, &host, &scid, NOW, &original), TOKEN_INVALID);
    ck_assert_int_eq(token_check(key, token, n, &remote, &scid, NOW + 11, &original), TOKEN_INVALID);
    ck_assert_int_eq(token_check(key, token, n, &remote, &scid, NOW - 60, &original), TOKEN_INVALID);
    scid.bytes[3] ^= 1;
    ck_assert_int_eq(token_check(key, token, n, &remote, &scid, NOW, &original), TOKEN_INVALID);
    ck_assert_uint_eq(original.length, 77);
}
END_TEST

START_TEST(regular_token_is_bound_to_the_address_and_a_day) {
    union sock_addr remote = address("192.0.2.7:4433"), port = address("192.0.2.7:1"), host = address("192.0.2.8:4433"),
                    mapped = address("[::ffff:192.0.2.7]:9");
    struct conn_cid any = {.length = 8}, original;
    uint8_t token[TOKEN_MAX];
    size_t n = token_write(key, &remote, NOW, token);
    ck_assert_uint_gt(n, 0);
    ck_assert_int_eq(token_check(key, token, n, &remote, &any, NOW + 86400, &original), TOKEN_REGULAR);
    ck_assert_int_eq(token_check(key, token, n, &port, &any, NOW, &original), TOKEN_REGULAR);
    ck_assert_int_eq(token_check(key, token, n, &mapped, &any, NOW, &original), TOKEN_REGULAR);
    ck_assert_int_eq(token_check(key, token, n, &host, &any, NOW, &original), TOKEN_INVALID);
    ck_assert_int_eq(token_check(key, token, n, &remote, &any, NOW + 86401, &original), TOKEN_INVALID);
}
END_TEST

START_TEST(token_of_another_key_kind_or_length_is_invalid) {
    static const uint8_t other[16] = {9};
    union sock_addr remote = address("192.0.2.7:4433");
    struct conn_cid any = {.length = 8}, original;
    uint8_t token[TOKEN_MAX + 64] = {0};
    size_t n = token_write(key, &remote, NOW, token);
    ck_assert_int_eq(token_check(other, token, n, &remote, &any, NOW, &original), TOKEN_INVALID);
    for (size_t length = 0; length < sizeof token; length++) {
        ck_assert_int_eq(token_check(key, token, length, &remote, &any, NOW, &original),
                         length == n ? TOKEN_REGULAR : TOKEN_INVALID);
    }
    for (size_t i = 0; i < n; i++) {
        token[i] ^= 0x80;
        ck_assert_int_eq(token_check(key, token, n, &remote, &any, NOW, &original), TOKEN_INVALID);
        token[i] ^= 0x80;
    }
}
END_TEST

START_TEST(two_tokens_for_one_address_differ) {
    union sock_addr remote = address("192.0.2.7:4433");
    uint8_t a[TOKEN_MAX], b[TOKEN_MAX];
    size_t n = token_write(key, &remote, NOW, a);
    ck_assert_uint_eq(token_write(key, &remote, NOW, b), n);
    ck_assert_mem_ne(a, b, n);
}
END_TEST

START_TEST(retry_needs_room_and_an_original_id_of_eight_bytes) {
    struct conn_first_packet first = first_packet();
    union sock_addr remote = address("192.0.2.7:4433");
    uint8_t packet[300];
    ck_assert_uint_eq(token_write_retry(key, &first, &remote, 0, NOW, packet, 60), 0);
    first.dcid.length = 7;
    ck_assert_uint_eq(token_write_retry(key, &first, &remote, 0, NOW, packet, sizeof packet), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("token");
    TCase *tc = tcase_create("token");
    tcase_add_test(tc, retry_token_gives_the_original_connection_id_back);
    tcase_add_test(tc, retry_token_is_bound_to_address_port_connection_id_and_ten_seconds);
    tcase_add_test(tc, regular_token_is_bound_to_the_address_and_a_day);
    tcase_add_test(tc, token_of_another_key_kind_or_length_is_invalid);
    tcase_add_test(tc, two_tokens_for_one_address_differ);
    tcase_add_test(tc, retry_needs_room_and_an_original_id_of_eight_bytes);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
