/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_crypt: packet protection gives what RFC 9001 appendix A prints, and opens nothing that was changed. */
#include "quic/crypt.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

#define SUITES 3
static const char *const suite_names[SUITES] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                                "TLS_CHACHA20_POLY1305_SHA256"};

static size_t unhex(const char *text, uint8_t *out) {
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return n;
}

static void expect_hex(const uint8_t *bytes, const char *text) {
    uint8_t wanted[2048];
    size_t n = unhex(text, wanted);
    ck_assert_mem_eq(bytes, wanted, n);
}

static ngtcp2_cid cid_of(const char *text) {
    ngtcp2_cid cid;
    cid.datalen = unhex(text, cid.data);
    return cid;
}

/* Protect a packet as RFC 9001 sections 5.3 and 5.4 say: header and payload in, packet out. @return bytes */
static size_t protect(const struct crypt_suite *suite, const uint8_t *secret, const char *header, uint64_t number,
                      const uint8_t *payload, size_t length, uint8_t *out) {
    uint8_t nonce[CRYPT_IV_BYTES], mask[16];
    struct crypt_keys keys;
    ngtcp2_crypto_ctx context;
    size_t header_length = unhex(header, out), number_length = (out[0] & 3u) + 1u,
           number_at = header_length - number_length;
    crypt_suite_context(suite, 0, &context);
    ck_assert_int_eq(crypt_keys_derive(suite, secret, true, &keys), 0);
    memcpy(nonce, keys.iv, sizeof nonce);
    for (unsigned i = 0; i < 8; i++) {
        nonce[4 + i] ^= (uint8_t)(number >> (56 - 8 * i));
    }
    memcpy(out + header_length, payload, length);
    ck_assert_int_eq(crypt_encrypt(out + header_length, &context.aead, &keys.aead, out + header_length, length, nonce,
                                   sizeof nonce, out, header_length),
                     0);
    ck_assert_int_eq(crypt_hp_mask(mask, &context.hp, &keys.hp, out + number_at + 4), 0);
    out[0] ^= mask[0] & (out[0] & 0x80 ? 0x0f : 0x1f);
    for (size_t i = 0; i < number_length; i++) {
        out[number_at + i] ^= mask[1 + i];
    }
    crypt_keys_free(&keys);
    return header_length + length + CRYPT_TAG_BYTES;
}

START_TEST(initial_secrets_are_those_of_appendix_a1) {
    ngtcp2_cid dcid = cid_of("8394c8f03e515708");
    const struct crypt_suite *suite = crypt_suite_initial();
    uint8_t client[32], server[32], key[16];
    ck_assert_int_eq(crypt_initial_secrets(&dcid, client, server), 0);
    expect_hex(client, "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea");
    expect_hex(server, "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b");
    ck_assert_int_eq(crypt_expand_label(suite, client, "quic key", key, 16), 0);
    expect_hex(key, "1f369613dd76d5467730efcbe3b1a22d");
    ck_assert_int_eq(crypt_expand_label(suite, client, "quic iv", key, 12), 0);
    expect_hex(key, "fa044b2f42a3fd3b46fb255c");
    ck_assert_int_eq(crypt_expand_label(suite, client, "quic hp", key, 16), 0);
    expect_hex(key, "9f50449e04a0e810283a1e9933adedd2");
    ck_assert_int_eq(crypt_expand_label(suite, server, "quic key", key, 16), 0);
    expect_hex(key, "cf3a5331653c364c88f0f379b6067e37");
    ck_assert_int_eq(crypt_expand_label(suite, server, "quic iv", key, 12), 0);
    expect_hex(key, "0ac1493ca1905853b0bba03e");
    ck_assert_int_eq(crypt_expand_label(suite, server, "quic hp", key, 16), 0);
    expect_hex(key, "c206b8d9b9f0f37644430b490eeaa314");
}
END_TEST

