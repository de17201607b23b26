/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_gcm: vector AES-GCM gives, at every length, what wolfCrypt gives, which shares no code with it. In a
 * build without libipsec-mb there is nothing to check. */
#include "quic/gcm.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/aes.h>

#include "draw.h"
#include "tests/unit/suite.h"

#define LENGTH_MAX 2100u
#define AAD_MAX 70u

static uint8_t in[LENGTH_MAX], aad[AAD_MAX], secret[32], nonce[GCM_NONCE_BYTES];
static struct gcm_key *key;
static Aes aes;

/** @return false: there is no vector AES-GCM */
static bool prepare(uint64_t seed, size_t key_bytes) {
    draw_bytes(&seed, in, sizeof in);
    draw_bytes(&seed, aad, sizeof aad);
    draw_bytes(&seed, secret, sizeof secret);
    draw_bytes(&seed, nonce, sizeof nonce);
    key = gcm_key_new(secret, key_bytes);
    if (!key)
        return false;
    ck_assert_int_eq(wc_AesInit(&aes, NULL, INVALID_DEVID), 0);
    ck_assert_int_eq(wc_AesGcmSetKey(&aes, secret, (word32)key_bytes), 0);
    return true;
}

static void finish(void) {
    wc_AesFree(&aes);
    gcm_key_free(key);
}

static void expect_same(size_t length, size_t aad_length) {
    /* Allocated to the byte, so that the sanitizer sees one too many read or written. */
    uint8_t *wanted = malloc(length + GCM_TAG_BYTES), *got = malloc(length + GCM_TAG_BYTES),
            *plain = malloc(length + 1);
    uint8_t *from = malloc(length + 1);

    ck_assert(wanted && got && plain && from);
    memcpy(from, in, length);
    ck_assert_int_eq(wc_AesGcmEncrypt(&aes, wanted, in, (word32)length, nonce, sizeof nonce, wanted + length,
                                      GCM_TAG_BYTES, aad, (word32)aad_length),
                     0);
    gcm_seal(key, nonce, aad, aad_length, from, length, got);
    ck_assert_msg(memcmp(got, wanted, length + GCM_TAG_BYTES) == 0, "%zu bytes, %zu of header", length, aad_length);
    ck_assert_msg(gcm_open(key, nonce, aad, aad_length, got, length, plain), "%zu bytes do not open", length);
    ck_assert_int_eq(memcmp(plain, in, length), 0);
    /* In place, as QUIC packets are sealed. */
    memcpy(got, in, length);
    gcm_seal(key, nonce, aad, aad_length, got, length, got);
    ck_assert_int_eq(memcmp(got, wanted, length + GCM_TAG_BYTES), 0);
    ck_assert(gcm_open(key, nonce, aad, aad_length, got, length, got));
    ck_assert_int_eq(memcmp(got, in, length), 0);
    free(from);
    free(plain);
    free(got);
    free(wanted);
}

static const size_t key_sizes[] = {16, 32};

START_TEST(every_length_is_sealed_and_opened_as_wolfcrypt_does) {
    if (!prepare(1, key_sizes[_i]))
        return;
    for (size_t length = 0; length <= LENGTH_MAX - GCM_TAG_BYTES; length++)
        expect_same(length, length % 31);
    for (size_t length = 0; length <= AAD_MAX; length++)
        expect_same(300, length);
    finish();
}
END_TEST

START_TEST(many_keys_are_expanded_as_wolfcrypt_does) {
    for (uint64_t seed = 2; seed < 300 && prepare(seed, key_sizes[_i]); seed++) {
        expect_same(1400, 20);
        finish();
    }
}
END_TEST

START_TEST(a_changed_bit_anywhere_does_not_open) {
    uint8_t sealed[600 + GCM_TAG_BYTES], plain[600];

    if (!prepare(3, 16))
        return;
    gcm_seal(key, nonce, aad, 13, in, 600, sealed);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= (uint8_t)(1u << i % 8);
        ck_assert_msg(!gcm_open(key, nonce, aad, 13, sealed, 600, plain), "byte %zu", i);
        sealed[i] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < 13; i++) {
        aad[i] ^= 1;
        ck_assert(!gcm_open(key, nonce, aad, 13, sealed, 600, plain));
        aad[i] ^= 1;
    }
    nonce[5] ^= 1;
    ck_assert(!gcm_open(key, nonce, aad, 13, sealed, 600, plain));
    nonce[5] ^= 1;
    ck_assert(gcm_open(key, nonce, aad, 13, sealed, 600, plain));
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gcm");
    TCase *tcase = tcase_create("gcm");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, every_length_is_sealed_and_opened_as_wolfcrypt_does, 0, 2);
    tcase_add_loop_test(tcase, many_keys_are_expanded_as_wolfcrypt_does, 0, 2);
    tcase_add_test(tcase, a_changed_bit_anywhere_does_not_open);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
