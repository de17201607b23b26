/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_queue: FQ-CoDel in virtual time. A drain takes segments at a given rate, sources fill, and the outcome is
 * compared with what RFC 8290 promises. */
#include "bond/queue.h"

#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/clock.h"
#include "draw.h"
#include "make_packet.h"
#include "tests/unit/suite.h"

enum { ACK = 16 };

static struct buf_pool *pool;
static struct queue *queue;
static uint8_t content[65535];

static void remake(size_t packets, uint64_t bytes) {
    queue_free(queue);
    queue = queue_new(&(struct queue_settings){.max_packets = packets, .max_bytes = bytes, .key = {1, 2, 3}});
    ck_assert_ptr_nonnull(queue);
}

static void setup(void) {
    pool = buf_pool_new(&(struct buf_pool_settings){.count = {4096, 4096, 64, [BUF_18432] = 500, [BUF_LARGE] = 128}});
    queue = NULL;
    remake(4000, 8 << 20);
}

static void teardown(void) {
    queue_free(queue);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

/** A packet of a flow, TCP superpacket when gso_size is given, else UDP. */
static struct superpacket make(unsigned flow, size_t payload_bytes, uint16_t gso_size, uint8_t tos) {
    struct made m = {.version = 4,
                     .protocol = gso_size ? IPPROTO_TCP : IPPROTO_UDP,
                     .source = (uint8_t)flow,
                     .target = 1,
                     .sport = 9,
                     .dport = 8,
                     .ttl = 64,
                     .df = true,
                     .tos = tos,
                     .flags = ACK,
                     .payload = content,
                     .payload_bytes = payload_bytes};
    struct superpacket packet = {.buf = buf_get(pool, payload_bytes + 100), .offset = 32};

    suite_assert(packet.buf);
    packet.length = (uint32_t)made_write(&m, superpacket_data(&packet));
    if (gso_size)
        packet.offload = (struct offload){.gso = OFFLOAD_TCP4, .gso_size = gso_size, .needs_checksum = true};
    return packet;
}

static int put_packet(struct superpacket packet, uint64_t now) {
    struct inner inner;
    int error;

    suite_assert(inner_parse(superpacket_data(&packet), packet.length, true, &inner) == 0);
    error = queue_put(queue, &packet, &inner, now);
    if (error)
        buf_unref(packet.buf);
    return error;
}

/** Queue a plain packet of 1000 bytes. */
static void put(unsigned flow, uint64_t now) {
    suite_assert(put_packet(make(flow, 972, 0, 0), now) == 0);
}

/** Which flow a shown segment belongs to. */
static unsigned flow_of(const struct queue_item *item) {
    return item->inner->source.bytes[3];
}

/** Take everything. @return segments */
static size_t drain(uint64_t now) {
    size_t n = 0;

    for (; queue_peek(queue, now); n++)
        queue_commit(queue);
    return n;
}

/* A server holds one for each of its clients. */
START_TEST(unused_queue_is_small) {
    ck_assert_uint_le(malloc_usable_size(queue), 2048);
}
END_TEST

START_TEST(empty_queue_shows_nothing) {
    ck_assert_ptr_null(queue_peek(queue, 1));
    queue_commit(queue);
    ck_assert(!queue_skip(queue));
    ck_assert_uint_eq(queue_bytes(queue) + queue_packets(queue), 0);
    queue_free(NULL);
}
END_TEST

START_TEST(one_flow_leaves_in_order) {
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(put_packet(make(1, 100 + i, 0, 0), 5), 0);
    ck_assert_uint_eq(queue_packets(queue), 20);
    for (unsigned i = 0; i < 20; i++) {
        const struct queue_item *item = queue_peek(queue, 6);

        ck_assert_uint_eq(item->length, 128 + i);
        ck_assert_uint_eq(item->queued_at, 5);
        queue_commit(queue);
    }
    ck_assert_uint_eq(queue_bytes(queue) + queue_packets(queue), 0);
}
END_TEST

START_TEST(shown_segment_stays_shown_until_committed) {
    const struct queue_item *item;

    put(1, 0);
    ck_assert_uint_eq(flow_of(queue_peek(queue, 0)), 1);
    put(2, 0);
    for (uint64_t t = 0; t < 5 * NS_PER_SEC; t += NS_PER_SEC / 3)
        ck_assert_uint_eq(flow_of(queue_peek(queue, t)), 1);
    queue_commit(queue);
    item = queue_peek(queue, NS_PER_SEC);
    ck_assert_uint_eq(flow_of(item), 2);
    ck_assert_uint_eq(drain(NS_PER_SEC), 1);
}
END_TEST

START_TEST(superpacket_leaves_segment_by_segment) {
    struct superpacket packet = make(3, 10 * 1400 + 77, 1400, 0);
    uint64_t total = packet.length + 10 * 40;
    size_t payload = 0;

    ck_assert_int_eq(put_packet(packet, 0), 0);
    ck_assert_uint_eq(queue_packets(queue), 11);
    ck_assert_uint_eq(queue_bytes(queue), total);
    for (unsigned i = 0; i < 11; i++) {
        const struct queue_item *item = queue_peek(queue, 0);
        struct segment segment;

        ck_assert_uint_eq(item->index, i);
        ck_assert_uint_eq(item->length, i < 10 ? 1440 : 117);
        queue_build(item, &segment);
        ck_assert_uint_eq(segment.header_bytes + segment.payload_bytes, item->length);
        ck_assert_mem_eq(segment.payload, content + payload, segment.payload_bytes);
        payload += segment.payload_bytes;
        total -= item->length;
        ck_assert_uint_eq(packet.buf->references, 1);
        queue_commit(queue);
        ck_assert_uint_eq(queue_bytes(queue), total);
    }
    ck_assert_uint_eq(buf_pool_used(pool, BUF_LARGE), 0);
    ck_assert_ptr_null(queue_peek(queue, 0));
    ck_assert_uint_eq(queue_stats(queue)->sent_segments, 11);
}
END_TEST

START_TEST(malformed_superpacket_is_refused_and_stays_the_callers) {
    struct superpacket packet = make(3, 9000, 1000, 0);

    packet.offload.gso = OFFLOAD_TCP6;
    ck_assert_int_eq(put_packet(packet, 0), -EINVAL);
    remake(10, 5000);
    ck_assert_int_eq(put_packet(make(3, 9000, 1000, 0), 0), -EMSGSIZE);
    ck_assert_uint_eq(queue_stats(queue)->refused, 1);
    ck_assert_uint_eq(queue_packets(queue), 0);
}
END_TEST

START_TEST(flows_share_by_bytes_whatever_their_packets) {
    /* Superpackets of 1400, plain packets of 1000, of 200, and one flow of superpackets of 300. */
    uint64_t sent[5] = {0}, total = 0;

    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(put_packet(make(1, 60000, 1360, 0), 0), 0);
    for (unsigned i = 0; i < 480; i++)
        put(2, 0);
    for (unsigned i = 0; i < 2400; i++)
        ck_assert_int_eq(put_packet(make(3, 172, 0, 0), 0), 0);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(put_packet(make(4, 60000, 260, 0), 0), 0);
    while (total < 1200000) {
        const struct queue_item *item = queue_peek(queue, 1);

        sent[flow_of(item)] += item->length;
        total += item->length;
        queue_commit(queue);
    }
    for (unsigned i = 1; i <= 4; i++) {
        ck_assert_uint_gt(sent[i], 291000);
        ck_assert_uint_lt(sent[i], 309000);
    }
}
END_TEST

START_TEST(sparse_flow_goes_first) {
    for (unsigned i = 0; i < 300; i++)
        put(1 + i % 4, 0);
    for (unsigned i = 0; i < 20; i++) {
        queue_peek(queue, 0);
        queue_commit(queue);
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(put_packet(make(99, 50, 0, 0), 0), 0);
        ck_assert_uint_eq(flow_of(queue_peek(queue, 0)), 99);
        queue_commit(queue);
        /* It gets priority once a round, not for ever: a round of the others goes by. */
        for (unsigned j = 0; j < 12; j++) {
            ck_assert_uint_ne(flow_of(queue_peek(queue, 0)), 99);
            queue_commit(queue);
        }
    }
}
END_TEST

/** Queue a packet of TCP with these flags. */
static void put_tcp(unsigned flow, uint8_t flags, size_t payload_bytes, uint64_t now) {
    static const uint8_t stamps[12] = {1, 1, 8, 10};
    struct made m = made_usual(4, IPPROTO_TCP, flags, content, payload_bytes);
    struct superpacket packet = {.buf = buf_get(pool, 2000), .offset = 32};

    suite_assert(packet.buf);
    m.source = (uint8_t)flow;
    m.options = stamps;
    m.option_bytes = sizeof stamps;
    packet.length = (uint32_t)made_write(&m, superpacket_data(&packet));
    suite_assert(put_packet(packet, now) == 0);
}

/** Take the next segment, and look for more. @return whether it was of a sparse flow */
static bool take_sparse(uint64_t now) {
    const struct queue_item *item = queue_peek(queue, now);
    bool sparse;

    suite_assert(item);
    sparse = item->sparse;
    queue_commit(queue);
    queue_peek(queue, now);
    return sparse;
}

/** Packets of so many bytes in all, one each gap, for ten seconds from then on. @return those that were sparse, percent
 */
static unsigned sparse_percent(unsigned flow, size_t length, uint64_t gap, uint64_t from) {
    unsigned count = 0, sparse = 0;

    for (uint64_t now = from; now < from + 10 * NS_PER_SEC; now += gap, count++) {
        suite_assert(put_packet(make(flow, length - 28, 0, 0), now) == 0);
        sparse += take_sparse(now);
    }
    return 100 * sparse / count;
}

START_TEST(a_flow_that_sends_little_is_sparse) {
    /* A ping, fast or not, and a call: fifty packets a second with 160 bytes of voice. */
    ck_assert_uint_eq(sparse_percent(5, 84, 10 * NS_PER_MS, NS_PER_SEC), 100);
    ck_assert_uint_eq(sparse_percent(1, 84, 100 * NS_PER_MS, NS_PER_SEC), 100);
    ck_assert_uint_eq(sparse_percent(2, 200, 20 * NS_PER_MS, NS_PER_SEC), 100);
    /* 1 Mbit/s is not little, nor are 400 small packets a second. */
    ck_assert_uint_le(sparse_percent(3, 1250, 10 * NS_PER_MS, NS_PER_SEC), 1);
    ck_assert_uint_le(sparse_percent(4, 60, 5 * NS_PER_MS / 2, NS_PER_SEC), 5);
}
END_TEST

START_TEST(a_flow_that_was_large_is_sparse_a_second_later) {
    for (unsigned i = 0; i < 30; i++)
        put(1, NS_PER_SEC);
    ck_assert_uint_eq(drain(NS_PER_SEC), 30);
    put(1, NS_PER_SEC + NS_PER_SEC / 2);
    ck_assert(!take_sparse(NS_PER_SEC + NS_PER_SEC / 2));
    put(1, NS_PER_SEC + 3 * NS_PER_SEC / 2);
    ck_assert(take_sparse(NS_PER_SEC + 3 * NS_PER_SEC / 2));
}
END_TEST

START_TEST(what_waits_behind_its_own_flow_or_was_served_before_is_not_sparse) {
    put(1, 0);
    put(1, 0);
    put(1, 0);
    ck_assert(!take_sparse(0));
    /* The last one is alone, but its flow has had its turn. */
    ck_assert(!take_sparse(0));
    ck_assert(!take_sparse(0));
    ck_assert_int_eq(put_packet(make(2, 600, 300, 0), 0), 0);
    ck_assert(!take_sparse(0));
    ck_assert(!take_sparse(0));
}
END_TEST

START_TEST(a_flow_that_sends_little_is_light_wherever_its_packets_wait) {
    for (unsigned i = 0; i < 30; i++)
        put(1, 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(put_packet(make(2, 56, 0, 0), 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(!queue_peek(queue, 0)->light);
        queue_commit(queue);
    }
    /* One more of its flow waits, and then none. */
    ck_assert(queue_peek(queue, 0)->light && !queue_peek(queue, 0)->sparse);
    queue_commit(queue);
    ck_assert(queue_peek(queue, 0)->light && queue_peek(queue, 0)->sparse);
    queue_commit(queue);
    /* It has had its turn, and the large one has not. */
    ck_assert(!queue_peek(queue, 0)->light);
    ck_assert_int_eq(put_packet(make(2, 56, 0, 0), 0), 0);
    ck_assert(!queue_peek(queue, 0)->light);
    ck_assert(queue_skip(queue));
    ck_assert(queue_peek(queue, 0)->light && !queue_peek(queue, 0)->sparse);
    queue_resume(queue);
    ck_assert_uint_eq(drain(0), 29);
}
END_TEST

START_TEST(an_answer_of_tcp_alone_is_not_sparse) {
    enum { FIN = 1, SYN = 2, RST = 4, PUSH = 8 };

    put_tcp(1, SYN, 0, 0);
    ck_assert(take_sparse(0));
    put_tcp(1, ACK, 0, 0);
    ck_assert(!take_sparse(0));
    put_tcp(1, ACK | PUSH, 40, 0);
    ck_assert(take_sparse(0));
    put_tcp(2, ACK | FIN, 0, 0);
    ck_assert(take_sparse(0));
    put_tcp(3, RST, 0, 0);
    ck_assert(take_sparse(0));
}
END_TEST

/** Feed flow 1 at in_bps and drain at out_bps, both in packets of 1000 bytes, for a while. @return ns of the longest
 * wait in the last half */
static uint64_t run(uint64_t from, uint64_t duration, uint64_t in_bps, uint64_t out_bps, uint8_t tos) {
    uint64_t next_in = from, next_out = from, worst = 0;

    while (next_in < from + duration || next_out < from + duration) {
        if (next_in <= next_out) {
            suite_assert(put_packet(make(1, 972, 0, tos), next_in) == 0);
            next_in += 8000 * NS_PER_SEC / in_bps;
        } else {
            const struct queue_item *item = queue_peek(queue, next_out);

            if (item && next_out > from + duration / 2 && next_out - item->queued_at > worst)
                worst = next_out - item->queued_at;
            queue_commit(queue);
            next_out += 8000 * NS_PER_SEC / out_bps;
        }
    }
    return worst;
}

START_TEST(standing_queue_is_dropped_until_the_wait_is_short) {
    uint64_t worst, sent;

    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    /* 4 % too much: without CoDel the wait would grow by 40 ms a second, to 1.2 s. */
    worst = run(0, 30 * NS_PER_SEC, 10400000, 10000000, 0);
    sent = queue_stats(queue)->sent_segments;
    ck_assert_uint_gt(queue_stats(queue)->codel_drops, 500);
    ck_assert_uint_lt(worst, 150 * NS_PER_MS);
    /* And the link was never idle. */
    ck_assert_uint_gt(sent, 37000);
}
END_TEST

/* While the legs find their rates a queue stands for no fault of its flow; after that it is judged as ever. */
START_TEST(a_patient_queue_drops_nothing) {
    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    queue_be_patient(queue, 3 * NS_PER_SEC);
    run(0, 3 * NS_PER_SEC, 12000000, 10000000, 0);
    ck_assert_uint_eq(queue_stats(queue)->codel_drops, 0);
    run(3 * NS_PER_SEC, NS_PER_SEC, 10000000, 10000000, 0);
    ck_assert_uint_gt(queue_stats(queue)->codel_drops, 0);
}
END_TEST

START_TEST(burst_that_drains_within_the_interval_is_left_alone) {
    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t now = round * NS_PER_SEC;

        /* 90 packets of 0.8 ms: the last waits 72 ms. */
        for (unsigned i = 0; i < 90; i++)
            put(1, now);
        for (; queue_peek(queue, now); now += 800 * NS_PER_US)
            queue_commit(queue);
    }
    ck_assert_uint_eq(queue_stats(queue)->codel_drops, 0);
    ck_assert_uint_eq(queue_stats(queue)->sent_segments, 1800);
}
END_TEST

START_TEST(drops_come_closer_as_the_queue_persists) {
    uint64_t first, second;

    queue_set_timing(queue, 0, 0);
    run(0, NS_PER_SEC, 12000000, 10000000, 0);
    first = queue_stats(queue)->codel_drops;
    run(NS_PER_SEC, NS_PER_SEC, 12000000, 10000000, 0);
    second = queue_stats(queue)->codel_drops - first;
    ck_assert_uint_ge(first, 5);
    ck_assert_uint_gt(second, first * 2);
}
END_TEST

/* Twice as much as leaves comes of so many flows in turn, until something is dropped. @return how long what is shown
 * then has waited, ns */
static uint64_t overload(bool tcp, unsigned flows) {
    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    for (uint64_t now = 0;; now += NS_PER_MS) {
        unsigned flow = 1 + (unsigned)(now / NS_PER_MS) % flows;
        const struct queue_item *item;

        ck_assert_uint_lt(now, NS_PER_SEC);
        for (unsigned i = 0; i < (tcp ? 1 : 2); i++)
            ck_assert_int_eq(put_packet(tcp ? make(flow, 2000, 1000, 0) : make(flow, 972, 0, 0), now), 0);
        item = queue_peek(queue, now);
        if (queue_stats(queue)->codel_drops)
            return now - item->queued_at;
        queue_commit(queue);
    }
}

/* What TCP sends again for the first loss would wait behind it. */
START_TEST(a_drop_takes_all_of_tcp_that_has_waited_long) {
    uint64_t waited = overload(true, 1);

    ck_assert_uint_gt(queue_stats(queue)->codel_drops, 50);
    ck_assert_uint_le(waited, queue_target(queue) / 2);
    ck_assert_uint_gt(queue_packets(queue), 20);
}
END_TEST

/* Nothing came lately, as its sender sends in bursts: it is not all gone, or the legs would stand idle. */
START_TEST(a_drop_leaves_what_the_legs_carry_until_more_comes) {
    uint64_t now = 0;

    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    for (unsigned i = 0; i < 200; i++)
        ck_assert_int_eq(put_packet(make(1, 2000, 1000, 0), now), 0);
    for (; !queue_stats(queue)->codel_drops; now += NS_PER_MS) {
        ck_assert_uint_lt(now, NS_PER_SEC);
        queue_peek(queue, now);
        if (!queue_stats(queue)->codel_drops)
            queue_commit(queue);
    }
    ck_assert_uint_gt(queue_stats(queue)->codel_drops, 50);
    ck_assert_uint_le(queue_bytes(queue), 10000000 / 8 * (queue_target(queue) / 2) / NS_PER_SEC);
    ck_assert_uint_gt(queue_bytes(queue), 10000000 / 8 * (queue_target(queue) / 2) / NS_PER_SEC - 2000);
}
END_TEST

/* Cut at once they would all slow down, with nothing left to send meanwhile. */
START_TEST(a_drop_takes_one_packet_where_several_flows_wait) {
    overload(true, 2);
    ck_assert_uint_eq(queue_stats(queue)->codel_drops, 1);
}
END_TEST

START_TEST(a_drop_takes_one_packet_of_what_is_not_sent_again) {
    uint64_t waited = overload(false, 1);

    ck_assert_uint_eq(queue_stats(queue)->codel_drops, 1);
    ck_assert_uint_gt(waited, queue_target(queue));
}
END_TEST

/** One of the two fragments of a datagram, of so many bytes in all. */
static struct superpacket fragment(int version, uint32_t number, bool first, size_t bytes) {
    size_t headers = version == 4 ? 28 : 48;
    struct made m = {.version = version,
                     .protocol = IPPROTO_UDP,
                     .source = 1,
                     .target = 2,
                     .ttl = 64,
                     .id = (uint16_t)number,
                     .payload = content,
                     .payload_bytes = bytes - headers - (version == 6 ? 8 : 0)};
    struct superpacket packet = {.buf = buf_get(pool, 2000), .offset = 32};
    uint8_t *data = superpacket_data(&packet);

    suite_assert(packet.buf);
    packet.length = (uint32_t)made_write(&m, data);
    if (version == 4) {
        made_put16(data + 6, first ? 0x2000 : 100);
        return packet;
    }
    memmove(data + 48, data + 40, packet.length - 40);
    packet.length += 8;
    made_put16(data + 4, packet.length - 40);
    data[6] = IPPROTO_FRAGMENT;
    memset(data + 40, 0, 8);
    data[40] = IPPROTO_UDP;
    made_put16(data + 42, first ? 1 : 100 << 3);
    made_put32(data + 44, number);
    return packet;
}

/** Queue both fragments of a datagram. */
static void put_datagram(int version, uint32_t number, const size_t bytes[2], uint64_t now) {
    for (int i = 0; i < 2; i++)
        suite_assert(put_packet(fragment(version, number, i == 0, bytes[i]), now) == 0);
}

/** A tenth more datagrams of two fragments than leave at 10 Mbit/s, for 20 s. A segment leaves when there is room for
 * the whole of it, as a window has. @return datagrams that left whole in the last ten, percent of what the rate carries
 */
static unsigned whole_percent(int version, const size_t bytes[2]) {
    static bool begun[65536];
    const uint64_t rate = 10000000 / 8, step = 100 * NS_PER_US,
                   gap = NS_PER_SEC * (bytes[0] + bytes[1]) * 10 / 11 / rate;
    uint64_t next = 0, room = 0, whole = 0;
    uint16_t number = 0;

    memset(begun, 0, sizeof begun);
    for (uint64_t now = 0; now < 20 * NS_PER_SEC; now += step) {
        const struct queue_item *item;

        for (; next <= now; next += gap)
            put_datagram(version, number++, bytes, now);
        for (room += rate * step / NS_PER_SEC; (item = queue_peek(queue, now)) && item->length <= room;
             queue_commit(queue)) {
            uint16_t of = (uint16_t)inner_datagram(superpacket_data(&item->split->packet), item->inner);

            room -= item->length;
            if (item->inner->first_fragment)
                begun[of] = true;
            else
                whole += begun[of] && now >= 10 * NS_PER_SEC;
        }
        if (!item)
            room = 0;
    }
    return (unsigned)(100 * whole * (bytes[0] + bytes[1]) / (10 * rate));
}

static const struct {
    int version;     /* of IP */
    size_t bytes[2]; /* of the fragments */
} cuts[] = {{4, {1356, 62}}, {4, {708, 708}}, {4, {62, 1356}}, {6, {1356, 110}}, {6, {728, 728}}};

/* A datagram that lost one of its parts is of no use, and both parts took their share of the rate. */
START_TEST(codel_drops_whole_datagrams) {
    queue_set_timing(queue, 40 * NS_PER_MS, 10000000);
    ck_assert_uint_ge(whole_percent(cuts[_i].version, cuts[_i].bytes), 95);
    ck_assert_uint_gt(queue_stats(queue)->codel_drops, 1000);
    ck_assert_uint_eq(queue_stats(queue)->overflow_drops, 0);
}
END_TEST

START_TEST(overflow_drops_whole_datagrams) {
    remake(61, 8 << 20);
    queue_be_patient(queue, 20 * NS_PER_SEC);
    ck_assert_uint_ge(whole_percent(cuts[_i].version, cuts[_i].bytes), 95);
    ck_assert_uint_gt(queue_stats(queue)->overflow_drops, 1000);
}
END_TEST

START_TEST(what_comes_late_of_a_datagram_that_was_dropped_goes_with_it) {
    static const size_t bytes[2] = {1000, 100};

    remake(2, 8 << 20);
    ck_assert_int_eq(put_packet(fragment(4, 7, true, 1000), 0), 0);
    put_datagram(4, 8, bytes, 0);
    ck_assert_uint_eq(queue_stats(queue)->overflow_drops, 1);
    ck_assert_uint_eq(drain(0), 2);
    ck_assert_int_eq(put_packet(fragment(4, 7, false, 100), 0), 0);
    ck_assert_uint_eq(drain(0), 0);
    /* The number comes again after 65,536. */
    put_datagram(4, 7, bytes, 0);
    ck_assert_uint_eq(drain(0), 2);
    ck_assert_int_eq(put_packet(fragment(4, 7, false, 100), 0), 0);
    ck_assert_uint_eq(drain(0), 1);
}
END_TEST

START_TEST(ecn_capable_packets_are_marked_not_dropped) {
    static const uint8_t tos[] = {1, 2};

    for (int i = 0; i < 2; i++) {
        remake(4000, 8 << 20);
        run(0, 3 * NS_PER_SEC, 10400000, 10000000, tos[i]);
        ck_assert_uint_gt(queue_stats(queue)->ce_marks, 10);
        ck_assert_uint_eq(queue_stats(queue)->codel_drops, 0);
    }
}
END_TEST

/** Let a queue of two packets of this kind get old until one is marked. */
static void find_mark(uint16_t gso_size, struct segment *segment, size_t *length) {
    uint64_t now = 0;

    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(put_packet(make(7, 1000, gso_size, 2), 0), 0);
    for (;; now += 10 * NS_PER_MS) {
        const struct queue_item *item = queue_peek(queue, now);

        ck_assert_ptr_nonnull(item);
        queue_build(item, segment);
        *length = item->length;
        if (item->mark_ce)
            return;
        queue_commit(queue);
    }
}

START_TEST(mark_is_in_the_header_and_its_checksum_right) {
    struct segment segment;
    size_t length;

    find_mark(400, &segment, &length);
    ck_assert_uint_eq(segment.header_bytes, 40);
    ck_assert_uint_eq(segment.header[1], 3);
    ck_assert_uint_eq(made_fold(made_sum(segment.header, 20)), 0xffff);
    drain(0);
    remake(4000, 8 << 20);
    find_mark(0, &segment, &length);
    ck_assert_uint_eq(segment.header_bytes, 0);
    ck_assert_uint_eq(segment.payload[1], 3);
    ck_assert_uint_eq(made_fold(made_sum(segment.payload, 20)), 0xffff);
    ck_assert_uint_eq(made_fold(made_sum_l4(segment.payload, length)), 0xffff);
}
END_TEST

/** Show the next flow. */
static unsigned next_flow(uint64_t now) {
    const struct queue_item *item = queue_peek(queue, now);

    return item ? flow_of(item) : 0;
}

START_TEST(a_flow_set_aside_lets_the_others_pass_and_keeps_its_place) {
    for (unsigned i = 0; i < 10; i++)
        for (unsigned flow = 1; flow <= 3; flow++)
            put(flow, 1);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(next_flow(2), 1);
        queue_commit(queue); /* 1 has had its quantum */
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(next_flow(2), 2);
        ck_assert(queue_skip(queue));
        ck_assert_uint_eq(next_flow(2), 3);
        queue_commit(queue);
        queue_resume(queue);
    }
    /* Where 2 was set aside it is again, with all of its turn left. */
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(next_flow(3), 2);
        queue_commit(queue);
    }
    ck_assert_uint_ne(next_flow(3), 2);
    ck_assert_uint_eq(queue_packets(queue), 24);
    ck_assert_uint_eq(drain(3), 24);
}
END_TEST

