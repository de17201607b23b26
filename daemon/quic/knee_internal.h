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

/** @return queue that counts as one, ns */
double knee_margin(const struct knee *knee);
/** @return share of packets that the path loses by itself */
double knee_own_loss(const struct knee *knee);
/** @return rate of the path, with a little of what it loses: less than RESERVE takes away, or a mistaken loss would
 * make the pace run away */
double knee_rate(const struct knee *knee);
/** @return by how much a host that stops may delay the packets of a short path, ns: half a stall; 0 on a path that is
 * as long as one, whose rounds outlast it */
double knee_stall(const struct knee *knee);
/** The path's rate is known from elsewhere. */
void knee_set_rate(struct knee *knee, double rate);
/** Lower the pace until the queue is gone. @param share of the path's rate, if there is none */
void knee_begin_drain(struct knee *knee, double share, uint64_t now);
void knee_begin_cruise(struct knee *knee, double pace);
/** A packet was acknowledged in start-up, and its window was used: grow, or see that it is enough. */
void knee_grow(struct knee *knee, double bytes, double in_flight, uint64_t now);
/** A round of start-up is complete: has the rate stopped to grow? */
void knee_start_round(struct knee *knee, uint64_t now);
/** Start-up is over. @param pace what the path is found to carry */
void knee_leave_start(struct knee *knee, double pace, uint64_t now);
/** A round of start-up had hardly a packet and says nothing of the loaded path: start-up begins with the next one.
 * @param unused the round */
void knee_restart(struct knee *knee, const struct knee_round *unused, uint64_t now);
/** Whether a packet that was acknowledged now was delayed by a host that stopped; for each, before it is booked. */
bool knee_is_excused(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t now);
/** Somebody else keeps the queue. */
void knee_begin_crowded(struct knee *knee);
/** A round of crowded mode. @param settled the last round whose packets are all known @return whether the next is low
 */
bool knee_share_path(struct knee *knee, const struct knee_round *settled, uint64_t now);

#endif
