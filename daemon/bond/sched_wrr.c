/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_wrr: weighted round robin, by bytes.
 *
 * How it works: each leg has an account of what it got, in bytes divided by its weight; the leg that can send and got
 * least is next. So the turns of a heavy leg lie spread between those of the light ones, not in one burst, and after
 * every packet each leg is within a packet of its share. A leg that cannot send misses its turns: the others go on, and
 * of what it missed it may catch up only CATCH_UP_BYTES.
 *
 * It leaves out the legs' speed: weights alone decide, as long as all can send.
 *
 * Invariant: the account of a leg that was served last is `round` or less before that packet was booked. */
#include "bond/sched.h"

#define FRACTION_BITS 20u     /**< of the accounts; they run over after 2^44 bytes at weight 1, and are then shifted */
#define CATCH_UP_BYTES 24576u /**< what a leg may have missed and still get, at weight 1 */
#define ACCOUNT_MAX (UINT64_MAX / 2) /**< accounts start anew before this */

/** Bytes as they are booked on a leg's account. */
static uint64_t by_weight(const struct sched_leg *leg, uint64_t bytes) {
    return (bytes << FRACTION_BITS) / (leg->weight ? leg->weight : 1);
}

/** Bring a leg's account up to date: what it missed beyond the limit is booked, and what it is ahead beyond it is
 * forgotten for good. A packet puts it ahead by less; only a weight that was raised since can leave more. */
static uint64_t account(struct sched *sched, const struct sched_leg *legs, unsigned leg) {
    uint64_t limit = by_weight(&legs[leg], CATCH_UP_BYTES);
    uint64_t least = sched->round > limit ? sched->round - limit : 0, most = sched->round + limit;

    if (sched->spent[leg] < least)
        sched->spent[leg] = least;
    if (sched->spent[leg] > most)
        sched->spent[leg] = most;
    return sched->spent[leg];
}

static int pick(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies) {
    int best = SCHED_WAIT;
    uint64_t least = 0;

    (void)packet, (void)now, (void)copies;
    for (; candidates; candidates &= (uint16_t)(candidates - 1)) {
        unsigned leg = (unsigned)__builtin_ctz(candidates);
        uint64_t got = account(sched, legs, leg);

        if (legs[leg].can_send && (best < 0 || got < least)) {
            best = (int)leg;
            least = got;
        }
    }
    return best;
}

static void on_sent(struct sched *sched, const struct sched_leg *legs, unsigned leg, size_t length) {
    uint64_t got = account(sched, legs, leg);

    if (got > sched->round)
        sched->round = got;
    sched->spent[leg] = got + by_weight(&legs[leg], length);
    if (sched->round > ACCOUNT_MAX)
        sched_init(sched, sched->id);
}

const struct sched_ops sched_wrr = {.pick = pick, .on_sent = on_sent};
