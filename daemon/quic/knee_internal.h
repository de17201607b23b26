/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee_internal: what the files of the congestion controller know of each other. For knee*.c only. */
#ifndef MPVPN_QUIC_KNEE_INTERNAL_H
#define MPVPN_QUIC_KNEE_INTERNAL_H

#include <math.h>

#include "quic/knee.h"
#include "quic/knee_constants.h"

static inline double clamp(double x, double a, double b) {
    return x < a ? a : x > b ? b : x;
}

static inline struct knee_round *round_at(struct knee *knee, uint64_t number) {
    return &knee->rounds[number % KNEE_ROUNDS];
}

static inline double mean_rtt(const struct knee_round *r) {
    return r->packets > 0 ? r->rtt_sum / r->packets : 0;
}

static inline double loss_of(const struct knee_round *r) {
    return r->lost > 0 ? r->lost / (r->lost + r->acked) : 0;
}

static inline void limit(struct knee *knee) {
    knee->window = clamp(knee->window, MIN_PACKETS * knee->packet, WINDOW_MAX);
}

/** Whether the last rounds of start-up filled their windows. */
static inline bool fills(struct knee *knee) {
    for (uint64_t i = 1; i <= START_FILLED; i++)
        if (round_at(knee, knee->round - i)->flight < USED * round_at(knee, knee->round - i)->window)
            return false;
    return true;
}

/** Whether what was sent last in start-up can have made a queue. Who sends small packets and does not fill the window,
 * as acknowledgements do not, meets the queue of the data that goes the other way. */
static inline bool knee_loads(struct knee *knee) {
    const struct knee_round *r = round_at(knee, knee->round - 1), *before = round_at(knee, knee->round - 2);
    double packets = r->packets + r->excused + before->packets + before->excused;

    return r->acked + before->acked >= START_FULL * knee->packet * packets || fills(knee);
}

/** @return queue that counts as one, ns */
double knee_margin(const struct knee *knee);
/** @return share of packets that the path loses by itself */
double knee_own_loss(const struct knee *knee);
/** @return rate of the path, with a little of what it loses: less than RESERVE takes away, or a mistaken loss would
 * make the pace run away */
double knee_rate(const struct knee *knee);
/** Lower the pace until the queue is gone. @param share of the path's rate, if there is none */
void knee_begin_drain(struct knee *knee, double share, uint64_t now);
void knee_begin_cruise(struct knee *knee, double pace);
/** Whether a packet that was acknowledged now was delayed by a host that stopped; for each, before it is booked. */
bool knee_is_excused(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t now);
/** Somebody else keeps the queue. */
void knee_begin_crowded(struct knee *knee);
/** A round of crowded mode. @param settled the last round whose packets are all known @return whether the next is low
 */
bool knee_share_path(struct knee *knee, const struct knee_round *settled, uint64_t now);

#endif
