/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_split: each segment cut from a superpacket is compared with the packet that the sender would have sent itself.
 */
#include "packet/split.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "draw.h"
#include "make_packet.h"
#include "tests/unit/suite.h"

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

static struct buf_pool *pool;
static uint8_t content[65535];

static void setup(void) {
    uint64_t seed = 7;

    pool = buf_pool_new(&(struct buf_pool_settings){.count = {[BUF_LARGE] = 4}});
    draw_bytes(&seed, content, sizeof content);
}

static void teardown(void) {
    for (int i = 0; i < BUF_CLASSES; i++)
        ck_assert_uint_eq(buf_pool_used(pool, i), 0);
    buf_pool_free(pool);
}

static struct made words(int version, int protocol, uint8_t flags, size_t payload_bytes) {
    struct made m = made_usual(version, protocol, flags, content, payload_bytes);

    m.tos = 0xb9;
    return m;
}

/** A superpacket as the kernel would give it: lengths right, layer-4 checksum partial (here: rubbish that must not
 * matter). */
static struct superpacket glue(const struct made *m, uint16_t gso_size) {
    bool tcp = m->protocol == IPPROTO_TCP;
    struct superpacket packet = {.buf = buf_get(pool, BUF_LARGE_BYTES), .offset = 17};
    uint16_t ip = m->version == 4 ? 20 : 40;

    packet.length = (uint32_t)made_write(m, superpacket_data(&packet));
    made_put16(superpacket_data(&packet) + ip + (tcp ? 16 : 6), 0x1234);
    packet.offload = (struct offload){.gso = !tcp              ? OFFLOAD_UDP
                                             : m->version == 4 ? OFFLOAD_TCP4
                                                               : OFFLOAD_TCP6,
                                      .needs_checksum = true,
                                      .gso_size = gso_size,
                                      .checksum_start = ip,
                                      .checksum_offset = tcp ? 16 : 6};
    return packet;
}

/** Cut and compare every segment with the one made on its own. */
static void compare(const struct made *m, uint16_t gso_size) {
    static uint8_t want[65600], got[65600];
    struct superpacket packet = glue(m, gso_size);
    struct split split;
    size_t done = 0;

    ck_assert_int_eq(split_init(&split, &packet), 0);
    ck_assert_uint_eq(split.count, (m->payload_bytes + gso_size - 1) / gso_size);
    for (size_t i = 0; i < split.count; i++) {
        struct made one = *m;
        struct segment segment;
        size_t length;

        one.payload += done;
        one.payload_bytes = m->payload_bytes - done < gso_size ? m->payload_bytes - done : gso_size;
        one.sequence += (uint32_t)done;
        one.id = (uint16_t)(m->id + i);
        if (i > 0)
            one.flags &= (uint8_t)~CWR;
        if (i + 1 < split.count)
            one.flags &= (uint8_t) ~(FIN | PSH);
        done += one.payload_bytes;
        length = made_write(&one, want);
        split_segment(&split, i, &segment);
        ck_assert_uint_eq(split_length(&split, i), length);
        ck_assert_uint_eq(segment.header_bytes + segment.payload_bytes, length);
        memcpy(got, segment.header, segment.header_bytes);
        memcpy(got + segment.header_bytes, segment.payload, segment.payload_bytes);
        ck_assert_mem_eq(got, want, length);
    }
    ck_assert_uint_eq(done, m->payload_bytes);
    buf_unref(packet.buf);
}

START_TEST(tcp_superpackets_are_cut_at_gso_size_whatever_the_sizes) {
    static const uint16_t sizes[] = {1, 7, 536, 1201, 1348, 1448, 8948};

    for (int version = 4; version <= 6; version += 2)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t extra = 0; extra < 3; extra++) {
                struct made m = words(version, IPPROTO_TCP, ACK, sizes[s] * 6u + extra * sizes[s] / 2);

                compare(&m, sizes[s]);
            }
}
END_TEST

