/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ccseam: puts our congestion controller into ngtcp2, which has no hook for one. Internal to quic/. What it relies on
 * is in ccseam.c. */
#ifndef MPVPN_QUIC_CCSEAM_H
#define MPVPN_QUIC_CCSEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "quic/knee.h"

/** A connection's controller; embedded by value, stays where it is while the connection lives. */
struct ccseam {
    struct knee knee; /**< the controller */
    uint64_t seed;    /**< for it */
    bool active;      /**< it is in charge */
    bool refused;     /**< ngtcp2's inside is not what we know: it never will be */
};

/** Whether this build and the library linked into it have the seam, as far as is known; checked once a thread, at the
 * first call. */
bool ccseam_available(void);
/** The next connection made by this thread with NGTCP2_CC_ALGO_RENO takes this controller; NULL: none. */
void ccseam_offer(struct ccseam *seam);

#endif
