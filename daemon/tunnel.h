/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tunnel: the hall's holder of a session: the session with its timers and its place on the list of those to be pumped
 * this turn, as a carrier is that of a leg. */
#ifndef MPVPN_TUNNEL_H
#define MPVPN_TUNNEL_H

#include "worker.h"

struct seat;

/** A session with what it needs of the hall. */
struct tunnel {
    struct worker *worker;                                    /**< whose */
    struct session *session;                                  /**< owned; session->owner is this */
    struct timer timer;                                       /**< the session's deadline */
    struct timer linger;                                      /**< end of its life without legs, or of a wait with */
    void (*on_lingered)(struct tunnel *tunnel, uint64_t now); /**< the role's: linger is over; NULL: it never is */
    void *owner;                                              /**< the role's */
    struct seat *seat;          /**< the server's: its place among all workers' sessions */
    struct tunnel *prev, *next; /**< worker's list of all */
    struct tunnel *next_marked; /**< worker's list of those to be pumped this turn */
    bool marked;                /**< is on that list */
    bool waiting;               /**< packets wait for a leg */
    bool closed;                /**< the peer sent CLOSE: no linger */
};

/** A session with this worker's queue settings, and its holder. @param id number for people @return NULL: no memory */
struct tunnel *tunnel_new(struct worker *worker, uint64_t id, const char *user, void *owner);
/** Free with the session; its legs must be detached. NULL is fine. */
void tunnel_free(struct tunnel *tunnel);
/** The holder of a session. */
static inline struct tunnel *tunnel_of(const struct session *session) {
    return session->owner;
}
/** Pump it before the turn ends. */
void tunnel_mark(struct tunnel *tunnel);
/** Pump it now: send what it has queued, as far as its legs allow. */
void tunnel_serve(struct tunnel *tunnel, uint64_t now);
/** When packet buffers run low, let the session that holds most of them give up its oldest gaps: nobody's new packet is
 * dropped for another's hold. */
void tunnels_relieve(struct worker *worker);
/** Let a carrier carry the session. @param number the leg's, on the wire @return 0; -ENOSPC */
int tunnel_attach(struct tunnel *tunnel, struct carrier *carrier, uint8_t number);
/** A carrier carries it no longer. */
void tunnel_detach(struct tunnel *tunnel, struct carrier *carrier);

#endif
