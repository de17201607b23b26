/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_backup: one leg at a time: of the usable ones that with the smallest priority number, of equal ones the one
 * that joined first. When it cannot send at this moment, packets wait for it; the next one takes over when it is usable
 * no more. A leg that comes back later has a larger number, so it does not take the traffic back from an equal one. */
#include "bond/sched.h"

/** Whether leg a comes before leg b. */
static bool precedes(const struct sched_leg *a, const struct sched_leg *b) {
    return a->priority != b->priority ? a->priority < b->priority : a->number < b->number;
}

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    int best = __builtin_ctz(candidates);

    (void)sched, (void)packet, (void)now, (void)copies;
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        int leg = __builtin_ctz(candidates);

        if (precedes(&legs[leg], &legs[best]))
            best = leg;
    }
    return legs[best].can_send ? best : SCHED_WAIT;
}

const struct sched_ops sched_backup = {.pick = pick};
