/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crypt: QUIC packet protection on wolfCrypt, and AES-GCM on vector instructions (gcm) where they are to be had.
 *
 * How it works: a suite is a constant row (AEAD, hash, key sizes, limits) whose address ngtcp2 carries about as the
 * native handle of aead, md and hp. A key becomes an expanded context on the heap when it is installed (AES round keys
 * and GHASH tables are made there, once); sealing and opening are then one call each, in place if ngtcp2 asks for it.
 * Initial, Retry and reset-token material comes from constants of RFC 9001. The callbacks at the end tie this and
 * tls_session to ngtcp2.
 *
 * Leaves out: versions of QUIC other than 1, 0-RTT keys, AES-CCM.
 *
 * Invariants: a context is used by one connection, in one thread; keys are wiped from the stack before return.
 *
 * Standards: RFC 9001 sections 5 and 6, RFC 5869, RFC 8446 section 7.1, RFC 8439, RFC 9000 section 10.3.2. */
#include "quic/crypt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/kdf.h>
#include <wolfssl/wolfcrypt/memory.h>

#include "common/random.h"
#include "quic/gcm.h"
#include "quic/tls.h"
#include "quic/tls_session.h"

#define LABEL_PREFIX "tls13 "
#define CONTEXT_ALIGNMENT 64u

/** The two kinds of AEAD. */
enum crypt_kind { CRYPT_GCM, CRYPT_CHACHA };

struct crypt_suite {
    const char *name;                /**< TLS name */
    enum crypt_kind kind;            /**< AEAD and header protection */
    int hash;                        /**< wolfCrypt's hash type */
    size_t secret_bytes;             /**< hash size */
    size_t key_bytes;                /**< AEAD and header-protection key */
    uint64_t max_encryption;         /**< packets one key may seal (RFC 9001 section 6.6) */
    uint64_t max_decryption_failure; /**< forgeries one connection may see (RFC 9001 section 6.6) */
};

static const struct crypt_suite suites[] = {
    {"TLS_AES_128_GCM_SHA256", CRYPT_GCM, WC_SHA256, 32, 16, UINT64_C(1) << 23, UINT64_C(1) << 52},
    {"TLS_AES_256_GCM_SHA384", CRYPT_GCM, WC_SHA384, 48, 32, UINT64_C(1) << 23, UINT64_C(1) << 52},
    {"TLS_CHACHA20_POLY1305_SHA256", CRYPT_CHACHA, WC_SHA256, 32, 32, UINT64_C(1) << 62, UINT64_C(1) << 36},
};

#define DEFAULT_KEY_UPDATE_PACKETS (UINT64_C(1) << 23)

/** A key for AEAD or header protection, expanded. */
struct key {
    union {
        Aes aes;                                          /**< AES: round keys, and GCM's hash tables */
        ChaCha chacha;                                    /**< header protection by ChaCha20: key schedule */
        uint8_t poly1305[CHACHA20_POLY1305_AEAD_KEYSIZE]; /**< ChaCha20-Poly1305: the key itself */
    };                                                    /**< first, for its alignment */
    const struct crypt_suite *suite;                      /**< which member is used */
    struct gcm_key *gcm;                                  /**< AES-GCM by gcm, instead of aes; NULL: not */
};

