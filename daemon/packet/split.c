/* SPDX-License-Identifier: GPL-2.0-or-later */
/* split: what the kernel's segmentation does, one segment at a time on demand.
 * split_init() finds the headers, trusting the packet itself and not the offload data's header length, and sums
 * everything that is the same for all segments. split_segment() copies the superpacket's headers as a template, writes
 * the few fields that change, and adds the sum of the payload slice; payload is not copied.
 *
 * It leaves out cutting at anything but gso_size, fragments, and headers beyond SEGMENT_HEADER_MAX.
 *
 * Invariant: a cut segment's checksums are computed from its bytes, whatever the fields of the superpacket held.
 *
 * Standards: RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 3168 section 6.1.2 (CWR), virtio specification 1.2
 * section 5.1.6. */
#include "packet/split.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/be.h"
#include "common/fetch.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/inner.h"

/** Complete the partial checksum of a plain packet, which may be none of TCP and UDP. @return 0, or -EINVAL: outside
 * the packet */
static int complete_checksum(const struct superpacket *packet, const struct inner *inner) {
    const struct offload *offload = &packet->offload;
    uint8_t *data = superpacket_data(packet);
    size_t field = (size_t)offload->checksum_start + offload->checksum_offset;
    uint16_t sum;

    if (offload->checksum_start < inner->header_bytes || field + 2 > inner->total_bytes)
        return -EINVAL;
    sum = checksum_finish(
        checksum_sum(data + offload->checksum_start, (size_t)inner->total_bytes - offload->checksum_start));
    checksum_store(data + field, sum ? sum : 0xffff);
    return 0;
}

/** Sum the parts of the headers that all segments share. */
static void sum_headers(struct split *split, uint8_t protocol) {
    const uint8_t *ip = superpacket_data(&split->packet), *l4 = ip + split->ip_bytes;
    size_t l4_bytes = (size_t)split->header_bytes - split->ip_bytes;
    uint32_t sum = checksum_pseudo(ip, protocol, 0);

    if (protocol == IPPROTO_TCP) {
        /* Ports; acknowledgement; from the window on, but for the checksum. Sequence, offset and flags come per
         * segment. */
        sum += checksum_sum(l4, 4) + checksum_sum(l4 + 8, 4) + checksum_load(l4 + 14);
        sum += checksum_sum(l4 + TCP_CHECKSUM + 2, l4_bytes - TCP_CHECKSUM - 2);
    } else {
        sum += checksum_sum(l4, 4);
    }
    split->header_sum = sum;
    /* Version and TOS; fragment word, TTL, protocol; addresses and options. Length and ID come per segment. */
    split->ip_sum = 0;
    if (ip[0] >> 4 == 4)
        split->ip_sum =
            (uint32_t)checksum_load(ip) + checksum_sum(ip + 6, 4) + checksum_sum(ip + 12, (size_t)split->ip_bytes - 12);
}

/** Find the layer-4 header of a packet to be cut. @return its bytes, or -EINVAL: not what the offload data says */
static int layer4_bytes(const struct superpacket *packet, const struct inner *inner) {
    enum offload_gso gso = packet->offload.gso;
    size_t room = (size_t)inner->total_bytes - inner->header_bytes, bytes = UDP_HEADER;

    if (inner->fragment || packet->offload.gso_size == 0)
        return -EINVAL;
    if (gso == OFFLOAD_UDP)
        return inner->protocol == IPPROTO_UDP && room > bytes ? (int)bytes : -EINVAL;
    if (inner->protocol != IPPROTO_TCP || inner->version != (gso == OFFLOAD_TCP4 ? 4 : 6) || room < TCP_HEADER)
        return -EINVAL;
    bytes = (superpacket_data(packet)[inner->header_bytes + TCP_OFFSET] >> 4) * 4u;
    return bytes >= TCP_HEADER && room > bytes ? (int)bytes : -EINVAL;
}

