/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_knee: the congestion controller by itself, against a path that answers every packet after a set time, and
 * against a link of a rate, delay and queue. Real connections over links are in tests/sim/cc. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "quic/knee.h"
#include "tests/unit/suite.h"

#define PACKET 1200u /**< bytes */

#define MOST 5000u /**< packets that are sent in a round at most */

/** Send and acknowledge a window's worth for that many rounds. @param share of the window that is used */
static uint64_t rounds(struct knee *knee, unsigned count, uint64_t rtt, double share, uint64_t now) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t window = (uint64_t)((double)knee_window(knee) * share), packets = window / PACKET;

        if (packets > MOST)
            packets = MOST;
        for (uint64_t k = 0; k < packets; k++)
            knee_on_acked(knee, PACKET, now, (k + 1) * PACKET, now + rtt);
        knee_on_ack_done(knee, now, now + rtt);
        now += rtt + 1;
    }
    return now;
}

START_TEST(a_window_starts_with_ten_packets_and_no_pace) {
    struct knee knee;
    uint64_t bytes, ns;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    knee_pace(&knee, &bytes, &ns);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
    ck_assert_uint_eq(ns, 0);
}
END_TEST

START_TEST(a_window_that_is_used_grows_while_the_path_does_not_slow_down) {
    struct knee knee;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    rounds(&knee, 10, 40 * NS_PER_MS, 1, NS_PER_SEC);
    ck_assert_uint_gt(knee_window(&knee), 60 * PACKET);
}
END_TEST

START_TEST(a_window_that_is_not_used_does_not_grow) {
    struct knee knee;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    rounds(&knee, 50, 40 * NS_PER_MS, 0.3, NS_PER_SEC);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
}
END_TEST

START_TEST(a_mark_ends_start_up_when_there_is_a_queue_and_only_then) {
    struct knee knee;
    uint64_t now;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 8, 40 * NS_PER_MS, 1, NS_PER_SEC);
    knee_on_marked(&knee, now, now + 1);
    ck_assert_int_eq(knee.mode, KNEE_START);
    now = rounds(&knee, 1, 50 * NS_PER_MS, 1, now);
    knee_on_marked(&knee, now, now + 2);
    ck_assert_int_ne(knee.mode, KNEE_START);
}
END_TEST

START_TEST(what_an_idle_path_was_like_does_not_end_start_up) {
    struct knee knee;
    uint64_t now = NS_PER_SEC;

    knee_init(&knee, PACKET, 1, now);
    for (unsigned i = 0; i < 40; i++)
        now = rounds(&knee, 1, (70 + 60 * (i % 2)) * NS_PER_MS, 0.15, now);
    for (unsigned i = 0; i < 14; i++)
        now = rounds(&knee, 1, (148 + 4 * (i % 2)) * NS_PER_MS, 1, now);
    ck_assert_int_eq(knee.mode, KNEE_START);
    ck_assert_uint_gt(knee_window(&knee), 200 * PACKET);
}
END_TEST

/** Start-up over a path on which every fourth packet is declared lost. @param found it arrives after all */
static enum knee_mode mode_after_losses(bool found) {
    struct knee knee;
    uint64_t now = NS_PER_SEC;

    knee_init(&knee, PACKET, 1, now);
    for (unsigned i = 0; i < 12; i++, now += 40 * NS_PER_MS + 1) {
        uint64_t packets = knee_window(&knee) / PACKET;

        for (uint64_t k = 0; k < packets; k++) {
            if (k % 4 == 0)
                knee_on_lost(&knee, PACKET, now);
            if (k % 4 == 0 && !found)
                continue;
            if (k % 4 == 0)
                knee_on_found(&knee, PACKET, now);
            knee_on_acked(&knee, PACKET, now, (k + 1) * PACKET, now + 40 * NS_PER_MS);
        }
        knee_on_ack_done(&knee, now, now + 40 * NS_PER_MS);
    }
    return knee.mode;
}

START_TEST(a_packet_that_arrives_after_all_was_not_lost) {
    ck_assert_int_ne(mode_after_losses(false), KNEE_START);
    ck_assert_int_eq(mode_after_losses(true), KNEE_START);
}
END_TEST

