/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ticket: a client's TLS session tickets.
 *
 * How it works: wolfSSL reads a NewSessionTicket message and derives what belongs to it; the WOLFSSL_SESSION it makes
 * is kept by reference (wolfSSL copies before it changes one that others hold). Tickets end with the lifetime that the
 * server gave them, and a day after the server's certificate was last verified, however often the session was resumed
 * since. A connection takes a ticket out of the cache, so no two connections show the same one to who watches the
 * network; only a ticket that got no answer is offered again, from the address that it was seen with already.
 *
 * Leaves out: early data, tickets on disk, pre-shared keys of other kinds.
 *
 * Invariants: every ticket in a cache has a session; whoever takes one out owns it.
 *
 * Standards: RFC 8446 sections 2.2, 4.6.1 (lifetime, and the limit on resuming again and again) and appendix C.4. */
#include "quic/ticket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/quic.h>

#include "common/be.h"
#include "common/clock.h"

#define VERIFIED_FOR (24 * 3600 * NS_PER_SEC) /* a certificate counts as verified for so long */
#define LIFETIME_MAX_S 604800u                /* RFC 8446 section 4.6.1: seven days */
#define NONCE_MAX 8u                          /* bytes of a ticket's nonce that wolfSSL takes */
#define HEADER_BYTES 4u                       /* type and length of a handshake message */

/* Whether a message holds a ticket worth keeping. @param lifetime seconds */
static bool is_useful(const uint8_t *message, size_t length, uint32_t *lifetime) {
    const uint8_t *body = message + HEADER_BYTES;
    size_t nonce, ticket;
    if (length < HEADER_BYTES + 9) {
        return false;
    }
    *lifetime = be32_get(body);
    nonce = body[8];
    if (*lifetime == 0 || *lifetime > LIFETIME_MAX_S || nonce > NONCE_MAX || length < HEADER_BYTES + 9 + nonce + 2) {
        return false;
    }
    ticket = be16_get(body + 9 + nonce);
    return ticket > 0 && ticket <= TICKET_MAX;
}

int ticket_receive(WOLFSSL *wolf, const uint8_t *message, size_t length, const char *server_name, uint64_t now,
                   uint64_t verified, struct ticket *out) {
    struct ticket ticket = {.verified = verified};
    uint32_t lifetime;
    if (!is_useful(message, length, &lifetime)) {
        return -ENOTSUP;
    }
    if (wolfSSL_provide_quic_data(wolf, wolfssl_encryption_application, message, length) != WOLFSSL_SUCCESS ||
        wolfSSL_process_quic_post_handshake(wolf) != WOLFSSL_SUCCESS) {
        return -EIO;
    }
    ticket.wolf = wolfSSL_get1_session(wolf);
    if (ticket.wolf == NULL) {
        return -EIO;
    }
    ticket.expires = now + lifetime * NS_PER_SEC;
    if (ticket.expires > verified + VERIFIED_FOR) {
        ticket.expires = verified + VERIFIED_FOR;
    }
    snprintf(ticket.server_name, sizeof ticket.server_name, "%s", server_name);
    *out = ticket;
    return 0;
}

void ticket_fini(struct ticket *ticket) {
    if (ticket->wolf != NULL) {
        wolfSSL_SESSION_free(ticket->wolf); /* wipes the secrets with the last reference */
    }
    *ticket = (struct ticket){0};
}

/* Take the ticket at this place out. */
static struct ticket remove_at(struct ticket_cache *cache, size_t at) {
    struct ticket ticket = cache->tickets[at];
    cache->count--;
    memmove(&cache->tickets[at], &cache->tickets[at + 1], (cache->count - at) * sizeof cache->tickets[0]);
    cache->tickets[cache->count] = (struct ticket){0};
    return ticket;
}

static void discard_at(struct ticket_cache *cache, size_t at) {
    struct ticket ticket = remove_at(cache, at);
    ticket_fini(&ticket);
}

void ticket_cache_put(struct ticket_cache *cache, struct ticket *ticket) {
    if (cache->count == TICKETS_KEPT) {
        discard_at(cache, 0);
    }
    cache->tickets[cache->count++] = *ticket;
    *ticket = (struct ticket){0};
}

bool ticket_cache_take(struct ticket_cache *cache, const char *server_name, const struct ip_addr *from, uint64_t now,
                       struct ticket *out) {
    size_t found = TICKETS_KEPT;
    for (size_t i = cache->count; i > 0; i--) {
        if (cache->tickets[i - 1].expires <= now) {
            discard_at(cache, i - 1);
        }
    }
    for (size_t i = 0; i < cache->count; i++) {
        const struct ticket *ticket = &cache->tickets[i];
        bool sent = ticket->from.version != 0;
        if (strcmp(ticket->server_name, server_name) != 0 || (sent && ip_addr_compare(&ticket->from, from) != 0)) {
            continue;
        }
        found = i;
        if (sent) {
            break;
        }
    }
    if (found == TICKETS_KEPT) {
        return false;
    }
    *out = remove_at(cache, found);
    return true;
}

void ticket_cache_return(struct ticket_cache *cache, struct ticket *ticket, const struct ip_addr *from) {
    ticket->from = *from;
    if (++ticket->unanswered < TICKET_UNANSWERED_MAX) {
        ticket_cache_put(cache, ticket);
        return;
    }
    ticket_cache_clear(cache, ticket->server_name);
    ticket_fini(ticket);
}

void ticket_cache_clear(struct ticket_cache *cache, const char *server_name) {
    for (size_t i = cache->count; i > 0; i--) {
        if (server_name == NULL || strcmp(cache->tickets[i - 1].server_name, server_name) == 0) {
            discard_at(cache, i - 1);
        }
    }
}
