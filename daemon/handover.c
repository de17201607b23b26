/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handover: batches of packets between workers.
 *
 * How it works: buffers belong to one worker's pool, so packets are copied: by the sender into a parcel for that other
 * worker, by the receiver from there into buffers of its own. A parcel goes by mailbox at the end of the turn: one lock
 * and one wake-up for all that is in it. There are PARCELS for each pair of workers, made at the first use; while all
 * are on their way, what comes is dropped.
 *
 * Left out: any second handing-on. A receiver that has not got the session (any more) drops.
 * Invariants: a parcel is written to by its sender while not busy, read by its receiver while busy, and nothing else.
 */
#include "handover.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "egress.h"

#define PARCELS 2u                    /* for each pair of workers */
#define PARCEL_BYTES (256u << 10)     /* a few of the largest packets */
#define ALIGNED(n) (((n) + 7u) & ~7u) /* so that headers in a parcel are aligned */

/** What stands before each packet in a parcel. */
struct label {
    uint32_t length;        /**< bytes of the packet after it, which are followed by padding */
    struct offload offload; /**< the packet's */
};

/** Packets for one worker. */
struct parcel {
    struct mail mail;            /**< while busy */
    struct worker *to;           /**< whose */
    atomic_bool busy;            /**< on its way, or being unpacked */
    size_t used;                 /**< bytes in it */
    uint8_t bytes[PARCEL_BYTES]; /**< labels and packets */
};

/** What goes to one other worker. */
struct route {
    struct parcel *parcel[PARCELS]; /**< NULL: not made yet; owned */
    unsigned filling;               /**< which of them is being filled */
};

struct handover {
    struct worker *worker;         /**< whose */
    struct shared *shared;         /**< who has which address */
    struct worker *const *workers; /**< all */
    uint64_t count;                /**< packets handed on */
    struct route route[];          /**< to each worker */
};

struct handover *handover_new(struct worker *worker, struct shared *shared, struct worker *const *workers) {
    struct handover *handover = calloc(1, sizeof *handover + shared->worker_count * sizeof handover->route[0]);
    if (!handover)
        return NULL;
    handover->worker = worker;
    handover->shared = shared;
    handover->workers = workers;
    return handover;
}

void handover_free(struct handover *handover) {
    if (!handover)
        return;
    for (size_t i = 0; i < handover->shared->worker_count; i++)
        for (unsigned k = 0; k < PARCELS; k++)
            free(handover->route[i].parcel[k]);
    free(handover);
}

/* The receiver's side. */
static void unpack(void *context) {
    struct parcel *parcel = context;
    for (size_t at = 0; at < parcel->used;) {
        struct superpacket packet = {.offset = BUF_HEADROOM};
        struct label label;
        memcpy(&label, parcel->bytes + at, sizeof label);
        at += ALIGNED(sizeof label);
        packet.length = label.length;
        packet.offload = label.offload;
        packet.buf = buf_get(parcel->to->buffers, BUF_HEADROOM + label.length);
        if (packet.buf) {
            memcpy(superpacket_data(&packet), parcel->bytes + at, label.length);
            egress_on_handed(parcel->to, &packet);
        } else {
            worker_drop(parcel->to, DROP_NO_BUFFER);
        }
        at += ALIGNED(label.length);
    }
    parcel->used = 0;
    atomic_store(&parcel->busy, false);
}

static void send_parcel(struct handover *handover, struct route *route, unsigned number) {
    struct parcel *parcel = route->parcel[route->filling];
    if (!parcel || atomic_load(&parcel->busy) || !parcel->used)
        return;
    parcel->mail = (struct mail){.run = unpack, .context = parcel};
    atomic_store(&parcel->busy, true);
    if (!mailbox_post(handover->shared->station[number].mailbox, &parcel->mail)) {
        parcel->used = 0; /* that worker has ended, and the daemon is about to */
        atomic_store(&parcel->busy, false);
    }
    route->filling = (route->filling + 1) % PARCELS;
}

/* A parcel with this much room; NULL: all are on their way. */
static struct parcel *parcel_with_room(struct handover *handover, unsigned number, size_t bytes) {
    struct route *route = &handover->route[number];
    for (unsigned i = 0; i < PARCELS; i++) {
        struct parcel **parcel = &route->parcel[route->filling];
        if (!*parcel) {
            *parcel = calloc(1, sizeof **parcel);
            if (!*parcel)
                return NULL;
            (*parcel)->to = handover->workers[number];
        }
        if (atomic_load(&(*parcel)->busy))
            return NULL;
        if ((*parcel)->used + bytes <= PARCEL_BYTES)
            return *parcel;
        send_parcel(handover, route, number);
    }
    return NULL;
}

bool handover_offer(struct handover *handover, struct superpacket *packet, const struct ip_addr *target) {
    const struct label label = {.length = packet->length, .offload = packet->offload};
    int owner = shared_owner(handover->shared, target);
    struct parcel *parcel;
    if (owner < 0 || owner == handover->worker->number)
        return false;
    parcel = parcel_with_room(handover, (unsigned)owner, ALIGNED(sizeof label) + ALIGNED(packet->length));
    if (parcel) {
        memcpy(parcel->bytes + parcel->used, &label, sizeof label);
        memcpy(parcel->bytes + parcel->used + ALIGNED(sizeof label), superpacket_data(packet), packet->length);
        parcel->used += ALIGNED(sizeof label) + ALIGNED(packet->length);
        handover->count++;
    } else {
        worker_drop(handover->worker, DROP_HANDOVER);
    }
    buf_unref(packet->buf);
    return true;
}

void handover_flush(struct handover *handover) {
    for (unsigned i = 0; i < handover->shared->worker_count; i++)
        send_parcel(handover, &handover->route[i], i);
}

uint64_t handover_count(const struct handover *handover) {
    return handover ? handover->count : 0;
}