int split_init(struct split *split, const struct superpacket *packet) {
    bool cut = packet->offload.gso != OFFLOAD_NONE;
    struct inner inner;
    int l4_bytes;

    if (inner_parse(superpacket_data(packet), packet->length, cut, &inner))
        return -EINVAL;
    *split = (struct split){.packet = *packet, .count = 1};
    split->packet.length = inner.total_bytes;
    if (!cut)
        return packet->offload.needs_checksum ? complete_checksum(packet, &inner) : 0;
    l4_bytes = layer4_bytes(packet, &inner);
    if (l4_bytes < 0 || inner.header_bytes + l4_bytes > (int)SEGMENT_HEADER_MAX)
        return -EINVAL;
    split->ip_bytes = inner.header_bytes;
    split->header_bytes = (uint16_t)(inner.header_bytes + l4_bytes);
    split->segment_payload = packet->offload.gso_size;
    split->count =
        (uint16_t)((inner.total_bytes - split->header_bytes + split->segment_payload - 1) / split->segment_payload);
    sum_headers(split, inner.protocol);
    return 0;
}

/** Payload bytes of a segment of a cut packet. */
static size_t payload_bytes(const struct split *split, size_t index) {
    if (index + 1 < split->count)
        return split->segment_payload;
    return split->packet.length - split->header_bytes - index * split->segment_payload;
}

size_t split_length(const struct split *split, size_t index) {
    return split->header_bytes ? split->header_bytes + payload_bytes(split, index) : split->packet.length;
}

/** Length, ID and checksum of the IP header. */
static void finish_ip(const struct split *split, size_t index, uint8_t *ip, unsigned length) {
    uint32_t sum = split->ip_sum;

    if (ip[0] >> 4 == 6) {
        be16_put(ip + 4, length - 40);
        return;
    }
    be16_put(ip + 2, length);
    be16_put(ip + 4, be16_get(ip + 4) + index);
    sum += (uint32_t)checksum_load(ip + 2) + checksum_load(ip + 4);
    checksum_store(ip + 10, checksum_finish(sum));
}

/** Sequence, flags and checksum of a TCP header. @param sum of all that is not in these fields */
static void finish_tcp(const struct split *split, size_t index, uint8_t *tcp, uint64_t sum) {
    be32_put(tcp + TCP_SEQUENCE, be32_get(tcp + TCP_SEQUENCE) + (uint32_t)(index * split->segment_payload));
    if (index > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    if (index + 1 < split->count)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    sum += (uint32_t)checksum_load(tcp + TCP_SEQUENCE) + checksum_load(tcp + TCP_SEQUENCE + 2) +
           checksum_load(tcp + TCP_OFFSET);
    checksum_store(tcp + TCP_CHECKSUM, checksum_finish(sum));
}

/** Length and checksum of a UDP header; the length counts twice, in the pseudo-header too. */
static void finish_udp(uint8_t *udp, unsigned length, uint64_t sum) {
    uint16_t checksum;

    be16_put(udp + UDP_LENGTH, length);
    checksum = checksum_finish(sum + checksum_load(udp + UDP_LENGTH));
    checksum_store(udp + UDP_CHECKSUM, checksum ? checksum : 0xffff);
}

void split_segment(const struct split *split, size_t index, struct segment *out) {
    const uint8_t *data = superpacket_data(&split->packet);
    size_t length = split_length(split, index), bytes = length - split->header_bytes;
    unsigned l4_length = (unsigned)(length - split->ip_bytes);
    uint8_t pseudo_length[2];
    uint64_t sum;

    out->header_bytes = split->header_bytes;
    out->payload_bytes = (uint16_t)bytes;
    out->payload = data + split->header_bytes + index * split->segment_payload;
    out->following = split->packet.length - (uint32_t)(out->payload - data) - (uint32_t)bytes;
    if (split->header_bytes == 0)
        return;
    /* The next one, while this one is summed, copied and encrypted. */
    fetch_to_read(out->payload + bytes, out->following < bytes ? out->following : bytes);
    memcpy(out->header, data, split->header_bytes);
    finish_ip(split, index, out->header, (unsigned)length);
    be16_put(pseudo_length, l4_length);
    sum = (uint64_t)split->header_sum + checksum_load(pseudo_length) + checksum_sum(out->payload, bytes);
    if (split->packet.offload.gso == OFFLOAD_UDP)
        finish_udp(out->header + split->ip_bytes, l4_length, sum);
    else
        finish_tcp(split, index, out->header + split->ip_bytes, sum);
}
