/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm_ipsec_mb: gcm on Intel's multi-buffer library. Of it only the direct calls are used, one packet each; its queues
 * of jobs are for those who have many packets at hand at the same time.
 *
 * Invariant: the library's table of functions for this processor is made once and constant from then on, so that all
 * threads may use it. */
#include "quic/gcm.h"

#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

#define KEY_ALIGNMENT 64u

struct gcm_key {
    struct gcm_key_data expanded; /**< round keys and powers of the hash key; first, for its alignment */
    aes_gcm_enc_dec_t seal;       /**< for the key's length */
    aes_gcm_enc_dec_t open;       /**< likewise */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const IMB_MGR *functions; /* for this processor; NULL: it has no AES instructions, or there is no memory */

static void choose(void) {
    IMB_MGR *manager = alloc_mb_mgr(0);
    IMB_ARCH arch;

    if (manager == NULL)
        return;
    init_mb_mgr_auto(manager, &arch);
    if (manager->features & IMB_FEATURE_AESNI && imb_get_errno(manager) == 0)
        functions = manager;
    else
        free_mb_mgr(manager);
}

struct gcm_key *gcm_key_new(const uint8_t *secret, size_t bytes) {
    struct gcm_key *key;

    pthread_once(&once, choose);
    if (functions == NULL)
        return NULL;
    key = aligned_alloc(KEY_ALIGNMENT, (sizeof *key + KEY_ALIGNMENT - 1) / KEY_ALIGNMENT * KEY_ALIGNMENT);
    if (key == NULL)
        return NULL;
    if (bytes == 16) {
        IMB_AES128_GCM_PRE(functions, secret, &key->expanded);
        key->seal = functions->gcm128_enc;
        key->open = functions->gcm128_dec;
    } else {
        IMB_AES256_GCM_PRE(functions, secret, &key->expanded);
        key->seal = functions->gcm256_enc;
        key->open = functions->gcm256_dec;
    }
    return key;
}

void gcm_key_free(struct gcm_key *key) {
    if (key == NULL)
        return;
    explicit_bzero(key, sizeof *key);
    free(key);
}

void gcm_seal(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out) {
    struct gcm_context_data context;

    key->seal(&key->expanded, &context, out, in, length, nonce, aad, aad_length, out + length, GCM_TAG_BYTES);
}

bool gcm_open(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out) {
    struct gcm_context_data context;
    uint8_t tag[GCM_TAG_BYTES];

    key->open(&key->expanded, &context, out, in, length, nonce, aad, aad_length, tag, sizeof tag);
    return secret_equal(tag, in + length, sizeof tag);
}
