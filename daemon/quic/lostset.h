/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lostset: which packets were declared lost lately, so that one that arrives after all is known for that. Pure code, of
 * a fixed size, embedded by value; zeroed is empty. How it works is in lostset.c. */
#ifndef MPVPN_QUIC_LOSTSET_H
#define MPVPN_QUIC_LOSTSET_H

#include <stdbool.h>
#include <stdint.h>

#define LOSTSET_BLOCKS 512u /**< blocks of packets that are remembered, a power of two */
#define LOSTSET_PACKETS 64u /**< packets in a block */

/** Packets with neighbouring numbers. */
struct lostset_block {
    uint64_t key;  /**< which packets these are; 0: none */
    uint64_t lost; /**< a bit for each: whether it was declared lost, and has not arrived since */
};

/** Those that were declared lost. lostset.c's alone. */
struct lostset {
    struct lostset_block blocks[LOSTSET_BLOCKS]; /**< by number */
};

/** A packet was declared lost. @param space of its number, below 4 */
void lostset_add(struct lostset *set, unsigned space, uint64_t number);
/** A packet was acknowledged: it is forgotten. @return whether it had been declared lost */
bool lostset_take(struct lostset *set, unsigned space, uint64_t number);

#endif
