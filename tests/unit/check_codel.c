/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_codel: what the queue drops or marks because it waited for too long, in virtual time. A drain takes segments at
 * a given rate, sources fill, and the outcome is compared with what RFC 8289 and RFC 8290 promise. */
#include "bond/queue.h"

#include <check.h>

#include "tests/unit/queue_env.h"

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

int main(void) {
    Suite *suite = suite_create("codel");
    TCase *tc = tcase_create("codel");

    tcase_add_checked_fixture(tc, setup, teardown);
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
    tcase_add_test(tc, codel_judges_a_head_once_however_often_it_is_set_aside);
    tcase_add_test(tc, timing_follows_round_trip_and_rate);
    tcase_add_test(tc, waiting_time_is_measured_at_each_segments_leaving);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
