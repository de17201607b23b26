/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ccseam_none: stands in for ccseam.c where ngtcp2's inside is not known to us: there is no seam, and ngtcp2's BBR
 * serves. */
#include "quic/ccseam.h"

bool ccseam_available(void) {
    return false;
}

void ccseam_number_bytes(size_t least) {
    (void)least;
}

void ccseam_offer(struct ccseam *seam) {
    (void)seam;
}

uint64_t *ccseam_window(const struct ccseam *seam, uint64_t cwnd_bytes, uint64_t in_flight_bytes,
                        uint64_t smoothed_rtt) {
    (void)seam, (void)cwnd_bytes, (void)in_flight_bytes, (void)smoothed_rtt;
    return NULL;
}