START_TEST(flows_set_aside_come_back_in_their_order) {
    for (unsigned flow = 1; flow <= 4; flow++)
        put(flow, 1);
    for (unsigned flow = 1; flow <= 4; flow++) {
        ck_assert_uint_eq(next_flow(2), flow);
        ck_assert(queue_skip(queue));
    }
    ck_assert_uint_eq(next_flow(2), 0);
    ck_assert(!queue_skip(queue));
    queue_resume(queue);
    put(5, 2);
    for (unsigned flow = 1; flow <= 5; flow++) {
        ck_assert_uint_eq(next_flow(2), flow);
        queue_commit(queue);
    }
    ck_assert_uint_eq(next_flow(2), 0);
}
END_TEST

START_TEST(no_more_than_a_few_flows_are_set_aside) {
    unsigned flows = 0;

    for (unsigned flow = 1; flow <= 200; flow++)
        put(flow, 1);
    while (queue_peek(queue, 2) && queue_skip(queue))
        flows++;
    ck_assert_uint_eq(flows, QUEUE_SKIPS);
    queue_resume(queue);
    ck_assert_uint_eq(drain(2), 200);
}
END_TEST

START_TEST(codel_judges_a_head_once_however_often_it_is_set_aside) {
    uint64_t now = NS_PER_SEC;
    uint64_t marks;

    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(put_packet(make(1, 972, 0, 2), 1), 0);
        put(2, now);
    }
    for (unsigned i = 0; queue_stats(queue)->ce_marks == 0 && i < 100; i++, now += 10 * NS_PER_MS)
        if (next_flow(now) == 1 && !queue_peek(queue, now)->mark_ce)
            queue_commit(queue);
        else if (next_flow(now) != 1)
            ck_assert(queue_skip(queue));
    marks = queue_stats(queue)->ce_marks;
    ck_assert_uint_eq(marks, 1);
    for (unsigned i = 0; i < 50; i++, now += 200 * NS_PER_MS) {
        queue_resume(queue);
        while (next_flow(now) != 1)
            ck_assert(queue_skip(queue));
        ck_assert(queue_peek(queue, now)->mark_ce);
        ck_assert(queue_skip(queue));
    }
    ck_assert_uint_eq(queue_stats(queue)->ce_marks, marks);
    queue_resume(queue);
}
END_TEST

