/* SPDX-License-Identifier: GPL-2.0-or-later */
/* duplicate: tells the first copy of a packet from all others by its session sequence: one bit for each of the last W
 * sequences. Everything older counts as seen; what is far ahead of all seen so far is distrusted. */
#ifndef MPVPN_BOND_DUPLICATE_H
#define MPVPN_BOND_DUPLICATE_H

#include <stdbool.h>
#include <stdint.h>

#define DUPLICATE_WINDOW_MIN (1u << 14) /**< sequences a window spans at first */
#define DUPLICATE_WINDOW_MAX (1u << 20) /**< sequences it may grow to: 128 KiB */

/** What is known of a sequence. */
enum duplicate_result {
    DUPLICATE_FRESH, /**< seen for the first time; it counts as seen from now on */
    DUPLICATE_SEEN,  /**< seen before, or too old to tell */
    DUPLICATE_JUMP   /**< more than a window ahead, and not the first of its kind within an RTT: not to be believed */
};

/** A window; embedded by value, written by duplicate.c alone. */
struct duplicate {
    uint64_t *bits;   /**< bit (sequence mod span): seen */
    uint64_t jumped;  /**< ns when a jump was last believed; UINT64_MAX: never */
    uint32_t span;    /**< W: sequences remembered, a power of two */
    uint32_t highest; /**< the sequence furthest ahead so far */
};

/** Start before the first packet. @param first the sequence expected first @return 0; -ENOMEM */
int duplicate_init(struct duplicate *window, uint32_t first);
/** Free the bits; fine on a zeroed struct. */
void duplicate_fini(struct duplicate *window);
/** Look a sequence up and note it. @param rtt ns: a jump is believed once in this time @param now ns */
enum duplicate_result duplicate_check(struct duplicate *window, uint32_t sequence, uint64_t rtt, uint64_t now);
/**
 * How many sequences from one on are alike: seen, or not seen.
 * @param most sequences to look at @return 0 when the first is not so, or is ahead of all seen so far
 */
uint32_t duplicate_run(const struct duplicate *window, uint32_t first, bool seen, uint32_t most);
/**
 * So many sequences are under way at once: grow until the window is at least twice that, or as large as it may be.
 * Without memory it stays as it is. What had left the window before counts as seen.
 */
void duplicate_reserve(struct duplicate *window, uint32_t outstanding);

#endif
