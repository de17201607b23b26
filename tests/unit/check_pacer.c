/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/pacer. */
#include "quic/pacer.h"

#include <check.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define PACKET 1472u

START_TEST(a_fresh_pacer_lets_ten_packets_go_at_once) {
    struct pacer pacer;
    int sent = 0;

    pacer_init(&pacer, PACKET);
    while (pacer_is_open(&pacer, 0) && sent < 10) {
        pacer_on_sent(&pacer, PACKET, 0);
        sent++;
    }
    ck_assert_int_eq(sent, 10);
}
END_TEST

/** Send whenever the pacer is open. @return bytes sent until end */
static uint64_t send_always(struct pacer *pacer, uint64_t end) {
    uint64_t sent = 0;

    for (uint64_t now = 0; now < end; now = pacer->blocked_until) {
        while (pacer_is_open(pacer, now)) {
            pacer_on_sent(pacer, PACKET, now);
            sent += PACKET;
        }
    }
    return sent;
}

START_TEST(what_goes_out_keeps_to_the_rate) {
    static const uint64_t rates[] = {100000, 12500000, 125000000, 1250000000};

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct pacer pacer;
        double sent;

        pacer_init(&pacer, PACKET);
        pacer_set_rate(&pacer, rates[i] / 50, 20 * NS_PER_MS, PACKET);
        sent = (double)send_always(&pacer, NS_PER_SEC);
        ck_assert_double_ge(sent, 0.99 * (double)rates[i]);
        ck_assert_double_le(sent, 1.03 * (double)rates[i]);
    }
}
END_TEST

START_TEST(a_burst_is_a_millisecond_long_within_its_limits) {
    struct pacer pacer;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 20000, NS_PER_MS, PACKET);
    ck_assert_uint_ge(pacer.quantum, 19900);
    ck_assert_uint_le(pacer.quantum, 20100);
    pacer_set_rate(&pacer, 1, NS_PER_MS, PACKET);
    ck_assert_uint_eq(pacer.quantum, 2 * PACKET);
    pacer_set_rate(&pacer, 1000000, NS_PER_MS, PACKET);
    ck_assert_uint_eq(pacer.quantum, PACER_BURST_MAX);
}
END_TEST

/** Superpackets of 44 packets, back to back. @return bytes that went before the pacer held them up */
static size_t burst_of_superpackets(struct pacer *pacer, unsigned first) {
    size_t sent = 0;

    for (unsigned i = first; pacer_is_open(pacer, 0); i++, sent += PACKET) {
        pacer_keep_together(pacer, (43 - i % 44) * (size_t)PACKET);
        pacer_on_sent(pacer, PACKET, 0);
    }
    return sent;
}

START_TEST(a_fast_burst_ends_between_superpackets) {
    struct pacer pacer;

    for (unsigned first = 0; first < 44; first++) {
        pacer_init(&pacer, PACKET);
        pacer_set_rate(&pacer, 1000000, NS_PER_MS, PACKET);
        ck_assert_uint_eq((first + burst_of_superpackets(&pacer, first) / PACKET) % 44, 0);
        ck_assert_uint_ge(pacer.blocked_until, pacer_time(&pacer, PACER_BURST_MAX));
        ck_assert_uint_lt(pacer.blocked_until, pacer_time(&pacer, PACER_BURST_MAX + PACER_BATCH));
    }
}
END_TEST

START_TEST(a_slow_burst_ends_inside_a_superpacket) {
    struct pacer pacer;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 20000, NS_PER_MS, PACKET);
    ck_assert_uint_le(burst_of_superpackets(&pacer, 0), 20000 + PACKET);
}
END_TEST

START_TEST(superpackets_that_take_turns_do_not_prolong_a_burst_for_ever) {
    struct pacer pacer;
    size_t sent = 0;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 1000000, NS_PER_MS, PACKET);
    for (; pacer_is_open(&pacer, 0); sent += PACKET) {
        pacer_keep_together(&pacer, 20 * PACKET);
        pacer_on_sent(&pacer, PACKET, 0);
    }
    ck_assert_uint_le(sent, PACER_BURST_MAX + PACER_BATCH);
}
END_TEST

START_TEST(timers_that_come_late_do_not_lower_the_rate) {
    struct pacer pacer;
    uint64_t now = NS_PER_SEC, sent = 0;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 12500, NS_PER_MS, PACKET);
    while (now < 2 * NS_PER_SEC) {
        while (pacer_is_open(&pacer, now)) {
            pacer_on_sent(&pacer, PACKET, now);
            sent += PACKET;
        }
        now = pacer.blocked_until + 300000;
    }
    ck_assert_double_ge((double)sent, 0.99 * 12.5e6);
    ck_assert_double_le((double)sent, 1.01 * 12.5e6);
}
END_TEST

START_TEST(idle_time_is_not_saved_up) {
    struct pacer pacer;
    uint64_t now = 10 * NS_PER_SEC;
    size_t burst = 0;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 10000, NS_PER_MS, PACKET);
    pacer_on_sent(&pacer, PACKET, 0);
    while (pacer_is_open(&pacer, now)) {
        pacer_on_sent(&pacer, PACKET, now);
        burst += PACKET;
    }
    ck_assert_uint_le(burst, 10000 + PACKET);
}
END_TEST

START_TEST(packets_below_the_rate_are_never_held_up) {
    struct pacer pacer;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 100000, NS_PER_MS, PACKET);
    for (uint64_t now = 0; now < NS_PER_SEC; now += 20 * NS_PER_US) {
        ck_assert(pacer_is_open(&pacer, now));
        pacer_on_sent(&pacer, PACKET, now);
    }
}
END_TEST

START_TEST(a_hold_is_never_shortened) {
    struct pacer pacer;

    pacer_init(&pacer, PACKET);
    pacer_hold(&pacer, 500);
    pacer_hold(&pacer, 100);
    ck_assert(!pacer_is_open(&pacer, 499));
    ck_assert(pacer_is_open(&pacer, 500));
}
END_TEST

START_TEST(extreme_rates_do_no_harm) {
    struct pacer pacer;

    pacer_init(&pacer, PACKET);
    pacer_set_rate(&pacer, 0, NS_PER_SEC, PACKET);
    pacer_on_sent(&pacer, PACKET, 0);
    pacer_set_rate(&pacer, 1, UINT64_MAX, PACKET);
    ck_assert_uint_eq(pacer.quantum, 2 * PACKET);
    pacer_set_rate(&pacer, UINT64_MAX, 0, PACKET);
    pacer_on_sent(&pacer, PACER_BURST_MAX, 7);
    ck_assert(pacer_is_open(&pacer, 7));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pacer");
    TCase *tc = tcase_create("pacer");

    tcase_add_test(tc, a_fresh_pacer_lets_ten_packets_go_at_once);
    tcase_add_test(tc, what_goes_out_keeps_to_the_rate);
    tcase_add_test(tc, a_burst_is_a_millisecond_long_within_its_limits);
    tcase_add_test(tc, a_fast_burst_ends_between_superpackets);
    tcase_add_test(tc, a_slow_burst_ends_inside_a_superpacket);
    tcase_add_test(tc, superpackets_that_take_turns_do_not_prolong_a_burst_for_ever);
    tcase_add_test(tc, timers_that_come_late_do_not_lower_the_rate);
    tcase_add_test(tc, idle_time_is_not_saved_up);
    tcase_add_test(tc, packets_below_the_rate_are_never_held_up);
    tcase_add_test(tc, a_hold_is_never_shortened);
    tcase_add_test(tc, extreme_rates_do_no_harm);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
