/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_minrtt: of the legs that can send, the one with the shortest smoothed round-trip time; the next one takes what
 * the window and pacer of the first leave over. It does not ask whether waiting for the first would be quicker. */
#include "bond/sched.h"

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    (void)sched, (void)packet, (void)now, (void)copies;
    return sched_fastest(legs, candidates);
}

const struct sched_ops sched_minrtt = {.pick = pick};
