/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pairs: pairs of paths, and runs of two whole ends over them in virtual time with inner TCP flows and a ping. */
#ifndef MPVPN_SIM_PAIRS_H
#define MPVPN_SIM_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inner_tcp.h"

/** One path, in each direction alike. */
struct pair_path {
    double delay;   /**< ms, one way */
    double jitter;  /**< ms, standard deviation; keeps order */
    double rate;    /**< Mbit/s, Ethernet frames with all that surrounds them */
    double loss;    /**< percent */
    unsigned queue; /**< packets that wait or travel at most; 0: 1,000 */
};

/** Two of them. */
struct pair {
    const char *name;         /**< for tables */
    struct pair_path path[2]; /**< A and B */
};

extern const struct pair pairs[];
extern const size_t pair_count;
/** Find a pair by name; NULL: there is none. */
const struct pair *pair_find(const char *name);

/** How a path dies. */
enum pair_death {
    PAIR_HOLE,      /**< nothing passes, and nobody says so */
    PAIR_HOLE_UP,   /**< likewise, to the server only */
    PAIR_HOLE_DOWN, /**< likewise, to the client only */
    PAIR_FLAP,      /**< the client's device goes down and up, 80 to 110 ms each */
};

/** A run. */
struct pair_run {
    const struct pair *pair; /**< where */
    unsigned paths;          /**< bit 0: A, bit 1: B */
    unsigned flows;          /**< inner TCP flows, at most PAIR_FLOWS_MAX */
    enum inner_cc cc;        /**< of these */
    bool quic;               /**< these are QUIC's */
    bool paced;              /**< CUBIC's senders pace, as hosts with fq do */
    double limit_bps;        /**< bits per second that each of their senders sends at most; 0: no such limit */
    bool foreign;            /**< their senders are other hosts, forwarded by the ends */
    uint32_t buffer_bytes;   /**< to which their ends' buffers may grow, less than 16 MiB; 0: Linux' 4 MiB */
    bool down;               /**< from the server to the client */
    bool both;               /**< every second of them goes the other way */
    const char *path_config; /**< more lines for each [Path] */
    const char *config;      /**< more lines before them */
    double skip, seconds;    /**< s: start-up that is left out; measured after it */
    double dies, returns;    /**< s after the flows began: a path is dead between, and the longest gaps are those since
                                then; 0: it lives */
    enum pair_death death;   /**< how */
    bool busier;             /**< it is the path that carries more, not A */
    double ping_every;       /**< s between two pings; 0: 0.1 */
    uint64_t seed;           /**< of everything */
    double trace;            /**< s: a line on stdout so often; 0: none */
};
#define PAIR_FLOWS_MAX 16u

/** What came of it. */
struct pair_result {
    double goodput;              /**< Mbit/s of payload read by the receivers; both: of flows that go the run's way */
    double against;              /**< Mbit/s, likewise, of flows the other way */
    double bound;                /**< Mbit/s of payload that the paths can carry */
    uint32_t mtu_bytes;          /**< the session's */
    double ping_median, ping_95; /**< ms */
    double ping_longest;         /**< ms; since a path died, if one does */
    unsigned pings_lost;         /**< of those sent before the last second */
    double held_percent;         /**< packets that waited for order, of those delivered */
    double longest_hold;         /**< ms */
    double resent_percent;       /**< transmissions again, of the packets */
    double lost_percent;         /**< transmissions that the paths lost or dropped, of the packets */
    double vain_percent;         /**< transmissions again beyond those lost, of the packets: redundancy spent */
    double dropped_percent;      /**< of these, dropped by a full queue */
    double given_up_percent;     /**< packets the receiver gave up waiting for … */
    double pressed_percent;      /**< … of these, for want of room */
    uint64_t late;               /**< packets that came after they were given up */
    double share_b;              /**< part of the transmissions that went over path B */
    double queue_drops;          /**< percent of the packets that CoDel dropped */
    unsigned tried;              /**< flows that were tried without order */
    double sojourn;              /**< ms in the session's queue, average at the end */
    struct inner_tcp_statistics tcp; /**< of the first flow */
};

/** Run it. Fails the test when the tunnel does not come up. */
struct pair_result pair_run(const struct pair_run *run);
/** The same ping straight through a path, beside a load of 90 % of its rate. */
void pair_raw_ping(const struct pair_path *path, uint64_t seed, double *median, double *p95);

#endif
