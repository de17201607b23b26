/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_icmp: the error packets, and about what none is sent. */
#include "packet/icmp.h"

#include <check.h>

#include "common/clock.h"
#include "make_packet.h"
#include "tests/unit/suite.h"

static uint8_t packet[9100], out[ICMP_ERROR_MAX], content[9000];
static struct ip_addr self4, self6;

static void setup(void) {
    ip_addr_parse("10.0.0.1", &self4);
    ip_addr_parse("2001:db8::ff", &self6);
}

static size_t write_packet(int version, int protocol, size_t payload_bytes) {
    struct made m = {.version = version,
                     .protocol = protocol,
                     .source = 5,
                     .target = 6,
                     .sport = 1,
                     .dport = 2,
                     .ttl = 61,
                     .df = true,
                     .payload = content,
                     .payload_bytes = payload_bytes};

    return made_write(&m, packet);
}

static size_t error_about(enum icmp_reason reason, size_t length) {
    return icmp_error(reason, packet, length, packet[0] >> 4 == 4 ? &self4 : &self6, 1300, out);
}

START_TEST(too_big_carries_the_mtu_and_quotes_the_packet) {
    size_t length = write_packet(4, IPPROTO_UDP, 1400), bytes = error_about(ICMP_TOO_BIG, length);

    ck_assert_uint_eq(bytes, 576);
    ck_assert_uint_eq(out[9], IPPROTO_ICMP);
    ck_assert_mem_eq(out + 12, self4.bytes, 4);
    ck_assert_mem_eq(out + 16, packet + 12, 4);
    ck_assert_uint_eq(out[20], 3);
    ck_assert_uint_eq(out[21], 4);
    ck_assert_int_eq(out[26] << 8 | out[27], 1300);
    ck_assert_mem_eq(out + 28, packet, 576 - 28);
    ck_assert_uint_eq(made_fold(made_sum(out, 20)), 0xffff);
    ck_assert_uint_eq(made_fold(made_sum(out + 20, bytes - 20)), 0xffff);
    ck_assert_int_eq(out[2] << 8 | out[3], (int)bytes);

    length = write_packet(6, IPPROTO_UDP, 1400);
    bytes = error_about(ICMP_TOO_BIG, length);
    ck_assert_uint_eq(bytes, 1280);
    ck_assert_uint_eq(out[40], 2);
    ck_assert_uint_eq(out[41], 0);
    ck_assert_int_eq(out[44] << 24 | out[45] << 16 | out[46] << 8 | out[47], 1300);
    ck_assert_mem_eq(out + 24, packet + 8, 16);
    ck_assert_mem_eq(out + 48, packet, 1280 - 48);
    ck_assert_uint_eq(made_fold(made_sum_l4(out, bytes)), 0xffff);
}
END_TEST

START_TEST(reasons_become_type_and_code) {
    static const uint8_t want[][5] = {{ICMP_TOO_BIG, 3, 4, 2, 0},
                                      {ICMP_NO_ROUTE, 3, 0, 1, 0},
                                      {ICMP_PROHIBITED, 3, 13, 1, 1},
                                      {ICMP_ADDRESS_UNREACHABLE, 3, 1, 1, 3},
                                      {ICMP_TIME_EXCEEDED, 11, 0, 3, 0}};

    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(error_about(want[i][0], write_packet(4, IPPROTO_TCP, 10)), 28 + 50);
        ck_assert_mem_eq(out + 20, &want[i][1], 2);
        ck_assert_uint_eq(error_about(want[i][0], write_packet(6, IPPROTO_TCP, 10)), 48 + 70);
        ck_assert_mem_eq(out + 40, &want[i][3], 2);
    }
}
END_TEST