START_TEST(overflow_by_bytes_hits_the_fattest_flow) {
    remake(4000, 200000);
    for (unsigned i = 0; i < 10; i++)
        put(2, 0), put(3, 0);
    for (unsigned i = 0; i < 1000; i++)
        put(1, 0);
    ck_assert_uint_le(queue_bytes(queue), 200000);
    ck_assert_uint_eq(queue_stats(queue)->overflow_drops, 820);
    ck_assert_int_eq(put_packet(make(1, 60000, 1400, 0), 0), 0);
    ck_assert_uint_le(queue_bytes(queue), 200000);
    {
        size_t left[4] = {0};

        for (const struct queue_item *item; (item = queue_peek(queue, 0)); queue_commit(queue))
            left[flow_of(item)]++;
        ck_assert_uint_eq(left[2], 10);
        ck_assert_uint_eq(left[3], 10);
    }
}
END_TEST

START_TEST(overflow_by_packets_hits_the_fattest_flow_even_when_shown) {
    remake(50, 8 << 20);
    for (unsigned i = 0; i < 45; i++)
        put(1, i);
    for (unsigned i = 0; i < 5; i++)
        put(2, 0);
    ck_assert_uint_eq(flow_of(queue_peek(queue, 0)), 1);
    for (unsigned i = 0; i < 5; i++)
        put(2, 0);
    ck_assert_uint_eq(queue_packets(queue), 50);
    ck_assert_uint_eq(queue_stats(queue)->overflow_drops, 5);
    ck_assert_uint_eq(queue_peek(queue, 0)->queued_at, 5);
    ck_assert_uint_eq(drain(0), 50);
}
END_TEST