START_TEST(another_path_begins_anew) {
    struct knee knee;
    uint64_t now;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 8, 40 * NS_PER_MS, 1, NS_PER_SEC);
    knee_reset(&knee, now);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
}
END_TEST

START_TEST(a_window_never_falls_below_two_packets_whatever_is_lost) {
    struct knee knee;
    uint64_t now = NS_PER_SEC;

    knee_init(&knee, PACKET, 1, now);
    for (unsigned i = 0; i < 500; i++) {
        now = rounds(&knee, 1, (1 + i % 7) * 30 * NS_PER_MS, 1, now);
        for (unsigned k = 0; k < 20; k++)
            knee_on_lost(&knee, PACKET, now - 20 * NS_PER_MS);
        ck_assert_uint_ge(knee_window(&knee), 2 * PACKET);
        ck_assert_uint_le(knee_window(&knee), 4000000000u);
    }
}
END_TEST

START_TEST(a_path_that_was_dead_begins_anew) {
    struct knee knee;
    uint64_t now, window;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 10, 40 * NS_PER_MS, 1, NS_PER_SEC);
    window = knee_window(&knee);
    /* Idle for long, then a packet and its answer: nothing has happened. */
    now += 60 * NS_PER_SEC;
    knee_on_sent(&knee, now);
    knee_on_acked(&knee, PACKET, now, PACKET, now + 40 * NS_PER_MS);
    ck_assert_uint_ge(knee_window(&knee), window);
    /* Packets without an answer for a second, and then one: the first one's, whose own was lost. */
    now += NS_PER_SEC;
    knee_on_sent(&knee, now);
    knee_on_acked(&knee, PACKET, now, PACKET, now + NS_PER_SEC);
    ck_assert_uint_eq(knee_window(&knee), 10 * PACKET);
    ck_assert_uint_eq((uint64_t)knee.rtt, 0);
}
END_TEST

START_TEST(a_path_that_has_become_long_begins_anew_but_once) {
    struct knee knee;
    uint64_t now, window;

    knee_init(&knee, PACKET, 1, NS_PER_SEC);
    now = rounds(&knee, 10, 20 * NS_PER_MS, 1, NS_PER_SEC);
    for (unsigned i = 0; i < 2; i++) {
        window = knee_window(&knee);
        knee_on_sent(&knee, now);
        knee_on_acked(&knee, PACKET, now, window, now + 600 * NS_PER_MS);
        now += 600 * NS_PER_MS;
    }
    ck_assert_uint_le(window, 11 * PACKET);
    ck_assert_uint_gt(knee_window(&knee), window);
}
END_TEST

#define FLOWS 2u       /**< on a link at most */
#define RING 16384u    /**< packets on the way at most */
#define STEP 100000ull /**< ns: time goes on by this */

/** A packet that was sent. */
struct packet {
    uint64_t sent, bytes; /**< ns; its length */
    uint64_t in_flight;   /**< bytes on the way then */
    uint64_t answered;    /**< ns: when the sender learns of it */
    unsigned flow;        /**< whose */
    bool queued, lost;    /**< not dropped; or else arrived */
};

/** A link with a queue, and those who use it. */
struct link {
    double mbits;               /**< rate */
    double delay, jitter, loss; /**< ms one way, ms standard deviation (packets keep their order), probability */
    uint64_t queue;             /**< packets it holds, those that travel included */
    uint64_t bytes;             /**< of a packet */
    double offered[FLOWS];      /**< Mbit/s that there is to send; 0: always enough */
    struct knee knee[FLOWS];
    unsigned flows;
    uint64_t stall; /**< ns: for so long the far end does nothing, … */
    uint64_t every; /**< … once in so many ns; 0: never */
    uint64_t now, free, random;
    struct packet ring[RING];
    uint64_t first, next;   /**< packets of the ring */
    uint64_t left, waiting; /**< packets up to here have left the queue; so many are in it */
    double in_flight[FLOWS], credit[FLOWS], stock[FLOWS];
    double arrived[FLOWS], sent, dropped; /**< bytes, packets, packets: since the last link_run */
};