/* The tag at the end covers all that lies between it and the part compared at the beginning. */
START_TEST(client_initial_is_protected_as_in_appendix_a2) {
    ngtcp2_cid dcid = cid_of("8394c8f03e515708");
    uint8_t client[32], server[32], payload[1162] = {0}, packet[1500];
    size_t n;
    ck_assert_int_eq(crypt_initial_secrets(&dcid, client, server), 0);
    unhex("060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000"
          "000010000e00000b6578616d706c652e636f6d"
          "ff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47f"
          "babaf4559fedba753de171fa71f50f1ce15d43e9"
          "94ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffff"
          "ffffffff05048000ffff07048000ffff08011001"
          "04800075300901100f088394c8f03e51570806048000ffff",
          payload);
    n = protect(crypt_suite_initial(), client, "c300000001088394c8f03e5157080000449e00000002", 2, payload,
                sizeof payload, packet);
    ck_assert_uint_eq(n, 1200);
    expect_hex(packet, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356"
                       "c0bab7df5976d27cd449f63300099f3991c26");
    expect_hex(packet + 1200 - 16, "e221af44860018ab0856972e194cd934");
}
END_TEST

START_TEST(server_initial_is_protected_as_in_appendix_a3) {
    ngtcp2_cid dcid = cid_of("8394c8f03e515708");
    uint8_t client[32], server[32], payload[200], packet[300];
    size_t n, length;
    ck_assert_int_eq(crypt_initial_secrets(&dcid, client, server), 0);
    length = unhex("02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130"
                   "100002e00330024001d00209d3c940d89690b84d08a"
                   "60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304",
                   payload);
    n = protect(crypt_suite_initial(), server, "c1000000010008f067a5502a4262b50040750001", 1, payload, length, packet);
    ck_assert_uint_eq(n, 135);
    expect_hex(packet, "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb"
                       "38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46"
                       "c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abb"
                       "dca3d20398c276456cbc42158407dd074ee");
}
END_TEST

START_TEST(retry_tag_is_that_of_appendix_a4) {
    uint8_t pseudo[64], tag[16];
    size_t n = unhex("088394c8f03e515708"
                     "ff000000010008f067a5502a4262b5746f6b656e",
                     pseudo);
    ck_assert_int_eq(crypt_seal((const uint8_t *)NGTCP2_RETRY_KEY_V1, (const uint8_t *)NGTCP2_RETRY_NONCE_V1, pseudo, n,
                                NULL, 0, tag),
                     0);
    expect_hex(tag, "04a265ba2eff4d829058fb3f0f2496ba");
}
END_TEST

START_TEST(retry_packet_carries_token_and_a_tag_that_the_client_accepts) {
    ngtcp2_cid client = cid_of("aabbccdd"), server = cid_of("f067a5502a4262b5"), original = cid_of("8394c8f03e515708");
    uint8_t packet[200], pseudo[300], tag[16];
    ngtcp2_crypto_aead aead;
    ngtcp2_crypto_aead_ctx context = {0};
    size_t n = crypt_write_retry(&client, &server, &original, (const uint8_t *)"token", 5, packet, sizeof packet);
    ck_assert_uint_eq(n, 1u + 4 + 1 + 4 + 1 + 8 + 5 + 16);
    ck_assert_mem_eq(packet + n - 21, "token", 5);
    pseudo[0] = (uint8_t)original.datalen;
    memcpy(pseudo + 1, original.data, original.datalen);
    memcpy(pseudo + 1 + original.datalen, packet, n - 16);
    ck_assert_int_eq(crypt_retry_aead(&aead, &context), 0);
    ck_assert_int_eq(crypt_encrypt(tag, &aead, &context, (const uint8_t *)"", 0, (const uint8_t *)NGTCP2_RETRY_NONCE_V1,
                                   12, pseudo, 9 + n - 16),
                     0);
    ck_assert_mem_eq(tag, packet + n - 16, 16);
    crypt_aead_free(&context);
    ck_assert_uint_eq(crypt_write_retry(&client, &server, &original, (const uint8_t *)"token", 5, packet, n - 1), 0);
}
END_TEST