START_TEST(overflow_by_memory_counts_buffers) {
    queue_free(queue);
    queue = queue_new(&(struct queue_settings){.max_packets = 100, .max_bytes = 8 << 20, .max_memory = 3 * 2048 + 100});
    for (unsigned i = 0; i < 10; i++)
        put(i, 0);
    ck_assert_uint_eq(queue_packets(queue), 3);
    ck_assert_uint_eq(buf_pool_used(pool, BUF_2048), 3);
    ck_assert_int_eq(put_packet(make(1, 9500, 1000, 0), 0), -EMSGSIZE);
}
END_TEST

/* What the TUN reads stays in the buffer into which it was read. */
START_TEST(short_superpackets_do_not_fill_memory_with_what_is_empty) {
    struct segment segment;

    queue_free(queue);
    queue = queue_new(&(struct queue_settings){.max_packets = 4096, .max_bytes = 8 << 20, .max_memory = 8 << 20});
    for (unsigned i = 0; i < 300; i++) {
        struct superpacket packet = make(1, 12000, 1374, 0), read = packet;

        read.buf = buf_get(pool, BUF_LARGE_BYTES);
        ck_assert_ptr_nonnull(read.buf);
        memcpy(superpacket_data(&read), superpacket_data(&packet), packet.length);
        buf_unref(packet.buf);
        ck_assert_int_eq(put_packet(read, 0), 0);
    }
    ck_assert_uint_eq(queue_stats(queue)->overflow_drops, 0);
    ck_assert_uint_le(buf_pool_used(pool, BUF_LARGE), 32);
    for (unsigned i = 0; i < 9 * 299; i++) {
        ck_assert_ptr_nonnull(queue_peek(queue, 0));
        queue_commit(queue);
    }
    queue_build(queue_peek(queue, 0), &segment);
    ck_assert_uint_eq(segment.payload_bytes, 1374);
    ck_assert_mem_eq(segment.payload, content, 1374);
    drain(0);
}
END_TEST

