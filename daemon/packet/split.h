/* SPDX-License-Identifier: GPL-2.0-or-later */
/* split: cut a superpacket from the TUN into the packets that go on the wire, one at a time and without copying
 * payload: each segment is a rebuilt header and a slice. Cut only at gso_size. IPv4 ID + 1 each; FIN and PSH on the
 * last, CWR on the first, ECE on all; lengths and checksums completed. A plain packet is one segment with its partial
 * checksum completed. */
#ifndef MPVPN_PACKET_SPLIT_H
#define MPVPN_PACKET_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "packet/superpacket.h"

#define SEGMENT_HEADER_MAX 256u /**< bytes of IP and layer-4 headers that are cut; longer chains are -EINVAL */

/** One packet to send: header bytes, then payload bytes. */
struct segment {
    uint8_t header[SEGMENT_HEADER_MAX]; /**< rebuilt IP + layer-4 header */
    uint16_t header_bytes;              /**< used of it; 0 for a packet sent as it is (all in payload) */
    uint16_t payload_bytes;             /**< bytes at payload */
    const uint8_t *payload;             /**< slice of the superpacket's buffer */
    uint32_t following;                 /**< payload bytes of the superpacket's further segments */
};

/** A superpacket with all that is the same for its segments worked out once. Embedded by value in the queue. */
struct split {
    struct superpacket packet; /**< the source (no reference of its own) */
    uint16_t ip_bytes;         /**< IP header */
    uint16_t header_bytes;     /**< IP + layer-4 header; 0: plain packet */
    uint16_t count;            /**< segments, ≥ 1 */
    uint16_t segment_payload;  /**< payload bytes of each but the last */
    uint32_t header_sum;       /**< ones'-complement sum over the constant parts of pseudo and layer-4 header */
    uint32_t ip_sum;           /**< the same over the constant parts of an IPv4 header */
};

/**
 * Check a superpacket and prepare for cutting it. Completes a plain packet's partial checksum in place (so the buffer
 * must not be shared yet).
 * @param packet borrowed; must outlive the split
 * @return 0; -EINVAL: headers and offload data do not agree (count as malformed, drop)
 */
int split_init(struct split *split, const struct superpacket *packet);
/** Length in bytes of segment number index (0 ≤ index < count), header and payload. */
size_t split_length(const struct split *split, size_t index);
/** Build segment number index. */
void split_segment(const struct split *split, size_t index, struct segment *out);

#endif
