/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched: the table of schedulers, and what holds for all of them.
 *
 * How it works: sched_pick() reduces the legs to a set of candidates, a bit for each slot: usable, of the role whose
 * turn it is, and taking packets as long as this one. The scheduler in use chooses among these. Whether a leg can send
 * now is left to the scheduler, since some wait for a certain leg. Resends go their own way, whatever the scheduler.
 * Where the scheduler wants it, a packet of a flow that sends little goes on a second primary leg too (session_copy.c).
 *
 * It leaves out measuring legs, and sending.
 *
 * Invariants: the result and all copies are candidates that can send, but for the copy of a sparse packet, which may
 * have to wait; sched_pick() gives the same answer until sched_on_sent() or another input. */
#include "bond/sched.h"

#include <string.h>

#include "common/clock.h"

#define FULL (10 * NS_PER_MS)      /**< ns: packets that waited longer for primary legs tell that these are full */
#define FULL_HOLD (NS_PER_SEC / 4) /**< ns: and it is believed in for so long after */
#define EVEN NS_PER_MS             /**< ns: legs that differ by so much, and … */
#define EVEN_SHARE 8u              /**< … this part of the arrival time, are about as good */
#define SPREADS 2u                 /**< variations of both legs that may have one packet overtake the other */

static const struct sched_kind kinds[SCHED_COUNT] = {
#define SCHEDULER(symbol, name, help) {#name, help, &sched_##name},
#include "bond/sched.def"
#undef SCHEDULER
};

void sched_init(struct sched *sched, enum sched_id id) {
    *sched = (struct sched){.id = id};
}

enum sched_id sched_find(const char *name, size_t length) {
    unsigned id = 0;

    while (id < SCHED_COUNT && (strlen(kinds[id].name) != length || memcmp(kinds[id].name, name, length) != 0))
        id++;
    return (enum sched_id)id;
}

const struct sched_kind *sched_kind(enum sched_id id) {
    return &kinds[id];
}

/** The usable legs of one role, as bits. */
static uint16_t usable_of(const struct sched_leg *legs, size_t count, enum sched_role role) {
    uint16_t set = 0;

    for (size_t i = 0; i < count; i++)
        if (legs[i].usable && legs[i].role == role)
            set |= (uint16_t)(1u << i);
    return set;
}

/** The legs of a set that take a packet of this length. */
static uint16_t fitting(const struct sched_leg *legs, uint16_t set, size_t length) {
    for (uint16_t left = set; left; left &= (uint16_t)(left - 1)) {
        unsigned leg = (unsigned)__builtin_ctz(left);

        if (legs[leg].packet_max < length)
            set &= (uint16_t) ~(1u << leg);
    }
    return set;
}

/** The legs that a packet of this length may go on: primary ones, or backups while there is none. */
static uint16_t candidates_of(const struct sched_leg *legs, size_t count, size_t length) {
    uint16_t set = usable_of(legs, count, SCHED_ROLE_PRIMARY);

    return fitting(legs, set ? set : usable_of(legs, count, SCHED_ROLE_BACKUP), length);
}

/** Backups that help while the primary legs in use are full and packets have waited for them lately. */
static uint16_t helpers_of(struct sched *sched, const struct sched_leg *legs, size_t count, uint16_t candidates,
                           const struct sched_packet *packet, uint64_t now) {
    const struct sched_ops *ops = kinds[sched->id].ops;
    uint16_t helpers = 0;

    if (ops->in_use)
        candidates = ops->in_use(legs, candidates);
    if (packet->waited > FULL)
        sched->full_until = now + FULL_HOLD;
    for (uint16_t left = candidates; left; left &= (uint16_t)(left - 1))
        if (legs[__builtin_ctz(left)].can_send)
            return 0;
    for (size_t i = 0; now < sched->full_until && i < count; i++)
        if (legs[i].usable && legs[i].role == SCHED_ROLE_BACKUP && legs[i].when_full)
            helpers |= (uint16_t)(1u << i);
    return fitting(legs, helpers, packet->length);
}

/** The leg for the copy of a sparse packet: the best of those on which it may arrive before the packet itself. That is
 * where it is expected no later than by what both legs' round trips vary, or by what repair takes where the first leg
 * loses packets, or at about the same time, as either may die; but in no more than twice the time: copies count as use
 * of a leg, and acknowledgements and queues are made for the longest leg in use. @return its bit; 0: there is none */
