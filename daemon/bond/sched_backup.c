/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_backup: one leg at a time: of the usable ones that with the smallest priority number, of equal ones the one
 * that joined first. When it cannot send at this moment, packets wait for it; the next one takes over when it is usable
 * no more. A leg that comes back later has a larger number, so it does not take the traffic back from an equal one; one
 * that flaps does not take it back while another is usable.
 * Only legs of role backup that are to help under overload share its load, whether other primary ones idle or not. */
#include "bond/sched.h"

/** Whether leg a comes before leg b: helpers come last. */
static bool precedes(const struct sched_leg *a, const struct sched_leg *b) {
    if (a->role != b->role)
        return a->role == SCHED_ROLE_PRIMARY;
    return a->priority != b->priority ? a->priority < b->priority : a->number < b->number;
}

static unsigned first_of(const struct sched_leg *legs, uint16_t candidates) {
    unsigned best;

    candidates = sched_steady(legs, candidates);
    best = (unsigned)__builtin_ctz(candidates);
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        unsigned leg = (unsigned)__builtin_ctz(candidates);

        if (precedes(&legs[leg], &legs[best]))
            best = leg;
    }
    return best;
}

static uint16_t in_use(const struct sched_leg *legs, uint16_t candidates) {
    return (uint16_t)(1u << first_of(legs, candidates));
}

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    unsigned best = first_of(legs, candidates);
    uint16_t helpers = 0;

    (void)sched, (void)packet, (void)now, (void)copies;
    if (legs[best].can_send)
        return (int)best;
    for (; candidates && legs[best].role == SCHED_ROLE_PRIMARY; candidates &= (uint16_t)(candidates - 1))
        if (legs[__builtin_ctz(candidates)].role == SCHED_ROLE_BACKUP)
            helpers |= (uint16_t)(candidates & -candidates);
    return sched_fastest(legs, helpers);
}

const struct sched_ops sched_backup = {.pick = pick, .in_use = in_use};
