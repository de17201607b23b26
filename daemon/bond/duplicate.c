/* SPDX-License-Identifier: GPL-2.0-or-later */
/* duplicate: tells the first copy of a packet from all others by its session sequence.
 *
 * How it works: a ring of `span` bits holds whether each of the sequences (highest - span, highest] was seen. A
 * sequence further ahead moves the window: the bits that it now covers for the first time are cleared, at most all of
 * them. When packets come so late that they are half a window old, the window doubles; what had left it before counts
 * as seen.
 *
 * What it leaves out: order (reorder.c).
 *
 * Invariants: span is a power of two within DUPLICATE_WINDOW_MIN and _MAX; the bit of `highest` is set, as are those of
 * all sequences before the first one expected.
 *
 * Standards: in the manner of the anti-replay window of RFC 4303 section 3.4.3 and RFC 6479. */
#include "bond/duplicate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bond/frame.h"

#define WORD 64u /**< bits of a word */

/** The word of the ring that holds a sequence. */
static uint64_t *word_of(const struct duplicate *window, uint32_t sequence) {
    return &window->bits[(sequence & (window->span - 1)) / WORD];
}

static uint64_t bit_of(uint32_t sequence) {
    return UINT64_C(1) << (sequence % WORD);
}

int duplicate_init(struct duplicate *window, uint32_t first) {
    uint64_t *bits = malloc(DUPLICATE_WINDOW_MIN / 8);

    if (!bits)
        return -ENOMEM;
    memset(bits, 0xff, DUPLICATE_WINDOW_MIN / 8);
    *window =
        (struct duplicate){.bits = bits, .span = DUPLICATE_WINDOW_MIN, .highest = first - 1, .jumped = UINT64_MAX};
    return 0;
}

void duplicate_fini(struct duplicate *window) {
    free(window->bits);
    *window = (struct duplicate){0};
}

/** Clear count sequences from first on; count < span. */
static void clear(struct duplicate *window, uint32_t first, uint32_t count) {
    while (count > 0) {
        uint32_t offset = first % WORD;
        uint32_t here = count < WORD - offset ? count : WORD - offset;
        uint64_t mask = here == WORD ? UINT64_MAX : ((UINT64_C(1) << here) - 1) << offset;

        *word_of(window, first) &= ~mask;
        first += here;
        count -= here;
    }
}

/** Move the window ahead by distance > 0 and note the sequence. */
static void advance(struct duplicate *window, uint32_t sequence, uint32_t distance) {
    if (distance >= window->span)
        memset(window->bits, 0, window->span / 8);
    else
        clear(window, window->highest + 1, distance);
    window->highest = sequence;
    *word_of(window, sequence) |= bit_of(sequence);
}

/** Twice the span, with all that is known kept. @return 0; -ENOMEM: as it was */
static int grow(struct duplicate *window) {
    struct duplicate larger = {.span = 2 * window->span, .highest = window->highest, .jumped = window->jumped};
    uint64_t newer = UINT64_MAX >> (WORD - 1 - window->highest % WORD); /* bits of the last word up to highest */

    larger.bits = malloc(larger.span / 8);
    if (!larger.bits)
        return -ENOMEM;
    memset(larger.bits, 0xff, larger.span / 8);
    for (uint32_t back = WORD; back < window->span; back += WORD)
        *word_of(&larger, window->highest - back) = *word_of(window, window->highest - back);
    /* One word holds both ends of the ring: the newest sequences up to highest, and above it the oldest. */
    *word_of(&larger, window->highest) = *word_of(window, window->highest) | ~newer;
    *word_of(&larger, window->highest - window->span) = *word_of(window, window->highest) | newer;
    free(window->bits);
    *window = larger;
    return 0;
}

void duplicate_reserve(struct duplicate *window, uint32_t outstanding) {
    while (window->span / 2 < outstanding && window->span < DUPLICATE_WINDOW_MAX)
        if (grow(window) < 0)
            return;
}

enum duplicate_result duplicate_check(struct duplicate *window, uint32_t sequence, uint64_t rtt, uint64_t now) {
    int32_t distance = frame_distance32(window->highest, sequence);
    uint64_t *word;
    uint32_t age;

    if (distance > 0) {
        if ((uint32_t)distance > window->span) {
            if (window->jumped != UINT64_MAX && now - window->jumped < rtt)
                return DUPLICATE_JUMP;
            window->jumped = now;
        }
        advance(window, sequence, (uint32_t)distance);
        return DUPLICATE_FRESH;
    }
    age = window->highest - sequence;
    if (age >= window->span)
        return DUPLICATE_SEEN;
    word = word_of(window, sequence);
    if (*word & bit_of(sequence))
        return DUPLICATE_SEEN;
    *word |= bit_of(sequence);
    if (age >= window->span / 2)
        duplicate_reserve(window, age + 1);
    return DUPLICATE_FRESH;
}

uint32_t duplicate_run(const struct duplicate *window, uint32_t first, bool seen, uint32_t most) {
    int64_t left = (int64_t)frame_distance32(first, window->highest) + 1;
    uint32_t length = 0;

    while (length < most && left > 0) {
        bool is_seen = left > window->span || (*word_of(window, first) & bit_of(first));

        if (is_seen != seen)
            break;
        first++;
        left--;
        length++;
    }
    return length;
}
