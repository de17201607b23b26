/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_split: eight bytes of offload data, then any packet. What split accepts it cuts into packets that parse, carry
 * right checksums, and whose payloads are the superpacket's, each byte once; merged and cut again they are the same
 * bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "packet/inner.h"
#include "packet/merge.h"
#include "packet/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OFFLOAD_BYTES = 8, SEGMENTS_MAX = 512, PACKET_MAX = 65535 };

/** What merge made of the segments, cut again and compared as it comes. */
struct again {
    struct split *split; /**< the first cut */
    size_t index;        /**< the segment expected next */
};

/** Put a segment's two parts together. @return its bytes */
static size_t join(const struct segment *segment, uint8_t *to) {
    memcpy(to, segment->header, segment->header_bytes);
    memcpy(to + segment->header_bytes, segment->payload, segment->payload_bytes);
    return (size_t)segment->header_bytes + segment->payload_bytes;
}

static void compare(void *context, struct superpacket *packet) {
    static uint8_t want[PACKET_MAX], got[PACKET_MAX];
    struct again *again = context;
    struct segment segment;
    struct split split;

    assert(split_init(&split, packet) == 0);
    for (size_t i = 0; i < split.count; i++) {
        size_t length;

        split_segment(again->split, again->index++, &segment);
        length = join(&segment, want);
        split_segment(&split, i, &segment);
        assert(join(&segment, got) == length && memcmp(got, want, length) == 0);
    }
    buf_unref(packet->buf);
}

static void merge_again(struct split *split) {
    static struct buf_pool *pool;
    static uint8_t bytes[PACKET_MAX];
    struct again again = {.split = split};
    struct merge_settings settings = {.tcp = true, .udp = true, .emit = compare, .context = &again};
    struct segment segment;
    struct merge *merge;

    if (!pool)
        pool = buf_pool_new(&(struct buf_pool_settings){.count = {4, 4, 4, [BUF_LARGE] = 20}});
    settings.pool = pool;
    merge = merge_new(&settings);
    for (size_t i = 0; i < split->count; i++) {
        size_t length;

        split_segment(split, i, &segment);
        length = join(&segment, bytes);
        assert(merge_push(merge, bytes, length) == 0);
    }
    merge_flush(merge);
    assert(again.index == split->count);
    merge_free(merge);
    for (int i = 0; i < BUF_CLASSES; i++)
        assert(buf_pool_used(pool, i) == 0);
}

/** A cut segment is a right packet. */
static void check_segment(const struct split *split, size_t index, const uint8_t *bytes, size_t length) {
    struct inner inner;
    uint32_t sum;

    assert(length == split_length(split, index));
    assert(inner_parse(bytes, length, false, &inner) == 0);
    assert(inner.total_bytes == length);
    if (split->header_bytes == 0)
        return;
    assert(inner.header_bytes == split->ip_bytes);
    sum = checksum_pseudo(bytes, inner.protocol, (uint32_t)length - split->ip_bytes);
    assert(checksum_fold(sum + checksum_sum(bytes + split->ip_bytes, length - split->ip_bytes)) == 0xffff);
    if (inner.version == 4)
        assert(checksum_fold(checksum_sum(bytes, split->ip_bytes)) == 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[PACKET_MAX];
    struct superpacket packet = {0};
    struct buf buf = {.references = 1};
    struct split split;
    size_t payload = 0;

    if (size <= OFFLOAD_BYTES || size > OFFLOAD_BYTES + PACKET_MAX)
        return 0;
    packet.offload = (struct offload){.gso = data[0] & 3,
                                      .needs_checksum = data[0] & 4,
                                      .gso_size = (uint16_t)(data[1] << 8 | data[2]),
                                      .checksum_start = (uint16_t)(data[3] << 8 | data[4]),
                                      .checksum_offset = data[5]};
    packet.length = (uint32_t)(size - OFFLOAD_BYTES);
    buf.data = malloc(packet.length);
    buf.capacity = packet.length;
    packet.buf = &buf;
    memcpy(buf.data, data + OFFLOAD_BYTES, packet.length);
    if (split_init(&split, &packet) == 0 && split.count <= SEGMENTS_MAX) {
        for (size_t i = 0; i < split.count; i++) {
            struct segment segment;

            split_segment(&split, i, &segment);
            assert(segment.payload == buf.data + split.header_bytes + payload);
            check_segment(&split, i, bytes, join(&segment, bytes));
            payload += segment.payload_bytes;
        }
        assert(payload == split.packet.length - split.header_bytes);
        merge_again(&split);
    }
    free(buf.data);
    return 0;
}
