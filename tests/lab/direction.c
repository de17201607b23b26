/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direction: one direction of an emulated path.
 *
 * How it works: the devices offer offloads, so a batch of datagrams or of TCP segments is one read. The packets of a
 * batch are cut here, as the kernel would have done, and each goes through the model on its own, in a slot of its own.
 * What comes out of a slow link is written packet by packet. Of what comes out of a fast one in the same turn, the
 * packets of a flow are joined and are one write, as a network card and its driver would have joined them. Cutting and
 * joining are the daemon's own.
 *
 * What it leaves out: packets above DIRECTION_PACKET_MAX.
 *
 * Invariants: a slot is either in the stack or held by the model; nothing is held for joining between two calls. */
#include "tests/lab/direction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/vnethdr.h"
#include "packet/merge.h"
#include "packet/split.h"

#define BATCH 64u        /**< reads in one turn at most */
#define SLOT_BYTES 2048u /**< a virtio_net_hdr, which stays zero, and a packet */
#define SLOTS (SETTINGS_PACKETS_MAX + 1)
#define FAST_BPS 200000000u /**< a full packet takes 60 µs there; above it there is something to join */

_Static_assert(VNETHDR_BYTES + DIRECTION_PACKET_MAX <= SLOT_BYTES, "a slot holds any packet");

/* --- out
 * -------------------------------------------------------------------------------------------------------------- */

static uint8_t *slot(const struct direction *d, uint32_t number) {
    return d->packets + (size_t)number * SLOT_BYTES;
}

/** One packet, or some joined, go to the kernel; it refuses packets for a device that is down: a cut cable. */
static void write_packets(struct direction *d, const uint8_t *header, size_t bytes, uint64_t count) {
    if (write(d->out, header, VNETHDR_BYTES + bytes) < 0)
        d->refused += count;
}

/** The merge's: packets are joined. */
static void on_joined(void *context, struct superpacket *packet) {
    struct direction *d = context;
    const struct offload *offload = &packet->offload;
    uint8_t *header = superpacket_data(packet) - VNETHDR_BYTES;
    uint64_t count = 1;

    if (offload->gso != OFFLOAD_NONE)
        count = (packet->length - offload->header_bytes + offload->gso_size - 1) / offload->gso_size;
    vnethdr_encode(offload, header);
    write_packets(d, header, packet->length, count);
    buf_unref(packet->buf);
}

bool direction_is_fast(const struct direction *d) {
    return d->model.settings.rate_bps > FAST_BPS;
}

/** A packet that has come out counts as written. */
static void count(struct direction *d, const struct linkmodel_out *out, uint64_t now) {
    uint64_t late = now - out->time;

    if (d->written++ == 0)
        d->first = now;
    else
        d->written_bytes += d->lengths[out->handle];
    d->last = now;
    d->late_sum += late;
    if (late > d->late_max)
        d->late_max = late;
}

void direction_write(struct direction *d, uint64_t now) {
    bool join = direction_is_fast(d);
    struct linkmodel_out out;

    while (linkmodel_take(&d->model, now, &out)) {
        uint8_t *header = slot(d, out.handle);

        d->spare[d->spare_count++] = out.handle;
        if (out.dropped)
            continue;
        count(d, &out, now);
        if (!join)
            write_packets(d, header, d->lengths[out.handle], 1);
        else if (merge_push(d->merge, header + VNETHDR_BYTES, d->lengths[out.handle]) != 0)
            d->refused++;
    }
    if (join)
        merge_flush(d->merge);
}

/* --- in
 * --------------------------------------------------------------------------------------------------------------- */

/** A packet enters the link; its header may lie apart. */
static void put(struct direction *d, const struct segment *segment, uint64_t now) {
    uint32_t length = (uint32_t)segment->header_bytes + segment->payload_bytes, number = d->spare[d->spare_count - 1];
    uint8_t *to = slot(d, number) + VNETHDR_BYTES;

    if (length > DIRECTION_PACKET_MAX) {
        d->refused++;
        return;
    }
    memcpy(to, segment->header, segment->header_bytes);
    memcpy(to + segment->header_bytes, segment->payload, segment->payload_bytes);
    d->lengths[number] = (uint16_t)length;
    if (linkmodel_put(&d->model, length, number, now))
        d->spare_count--;
    direction_write(d, now);
}

/** Cut what was read. A packet that is ready to go need not be one that we understand. */
static void cut(struct direction *d, const struct superpacket *packet, uint64_t now) {
    struct segment segment = {.payload = superpacket_data(packet), .payload_bytes = (uint16_t)packet->length};
    struct split split;

    if (packet->offload.gso == OFFLOAD_NONE && !packet->offload.needs_checksum) {
        put(d, &segment, now);
        return;
    }
    if (split_init(&split, packet) != 0) {
        d->refused++;
        return;
    }
    for (size_t i = 0; i < split.count; i++) {
        split_segment(&split, i, &segment);
        put(d, &segment, now);
    }
}

bool direction_read(struct direction *d, uint64_t now) {
    for (unsigned i = 0; i < BATCH; i++) {
        struct superpacket packet = {.buf = d->arrival, .offset = BUF_HEADROOM};
        uint8_t *header = superpacket_data(&packet) - VNETHDR_BYTES;
        ssize_t got = read(d->in, header, VNETHDR_BYTES + UINT16_MAX);

        if (got < 0)
            return false;
        packet.length = (uint32_t)got - VNETHDR_BYTES;
        if (got <= (ssize_t)VNETHDR_BYTES || vnethdr_decode(header, packet.length, &packet.offload) != 0)
            d->refused++;
        else
            cut(d, &packet, now);
    }
    return true;
}

/* --- life and death
 * --------------------------------------------------------------------------------------------------- */

int direction_init(struct direction *d, int in, int out, uint64_t seed) {
    const struct buf_pool_settings sizes = {.count = {[BUF_2048] = 2, [BUF_LARGE] = 20}};
    struct merge_settings joining = {.tcp = true, .udp = true, .emit = on_joined, .context = d};

    *d = (struct direction){.in = in, .out = out};
    /* Pages that no packet has used cost nothing. */
    d->packets = mmap(NULL, (size_t)SLOTS * SLOT_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    d->packets = d->packets != MAP_FAILED ? d->packets : NULL;
    d->lengths = calloc(SLOTS, sizeof *d->lengths);
    d->spare = calloc(SLOTS, sizeof *d->spare);
    joining.pool = d->pool = buf_pool_new(&sizes);
    d->merge = merge_new(&joining);
    d->arrival = d->pool != NULL ? buf_get(d->pool, BUF_LARGE_BYTES) : NULL;
    if (d->packets == NULL || d->lengths == NULL || d->spare == NULL || d->merge == NULL || d->arrival == NULL ||
        linkmodel_init(&d->model, seed) != 0) {
        direction_fini(d);
        return -ENOMEM;
    }
    while (d->spare_count < SLOTS) {
        d->spare[d->spare_count] = SLOTS - 1 - d->spare_count;
        d->spare_count++;
    }
    return 0;
}

void direction_fini(struct direction *d) {
    linkmodel_fini(&d->model);
    merge_free(d->merge);
    buf_unref(d->arrival);
    buf_pool_free(d->pool);
    if (d->packets != NULL)
        munmap(d->packets, (size_t)SLOTS * SLOT_BYTES);
    free(d->lengths);
    free(d->spare);
    *d = (struct direction){0};
}