START_TEST(chacha_short_header_packet_is_that_of_appendix_a5) {
    const struct crypt_suite *suite = crypt_suite_find("TLS_CHACHA20_POLY1305_SHA256");
    uint8_t secret[32], out[32], packet[64];
    size_t n;
    unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b", secret);
    ck_assert_int_eq(crypt_expand_label(suite, secret, "quic key", out, 32), 0);
    expect_hex(out, "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8");
    ck_assert_int_eq(crypt_expand_label(suite, secret, "quic iv", out, 12), 0);
    expect_hex(out, "e0459b3474bdd0e44a41c144");
    ck_assert_int_eq(crypt_expand_label(suite, secret, "quic hp", out, 32), 0);
    expect_hex(out, "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
    n = protect(suite, secret, "4200bff4", 654360564, (const uint8_t *)"\x01", 1, packet);
    ck_assert_uint_eq(n, 21);
    expect_hex(packet, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
}
END_TEST

START_TEST(key_update_derives_the_secret_of_appendix_a5) {
    const struct crypt_suite *suite = crypt_suite_find("TLS_CHACHA20_POLY1305_SHA256");
    uint8_t secret[32], next[32];
    unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b", secret);
    ck_assert_int_eq(crypt_next_secret(suite, secret, next), 0);
    expect_hex(next, "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9");
}
END_TEST

START_TEST(every_suite_opens_in_place_what_it_sealed_and_nothing_else) {
    const struct crypt_suite *suite = crypt_suite_find(suite_names[_i]);
    uint8_t secret[CRYPT_SECRET_MAX], plain[1400], sealed[1400 + 16], opened[1400 + 16], aad[20] = {7};
    struct crypt_keys keys;
    ngtcp2_crypto_ctx context;
    memset(secret, 0x42, sizeof secret);
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 7);
    }
    crypt_suite_context(suite, 0, &context);
    ck_assert_int_eq(crypt_keys_derive(suite, secret, true, &keys), 0);
    for (size_t length = 0; length <= sizeof plain; length += length < 70 ? 1 : 133) {
        size_t flip = length * 31 % (length + 16);
        memcpy(sealed, plain, length);
        ck_assert_int_eq(crypt_encrypt(sealed, &context.aead, &keys.aead, sealed, length, keys.iv, 12, aad, sizeof aad),
                         0);
        memcpy(opened, sealed, length + 16);
        ck_assert_int_eq(
            crypt_decrypt(opened, &context.aead, &keys.aead, opened, length + 16, keys.iv, 12, aad, sizeof aad), 0);
        ck_assert_mem_eq(opened, plain, length);
        sealed[flip] ^= 0x10;
        ck_assert_int_eq(
            crypt_decrypt(opened, &context.aead, &keys.aead, sealed, length + 16, keys.iv, 12, aad, sizeof aad),
            NGTCP2_ERR_DECRYPT);
        sealed[flip] ^= 0x10;
        ck_assert_int_eq(
            crypt_decrypt(opened, &context.aead, &keys.aead, sealed, length + 16, keys.iv, 12, aad, sizeof aad - 1),
            NGTCP2_ERR_DECRYPT);
    }
    ck_assert_int_eq(crypt_decrypt(opened, &context.aead, &keys.aead, sealed, 15, keys.iv, 12, aad, sizeof aad),
                     NGTCP2_ERR_DECRYPT);
    crypt_keys_free(&keys);
}
END_TEST

