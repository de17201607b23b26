/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_inner: what is read from inner packets, what is refused, and the two changes made in place. */
#include "packet/inner.h"

#include <check.h>
#include <errno.h>

#include "make_packet.h"
#include "tests/unit/suite.h"

static uint8_t packet[2000];

static size_t write_packet(int version, int protocol) {
    static const uint8_t payload[100] = {9, 8, 7, 6, 5, 4, 3, 2};
    struct made m = {.version = version,
                     .protocol = protocol,
                     .source = 5,
                     .target = 6,
                     .sport = 4321,
                     .dport = 443,
                     .tos = 0xba,
                     .ttl = 61,
                     .df = true,
                     .payload = payload,
                     .payload_bytes = sizeof payload};

    return made_write(&m, packet);
}

/** Insert an extension header in front of what follows the IPv6 header. @return the new length */
static size_t insert6(size_t length, uint8_t type, size_t bytes, uint8_t second) {
    memmove(packet + 40 + bytes, packet + 40, length - 40);
    memset(packet + 40, 0, bytes);
    packet[40] = packet[6];
    packet[41] = second;
    packet[6] = type;
    made_put16(packet + 4, (unsigned)(length + bytes - 40));
    return length + bytes;
}

START_TEST(plain_headers_are_read) {
    for (int version = 4; version <= 6; version += 2)
        for (int udp = 0; udp < 2; udp++) {
            size_t length = write_packet(version, udp ? IPPROTO_UDP : IPPROTO_TCP);
            struct inner inner;

            ck_assert_int_eq(inner_parse(packet, length + 3, false, &inner), 0);
            ck_assert_uint_eq(inner.version, (unsigned)version);
            ck_assert_uint_eq(inner.protocol, udp ? IPPROTO_UDP : IPPROTO_TCP);
            ck_assert_uint_eq(inner.traffic_class, 0xba);
            ck_assert_uint_eq(inner.hop_limit, 61);
            ck_assert(!inner.fragment && !inner.first_fragment && inner.dont_fragment);
            ck_assert_uint_eq(inner.header_bytes, version == 4 ? 20 : 40);
            ck_assert_uint_eq(inner.total_bytes, length);
            ck_assert_uint_eq(inner.source_port, 4321);
            ck_assert_uint_eq(inner.target_port, 443);
            ck_assert_uint_eq(inner.source.version, (unsigned)version);
            ck_assert_uint_eq(inner.source.bytes[version == 4 ? 3 : 15], 5);
            ck_assert_uint_eq(inner.target.bytes[version == 4 ? 3 : 15], 6);
        }
}
END_TEST

START_TEST(every_truncation_is_refused) {
    for (int version = 4; version <= 6; version += 2) {
        size_t length = write_packet(version, IPPROTO_TCP);
        struct inner inner = {.version = 99};

        for (size_t short_length = 0; short_length < length; short_length++)
            ck_assert_int_eq(inner_parse(packet, short_length, false, &inner),
                             short_length < (version == 4 ? 20 : 40) ? -EINVAL : -EMSGSIZE);
        ck_assert_uint_eq(inner.version, 99);
    }
}
END_TEST

START_TEST(nonsense_is_refused) {
    struct inner inner;
    size_t length = write_packet(4, IPPROTO_TCP);

    packet[0] = 0x44;
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), -EINVAL);
    packet[0] = 0x55;
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), -EINVAL);
    packet[0] = 0x4f;
    made_put16(packet + 2, 59);
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), -EINVAL);
    length = write_packet(6, IPPROTO_TCP);
    made_put16(packet + 4, 65535);
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), -EMSGSIZE);
}
END_TEST

START_TEST(superpacket_length_is_what_was_read) {
    struct inner inner;

    for (int version = 4; version <= 6; version += 2) {
        size_t length = write_packet(version, IPPROTO_TCP);

        made_put16(packet + (version == 4 ? 2 : 4), 0);
        ck_assert_int_eq(inner_parse(packet, length, true, &inner), 0);
        ck_assert_uint_eq(inner.total_bytes, length);
        ck_assert_uint_eq(inner.source_port, 4321);
    }
}
END_TEST

START_TEST(extension_headers_are_walked_to_the_upper_layer) {
    size_t length = write_packet(6, IPPROTO_UDP);
    struct inner inner;

    length = insert6(length, IPPROTO_AH, 24, 4);
    length = insert6(length, IPPROTO_DSTOPTS, 16, 1);
    length = insert6(length, IPPROTO_ROUTING, 24, 2);
    length = insert6(length, IPPROTO_HOPOPTS, 8, 0);
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
    ck_assert_uint_eq(inner.protocol, IPPROTO_UDP);
    ck_assert_uint_eq(inner.header_bytes, 40 + 24 + 16 + 24 + 8);
    ck_assert_uint_eq(inner.source_port, 4321);
    /* The chain may not run past the end. */
    packet[41] = 200;
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), -EINVAL);
    made_put16(packet + 4, 0);
    ck_assert_int_eq(inner_parse(packet, 40, false, &inner), -EINVAL);
}
END_TEST

