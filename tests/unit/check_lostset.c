/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/lostset. */
#include "quic/lostset.h"

#include <check.h>
#include <string.h>

#include "tests/unit/suite.h"

#define REMEMBERED (LOSTSET_BLOCKS * (uint64_t)LOSTSET_PACKETS) /**< packets with neighbouring numbers, at least */

static struct lostset set;

static void setup(void) {
    memset(&set, 0, sizeof set);
}

START_TEST(a_packet_that_was_declared_lost_is_found_once) {
    lostset_add(&set, 2, 7);
    lostset_add(&set, 2, 8);
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
        lostset_add(&set, space, 0);
    for (unsigned space = 0; space < 3; space++)
        ck_assert(lostset_take(&set, space, 0));
}
END_TEST

START_TEST(all_of_the_last_losses_are_remembered) {
    uint64_t first = 1000000;

    for (uint64_t i = 0; i < 3 * REMEMBERED; i++)
        lostset_add(&set, 2, first + i);
    for (uint64_t i = 0; i < 2 * REMEMBERED; i++)
        ck_assert(!lostset_take(&set, 2, first + i));
    for (uint64_t i = 2 * REMEMBERED; i < 3 * REMEMBERED; i++)
        ck_assert(lostset_take(&set, 2, first + i));
}
END_TEST

/* After an outage all that was on the way is lost at once, the newest first. */
START_TEST(older_losses_do_not_take_the_place_of_newer_ones) {
    for (uint64_t i = 3 * REMEMBERED; i-- > 0;)
        lostset_add(&set, 2, i);
    for (uint64_t i = 0; i < 2 * REMEMBERED; i++)
        ck_assert(!lostset_take(&set, 2, i));
    for (uint64_t i = 2 * REMEMBERED; i < 3 * REMEMBERED; i++)
        ck_assert(lostset_take(&set, 2, i));
}
END_TEST

/* Packets in order, of which one of a hundred is lost for good and another comes 1,000 packets late; either is declared
 * lost 256 packets later. Only those that come late are found, though a million have other numbers. */
START_TEST(no_packet_is_taken_for_another) {
    const uint64_t behind = 256, late = 1000, last = 1000000;
    unsigned found = 0, came_late = 0;

    for (uint64_t number = 0; number < last; number++) {
        if (number >= behind && (number - behind) % 50 == 0)
            lostset_add(&set, 2, number - behind);
        if (number % 50 != 0)
            ck_assert_msg(!lostset_take(&set, 2, number), "%u", (unsigned)number);
        if (number >= late && (number - late) % 100 == 50) {
            came_late++;
            found += lostset_take(&set, 2, number - late);
        }
    }
    ck_assert_uint_eq(found, came_late);
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
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