const struct crypt_suite *crypt_suite_find(const char *name) {
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (strcmp(name, suites[i].name) == 0) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct crypt_suite *crypt_suite_initial(void) {
    return &suites[0];
}

const char *crypt_suite_name(const struct crypt_suite *suite) {
    return suite->name;
}

size_t crypt_suite_secret_bytes(const struct crypt_suite *suite) {
    return suite->secret_bytes;
}

void crypt_suite_context(const struct crypt_suite *suite, uint64_t key_update_packets, ngtcp2_crypto_ctx *out) {
    uint64_t limit = key_update_packets != 0 ? key_update_packets : DEFAULT_KEY_UPDATE_PACKETS;
    *out = (ngtcp2_crypto_ctx){
        .aead = {.native_handle = (void *)suite, .max_overhead = CRYPT_TAG_BYTES},
        .md = {.native_handle = (void *)suite},
        .hp = {.native_handle = (void *)suite},
        .max_encryption = limit < suite->max_encryption ? limit : suite->max_encryption,
        .max_decryption_failure = suite->max_decryption_failure,
    };
}

int crypt_expand_label(const struct crypt_suite *suite, const uint8_t *secret, const char *label, uint8_t *out,
                       size_t length) {
    int rc = wc_Tls13_HKDF_Expand_Label(out, (word32)length, secret, (word32)suite->secret_bytes,
                                        (const byte *)LABEL_PREFIX, sizeof LABEL_PREFIX - 1, (const byte *)label,
                                        (word32)strlen(label), NULL, 0, suite->hash);
    return rc == 0 ? 0 : -EIO;
}

int crypt_initial_secrets(const ngtcp2_cid *dcid, uint8_t client[32], uint8_t server[32]) {
    static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                   0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    const struct crypt_suite *suite = crypt_suite_initial();
    uint8_t common[32];
    int rc;
    if (wc_HKDF_Extract(suite->hash, salt, sizeof salt, dcid->data, (word32)dcid->datalen, common) != 0) {
        return -EIO;
    }
    rc = crypt_expand_label(suite, common, "client in", client, 32);
    if (rc == 0) {
        rc = crypt_expand_label(suite, common, "server in", server, 32);
    }
    return rc;
}

int crypt_next_secret(const struct crypt_suite *suite, const uint8_t *secret, uint8_t *out) {
    return crypt_expand_label(suite, secret, "quic ku", out, suite->secret_bytes);
}

/* Memory for a key. @return zeroed but for the suite; NULL: none */
static struct key *key_new(const struct crypt_suite *suite) {
    size_t size = (sizeof(struct key) + CONTEXT_ALIGNMENT - 1) & ~(size_t)(CONTEXT_ALIGNMENT - 1);
    struct key *key = aligned_alloc(CONTEXT_ALIGNMENT, size);
    if (key != NULL) {
        memset(key, 0, sizeof *key);
        key->suite = suite;
    }
    return key;
}

static void key_free(void **handle) {
    struct key *key = *handle;
    if (key == NULL) {
        return;
    }
    if (key->suite->kind == CRYPT_GCM) {
        wc_AesFree(&key->aes);
    }
    gcm_key_free(key->gcm);
    explicit_bzero(key, sizeof *key);
    free(key);
    *handle = NULL;
}

static int expand_aead(struct key *made, const uint8_t *key, size_t length) {
    int rc;
    if (made->suite->kind == CRYPT_CHACHA) {
        memcpy(made->poly1305, key, sizeof made->poly1305);
        return 0;
    }
    made->gcm = gcm_key_new(key, length);
    if (made->gcm != NULL) {
        return 0;
    }
    rc = wc_AesInit(&made->aes, NULL, INVALID_DEVID);
    return rc == 0 ? wc_AesGcmSetKey(&made->aes, key, (word32)length) : rc;
}

static int expand_hp(struct key *made, const uint8_t *key, size_t length) {
    int rc;
    if (made->suite->kind == CRYPT_CHACHA) {
        return wc_Chacha_SetKey(&made->chacha, key, (word32)length);
    }
    rc = wc_AesInit(&made->aes, NULL, INVALID_DEVID);
    return rc == 0 ? wc_AesSetKeyDirect(&made->aes, key, (word32)length, NULL, AES_ENCRYPTION) : rc;
}

/* A key expanded by one of the two. */
static int expand(const struct crypt_suite *suite, const uint8_t *key, int (*by)(struct key *, const uint8_t *, size_t),
                  void **handle) {
    struct key *made = key_new(suite);
    void *failed = made;
    if (made == NULL) {
        return -ENOMEM;
    }
    if (by(made, key, suite->key_bytes) != 0) {
        key_free(&failed);
        return -EIO;
    }
    *handle = made;
    return 0;
}

int crypt_aead_new(const struct crypt_suite *suite, const uint8_t *key, ngtcp2_crypto_aead_ctx *out) {
    return expand(suite, key, expand_aead, &out->native_handle);
}

void crypt_aead_free(ngtcp2_crypto_aead_ctx *context) {
    key_free(&context->native_handle);
}

int crypt_hp_new(const struct crypt_suite *suite, const uint8_t *key, ngtcp2_crypto_cipher_ctx *out) {
    return expand(suite, key, expand_hp, &out->native_handle);
}

void crypt_hp_free(ngtcp2_crypto_cipher_ctx *context) {
    key_free(&context->native_handle);
}

int crypt_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
                  const uint8_t *plaintext, size_t length, const uint8_t *nonce, size_t nonce_length,
                  const uint8_t *aad, size_t aad_length) {
    struct key *key = context->native_handle;
    int rc;
    (void)aead;
    if (key->gcm != NULL) {
        gcm_seal(key->gcm, nonce, aad, aad_length, plaintext, length, dest);
        return 0;
    }
    if (key->suite->kind == CRYPT_GCM) {
        rc = wc_AesGcmEncrypt(&key->aes, dest, plaintext, (word32)length, nonce, (word32)nonce_length, dest + length,
                              CRYPT_TAG_BYTES, aad, (word32)aad_length);
    } else {
        rc = wc_ChaCha20Poly1305_Encrypt(key->poly1305, nonce, aad, (word32)aad_length, plaintext, (word32)length, dest,
                                         dest + length);
    }
    return rc == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

int crypt_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
                  const uint8_t *ciphertext, size_t length, const uint8_t *nonce, size_t nonce_length,
                  const uint8_t *aad, size_t aad_length) {
    struct key *key = context->native_handle;
    int rc;
    (void)aead;
    if (length < CRYPT_TAG_BYTES) {
        return NGTCP2_ERR_DECRYPT;
    }
    length -= CRYPT_TAG_BYTES;
    if (key->gcm != NULL) {
        return gcm_open(key->gcm, nonce, aad, aad_length, ciphertext, length, dest) ? 0 : NGTCP2_ERR_DECRYPT;
    }
    if (key->suite->kind == CRYPT_GCM) {
        rc = wc_AesGcmDecrypt(&key->aes, dest, ciphertext, (word32)length, nonce, (word32)nonce_length,
                              ciphertext + length, CRYPT_TAG_BYTES, aad, (word32)aad_length);
    } else {
        rc = wc_ChaCha20Poly1305_Decrypt(key->poly1305, nonce, aad, (word32)aad_length, ciphertext, (word32)length,
                                         ciphertext + length, dest);
    }
    return rc == 0 ? 0 : NGTCP2_ERR_DECRYPT;
}

