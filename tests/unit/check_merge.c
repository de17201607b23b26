/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_merge: what comes out of merge, cut again, is what went in: byte for byte, and in order within each flow. */
#include "packet/merge.h"

#include <check.h>
#include <stdlib.h>

#include "draw.h"
#include "make_packet.h"
#include "packet/split.h"
#include "tests/unit/suite.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };
enum { EMITTED_MAX = 4096, BYTES_MAX = 8 << 20 };

/** Packets one behind the other. */
struct tape {
    uint8_t bytes[BYTES_MAX];    /**< all of them */
    size_t used;                 /**< of bytes */
    size_t lengths[EMITTED_MAX]; /**< of each */
    size_t count;                /**< how many */
};

static struct buf_pool *pool;
static struct merge *merge;
static struct tape in, out;
static struct superpacket emitted[EMITTED_MAX];
static size_t emitted_count;
static uint8_t content[65535];

static void keep(void *context, struct superpacket *packet) {
    suite_assert(context == &out);
    suite_assert(emitted_count < EMITTED_MAX);
    suite_assert(packet->offset >= BUF_HEADROOM);
    emitted[emitted_count++] = *packet;
}

static void setup(void) {
    uint64_t seed = 7;

    pool = buf_pool_new(&(struct buf_pool_settings){.count = {4096, 4096, 16, [BUF_LARGE] = 600}});
    merge = merge_new(&(struct merge_settings){.tcp = true, .udp = true, .pool = pool, .emit = keep, .context = &out});
    draw_bytes(&seed, content, sizeof content);
    in.used = in.count = out.used = out.count = emitted_count = 0;
}

static void forget(void) {
    for (size_t i = 0; i < emitted_count; i++)
        buf_unref(emitted[i].buf);
    emitted_count = 0;
}

