/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows: several connections over one bottleneck, in virtual time; what each of them got, and what it cost in delay
 * and drops. */
#ifndef MPVPN_SIM_FLOWS_H
#define MPVPN_SIM_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/pair.h"

#define FLOWS_MAX 8u         /**< flows of a run */
#define FLOWS_CHANGES_MAX 4u /**< changes of the link in a run */
#define FLOWS_TICK 0.1       /**< s: a run is looked at over such times */
#define FLOWS_TICKS_MAX 900u /**< of these */

/** What may change while a run lasts. */
struct flows_path {
    double rate;  /**< Mbit/s of UDP payload */
    double delay; /**< ms, one way */
    double loss;  /**< probability, to the server */
};

/** A change of the link. */
struct flows_change {
    double at;            /**< s; 0: no change */
    struct flows_path to; /**< as it is from then on */
};

/** The bottleneck and who uses it. */
struct flows_settings {
    struct flows_path path;                        /**< at first */
    double jitter;                                 /**< ms: standard deviation of the delay */
    bool reorder;                                  /**< jitter changes the order */
    double burst_enter, burst_leave, burst_loss;   /**< bursts of losses, as linkmodel has them */
    double police, police_ms;                      /**< Mbit/s: a token bucket of so many ms; 0: none */
    double late, late_from, late_every;            /**< ms by which packets are overtaken; s: when, and how often */
    size_t late_packets;                           /**< so many at a time */
    double mark;                                   /**< ms of queue from which CE is marked; 0: never */
    double gather;                                 /**< ms: acknowledgements come once in such a time */
    double stop, stop_least, stop_most;            /**< share of the time in which a host does not run; ms at a time */
    bool stop_client, stop_server;                 /**< which of the hosts, each at times of its own */
    size_t queue;                                  /**< packets that may wait or travel; 0: 1000 */
    double seconds, skip;                          /**< s: how long; how much of the start is left out of the results */
    struct flows_change change[FLOWS_CHANGES_MAX]; /**< by time */
    uint64_t seed;                                 /**< of chance */
    const char *flow[FLOWS_MAX + 1];               /**< controller of each flow, NULL after the last */
    double start[FLOWS_MAX];                       /**< s: when each begins */
    double limit, limit_until;                     /**< Mbit/s: the first flow has no more to send before that, s */
    double idle_from, idle_until;                  /**< s: the first flow has nothing to send between them */
    bool verbose;                                  /**< print what happens */
};

/** What happened in one tick. */
struct flows_tick {
    double rate[FLOWS_MAX];   /**< Mbit/s of UDP payload that arrived */
    double window[FLOWS_MAX]; /**< bytes, at its end */
    double delay;             /**< ms above the one-way delay, mean of the packets that arrived; 0: none */
    double drops;             /**< packets */
};

/** What came of it. */
struct flows_result {
    double rate[FLOWS_MAX]; /**< Mbit/s of UDP payload that arrived, after skip */
    double share;       /**< of the link as it is in the end (of the policer's rate, if less), all flows, after skip */
    double delay;       /**< ms above the one-way delay, mean of all packets after skip */
    double drops;       /**< share of packets dropped by queue and policer, after skip */
    double drops_start; /**< the same, before skip */
    double overshoot;   /**< most bytes in flight in the first 20 RTT, of the bandwidth-delay product */
    double reached;     /**< s: when a whole tick first carried 80 % of the link */
    double jain;        /**< Jain's index of the rates: 1: all the same, 1 / flows: one has all */
    size_t ticks;       /**< in tick */
    struct flows_tick tick[FLOWS_TICKS_MAX]; /**< from the start */
};

/** Run. @param client, server TLS contexts, borrowed */
void flows_run(const struct flows_settings *settings, struct tls_context *client, struct tls_context *server,
               struct flows_result *out);
/** @return Mbit/s that can arrive in the end, by the link's rate and the policer's */
double flows_bound(const struct flows_settings *settings);
/** @return Mbit/s that one flow got from one time to another, s */
double flows_rate(const struct flows_result *result, size_t flow, double from, double until);
/** @return mean of the ticks' delays from one time to another, s; ms */
double flows_delay(const struct flows_result *result, double from, double until);
/** What a run's link to the server is to the lab's model. */
struct linkmodel_settings flows_link(const struct flows_settings *settings, const struct flows_path *path);

#endif
