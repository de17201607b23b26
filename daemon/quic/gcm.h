/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm: AES-GCM for processors that do AES and carry-less products on whole vectors (VAES, VPCLMULQDQ: Intel since Ice
 * Lake, AMD since Zen 3), about three times as fast as wolfCrypt's code for single blocks. Elsewhere gcm_available() is
 * false and wolfCrypt serves.
 *
 * Standards: NIST SP 800-38D, FIPS 197; RFC 9001 section 5.3 (96-bit nonces, 128-bit tags). */
#ifndef MPVPN_QUIC_GCM_H
#define MPVPN_QUIC_GCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GCM_TAG_BYTES 16u
#define GCM_NONCE_BYTES 12u
#define GCM_POWERS 18u /**< blocks that are hashed in one go at most */

/** An expanded key. Aligned to 32 bytes by its owner. */
struct gcm_key {
    uint8_t powers[GCM_POWERS + 2][16]; /**< of the hash key, the highest first; then zeros, for the half of a vector */
    uint8_t rounds[15][16];             /**< round keys */
    unsigned round_count;               /**< 10 or 14 */
};

/** Whether this processor, and this build, can do it. */
bool gcm_available(void);
/** Expand a key. @param bytes 16 or 32 */
void gcm_key_init(struct gcm_key *key, const uint8_t *secret, size_t bytes);
/** Encrypt one block (header protection). */
void gcm_block(const struct gcm_key *key, const uint8_t in[16], uint8_t out[16]);
/** Encrypt, and put the tag behind it. @param out length + GCM_TAG_BYTES; may be in, must not overlap it otherwise */
void gcm_seal(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out);
/**
 * Check the tag that stands behind the ciphertext, and decrypt.
 * @param length of the ciphertext without tag
 * @param out length bytes; may be in, must not overlap it otherwise; meaningless when the tag is wrong
 * @return whether the tag is right
 */
bool gcm_open(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out);

#endif