static double uniform(struct link *l) {
    l->random = l->random * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(l->random >> 11) / (double)(1ull << 53);
}

/** About normally distributed. */
static double normal(struct link *l) {
    double sum = -6;

    for (unsigned i = 0; i < 12; i++)
        sum += uniform(l);
    return sum;
}

static void link_init(struct link *l, double mbits, double delay, uint64_t seed) {
    memset(l, 0, sizeof *l);
    l->mbits = mbits;
    l->delay = delay;
    l->queue = 1000;
    l->bytes = PACKET;
    l->flows = 1;
    l->now = NS_PER_SEC;
    l->random = seed * 7919;
    for (unsigned i = 0; i < FLOWS; i++)
        knee_init(&l->knee[i], PACKET, seed * FLOWS + i, l->now);
}

static void link_send(struct link *l, unsigned flow) {
    double late = l->delay * 1e6 + (l->jitter > 0 ? normal(l) * l->jitter * 1e6 : 0);
    uint64_t ready = l->now + (uint64_t)(late > 0 ? late : 0);
    struct packet *p = &l->ring[l->next % RING];
    bool full;

    for (; l->left < l->next && l->ring[l->left % RING].answered <= l->now + (uint64_t)(l->delay * 1e6); l->left++)
        l->waiting -= l->ring[l->left % RING].queued;
    full = l->waiting >= l->queue;
    l->waiting += !full;
    l->in_flight[flow] += (double)l->bytes;
    l->sent++;
    l->dropped += full;
    if (!full)
        l->free = (ready > l->free ? ready : l->free) + (uint64_t)((double)l->bytes * 8e3 / l->mbits);
    *p = (struct packet){l->now, l->bytes, (uint64_t)l->in_flight[flow], l->free + (uint64_t)(l->delay * 1e6),
                         flow,   !full,    full || uniform(l) < l->loss};
    l->next++;
    suite_assert(l->next - l->first < RING);
    knee_on_sent(&l->knee[flow], l->now);
}

static void link_answer(struct link *l) {
    uint64_t newest[FLOWS] = {0};

    if (l->every > 0 && l->now % l->every < l->stall)
        return;
    for (; l->first < l->next && l->ring[l->first % RING].answered <= l->now; l->first++) {
        const struct packet *p = &l->ring[l->first % RING];
        struct knee *knee = &l->knee[p->flow];

        l->in_flight[p->flow] -= (double)p->bytes;
        if (p->lost) {
            knee_on_lost(knee, p->bytes, p->sent);
            continue;
        }
        knee_on_acked(knee, p->bytes, p->sent, p->in_flight, l->now);
        l->arrived[p->flow] += (double)p->bytes;
        newest[p->flow] = p->sent;
    }
    for (unsigned i = 0; i < l->flows; i++)
        if (newest[i] != 0)
            knee_on_ack_done(&l->knee[i], newest[i], l->now);
}

/** Let time pass. @return share of the link that all use together */
static double link_run(struct link *l, double seconds) {
    uint64_t end = l->now + (uint64_t)(seconds * 1e9);
    double all = 0, length = (double)l->bytes;

    memset(l->arrived, 0, sizeof l->arrived);
    l->sent = l->dropped = 0;
    for (; l->now < end; l->now += STEP) {
        link_answer(l);
        for (unsigned i = 0; i < l->flows; i++) {
            uint64_t bytes, ns;
            double more = PACKET;

            knee_pace(&l->knee[i], &bytes, &ns);
            if (ns > 0)
                more = (double)bytes / (double)ns * (double)STEP;
            l->credit[i] = fmin(l->credit[i] + more, fmax(2 * PACKET, 2 * more));
            l->stock[i] = l->offered[i] > 0 ? fmin(l->stock[i] + l->offered[i] / 8e3 * STEP, 10 * PACKET) : 1e9;
            for (; l->credit[i] >= length && l->stock[i] >= length &&
                   l->in_flight[i] + length <= (double)knee_window(&l->knee[i]);
                 l->credit[i] -= length, l->stock[i] -= length)
                link_send(l, i);
        }
    }
    for (unsigned i = 0; i < l->flows; i++)
        all += l->arrived[i];
    return all * 8e-6 / seconds / l->mbits;
}