START_TEST(timing_follows_round_trip_and_rate) {
    ck_assert_uint_eq(queue_interval(queue), 100 * NS_PER_MS);
    ck_assert_uint_eq(queue_target(queue), 100 * NS_PER_MS / 3);
    queue_set_timing(queue, 600 * NS_PER_MS, 100000000);
    ck_assert_uint_eq(queue_interval(queue), 900 * NS_PER_MS);
    ck_assert_uint_eq(queue_target(queue), 300 * NS_PER_MS);
    queue_set_timing(queue, 30 * NS_PER_MS, 500000);
    ck_assert_uint_eq(queue_interval(queue), 100 * NS_PER_MS);
    ck_assert_uint_eq(queue_target(queue), 2 * 1514 * 16 * NS_PER_US);
    queue_set_timing(queue, 30 * NS_PER_MS, 100000);
    ck_assert_uint_ge(queue_interval(queue), queue_target(queue));
}
END_TEST

START_TEST(waiting_time_is_measured_at_each_segments_leaving) {
    ck_assert_int_eq(put_packet(make(1, 3000, 1000, 0), 10 * NS_PER_MS), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        queue_peek(queue, 10 * NS_PER_MS);
        queue_peek(queue, (10 + i) * NS_PER_MS);
        queue_commit(queue);
        ck_assert_uint_eq(queue_stats(queue)->sojourn_last, i * NS_PER_MS);
    }
    ck_assert_uint_eq(queue_stats(queue)->sojourn_max, 3 * NS_PER_MS);
    ck_assert_uint_gt(queue_stats(queue)->sojourn_average, 0);
}
END_TEST

