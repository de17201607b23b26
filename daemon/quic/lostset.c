/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lostset: which packets were declared lost lately.
 *
 * How it works: blocks of 64 packets, a bit each, in a table by the block's number. A block bears its number, so no
 * packet is ever taken for another: however many are on the way, one that was not declared lost is never found. A block
 * takes the place of an older one, 32,768 packets before it, once one of its own packets is declared lost, and never
 * that of a newer one. A packet's number is used once, so nothing needs to be done when packets are sent.
 *
 * What it leaves out: packets of blocks that were replaced. They stay lost, as do those that arrive so late that the
 * connection has forgotten them.
 *
 * Invariants: a block is in the place that its number has in the table, or its key is 0.
 *
 * Standards: RFC 9000 section 12.3 (packet numbers), RFC 9002 section 6.1 (losses that were none). */
#include "quic/lostset.h"

#define SPACES 4u /**< of packet numbers, at most */

static struct lostset_block *place_of(struct lostset *set, unsigned space, uint64_t block) {
    return &set->blocks[(block + space * (LOSTSET_BLOCKS / SPACES)) % LOSTSET_BLOCKS];
}

static uint64_t key_of(unsigned space, uint64_t block) {
    return block * SPACES + space + 1;
}

static uint64_t bit_of(uint64_t number) {
    return 1ull << number % LOSTSET_PACKETS;
}

void lostset_add(struct lostset *set, unsigned space, uint64_t number) {
    uint64_t key = key_of(space, number / LOSTSET_PACKETS);
    struct lostset_block *block = place_of(set, space, number / LOSTSET_PACKETS);

    if (block->key > key)
        return;
    if (block->key < key)
        *block = (struct lostset_block){.key = key};
    block->lost |= bit_of(number);
}

bool lostset_take(struct lostset *set, unsigned space, uint64_t number) {
    struct lostset_block *block = place_of(set, space, number / LOSTSET_PACKETS);
    bool lost = block->key == key_of(space, number / LOSTSET_PACKETS) && (block->lost & bit_of(number)) != 0;

    if (lost)
        block->lost &= ~bit_of(number);
    return lost;
}