static uint16_t second_of(const struct sched_leg *legs, uint16_t candidates, unsigned first, size_t length) {
    uint64_t arrival = sched_arrival(&legs[first], length), least = SCHED_NEVER;
    uint16_t second = 0;

    for (candidates &= (uint16_t) ~(1u << first); candidates; candidates &= (uint16_t)(candidates - 1)) {
        const struct sched_leg *leg = &legs[__builtin_ctz(candidates)];
        uint64_t later = (leg->can_send ? 0 : leg->wait) + sched_arrival(leg, length);
        uint64_t spread = SPREADS * (legs[first].rttvar + leg->rttvar);
        uint64_t repair = legs[first].repair, extra = spread > repair ? spread : repair;
        uint64_t margin = EVEN + arrival / EVEN_SHARE + (extra < arrival ? extra : arrival);

        if (leg->role != SCHED_ROLE_PRIMARY || later >= least || later > arrival + margin)
            continue;
        least = later;
        second = (uint16_t)(1u << __builtin_ctz(candidates));
    }
    return second;
}

int sched_pick(struct sched *sched, const struct sched_leg *legs, size_t count, const struct sched_packet *packet,
               uint64_t now, uint16_t *copies) {
    uint16_t candidates = candidates_of(legs, count, packet->length);
    int slot;

    if (candidates)
        candidates |= helpers_of(sched, legs, count, candidates, packet, now);

    *copies = 0;
    if (!candidates)
        return SCHED_NONE;
    slot = kinds[sched->id].ops->pick(sched, legs, candidates, packet, now, copies);
    if (slot >= 0 && packet->sparse && kinds[sched->id].ops->copies_sparse)
        *copies = second_of(legs, candidates, (unsigned)slot, packet->length);
    return slot;
}

/** How long bytes take at a rate. @return ns, not beyond SCHED_NEVER */
static uint64_t time_of(uint64_t bytes, uint64_t rate_bps) {
    double ns = (double)bytes * 8e9 / (double)rate_bps;

    return ns < (double)SCHED_NEVER ? (uint64_t)ns : SCHED_NEVER;
}

/* Bytes on the way are those sent in the last round trip; with a queue they are more than go through in one. So the
 * packet arrives when they have gone through, less the time that acknowledgements need for the way back. Both ways
 * count as equally long: a sender knows no more. */
uint64_t sched_arrival(const struct sched_leg *leg, size_t length) {
    uint64_t unloaded, queued, back = leg->delay ? leg->delay : leg->srtt / 2;

    if (!leg->srtt)
        return SCHED_NEVER;
    if (!leg->rate_bps)
        return leg->srtt / 2;
    unloaded = leg->srtt / 2 + time_of(length, leg->rate_bps);
    queued = time_of(leg->in_flight + length, leg->rate_bps);
    return queued > back && queued - back > unloaded ? queued - back : unloaded;
}

int sched_pick_resend(const struct sched_leg *legs, size_t count, size_t length, uint16_t avoid) {
    uint16_t candidates = candidates_of(legs, count, length);
    int best = SCHED_WAIT;
    bool best_avoided = false;

    if (!candidates)
        return SCHED_NONE;
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        int leg = __builtin_ctz(candidates);
        bool avoided = avoid >> leg & 1;

        if (!legs[leg].can_send || (best >= 0 && avoided && !best_avoided))
            continue;
        if (best < 0 || (best_avoided && !avoided) ||
            sched_arrival(&legs[leg], length) < sched_arrival(&legs[best], length)) {
            best = leg;
            best_avoided = avoided;
        }
    }
    return best;
}

bool sched_counts(const struct sched *sched) {
    return kinds[sched->id].ops->on_sent != NULL;
}

void sched_on_sent(struct sched *sched, const struct sched_leg *legs, unsigned leg, size_t length) {
    if (kinds[sched->id].ops->on_sent)
        kinds[sched->id].ops->on_sent(sched, legs, leg, length);
}

/** What an unknown round-trip time counts as: longer than any known. */
static uint64_t rtt_or_longest(const struct sched_leg *leg) {
    return leg->srtt ? leg->srtt : UINT64_MAX;
}

uint16_t sched_steady(const struct sched_leg *legs, uint16_t set) {
    uint16_t steady = set;

    for (uint16_t left = set; left; left &= (uint16_t)(left - 1))
        if (legs[__builtin_ctz(left)].shaky)
            steady &= (uint16_t) ~(left & -left);
    return steady ? steady : set;
}

int sched_fastest(const struct sched_leg *legs, uint16_t set) {
    int best = SCHED_WAIT;

    for (; set; set &= (uint16_t)(set - 1)) {
        int leg = __builtin_ctz(set);

        if (legs[leg].can_send && (best < 0 || rtt_or_longest(&legs[leg]) < rtt_or_longest(&legs[best])))
            best = leg;
    }
    return best;
}
