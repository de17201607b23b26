/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm: AES-GCM by the widest vector instructions that the processor has, from Intel's multi-buffer library
 * (libipsec-mb), where the build found it. wolfCrypt's code works on single blocks and takes two and a half times as
 * long. Elsewhere gcm_key_new() has none to give and wolfCrypt serves.
 *
 * Standards: NIST SP 800-38D; RFC 9001 section 5.3 (96-bit nonces, 128-bit tags). */
#ifndef MPVPN_QUIC_GCM_H
#define MPVPN_QUIC_GCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GCM_TAG_BYTES 16u
#define GCM_NONCE_BYTES 12u

/** An expanded key. */
struct gcm_key;

/** Expand a key. @param bytes 16 or 32 @return NULL: this build or processor cannot, or no memory */
struct gcm_key *gcm_key_new(const uint8_t *secret, size_t bytes);
/** Wipe and free; NULL is fine. */
void gcm_key_free(struct gcm_key *key);
/** Encrypt, and put the tag behind it. @param out length + GCM_TAG_BYTES; may be in, must not overlap it otherwise */
void gcm_seal(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out);
/**
 * Decrypt, and check the tag that stands behind the ciphertext, in constant time.
 * @param length of the ciphertext without tag
 * @param out length bytes; may be in, must not overlap it otherwise; meaningless when the tag is wrong
 * @return whether the tag is right
 */
bool gcm_open(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad, size_t aad_length,
              const uint8_t *in, size_t length, uint8_t *out);

#endif
