/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls: TLS 1.3 for QUIC by wolfSSL: contexts (certificate and key, or trust), and sessions, one for each connection.
 * Only quic/ uses sessions; the hall makes contexts.
 *
 * Standards: RFC 8446, RFC 9001, RFC 7301 (ALPN "h3", mismatch fatal), RFC 5705 / 8446 section 7.5 exporters. */
#ifndef MPVPN_QUIC_TLS_H
#define MPVPN_QUIC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context;

/** A client's trust. */
struct tls_client_settings {
    const char *ca_file; /**< PEM bundle; NULL: the system's roots (ignored with a pin) */
    bool has_pin;        /**< trust exactly the key with this pin, whatever the chain says */
    uint8_t pin[32];     /**< SHA-256 of the SubjectPublicKeyInfo, DER (RFC 7469 section 2.4) */
    const char
        *ciphers; /**< colon list of TLS 1.3 suite names to allow; NULL: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 */
};
/** @param why a sentence with file and reason @return 0; -ENOENT, -EACCES … of files; -EINVAL: contents; -ENOMEM; -EIO:
 * no randomness, wolfSSL does not start; -ENOTSUP: it was built without what QUIC needs */
int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **out, char *why,
                           size_t why_size);
/** Certificate chain and private key, PEM files; checked to belong together. */
int tls_server_context_new(const char *certificate_file, const char *key_file, const char *ciphers,
                           struct tls_context **out, char *why, size_t why_size);
/**
 * Whether two client contexts trust the same servers. A client's session tickets live in its context and go with it; so
 * a reload keeps the old one where this is true and the server is the same.
 */
bool tls_context_trusts_alike(const struct tls_context *a, const struct tls_context *b);
/** Take a reference; drop one (the last frees). Connections hold one, so a reload may replace the hall's context. */
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);
/** Derive a secret from a server's private key: the same after a restart (stateless-reset and token keys). @return 0;
 * -EINVAL: a client's context */
int tls_context_derive(const struct tls_context *context, const char *label, uint8_t *out, size_t length);
/** "sha256:…" of a PEM certificate file's public key, as ServerPin has it. @param pin 32 bytes */
int tls_pin_of_certificate(const char *certificate_file, uint8_t pin[32], char *why, size_t why_size);
/** Make an ECDSA P-256 key and a self-signed certificate for this name (DNS name or address), valid 10 years, as PEM
 * files (key mode 0600; existing files are -EEXIST). */
int tls_keygen(const char *certificate_file, const char *key_file, const char *name, char *why, size_t why_size);
/** SHA-256 and HMAC-SHA256, for token hashes, proofs. */
void tls_sha256(const void *data, size_t length, uint8_t out[32]);
void tls_hmac_sha256(const uint8_t *key, size_t key_length, const void *data, size_t length, uint8_t out[32]);

#endif
