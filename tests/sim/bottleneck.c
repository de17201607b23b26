/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bottleneck: the lab's link model with packets in it.
 *
 * How it works: the model knows lengths and handles; a handle is a slot that holds the packet and whose it is. What
 * comes out goes into the ring of its link, at the next multiple of burst if there is one: so do radio links that send
 * in turns, and receivers that gather acknowledgements. Marks are for the time on the way, as of a queue that marks by
 * the time that packets wait.
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
};

void bottleneck_init(struct bottleneck *bottleneck, uint64_t seed) {
    memset(bottleneck, 0, sizeof *bottleneck);
    bottleneck->slots = calloc(SETTINGS_PACKETS_MAX, sizeof *bottleneck->slots);
    bottleneck->free = calloc(SETTINGS_PACKETS_MAX, sizeof *bottleneck->free);
    assert(bottleneck->slots != NULL && bottleneck->free != NULL);
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

void bottleneck_run(struct bottleneck *bottleneck, uint64_t now) {
    struct linkmodel_out out;

    while (linkmodel_take(&bottleneck->model, now, &out)) {
        struct bottleneck_slot *slot = &bottleneck->slots[out.handle];

        if (out.dropped)
            slot->link->dropped++;
        else
            come_out(bottleneck, slot, out.time);
        bottleneck->free[bottleneck->free_count++] = out.handle;
    }
}

uint64_t bottleneck_next(const struct bottleneck *bottleneck) {
    return linkmodel_next(&bottleneck->model);
}
