/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_frame: cuts the CRYPTO stream into TLS handshake messages and refuses those that have no business in QUIC, before
 * wolfSSL sees them. Internal to quic/.
 *
 * Standards: RFC 8446 section 4, RFC 9001 sections 4.1.3, 4.4, 4.6.1, 6, 8.3 and 8.4. */
#ifndef MPVPN_QUIC_TLS_FRAME_H
#define MPVPN_QUIC_TLS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

#define TLS_MESSAGE_MAX 65536u /**< bytes: longest handshake message taken, without its header */

/** Where in the CRYPTO stream we are. Zeroed = at its start. */
struct tls_frame {
    ngtcp2_encryption_level level; /**< level of the message at hand */
    uint8_t header[4];             /**< type and length of the message at hand */
    uint8_t header_length;         /**< bytes of header present; 0: between messages */
    uint32_t length;               /**< bytes of the message's body */
    uint32_t position;             /**< bytes of the body seen */
    uint8_t *ticket;               /**< NewSessionTicket only: the message, header and all (heap) */
    void (*on_ticket)(void *context, const uint8_t *message, size_t length); /**< hears of each; NULL: dropped */
    void *context;                                                           /**< for it */
};

/** What was wrong. */
struct tls_frame_error {
    int code;           /**< NGTCP2_ERR_CRYPTO (with alert), NGTCP2_ERR_PROTO or NGTCP2_ERR_NOMEM */
    uint8_t alert;      /**< TLS alert */
    const char *reason; /**< for humans, constant */
};

/**
 * Follow more of the stream.
 * @param server which end we are @param complete the handshake is
 * @return true: all of it may be there; false: error says why not
 */
bool tls_frame_check(struct tls_frame *frame, bool server, bool complete, ngtcp2_encryption_level level,
                     const uint8_t *data, size_t length, struct tls_frame_error *error);
/** Forget the message at hand. */
void tls_frame_fini(struct tls_frame *frame);

#endif
