/* SPDX-License-Identifier: GPL-2.0-or-later */
/* merge: receive coalescing. A handful of flows are open at a time; each has one superpacket under construction in a
 * large buffer, to which payload is appended. The checksum is verified in the same pass that copies the payload behind
 * what is already there: a packet that fails simply is not counted in, and goes out alone as it came.
 *
 * A packet is read as one of three things: a *candidate* (TCP or UDP with plain headers, payload, and nothing in the
 * way of joining), a packet *of a flow* (closes what that flow has open, then passes), or any other (a fragment closes
 * everything, since its ports are not known; the rest passes). A candidate joins its flow's superpacket when the
 * headers match but for what must advance; else that superpacket is finished and the candidate opens the next. A
 * superpacket of one packet is emitted as it came. One of TCP ends with as many segments as the peer's have: a few more
 * would fit, but then the next one would begin late, and the last of a turn would be a short one.
 *
 * It leaves out IPv4 options, extension headers, and acknowledgement numbers that advance: a segment joins only under
 * an equal one, so that splitting a merged superpacket gives the very same bytes back (IPv4 IDs that stay fixed under
 * DF excepted: they carry no meaning).
 *
 * Invariants: order holds `open` distinct slots, oldest first; an open slot's buffer has one reference; a superpacket's
 * length fits 16 bits.
 *
 * Standards: RFC 9293, RFC 768, RFC 6864 (ID under DF), RFC 3168, virtio specification 1.2 section 5.1.6. */
#include "packet/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/be.h"
#include "common/fetch.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/inner.h"

#define OPEN_FLOWS 16u   /**< superpackets under construction at once */
#define UDP_SEGMENTS 64u /**< datagrams that any kernel takes in one USO superpacket */

/** How IPv4 IDs advance. */
enum id_mode { ID_NONE, ID_UNKNOWN, ID_COUNTS, ID_FIXED };

/** One packet as read. */
struct arrival {
    const uint8_t *data;   /**< the packet */
    uint16_t length;       /**< its bytes */
    uint8_t protocol;      /**< upper layer */
    uint16_t ip_bytes;     /**< IP header */
    uint16_t header_bytes; /**< IP + layer-4 header */
    uint16_t payload;      /**< bytes after them */
    uint32_t tag;          /**< hash of addresses, ports and protocol */
};

/** A superpacket under construction. */
struct slot {
    struct superpacket packet; /**< so far; offload is written when it is finished */
    uint32_t tag;              /**< of its flow */
    uint8_t protocol;          /**< upper layer */
    uint16_t ip_bytes;         /**< IP header; 0: slot is not open */
    uint16_t header_bytes;     /**< IP + layer-4 header */
    uint16_t gso_size;         /**< payload of the first packet */
    uint16_t count;            /**< packets in it */
    uint16_t last_id;          /**< IPv4 ID of the last packet */
    enum id_mode id_mode;      /**< how the ID moved between the first two */
    uint32_t next_sequence;    /**< TCP: where the next segment begins */
};

/** State: the open slots and where the rest comes from and goes to. */
struct merge {
    struct merge_settings settings; /**< as given */
    struct slot slots[OPEN_FLOWS];  /**< some of them open */
    uint8_t order[OPEN_FLOWS];      /**< numbers of the open slots, oldest first */
    unsigned open;                  /**< how many */
};

