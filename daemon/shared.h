/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shared: what the workers of a server have in common: the inner addresses, and a seat for each session, by which
 * limits hold over all workers, a user's fixed address passes from one worker's session to another's, and a leg or a
 * packet that came to the wrong worker finds the right one. Everything else of a session is its worker's alone.
 *
 * All functions may be called by any thread; they hold one lock, for as long as it takes to walk a list. Only who
 * connects, joins or goes away comes here, and a packet from the TUN that the receiving worker has no session for. */
#ifndef MPVPN_SHARED_H
#define MPVPN_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include "bond/join.h"
#include "bond/session.h"
#include "masque/auth.h"
#include "masque/pool.h"
#include "os/mailbox.h"
#include "packet/prefixmap.h"

struct server;

#define EVICTIONS_MAX 2u /**< sessions that one call may unseat */

/** A session as all workers see it. Made and freed by its own worker; its fields are shared.c's. */
struct seat {
    uint64_t id;                                   /**< the session's number */
    uint8_t worker;                                /**< whose the session is */
    char user[AUTH_NAME_MAX];                      /**< "-": none */
    bool bonded;                                   /**< the two after it are set */
    uint8_t bond_id[JOIN_ID_BYTES];                /**< on the wire */
    uint8_t secret[JOIN_SECRET_BYTES];             /**< what joining legs prove */
    bool lingering;                                /**< waits for a leg to come back */
    bool unseated;                                 /**< off the list and without addresses: its session is to end */
    struct ip_addr address[SESSION_ADDRESSES_MAX]; /**< taken for it */
    size_t address_count;                          /**< of them */
    struct seat *prev, *next;                      /**< all, in the order of opening */
};

/** A session that lost its seat; whoever caused that has its worker end it. */
struct eviction {
    uint8_t worker;     /**< whose it is */
    uint64_t id;        /**< its number */
    const char *reason; /**< the CLOSE capsule's, static; NULL: it lingers, nobody is there to hear */
};

/** What one call unseated. */
struct evictions {
    struct eviction list[EVICTIONS_MAX]; /**< in order */
    size_t count;                        /**< of them */
};

/** How one worker reaches another. */
struct station {
    struct mailbox *mailbox; /**< owned by the crew */
    struct server *server;   /**< that worker's; only for what its mailbox runs */
};

/** What all workers share. */
struct shared {
    size_t worker_count;       /**< workers; fixed before they run */
    struct station *station;   /**< of each worker; NULL with one, who is the main thread; borrowed */
    atomic_size_t connections; /**< QUIC connections of all workers */

    pthread_mutex_t lock;     /**< guards the following */
    struct pool *pool;        /**< inner addresses; owned */
    struct prefixmap *owners; /**< inner address to seat; owned */
    struct seat *seats;       /**< all sessions, in the order of opening */
    size_t seat_count;        /**< of them */
    uint64_t last_id;         /**< number of the newest session */
};

/** @param pool taken over @return 0; -ENOMEM: the pool is still the caller's */
int shared_init(struct shared *shared, size_t worker_count, struct pool *pool);
/** Free; all seats must have been left. Safe on a zeroed one. */
void shared_fini(struct shared *shared);
/**
 * Keep each user's fixed addresses for that user.
 * @param why out on error: a sentence
 * @return 0; -EEXIST: one is another user's, or the server's own; the former reservations hold
 */
int shared_reserve(struct shared *shared, const struct auth *auth, const struct auth *former, char *why,
                   size_t why_size);

/** How many sessions there may be. */
struct shared_limits {
    size_t sessions; /**< in all */
    size_t per_user; /**< of one user */
};
/**
 * A seat for a new session. Where a limit is met, the oldest lingering one (of the user's, or of all) makes room.
 * @param user NULL: none
 * @return 0; -EUSERS: the user has too many; -ENFILE: there are too many; -ENOMEM
 */
int shared_sit(struct shared *shared, uint8_t worker, const char *user, const struct shared_limits *limits,
               struct seat **out, struct evictions *evictions);
/**
 * Take an inner address for a session: the one given, for which its present holder is unseated, or one of the pool.
 * @param fixed NULL: of the pool
 * @return 0; -EALREADY: it has that one; as pool_take() and pool_take_fixed(); -ENOMEM
 */
int shared_take(struct shared *shared, struct seat *seat, uint8_t version, const struct ip_addr *fixed,
                struct ip_addr *out, struct evictions *evictions);
/** Unseat the oldest lingering session of all. @return false: none lingers */
bool shared_make_room(struct shared *shared, struct evictions *evictions);
/** Let further legs find the session. */
void shared_bond(struct shared *shared, struct seat *seat, const uint8_t id[JOIN_ID_BYTES],
                 const uint8_t secret[JOIN_SECRET_BYTES]);
/** It lingers, or does so no longer. @param most sessions of a user that may; past it the oldest of them is unseated */
void shared_linger(struct shared *shared, struct seat *seat, bool lingering, size_t most, struct evictions *evictions);
/** The session is over: its addresses are free, and the seat is. */
void shared_leave(struct shared *shared, struct seat *seat);

/** Find a bonded session of this user by its ID. @return its worker, and secret set; -ENOENT */
int shared_find(struct shared *shared, const char *user, const uint8_t id[JOIN_ID_BYTES],
                uint8_t secret[JOIN_SECRET_BYTES]);
/** Which worker's session has an inner address. @return -ENOENT: none */
int shared_owner(struct shared *shared, const struct ip_addr *addr);
/** Sessions, of all or of one user. @param user NULL: all */
size_t shared_count(struct shared *shared, const char *user);
/** The largest number of the first limit sessions after a number, so that a page of the list can be asked of all
 * workers. @return whether there are more */
bool shared_page(struct shared *shared, uint64_t after, size_t limit, uint64_t *last);

#endif
