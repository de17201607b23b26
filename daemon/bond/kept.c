/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept: superpackets held for resending.
 *
 * How it works: slots in an array that grows by doubling, found again by a hash of buffer and offset, in a list from
 * oldest to newest. A handle is a slot's number and its generation, which changes whenever the slot is emptied. Nothing
 * is allocated once the array has grown to what the traffic needs; the bound on memory bounds it too, since no buffer
 * is smaller than 256 bytes.
 *
 * It leaves out who uses what: kept_release() must be called once for each handle taken.
 *
 * Invariants: slot 0 is never used; a slot in use is in the hash, in the list, has users and its buffer's reference;
 * memory is the sum of the capacities of the slots in use. */
#include "bond/kept.h"

#include <stdlib.h>

#define FIRST_SLOTS 16u /**< slots at the beginning; a power of two */

/** A place for a superpacket. Links are numbers of slots, 0: none. */
struct slot {
    struct split split;  /**< the superpacket; its reference is ours */
    uint32_t users;      /**< handles out; 0: free */
    uint32_t generation; /**< changes when it is emptied; never 0 */
    uint32_t next;       /**< in the hash's chain, or in the free list */
    uint32_t older;      /**< in the list by age */
    uint32_t newer;      /**< likewise */
};

/** The store. */
struct kept {
    struct slot *slots;  /**< slot_count of them */
    uint32_t *chains;    /**< first slot of each hash; slot_count of them */
    uint32_t slot_count; /**< a power of two */
    uint32_t carved;     /**< slots ever used, slot 0 included */
    uint32_t free;       /**< slots given back */
    uint32_t oldest;     /**< of the list by age */
    uint32_t newest;     /**< likewise */
    uint64_t memory;     /**< capacity of the buffers held, bytes */
    uint64_t memory_max; /**< its bound */
};

struct kept *kept_new(uint64_t memory_max) {
    struct kept *kept = calloc(1, sizeof *kept);

    if (!kept)
        return NULL;
    *kept = (struct kept){.slot_count = FIRST_SLOTS, .carved = 1, .memory_max = memory_max};
    kept->slots = malloc(FIRST_SLOTS * sizeof *kept->slots);
    kept->chains = calloc(FIRST_SLOTS, sizeof *kept->chains);
    if (kept->slots && kept->chains)
        return kept;
    kept_free(kept);
    return NULL;
}

void kept_free(struct kept *kept) {
    if (!kept)
        return;
    for (uint32_t i = kept->oldest; i; i = kept->slots[i].newer)
        buf_unref(kept->slots[i].split.packet.buf);
    free(kept->slots);
    free(kept->chains);
    free(kept);
}

/** The chain that a superpacket belongs to. */
static uint32_t *chain_of(const struct kept *kept, const struct superpacket *packet) {
    uint64_t hash = ((uint64_t)(uintptr_t)packet->buf ^ packet->offset) * 0x9e3779b97f4a7c15ull;

    return &kept->chains[(hash >> 32) & (kept->slot_count - 1)];
}

/** Find a superpacket. @return its slot, 0: it is not here */
static uint32_t find(const struct kept *kept, const struct superpacket *packet) {
    uint32_t i = *chain_of(kept, packet);

    while (i &&
           (kept->slots[i].split.packet.buf != packet->buf || kept->slots[i].split.packet.offset != packet->offset))
        i = kept->slots[i].next;
    return i;
}

/** Empty a slot: its handles find nothing any more. */
static void empty(struct kept *kept, uint32_t number) {
    struct slot *slot = &kept->slots[number];
    uint32_t *link = chain_of(kept, &slot->split.packet);

    while (*link != number)
        link = &kept->slots[*link].next;
    *link = slot->next;
    *(slot->older ? &kept->slots[slot->older].newer : &kept->oldest) = slot->newer;
    *(slot->newer ? &kept->slots[slot->newer].older : &kept->newest) = slot->older;
    kept->memory -= slot->split.packet.buf->capacity;
    buf_unref(slot->split.packet.buf);
    slot->users = 0;
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next = kept->free;
    kept->free = number;
}

/** Twice as many slots. @return false: no memory, nothing changed */
static bool grow(struct kept *kept) {
    uint32_t count = kept->slot_count * 2;
    uint32_t *chains = calloc(count, sizeof *chains);
    struct slot *slots = chains ? realloc(kept->slots, count * sizeof *slots) : NULL;

    if (!slots) {
        free(chains);
        return false;
    }
    free(kept->chains);
    kept->slots = slots;
    kept->chains = chains;
    kept->slot_count = count;
    for (uint32_t i = kept->oldest; i; i = slots[i].newer) {
        uint32_t *chain = chain_of(kept, &slots[i].split.packet);

        slots[i].next = *chain;
        *chain = i;
    }
    return true;
}

/** A free slot, 0: no memory. */
static uint32_t take_slot(struct kept *kept) {
    uint32_t number = kept->free;

    if (number) {
        kept->free = kept->slots[number].next;
        return number;
    }
    if (kept->carved == kept->slot_count && !grow(kept))
        return 0;
    kept->slots[kept->carved].generation = 1;
    return kept->carved++;
}

/** Put a superpacket into a free slot. */
static void fill(struct kept *kept, uint32_t number, const struct split *split) {
    struct slot *slot = &kept->slots[number];
    uint32_t *chain = chain_of(kept, &split->packet);

    slot->split = *split;
    slot->users = 0;
    slot->next = *chain;
    *chain = number;
    slot->older = kept->newest;
    slot->newer = 0;
    *(kept->newest ? &kept->slots[kept->newest].newer : &kept->oldest) = number;
    kept->newest = number;
    kept->memory += buf_ref(split->packet.buf)->capacity;
}

uint64_t kept_take(struct kept *kept, const struct split *split) {
    uint32_t number = find(kept, &split->packet);

    if (!number) {
        if (split->packet.buf->capacity > kept->memory_max)
            return KEPT_NONE;
        while (kept->memory + split->packet.buf->capacity > kept->memory_max)
            empty(kept, kept->oldest);
        number = take_slot(kept);
        if (!number)
            return KEPT_NONE;
        fill(kept, number, split);
    }
    kept->slots[number].users++;
    return (uint64_t)kept->slots[number].generation << 32 | number;
}

/** The slot of a handle, NULL: it was emptied since. */
static struct slot *slot_of(const struct kept *kept, uint64_t handle) {
    uint32_t number = (uint32_t)handle;

    if (number == 0 || number >= kept->carved || kept->slots[number].generation != handle >> 32)
        return NULL;
    return &kept->slots[number];
}

const struct split *kept_get(const struct kept *kept, uint64_t handle) {
    const struct slot *slot = slot_of(kept, handle);

    return slot ? &slot->split : NULL;
}

void kept_release(struct kept *kept, uint64_t handle) {
    struct slot *slot = slot_of(kept, handle);

    if (slot && --slot->users == 0)
        empty(kept, (uint32_t)handle);
}

uint64_t kept_memory(const struct kept *kept) {
    return kept->memory;
}
