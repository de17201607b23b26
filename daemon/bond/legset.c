/* SPDX-License-Identifier: GPL-2.0-or-later */
/* legset: the legs on which a receiver must reckon with packets.
 *
 * How it works: a leg is nearly FIFO, and packets are sent for the first time in the order of their sequences. So when
 * a packet has come on a leg, whatever has a lower sequence and was first sent on that leg has come or is lost: the leg
 * has *passed* it. A mark on the leg itself says the same. A mark about a leg that comes on another leg may overtake
 * what is under way; it holds once that had time to arrive.
 *
 * That time is measured. The trail notes, at most once a millisecond, which sequence was the furthest ahead and when;
 * how long after that a later leg brings the same sequence is its lateness, smoothed as RFC 6298 smooths an RTT. A leg
 * that stays silent for its smoothed lateness and three deviations after another brought more is not waited for. An
 * only leg is behind nobody: the trail begins when a second one is known. Where there is no memory for it, a leg's RTT
 * stands in for its lateness.
 *
 * What it leaves out: the packets (reorder.c), and whether a sequence is to be believed (duplicate.c).
 *
 * Invariants: legs[0, count) are in use and slot[] points at them. The sequences of the trail rise. No member's `next`
 * is further behind the head than the largest window, so that sequences never wrap around a leg that is silent.
 *
 * Standards: RFC 1990 section 4.1 (loss by the lowest of all links' sequences); RFC 6298 section 2 (smoothing). */
#include "bond/legset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bond/duplicate.h"

#define LEGSET_GONE 0xffu /**< slot of a leg that left: what still speaks of it does not bring it back */

void legset_init(struct legset *set, uint32_t first) {
    memset(set, 0, sizeof *set);
    set->head = first - 1;
}

void legset_fini(struct legset *set) {
    free(set->points);
    set->points = NULL;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static struct legset_leg *find(struct legset *set, uint8_t number) {
    unsigned slot = number <= FRAME_LEG_MAX ? set->slot[number] : 0;

    return slot == 0 || slot == LEGSET_GONE ? NULL : &set->legs[slot - 1];
}

/** Find a leg or begin to keep account of it. @return NULL: it is gone, or there are too many */
static struct legset_leg *find_or_add(struct legset *set, uint8_t number) {
    struct legset_leg *leg = find(set, number);

    if (leg || number > FRAME_LEG_MAX || set->slot[number] == LEGSET_GONE || set->count == LEGSET_MAX)
        return leg;
    leg = &set->legs[set->count++];
    *leg = (struct legset_leg){.number = number, .next = set->head - DUPLICATE_WINDOW_MAX};
    leg->announced = leg->next;
    set->slot[number] = (uint8_t)set->count;
    if (set->count > 1 && !set->points)
        set->points = malloc(LEGSET_POINTS * sizeof *set->points);
    return leg;
}

void legset_add(struct legset *set, uint8_t number) {
    if (number <= FRAME_LEG_MAX && set->slot[number] == LEGSET_GONE)
        set->slot[number] = 0;
}

void legset_remove(struct legset *set, uint8_t number) {
    struct legset_leg *leg = find(set, number);

    if (number <= FRAME_LEG_MAX)
        set->slot[number] = LEGSET_GONE;
    if (!leg)
        return;
    *leg = set->legs[--set->count];
    if (leg != &set->legs[set->count])
        set->slot[leg->number] = (uint8_t)(leg - set->legs + 1);
}

/** The leg is in the set, and can bring nothing before a sequence for the first time. */
static void enter(struct legset_leg *leg, uint32_t next) {
    if (frame_before32(leg->next, next))
        leg->next = next;
    leg->member = true;
    leg->idle = false;
}

/** The leg leaves the set until it is heard or spoken of. */
static void leave(struct legset_leg *leg) {
    if (frame_before32(leg->next, leg->announced))
        leg->next = leg->announced;
    leg->member = leg->idle = false;
}

/** How long a leg may be silent before nothing more is expected of it. @return ns */
static uint64_t wait_of(const struct legset_leg *leg) {
    uint64_t wait = leg->sampled ? leg->spread + 3 * leg->deviation : leg->srtt ? leg->srtt : LEGSET_SRTT_INITIAL;

    return wait < LEGSET_WAIT_MIN ? LEGSET_WAIT_MIN : wait > LEGSET_WAIT_MAX ? LEGSET_WAIT_MAX : wait;
}

/** A sequence that the head has left behind stays within reach of it. */
static void keep_up(uint32_t *sequence, uint32_t head) {
    if (frame_distance32(*sequence, head) > (int32_t)DUPLICATE_WINDOW_MAX)
        *sequence = head - DUPLICATE_WINDOW_MAX;
}

void legset_tick(struct legset *set, uint64_t now) {
    set->ticked = now;
    for (unsigned i = 0; i < set->count; i++) {
        struct legset_leg *leg = &set->legs[i];

        if (leg->idle && later(leg->announced_at, leg->heard) + wait_of(leg) <= now)
            leave(leg);
        keep_up(&leg->next, set->head);
        keep_up(&leg->announced, set->head);
    }
}

static const struct legset_point *point(const struct legset *set, uint32_t index) {
    return &set->points[index % LEGSET_POINTS];
}

/** The first packet that gets this far. */
static void lead(struct legset *set, uint32_t sequence, uint64_t now) {
    set->head = sequence;
    if (!set->points)
        return;
    if (set->trail > 0 && now - point(set, set->trail - 1)->at < LEGSET_TICK)
        return;
    set->points[set->trail++ % LEGSET_POINTS] = (struct legset_point){.at = now, .sequence = sequence};
}

/** How long ago the head got as far as a sequence. @return ns */
static uint64_t lateness(const struct legset *set, uint32_t sequence, uint64_t now) {
    uint32_t high = set->trail, low = set->trail > LEGSET_POINTS ? set->trail - LEGSET_POINTS : 0;

    if (high == low)
        return 0;
    /* The first point at or after the sequence; past the last point, the last, which is less than a tick off. */
    high--;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (frame_before32(point(set, middle)->sequence, sequence))
            low = middle + 1;
        else
            high = middle;
    }
    return now - point(set, low)->at;
}

