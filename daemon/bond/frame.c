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

static uint32_t read24(const uint8_t *data) {
    return (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
}

static uint32_t read32(const uint8_t *data) {
    return (uint32_t)data[0] << 24 | read24(data + 1);
}

static void write24(uint32_t value, uint8_t *out) {
    out[0] = (uint8_t)(value >> 16);
    out[1] = (uint8_t)(value >> 8);
    out[2] = (uint8_t)value;
}

static void write32(uint32_t value, uint8_t *out) {
    out[0] = (uint8_t)(value >> 24);
    write24(value, out + 1);
}

int frame_read_packet(const uint8_t *data, size_t length, struct frame_packet *out) {
    if (length <= FRAME_PACKET_BYTES)
        return -EINVAL;
    out->sequence = read32(data);
    out->bucket = data[4];
    out->bucket_sequence = read24(data + 5);
    return 0;
}

void frame_write_packet(const struct frame_packet *packet, uint8_t *out) {
    write32(packet->sequence, out);
    out[4] = packet->bucket;
    write24(packet->bucket_sequence, out + 5);
}

int frame_read_mark(const uint8_t *data, size_t length, struct frame_mark *out) {
    if (length != FRAME_MARK_BYTES || data[0] > FRAME_LEG_MAX)
        return -EINVAL;
    out->leg = data[0];
    out->flags = data[1] & (FRAME_MARK_IDLE | FRAME_MARK_GONE | FRAME_MARK_ASK);
    out->next = read32(data + 2);
    out->floor = read32(data + 6);
    return 0;
}

void frame_write_mark(const struct frame_mark *mark, uint8_t *out) {
    out[0] = mark->leg;
    out[1] = mark->flags;
    write32(mark->next, out + 2);
    write32(mark->floor, out + 6);
}