static struct link link_now;

START_TEST(a_link_whose_delay_varies_is_filled_and_never_abandoned) {
    static const struct {
        double mbits, delay, jitter, loss;
    } noisy[] = {{20, 50, 20, 0.02}, {50, 20, 20, 0}, {25, 45, 8, 0.005}};
    struct link *l = &link_now;
    double share;

    for (uint64_t seed = 1; seed <= suite_seeds(6); seed++) {
        link_init(l, noisy[_i].mbits, noisy[_i].delay, seed);
        l->jitter = noisy[_i].jitter;
        l->loss = noisy[_i].loss;
        link_run(l, 6);
        share = link_run(l, 12);
        ck_assert_msg(share > 0.7, "%.0f±%.0f ms, seed %u: %.2f", l->delay, l->jitter, (unsigned)seed, share);
    }
}
END_TEST

/** Time passes until what a controller is doing is, or is not, that; 20 s at most. */
static void link_run_while(struct link *l, enum knee_mode mode, bool is) {
    for (unsigned i = 0; i < 20000 && (l->knee[0].mode == mode) == is; i++)
        link_run(l, 1e-3);
    ck_assert((l->knee[0].mode == mode) != is);
}

/* On a noisy path start-up ends at some rate that has arrived. The pace climbs from there until a queue shows. */
START_TEST(what_start_up_finds_on_a_noisy_path_is_a_guess_that_is_climbed_from) {
    struct link *l = &link_now;
    struct knee *knee = &l->knee[0];
    unsigned guesses = 0, climbs = 0;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        link_init(l, 50, 20, seed);
        l->jitter = 20;
        link_run_while(l, KNEE_START, true);
        if (!knee->guess)
            continue;
        guesses++;
        ck_assert_double_ge(knee->noise.mean, knee->noise.quiet);
        link_run_while(l, KNEE_CRUISE, false);
        while (knee->guess) {
            double pace = knee->pace;
            uint64_t round = knee->round;

            while (knee->round == round)
                link_run(l, 1e-4);
            if (!knee->guess || knee->mode != KNEE_CRUISE || knee->pace == pace)
                continue;
            ck_assert_double_ge(knee->pace, 1.08 * pace);
            climbs++;
        }
        ck_assert_int_eq(knee->mode, KNEE_DRAIN);
    }
    ck_assert_uint_ge(guesses, 4);
    ck_assert_uint_ge(climbs, guesses);
}
END_TEST

/* In noise losses are counted a round sooner, but not once a packet has overtaken another: no round counts twice then.
 */
START_TEST(losses_of_a_round_count_once_when_a_path_turns_out_to_change_the_order) {
    struct link *l = &link_now;
    struct knee *knee = &l->knee[0];
    unsigned tried = 0;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t round;
        double sent;

        link_init(l, 50, 20, seed);
        l->jitter = 20;
        link_run_while(l, KNEE_START, true);
        link_run_while(l, KNEE_CRUISE, false);
        round = knee->round;
        while (knee->round < round + 3)
            link_run(l, 1e-4);
        if (knee->mode != KNEE_CRUISE || knee->settled != knee->round - 2)
            continue;
        ck_assert_double_gt(sent = knee->sent, 0);
        knee_on_found(knee, (size_t)(0.1 * knee->came), l->now);
        for (round = knee->round; knee->round == round;)
            link_run(l, 1e-4);
        if (knee->mode != KNEE_CRUISE)
            continue;
        ck_assert(knee->sent == sent);
        for (round = knee->round; knee->round == round;)
            link_run(l, 1e-4);
        ck_assert(knee->mode != KNEE_CRUISE || knee->sent > sent);
        tried++;
    }
    ck_assert_uint_ge(tried, 2);
}
END_TEST