START_TEST(limits_are_those_of_section_66_and_settings_only_lower_them) {
    ngtcp2_crypto_ctx context;
    crypt_suite_context(crypt_suite_find(suite_names[0]), 0, &context);
    ck_assert_uint_eq(context.max_encryption, UINT64_C(1) << 23);
    ck_assert_uint_eq(context.max_decryption_failure, UINT64_C(1) << 52);
    crypt_suite_context(crypt_suite_find(suite_names[0]), UINT64_C(1) << 40, &context);
    ck_assert_uint_eq(context.max_encryption, UINT64_C(1) << 23);
    crypt_suite_context(crypt_suite_find(suite_names[1]), 1000, &context);
    ck_assert_uint_eq(context.max_encryption, 1000);
    crypt_suite_context(crypt_suite_find(suite_names[2]), 0, &context);
    ck_assert_uint_eq(context.max_encryption, UINT64_C(1) << 23);
    ck_assert_uint_eq(context.max_decryption_failure, UINT64_C(1) << 36);
    ck_assert_ptr_null(crypt_suite_find("TLS_AES_128_CCM_8_SHA256"));
}
END_TEST

START_TEST(reset_token_depends_on_key_and_connection_id_alone) {
    ngtcp2_cid a = cid_of("0102030405060708090a0b0c"), b = cid_of("0102030405060708090a0b0d");
    uint8_t key[32] = {1}, other[32] = {2}, t1[16], t2[16];
    ck_assert_int_eq(crypt_stateless_reset_token(key, &a, t1), 0);
    ck_assert_int_eq(crypt_stateless_reset_token(key, &a, t2), 0);
    ck_assert_mem_eq(t1, t2, 16);
    ck_assert_int_eq(crypt_stateless_reset_token(key, &b, t2), 0);
    ck_assert_mem_ne(t1, t2, 16);
    ck_assert_int_eq(crypt_stateless_reset_token(other, &a, t2), 0);
    ck_assert_mem_ne(t1, t2, 16);
}
END_TEST

START_TEST(sealed_box_opens_only_with_key_nonce_and_data_it_was_sealed_with) {
    uint8_t key[16] = {1}, nonce[12] = {2}, box[3 + 16], out[3];
    ck_assert_int_eq(crypt_seal(key, nonce, (const uint8_t *)"a", 1, (const uint8_t *)"xyz", 3, box), 0);
    ck_assert_int_eq(crypt_open(key, nonce, (const uint8_t *)"a", 1, box, sizeof box, out), 0);
    ck_assert_mem_eq(out, "xyz", 3);
    ck_assert_int_eq(crypt_open(key, nonce, (const uint8_t *)"b", 1, box, sizeof box, out), -EBADMSG);
    ck_assert_int_eq(crypt_open(key, nonce, (const uint8_t *)"a", 1, box, 15, out), -EBADMSG);
    key[0]++;
    ck_assert_int_eq(crypt_open(key, nonce, (const uint8_t *)"a", 1, box, sizeof box, out), -EBADMSG);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("crypt");
    TCase *tc = tcase_create("crypt");
    tcase_add_test(tc, initial_secrets_are_those_of_appendix_a1);
    tcase_add_test(tc, client_initial_is_protected_as_in_appendix_a2);
    tcase_add_test(tc, server_initial_is_protected_as_in_appendix_a3);
    tcase_add_test(tc, retry_tag_is_that_of_appendix_a4);
    tcase_add_test(tc, retry_packet_carries_token_and_a_tag_that_the_client_accepts);
    tcase_add_test(tc, chacha_short_header_packet_is_that_of_appendix_a5);
    tcase_add_test(tc, key_update_derives_the_secret_of_appendix_a5);
    tcase_add_loop_test(tc, every_suite_opens_in_place_what_it_sealed_and_nothing_else, 0, SUITES);
    tcase_add_test(tc, limits_are_those_of_section_66_and_settings_only_lower_them);
    tcase_add_test(tc, reset_token_depends_on_key_and_connection_id_alone);
    tcase_add_test(tc, sealed_box_opens_only_with_key_nonce_and_data_it_was_sealed_with);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
