/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ccseam: puts our congestion controller into ngtcp2, which has no hook for one. Internal to quic/. What it relies on
 * is in ccseam.c. */
#ifndef MPVPN_QUIC_CCSEAM_H
#define MPVPN_QUIC_CCSEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quic/knee.h"
#include "quic/lostset.h"

/** A connection's controller; embedded by value, stays where it is while the connection lives. */
struct ccseam {
    struct knee knee;     /**< the controller */
    uint64_t seed;        /**< for it */
    uint64_t newest;      /**< ns: when the newest packet of the acknowledgement being read was sent; 0: none yet */
    uint64_t initial_rtt; /**< ns: the setting of the connection; 0: ngtcp2's default */
    bool active;          /**< it is in charge */
    bool refused;         /**< ngtcp2's inside is not what we know: it never will be */
    bool begins_anew;     /**< it forgets the path with the next packet sent */
    void *stat;           /**< ngtcp2's statistics of the connection; NULL: not known */
    struct lostset *lost; /**< packets that were declared lost, and have not arrived since; NULL: none was, or there is
                             no memory for it. Made with the first; whose connection it is frees it */
};

/** Whether this build and the library linked into it have the seam, as far as is known; checked once a thread, at the
 * first call. */
bool ccseam_available(void);
/** The next connection made by this thread with NGTCP2_CC_ALGO_RENO takes this controller, one with NGTCP2_CC_ALGO_BBR
 * tells it where its statistics are; NULL: none. */
void ccseam_offer(struct ccseam *seam);
/**
 * Where ngtcp2 keeps a connection's congestion window, so that a single packet can be let out beyond it.
 * @param cwnd_bytes as ngtcp2 tells it, like the others (smoothed_rtt in ns): a check of its layout
 * @return NULL: not known
 */
uint64_t *ccseam_window(const struct ccseam *seam, uint64_t cwnd_bytes, uint64_t in_flight_bytes,
                        uint64_t smoothed_rtt);

/** The packet number of the next 1-RTT packets that this thread writes has so many bytes at least; 1: as few as will
 * do.
 */
void ccseam_number_bytes(size_t least);

#endif