START_TEST(random_use_keeps_the_books_and_gives_every_buffer_back) {
    uint64_t seed = 77 + (uint64_t)_i, now = 0;

    queue_free(queue);
    queue = queue_new(&(struct queue_settings){.max_packets = 60, .max_bytes = 400000, .max_memory = 60 * 67584});
    for (int step = 0; step < 20000; step++) {
        uint32_t dice = draw_from(&seed);

        now += dice % 3000000;
        if (dice % 16 < 5) {
            ck_assert_int_eq(put_packet(make(dice >> 8 & 31, dice >> 16 & 1023, 0, dice >> 4 & 3), now), 0);
        } else if (dice % 16 < 7) {
            int error = put_packet(make(dice >> 8 & 31, (dice >> 16 & 0x7fff) + 1, 1400, dice >> 4 & 3), now);

            ck_assert_int_eq(error, 0);
        } else if (queue_peek(queue, now)) {
            if (dice % 16 == 15)
                queue_resume(queue);
            else if (dice % 16 == 14)
                queue_skip(queue);
            else
                queue_commit(queue);
        }
        ck_assert_uint_le(queue_bytes(queue), 400000);
        ck_assert((queue_bytes(queue) == 0) == (queue_packets(queue) == 0));
    }
    queue_resume(queue);
    drain(now);
    ck_assert_uint_eq(queue_bytes(queue) + queue_packets(queue), 0);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("queue");
    TCase *tc = tcase_create("queue");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, unused_queue_is_small);
    tcase_add_test(tc, empty_queue_shows_nothing);
    tcase_add_test(tc, one_flow_leaves_in_order);
    tcase_add_test(tc, shown_segment_stays_shown_until_committed);
    tcase_add_test(tc, superpacket_leaves_segment_by_segment);
    tcase_add_test(tc, malformed_superpacket_is_refused_and_stays_the_callers);
    tcase_add_test(tc, flows_share_by_bytes_whatever_their_packets);
    tcase_add_test(tc, sparse_flow_goes_first);
    tcase_add_test(tc, a_flow_that_sends_little_is_sparse);
    tcase_add_test(tc, a_flow_that_was_large_is_sparse_a_second_later);
    tcase_add_test(tc, what_waits_behind_its_own_flow_or_was_served_before_is_not_sparse);
    tcase_add_test(tc, a_flow_that_sends_little_is_light_wherever_its_packets_wait);
    tcase_add_test(tc, an_answer_of_tcp_alone_is_not_sparse);
    tcase_add_test(tc, standing_queue_is_dropped_until_the_wait_is_short);
    tcase_add_test(tc, a_patient_queue_drops_nothing);
    tcase_add_test(tc, burst_that_drains_within_the_interval_is_left_alone);
    tcase_add_test(tc, drops_come_closer_as_the_queue_persists);
    tcase_add_test(tc, a_drop_takes_all_of_tcp_that_has_waited_long);
    tcase_add_test(tc, a_drop_leaves_what_the_legs_carry_until_more_comes);
    tcase_add_test(tc, a_drop_takes_one_packet_where_several_flows_wait);
    tcase_add_test(tc, a_drop_takes_one_packet_of_what_is_not_sent_again);
    tcase_add_loop_test(tc, codel_drops_whole_datagrams, 0, sizeof cuts / sizeof *cuts);
    tcase_add_loop_test(tc, overflow_drops_whole_datagrams, 0, sizeof cuts / sizeof *cuts);
    tcase_add_test(tc, what_comes_late_of_a_datagram_that_was_dropped_goes_with_it);
    tcase_add_test(tc, ecn_capable_packets_are_marked_not_dropped);
    tcase_add_test(tc, mark_is_in_the_header_and_its_checksum_right);
    tcase_add_test(tc, a_flow_set_aside_lets_the_others_pass_and_keeps_its_place);
    tcase_add_test(tc, flows_set_aside_come_back_in_their_order);
    tcase_add_test(tc, no_more_than_a_few_flows_are_set_aside);
    tcase_add_test(tc, codel_judges_a_head_once_however_often_it_is_set_aside);
    tcase_add_test(tc, overflow_by_bytes_hits_the_fattest_flow);
    tcase_add_test(tc, overflow_by_packets_hits_the_fattest_flow_even_when_shown);
    tcase_add_test(tc, overflow_by_memory_counts_buffers);
    tcase_add_test(tc, short_superpackets_do_not_fill_memory_with_what_is_empty);
    tcase_add_test(tc, timing_follows_round_trip_and_rate);
    tcase_add_test(tc, waiting_time_is_measured_at_each_segments_leaving);
    tcase_add_loop_test(tc, random_use_keeps_the_books_and_gives_every_buffer_back, 0, 5);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
