/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lostset: which packets were declared lost lately, so that one that arrives after all is known for that. Pure code, of
 * a fixed size; zeroed is empty. How it works is in lostset.c. */
#ifndef MPVPN_QUIC_LOSTSET_H
#define MPVPN_QUIC_LOSTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOSTSET_BLOCKS 512u /**< blocks of packets that are remembered, a power of two */
#define LOSTSET_PACKETS 64u /**< packets in a block */
#define LOSTSET_SPACE 2u    /**< of the packets that carry data */
#define LOSTSET_KNOWN 2048u /**< packets of which more is remembered, a power of two */

/** Packets with neighbouring numbers. */
struct lostset_block {
    uint64_t key;  /**< which packets these are; 0: none */
    uint64_t lost; /**< a bit for each: whether it was declared lost, and has not arrived since */
};

/** Those that were declared lost. lostset.c's alone. */
struct lostset {
    struct lostset_block blocks[LOSTSET_BLOCKS]; /**< by number */
    uint64_t end;                                /**< beyond the largest number of LOSTSET_SPACE; 0: none */
    uint32_t sent[LOSTSET_KNOWN];                /**< µs, modulo 2³²: when these were sent … */
    uint16_t bytes[LOSTSET_KNOWN];               /**< … and how long they were, by number */
};

/** A packet of which more is remembered. */
struct lostset_packet {
    uint64_t number; /**< its number */
    uint64_t sent;   /**< ns, to a µs: when it was sent */
    size_t bytes;    /**< its length */
};

/** A packet was declared lost. @param space of its number, below 4 @param sent ns */
void lostset_add(struct lostset *set, unsigned space, uint64_t number, uint64_t sent, size_t bytes);
/** A packet was acknowledged: it is forgotten. @return whether it had been declared lost */
bool lostset_take(struct lostset *set, unsigned space, uint64_t number);
/**
 * Packets of LOSTSET_SPACE were acknowledged: the first of them that had been declared lost, and of which more is
 * remembered, is forgotten. @param from least of their numbers @param to largest
 * @param now ns
 * @return whether there was one
 */
bool lostset_take_any(struct lostset *set, uint64_t from, uint64_t to, uint64_t now, struct lostset_packet *packet);

#endif
