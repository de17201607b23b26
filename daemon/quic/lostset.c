/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lostset: which packets were declared lost lately.
 *
 * How it works: blocks of 64 packets, a bit each, in a table by the block's number. A block bears its number, so no
 * packet is ever taken for another: however many are on the way, one that was not declared lost is never found. A block
 * takes the place of an older one, 32,768 packets before it, once one of its own packets is declared lost, and never
 * that of a newer one. A packet's number is used once, so nothing needs to be done when packets are sent. Of the last
 * 2,048 numbers of the packets that carry data it is remembered when they were sent, too, and how long they were, for
 * those of which the connection has forgotten that.
 *
 * What it leaves out: packets of blocks that were replaced. They stay lost.
 *
 * Invariants: a block is in the place that its number has in the table, or its key is 0.
 *
 * Standards: RFC 9000 section 12.3 (packet numbers), RFC 9002 section 6.1 (losses that were none). */
#include "quic/lostset.h"

#include "common/clock.h"

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

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/** @return the block that a packet is in; NULL: nothing is remembered of that */
static struct lostset_block *block_of(struct lostset *set, unsigned space, uint64_t number) {
    struct lostset_block *block = place_of(set, space, number / LOSTSET_PACKETS);

    return block->key == key_of(space, number / LOSTSET_PACKETS) ? block : NULL;
}

void lostset_add(struct lostset *set, unsigned space, uint64_t number, uint64_t sent, size_t bytes) {
    uint64_t key = key_of(space, number / LOSTSET_PACKETS);
    struct lostset_block *block = place_of(set, space, number / LOSTSET_PACKETS);

    if (block->key > key)
        return;
    if (block->key < key)
        *block = (struct lostset_block){.key = key};
    block->lost |= bit_of(number);
    if (space != LOSTSET_SPACE || number + LOSTSET_KNOWN < set->end)
        return;
    set->end = most(set->end, number + 1);
    set->sent[number % LOSTSET_KNOWN] = (uint32_t)(sent / NS_PER_US);
    set->bytes[number % LOSTSET_KNOWN] = (uint16_t)bytes;
}

bool lostset_take(struct lostset *set, unsigned space, uint64_t number) {
    struct lostset_block *block = block_of(set, space, number);

    if (block == NULL || (block->lost & bit_of(number)) == 0)
        return false;
    block->lost &= ~bit_of(number);
    return true;
}

bool lostset_take_any(struct lostset *set, uint64_t from, uint64_t to, uint64_t now, struct lostset_packet *packet) {
    uint64_t number = most(from, set->end - least(set->end, LOSTSET_KNOWN)), end = least(to + 1, set->end);

    while (number < end) {
        struct lostset_block *block = block_of(set, LOSTSET_SPACE, number);
        uint64_t lost = block != NULL ? block->lost >> number % LOSTSET_PACKETS : 0;

        if (lost == 0) {
            number += LOSTSET_PACKETS - number % LOSTSET_PACKETS;
            continue;
        }
        number += (uint64_t)__builtin_ctzll(lost);
        if (number >= end)
            return false;
        block->lost &= ~bit_of(number);
        packet->number = number;
        packet->sent = now - (uint32_t)(now / NS_PER_US - set->sent[number % LOSTSET_KNOWN]) * NS_PER_US;
        packet->bytes = set->bytes[number % LOSTSET_KNOWN];
        return true;
    }
    return false;
}
