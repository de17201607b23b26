/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_ecf: earliest completion first: the leg on which the packet arrives first, its waiting for the leg included.
 *
 * How it works: for each leg, when it can send and how long the packet is then on its way (sched_arrival: the round
 * trip, and what is on the way already). The leg with the smallest sum is the best. If it can send, it gets the packet;
 * when others are about as good, the one that was preferred so far, so that a flow that one leg carries stays there.
 * On a leg on which a queue stands that is no gain: the queue would grow to what the difference may be, and a flow that
 * its sender's buffer bounds would stand in it as a whole while other legs idle. So then others that are about as good
 * are preferred. An end that does little but answer prefers the leg on which it hears: there QUIC's acknowledgements
 * go with its packets, and theirs with the peer's. By another leg each would go alone, which is a packet more for each
 * batch, and as many back.
 *
 * If it cannot, the question is whether the next best, that can, is worth it: there the packet arrives later by
 * `extra`, and everything of its flow that is sent on the best leg meanwhile waits for it at the receiver. It is worth
 * it
 * - when nothing is lost: extra is 0, or the best legs need longer than that for what the flow has waiting: this is the
 *   rule of ECF, with a margin for jitter and hysteresis;
 * - under overload, when extra is small. A connection that fills the best legs for good fills the others, too, and once
 *   its window has grown to the longer round trip it loses nothing by waiting. The queue before us never becomes long
 *   enough for the first rule to see that, as CoDel keeps it short. Overload is when packets have waited lately for
 *   longer than bursts make them. Small is one and a half round trips of the best leg (a leg of the fourfold round
 *   trip), or BOUND where the leg adds a good part to the rate. For a leg that adds little it is reckoned from the best
 *   leg's delay without its queue, once the leg has had its trial.
 * Otherwise the packet waits. A flow with no more than this packet never goes to a slower leg: it asks for no rate.
 *
 * It leaves out loss, which repair hides, and one-way delays, which a sender does not know: both ways count as equal.
 *
 * Invariant: the best leg is never passed over while it can send, but for one whose arrival is within the margin.
 *
 * Standards: Lim et al., "ECF: an MPTCP path scheduler to manage heterogeneous paths" (CoNEXT 2017); Ferlin et al.,
 * "BLEST" (IFIP Networking 2016), whose question the second rule asks: will the fast leg have to wait? */
#include "bond/sched.h"

#include "common/clock.h"

#define MARGIN NS_PER_MS               /**< ns: a difference up to this, and … */
#define MARGIN_SHARE 8u                /**< … this part of the arrival time, is none */
#define OVERLOAD (5 * NS_PER_MS)       /**< ns: packets that waited longer tell of overload */
#define OVERLOAD_HOLD (NS_PER_SEC / 4) /**< ns: and it is believed in for so long after */
#define BOUND (50 * NS_PER_MS)         /**< ns: a leg may be later than the best by this … */
#define BOUND_SHARE 4u                 /**< … if it adds this part to the rate; in proportion if it adds less */

#define TRIAL (2u << 20) /**< bytes that a leg has carried before its rate is held against it */

/** When a packet arrives on a leg, its waiting for the leg included. @return ns from now */
static uint64_t total(const struct sched_leg *leg, size_t length) {
    return (leg->can_send ? 0 : leg->wait) + sched_arrival(leg, length);
}

/** What makes no difference to a packet that arrives after this time. */
static uint64_t margin(uint64_t arrival) {
    return MARGIN + arrival / MARGIN_SHARE;
}

/** The leg of a set with the earliest arrival. @param ready only such as can send @return slot; SCHED_WAIT: none */
static int earliest(const struct sched_leg *legs, uint16_t set, size_t length, bool ready) {
    int best = SCHED_WAIT;

    for (; set; set &= (uint16_t)(set - 1)) {
        int leg = __builtin_ctz(set);

        if (ready && !legs[leg].can_send)
            continue;
        if (best < 0 || total(&legs[leg], length) < total(&legs[best], length))
            best = leg;
    }
    return best;
}

/** The leg of a set on which the peer sends nearly all. @return SCHED_WAIT: none */
static int source_of(const struct sched_leg *legs, uint16_t set) {
    for (; set; set &= (uint16_t)(set - 1))
        if (legs[__builtin_ctz(set)].source)
            return __builtin_ctz(set);
    return SCHED_WAIT;
}

