/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_context: what a tls_context holds, for tls.c and tls_session.c only. */
#ifndef MPVPN_QUIC_TLS_CONTEXT_H
#define MPVPN_QUIC_TLS_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "quic/ticket.h"
#include "quic/ticket_seal.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

struct tls_context {
    WOLFSSL_CTX *wolf;                          /**< certificate and key, or trust; ciphers; groups */
    atomic_uint references;                     /**< holders; the last frees */
    bool server;                                /**< which end it is for */
    bool has_pin;                               /**< client: trust exactly this key */
    uint8_t pin[32];                            /**< client: SHA-256 of the SubjectPublicKeyInfo */
    uint8_t trust[32];                          /**< client: digest of whom it trusts */
    uint8_t secret[32];                         /**< server: extracted from the private key, for tls_context_derive() */
    uint8_t ticket_secret[TICKET_SECRET_BYTES]; /**< server: of private key and certificate, for session tickets */
    struct ticket_cache tickets; /**< client: got from servers, not used yet; of the one thread that its connections are
                                    of */
};

/** Set the session callbacks of a fresh context (tls_session.c). @return 0; -EINVAL: this wolfSSL cannot QUIC */
int tls_session_prepare_context(struct tls_context *context);

#endif
