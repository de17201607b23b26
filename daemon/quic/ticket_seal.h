/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ticket_seal: a server's session tickets are sealed under keys that follow from a secret and the time, so that no
 * state is kept: every worker, and the server after a restart, opens what another sealed. Internal to quic/.
 *
 * Standards: RFC 8446 section 4.6.1; RFC 5077 section 4 (a ticket that says which key it is under). */
#ifndef MPVPN_QUIC_TICKET_SEAL_H
#define MPVPN_QUIC_TICKET_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define TICKET_KEY_NAME_BYTES 16u /**< bytes that say which key a ticket is under */
#define TICKET_IV_BYTES 16u       /**< bytes of a ticket's nonce, of which 12 are used */
#define TICKET_SECRET_BYTES 32u   /**< bytes of the secret behind all keys */

/** What stands beside a sealed ticket's contents. */
struct ticket_envelope {
    uint8_t *name; /**< TICKET_KEY_NAME_BYTES */
    uint8_t *iv;   /**< TICKET_IV_BYTES */
    uint8_t *tag;  /**< 16 bytes */
};

/**
 * Seal a ticket's contents in place under the key of the time, and fill in what stands beside them.
 * @param wall_seconds since 1970 @return 0; -EIO
 */
int ticket_seal(const uint8_t secret[TICKET_SECRET_BYTES], uint64_t wall_seconds,
                const struct ticket_envelope *envelope, uint8_t *contents, size_t length);
/** Open one in place. @return 0; -EBADMSG: not of this secret, tampered with, or under a key that is too old or yet to
 * come */
int ticket_open(const uint8_t secret[TICKET_SECRET_BYTES], uint64_t wall_seconds,
                const struct ticket_envelope *envelope, uint8_t *contents, size_t length);

#endif
