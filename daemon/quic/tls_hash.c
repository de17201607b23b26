/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_hash: SHA-256 and HMAC of tls.h, as thin layers over wolfCrypt. Apart from tls.c, so that mpvpnctl can link them
 * without QUIC.
 *
 * Invariant: none of these may fail; where wolfCrypt does, it is misused, and nothing can go on safely.
 *
 * Standards: FIPS 180-4, RFC 2104. */
#include "quic/tls.h"

#include <stdlib.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sha256.h>

void tls_sha256(const void *data, size_t length, uint8_t out[32]) {
    if (wc_Sha256Hash(data, (word32)length, out) != 0) {
        abort();
    }
}

void tls_hmac_sha256(const uint8_t *key, size_t key_length, const void *data, size_t length, uint8_t out[32]) {
    Hmac hmac;
    if (wc_HmacInit(&hmac, NULL, INVALID_DEVID) != 0 || wc_HmacSetKey(&hmac, WC_SHA256, key, (word32)key_length) != 0 ||
        wc_HmacUpdate(&hmac, data, (word32)length) != 0 || wc_HmacFinal(&hmac, out) != 0) {
        abort();
    }
    wc_HmacFree(&hmac);
}
