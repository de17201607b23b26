/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: one IP tunnel: whose it is, its addresses and routes, the queue of what waits to be sent, and the leg that carries it. It outlives its leg on the
 * client, so that a reconnect finds queue and addresses as they were. */
#ifndef MPVPN_BOND_SESSION_H
#define MPVPN_BOND_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "bond/leg.h"
#include "bond/meter.h"
#include "bond/queue.h"
#include "common/addr.h"
#include "masque/auth.h"

#define SESSION_ADDRESSES_MAX 8u  /**< inner addresses of a client that are kept */
#define SESSION_MTU_MIN 1280u     /**< bytes: IPv6's minimum (RFC 8200), held on every path */

/** A session. Public because the hall embeds and lists it; written by session.c alone but for prev/next and owner. */
struct session {
    uint64_t id;                       /**< number within this daemon, for people */
    char user[AUTH_NAME_MAX];          /**< server: whose; client: "" */
    struct ip_prefix address[SESSION_ADDRESSES_MAX]; /**< the client's inner addresses */
    size_t address_count;              /**< of them */
    struct ip_range *reach;            /**< what the client may reach through the server (ROUTE_ADVERTISEMENT) */
    size_t reach_count;                /**< of them */
    struct queue *queue;               /**< towards the peer */
    struct leg *leg;                   /**< carries it now; NULL: none */
    struct meter sent;                 /**< IP packets to the peer */
    struct meter received;             /**< IP packets from the peer */
    uint64_t since;                    /**< ns, when it was opened */
    uint64_t rolled;                   /**< ns, when session_roll() was called last */
    struct session *prev, *next;       /**< the hall's list */
    void *owner;                       /**< the hall's carrier of the leg; set with it */
};

/** @param queue settings of its queue @return the session, or NULL: no memory */
struct session *session_new(uint64_t id, const char *user, const struct queue_settings *queue, uint64_t now);
/** Free with its queue; the leg is not touched. NULL is fine. */
void session_free(struct session *session);
/** Replace the client's addresses (beyond SESSION_ADDRESSES_MAX they are ignored). */
void session_set_addresses(struct session *session, const struct ip_prefix *addresses, size_t count);
/** Replace what can be reached. @return 0; -ENOMEM: unchanged */
int session_set_reach(struct session *session, const struct ip_range *ranges, size_t count);
/** Whether an address is one of the client's. */
bool session_has_address(const struct session *session, const struct ip_addr *addr);
/** Whether an address may be reached through the server with this IP protocol (0 in a range: any). ICMP is always part of it (RFC 9484 section 4.7.3). */
bool session_reaches(const struct session *session, const struct ip_addr *addr, uint8_t protocol);
/** Longest IP packet this session takes: what its leg's datagrams carry, but never less than SESSION_MTU_MIN. */
size_t session_mtu(const struct session *session);
/** Bring rates, and the queue's idea of the path, up to date. */
void session_roll(struct session *session, uint64_t now);

#endif