/** Rounds of a hundred packets, of which so many had been declared lost. @return whether the path changes the order */
static bool reorders_after(struct knee *knee, unsigned count, unsigned late, uint64_t *now) {
    for (unsigned i = 0; i < count; i++, *now += 40 * NS_PER_MS + 1) {
        for (uint64_t k = 0; k < 100; k++) {
            if (k < late)
                knee_on_lost(knee, PACKET, *now);
            if (k < late)
                knee_on_found(knee, PACKET, *now);
            knee_on_acked(knee, PACKET, *now, (k + 1) * PACKET, *now + 40 * NS_PER_MS);
        }
        knee_on_ack_done(knee, *now, *now + 40 * NS_PER_MS);
    }
    return knee_reorders(knee);
}

/* A route or a queue that changes makes packets late on any path, and seldom. */
START_TEST(who_was_overtaken_once_is_forgotten) {
    uint64_t now = NS_PER_SEC;
    struct knee knee;

    knee_init(&knee, PACKET, 1, now);
    ck_assert(!reorders_after(&knee, 20, 0, &now));
    for (unsigned i = 0; i < 5; i++)
        ck_assert(!reorders_after(&knee, 1, 1, &now) && !reorders_after(&knee, 9, 0, &now));
    ck_assert(reorders_after(&knee, 1, 60, &now));
    ck_assert(!reorders_after(&knee, 20, 0, &now));
    ck_assert(reorders_after(&knee, 3, 10, &now));
    ck_assert(reorders_after(&knee, 100, 5, &now));
    ck_assert(!reorders_after(&knee, 30, 0, &now));
}
END_TEST

START_TEST(what_start_up_finds_on_a_path_without_noise_is_no_guess) {
    struct link *l = &link_now;

    link_init(l, 50, 20, 1);
    link_run_while(l, KNEE_START, true);
    ck_assert(!l->knee[0].guess);
    ck_assert_double_ge(l->knee[0].pace * 8e3, 0.65 * l->mbits);
}
END_TEST

START_TEST(start_up_into_a_short_queue_does_not_stay_in_a_state_of_drops) {
    struct link *l = &link_now;

    link_init(l, 50, 20, 1);
    l->queue = 140;
    link_run(l, 3);
    ck_assert_double_gt(link_run(l, 10), 0.95);
    ck_assert_double_lt(l->dropped / l->sent, 0.02);
}
END_TEST

START_TEST(two_of_ours_do_not_move_in_step_and_end_with_equal_shares) {
    struct link *l = &link_now;
    double share;

    link_init(l, 50, 20, 1);
    link_run(l, 5);
    l->flows = 2; /* the second finds the link full */
    knee_init(&l->knee[1], PACKET, 2, l->now);
    link_run(l, 20);
    ck_assert_double_gt(link_run(l, 20), 0.95);
    share = l->arrived[0] / (l->arrived[0] + l->arrived[1]);
    ck_assert_msg(share > 0.4 && share < 0.6, "%.2f", share);
    ck_assert_double_lt(l->dropped, 1);
}
END_TEST

START_TEST(short_rounds_are_not_too_noisy_to_fill_a_link) {
    struct link *l = &link_now;

    link_init(l, 100, 0.3, 1);
    link_run(l, 1);
    ck_assert_double_gt(link_run(l, 4), 0.95);
    ck_assert_double_lt(l->dropped / l->sent, 0.005);
}
END_TEST

/* A short path whose far end stops for so many ms in each period carries more than a share. */
static void check_stops(double mbits, uint64_t ms, uint64_t every_ms, double least) {
    struct link *l = &link_now;
    double share;

    link_init(l, mbits, 0.2, ms);
    l->stall = ms * NS_PER_MS;
    l->every = every_ms * NS_PER_MS;
    link_run(l, 2);
    share = link_run(l, 4);
    ck_assert_msg(share > least, "stopped for %u ms: %.2f", (unsigned)ms, share);
}

START_TEST(hosts_that_stop_for_milliseconds_are_no_queue) {
    for (uint64_t ms = 2; ms <= 4; ms++)
        check_stops(500, ms, 23, 0.95);
}
END_TEST

START_TEST(hosts_that_are_starved_are_no_queue) {
    for (uint64_t ms = 20; ms <= 50; ms += 10)
        check_stops(200, ms, 101, 0.85);
}
END_TEST

