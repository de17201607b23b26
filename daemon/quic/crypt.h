/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crypt: QUIC packet protection on wolfCrypt: key derivation, AEAD, header protection, Retry integrity, and the ngtcp2
 * callbacks that use them. Internal to quic/. A key context is made once per key (heap); nothing is allocated per
 * packet.
 *
 * Standards: RFC 9001 sections 5 and 6, appendix A; RFC 9000 sections 10.3.2 and 17.2.5. */
#ifndef MPVPN_QUIC_CRYPT_H
#define MPVPN_QUIC_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

#define CRYPT_IV_BYTES 12u   /**< bytes of every AEAD nonce */
#define CRYPT_TAG_BYTES 16u  /**< bytes of every AEAD tag */
#define CRYPT_KEY_MAX 32u    /**< bytes: longest AEAD or header-protection key */
#define CRYPT_SECRET_MAX 48u /**< bytes: longest traffic secret (SHA-384) */

/** What a TLS 1.3 cipher suite means to packet protection; three constant ones exist. */
struct crypt_suite;

/**
 * Fill in every callback that has to do with keys, TLS and randomness: client_initial or recv_client_initial,
 * recv_crypto_data, encrypt, decrypt, hp_mask, recv_retry, update_key, delete_crypto_aead_ctx,
 * delete_crypto_cipher_ctx, version_negotiation, get_path_challenge_data, rand. The others are left alone. They expect
 * tls_session_bind() to have been called for the connection.
 * @param server which of the two ends the callbacks are for
 */
void crypt_set_callbacks(ngtcp2_callbacks *callbacks, bool server);

/** @param name as TLS has it ("TLS_AES_128_GCM_SHA256") @return the suite, or NULL: QUIC cannot use it */
const struct crypt_suite *crypt_suite_find(const char *name);
/** The suite of Initial packets: AES-128-GCM with SHA-256. */
const struct crypt_suite *crypt_suite_initial(void);
/** @return its name, as TLS has it */
const char *crypt_suite_name(const struct crypt_suite *suite);
/** @return bytes of the suite's traffic secrets (and its hash) */
size_t crypt_suite_secret_bytes(const struct crypt_suite *suite);
/**
 * What ngtcp2 wants to know of a suite.
 * @param key_update_packets a key update starts after this many packets; 0: 2^23. Never more than RFC 9001 section 6.6
 * allows. ngtcp2 fails the connection when a key reaches this within 3 PTO of the update before: few packets only suit
 * slow tests.
 */
void crypt_suite_context(const struct crypt_suite *suite, uint64_t key_update_packets, ngtcp2_crypto_ctx *out);

/** HKDF-Expand-Label with the suite's hash and no context. @param secret crypt_suite_secret_bytes() @param label
 * without "tls13 " @return 0; -EIO */
int crypt_expand_label(const struct crypt_suite *suite, const uint8_t *secret, const char *label, uint8_t *out,
                       size_t length);

/** The client's and the server's Initial secrets of QUIC version 1 (RFC 9001 section 5.2). @return 0; -EIO */
int crypt_initial_secrets(const ngtcp2_cid *dcid, uint8_t client[32], uint8_t server[32]);
/** The secret after a key update (label "quic ku"). @return 0; -EIO */
int crypt_next_secret(const struct crypt_suite *suite, const uint8_t *secret, uint8_t *out);

/** @param key as long as the suite's keys @return 0, context owned by the caller (crypt_aead_free); -ENOMEM; -EIO */
int crypt_aead_new(const struct crypt_suite *suite, const uint8_t *key, ngtcp2_crypto_aead_ctx *out);
void crypt_aead_free(ngtcp2_crypto_aead_ctx *context);
/** @param key as long as the suite's keys @return 0, context owned by the caller (crypt_hp_free); -ENOMEM; -EIO */
int crypt_hp_new(const struct crypt_suite *suite, const uint8_t *key, ngtcp2_crypto_cipher_ctx *out);
void crypt_hp_free(ngtcp2_crypto_cipher_ctx *context);

/** Seal or open, the ngtcp2 callbacks themselves: source and destination may be the same buffer. */
int crypt_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
                  const uint8_t *plaintext, size_t length, const uint8_t *nonce, size_t nonce_length,
                  const uint8_t *aad, size_t aad_length);
/** @return 0; NGTCP2_ERR_DECRYPT: it is not authentic */
int crypt_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *context,
                  const uint8_t *ciphertext, size_t length, const uint8_t *nonce, size_t nonce_length,
                  const uint8_t *aad, size_t aad_length);
/** Header-protection mask of a 16-byte sample; writes 16 bytes at most. */
int crypt_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *context,
                  const uint8_t *sample);

/**
 * Seal a few bytes by AES-128-GCM with a key that is used once or seldom: nothing is kept, nothing is allocated.
 * @param out length + CRYPT_TAG_BYTES; may be in @return 0; -EIO
 */
int crypt_seal(const uint8_t key[16], const uint8_t nonce[CRYPT_IV_BYTES], const uint8_t *aad, size_t aad_length,
               const uint8_t *in, size_t length, uint8_t *out);
/** Open what crypt_seal() sealed. @param length with the tag @return 0; -EBADMSG: it is not authentic */
int crypt_open(const uint8_t key[16], const uint8_t nonce[CRYPT_IV_BYTES], const uint8_t *aad, size_t aad_length,
               const uint8_t *in, size_t length, uint8_t *out);

/** Everything that protects one direction at one level. */
struct crypt_keys {
    ngtcp2_crypto_aead_ctx aead; /**< AEAD context */
    ngtcp2_crypto_cipher_ctx hp; /**< header-protection context; NULL handle where it is not wanted */
    uint8_t iv[CRYPT_IV_BYTES];  /**< static nonce */
};
/** Derive "quic key", "quic iv" and, with hp, "quic hp" of a secret. @return 0, contexts owned by the caller; -ENOMEM;
 * -EIO */
int crypt_keys_derive(const struct crypt_suite *suite, const uint8_t *secret, bool hp, struct crypt_keys *out);
void crypt_keys_free(struct crypt_keys *keys);

/**
 * Write a Retry packet with its integrity tag (RFC 9001 section 5.8).
 * @param dcid the client's SCID @param scid our new connection ID @param original_dcid DCID of the client's Initial
 * @return bytes, or 0: no room, or an original_dcid of less than 8 bytes
 */
size_t crypt_write_retry(const ngtcp2_cid *dcid, const ngtcp2_cid *scid, const ngtcp2_cid *original_dcid,
                         const uint8_t *token, size_t token_length, uint8_t *out, size_t size);
/** AEAD and key with which a client checks the integrity tag of a Retry, for ngtcp2_conn_set_retry_aead(). @return 0,
 * context owned by the caller; -ENOMEM; -EIO */
int crypt_retry_aead(ngtcp2_crypto_aead *aead, ngtcp2_crypto_aead_ctx *context);
/** Stateless-reset token of one of our connection IDs: always the same for the same key. @return 0; -EIO */
int crypt_stateless_reset_token(const uint8_t key[32], const ngtcp2_cid *cid,
                                uint8_t out[NGTCP2_STATELESS_RESET_TOKENLEN]);

#endif