static void sample(struct legset_leg *leg, uint64_t value, uint64_t now) {
    uint64_t off;

    /* All legs were silent, and what they swallowed is sent again. And no leg is waited for as long. */
    if (value > LEGSET_WAIT_MAX)
        return;
    if (!leg->sampled) {
        leg->spread = value;
        leg->deviation = value / 2;
    } else {
        off = value > leg->spread ? value - leg->spread : leg->spread - value;
        leg->deviation = (3 * leg->deviation + off) / 4;
        leg->spread = (7 * leg->spread + value) / 8;
    }
    leg->sampled = now ? now : 1;
}

void legset_on_packet(struct legset *set, uint8_t number, uint32_t sequence, uint64_t now) {
    struct legset_leg *leg = find_or_add(set, number);
    bool first = frame_before32(set->head, sequence);

    if (first)
        lead(set, sequence, now);
    if (leg) {
        /* What is not ahead of all that came on this leg before is a copy, and says nothing of the leg's lateness. */
        if (!frame_before32(sequence, leg->next) && now - leg->sampled >= LEGSET_TICK && (first || set->trail > 0))
            sample(leg, first ? 0 : lateness(set, sequence, now), now);
        /* What was sent before a leg was called idle does not call it back. */
        if ((leg->member && !leg->idle) || !frame_before32(sequence, leg->announced))
            enter(leg, sequence + 1);
        else if (!frame_before32(sequence, leg->next))
            leg->next = sequence + 1;
        leg->heard = now;
    }
    if (now - set->ticked >= LEGSET_TICK)
        legset_tick(set, now);
}

void legset_on_jump(struct legset *set, uint32_t sequence) {
    set->head = sequence - 1;
    set->trail = 0;
    for (unsigned i = 0; i < set->count; i++)
        set->legs[i].next = set->legs[i].announced = sequence;
}

int legset_on_mark(struct legset *set, uint8_t on, const struct frame_mark *mark, uint64_t now) {
    struct legset_leg *leg;

    if (mark->flags & FRAME_MARK_GONE) {
        legset_remove(set, mark->leg);
        return 0;
    }
    leg = mark->flags & FRAME_MARK_IDLE ? find(set, mark->leg) : find_or_add(set, mark->leg);
    if (!leg)
        return mark->flags & FRAME_MARK_IDLE || set->slot[mark->leg] == LEGSET_GONE ? 0 : -ENOSPC;
    leg->announced = mark->next;
    leg->announced_at = now;
    if (!(mark->flags & FRAME_MARK_IDLE))
        /* If it came on another leg, more than it speaks of may be under way on a leg that is in use. */
        enter(leg, on == mark->leg || !leg->member ? mark->next : leg->next);
    else if (on == mark->leg)
        leave(leg);
    else
        leg->idle = leg->member;
    return 0;
}

void legset_set_rtt(struct legset *set, uint8_t number, uint64_t srtt, uint64_t variation) {
    struct legset_leg *leg = find_or_add(set, number);

    if (!leg)
        return;
    leg->srtt = srtt;
    leg->variation = variation;
}

uint32_t legset_passed(const struct legset *set) {
    uint32_t passed = set->head + 1;

    for (unsigned i = 0; i < set->count; i++)
        if (set->legs[i].member && frame_before32(set->legs[i].next, passed))
            passed = set->legs[i].next;
    return passed;
}

uint64_t legset_silent_at(const struct legset *set, uint32_t sequence, uint64_t since) {
    uint64_t latest = 0;

    for (unsigned i = 0; i < set->count; i++) {
        const struct legset_leg *leg = &set->legs[i];
        uint64_t from = since;

        if (!leg->member || !frame_before32(leg->next, sequence))
            continue;
        if ((leg->idle || !frame_before32(leg->announced, sequence)) && leg->announced_at < from)
            from = leg->announced_at;
        latest = later(latest, later(from, leg->heard) + wait_of(leg));
    }
    return latest;
}

uint64_t legset_rtt(const struct legset *set) {
    uint64_t largest = 0;

    for (unsigned i = 0; i < set->count; i++)
        if (set->legs[i].member)
            largest = later(largest, set->legs[i].srtt ? set->legs[i].srtt : LEGSET_SRTT_INITIAL);
    return largest ? largest : LEGSET_SRTT_INITIAL;
}

uint64_t legset_repair(const struct legset *set) {
    uint64_t longest = 0;

    for (unsigned i = 0; i < set->count; i++)
        if (set->legs[i].member)
            longest = later(longest, legset_repair_time(set->legs[i].srtt ? set->legs[i].srtt : LEGSET_SRTT_INITIAL,
                                                        set->legs[i].variation));
    return longest ? longest : legset_repair_time(LEGSET_SRTT_INITIAL, 0);
}

uint64_t legset_wait(const struct legset *set) {
    uint64_t longest = LEGSET_WAIT_MIN;

    for (unsigned i = 0; i < set->count; i++)
        if (set->legs[i].member)
            longest = later(longest, wait_of(&set->legs[i]));
    return longest;
}

unsigned legset_members(const struct legset *set) {
    unsigned members = 0;

    for (unsigned i = 0; i < set->count; i++)
        members += set->legs[i].member;
    return members;
}
