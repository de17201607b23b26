/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_redundant: every packet on every leg that can send at this moment, first on the fastest. A leg that cannot is
 * left out for that packet: waiting for it would slow all others down to it. */
#include "bond/sched.h"

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    int best = sched_fastest(legs, candidates);

    (void)sched, (void)packet, (void)now;
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        int leg = __builtin_ctz(candidates);

        if (leg != best && legs[leg].can_send)
            *copies |= (uint16_t)(1u << leg);
    }
    return best;
}

const struct sched_ops sched_redundant = {.pick = pick};
