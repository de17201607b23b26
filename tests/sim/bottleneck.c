/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bottleneck: the lab's link model with packets in it.
 *
 * How it works: the model knows lengths and handles; a handle is a slot that holds the packet and whose it is. What
 * comes out goes into the ring of its link, at the next multiple of burst if there is one: so do radio links that send
 * in turns, and receivers that gather acknowledgements. Marks are for the time on the way, as of a queue that marks by
 * the time that packets wait. A packet that is overtaken is held for its time while those behind it come out.
 *
 * Standards: RFC 3168 (ECN). */
#include "tests/sim/bottleneck.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define ECN_CE 3u

/** A packet on the way. */
struct bottleneck_slot {
    struct link_packet packet; /**< it */
    struct link *link;         /**< whose */
    uint64_t due;              /**< ns: comes out then, if it is being overtaken */
};

void bottleneck_init(struct bottleneck *bottleneck, uint64_t seed) {
    memset(bottleneck, 0, sizeof *bottleneck);
    bottleneck->slots = calloc(SETTINGS_PACKETS_MAX, sizeof *bottleneck->slots);
    bottleneck->free = calloc(SETTINGS_PACKETS_MAX, sizeof *bottleneck->free);
    bottleneck->held = calloc(SETTINGS_PACKETS_MAX, sizeof *bottleneck->held);
    assert(bottleneck->slots != NULL && bottleneck->free != NULL && bottleneck->held != NULL);
    assert(linkmodel_init(&bottleneck->model, seed) == 0);
    while (bottleneck->free_count < SETTINGS_PACKETS_MAX) {
        bottleneck->free[bottleneck->free_count] = SETTINGS_PACKETS_MAX - 1 - (uint32_t)bottleneck->free_count;
        bottleneck->free_count++;
    }
}

void bottleneck_fini(struct bottleneck *bottleneck) {
    linkmodel_fini(&bottleneck->model);
    free(bottleneck->slots);
    free(bottleneck->free);
    free(bottleneck->held);
    memset(bottleneck, 0, sizeof *bottleneck);
}

void bottleneck_put(struct bottleneck *bottleneck, struct link *link, const struct link_packet *packet, uint64_t now) {
    struct bottleneck_slot *slot;
    uint64_t lost;
    uint32_t handle;

    bottleneck_run(bottleneck, now);
    assert(bottleneck->free_count > 0);
    handle = bottleneck->free[bottleneck->free_count - 1];
    lost = bottleneck->model.statistics.lost;
    if (!linkmodel_put(&bottleneck->model, (uint32_t)packet->length, handle, now)) {
        if (bottleneck->model.statistics.lost != lost)
            link->lost++;
        else
            link->dropped++;
        return;
    }
    bottleneck->free_count--;
    slot = &bottleneck->slots[handle];
    slot->link = link;
    slot->packet = *packet;
}

/** A packet comes out. */
static void come_out(struct bottleneck *bottleneck, struct bottleneck_slot *slot, uint64_t time) {
    struct link_packet *packet = &slot->packet;

    packet->at = time;
    if (bottleneck->burst != 0)
        packet->at += bottleneck->burst - 1 - (time - 1) % bottleneck->burst;
    if (packet->ecn != 0 && bottleneck->mark != 0 &&
        time - packet->sent > bottleneck->model.settings.delay + bottleneck->mark)
        packet->ecn = ECN_CE;
    link_arrive(slot->link, packet);
}

/** Whether a packet that comes out now is overtaken by those behind it. */
static bool is_overtaken(struct bottleneck *bottleneck, uint64_t time) {
    struct bottleneck_late *late = &bottleneck->late;

    if (late->delay == 0)
        return false;
    if (time >= late->next) {
        bottleneck->late_left = late->packets;
        late->next = late->every != 0 ? late->next + late->every : TIME_NEVER;
    }
    if (bottleneck->late_left == 0)
        return false;
    bottleneck->late_left--;
    return true;
}

/** @return the slot of the packet that has been overtaken and comes out next; NULL: none */
static struct bottleneck_slot *first_held(const struct bottleneck *bottleneck) {
    return bottleneck->held_count > 0 ? &bottleneck->slots[bottleneck->held[bottleneck->held_head]] : NULL;
}

/** @return the slot of the one that comes out last of those that are held, at least one */
static const struct bottleneck_slot *last_held(const struct bottleneck *bottleneck) {
    size_t last = bottleneck->held_head + bottleneck->held_count - 1;

    return &bottleneck->slots[bottleneck->held[last % SETTINGS_PACKETS_MAX]];
}

/** A packet is held until it is due. The ring is in the order in which packets are due, which it is as long as
 * late.delay stays the same while any is held; and each that is held has its slot, so it never has more than those. */
static void hold(struct bottleneck *bottleneck, uint32_t handle, uint64_t due) {
    assert(bottleneck->held_count < SETTINGS_PACKETS_MAX);
    assert(bottleneck->held_count == 0 || due >= last_held(bottleneck)->due);
    bottleneck->slots[handle].due = due;
    bottleneck->held[(bottleneck->held_head + bottleneck->held_count++) % SETTINGS_PACKETS_MAX] = handle;
}

/** Those that were overtaken for long enough come out. */
static void release(struct bottleneck *bottleneck, uint64_t now) {
    struct bottleneck_slot *slot;

    while ((slot = first_held(bottleneck)) != NULL && slot->due <= now) {
        come_out(bottleneck, slot, slot->due);
        bottleneck->free[bottleneck->free_count++] = bottleneck->held[bottleneck->held_head];
        bottleneck->held_head = (bottleneck->held_head + 1) % SETTINGS_PACKETS_MAX;
        bottleneck->held_count--;
    }
}

void bottleneck_run(struct bottleneck *bottleneck, uint64_t now) {
    struct linkmodel_out out;

    while (linkmodel_take(&bottleneck->model, now, &out)) {
        struct bottleneck_slot *slot = &bottleneck->slots[out.handle];

        release(bottleneck, out.time);
        if (!out.dropped && is_overtaken(bottleneck, out.time)) {
            hold(bottleneck, out.handle, out.time + bottleneck->late.delay);
            continue;
        }
        if (out.dropped)
            slot->link->dropped++;
        else
            come_out(bottleneck, slot, out.time);
        bottleneck->free[bottleneck->free_count++] = out.handle;
    }
    release(bottleneck, now);
}

uint64_t bottleneck_next(const struct bottleneck *bottleneck) {
    const struct bottleneck_slot *held = first_held(bottleneck);
    uint64_t next = linkmodel_next(&bottleneck->model);

    return held != NULL && held->due < next ? held->due : next;
}
