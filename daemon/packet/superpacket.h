/* SPDX-License-Identifier: GPL-2.0-or-later */
/* superpacket: an IP packet, or several of one flow glued together by segmentation offload, as the TUN gives and takes
 * them: what a virtio_net_hdr says, in words of our own (virtio specification 1.2, section 5.1.6). */
#ifndef MPVPN_PACKET_SUPERPACKET_H
#define MPVPN_PACKET_SUPERPACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/buf.h"

/** TCP segments of a superpacket at most, read or written: as many full datagrams as one sendmsg carries, 65,507 bytes.
 * So superpacket, batch of datagrams and superpacket at the other end stay in step. */
#define SUPERPACKET_SEGMENTS 44u

/** How a superpacket is to be cut. */
enum offload_gso { OFFLOAD_NONE, OFFLOAD_TCP4, OFFLOAD_TCP6, OFFLOAD_UDP };

/** The offload data of one superpacket. Offsets count from the first byte of the IP header. */
struct offload {
    enum offload_gso gso;     /**< NONE: a plain packet */
    bool ecn;                 /**< VIRTIO_NET_HDR_GSO_ECN: CWR was set on a TCP superpacket */
    bool needs_checksum;      /**< the layer-4 checksum field holds only the pseudo-header's sum */
    uint16_t gso_size;        /**< layer-4 payload bytes per segment */
    uint16_t header_bytes;    /**< IP + layer-4 header, as the kernel says (not trusted: the packet itself decides) */
    uint16_t checksum_start;  /**< where summing begins, bytes */
    uint16_t checksum_offset; /**< where the sum goes, bytes after checksum_start */
};

/** A superpacket in a buffer; holds one reference to it. */
struct superpacket {
    struct buf *buf;        /**< memory, one reference held */
    uint32_t offset;        /**< first byte of the IP header within buf->data */
    uint32_t length;        /**< bytes from there, 1–65,535 */
    struct offload offload; /**< how to cut it */
};

/** The first byte of the IP header. */
static inline uint8_t *superpacket_data(const struct superpacket *packet) {
    return packet->buf->data + packet->offset;
}

#endif