START_TEST(udp_superpackets_are_cut_into_datagrams_of_their_own) {
    static const uint16_t sizes[] = {1, 100, 1201, 1472};

    for (int version = 4; version <= 6; version += 2)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct made m = words(version, IPPROTO_UDP, 0, sizes[s] * 9u - sizes[s] / 2u);

            compare(&m, sizes[s]);
        }
}
END_TEST

START_TEST(flags_go_to_the_segments_they_belong_to) {
    static const uint8_t flags[] = {ACK | FIN, ACK | PSH,  ACK | FIN | PSH, ACK | CWR, ACK | ECE, ACK | CWR | ECE | PSH,
                                    ACK | URG, 0xff & ~SYN};

    for (size_t i = 0; i < sizeof flags; i++) {
        struct made m = words(4, IPPROTO_TCP, flags[i], 5000);

        m.urgent = 99;
        compare(&m, 1448);
        m.version = 6;
        compare(&m, 1428);
        compare(&m, 5000);
    }
}
END_TEST

START_TEST(tcp_options_are_in_every_segment) {
    uint8_t options[40];
    uint64_t seed = 3;

    draw_bytes(&seed, options, sizeof options);
    for (size_t bytes = 4; bytes <= 40; bytes += 4) {
        struct made m = words(bytes % 8 ? 4 : 6, IPPROTO_TCP, ACK | PSH, 4001);

        m.options = options;
        m.option_bytes = bytes;
        compare(&m, 1000);
    }
}
END_TEST

START_TEST(largest_superpacket_is_cut) {
    struct made m = words(4, IPPROTO_TCP, ACK, 65535 - 40), n = words(6, IPPROTO_TCP, ACK, 65535 - 60);

    compare(&m, 1448);
    compare(&n, 1428);
    compare(&m, 65495);
}
END_TEST

START_TEST(udp_checksum_of_zero_is_sent_as_ones) {
    /* Two bytes of payload are chosen so that the sum comes to 0xffff; all datagrams have the same content. */
    uint8_t payload[8] = {0}, packet[64];
    struct made m = words(4, IPPROTO_UDP, 0, 2);
    uint16_t rest;

    m.payload = payload;
    made_write(&m, packet);
    rest = (uint16_t)(packet[26] << 8 | packet[27]);
    for (int i = 0; i < 4; i++)
        made_put16(payload + 2 * i, rest);
    m.payload_bytes = 8;
    compare(&m, 2);
    m.payload_bytes = 2;
    made_write(&m, packet);
    ck_assert_uint_eq(packet[26], 0xff);
    ck_assert_uint_eq(packet[27], 0xff);
}
END_TEST

START_TEST(plain_packet_is_one_segment_with_its_checksum_completed) {
    for (int version = 4; version <= 6; version += 2)
        for (int udp = 0; udp < 2; udp++) {
            uint8_t want[2000];
            struct made m = words(version, udp ? IPPROTO_UDP : IPPROTO_TCP, ACK | SYN, 333);
            struct superpacket packet = glue(&m, 0);
            uint8_t *data = superpacket_data(&packet),
                    *field = data + packet.offload.checksum_start + packet.offload.checksum_offset;
            struct split split;
            struct segment segment;
            size_t length = made_write(&m, want);

            packet.offload.gso = OFFLOAD_NONE;
            made_put16(field, 0);
            made_put16(field, made_fold(made_sum_l4(data, length) -
                                        made_sum(data + (version == 4 ? 20 : 40), length - (version == 4 ? 20 : 40))));
            ck_assert_int_eq(split_init(&split, &packet), 0);
            split_segment(&split, 0, &segment);
            ck_assert_uint_eq(split.count, 1);
            ck_assert_uint_eq(segment.header_bytes, 0);
            ck_assert_uint_eq(segment.payload_bytes, length);
            ck_assert_mem_eq(segment.payload, want, length);
            buf_unref(packet.buf);
        }
}
END_TEST

