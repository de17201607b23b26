/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ticket: a client's TLS session tickets: taken from the server's messages, kept in memory for the next connections to
 * the same server, each offered to one connection. Internal to quic/; a client's tls_context has one cache, so what was
 * verified under one configuration is never resumed under another.
 *
 * Standards: RFC 8446 sections 2.2, 4.6.1 and appendix C.4. */
#ifndef MPVPN_QUIC_TICKET_H
#define MPVPN_QUIC_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#define TICKETS_KEPT 8u          /**< tickets in a cache at most: two for each of a few paths */
#define TICKETS_TAKEN 4u         /**< tickets taken from one connection at most */
#define TICKET_MAX 1024u         /**< bytes of a ticket; longer ones are not kept: ClientHello would outgrow a packet */
#define TICKET_LIFETIME_S 43200u /**< seconds that our servers' tickets live, and each of their keys seals */
#define TICKET_UNANSWERED_MAX 16u /**< attempts in a row without any answer, after which tickets are suspected */
#define TICKET_NAME_MAX 256u      /**< bytes of a server's name, with its NUL */

/** A ticket with the secrets that belong to it. Zeroed = none. */
struct ticket {
    WOLFSSL_SESSION *wolf;             /**< the session; owned; NULL: none */
    uint64_t expires;                  /**< ns: not to be offered from then on */
    uint64_t verified;                 /**< ns: when the server's certificate was verified, by whichever handshake */
    struct ip_addr from;               /**< our address that it was sent from, unanswered; version 0: never sent */
    unsigned unanswered;               /**< times that it was */
    char server_name[TICKET_NAME_MAX]; /**< who it is for */
};

/** Those not used yet. Zeroed = empty. */
struct ticket_cache {
    struct ticket tickets[TICKETS_KEPT]; /**< oldest first */
    size_t count;                        /**< of them */
};

/**
 * Take a NewSessionTicket message, whose lengths tls_frame found right.
 * @param wolf the connection's; its handshake is complete
 * @param message with its header
 * @param now ns @param verified ns, when this connection's peer was
 * @return 0, out owned by the caller; -ENOTSUP: not one to be kept (too long, no lifetime …); -EIO: wolfSSL refuses it
 */
int ticket_receive(WOLFSSL *wolf, const uint8_t *message, size_t length, const char *server_name, uint64_t now,
                   uint64_t verified, struct ticket *out);
/** Free what it holds. */
void ticket_fini(struct ticket *ticket);

/** Keep a ticket, in place of the oldest when there are TICKETS_KEPT. @param ticket taken over */
void ticket_cache_put(struct ticket_cache *cache, struct ticket *ticket);
/**
 * Take one out for a connection: the one that was sent from this address before and never answered, else the newest.
 * Expired ones are thrown away.
 * @return true, out owned by the caller; false: there is none
 */
bool ticket_cache_take(struct ticket_cache *cache, const char *server_name, const struct ip_addr *from, uint64_t now,
                       struct ticket *out);
/**
 * Give one back that was sent and got no answer at all: it may be sent again, from the same address only. After
 * TICKET_UNANSWERED_MAX times all of the server's are thrown away, should it be they that keep it silent.
 * @param ticket taken over @param from our address
 */
void ticket_cache_return(struct ticket_cache *cache, struct ticket *ticket, const struct ip_addr *from);
/** Throw a server's tickets away. @param server_name NULL: all */
void ticket_cache_clear(struct ticket_cache *cache, const char *server_name);

#endif