START_TEST(a_short_path_that_becomes_slow_is_no_host_that_stops) {
    struct link *l = &link_now;

    link_init(l, 100, 0.2, 1);
    link_run(l, 2);
    l->mbits = 1;
    link_run(l, 6);
    ck_assert_double_gt(link_run(l, 4), 0.9);
    ck_assert_uint_le(l->waiting, 20);
}
END_TEST

/* Small packets of little rate, as acknowledgements are, meet a queue of the data that goes the other way, again and
 * again; then the data turns round. */
START_TEST(who_sent_acknowledgements_starts_as_fast_as_anybody) {
    struct link *l = &link_now;
    double share, most = 4 + 6 * _i;

    link_init(l, 250, 20, 1);
    l->bytes = 100;
    for (unsigned i = 0; i < 150; i++) {
        l->offered[0] = fmin(0.5 * pow(1.06, i), most);
        l->delay = 20 + fmax(6 * sin(i / 8.0), 0);
        link_run(l, 0.02);
    }
    ck_assert_int_eq(l->knee[0].mode, KNEE_START);
    l->bytes = PACKET;
    l->delay = 20;
    l->offered[0] = 0;
    link_run(l, 0.5);
    share = link_run(l, 1);
    ck_assert_msg(share > 0.9, "%.0f Mbit/s: %.2f", most, share);
}
END_TEST

START_TEST(who_has_little_to_send_keeps_what_is_known_of_the_link) {
    struct link *l = &link_now;
    double pace;

    link_init(l, 50, 20, 1);
    link_run(l, 4);
    pace = l->knee[0].pace;
    l->offered[0] = 5;
    link_run(l, 20);
    ck_assert_double_ge(l->knee[0].pace, 0.85 * pace);
    ck_assert_double_le(l->knee[0].pace, 1.15 * pace);
    l->offered[0] = 1e-6; /* idle */
    link_run(l, 20);
    l->offered[0] = 0;
    ck_assert_double_gt(link_run(l, 1), 0.9);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("knee");
    TCase *tc = tcase_create("knee");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_window_starts_with_ten_packets_and_no_pace);
    tcase_add_test(tc, a_window_that_is_used_grows_while_the_path_does_not_slow_down);
    tcase_add_test(tc, a_window_that_is_not_used_does_not_grow);
    tcase_add_test(tc, a_mark_ends_start_up_when_there_is_a_queue_and_only_then);
    tcase_add_test(tc, what_an_idle_path_was_like_does_not_end_start_up);
    tcase_add_test(tc, a_packet_that_arrives_after_all_was_not_lost);
    tcase_add_test(tc, another_path_begins_anew);
    tcase_add_test(tc, a_path_that_was_dead_begins_anew);
    tcase_add_test(tc, a_path_that_has_become_long_begins_anew_but_once);
    tcase_add_loop_test(tc, a_link_whose_delay_varies_is_filled_and_never_abandoned, 0, 3);
    tcase_add_test(tc, what_start_up_finds_on_a_noisy_path_is_a_guess_that_is_climbed_from);
    tcase_add_test(tc, who_was_overtaken_once_is_forgotten);
    tcase_add_test(tc, what_start_up_finds_on_a_path_without_noise_is_no_guess);
    tcase_add_test(tc, losses_of_a_round_count_once_when_a_path_turns_out_to_change_the_order);
    tcase_add_test(tc, start_up_into_a_short_queue_does_not_stay_in_a_state_of_drops);
    tcase_add_test(tc, two_of_ours_do_not_move_in_step_and_end_with_equal_shares);
    tcase_add_test(tc, short_rounds_are_not_too_noisy_to_fill_a_link);
    tcase_add_test(tc, hosts_that_stop_for_milliseconds_are_no_queue);
    tcase_add_test(tc, hosts_that_are_starved_are_no_queue);
    tcase_add_test(tc, a_short_path_that_becomes_slow_is_no_host_that_stops);
    tcase_add_loop_test(tc, who_sent_acknowledgements_starts_as_fast_as_anybody, 0, 2);
    tcase_add_test(tc, who_has_little_to_send_keeps_what_is_known_of_the_link);
    tcase_add_test(tc, a_window_never_falls_below_two_packets_whatever_is_lost);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
