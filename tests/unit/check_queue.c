/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_queue: the order in which FQ-CoDel shows what was put into it: within a flow, among flows, with some set aside;
 * and what goes when it is full. What waits for too long is in check_codel.c. */
#include "bond/queue.h"

#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/unit/draw.h"
#include "tests/unit/queue_env.h"

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
    tcase_add_test(tc, a_flow_set_aside_lets_the_others_pass_and_keeps_its_place);
    tcase_add_test(tc, flows_set_aside_come_back_in_their_order);
    tcase_add_test(tc, no_more_than_a_few_flows_are_set_aside);
    tcase_add_test(tc, overflow_by_bytes_hits_the_fattest_flow);
    tcase_add_test(tc, overflow_by_packets_hits_the_fattest_flow_even_when_shown);
    tcase_add_test(tc, overflow_by_memory_counts_buffers);
    tcase_add_test(tc, short_superpackets_do_not_fill_memory_with_what_is_empty);
    tcase_add_loop_test(tc, random_use_keeps_the_books_and_gives_every_buffer_back, 0, 5);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
