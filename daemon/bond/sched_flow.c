/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_flow: a flow stays on one leg.
 *
 * How it works: rendezvous hashing. For each leg a random number is drawn from the flow's hash and the leg's number
 * alone; the leg with the smallest -log(number) / weight has the flow. A leg that goes moves only the flows that it
 * had, one that comes takes only those that it is to have, each time in proportion to the weights. Logarithms are in
 * fixed point.
 *
 * A flow whose leg cannot send waits, but others need not (SCHED_SKIP). Flows do not come back to a leg that flaps:
 * each time they would wait for its start-up, and lose what is on its way when it falls out again. It leaves out moving
 * flows off a busy leg. */
#include "bond/sched.h"

#define FRACTION_BITS 16u /**< of the logarithms */

/** A well mixed number from a flow and a leg (the finalizer of MurmurHash3, 64 bits). */
static uint32_t draw(uint32_t flow_hash, uint8_t number) {
    uint64_t x = (uint64_t)flow_hash << 8 | number;

    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 33;
    return (uint32_t)x;
}

/** -log2(x / 2^32) for x > 0, with FRACTION_BITS of fraction: the whole part from the highest bit, each further bit by
 * squaring. */
static uint32_t minus_log2(uint32_t x) {
    unsigned zeros = (unsigned)__builtin_clz(x);
    uint64_t mantissa = (uint64_t)x << zeros; /* 1 to 2, 31 bits of fraction */
    uint32_t fraction = 0;

    for (unsigned i = 0; i < FRACTION_BITS; i++) {
        mantissa = mantissa * mantissa >> 31;
        fraction <<= 1;
        if (mantissa >> 32) {
            mantissa >>= 1;
            fraction |= 1;
        }
    }
    return ((zeros + 1) << FRACTION_BITS) - fraction;
}

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    uint64_t least = UINT64_MAX;
    int best = SCHED_WAIT;
    bool any = false;

    (void)sched, (void)now, (void)copies;
    candidates = sched_steady(legs, candidates);
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        int leg = __builtin_ctz(candidates);
        uint64_t log = minus_log2(draw(packet->flow_hash, legs[leg].number) | 1);
        uint64_t score = (log << 32) / (legs[leg].weight ? legs[leg].weight : 1);

        any = any || legs[leg].can_send;
        if (best < 0 || score < least) {
            least = score;
            best = leg;
        }
    }
    if (legs[best].can_send)
        return best;
    return any ? SCHED_SKIP : SCHED_WAIT;
}

const struct sched_ops sched_flow = {.pick = pick, .in_use = sched_steady};
