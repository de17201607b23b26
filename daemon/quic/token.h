/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token: address-validation tokens of a server (RFC 9000 section 8.1): Retry tokens (bound to address and port,
 * original DCID, 10 s) and NEW_TOKEN tokens (bound to the address, 24 h), AES-128-GCM sealed with a key derived from
 * the private key, told apart by their first byte; and the Retry packet. Time is wall-clock seconds, handed in. */
#ifndef MPVPN_QUIC_TOKEN_H
#define MPVPN_QUIC_TOKEN_H

#include "common/addr.h"
#include "quic/conn.h"

#define TOKEN_MAX 128u /**< bytes: longest token made */

enum token_kind { TOKEN_INVALID, TOKEN_RETRY, TOKEN_REGULAR };

/** Check a token from an Initial. @param original_dcid set for TOKEN_RETRY @return its kind, or TOKEN_INVALID (ignore
 * it: RFC 9000 section 8.1.3; an invalid or expired *Retry* token is also INVALID) */
enum token_kind token_check(const uint8_t key[16], const uint8_t *token, size_t length, const union sock_addr *remote,
                            const struct conn_cid *dcid, uint64_t wall_seconds, struct conn_cid *original_dcid);
/** Write a NEW_TOKEN token for this address. @return bytes */
size_t token_write(const uint8_t key[16], const union sock_addr *remote, uint64_t wall_seconds, uint8_t out[TOKEN_MAX]);
/** Write a Retry packet with a fresh Retry token. @param worker first byte of the new connection ID @return bytes, or
 * 0: no room */
size_t token_write_retry(const uint8_t key[16], const struct conn_first_packet *first, const union sock_addr *remote,
                         uint8_t worker, uint64_t wall_seconds, uint8_t *out, size_t size);

#endif
