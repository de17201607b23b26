/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/lostset. */
#include "quic/lostset.h"

#include <check.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define REMEMBERED (LOSTSET_BLOCKS * (uint64_t)LOSTSET_PACKETS) /**< packets with neighbouring numbers, at least */

static struct lostset set;

/** @return how many of the packets with these numbers, up to before last, had been declared lost */
static unsigned take_all(uint64_t first, uint64_t last) {
    unsigned lost = 0;

    for (; first < last; first++)
        lost += lostset_take(&set, LOSTSET_SPACE, first);
    return lost;
}

static void setup(void) {
    memset(&set, 0, sizeof set);
}

START_TEST(a_packet_that_was_declared_lost_is_found_once) {
    lostset_add(&set, 2, 7, 0, 0);
    lostset_add(&set, 2, 8, 0, 0);
    ck_assert(!lostset_take(&set, 2, 6));
    ck_assert(!lostset_take(&set, 1, 7));
    ck_assert(lostset_take(&set, 2, 7));
    ck_assert(!lostset_take(&set, 2, 7));
    ck_assert(lostset_take(&set, 2, 8));
}
END_TEST

START_TEST(number_zero_of_every_space_is_a_packet_like_others) {
    for (unsigned space = 0; space < 3; space++)
        ck_assert(!lostset_take(&set, space, 0));
    for (unsigned space = 0; space < 3; space++)
        lostset_add(&set, space, 0, 0, 0);
    for (unsigned space = 0; space < 3; space++)
        ck_assert(lostset_take(&set, space, 0));
}
END_TEST

START_TEST(all_of_the_last_losses_are_remembered) {
    uint64_t first = 1000000;

    for (uint64_t i = 0; i < 3 * REMEMBERED; i++)
        lostset_add(&set, 2, first + i, 0, 0);
    ck_assert_uint_eq(take_all(first, first + 2 * REMEMBERED), 0);
    ck_assert_uint_eq(take_all(first + 2 * REMEMBERED, first + 3 * REMEMBERED), REMEMBERED);
}
END_TEST

/* After an outage all that was on the way is lost at once, the newest first. */
START_TEST(older_losses_do_not_take_the_place_of_newer_ones) {
    for (uint64_t i = 3 * REMEMBERED; i-- > 0;)
        lostset_add(&set, 2, i, 0, 0);
    ck_assert_uint_eq(take_all(0, 2 * REMEMBERED), 0);
    ck_assert_uint_eq(take_all(2 * REMEMBERED, 3 * REMEMBERED), REMEMBERED);
}
END_TEST

/* Packets in order, of which one of a hundred is lost for good and another comes 1,000 packets late; either is declared
 * lost 256 packets later. Only those that come late are found, though a million have other numbers. */
START_TEST(no_packet_is_taken_for_another) {
    const uint64_t behind = 256, late = 1000, last = 1000000;
    unsigned found = 0, came_late = 0, mistaken = 0;

    for (uint64_t number = 0; number < last; number++) {
        if (number >= behind && (number - behind) % 50 == 0)
            lostset_add(&set, 2, number - behind, 0, 0);
        if (number % 50 != 0)
            mistaken += lostset_take(&set, 2, number);
        if (number >= late && (number - late) % 100 == 50) {
            came_late++;
            found += lostset_take(&set, 2, number - late);
        }
    }
    ck_assert_uint_eq(mistaken, 0);
    ck_assert_uint_eq(found, came_late);
}
END_TEST

/* The connection has forgotten when they were sent, and how long they were. */
START_TEST(more_is_known_of_the_last_packets_that_carried_data) {
    const uint64_t first = 7ull << 32, hour = 3600 * NS_PER_SEC, now = hour + 50 * NS_PER_MS;
    struct lostset_packet packet;

    lostset_add(&set, LOSTSET_SPACE, first - 1, hour, 100);
    for (uint64_t i = 0; i < LOSTSET_KNOWN; i += 100)
        lostset_add(&set, LOSTSET_SPACE, first + i, hour + i * NS_PER_US, (size_t)(1000 + i / 100));
    lostset_add(&set, LOSTSET_SPACE - 1, first + 50, hour, 1);
    lostset_add(&set, LOSTSET_SPACE, first + LOSTSET_KNOWN - 1, hour, 1);
    ck_assert(!lostset_take_any(&set, first + 1, first + 99, now, &packet));
    ck_assert(!lostset_take_any(&set, first + LOSTSET_KNOWN, first + 100000, now, &packet));
    ck_assert(lostset_take_any(&set, first + 101, first + 250, now, &packet));
    ck_assert_uint_eq(packet.number, first + 200);
    ck_assert_uint_eq(packet.sent, hour + 200 * NS_PER_US);
    ck_assert_uint_eq(packet.bytes, 1002);
    ck_assert(!lostset_take(&set, LOSTSET_SPACE, first + 200));
    ck_assert(lostset_take(&set, LOSTSET_SPACE, first + 300));
    for (uint64_t i = 0; i < LOSTSET_KNOWN; i += 100)
        if (i != 200 && i != 300) {
            ck_assert(lostset_take_any(&set, 0, first + i, now, &packet));
            ck_assert_uint_eq(packet.number, first + i);
            ck_assert_uint_eq(packet.sent, hour + i * NS_PER_US);
            ck_assert_uint_eq(packet.bytes, 1000 + i / 100);
        }
    ck_assert(lostset_take_any(&set, first, first + LOSTSET_KNOWN - 1, now, &packet));
    ck_assert(!lostset_take_any(&set, 0, first + 100000, now, &packet));
    ck_assert(lostset_take(&set, LOSTSET_SPACE, first - 1)); /* though no more than that was known of it */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lostset");
    TCase *tc = tcase_create("lostset");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_packet_that_was_declared_lost_is_found_once);
    tcase_add_test(tc, number_zero_of_every_space_is_a_packet_like_others);
    tcase_add_test(tc, all_of_the_last_losses_are_remembered);
    tcase_add_test(tc, older_losses_do_not_take_the_place_of_newer_ones);
    tcase_add_test(tc, no_packet_is_taken_for_another);
    tcase_add_test(tc, more_is_known_of_the_last_packets_that_carried_data);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
