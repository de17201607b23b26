/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_merge: the input is a script of six-byte steps, each of which makes the next packet of one of eight flows,
 * mostly well-formed with right checksums, now and then with a byte overwritten. What comes out of merge, cut, is what
 * went in: byte for byte, in order within each flow. (IPv4's ID is left out of the comparison where DF makes it
 * meaningless.) */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/draw.h"
#include "../unit/make_packet.h"
#include "packet/inner.h"
#include "packet/merge.h"
#include "packet/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP_BYTES = 6, STEPS_MAX = 120, FLOWS = 8, PACKET_MAX = 4200 };

/** A packet that went in or came out. */
struct record {
    uint8_t bytes[PACKET_MAX]; /**< the packet, ID neutralised */
    size_t length;             /**< its bytes */
    struct inner key;          /**< what makes its flow; zeros when it does not parse */
    bool matched;              /**< found on the other side */
};

static struct record in[STEPS_MAX], out[STEPS_MAX];
static size_t in_count, out_count;

/** Keep a packet for comparison. */
static void record(struct record *record, const uint8_t *bytes, size_t length) {
    struct inner inner = {0};

    assert(length <= PACKET_MAX);
    memset(record, 0, sizeof *record);
    record->length = length;
    memcpy(record->bytes, bytes, length);
    if (inner_parse(bytes, length, false, &inner))
        return;
    record->key.version = inner.version;
    record->key.protocol = inner.protocol;
    record->key.fragment = inner.fragment;
    record->key.source = inner.source;
    record->key.target = inner.target;
    record->key.source_port = inner.source_port;
    record->key.target_port = inner.target_port;
    if (inner.fragment)
        record->key.source_port = record->key.target_port = 0;
    if (inner.version == 4 && inner.dont_fragment)
        memset(record->bytes + 4, 0, 2), memset(record->bytes + 10, 0, 2);
}

static void keep(void *context, struct superpacket *packet) {
    uint8_t bytes[PACKET_MAX];
    struct segment segment;
    struct split split;

    (void)context;
    if (packet->offload.gso == OFFLOAD_NONE) {
        assert(out_count < STEPS_MAX && !packet->offload.needs_checksum);
        record(&out[out_count++], superpacket_data(packet), packet->length);
    } else {
        assert(split_init(&split, packet) == 0 && split.count > 1);
        for (size_t i = 0; i < split.count; i++) {
            split_segment(&split, i, &segment);
            memcpy(bytes, segment.header, segment.header_bytes);
            memcpy(bytes + segment.header_bytes, segment.payload, segment.payload_bytes);
            assert(out_count < STEPS_MAX);
            record(&out[out_count++], bytes, split_length(&split, i));
        }
    }
    buf_unref(packet->buf);
}

/** The packet of one step. @return its bytes */
static size_t make(struct made *flow, const uint8_t *step, uint8_t *bytes) {
    struct made m = *flow;
    size_t length;

    m.payload_bytes = (size_t)(step[1] << 8 | step[2]) % 4000;
    m.flags = step[0] & 8 ? step[3] : 16;
    switch (step[4] & 15) {
    case 1:
        m.sequence += step[5];
        break;
    case 2:
        m.ack += step[5];
        break;
    case 3:
        m.window = (uint16_t)(m.window + step[5]);
        break;
    case 4:
        m.tos = step[5];
        break;
    case 5:
        m.ttl = step[5];
        break;
    case 6:
        m.id = (uint16_t)(m.id + step[5] - 128);
        break;
    case 7:
        m.df = step[5] & 1;
        break;
    case 8:
        m.option_bytes = step[5] % 11 * 4u;
        break;
    case 9:
        m.urgent = step[5];
        break;
    case 10:
        m.dport = step[5];
        break;
    default:
        break;
    }
    length = made_write(&m, bytes);
    if ((step[4] & 15) == 11)
        bytes[step[5] % length] = step[3];
    if ((step[4] & 15) == 12)
        length = length - step[5] % length;
    if ((step[4] & 15) == 13)
        bytes[length - 1 - step[5] % length] ^= step[3];
    if (step[4] & 16)
        flow->df = m.df, flow->tos = m.tos, flow->option_bytes = m.option_bytes;
    flow->sequence = m.sequence + (uint32_t)m.payload_bytes;
    flow->id = (uint16_t)(m.id + !(step[4] & 32));
    return length;
}

/** For each packet that went in, the first one left of its flow that came out is the same. */
static void compare(void) {
    assert(in_count == out_count);
    for (size_t i = 0; i < in_count; i++) {
        size_t o = 0;

        while (o < out_count && (out[o].matched || memcmp(&out[o].key, &in[i].key, sizeof in[i].key) != 0))
            o++;
        assert(o < out_count);
        assert(out[o].length == in[i].length && memcmp(out[o].bytes, in[i].bytes, in[i].length) == 0);
        out[o].matched = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf_pool *pool;
    static uint8_t content[8192];
    struct merge_settings settings = {.tcp = true, .udp = true, .emit = keep};
    struct made flows[FLOWS];
    struct merge *merge;

    if (!pool) {
        uint64_t seed = 1;

        pool = buf_pool_new(&(struct buf_pool_settings){.count = {4, 4, 4, [BUF_LARGE] = 20}});
        draw_bytes(&seed, content, sizeof content);
    }
    settings.pool = pool;
    merge = merge_new(&settings);
    in_count = out_count = 0;
    for (unsigned i = 0; i < FLOWS; i++)
        flows[i] = (struct made){.version = i & 1 ? 4 : 6,
                                 .protocol = i & 2   ? IPPROTO_TCP
                                             : i & 4 ? IPPROTO_UDP
                                                     : IPPROTO_TCP,
                                 .source = (uint8_t)i,
                                 .sport = 7,
                                 .dport = 8,
                                 .ttl = 64,
                                 .df = true,
                                 .window = 100,
                                 .options = content,
                                 .payload = content + i};
    for (; size >= STEP_BYTES && in_count < STEPS_MAX; data += STEP_BYTES, size -= STEP_BYTES) {
        uint8_t bytes[PACKET_MAX];
        size_t length = make(&flows[data[0] & 7], data, bytes);

        record(&in[in_count++], bytes, length);
        assert(merge_push(merge, bytes, length) == 0);
        if (data[0] > 250)
            merge_flush(merge);
    }
    merge_flush(merge);
    merge_free(merge);
    compare();
    for (int i = 0; i < BUF_CLASSES; i++)
        assert(buf_pool_used(pool, i) == 0);
    return 0;
}