/** A quick hash for lookup among the open slots; a match is compared byte for byte. */
static uint32_t flow_tag(const uint8_t *ip, const uint8_t *ports, uint8_t protocol) {
    const uint8_t *addresses = ip[0] >> 4 == 4 ? ip + 12 : ip + 8;
    size_t bytes = ip[0] >> 4 == 4 ? 8 : 32;
    uint64_t hash = protocol, word;

    for (size_t at = 0; at < bytes; at += sizeof word) {
        memcpy(&word, addresses + at, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    }
    hash = (hash ^ be32_get(ports)) * 0x9e3779b97f4a7c15;
    return (uint32_t)(hash >> 32);
}

/** Whether a slot is of the arrival's flow: same version, addresses, protocol and ports. */
static bool same_flow(const struct slot *slot, const struct arrival *in) {
    const uint8_t *a = superpacket_data(&slot->packet), *b = in->data;
    bool v4 = b[0] >> 4 == 4;
    size_t from = v4 ? 12 : 8, bytes = v4 ? 8 : 32;

    return slot->tag == in->tag && slot->protocol == in->protocol && a[0] >> 4 == b[0] >> 4 &&
           memcmp(a + from, b + from, bytes) == 0 && memcmp(a + slot->ip_bytes, b + in->ip_bytes, 4) == 0;
}

/** The open slot of a flow. @return its place in order, or merge->open: none */
static unsigned find(const struct merge *merge, const struct arrival *in) {
    unsigned at = 0;

    while (at < merge->open && !same_flow(&merge->slots[merge->order[at]], in))
        at++;
    return at;
}

/** Write the headers of a superpacket of several packets, and its offload data. */
static void seal(struct slot *slot) {
    struct superpacket *packet = &slot->packet;
    uint8_t *ip = superpacket_data(packet), *l4 = ip + slot->ip_bytes;
    bool tcp = slot->protocol == IPPROTO_TCP, v4 = ip[0] >> 4 == 4;
    uint32_t l4_bytes = packet->length - slot->ip_bytes;
    uint16_t checksum_offset = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    enum offload_gso gso = v4 ? OFFLOAD_TCP4 : OFFLOAD_TCP6;

    if (v4) {
        be16_put(ip + 2, packet->length);
        checksum_store(ip + 10, 0);
        checksum_store(ip + 10, checksum_finish(checksum_header(ip, IP4_HEADER)));
    } else {
        be16_put(ip + 4, l4_bytes);
    }
    if (!tcp) {
        gso = OFFLOAD_UDP;
        be16_put(l4 + UDP_LENGTH, l4_bytes);
    }
    checksum_store(l4 + checksum_offset, checksum_fold(checksum_pseudo(ip, slot->protocol, l4_bytes)));
    packet->offload = (struct offload){
        .gso = gso,
        .needs_checksum = true,
        .gso_size = slot->gso_size,
        .header_bytes = slot->header_bytes,
        .checksum_start = slot->ip_bytes,
        .checksum_offset = checksum_offset,
    };
}

/** Whether large buffers are not plenty any more. What waited behind a gap comes in one turn, and segments that a host
 * sent in different milliseconds have different timestamps: from links of some ten Mbit/s a few join, and all large
 * buffers would be in use with a tenth of them filled. */
static bool is_scarce(const struct buf *buf) {
    return buf_pool_used(buf->pool, buf->size_class) > buf_pool_size(buf->pool, buf->size_class) / 2;
}

/** Finish the slot at a place in order, and emit what it holds. */
static void finish(struct merge *merge, unsigned at) {
    struct slot *slot = &merge->slots[merge->order[at]];

    if (slot->count > 1)
        seal(slot);
    slot->ip_bytes = 0;
    merge->open--;
    memmove(&merge->order[at], &merge->order[at + 1], merge->open - at);
    if (is_scarce(slot->packet.buf))
        slot->packet.buf = buf_fit(slot->packet.buf, slot->packet.offset + slot->packet.length);
    merge->settings.emit(merge->settings.context, &slot->packet);
}

/** Emit a packet alone, byte for byte. @return 0, or -ENOBUFS */
static int pass(struct merge *merge, const uint8_t *data, size_t length) {
    struct superpacket packet = {.buf = buf_get(merge->settings.pool, BUF_HEADROOM + length), .offset = BUF_HEADROOM};

    if (!packet.buf)
        return -ENOBUFS;
    packet.length = (uint32_t)length;
    memcpy(superpacket_data(&packet), data, length);
    merge->settings.emit(merge->settings.context, &packet);
    return 0;
}

/** Whether the IP header is plain and true, and layer 4 has at least 8 bytes; fills ip_bytes and protocol. */
static bool read_ip(struct arrival *in) {
    const uint8_t *ip = in->data;

    if (in->length >= IP4_HEADER + UDP_HEADER && ip[0] == 0x45) {
        in->ip_bytes = IP4_HEADER;
        in->protocol = ip[9];
        return be16_get(ip + 2) == in->length && (be16_get(ip + 6) & 0xbfff) == 0 &&
               checksum_fold(checksum_header(ip, IP4_HEADER)) == 0xffff && checksum_load(ip + 10) != 0xffff;
    }
    if (in->length < IP6_HEADER + UDP_HEADER || ip[0] >> 4 != 6)
        return false;
    in->ip_bytes = IP6_HEADER;
    in->protocol = ip[6];
    return be16_get(ip + 4) + IP6_HEADER == in->length;
}

/** Whether the packet may be part of a superpacket, as far as it alone can tell (its checksum apart). */
static bool read_candidate(const struct merge *merge, struct arrival *in) {
    const uint8_t *l4;
    unsigned header;

    if (!read_ip(in))
        return false;
    l4 = in->data + in->ip_bytes;
    if (in->protocol == IPPROTO_TCP && merge->settings.tcp) {
        if (in->length < in->ip_bytes + TCP_HEADER)
            return false;
        header = in->ip_bytes + (l4[12] >> 4) * 4u;
        if (l4[12] < (TCP_HEADER / 4) << 4 || (l4[12] & 15) || (l4[13] & ~(TCP_PSH | TCP_ECE)) != TCP_ACK)
            return false;
        /* The other form of zero would not come out of a computation. */
        if (checksum_load(l4 + TCP_CHECKSUM) == 0xffff)
            return false;
    } else if (in->protocol == IPPROTO_UDP && merge->settings.udp) {
        header = in->ip_bytes + UDP_HEADER;
        if (be16_get(l4 + UDP_LENGTH) != in->length - in->ip_bytes || checksum_load(l4 + UDP_CHECKSUM) == 0)
            return false;
    } else {
        return false;
    }
    if (header >= in->length)
        return false;
    in->header_bytes = (uint16_t)header;
    in->payload = (uint16_t)(in->length - header);
    in->tag = flow_tag(in->data, l4, in->protocol);
    return true;
}

/** Whether IPv4's ID goes on as it began. @param mode out: how it moves from now on */
static bool id_continues(const struct slot *slot, const uint8_t *ip, enum id_mode *mode) {
    uint16_t id = be16_get(ip + 4);

    *mode = slot->id_mode;
    if (*mode == ID_NONE)
        return true;
    if (id == (uint16_t)(slot->last_id + 1) && *mode != ID_FIXED)
        *mode = ID_COUNTS;
    else if (id == slot->last_id && *mode != ID_COUNTS && (ip[6] & 0x40))
        *mode = ID_FIXED;
    else
        return false;
    return true;
}

/** Whether a candidate continues the superpacket of its flow. @param mode out: how IPv4's ID moves */
static bool joins(const struct slot *slot, const struct arrival *in, enum id_mode *mode) {
    const uint8_t *a = superpacket_data(&slot->packet), *b = in->data, *p, *q;

    if (slot->header_bytes != in->header_bytes || in->payload > slot->gso_size)
        return false;
    if (slot->packet.length + in->payload > UINT16_MAX)
        return false;
    if (slot->packet.offset + slot->packet.length + in->payload > slot->packet.buf->capacity)
        return false;
    /* Version to TOS or flow label; then IPv4's flags, TTL, or IPv6's hop limit. */
    if (b[0] >> 4 == 4 ? memcmp(a, b, 2) != 0 || memcmp(a + 6, b + 6, 4) != 0 : memcmp(a, b, 4) != 0 || a[7] != b[7])
        return false;
    if (!id_continues(slot, b, mode))
        return false;
    p = a + slot->ip_bytes;
    q = b + in->ip_bytes;
    if (slot->protocol == IPPROTO_UDP)
        return slot->count < UDP_SEGMENTS;
    /* Sequence; acknowledgement; flags but PSH, which the first one cannot have; window; urgent pointer and options. */
    return be32_get(q + 4) == slot->next_sequence && memcmp(p + 8, q + 8, 5) == 0 && p[13] == (q[13] & ~TCP_PSH) &&
           memcmp(p + 14, q + 14, 2) == 0 &&
           memcmp(p + 18, q + 18, (size_t)(in->header_bytes - in->ip_bytes) - 18) == 0;
}

/** Copy a candidate's payload to where it would lie, and verify its checksum on the way. */
static bool copy_verified(uint8_t *to, const struct arrival *in) {
    uint64_t sum = checksum_pseudo(in->data, in->protocol, (uint32_t)(in->length - in->ip_bytes));

    sum += checksum_header(in->data + in->ip_bytes, (size_t)(in->header_bytes - in->ip_bytes));
    sum += checksum_copy(to, in->data + in->header_bytes, in->payload);
    return checksum_fold(sum) == 0xffff;
}

/** Fetch the memory that the flow's next segment will be copied to: it was written a superpacket ago, and a copy to
 * what the near caches have lost fills the processor's buffers for stores and then waits. */
static void fetch_next(const struct slot *slot) {
    fetch_to_write(superpacket_data(&slot->packet) + slot->packet.length, slot->gso_size);
}

/** Append a candidate that joins(), and finish the superpacket when nothing may follow. @return false: its checksum is
 * wrong, nothing done */
static bool append(struct merge *merge, unsigned at, const struct arrival *in, enum id_mode mode) {
    struct slot *slot = &merge->slots[merge->order[at]];
    uint8_t *data = superpacket_data(&slot->packet);
    bool push = in->protocol == IPPROTO_TCP && (in->data[in->ip_bytes + 13] & TCP_PSH);

    if (!copy_verified(data + slot->packet.length, in))
        return false;
    slot->packet.length += in->payload;
    slot->next_sequence += in->payload;
    fetch_next(slot);
    slot->count++;
    slot->id_mode = mode;
    slot->last_id = be16_get(in->data + 4);
    if (push)
        data[slot->ip_bytes + 13] |= TCP_PSH;
    if (push || in->payload < slot->gso_size || (slot->count == SUPERPACKET_SEGMENTS && in->protocol == IPPROTO_TCP))
        finish(merge, at);
    return true;
}

/** A slot that is not open; the oldest is finished when all are. @return its number */
static unsigned free_slot(struct merge *merge) {
    unsigned number = 0;

    if (merge->open == OPEN_FLOWS)
        finish(merge, 0);
    while (merge->slots[number].ip_bytes)
        number++;
    return number;
}

/** Begin a superpacket with a candidate. @return 0, or -ENOBUFS */
static int begin(struct merge *merge, const struct arrival *in) {
    unsigned number = free_slot(merge);
    struct slot *slot = &merge->slots[number];
    struct buf *buf = buf_get(merge->settings.pool, BUF_LARGE_BYTES);

    if (!buf)
        return pass(merge, in->data, in->length);
    *slot = (struct slot){
        .packet = {.buf = buf, .offset = BUF_HEADROOM, .length = in->length},
        .tag = in->tag,
        .protocol = in->protocol,
        .ip_bytes = in->ip_bytes,
        .header_bytes = in->header_bytes,
        .gso_size = in->payload,
        .count = 1,
        .id_mode = in->ip_bytes == IP4_HEADER ? ID_UNKNOWN : ID_NONE,
        .last_id = be16_get(in->data + 4),
        .next_sequence = be32_get(in->data + in->ip_bytes + 4) + in->payload,
    };
    merge->order[merge->open++] = (uint8_t)number;
    memcpy(superpacket_data(&slot->packet), in->data, in->header_bytes);
    if (!copy_verified(superpacket_data(&slot->packet) + in->header_bytes, in))
        finish(merge, merge->open - 1);
    else
        fetch_next(slot);
    return 0;
}

/** A packet that cannot join: close what its flow has open, then let it pass. @return 0, or -ENOBUFS */
static int pass_in_order(struct merge *merge, struct arrival *in) {
    struct inner inner;

    if (merge->open > 0 && inner_parse(in->data, in->length, false, &inner) == 0) {
        if (inner.fragment) {
            merge_flush(merge);
        } else if ((inner.protocol == IPPROTO_TCP || inner.protocol == IPPROTO_UDP) &&
                   inner.total_bytes - inner.header_bytes >= 4) {
            unsigned at;

            in->protocol = inner.protocol;
            in->tag = flow_tag(in->data, in->data + inner.header_bytes, inner.protocol);
            in->ip_bytes = inner.header_bytes;
            at = find(merge, in);
            if (at < merge->open)
                finish(merge, at);
        }
    }
    return pass(merge, in->data, in->length);
}

struct merge *merge_new(const struct merge_settings *settings) {
    struct merge *merge = calloc(1, sizeof *merge);

    if (merge)
        merge->settings = *settings;
    return merge;
}

void merge_free(struct merge *merge) {
    if (!merge)
        return;
    for (unsigned at = 0; at < merge->open; at++)
        buf_unref(merge->slots[merge->order[at]].packet.buf);
    free(merge);
}

int merge_push(struct merge *merge, const uint8_t *packet, size_t length) {
    struct arrival in = {.data = packet, .length = (uint16_t)length};
    enum id_mode mode;
    bool push;
    unsigned at;

    if (length > UINT16_MAX)
        return -ENOBUFS;
    if (!read_candidate(merge, &in))
        return pass_in_order(merge, &in);
    push = in.protocol == IPPROTO_TCP && (packet[in.ip_bytes + 13] & TCP_PSH);
    at = find(merge, &in);
    if (at < merge->open && joins(&merge->slots[merge->order[at]], &in, &mode) && append(merge, at, &in, mode))
        return 0;
    /* It could not: what is open of its flow goes first, a bad checksum included. */
    if (at < merge->open)
        finish(merge, at);
    return push ? pass(merge, packet, length) : begin(merge, &in);
}

void merge_flush(struct merge *merge) {
    while (merge->open > 0)
        finish(merge, 0);
}