START_TEST(plain_packet_without_partial_checksum_is_left_alone) {
    uint8_t want[2000];
    struct made m = words(4, IPPROTO_UDP, 0, 77);
    struct superpacket packet = glue(&m, 0);
    struct split split;
    struct segment segment;

    packet.offload = (struct offload){0};
    memcpy(want, superpacket_data(&packet), packet.length);
    packet.length += 5; /* bytes behind the packet are no part of it */
    ck_assert_int_eq(split_init(&split, &packet), 0);
    split_segment(&split, 0, &segment);
    ck_assert_uint_eq(segment.payload_bytes, packet.length - 5);
    ck_assert_uint_eq(split_length(&split, 0), packet.length - 5);
    ck_assert_mem_eq(segment.payload, want, packet.length - 5);
    buf_unref(packet.buf);
}
END_TEST

/** Expect -EINVAL after a change to a good TCP superpacket. */
static void refused(struct superpacket packet) {
    struct split split;

    ck_assert_int_eq(split_init(&split, &packet), -EINVAL);
    buf_unref(packet.buf);
}

START_TEST(offload_data_that_does_not_agree_with_the_headers_is_refused) {
    struct made m = words(4, IPPROTO_TCP, ACK, 3000), u = words(6, IPPROTO_UDP, 0, 3000);
    struct superpacket p;

    p = glue(&m, 0);
    refused(p);
    p = glue(&m, 1000), p.offload.gso = OFFLOAD_TCP6;
    refused(p);
    p = glue(&m, 1000), p.offload.gso = OFFLOAD_UDP;
    refused(p);
    p = glue(&u, 1000), p.offload.gso = OFFLOAD_TCP6;
    refused(p);
    p = glue(&m, 1000), superpacket_data(&p)[32] = 0x40;
    refused(p);
    p = glue(&m, 1000), superpacket_data(&p)[6] = 0x20;
    refused(p);
    p = glue(&m, 1000), p.length = 40;
    refused(p);
    p = glue(&m, 1000), p.length = 30;
    refused(p);
    p = glue(&m, 1000), superpacket_data(&p)[0] = 0x44;
    refused(p);
    p = glue(&m, 1000), p.offload.gso = OFFLOAD_NONE, p.offload.checksum_offset = 3019;
    refused(p);
    p = glue(&m, 1000), p.offload.gso = OFFLOAD_NONE, p.offload.checksum_start = 19;
    refused(p);
}
END_TEST

START_TEST(ipv6_extension_headers_are_kept_up_to_the_limit) {
    struct made m = words(6, IPPROTO_TCP, ACK, 3000);
    struct superpacket p = glue(&m, 1000);
    struct segment segment;
    struct split split;
    uint8_t *data = superpacket_data(&p);

    memmove(data + 40 + 192, data + 40, p.length - 40);
    memset(data + 40, 0, 192);
    data[6] = IPPROTO_DSTOPTS;
    data[40] = IPPROTO_TCP;
    data[41] = 192 / 8 - 1;
    p.length += 192;
    ck_assert_int_eq(split_init(&split, &p), 0);
    split_segment(&split, 2, &segment);
    ck_assert_uint_eq(segment.header_bytes, 252);
    ck_assert_int_eq(segment.header[4] << 8 | segment.header[5], 192 + 20 + 1000);
    memmove(data + 40 + 8, data + 40, p.length - 40);
    data[40] = IPPROTO_DSTOPTS;
    data[41] = 0;
    p.length += 8;
    refused(p);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("split");
    TCase *tc = tcase_create("split");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tcp_superpackets_are_cut_at_gso_size_whatever_the_sizes);
    tcase_add_test(tc, udp_superpackets_are_cut_into_datagrams_of_their_own);
    tcase_add_test(tc, flags_go_to_the_segments_they_belong_to);
    tcase_add_test(tc, tcp_options_are_in_every_segment);
    tcase_add_test(tc, largest_superpacket_is_cut);
    tcase_add_test(tc, udp_checksum_of_zero_is_sent_as_ones);
    tcase_add_test(tc, plain_packet_is_one_segment_with_its_checksum_completed);
    tcase_add_test(tc, plain_packet_without_partial_checksum_is_left_alone);
    tcase_add_test(tc, offload_data_that_does_not_agree_with_the_headers_is_refused);
    tcase_add_test(tc, ipv6_extension_headers_are_kept_up_to_the_limit);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
