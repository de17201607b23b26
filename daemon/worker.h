/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker: the hall's datapath state: one loop, one TUN, buffers, connection IDs, timers, and the carriers (a leg with
 * its socket). Everything in it is touched by one thread. The two stories are told in egress.c and ingress.c; who opens
 * carriers and sessions, and why, is in client.c and server.c. */
#ifndef MPVPN_WORKER_H
#define MPVPN_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bond/leg.h"
#include "bond/session.h"
#include "common/drop.h"
#include "common/log.h"
#include "os/loop.h"
#include "os/tun.h"
#include "os/udp.h"
#include "packet/icmp.h"
#include "packet/merge.h"
#include "packet/prefixmap.h"
#include "quic/cidtable.h"
#include "timers.h"

struct carrier;
struct handover;
struct tunnel;

/** What the role (client.c, server.c) does for the datapath. */
struct carrier_hooks {
    struct leg_hooks leg; /**< context is the carrier; on_cid and on_packet are the worker's own */
    /** The peer closed the session (CLOSE): no linger. Called from within the leg: it may only carrier_close(). */
    void (*on_session_closed)(struct carrier *carrier);
    /** The leg is over: conn_error() of it says why. The callee must carrier_free() it, now. */
    void (*on_end)(struct carrier *carrier, uint64_t now);
};

/** A leg with what it needs of the kernel. */
struct carrier {
    struct worker *worker;             /**< whose */
    struct leg *leg;                   /**< owned */
    struct udp_socket *socket;         /**< borrowed */
    struct udp_tx *tx;                 /**< owned */
    struct session *session;           /**< the tunnel it carries; NULL: none yet */
    struct conn_path path;             /**< the ends it uses now */
    struct timer timer;                /**< the leg's deadline */
    const struct carrier_hooks *hooks; /**< the role's */
    void *owner;                       /**< the role's */
    uint64_t since;                    /**< ns, when it was made */
    struct carrier *prev, *next;       /**< worker's list of all */
    struct carrier *next_marked;       /**< worker's list of those to be served this turn */
    bool marked;                       /**< is on that list */
    bool handshaking;                  /**< the role's: counts among the unfinished handshakes */
    bool proven;           /**< the role's: somebody has been heard who gets what is sent to the peer's address */
    bool starved;          /**< packets wait for window: streams go first next time */
    bool closing;          /**< carrier_close() was called: over once the last packets are written */
    uint64_t close_code;   /**< what it was called with … */
    char close_reason[96]; /**< … and why */
    int error;             /**< what the leg returned when it was over; 0: alive */
};

/** The datapath of one thread. */
struct worker {
    struct loop *loop;             /**< owned */
    struct buf_pool *buffers;      /**< owned */
    struct tun *tun;               /**< owned; NULL until opened */
    struct merge *merge;           /**< towards the TUN; owned */
    struct cidtable *cids;         /**< connection ID to carrier; owned */
    struct prefixmap *targets;     /**< inner destination to session; owned */
    struct sockdiag *sockdiag;     /**< tells of this host's connections; owned; NULL: its kernel does not */
    struct timers timers;          /**< every deadline of the hall */
    struct carrier *carriers;      /**< all */
    struct carrier *marked;        /**< to be served this turn */
    struct tunnel *tunnels;        /**< all sessions' holders */
    struct tunnel *marked_tunnels; /**< to be pumped this turn */
    struct drop_counters drops;    /**< packets dropped, by reason */
    struct icmp_limit icmp;        /**< bounds the ICMP errors we send */
    struct log_limit unowned;      /**< bounds the log line about packets from wrong sources */
    uint8_t hash_key[16];          /**< for queues and the cid table */
    bool server;                   /**< role: which way sources are checked */
    struct ip_addr icmp_source[2]; /**< our inner address, IPv4 and IPv6: source of errors sent to peers */
    uint8_t number;                /**< among the server's workers; begins our connection IDs */
    struct handover *handover;     /**< to the other workers; NULL: there are none; the crew's */
};

/** How large. */
struct worker_settings {
    bool server;          /**< role */
    uint8_t number;       /**< among the server's workers */
    size_t large_buffers; /**< 66 KiB buffers (0: 256) */
    size_t small_buffers; /**< of 256 bytes (0: 4096); eight times as many of 2 KiB, a quarter as many of 9, an eighth
                             of 18 and a sixteenth of 36 KiB */
};

/** @return 0 or -errno with a sentence in why */
int worker_init(struct worker *worker, const struct worker_settings *settings, char *why, size_t why_size);
/** Close and free everything; carriers and sessions must be gone. Safe on a zeroed worker. */
void worker_fini(struct worker *worker);
/** Open the TUN device, or one queue of it. @param queues it is to have, one for each worker; the first worker makes
 * the device @return 0 or -errno with a sentence in why */
int worker_open_tun(struct worker *worker, const char *name, size_t queues, char *why, size_t why_size);
/** What became of a device. */
enum worker_device {
    WORKER_DEVICE_STAYED,   /**< nothing */
    WORKER_DEVICE_LEFT,     /**< it was moved to another network namespace */
    WORKER_DEVICE_RETURNED, /**< it was moved back, and is down, without addresses */
};
/** Look where the device is now; the first worker logs what became of it.
 * @param gone the kernel said that it is gone: if it is here, it has been away meanwhile, and returned */
enum worker_device worker_locate_tun(struct worker *worker, bool gone);
/** A new carrier without a leg (the role makes that with carrier_leg_hooks() and context = carrier). @return NULL: no
 * memory */
struct carrier *carrier_new(struct worker *worker, struct udp_socket *socket, const struct carrier_hooks *hooks,
                            void *owner);
/** Free it with its leg, without a word to the peer. NULL is fine. */
void carrier_free(struct carrier *carrier);
/**
 * Move a client's carrier to another socket and local address (QUIC connection migration); datagrams not handed to the
 * old socket yet are lost.
 * @return 0; -EINVAL: this connection cannot migrate (now); -ENOMEM. On error nothing has changed
 */
int carrier_move(struct carrier *carrier, struct udp_socket *socket, const union sock_addr *local);
/** The hooks a leg of this worker is made with. */
const struct leg_hooks *carrier_leg_hooks(void);
/** Say goodbye: what its streams still have to say, then the end; on_end follows once that is written. @param reason
 * copied */
void carrier_close(struct carrier *carrier, uint64_t error_code, const char *reason);
/** Serve this carrier, and pump its session, before the turn ends: something came in, a deadline passed, or its socket
 * is free again. */
void carrier_mark(struct carrier *carrier);
/** Serve this carrier before the turn ends: something was written, or its deadline is to be set anew. */
void carrier_mark_only(struct carrier *carrier);
/** Serve it at once: write what is to be said, and end it if it is over. */
void carrier_serve(struct carrier *carrier, uint64_t now);

/** Count a dropped packet. */
static inline void worker_drop(struct worker *worker, enum drop_reason reason) {
    worker->drops.count[reason]++;
}

#endif
