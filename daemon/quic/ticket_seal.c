/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ticket_seal: a server's session tickets.
 *
 * How it works: time is cut into periods as long as a ticket lives. The key of a period comes from the secret and the
 * period's number, which the ticket's key name bears in the clear. Tickets of the period at hand and of the one before
 * are opened: so a key is used for two lifetimes at most, and no ticket dies before its time (how old a ticket is,
 * wolfSSL checks by the time within). AES-128-GCM with a random nonce; name and nonce are authenticated too.
 *
 * Leaves out: what is in a ticket, and its age (wolfSSL).
 *
 * Invariants: a key name is never all zeros (wolfSSL takes such for missing).
 *
 * Standards: NIST SP 800-38D section 8.2.2 (random nonces); RFC 5869. */
#include "quic/ticket_seal.h"

#include <errno.h>
#include <string.h>

#include "common/random.h"
#include "quic/crypt.h"
#include "quic/ticket.h"
#include "quic/tls.h"

#define MARK "mpvpn 1\0"         /* the name's first half */
#define TICKET_CONTENTS_MAX 512u /* bytes; wolfSSL's take less than half of it */

static void write_name(uint64_t period, uint8_t name[TICKET_KEY_NAME_BYTES]) {
    memcpy(name, MARK, sizeof MARK - 1);
    for (size_t i = 0; i < 8; i++) {
        name[8 + i] = (uint8_t)(period >> (56 - 8 * i));
    }
}

/* The key that a name stands for, and what is authenticated with the contents. */
static void prepare(const uint8_t *secret, const struct ticket_envelope *envelope, uint8_t key[32],
                    uint8_t aad[TICKET_KEY_NAME_BYTES + TICKET_IV_BYTES]) {
    memcpy(aad, envelope->name, TICKET_KEY_NAME_BYTES);
    memcpy(aad + TICKET_KEY_NAME_BYTES, envelope->iv, TICKET_IV_BYTES);
    tls_hmac_sha256(secret, TICKET_SECRET_BYTES, envelope->name, TICKET_KEY_NAME_BYTES, key);
}

int ticket_seal(const uint8_t secret[TICKET_SECRET_BYTES], uint64_t wall_seconds,
                const struct ticket_envelope *envelope, uint8_t *contents, size_t length) {
    uint8_t key[32], aad[TICKET_KEY_NAME_BYTES + TICKET_IV_BYTES], sealed[TICKET_CONTENTS_MAX + CRYPT_TAG_BYTES];
    int rc;
    if (length > TICKET_CONTENTS_MAX) {
        return -EIO;
    }
    write_name(wall_seconds / TICKET_LIFETIME_S, envelope->name);
    random_fill(envelope->iv, TICKET_IV_BYTES);
    prepare(secret, envelope, key, aad);
    rc = crypt_seal(key, envelope->iv, aad, sizeof aad, contents, length, sealed);
    explicit_bzero(key, sizeof key);
    if (rc == 0) {
        memcpy(contents, sealed, length);
        memcpy(envelope->tag, sealed + length, CRYPT_TAG_BYTES);
    }
    return rc;
}

int ticket_open(const uint8_t secret[TICKET_SECRET_BYTES], uint64_t wall_seconds,
                const struct ticket_envelope *envelope, uint8_t *contents, size_t length) {
    uint8_t key[32], aad[TICKET_KEY_NAME_BYTES + TICKET_IV_BYTES], sealed[TICKET_CONTENTS_MAX + CRYPT_TAG_BYTES];
    uint8_t now[TICKET_KEY_NAME_BYTES], before[TICKET_KEY_NAME_BYTES];
    uint64_t period = wall_seconds / TICKET_LIFETIME_S;
    int rc;
    write_name(period, now);
    write_name(period - 1, before);
    if (length > TICKET_CONTENTS_MAX ||
        (memcmp(envelope->name, now, sizeof now) != 0 && memcmp(envelope->name, before, sizeof before) != 0)) {
        return -EBADMSG;
    }
    memcpy(sealed, contents, length);
    memcpy(sealed + length, envelope->tag, CRYPT_TAG_BYTES);
    prepare(secret, envelope, key, aad);
    rc = crypt_open(key, envelope->iv, aad, sizeof aad, sealed, length + CRYPT_TAG_BYTES, contents);
    explicit_bzero(key, sizeof key);
    return rc;
}
