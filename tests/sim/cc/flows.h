/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows: several connections that always have something to send, over one bottleneck, in virtual time; what each of
 * them got, and what it cost in delay and drops. */
#ifndef MPVPN_SIM_FLOWS_H
#define MPVPN_SIM_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/pair.h"

#define FLOWS_MAX 8u /**< flows of a run */

/** The bottleneck and who uses it. */
struct flows_settings {
    double rate;                       /**< Mbit/s of UDP payload */
    double delay, jitter;              /**< ms: one way; standard deviation */
    double loss;                       /**< probability, to the server */
    size_t queue;                      /**< packets that may wait or travel; 0: 1000 */
    double seconds, skip;              /**< s: how long; how much of the start is left out of the results */
    double change_at[4], change_to[4]; /**< s, Mbit/s: changes of the rate; 0: none */
    uint64_t seed;                     /**< of chance */
    const char *flow[FLOWS_MAX + 1];   /**< controller of each flow, NULL after the last */
    double start[FLOWS_MAX];           /**< s: when each begins */
    bool verbose;                      /**< print what happens each second */
};

/** What came of it. */
struct flows_result {
    double rate[FLOWS_MAX]; /**< Mbit/s of UDP payload that arrived, after skip */
    double share;           /**< of the link, all flows, after skip */
    double delay;           /**< ms above the one-way delay, mean of all packets after skip */
    double drops;           /**< share of packets dropped by the queue, after skip */
    double drops_start;     /**< the same, before skip */
    double overshoot;       /**< most bytes in flight in the first 20 RTT, of the bandwidth-delay product */
    double tail;            /**< share of the link in the last second */
    double reached;         /**< s: when a whole 100 ms first carried 80 % of the link */
};

/** Run. @param client, server TLS contexts, borrowed */
void flows_run(const struct flows_settings *settings, struct tls_context *client, struct tls_context *server,
               struct flows_result *out);

#endif