START_TEST(fragments_are_told_apart) {
    struct inner inner;
    size_t length = write_packet(4, IPPROTO_UDP);

    made_put16(packet + 6, 0x2000);
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
    ck_assert(inner.fragment && inner.first_fragment && !inner.dont_fragment);
    made_put16(packet + 4, 0xabcd);
    ck_assert_uint_eq(inner_datagram(packet, &inner), 0xabcd);
    made_put16(packet + 6, 0x0009);
    ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
    ck_assert(inner.fragment && !inner.first_fragment);
    ck_assert_uint_eq(inner.source_port, 0);
    for (unsigned offset = 0; offset < 2; offset++) {
        length = insert6(write_packet(6, IPPROTO_UDP), IPPROTO_FRAGMENT, 8, 0);
        made_put16(packet + 42, offset << 3 | 1);
        made_put32(packet + 44, 0x89abcdef);
        ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
        ck_assert(inner.fragment && inner.first_fragment == (offset == 0));
        ck_assert_uint_eq(inner.protocol, IPPROTO_UDP);
        ck_assert_uint_eq(inner.header_bytes, 48);
        ck_assert_uint_eq(inner.source_port, offset ? 0 : 4321);
        ck_assert_uint_eq(inner_datagram(packet, &inner), 0x89abcdef);
        /* Behind other extension headers, too. */
        length = insert6(insert6(length, IPPROTO_DSTOPTS, 16, 1), IPPROTO_HOPOPTS, 8, 0);
        ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
        ck_assert(inner.fragment && inner.first_fragment == (offset == 0));
        ck_assert_uint_eq(inner_datagram(packet, &inner), 0x89abcdef);
    }
}
END_TEST

START_TEST(hash_is_the_flows_and_the_keys) {
    static const uint8_t key[16] = {1}, other[16] = {2};
    struct inner a, b;
    unsigned seen[16] = {0};

    inner_parse(packet, write_packet(4, IPPROTO_UDP), false, &a);
    b = a;
    b.total_bytes = 77;
    b.hop_limit = 3;
    b.traffic_class = 0;
    ck_assert_uint_eq(inner_flow_hash(&a, key), inner_flow_hash(&b, key));
    ck_assert_uint_ne(inner_flow_hash(&a, key), inner_flow_hash(&a, other));
    b.target_port++;
    ck_assert_uint_ne(inner_flow_hash(&a, key), inner_flow_hash(&b, key));
    /* All fragments of a flow are one flow, ports seen or not. */
    a.fragment = b.fragment = true;
    b.source_port = b.target_port = 0;
    ck_assert_uint_eq(inner_flow_hash(&a, key), inner_flow_hash(&b, key));
    a.fragment = false;
    for (unsigned i = 0; i < 16000; i++) {
        a.source_port = (uint16_t)i;
        seen[inner_flow_hash(&a, key) & 15]++;
    }
    for (unsigned i = 0; i < 16; i++)
        ck_assert(seen[i] > 850 && seen[i] < 1150);
}
END_TEST

START_TEST(an_acknowledgement_without_anything_else_is_told_from_the_rest) {
    static const uint8_t sack[12] = {1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 1, 9}, data[1] = {'x'};
    enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, ECE = 64 };
    static const struct {
        int protocol;
        uint8_t flags;
        bool sack, data, bare, opens;
    } rows[] = {
        {IPPROTO_TCP, ACK, false, false, true, false},        {IPPROTO_TCP, ACK, true, false, true, false},
        {IPPROTO_TCP, ACK | ECE, false, false, true, false},  {IPPROTO_TCP, ACK | PSH, false, true, false, false},
        {IPPROTO_TCP, SYN | ACK, false, false, false, true},  {IPPROTO_TCP, FIN | ACK, false, false, false, false},
        {IPPROTO_TCP, RST | ACK, false, false, false, false}, {IPPROTO_TCP, ACK, true, true, false, false},
        {IPPROTO_TCP, SYN, true, false, false, true},         {IPPROTO_UDP, SYN, false, false, false, false},
        {IPPROTO_UDP, ACK, false, false, false, false},
    };
    for (int version = 4; version <= 6; version += 2)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct made m = made_usual(version, rows[i].protocol, rows[i].flags, data, rows[i].data);
            struct inner inner;
            size_t length;

            m.options = rows[i].sack ? sack : NULL;
            m.option_bytes = rows[i].sack ? sizeof sack : 0;
            length = made_write(&m, packet);
            ck_assert_int_eq(inner_parse(packet, length, false, &inner), 0);
            ck_assert_msg(inner_is_bare_ack(&inner, packet) == rows[i].bare, "IPv%d, row %zu", version, i);
            ck_assert_msg(inner_opens_flow(&inner, packet) == rows[i].opens, "IPv%d, row %zu", version, i);
        }
}
END_TEST

START_TEST(congestion_is_marked_on_capable_packets_only) {
    for (int version = 4; version <= 6; version += 2)
        for (uint8_t ecn = 0; ecn < 4; ecn++) {
            struct made m = {.version = version, .protocol = IPPROTO_ICMP, .ttl = 9, .tos = (uint8_t)(0xb8 | ecn)},
                        marked = m;
            uint8_t want[40];
            size_t length = made_write(&m, packet);

            if (ecn)
                marked.tos |= 3;
            made_write(&marked, want);
            ck_assert(inner_mark_ce(packet) == (ecn != 0));
            ck_assert_mem_eq(packet, want, length);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("inner");
    TCase *tc = tcase_create("inner");

    tcase_add_test(tc, plain_headers_are_read);
    tcase_add_test(tc, every_truncation_is_refused);
    tcase_add_test(tc, nonsense_is_refused);
    tcase_add_test(tc, superpacket_length_is_what_was_read);
    tcase_add_test(tc, extension_headers_are_walked_to_the_upper_layer);
    tcase_add_test(tc, fragments_are_told_apart);
    tcase_add_test(tc, hash_is_the_flows_and_the_keys);
    tcase_add_test(tc, an_acknowledgement_without_anything_else_is_told_from_the_rest);
    tcase_add_test(tc, congestion_is_marked_on_capable_packets_only);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
