/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm_none: for processors, or compilers, without vector AES: there is none, wolfCrypt serves.
 * Invariant: but for gcm_available() nothing here is ever called. */
#include "quic/gcm.h"

#include <stdlib.h>

bool gcm_available(void) {
    return false;
}

void gcm_key_init(struct gcm_key *key, const uint8_t *secret, size_t bytes) {
    (void)key, (void)secret, (void)bytes;
    abort();
}

void gcm_block(const struct gcm_key *key, const uint8_t in[16], uint8_t out[16]) {
    (void)key, (void)in, (void)out;
    abort();
}

void gcm_seal(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out) {
    (void)key, (void)nonce, (void)aad, (void)aad_length, (void)in, (void)length, (void)out;
    abort();
}

bool gcm_open(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out) {
    (void)key, (void)nonce, (void)aad, (void)aad_length, (void)in, (void)length, (void)out;
    abort();
}
