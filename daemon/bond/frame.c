/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame: reads and writes the headers that frame.h draws.
 *
 * How it works: byte by byte, so that alignment and byte order of the machine do not matter.
 *
 * What it leaves out: the context ID, which is read where HTTP Datagrams are told apart, and whether numbers make sense
 * (duplicate.c, reorder.c).
 *
 * Invariants: outputs are written only on success; what was read can be written again, byte for byte but for unknown
 * flags, which are taken as 0.
 *
 * Standards: RFC 9297 (HTTP Datagrams); RFC 1982 (serial numbers). */
#include "bond/frame.h"

#include <errno.h>

#include "common/be.h"

int frame_read_packet(const uint8_t *data, size_t length, struct frame_packet *out) {
    if (length <= FRAME_PACKET_BYTES)
        return -EINVAL;
    out->sequence = be32_get(data);
    out->bucket = data[4];
    out->bucket_sequence = be24_get(data + 5);
    return 0;
}

void frame_write_packet(const struct frame_packet *packet, uint8_t *out) {
    be32_put(out, packet->sequence);
    out[4] = packet->bucket;
    be24_put(out + 5, packet->bucket_sequence);
}

int frame_read_mark(const uint8_t *data, size_t length, struct frame_mark *out) {
    if (length != FRAME_MARK_BYTES || data[0] > FRAME_LEG_MAX)
        return -EINVAL;
    out->leg = data[0];
    out->flags = data[1] & (FRAME_MARK_IDLE | FRAME_MARK_GONE | FRAME_MARK_ASK);
    out->next = be32_get(data + 2);
    out->floor = be32_get(data + 6);
    return 0;
}

void frame_write_mark(const struct frame_mark *mark, uint8_t *out) {
    out[0] = mark->leg;
    out[1] = mark->flags;
    be32_put(out + 2, mark->next);
    be32_put(out + 6, mark->floor);
}