START_TEST(no_error_about_an_error) {
    static const uint8_t errors4[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4, 100, 127, 137};
    size_t length;

    for (size_t i = 0; i < sizeof errors4; i++) {
        length = write_packet(4, IPPROTO_ICMP, 40);
        packet[20] = errors4[i];
        ck_assert_uint_eq(error_about(ICMP_NO_ROUTE, length), 0);
    }
    packet[20] = 8;
    ck_assert_uint_gt(error_about(ICMP_NO_ROUTE, length), 0);
    for (size_t i = 0; i < sizeof errors6; i++) {
        length = write_packet(6, IPPROTO_ICMPV6, 40);
        packet[40] = errors6[i];
        ck_assert_uint_eq(error_about(ICMP_NO_ROUTE, length), 0);
    }
    packet[40] = 128;
    ck_assert_uint_gt(error_about(ICMP_NO_ROUTE, length), 0);
}
END_TEST

START_TEST(no_error_about_later_fragments_groups_and_strange_sources) {
    size_t length = write_packet(4, IPPROTO_UDP, 40);

    made_put16(packet + 6, 5);
    ck_assert_uint_eq(error_about(ICMP_TIME_EXCEEDED, length), 0);
    made_put16(packet + 6, 0x2000);
    ck_assert_uint_gt(error_about(ICMP_TIME_EXCEEDED, length), 0);
    for (unsigned i = 0; i < 3; i++) {
        length = write_packet(4, IPPROTO_UDP, 40);
        packet[12] = (uint8_t[]){0, 127, 224}[i];
        ck_assert_uint_eq(error_about(ICMP_NO_ROUTE, length), 0);
    }
    length = write_packet(4, IPPROTO_UDP, 40);
    packet[16] = 239;
    ck_assert_uint_eq(error_about(ICMP_TOO_BIG, length), 0);
    length = write_packet(6, IPPROTO_UDP, 40);
    packet[24] = 0xff;
    ck_assert_uint_eq(error_about(ICMP_NO_ROUTE, length), 0);
    ck_assert_uint_gt(error_about(ICMP_TOO_BIG, length), 0);
    memset(packet + 8, 0, 16);
    ck_assert_uint_eq(error_about(ICMP_TOO_BIG, length), 0);
    ck_assert_uint_eq(icmp_error(ICMP_NO_ROUTE, packet, length, &self4, 0, out), 0);
    ck_assert_uint_eq(icmp_error(ICMP_NO_ROUTE, packet, 3, &self6, 0, out), 0);
}
END_TEST

START_TEST(superpacket_with_a_short_length_field_is_quoted) {
    size_t length = write_packet(6, IPPROTO_TCP, 5000);

    made_put16(packet + 4, 0);
    ck_assert_uint_eq(error_about(ICMP_TOO_BIG, length), 1280);
}
END_TEST

START_TEST(limit_allows_bursts_of_fifty_and_a_hundred_a_second) {
    struct icmp_limit limit = {0};
    unsigned allowed = 0;

    for (unsigned i = 0; i < 1000; i++)
        allowed += icmp_limit_allows(&limit, 5) != 0;
    ck_assert_uint_eq(allowed, 50);
    allowed = 0;
    for (uint64_t now = 5; now < 10 * NS_PER_SEC; now += NS_PER_MS)
        allowed += icmp_limit_allows(&limit, now) != 0;
    ck_assert(allowed >= 995 && allowed <= 1000);
    allowed = 0;
    for (unsigned i = 0; i < 1000; i++)
        allowed += icmp_limit_allows(&limit, 100 * NS_PER_SEC) != 0;
    ck_assert_uint_eq(allowed, 50);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("icmp");
    TCase *tc = tcase_create("icmp");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, too_big_carries_the_mtu_and_quotes_the_packet);
    tcase_add_test(tc, reasons_become_type_and_code);
    tcase_add_test(tc, no_error_about_an_error);
    tcase_add_test(tc, no_error_about_later_fragments_groups_and_strange_sources);
    tcase_add_test(tc, superpacket_with_a_short_length_field_is_quoted);
    tcase_add_test(tc, limit_allows_bursts_of_fifty_and_a_hundred_a_second);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
