/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vnethdr: the virtio_net_hdr that a TUN with IFF_VNET_HDR puts in front of a packet.
 *
 * Only what TUNSETOFFLOAD asks for may come: TCP over IPv4 or IPv6 and UDP_L4 (USO). The old UDP fragmentation kind
 * (UFO) is refused. A superpacket always has a partial checksum, as the kernel makes it so and every segment needs one.
 * Fields are in host order (no TUNSETVNETLE).
 *
 * Leaves out: num_buffers, RSC.
 * Standards: Virtual I/O Device (VIRTIO) 1.2, section 5.1.6. */
#include "os/vnethdr.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* kernel headers before 6.2 lack it */
#endif

#define CHECKSUM_BYTES 2u

static bool gso_from_type(uint8_t type, enum offload_gso *out) {
    switch (type) {
    case VIRTIO_NET_HDR_GSO_NONE:
        *out = OFFLOAD_NONE;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        *out = OFFLOAD_TCP4;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        *out = OFFLOAD_TCP6;
        return true;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        *out = OFFLOAD_UDP;
        return true;
    default:
        return false;
    }
}

static uint8_t type_from_gso(enum offload_gso gso) {
    static const uint8_t types[] = {[OFFLOAD_NONE] = VIRTIO_NET_HDR_GSO_NONE,
                                    [OFFLOAD_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
                                    [OFFLOAD_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
                                    [OFFLOAD_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4};

    return types[gso];
}

static bool is_sane(const struct offload *offload, size_t length) {
    if (offload->needs_checksum &&
        (size_t)offload->checksum_start + offload->checksum_offset + CHECKSUM_BYTES > length) {
        return false;
    }
    if (offload->gso == OFFLOAD_NONE) {
        return !offload->ecn;
    }
    return offload->gso_size > 0 && offload->needs_checksum && offload->header_bytes <= length &&
           !(offload->ecn && offload->gso == OFFLOAD_UDP);
}

int vnethdr_decode(const uint8_t *bytes, size_t length, struct offload *out) {
    struct virtio_net_hdr header;
    struct offload offload = {0};

    _Static_assert(sizeof header == VNETHDR_BYTES, "the kernel's default header size");
    memcpy(&header, bytes, sizeof header);
    if (!gso_from_type(header.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN, &offload.gso)) {
        return -EINVAL;
    }
    offload.ecn = (header.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
    offload.needs_checksum = (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
    if (offload.needs_checksum) {
        offload.checksum_start = header.csum_start;
        offload.checksum_offset = header.csum_offset;
    }
    if (offload.gso != OFFLOAD_NONE) {
        offload.gso_size = header.gso_size;
        offload.header_bytes = header.hdr_len;
    }
    if (!is_sane(&offload, length)) {
        return -EINVAL;
    }
    *out = offload;
    return 0;
}

void vnethdr_encode(const struct offload *offload, uint8_t *bytes) {
    struct virtio_net_hdr header = {
        .flags = offload->needs_checksum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
        .gso_type = (uint8_t)(type_from_gso(offload->gso) | (offload->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0)),
        .hdr_len = offload->header_bytes,
        .gso_size = offload->gso_size,
        .csum_start = offload->checksum_start,
        .csum_offset = offload->checksum_offset,
    };

    memcpy(bytes, &header, sizeof header);
}
