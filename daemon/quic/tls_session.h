/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_session: TLS 1.3 of one QUIC connection. wolfSSL makes and takes handshake messages; this file carries them, the
 * secrets, the alerts and the transport parameters between it and ngtcp2. Internal to quic/. One for each connection;
 * freed after the ngtcp2_conn that it is bound to.
 *
 * Standards: RFC 9001 sections 4 and 8, RFC 8446, RFC 7301. */
#ifndef MPVPN_QUIC_TLS_SESSION_H
#define MPVPN_QUIC_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

#include "common/addr.h"

struct tls_context;
struct tls_session;

/** What one connection adds to its context. */
struct tls_session_settings {
    bool server;             /**< which end; must fit the context */
    const char *server_name; /**< client: SNI, and the name or address the certificate must carry (not checked with a
                                pin); copied */
    uint64_t key_update_packets; /**< start a key update after this many packets; 0: 2^23 */
    const uint64_t *now;         /**< client: the connection's clock, ns; outlives the session */
    struct ip_addr from;         /**< client: our address, for the tickets' sake */
    uint64_t wall_seconds;       /**< server: since 1970, when the connection began: for the tickets' keys */
};

/** A client's session takes a ticket of its context's, if there is one, and offers to resume. @param context kept by
 * reference @return the session, or NULL: no memory, or wolfSSL refused */
struct tls_session *tls_session_new(struct tls_context *context, const struct tls_session_settings *settings);
/** Make it the connection's TLS (ngtcp2_conn_set_tls_native_handle). Once, before the connection reads or writes. */
void tls_session_bind(struct tls_session *session, ngtcp2_conn *conn);
/** NULL is fine. ngtcp2_conn_del() first. */
void tls_session_free(struct tls_session *session);

/**
 * Take CRYPTO bytes (the whole of ngtcp2's recv_crypto_data); with no data (client) begin the handshake. May install
 * keys, submit CRYPTO data, set the connection's TLS alert and complete the handshake.
 * @return 0; NGTCP2_ERR_CRYPTO: TLS failed, the alert is set and tls_session_reason() tells why;
 * NGTCP2_ERR_MALFORMED_TRANSPORT_PARAM and kin; NGTCP2_ERR_NOMEM; NGTCP2_ERR_CALLBACK_FAILURE
 */
int tls_session_feed(struct tls_session *session, ngtcp2_encryption_level level, const uint8_t *data, size_t length);

/** Whether the handshake is complete and resumed an earlier session, whose certificate was verified, instead of showing
 * a certificate. */
bool tls_session_resumed(const struct tls_session *session);
/** The peer never sent anything: the ticket that was offered may be offered again. To be followed by
 * tls_session_free(), which otherwise takes a ticket that came to nothing for bad, and throws away all of the server's.
 */
void tls_session_unanswered(struct tls_session *session);
/** Why the handshake failed, for humans ("certificate does not match the pin (got sha256:…)"); empty when it did not.
 */
const char *tls_session_reason(const struct tls_session *session);
/** TLS exporter. @return 0; -ENOTCONN: before the handshake; -EIO, also after tls_session_end_exports() */
int tls_session_export(struct tls_session *session, const char *label, const uint8_t *context, size_t context_length,
                       uint8_t *out, size_t length);
/** Nothing will be exported any more. A server's session frees its TLS then: it gave its tickets with the handshake,
 * and takes nothing after it. A client's goes on, for tickets may come. */
void tls_session_end_exports(struct tls_session *session);
/** @return the negotiated suite's name ("TLS_AES_128_GCM_SHA256"); empty before there is one */
const char *tls_session_cipher_name(const struct tls_session *session);

#endif
