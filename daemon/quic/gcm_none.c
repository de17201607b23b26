/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm_none: for builds without libipsec-mb: there are no keys of it, so nothing else here is ever called. */
#include "quic/gcm.h"

#include <stdlib.h>

struct gcm_key *gcm_key_new(const uint8_t *secret, size_t bytes) {
    (void)secret, (void)bytes;
    return NULL;
}

void gcm_key_free(struct gcm_key *key) {
    (void)key;
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