static void teardown(void) {
    forget();
    merge_free(merge);
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

static void record(struct tape *tape, const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes) {
    suite_assert(tape->used + a_bytes + b_bytes < BYTES_MAX);
    suite_assert(tape->count < EMITTED_MAX);
    if (a_bytes)
        memcpy(tape->bytes + tape->used, a, a_bytes);
    if (b_bytes)
        memcpy(tape->bytes + tape->used + a_bytes, b, b_bytes);
    tape->used += a_bytes + b_bytes;
    tape->lengths[tape->count++] = a_bytes + b_bytes;
}

/** Push bytes, keeping a record. */
static void push_bytes(const uint8_t *packet, size_t length) {
    record(&in, packet, length, NULL, 0);
    suite_assert(merge_push(merge, packet, length) == 0);
}

static void push(const struct made *m) {
    uint8_t packet[10000];

    push_bytes(packet, made_write(m, packet));
}

/** Cut everything emitted into the outgoing tape. */
static void cut(void) {
    for (size_t i = 0; i < emitted_count; i++) {
        struct split split;

        ck_assert_int_eq(split_init(&split, &emitted[i]), 0);
        for (size_t s = 0; s < split.count; s++) {
            struct segment segment;

            split_segment(&split, s, &segment);
            record(&out, segment.header, segment.header_bytes, segment.payload, segment.payload_bytes);
        }
    }
}

/** Flush; the packets that come out, cut, are those that went in, in the same order. @return superpackets emitted */
static size_t flush_same(void) {
    size_t at = 0, superpackets;

    merge_flush(merge);
    cut();
    ck_assert_uint_eq(out.count, in.count);
    for (size_t i = 0; i < in.count; i++) {
        suite_assert(out.lengths[i] == in.lengths[i]);
        suite_assert(memcmp(out.bytes + at, in.bytes + at, in.lengths[i]) == 0);
        at += in.lengths[i];
    }
    superpackets = emitted_count;
    forget();
    in.used = in.count = out.used = out.count = 0;
    return superpackets;
}

static struct made words(int version, int protocol, size_t payload_bytes) {
    return made_usual(version, protocol, ACK, content, payload_bytes);
}

/** Move on to the packet that follows. */
static void advance(struct made *m) {
    m->sequence += (uint32_t)m->payload_bytes;
    m->id++;
    m->payload = content + (m->payload - content + 777) % 30000;
}

START_TEST(consecutive_segments_become_one_superpacket) {
    for (int version = 4; version <= 6; version += 2)
        for (int udp = 0; udp < 2; udp++)
            for (size_t size = 1; size <= 1400; size += 233) {
                struct made m = words(version, udp ? IPPROTO_UDP : IPPROTO_TCP, size);

                for (int i = 0; i < 40; i++, advance(&m))
                    push(&m);
                ck_assert_uint_eq(emitted_count, 0);
                ck_assert_uint_eq(flush_same(), 1);
            }
}
END_TEST

START_TEST(merged_superpacket_says_what_the_kernel_wants_to_know) {
    for (int version = 4; version <= 6; version += 2)
        for (int udp = 0; udp < 2; udp++) {
            struct made m = words(version, udp ? IPPROTO_UDP : IPPROTO_TCP, 1000);
            size_t ip = version == 4 ? 20 : 40, l4 = udp ? 8 : 20, field = udp ? 6 : 16;
            const struct offload *o = &emitted[0].offload;
            uint8_t *data;

            for (int i = 0; i < 3; i++, advance(&m))
                push(&m);
            merge_flush(merge);
            data = superpacket_data(&emitted[0]);
            ck_assert_uint_eq(emitted[0].length, ip + l4 + 3000);
            ck_assert_int_eq(o->gso, udp ? OFFLOAD_UDP : version == 4 ? OFFLOAD_TCP4 : OFFLOAD_TCP6);
            ck_assert(o->needs_checksum && !o->ecn);
            ck_assert_uint_eq(o->gso_size, 1000);
            ck_assert_uint_eq(o->header_bytes, ip + l4);
            ck_assert_uint_eq(o->checksum_start, ip);
            ck_assert_uint_eq(o->checksum_offset, field);
            /* The field holds the folded, not complemented, sum of the pseudo-header. */
            ck_assert_int_eq(data[ip + field] << 8 | data[ip + field + 1],
                             made_fold(made_sum_l4(data, emitted[0].length) - made_sum(data + ip, l4 + 3000)));
            if (version == 4)
                ck_assert_uint_eq(made_fold(made_sum(data, 20)), 0xffff);
            ck_assert_int_eq(version == 4 ? data[2] << 8 | data[3] : (data[4] << 8 | data[5]) + 40,
                             (int)emitted[0].length);
            if (udp)
                ck_assert_int_eq(data[ip + 4] << 8 | data[ip + 5], 3008);
            forget();
        }
}
END_TEST

START_TEST(lone_packet_comes_out_as_it_came) {
    struct made m = words(4, IPPROTO_TCP, 1000);

    push(&m);
    merge_flush(merge);
    ck_assert_uint_eq(emitted_count, 1);
    ck_assert_int_eq(emitted[0].offload.gso, OFFLOAD_NONE);
    ck_assert(!emitted[0].offload.needs_checksum);
    ck_assert_uint_eq(flush_same(), 1);
}
END_TEST

START_TEST(shorter_segment_and_push_end_a_superpacket) {
    for (int pushed = 0; pushed < 2; pushed++) {
        struct made m = words(4, IPPROTO_TCP, 1400);

        for (int i = 0; i < 9; i++, advance(&m)) {
            m.payload_bytes = i == 4 && !pushed ? 100 : 1400;
            m.flags = i == 4 && pushed ? ACK | PSH : ACK;
            push(&m);
        }
        ck_assert_uint_eq(emitted_count, 1);
        ck_assert_uint_eq(flush_same(), 2);
    }
}
END_TEST

START_TEST(longer_segment_begins_a_new_superpacket) {
    struct made m = words(6, IPPROTO_UDP, 500);

    push(&m), advance(&m);
    m.payload_bytes = 501;
    push(&m), advance(&m);
    push(&m), advance(&m);
    ck_assert_uint_eq(flush_same(), 2);
}
END_TEST

START_TEST(superpackets_stay_within_sixteen_bits_and_64_datagrams) {
    struct made m = words(4, IPPROTO_TCP, 1400), u = words(4, IPPROTO_UDP, 10);

    for (int i = 0; i < 140; i++, advance(&m))
        push(&m);
    ck_assert_uint_eq(flush_same(), 4);
    for (int i = 0; i < 140; i++, advance(&u))
        push(&u);
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

START_TEST(tcp_superpackets_end_where_those_of_the_peer_do) {
    struct made m = words(4, IPPROTO_TCP, 500);

    for (unsigned i = 0; i < 2 * SUPERPACKET_SEGMENTS + 1; i++, advance(&m))
        push(&m);
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

/** Two packets that are alike but for one thing. */
static void never_joined(int version, int protocol, void (*change)(struct made *)) {
    struct made m = words(version, protocol, 100);

    push(&m);
    advance(&m);
    change(&m);
    push(&m);
    ck_assert_uint_eq(flush_same(), 2);
}

#define CHANGE(name, what)                                                                                             \
    static void name(struct made *m) {                                                                                 \
        what;                                                                                                          \
    }
CHANGE(other_tos, m->tos = 3)
CHANGE(other_ttl, m->ttl = 62)
CHANGE(other_df, m->df = false)
CHANGE(jumping_id, m->id += 5)
CHANGE(backward_id, m->id -= 2)
CHANGE(other_sport, m->sport++)
CHANGE(other_dport, m->dport++)
CHANGE(other_source, m->source++)
CHANGE(other_target, m->target++)
CHANGE(gap, m->sequence++)
CHANGE(overlap, m->sequence--)
CHANGE(other_ack, m->ack++)
CHANGE(other_window, m->window++)
CHANGE(other_urgent, m->urgent++)
CHANGE(more_options, m->options = content; m->option_bytes = 4)
CHANGE(with_ece, m->flags |= ECE)
CHANGE(with_fin, m->flags |= FIN)
CHANGE(with_syn, m->flags |= SYN)
CHANGE(with_rst, m->flags |= RST)
CHANGE(with_urg, m->flags |= URG)
CHANGE(with_cwr, m->flags |= CWR)
CHANGE(without_ack, m->flags = 0)
CHANGE(no_payload, m->payload_bytes = 0)

START_TEST(packets_of_different_headers_are_not_joined) {
    for (int version = 4; version <= 6; version += 2) {
        static void (*const both[])(struct made *) = {other_tos,   other_ttl,    other_sport,
                                                      other_dport, other_source, other_target};
        static void (*const tcp[])(struct made *) = {gap,          overlap,  other_ack,   other_window, other_urgent,
                                                     more_options, with_ece, with_fin,    with_syn,     with_rst,
                                                     with_urg,     with_cwr, without_ack, no_payload};
        static void (*const four[])(struct made *) = {other_df, jumping_id, backward_id};

        for (size_t i = 0; i < sizeof both / sizeof *both; i++)
            never_joined(version, IPPROTO_TCP, both[i]), never_joined(version, IPPROTO_UDP, both[i]);
        for (size_t i = 0; i < sizeof tcp / sizeof *tcp; i++)
            never_joined(version, IPPROTO_TCP, tcp[i]);
        if (version == 6)
            continue;
        for (size_t i = 0; i < sizeof four / sizeof *four; i++)
            never_joined(4, IPPROTO_TCP, four[i]), never_joined(4, IPPROTO_UDP, four[i]);
    }
    never_joined(4, IPPROTO_SCTP, other_ttl);
    never_joined(6, IPPROTO_ICMPV6, other_ttl);
}
END_TEST

START_TEST(first_packet_with_a_special_flag_is_not_continued) {
    static const uint8_t flags[] = {ACK | PSH, ACK | FIN, ACK | CWR, ACK | URG, SYN, ACK | SYN, RST};

    for (size_t i = 0; i < sizeof flags; i++) {
        struct made m = words(6, IPPROTO_TCP, 100);

        m.flags = flags[i];
        push(&m), advance(&m);
        m.flags = ACK;
        push(&m);
        ck_assert_uint_eq(flush_same(), 2);
    }
}
END_TEST

START_TEST(ece_on_all_and_equal_options_are_joined) {
    struct made m = words(4, IPPROTO_TCP, 1000);

    m.flags = ACK | ECE;
    m.options = content + 9;
    m.option_bytes = 12;
    for (int i = 0; i < 5; i++, advance(&m))
        push(&m);
    ck_assert_uint_eq(flush_same(), 1);
}
END_TEST

START_TEST(fixed_id_joins_only_under_df) {
    struct made m = words(4, IPPROTO_UDP, 100);
    size_t superpackets;

    for (int df = 0; df < 2; df++) {
        m.df = df != 0;
        for (int i = 0; i < 3; i++)
            push(&m);
        merge_flush(merge);
        superpackets = emitted_count;
        forget();
        ck_assert_uint_eq(superpackets, df ? 1 : 3);
    }
    /* Once fixed it may not begin to count, nor the other way round. */
    push(&m), push(&m), m.id++, push(&m), m.id++, push(&m), push(&m);
    merge_flush(merge);
    ck_assert_uint_eq(emitted_count, 3);
    in.count = in.used = 0;
}
END_TEST

START_TEST(flipped_bit_comes_out_with_the_same_bad_checksum) {
    for (int version = 4; version <= 6; version += 2)
        for (int udp = 0; udp < 2; udp++)
            for (int bad = 0; bad < 5; bad++) {
                struct made m = words(version, udp ? IPPROTO_UDP : IPPROTO_TCP, 900);

                for (int i = 0; i < 5; i++, advance(&m)) {
                    uint8_t packet[1500];
                    size_t length = made_write(&m, packet);

                    if (i == bad)
                        packet[length - 500] ^= 4;
                    push_bytes(packet, length);
                }
                /* The bad one alone, and whatever was before and after it. */
                ck_assert_uint_eq(flush_same(), bad == 0 || bad == 4 ? 2 : 3);
            }
}
END_TEST

START_TEST(packet_with_a_bad_ip_header_checksum_stays_as_it_is) {
    struct made m = words(4, IPPROTO_TCP, 900);
    uint8_t packet[1500];
    size_t length;

    push(&m), advance(&m);
    length = made_write(&m, packet);
    packet[10] ^= 1;
    push_bytes(packet, length);
    advance(&m);
    push(&m);
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

START_TEST(udp_without_checksum_is_not_merged) {
    struct made m = words(4, IPPROTO_UDP, 50);
    uint8_t packet[100];

    for (int i = 0; i < 3; i++, advance(&m)) {
        size_t length = made_write(&m, packet);

        made_put16(packet + 26, 0);
        push_bytes(packet, length);
    }
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

START_TEST(fragment_is_never_merged_and_keeps_its_place) {
    struct made m = words(4, IPPROTO_UDP, 64);
    uint8_t packet[100];

    for (int i = 0; i < 5; i++, advance(&m)) {
        size_t length = made_write(&m, packet);

        if (i == 2) {
            packet[6] = 0x20;
            made_put16(packet + 10, 0);
            made_put16(packet + 10, (uint16_t)~made_fold(made_sum(packet, 20)));
        }
        push_bytes(packet, length);
    }
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

START_TEST(pure_acknowledgement_keeps_its_place_in_the_flow) {
    struct made m = words(6, IPPROTO_TCP, 800);

    for (int i = 0; i < 6; i++, advance(&m)) {
        m.payload_bytes = i == 3 ? 0 : 800;
        push(&m);
    }
    ck_assert_uint_eq(flush_same(), 3);
}
END_TEST

START_TEST(small_packets_take_small_buffers) {
    struct made m = words(4, IPPROTO_ICMP, 64);

    push(&m);
    ck_assert_uint_eq(emitted[0].buf->capacity, 256);
    ck_assert_uint_eq(flush_same(), 1);
}
END_TEST

/* What waited behind a gap is much at once, and few of its segments join. */
START_TEST(short_superpackets_leave_half_of_the_large_buffers) {
    const size_t half = buf_pool_size(pool, BUF_LARGE) / 2;
    struct made m = words(4, IPPROTO_TCP, 700);

    for (unsigned i = 0; i < 500; i++) {
        push(&m), advance(&m);
        m.flags |= PSH;
        push(&m), advance(&m);
        m.flags &= (uint8_t)~PSH;
        ck_assert_uint_le(buf_pool_used(pool, BUF_LARGE), half + 1);
    }
    ck_assert_uint_eq(emitted_count, 500);
    ck_assert_uint_eq(emitted[0].buf->capacity, BUF_LARGE_BYTES);
    ck_assert_uint_eq(emitted[499].buf->capacity, 2048);
    ck_assert_uint_eq(flush_same(), 500);
}
END_TEST

START_TEST(switched_off_protocols_pass_one_by_one) {
    struct merge_settings none = {.pool = pool, .emit = keep, .context = &out};
    struct made m = words(4, IPPROTO_TCP, 100), u = words(6, IPPROTO_UDP, 100);

    merge_free(merge);
    merge = merge_new(&none);
    push(&m), advance(&m), push(&m), push(&u), push(&u);
    ck_assert_uint_eq(emitted_count, 4);
    ck_assert_uint_eq(flush_same(), 4);
}
END_TEST

START_TEST(exhausted_pool_drops_and_says_so) {
    struct buf_pool *tiny = buf_pool_new(&(struct buf_pool_settings){.count = {[BUF_2048] = 1}});
    struct merge_settings settings = {.tcp = true, .pool = tiny, .emit = keep, .context = &out};
    struct made m = words(4, IPPROTO_TCP, 1000);
    uint8_t packet[1500];
    size_t length = made_write(&m, packet);

    merge_free(merge);
    merge = merge_new(&settings);
    suite_assert(merge_push(merge, packet, length) == 0);
    ck_assert_uint_eq(emitted_count, 1);
    ck_assert_int_lt(merge_push(merge, packet, length), 0);
    forget();
    buf_pool_free(tiny);
}
END_TEST

START_TEST(more_flows_than_slots_finish_the_oldest) {
    struct made m = words(4, IPPROTO_TCP, 200);

    for (int i = 0; i < 40; i++) {
        m.sport = (uint16_t)(1000 + i);
        push(&m);
    }
    ck_assert_uint_eq(emitted_count, 24);
    ck_assert_uint_eq(flush_same(), 40);
}
END_TEST

START_TEST(what_is_held_is_freed_with_the_merge) {
    struct made m = words(4, IPPROTO_TCP, 200);

    push(&m);
    merge_free(NULL);
}
END_TEST

/** Which flow of the random streams a packet belongs to. */
static unsigned flow_of(const uint8_t *packet) {
    return packet[packet[0] >> 4 == 4 ? 15 : 23];
}

/** The packets of one flow in a tape, one behind the other. */
static size_t gather(const struct tape *tape, unsigned flow, uint8_t *to) {
    size_t at = 0, used = 0;

    for (size_t i = 0; i < tape->count; at += tape->lengths[i++]) {
        if (flow_of(tape->bytes + at) != flow)
            continue;
        memcpy(to + used, tape->bytes + at, tape->lengths[i]);
        used += tape->lengths[i];
    }
    return used;
}

/** Some packets of a flow: mostly a bulk transfer, now and then something odd. */
static void random_step(uint64_t *seed, struct made *m) {
    uint32_t dice = draw_from(seed) % 100;
    size_t usual = 100 + m->source * 97u;
    uint8_t packet[10000];
    size_t length;

    m->payload_bytes = dice < 80 ? usual : draw_from(seed) % usual;
    m->flags = ACK;
    if (m->protocol == IPPROTO_UDP && m->payload_bytes == 0)
        m->payload_bytes = 1;
    if (dice >= 90)
        m->flags = (uint8_t)(ACK | (1u << draw_from(seed) % 8));
    if (dice == 81)
        m->ack++;
    if (dice == 82)
        m->window++;
    if (dice == 83)
        m->tos ^= 1;
    if (dice == 84)
        m->sequence -= 10;
    if (dice == 85)
        m->id += 10;
    length = made_write(m, packet);
    if (dice == 86 && m->payload_bytes)
        packet[length - 1 - draw_from(seed) % m->payload_bytes] ^= 1;
    push_bytes(packet, length);
    advance(m);
}

START_TEST(random_interleaved_flows_come_back_byte_for_byte) {
    static uint8_t want[BYTES_MAX], got[BYTES_MAX];
    enum { FLOWS = 24 };
    uint64_t seed = 1000 + (uint64_t)_i;
    struct made flows[FLOWS];

    for (unsigned i = 0; i < FLOWS; i++) {
        flows[i] = words(i % 2 ? 4 : 6, i % 3 ? IPPROTO_TCP : IPPROTO_UDP, 0);
        flows[i].source = (uint8_t)i;
        flows[i].option_bytes = i % 5 ? 12 : 0;
        flows[i].options = content + i;
    }
    for (int step = 0; step < 600; step++) {
        unsigned flow = draw_from(&seed) % (_i % 2 ? FLOWS : 6);

        for (unsigned run = draw_from(&seed) % 8; run > 0 && in.count < 3000; run--)
            random_step(&seed, &flows[flow]);
        if (draw_from(&seed) % 60 == 0)
            merge_flush(merge);
        if (emitted_count > 400)
            cut(), forget();
    }
    merge_flush(merge);
    cut();
    ck_assert_uint_eq(in.count, out.count);
    ck_assert_uint_eq(in.used, out.used);
    for (unsigned i = 0; i < FLOWS; i++) {
        size_t bytes = gather(&in, i, want);

        ck_assert_uint_eq(gather(&out, i, got), bytes);
        ck_assert(memcmp(got, want, bytes) == 0);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("merge");
    TCase *tc = tcase_create("merge");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, consecutive_segments_become_one_superpacket);
    tcase_add_test(tc, merged_superpacket_says_what_the_kernel_wants_to_know);
    tcase_add_test(tc, lone_packet_comes_out_as_it_came);
    tcase_add_test(tc, shorter_segment_and_push_end_a_superpacket);
    tcase_add_test(tc, longer_segment_begins_a_new_superpacket);
    tcase_add_test(tc, superpackets_stay_within_sixteen_bits_and_64_datagrams);
    tcase_add_test(tc, tcp_superpackets_end_where_those_of_the_peer_do);
    tcase_add_test(tc, packets_of_different_headers_are_not_joined);
    tcase_add_test(tc, first_packet_with_a_special_flag_is_not_continued);
    tcase_add_test(tc, ece_on_all_and_equal_options_are_joined);
    tcase_add_test(tc, fixed_id_joins_only_under_df);
    tcase_add_test(tc, flipped_bit_comes_out_with_the_same_bad_checksum);
    tcase_add_test(tc, packet_with_a_bad_ip_header_checksum_stays_as_it_is);
    tcase_add_test(tc, udp_without_checksum_is_not_merged);
    tcase_add_test(tc, fragment_is_never_merged_and_keeps_its_place);
    tcase_add_test(tc, pure_acknowledgement_keeps_its_place_in_the_flow);
    tcase_add_test(tc, small_packets_take_small_buffers);
    tcase_add_test(tc, short_superpackets_leave_half_of_the_large_buffers);
    tcase_add_test(tc, switched_off_protocols_pass_one_by_one);
    tcase_add_test(tc, exhausted_pool_drops_and_says_so);
    tcase_add_test(tc, more_flows_than_slots_finish_the_oldest);
    tcase_add_test(tc, what_is_held_is_freed_with_the_merge);
    tcase_add_loop_test(tc, random_interleaved_flows_come_back_byte_for_byte, 0, 20);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