/** The leg that is used when it makes no difference: the shortest round trip, changed only for a clearly shorter one.
 * Where this end does little but answer, it begins with the leg that brings what is answered. */
static int preferred(struct sched *sched, const struct sched_leg *legs, uint16_t set) {
    int now = sched->preferred - 1, source = source_of(legs, set);

    if (source >= 0)
        now = source;
    else if (now < 0 || !(set >> now & 1))
        now = __builtin_ctz(set);
    for (; set; set &= (uint16_t)(set - 1)) {
        int leg = __builtin_ctz(set);
        uint64_t delay = legs[leg].srtt / 2, than = legs[now].srtt / 2;

        if (legs[leg].srtt && (!legs[now].srtt || delay + margin(delay) + legs[leg].rttvar / 2 < than))
            now = leg;
    }
    sched->preferred = (uint8_t)(now + 1);
    return now;
}

/** What the legs carry together on which packets arrive sooner. @return bits per second */
static uint64_t rate_before(const struct sched_leg *legs, uint16_t set, size_t length, uint64_t arrival) {
    uint64_t rate_bps = 0;

    for (; set; set &= (uint16_t)(set - 1)) {
        const struct sched_leg *leg = &legs[__builtin_ctz(set)];

        if (total(leg, length) < arrival)
            rate_bps += leg->rate_bps;
    }
    return rate_bps;
}

/** By how much later a leg may be under overload. */
static uint64_t bound_of(const struct sched_leg *best, const struct sched_leg *leg, uint64_t rate_bps) {
    uint64_t round_trips = best->delay * 3, added = leg->rate_bps * BOUND_SHARE, bound = BOUND;

    if (added < rate_bps)
        bound = (uint64_t)((double)BOUND * (double)added / (double)rate_bps);
    return round_trips > bound ? round_trips : bound;
}

/** Whether to send now on a leg that is slower than the best, which cannot. */
static bool is_worth_it(const struct sched *sched, const struct sched_leg *legs, uint16_t candidates, int best, int leg,
                        const struct sched_packet *packet, uint64_t now) {
    uint64_t sooner = total(&legs[best], packet->length), later = total(&legs[leg], packet->length), extra, rate_bps;

    if (later <= sooner + margin(sooner))
        return true;
    if (packet->flow_bytes <= packet->length || later >= SCHED_NEVER)
        return false;
    extra = later - sooner;
    rate_bps = rate_before(legs, candidates, packet->length, later);
    if (rate_bps && (double)packet->flow_bytes * 8e9 / (double)rate_bps >
                        (double)(extra + margin(extra) + 2 * legs[leg].rttvar + legs[leg].repair))
        return true;
    /* For little it is not worth it to have all wait, however much the best leg is delayed by its own queue. A leg that
     * has carried little so far is on trial: only in use can it show its rate. */
    if (legs[leg].carried >= TRIAL && legs[leg].rate_bps * BOUND_SHARE < rate_bps && sooner > legs[best].delay)
        extra = later - legs[best].delay;
    return now < sched->overloaded_until && extra <= bound_of(&legs[best], &legs[leg], rate_bps);
}

/** The legs of a set on which no queue stands. */
static uint16_t relaxed(const struct sched_leg *legs, uint16_t set) {
    for (uint16_t left = set; left; left &= (uint16_t)(left - 1))
        if (legs[__builtin_ctz(left)].full)
            set &= (uint16_t) ~(1u << __builtin_ctz(left));
    return set;
}

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    int best = earliest(legs, candidates, packet->length, false), usual = preferred(sched, legs, candidates), leg;
    uint64_t arrival = total(&legs[best], packet->length);

    (void)copies;
    if (packet->waited > OVERLOAD)
        sched->overloaded_until = now + OVERLOAD_HOLD;
    if (legs[usual].full) {
        leg = earliest(legs, relaxed(legs, candidates), packet->length, true);
        if (leg >= 0 && total(&legs[leg], packet->length) <= arrival + margin(arrival))
            return leg;
    }
    if (legs[usual].can_send && total(&legs[usual], packet->length) <= arrival + margin(arrival))
        return usual;
    if (legs[best].can_send)
        return best;
    leg = earliest(legs, candidates, packet->length, true);
    if (leg < 0)
        return SCHED_WAIT;
    return is_worth_it(sched, legs, candidates, best, leg, packet, now) ? leg : SCHED_SKIP;
}

const struct sched_ops sched_ecf = {.pick = pick, .copies_sparse = true};