/* The sample's first four bytes are the block counter (little endian), the rest is the nonce; the mask is the cipher of
 * zeros. */
static int chacha_mask(struct key *key, const uint8_t *sample, uint8_t *dest) {
    static const uint8_t zeros[NGTCP2_HP_MASKLEN];
    uint32_t counter =
        (uint32_t)sample[0] | (uint32_t)sample[1] << 8 | (uint32_t)sample[2] << 16 | (uint32_t)sample[3] << 24;
    int rc = wc_Chacha_SetIV(&key->chacha, sample + 4, counter);
    return rc == 0 ? wc_Chacha_Process(&key->chacha, dest, zeros, sizeof zeros) : rc;
}

/* A sample lies anywhere in its packet, and wolfCrypt's AES-NI copies an unaligned block to memory that it allocates.
 */
static int aes_mask(struct key *key, const uint8_t *sample, uint8_t *dest) {
    _Alignas(NGTCP2_HP_SAMPLELEN) uint8_t block[NGTCP2_HP_SAMPLELEN];
    memcpy(block, sample, sizeof block);
    return wc_AesEncryptDirect(&key->aes, dest, block);
}

int crypt_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *context,
                  const uint8_t *sample) {
    struct key *key = context->native_handle;
    int rc = key->suite->kind == CRYPT_GCM ? aes_mask(key, sample, dest) : chacha_mask(key, sample, dest);
    (void)hp;
    return rc == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

int crypt_keys_derive(const struct crypt_suite *suite, const uint8_t *secret, bool hp, struct crypt_keys *out) {
    struct crypt_keys keys = {0};
    uint8_t key[CRYPT_KEY_MAX];
    int rc = crypt_expand_label(suite, secret, "quic key", key, suite->key_bytes);
    if (rc == 0) {
        rc = crypt_aead_new(suite, key, &keys.aead);
    }
    if (rc == 0) {
        rc = crypt_expand_label(suite, secret, "quic iv", keys.iv, sizeof keys.iv);
    }
    if (rc == 0 && hp) {
        rc = crypt_expand_label(suite, secret, "quic hp", key, suite->key_bytes);
        if (rc == 0) {
            rc = crypt_hp_new(suite, key, &keys.hp);
        }
    }
    explicit_bzero(key, sizeof key);
    if (rc != 0) {
        crypt_keys_free(&keys);
        return rc;
    }
    *out = keys;
    return 0;
}

void crypt_keys_free(struct crypt_keys *keys) {
    crypt_aead_free(&keys->aead);
    crypt_hp_free(&keys->hp);
}

int crypt_seal(const uint8_t key[16], const uint8_t nonce[CRYPT_IV_BYTES], const uint8_t *aad, size_t aad_length,
               const uint8_t *in, size_t length, uint8_t *out) {
    Aes aes;
    int rc = wc_AesInit(&aes, NULL, INVALID_DEVID);
    if (rc == 0) {
        rc = wc_AesGcmSetKey(&aes, key, 16);
    }
    if (rc == 0) {
        rc = wc_AesGcmEncrypt(&aes, out, in, (word32)length, nonce, CRYPT_IV_BYTES, out + length, CRYPT_TAG_BYTES, aad,
                              (word32)aad_length);
    }
    wc_AesFree(&aes);
    explicit_bzero(&aes, sizeof aes);
    return rc == 0 ? 0 : -EIO;
}

int crypt_open(const uint8_t key[16], const uint8_t nonce[CRYPT_IV_BYTES], const uint8_t *aad, size_t aad_length,
               const uint8_t *in, size_t length, uint8_t *out) {
    Aes aes;
    int rc;
    if (length < CRYPT_TAG_BYTES) {
        return -EBADMSG;
    }
    length -= CRYPT_TAG_BYTES;
    rc = wc_AesInit(&aes, NULL, INVALID_DEVID);
    if (rc == 0) {
        rc = wc_AesGcmSetKey(&aes, key, 16);
    }
    if (rc == 0) {
        rc = wc_AesGcmDecrypt(&aes, out, in, (word32)length, nonce, CRYPT_IV_BYTES, in + length, CRYPT_TAG_BYTES, aad,
                              (word32)aad_length);
    }
    wc_AesFree(&aes);
    explicit_bzero(&aes, sizeof aes);
    return rc == 0 ? 0 : -EBADMSG;
}

/* The tag of a Retry is the seal of nothing, with a key everyone knows. */
static int seal_retry(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
                      const uint8_t *plaintext, size_t length, const uint8_t *nonce, size_t nonce_length,
                      const uint8_t *aad, size_t aad_length) {
    (void)aead;
    (void)context;
    (void)nonce_length;
    return crypt_seal((const uint8_t *)NGTCP2_RETRY_KEY_V1, nonce, aad, aad_length, plaintext, length, dest) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

size_t crypt_write_retry(const ngtcp2_cid *dcid, const ngtcp2_cid *scid, const ngtcp2_cid *original_dcid,
                         const uint8_t *token, size_t token_length, uint8_t *out, size_t size) {
    ngtcp2_crypto_aead aead = {.native_handle = (void *)crypt_suite_initial(), .max_overhead = CRYPT_TAG_BYTES};
    ngtcp2_crypto_aead_ctx context = {0};
    ngtcp2_ssize n = ngtcp2_pkt_write_retry(out, size, NGTCP2_PROTO_VER_V1, dcid, scid, original_dcid, token,
                                            token_length, seal_retry, &aead, &context);
    return n > 0 ? (size_t)n : 0;
}

int crypt_retry_aead(ngtcp2_crypto_aead *aead, ngtcp2_crypto_aead_ctx *context) {
    const struct crypt_suite *suite = crypt_suite_initial();
    int rc = crypt_aead_new(suite, (const uint8_t *)NGTCP2_RETRY_KEY_V1, context);
    if (rc != 0) {
        return rc;
    }
    *aead = (ngtcp2_crypto_aead){.native_handle = (void *)suite, .max_overhead = CRYPT_TAG_BYTES};
    return 0;
}

int crypt_stateless_reset_token(const uint8_t key[32], const ngtcp2_cid *cid,
                                uint8_t out[NGTCP2_STATELESS_RESET_TOKENLEN]) {
    uint8_t mac[32];
    tls_hmac_sha256(key, 32, cid->data, cid->datalen, mac);
    memcpy(out, mac, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

/* Derive and install both directions' Initial keys. */
static int install_initial_keys(ngtcp2_conn *conn, const ngtcp2_cid *dcid) {
    uint8_t secrets[2][32];
    struct crypt_keys rx = {0}, tx = {0};
    ngtcp2_crypto_ctx context;
    int server = ngtcp2_conn_is_server(conn) ? 1 : 0;
    int rc = crypt_initial_secrets(dcid, secrets[0], secrets[1]);
    if (rc == 0) {
        rc = crypt_keys_derive(crypt_suite_initial(), secrets[1 - server], true, &rx);
    }
    if (rc == 0) {
        rc = crypt_keys_derive(crypt_suite_initial(), secrets[server], true, &tx);
    }
    if (rc == 0) {
        crypt_suite_context(crypt_suite_initial(), 0, &context);
        ngtcp2_conn_set_initial_crypto_ctx(conn, &context);
        rc = ngtcp2_conn_install_initial_key(conn, &rx.aead, rx.iv, &rx.hp, &tx.aead, tx.iv, &tx.hp, CRYPT_IV_BYTES);
    }
    if (rc != 0) {
        crypt_keys_free(&rx);
        crypt_keys_free(&tx);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_client_initial(ngtcp2_conn *conn, void *user_data) {
    ngtcp2_crypto_aead aead;
    ngtcp2_crypto_aead_ctx context = {0};
    (void)user_data;
    if (install_initial_keys(conn, ngtcp2_conn_get_dcid(conn)) != 0 || crypt_retry_aead(&aead, &context) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    ngtcp2_conn_set_retry_aead(conn, &aead, &context);
    return tls_session_feed(ngtcp2_conn_get_tls_native_handle(conn), NGTCP2_ENCRYPTION_LEVEL_INITIAL, NULL, 0) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_recv_client_initial(ngtcp2_conn *conn, const ngtcp2_cid *dcid, void *user_data) {
    (void)user_data;
    return install_initial_keys(conn, dcid);
}

static int on_recv_retry(ngtcp2_conn *conn, const ngtcp2_pkt_hd *hd, void *user_data) {
    (void)user_data;
    return install_initial_keys(conn, &hd->scid);
}

/* Only version 1 is ever offered or accepted, so that there is nothing to negotiate. */
static int on_version_negotiation(ngtcp2_conn *conn, uint32_t version, const ngtcp2_cid *client_dcid, void *user_data) {
    (void)conn;
    (void)version;
    (void)client_dcid;
    (void)user_data;
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_recv_crypto_data(ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset, const uint8_t *data,
                               size_t length, void *user_data) {
    (void)offset;
    (void)user_data;
    return tls_session_feed(ngtcp2_conn_get_tls_native_handle(conn), level, data, length);
}

static int on_update_key(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx_context,
                         uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_context, uint8_t *tx_iv,
                         const uint8_t *current_rx_secret, const uint8_t *current_tx_secret, size_t secret_length,
                         void *user_data) {
    const struct crypt_suite *suite = ngtcp2_conn_get_crypto_ctx(conn)->aead.native_handle;
    struct crypt_keys rx = {0}, tx = {0};
    (void)secret_length;
    (void)user_data;
    if (crypt_next_secret(suite, current_rx_secret, rx_secret) != 0 ||
        crypt_next_secret(suite, current_tx_secret, tx_secret) != 0 ||
        crypt_keys_derive(suite, rx_secret, false, &rx) != 0 || crypt_keys_derive(suite, tx_secret, false, &tx) != 0) {
        crypt_keys_free(&rx);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    *rx_context = rx.aead;
    *tx_context = tx.aead;
    memcpy(rx_iv, rx.iv, sizeof rx.iv);
    memcpy(tx_iv, tx.iv, sizeof tx.iv);
    return 0;
}

static void on_delete_aead(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *context, void *user_data) {
    (void)conn;
    (void)user_data;
    crypt_aead_free(context);
}

static void on_delete_cipher(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *context, void *user_data) {
    (void)conn;
    (void)user_data;
    crypt_hp_free(context);
}

static int on_path_challenge(ngtcp2_conn *conn, uint8_t *data, void *user_data) {
    (void)conn;
    (void)user_data;
    random_fill(data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

static void on_rand(uint8_t *dest, size_t length, const ngtcp2_rand_ctx *context) {
    (void)context;
    random_fill(dest, length);
}

void crypt_set_callbacks(ngtcp2_callbacks *callbacks, bool server) {
    if (server) {
        callbacks->recv_client_initial = on_recv_client_initial;
    } else {
        callbacks->client_initial = on_client_initial;
        callbacks->recv_retry = on_recv_retry;
    }
    callbacks->recv_crypto_data = on_recv_crypto_data;
    callbacks->encrypt = crypt_encrypt;
    callbacks->decrypt = crypt_decrypt;
    callbacks->hp_mask = crypt_hp_mask;
    callbacks->update_key = on_update_key;
    callbacks->delete_crypto_aead_ctx = on_delete_aead;
    callbacks->delete_crypto_cipher_ctx = on_delete_cipher;
    callbacks->version_negotiation = on_version_negotiation;
    callbacks->get_path_challenge_data = on_path_challenge;
    callbacks->rand = on_rand;
}
