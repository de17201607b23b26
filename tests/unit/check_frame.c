/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/frame. */
#include "bond/frame.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/suite.h"

START_TEST(a_bonded_packet_is_laid_out_as_drawn) {
    static const uint8_t wire[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x45};
    struct frame_packet packet;
    uint8_t out[FRAME_PACKET_BYTES];

    ck_assert_int_eq(frame_read_packet(wire, sizeof wire, &packet), 0);
    ck_assert_uint_eq(packet.sequence, 0x01234567);
    ck_assert_uint_eq(packet.bucket, 0x89);
    ck_assert_uint_eq(packet.bucket_sequence, 0xabcdef);
    frame_write_packet(&packet, out);
    ck_assert_mem_eq(out, wire, sizeof out);
}
END_TEST

START_TEST(a_mark_is_laid_out_as_drawn) {
    static const uint8_t wire[] = {0xfe, 0x02, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    struct frame_mark mark;
    uint8_t out[FRAME_MARK_BYTES];

    ck_assert_int_eq(frame_read_mark(wire, sizeof wire, &mark), 0);
    ck_assert_uint_eq(mark.leg, 254);
    ck_assert_uint_eq(mark.flags, FRAME_MARK_GONE);
    ck_assert_uint_eq(mark.next, 0x01234567);
    ck_assert_uint_eq(mark.floor, 0x89abcdef);
    frame_write_mark(&mark, out);
    ck_assert_mem_eq(out, wire, sizeof out);
}
END_TEST

START_TEST(a_packet_without_a_byte_of_ip_is_refused) {
    static const uint8_t wire[FRAME_PACKET_BYTES + 1];

    for (size_t length = 0; length <= FRAME_PACKET_BYTES; length++) {
        struct frame_packet packet = {.sequence = 77};
        ck_assert_int_eq(frame_read_packet(wire, length, &packet), -EINVAL);
        ck_assert_uint_eq(packet.sequence, 77);
    }
}
END_TEST

START_TEST(a_mark_of_another_length_is_refused) {
    static const uint8_t wire[2 * FRAME_MARK_BYTES];

    for (size_t length = 0; length <= sizeof wire; length++) {
        struct frame_mark mark;
        ck_assert_int_eq(frame_read_mark(wire, length, &mark), length == FRAME_MARK_BYTES ? 0 : -EINVAL);
    }
}
END_TEST

START_TEST(a_mark_about_leg_255_is_refused) {
    uint8_t wire[FRAME_MARK_BYTES] = {255};
    struct frame_mark mark = {.leg = 9};

    ck_assert_int_eq(frame_read_mark(wire, sizeof wire, &mark), -EINVAL);
    ck_assert_uint_eq(mark.leg, 9);
}
END_TEST

START_TEST(unknown_flags_are_ignored) {
    uint8_t wire[FRAME_MARK_BYTES] = {3, 0xf9};
    struct frame_mark mark;

    ck_assert_int_eq(frame_read_mark(wire, sizeof wire, &mark), 0);
    ck_assert_uint_eq(mark.flags, FRAME_MARK_IDLE);
    wire[1] = 0xfe;
    ck_assert_int_eq(frame_read_mark(wire, sizeof wire, &mark), 0);
    ck_assert_uint_eq(mark.flags, FRAME_MARK_GONE | FRAME_MARK_ASK);
}
END_TEST

START_TEST(sequences_compare_the_shorter_way_round) {
    ck_assert(frame_before32(1, 2));
    ck_assert(!frame_before32(2, 2));
    ck_assert(!frame_before32(2, 1));
    ck_assert(frame_before32(UINT32_MAX, 0));
    ck_assert(!frame_before32(0, UINT32_MAX));
    ck_assert(frame_before32(0x80000000u, 0xffffffffu));
    ck_assert(frame_before32(0, 0x7fffffffu));
    ck_assert_int_eq(frame_distance32(0xfffffffeu, 3), 5);
    ck_assert_int_eq(frame_distance32(3, 0xfffffffeu), -5);
}
END_TEST

START_TEST(bucket_sequences_wrap_at_24_bits) {
    ck_assert_uint_eq(frame_next24(5), 6);
    ck_assert_uint_eq(frame_next24(0xffffff), 0);
    ck_assert(frame_before24(0xffffff, 0));
    ck_assert(!frame_before24(0, 0xffffff));
    ck_assert(frame_before24(0, 0x7fffff));
    ck_assert(!frame_before24(0, 0x800001));
    ck_assert_int_eq(frame_distance24(0xfffffe, 3), 5);
    ck_assert_int_eq(frame_distance24(3, 0xfffffe), -5);
    ck_assert_int_eq(frame_distance24(7, 7), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("frame");
    TCase *tc = tcase_create("frame");

    tcase_add_test(tc, a_bonded_packet_is_laid_out_as_drawn);
    tcase_add_test(tc, a_mark_is_laid_out_as_drawn);
    tcase_add_test(tc, a_packet_without_a_byte_of_ip_is_refused);
    tcase_add_test(tc, a_mark_of_another_length_is_refused);
    tcase_add_test(tc, a_mark_about_leg_255_is_refused);
    tcase_add_test(tc, unknown_flags_are_ignored);
    tcase_add_test(tc, sequences_compare_the_shorter_way_round);
    tcase_add_test(tc, bucket_sequences_wrap_at_24_bits);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
