/* SPDX-License-Identifier: GPL-2.0-or-later */
/* legset: the legs on which a receiver must reckon with packets, how far each has come, and how far it lags behind the
 * fastest. From this follows when a missing packet is lost: when no leg of the set can still be bringing it. Internal
 * to reorder. */
#ifndef MPVPN_BOND_LEGSET_H
#define MPVPN_BOND_LEGSET_H

#include <stdbool.h>
#include <stdint.h>

#include "bond/frame.h"

#define LEGSET_MAX 16u                   /**< legs that are kept account of */
#define LEGSET_POINTS 256u               /**< points of the trail: a quarter of a second at one a millisecond */
#define LEGSET_TICK 1000000ull           /**< ns: lateness and bookkeeping are looked at no more often */
#define LEGSET_WAIT_MIN 5000000ull       /**< ns: no leg counts as silent sooner */
#define LEGSET_WAIT_MAX 500000000ull     /**< ns: every silent leg counts as silent by then */
#define LEGSET_SRTT_INITIAL 100000000ull /**< ns: assumed while nobody has told a leg's RTT */
#define LEGSET_REPAIR_MARGIN 10000000ull /**< ns: repair may take so much longer than the round trips in it */

/** How long repair takes on a leg at most: two resends, each after the round trip in which a loss is seen, and any of
 * them late by what round trips vary; and a little. Both ends reckon with it. @return ns */
static inline uint64_t legset_repair_time(uint64_t srtt, uint64_t variation) {
    return srtt / 2 * 5 + 4 * variation + LEGSET_REPAIR_MARGIN;
}

/** What is known of a leg. */
struct legset_leg {
    uint64_t heard;        /**< ns, when a packet came on it last */
    uint64_t sampled;      /**< ns, when its lateness was looked at last; 0: never */
    uint64_t spread;       /**< ns, smoothed lateness of its packets behind the leg that is first */
    uint64_t deviation;    /**< ns, smoothed deviation of that */
    uint64_t srtt;         /**< ns, as told; 0: not known */
    uint64_t variation;    /**< ns, of that */
    uint64_t announced_at; /**< ns, when a mark on another leg spoke of it last */
    uint32_t announced;    /**< next of that mark */
    uint32_t next;         /**< it can bring nothing before this for the first time */
    uint8_t number;        /**< of the leg */
    bool member;           /**< in the set: packets may be under way on it */
    bool idle;             /**< a mark on another leg called it idle: leaves the set when what was under way is over */
};

/** A point of the trail: the first packet that got this far came at this time. */
struct legset_point {
    uint64_t at;       /**< ns */
    uint32_t sequence; /**< the one furthest ahead then */
};

/** The set; embedded by value, written by legset.c alone. */
struct legset {
    struct legset_leg legs[LEGSET_MAX]; /**< count of them */
    struct legset_point *points;        /**< ring of the trail: LEGSET_POINTS; made for a second leg; owned */
    uint64_t ticked;                    /**< ns, when bookkeeping was done last */
    uint32_t head;                      /**< the sequence furthest ahead */
    uint32_t trail;                     /**< points written since the start */
    unsigned count;                     /**< legs known */
    uint8_t slot[FRAME_LEG_MAX + 1];    /**< by number: 1 + index in legs; 0: unknown; LEGSET_GONE */
};

/** Start with no legs. @param first the sequence expected first */
void legset_init(struct legset *set, uint32_t first);
/** Free the trail; fine on a zeroed struct. */
void legset_fini(struct legset *set);
/** A packet, fresh or copy, came on a leg: it enters the set, and has passed everything before the packet. */
void legset_on_packet(struct legset *set, uint8_t leg, uint32_t sequence, uint64_t now);
/** A sequence unbelievably far ahead was believed after all: nothing before it is waited for. */
void legset_on_jump(struct legset *set, uint32_t sequence);
/** A mark, whose sequences are believed, came on leg `on`. @return 0; -ENOSPC: one leg too many, ignored */
int legset_on_mark(struct legset *set, uint8_t on, const struct frame_mark *mark, uint64_t now);
/** Tell a leg's smoothed RTT and its mean variation. */
void legset_set_rtt(struct legset *set, uint8_t leg, uint64_t srtt, uint64_t variation);
/** A leg of this number comes; another one had it long ago, if any. */
void legset_add(struct legset *set, uint8_t leg);
/** The leg is gone; its number does not enter again before legset_add(). */
void legset_remove(struct legset *set, uint8_t leg);
/** Bookkeeping for the passage of time; legset_on_packet() sees to it, too. */
void legset_tick(struct legset *set, uint64_t now);

/** Every leg of the set has passed all that comes before this sequence. */
uint32_t legset_passed(const struct legset *set);
/**
 * When the last of the legs that have not passed a gap will have been silent too long to be waited for.
 * @param sequence of the packet behind the gap
 * @param since ns, when that packet came
 * @return ns; 0: every leg has passed it
 */
uint64_t legset_silent_at(const struct legset *set, uint32_t sequence, uint64_t since);
/** Largest smoothed RTT of the set, ns. */
uint64_t legset_rtt(const struct legset *set);
/** The longest that repair takes on a leg of the set, ns. */
uint64_t legset_repair(const struct legset *set);
/** How many legs are in the set. */
unsigned legset_members(const struct legset *set);
/** Longest time that is waited for a leg of the set which is silent, ns. */
uint64_t legset_wait(const struct legset *set);

#endif
