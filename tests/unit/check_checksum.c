/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_checksum: the fast sums against the plain one. */
#include "packet/checksum.h"

#include <arpa/inet.h>
#include <check.h>

#include "draw.h"
#include "make_packet.h"
#include "tests/unit/suite.h"

START_TEST(sum_agrees_with_the_plain_method_at_every_length_and_alignment) {
    static uint8_t data[2100];
    uint64_t seed = 1;

    draw_bytes(&seed, data, sizeof data);
    for (size_t length = 0; length <= 2000; length += length < 300 ? 1 : 37)
        for (size_t offset = 0; offset < 33; offset += offset < 9 ? 1 : 5)
            ck_assert_uint_eq(ntohs(checksum_fold(checksum_sum(data + offset, length))),
                              made_fold(made_sum(data + offset, length)));
}
END_TEST

START_TEST(sum_of_the_longest_run_of_ones_does_not_overflow) {
    static uint8_t data[65536];

    memset(data, 0xff, sizeof data);
    ck_assert_uint_eq(checksum_sum(data, sizeof data), 0xffff);
    ck_assert_uint_eq(checksum_sum(data, 0), 0);
    memset(data, 0, sizeof data);
    ck_assert_uint_eq(checksum_sum(data, sizeof data), 0);
}
END_TEST

START_TEST(copy_sums_and_copies) {
    static uint8_t from[1500], to[1600];
    uint64_t seed = 2;

    draw_bytes(&seed, from, sizeof from);
    for (size_t length = 0; length <= sizeof from; length += length < 200 ? 1 : 41) {
        memset(to, 0xaa, sizeof to);
        ck_assert_uint_eq(checksum_copy(to + 3, from, length), checksum_sum(from, length));
        ck_assert_mem_eq(to + 3, from, length);
        ck_assert_uint_eq(to[2], 0xaa);
        ck_assert_uint_eq(to[3 + length], 0xaa);
    }
}
END_TEST

START_TEST(the_sum_of_a_header_is_that_of_its_bytes) {
    uint8_t data[64];
    uint64_t seed = 3;

    draw_bytes(&seed, data, sizeof data);
    for (size_t bytes = 0; bytes < sizeof data; bytes += 4)
        ck_assert_uint_eq(checksum_fold(checksum_header(data + 1, bytes)), checksum_sum(data + 1, bytes));
}
END_TEST

START_TEST(pseudo_header_counts_addresses_protocol_and_length) {
    uint8_t packet[200], payload[64] = {1, 2, 3};

    for (int version = 4; version <= 6; version += 2) {
        struct made m = {.version = version,
                         .protocol = IPPROTO_TCP,
                         .source = 1,
                         .target = 2,
                         .ttl = 9,
                         .payload = payload,
                         .payload_bytes = 33};
        size_t length = made_write(&m, packet), ip = version == 4 ? 20 : 40;

        ck_assert_uint_eq(checksum_fold(checksum_pseudo(packet, IPPROTO_TCP, (uint32_t)(length - ip)) +
                                        checksum_sum(packet + ip, length - ip)),
                          0xffff);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("checksum");
    TCase *tc = tcase_create("checksum");

    tcase_add_test(tc, sum_agrees_with_the_plain_method_at_every_length_and_alignment);
    tcase_add_test(tc, sum_of_the_longest_run_of_ones_does_not_overflow);
    tcase_add_test(tc, copy_sums_and_copies);
    tcase_add_test(tc, the_sum_of_a_header_is_that_of_its_bytes);
    tcase_add_test(tc, pseudo_header_counts_addresses_protocol_and_length);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
