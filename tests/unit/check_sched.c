/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/sched: what holds for every scheduler, then each one's promise. */
#include "bond/sched.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

enum { LEGS = 4 };

static struct sched_leg legs[SCHED_LEGS];
static struct sched sched;
static bool sparse; /* packets to come are of a sparse flow */

static void setup(void) {
    memset(legs, 0, sizeof legs);
    for (unsigned i = 0; i < LEGS; i++)
        legs[i] = (struct sched_leg){.usable = true,
                                     .can_send = true,
                                     .role = SCHED_ROLE_PRIMARY,
                                     .weight = 1,
                                     .number = (uint8_t)(10 + i),
                                     .packet_max = 1400,
                                     .srtt = (40 - 10 * i) * NS_PER_MS};
    sched_init(&sched, SCHED_MINRTT);
    sparse = false;
}

/** Choose for a packet of a flow. */
static int pick_copies(size_t length, uint32_t flow_hash, uint16_t *copies) {
    struct sched_packet packet = {
        .length = length, .flow_hash = flow_hash, .flow_bytes = (uint32_t)length, .sparse = sparse};

    return sched_pick(&sched, legs, SCHED_LEGS, &packet, NS_PER_SEC, copies);
}

static int pick(void) {
    uint16_t copies;

    return pick_copies(1000, 1, &copies);
}

START_TEST(every_scheduler_is_found_by_its_name) {
    for (unsigned i = 0; i < SCHED_COUNT; i++) {
        const struct sched_kind *kind = sched_kind((enum sched_id)i);

        ck_assert_uint_eq(sched_find(kind->name, strlen(kind->name)), i);
        ck_assert_uint_eq(sched_find(kind->name, strlen(kind->name) - 1), SCHED_COUNT);
        ck_assert_uint_gt(strlen(kind->help), 0);
    }
    ck_assert_uint_eq(sched_find("", 0), SCHED_COUNT);
    ck_assert_uint_eq(sched_find("minrtt2", 7), SCHED_COUNT);
}
END_TEST

/** Whether a choice and its copies are as any must be. */
static bool choice_is_right(int leg, uint16_t copies, size_t length, bool primary) {
    uint16_t all = copies;

    if (leg < 0)
        return copies == 0;
    if (copies >> leg & 1 || (copies && sched.id != SCHED_REDUNDANT))
        return false;
    all |= (uint16_t)(1u << leg);
    for (unsigned i = 0; i < SCHED_LEGS; i++)
        if (all >> i & 1 && !(legs[i].usable && legs[i].can_send && legs[i].packet_max >= length &&
                              (legs[i].role == SCHED_ROLE_PRIMARY) == primary))
            return false;
    return true;
}

/** Random legs. */
static void draw_legs(void) {
    for (unsigned i = 0; i < SCHED_LEGS; i++)
        legs[i] = (struct sched_leg){.usable = draw() % 3 == 0,
                                     .can_send = draw() % 2 == 0,
                                     .role = draw() % 3 ? SCHED_ROLE_BACKUP : SCHED_ROLE_PRIMARY,
                                     .priority = (uint8_t)(draw() % 3),
                                     .weight = (uint16_t)(draw() % 4 ? draw() % 9 : draw()),
                                     .number = (uint8_t)i,
                                     .packet_max = (uint16_t)(1200 + draw() % 300),
                                     .srtt = draw() % 50 * NS_PER_MS,
                                     .rttvar = draw() % 10 * NS_PER_MS,
                                     .delay = draw() % 25 * NS_PER_MS,
                                     .in_flight = draw() % 200000,
                                     .wait = draw() % 5 * NS_PER_MS,
                                     .rate_bps = draw() % 4 ? draw() % 100000000 : 0};
}

/** One choice, one resend: whether both are as they must be. */
static bool random_choice_is_right(void) {
    uint32_t flow_hash = draw();
    size_t length = 100 + draw() % 1500;
    bool primary = false, fits = false, ready = false, right;
    uint16_t copies, again;
    int leg;

    draw_legs();
    for (unsigned i = 0; i < SCHED_LEGS; i++)
        primary |= legs[i].usable && legs[i].role == SCHED_ROLE_PRIMARY;
    for (unsigned i = 0; i < SCHED_LEGS; i++)
        if (legs[i].usable && (legs[i].role == SCHED_ROLE_PRIMARY) == primary && legs[i].packet_max >= length) {
            fits = true;
            ready |= legs[i].can_send;
        }
    leg = pick_copies(length, flow_hash, &copies);
    right = choice_is_right(leg, copies, length, primary) && (leg == SCHED_NONE) == !fits && (ready || leg < 0) &&
            (leg != SCHED_SKIP || ready);
    right = right && pick_copies(length, flow_hash, &again) == leg && again == copies;
    if (leg >= 0)
        sched_on_sent(&sched, legs, (unsigned)leg, length);
    leg = sched_pick_resend(legs, SCHED_LEGS, length, (uint16_t)draw());
    return right && choice_is_right(leg, 0, length, primary) && (leg == SCHED_NONE) == !fits &&
           (leg >= 0) == (fits && ready);
}

START_TEST(no_scheduler_breaks_the_common_rules_on_random_legs) {
    sched_init(&sched, (enum sched_id)_i);
    for (int round = 0; round < 20000; round++)
        if (!random_choice_is_right())
            ck_abort_msg("round %d", round);
}
END_TEST

START_TEST(backup_legs_serve_only_while_no_primary_is_usable) {
    sched_init(&sched, (enum sched_id)_i);
    legs[2].role = legs[3].role = SCHED_ROLE_BACKUP;
    ck_assert_int_lt(pick(), 2);
    legs[0].can_send = legs[1].can_send = false;
    ck_assert_int_eq(pick(), SCHED_WAIT);
    legs[0].usable = legs[1].usable = false;
    ck_assert_int_ge(pick(), 2);
    legs[2].usable = legs[3].usable = false;
    ck_assert_int_eq(pick(), SCHED_NONE);
}
END_TEST

/** What becomes of a packet that waited for so long. @return a leg, or less */
static int pick_waited(uint64_t waited, uint32_t flow_hash, uint64_t now) {
    struct sched_packet packet = {.length = 1000, .flow_hash = flow_hash, .flow_bytes = 50000, .waited = waited};
    uint16_t copies;

    return sched_pick(&sched, legs, SCHED_LEGS, &packet, now, &copies);
}

START_TEST(backup_legs_help_full_primaries_when_they_are_told_to) {
    uint32_t flow = 1;

    sched_init(&sched, (enum sched_id)_i);
    legs[2].role = legs[3].role = SCHED_ROLE_BACKUP;
    legs[3].when_full = true;
    legs[3].priority = 1;
    legs[0].can_send = legs[1].can_send = false;
    ck_assert_int_eq(pick_waited(5 * NS_PER_MS, flow, NS_PER_SEC), SCHED_WAIT);
    /* By flow, some find the helper and some wait. */
    while (pick_waited(15 * NS_PER_MS, flow, NS_PER_SEC) != 3)
        ck_assert_uint_lt(flow++, _i == SCHED_FLOW ? 100 : 1);
    /* It is remembered for a while; a primary leg that can send comes first. */
    ck_assert_int_eq(pick_waited(0, flow, NS_PER_SEC + 200 * NS_PER_MS), 3);
    legs[0].can_send = legs[1].can_send = true;
    ck_assert_int_lt(pick_waited(0, flow, NS_PER_SEC + 200 * NS_PER_MS), 2);
    legs[0].can_send = legs[1].can_send = false;
    ck_assert_int_eq(pick_waited(0, flow, NS_PER_SEC + 300 * NS_PER_MS), SCHED_WAIT);
}
END_TEST

START_TEST(the_one_leg_of_backup_is_helped_while_other_primaries_idle) {
    sched_init(&sched, SCHED_BACKUP);
    legs[2].role = legs[3].role = SCHED_ROLE_BACKUP;
    legs[3].when_full = true;
    legs[0].can_send = false;
    ck_assert_int_eq(pick_waited(5 * NS_PER_MS, 1, NS_PER_SEC), SCHED_WAIT);
    ck_assert_int_eq(pick_waited(15 * NS_PER_MS, 1, NS_PER_SEC), 3);
    legs[3].can_send = false;
    ck_assert_int_eq(pick_waited(15 * NS_PER_MS, 1, NS_PER_SEC), SCHED_WAIT);
    legs[0].can_send = true;
    ck_assert_int_eq(pick_waited(15 * NS_PER_MS, 1, NS_PER_SEC), 0);
}
END_TEST

/* No flow goes on it, so that it has room is no help to those that wait. */
START_TEST(flows_are_helped_while_a_leg_that_flaps_idles) {
    uint32_t flow = 1;

    sched_init(&sched, SCHED_FLOW);
    legs[2].role = legs[3].role = SCHED_ROLE_BACKUP;
    legs[3].when_full = true;
    legs[0].can_send = false;
    legs[1].shaky = true;
    ck_assert_int_eq(pick_waited(5 * NS_PER_MS, flow, NS_PER_SEC), SCHED_WAIT);
    while (pick_waited(15 * NS_PER_MS, flow, NS_PER_SEC) != 3)
        ck_assert_uint_lt(flow++, 100);
    legs[1].shaky = false;
    ck_assert_int_lt(pick_waited(15 * NS_PER_MS, flow, NS_PER_SEC), 2);
}
END_TEST

START_TEST(minrtt_takes_the_shortest_that_can_send) {
    ck_assert_int_eq(pick(), 3);
    legs[3].can_send = false;
    ck_assert_int_eq(pick(), 2);
    legs[2].srtt = 0;
    ck_assert_int_eq(pick(), 1);
    legs[0].usable = legs[1].usable = false;
    ck_assert_int_eq(pick(), 2);
}
END_TEST

/** Send a lot through wrr, packets of random length. @param sent bytes by leg */
static void send_by_wrr(unsigned packets, uint64_t sent[SCHED_LEGS]) {
    memset(sent, 0, SCHED_LEGS * sizeof *sent);
    for (unsigned i = 0; i < packets; i++) {
        size_t length = 40 + draw() % 1361;
        int leg = pick();

        if (leg < 0)
            ck_abort_msg("no leg for packet %u", i);
        sched_on_sent(&sched, legs, (unsigned)leg, length);
        sent[leg] += length;
    }
}

/** Whether the shares are those of the weights, within 1 %. */
static void check_shares(const uint64_t sent[SCHED_LEGS]) {
    double bytes = 0, weights = 0;

    for (unsigned i = 0; i < SCHED_LEGS; i++) {
        bytes += (double)sent[i];
        weights += legs[i].usable ? legs[i].weight : 0;
    }
    for (unsigned i = 0; i < SCHED_LEGS; i++) {
        double share = legs[i].usable ? legs[i].weight / weights : 0;

        ck_assert_double_le(fabs((double)sent[i] / bytes - share), 0.01 * share);
    }
}

START_TEST(wrr_shares_bytes_by_weight_within_one_percent) {
    static const uint16_t weights[][LEGS] = {{1, 1, 1, 1}, {1, 2, 3, 4}, {100, 50, 1, 7}, {65535, 3000, 5000, 9}};
    uint64_t sent[SCHED_LEGS];

    sched_init(&sched, SCHED_WRR);
    for (unsigned set = 0; set < sizeof weights / sizeof *weights; set++) {
        for (unsigned i = 0; i < LEGS; i++)
            legs[i].weight = weights[set][i];
        /* Changed while it runs; what the set before left behind is small. */
        send_by_wrr(2000, sent);
        send_by_wrr(3000000, sent);
        check_shares(sent);
    }
}
END_TEST

START_TEST(wrr_spreads_the_turns_and_lets_no_leg_catch_up_much) {
    uint64_t sent[SCHED_LEGS];
    unsigned run = 0, longest = 0;

    sched_init(&sched, SCHED_WRR);
    legs[2].usable = legs[3].usable = false;
    legs[0].weight = 3;
    for (unsigned i = 0; i < 1000; i++) {
        int leg = pick();

        run = leg == 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
        sched_on_sent(&sched, legs, (unsigned)leg, 1000);
    }
    ck_assert_uint_le(longest, 4);
    legs[1].can_send = false;
    send_by_wrr(5000, sent);
    legs[1].can_send = true;
    send_by_wrr(80, sent);
    ck_assert_uint_gt(sent[0], 0);
    send_by_wrr(100000, sent);
    check_shares(sent);
}
END_TEST

START_TEST(flow_stays_on_its_leg) {
    uint16_t copies;
    unsigned moved = 0, waiting = 0, wrong = 0;
    int before[5000];

    sched_init(&sched, SCHED_FLOW);
    for (uint32_t flow = 0; flow < 5000; flow++)
        before[flow] = pick_copies(1000, flow, &copies);
    /* Slots do not matter, and only what was on a lost leg moves. */
    legs[7] = legs[0];
    legs[0].usable = false;
    for (uint32_t flow = 0; flow < 5000; flow++) {
        int leg = pick_copies(1000, flow, &copies);

        wrong += leg != (before[flow] == 0 ? 7 : before[flow]);
    }
    legs[1].usable = false;
    for (uint32_t flow = 0; flow < 5000; flow++) {
        int leg = pick_copies(1000, flow, &copies);

        moved += before[flow] == 1;
        wrong += before[flow] != 1 && leg != (before[flow] == 0 ? 7 : before[flow]);
    }
    ck_assert_uint_gt(moved, 1000);
    /* A busy leg makes its flows wait, others not. */
    legs[2].can_send = false;
    for (uint32_t flow = 0; flow < 5000; flow++) {
        int leg = pick_copies(1000, flow, &copies);

        waiting += leg == SCHED_SKIP;
        wrong += leg != SCHED_SKIP && leg != 3 && leg != 7;
    }
    ck_assert_uint_gt(waiting, 1000);
    ck_assert_uint_eq(wrong, 0);
    legs[3].can_send = legs[7].can_send = false;
    ck_assert_int_eq(pick(), SCHED_WAIT);
}
END_TEST

/* Those that had another leg meanwhile stay there until the leg that flapped is steady; where all flap none is
 * left out. */
START_TEST(flows_do_not_come_back_to_a_leg_that_flaps) {
    unsigned wrong = 0, there = 0;
    uint16_t copies;

    sched_init(&sched, SCHED_FLOW);
    for (uint32_t flow = 0; flow < 5000; flow++) {
        int before = pick_copies(1000, flow, &copies), away, shaky;

        legs[1].usable = false;
        away = pick_copies(1000, flow, &copies);
        legs[1].usable = legs[1].shaky = true;
        shaky = pick_copies(1000, flow, &copies);
        legs[1].shaky = false;
        there += before == 1;
        wrong += shaky != away || pick_copies(1000, flow, &copies) != before;
        for (unsigned i = 0; i < SCHED_LEGS; i++)
            legs[i].shaky = true;
        wrong += pick_copies(1000, flow, &copies) != before;
        for (unsigned i = 0; i < SCHED_LEGS; i++)
            legs[i].shaky = false;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(there, 1000);
}
END_TEST

START_TEST(flows_are_shared_by_weight_within_one_percent) {
    uint64_t flows[SCHED_LEGS] = {0};
    uint16_t copies;

    sched_init(&sched, SCHED_FLOW);
    legs[0].weight = 10;
    legs[1].weight = 5;
    legs[2].weight = 3;
    legs[3].weight = 2;
    for (uint32_t flow = 0; flow < 1000000; flow++)
        flows[pick_copies(1000, flow * 2654435761u, &copies)]++;
    check_shares(flows);
}
END_TEST

/** Two legs of 50 Mbit/s, with these round trips. */
static void two_legs(uint64_t first_srtt, uint64_t second_srtt) {
    const uint64_t srtt[2] = {first_srtt, second_srtt};

    sched_init(&sched, SCHED_ECF);
    legs[2].usable = legs[3].usable = false;
    for (unsigned i = 0; i < 2; i++) {
        legs[i].srtt = srtt[i];
        legs[i].delay = srtt[i] / 2;
        legs[i].rate_bps = 50000000;
    }
}

/** The first leg's window is full. */
static void fill_first(void) {
    legs[0].can_send = false;
    legs[0].in_flight = legs[0].srtt * legs[0].rate_bps / (8 * NS_PER_SEC);
    legs[0].wait = NS_PER_MS / 5;
}

/** Choose for a packet whose flow has so much waiting. */
static int pick_waiting(uint32_t flow_bytes, uint64_t waited, uint64_t now) {
    const struct sched_packet packet = {.length = 1000, .flow_hash = 1, .flow_bytes = flow_bytes, .waited = waited};
    uint16_t copies;

    return sched_pick(&sched, legs, SCHED_LEGS, &packet, now, &copies);
}

START_TEST(ecf_takes_the_leg_on_which_the_packet_arrives_first) {
    two_legs(40 * NS_PER_MS, 60 * NS_PER_MS);
    ck_assert_int_eq(pick(), 0);
    /* 20 ms of queue on the first make the second the sooner one. */
    legs[0].in_flight = (40 + 20) * 6250;
    ck_assert_int_eq(pick(), 1);
    legs[1].in_flight = (60 + 20) * 6250;
    ck_assert_int_eq(pick(), 0);
    /* Nothing is known of a new leg. */
    legs[1].in_flight = 0;
    legs[1].srtt = 0;
    ck_assert_int_eq(pick(), 0);
}
END_TEST

START_TEST(ecf_stays_on_a_leg_while_another_is_about_as_good) {
    two_legs(40 * NS_PER_MS, 41 * NS_PER_MS);
    ck_assert_int_eq(pick(), 0);
    for (unsigned round = 0; round < 20; round++) {
        legs[round % 2].srtt = 38 * NS_PER_MS;
        legs[!(round % 2)].srtt = 42 * NS_PER_MS;
        ck_assert_int_eq(pick(), 0);
    }
    legs[1].srtt = 20 * NS_PER_MS;
    ck_assert_int_eq(pick(), 1);
    legs[0].srtt = 19 * NS_PER_MS;
    ck_assert_int_eq(pick(), 1);
}
END_TEST

START_TEST(ecf_leaves_a_leg_on_which_a_queue_stands_for_one_that_is_about_as_good) {
    two_legs(40 * NS_PER_MS, 42 * NS_PER_MS);
    ck_assert_int_eq(pick(), 0);
    legs[0].full = true;
    ck_assert_int_eq(pick(), 1);
    legs[1].full = true;
    ck_assert_int_eq(pick(), 0);
    legs[1].full = false;
    legs[1].can_send = false;
    ck_assert_int_eq(pick(), 0);
    two_legs(40 * NS_PER_MS, 60 * NS_PER_MS);
    legs[1].can_send = true;
    ck_assert_int_eq(pick(), 0);
}
END_TEST

START_TEST(ecf_answers_on_the_leg_that_brings_what_is_answered) {
    two_legs(40 * NS_PER_MS, 42 * NS_PER_MS);
    ck_assert_int_eq(pick(), 0);
    legs[1].source = true;
    ck_assert_int_eq(pick(), 1);
    legs[1].can_send = false;
    ck_assert_int_eq(pick(), 0);
    legs[1].can_send = true;
    legs[1].full = true;
    ck_assert_int_eq(pick(), 0);
    /* Not where that is clearly later. */
    two_legs(40 * NS_PER_MS, 60 * NS_PER_MS);
    legs[1].full = false;
    ck_assert_int_eq(pick(), 0);
}
END_TEST

START_TEST(ecf_waits_for_the_fast_leg_when_that_is_sooner) {
    two_legs(40 * NS_PER_MS, 100 * NS_PER_MS);
    fill_first();
    /* A packet alone, and a short flow: 30 ms later is no gain. */
    ck_assert_int_eq(pick_waiting(1000, 0, NS_PER_SEC), SCHED_SKIP);
    ck_assert_int_eq(pick_waiting(50 * 1000, 0, NS_PER_SEC), SCHED_SKIP);
    /* What the fast leg would need 48 ms for. */
    ck_assert_int_eq(pick_waiting(300 * 1000, 0, NS_PER_SEC), 1);
    /* Where packets are lost it must pay for the repair, too. */
    legs[1].repair = 150 * NS_PER_MS;
    ck_assert_int_eq(pick_waiting(300 * 1000, 0, NS_PER_SEC), SCHED_SKIP);
    ck_assert_int_eq(pick_waiting(1300 * 1000, 0, NS_PER_SEC), 1);
    /* As long as the round trips are the same, the other leg costs nothing. */
    legs[1].srtt = 41 * NS_PER_MS;
    legs[1].delay = legs[1].srtt / 2;
    ck_assert_int_eq(pick_waiting(1000, 0, NS_PER_SEC), 1);
}
END_TEST

START_TEST(ecf_adds_a_slower_leg_under_overload_unless_it_is_much_slower) {
    two_legs(40 * NS_PER_MS, 140 * NS_PER_MS);
    fill_first();
    ck_assert_int_eq(pick_waiting(20 * 1000, NS_PER_MS, NS_PER_SEC), SCHED_SKIP);
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), 1);
    /* It is remembered for a while, and not for packets that are alone. */
    ck_assert_int_eq(pick_waiting(20 * 1000, 0, NS_PER_SEC + 200 * NS_PER_MS), 1);
    ck_assert_int_eq(pick_waiting(1000, 0, NS_PER_SEC + 200 * NS_PER_MS), SCHED_SKIP);
    ck_assert_int_eq(pick_waiting(20 * 1000, 0, NS_PER_SEC + 300 * NS_PER_MS), SCHED_SKIP);
    /* Eight times the round trip: all would wait for it. */
    two_legs(40 * NS_PER_MS, 320 * NS_PER_MS);
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), SCHED_SKIP);
    /* A small leg that is late by more than the round trip of a fast one is not worth it, a large one is. */
    two_legs(16 * NS_PER_MS, 80 * NS_PER_MS);
    fill_first();
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), 1);
    /* However long the queue on the fast one is. */
    legs[0].in_flight *= 2;
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), 1);
    legs[1].rate_bps = 5000000;
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), 1);
    legs[1].carried = 3u << 20;
    ck_assert_int_eq(pick_waiting(20 * 1000, 6 * NS_PER_MS, NS_PER_SEC), SCHED_SKIP);
}
END_TEST

/** The legs that a packet of a sparse flow goes to with ecf. @return bits */
static unsigned pick_twice(void) {
    uint16_t copies;
    int leg;

    sched_init(&sched, SCHED_ECF);
    sparse = true;
    leg = pick_copies(100, 1, &copies);
    sparse = false;
    ck_assert_int_ge(leg, 0);
    return copies | 1u << leg;
}

START_TEST(ecf_sends_packets_of_sparse_flows_on_a_second_leg_that_is_about_as_good) {
    uint16_t copies;

    two_legs(40 * NS_PER_MS, 42 * NS_PER_MS);
    ck_assert_uint_eq(pick_twice(), 3);
    /* Others go once, and no other scheduler does that. */
    ck_assert_int_eq(pick_copies(100, 1, &copies), 0);
    ck_assert_uint_eq(copies, 0);
    sparse = true;
    for (unsigned id = 0; id < SCHED_COUNT; id++) {
        sched_init(&sched, (enum sched_id)id);
        ck_assert_int_ge(pick_copies(100, 1, &copies), 0);
        ck_assert_uint_eq(copies != 0, id == SCHED_ECF || id == SCHED_REDUNDANT);
    }
}
END_TEST

START_TEST(a_copy_of_a_sparse_packet_goes_where_it_may_come_first) {
    two_legs(40 * NS_PER_MS, 70 * NS_PER_MS);
    ck_assert_uint_eq(pick_twice(), 1);
    /* Both vary by enough together. */
    legs[0].rttvar = 3 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[1].rttvar = 3 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 3);
    /* The first loses packets, and its repair takes longer than the other leg. */
    legs[0].rttvar = legs[1].rttvar = 0;
    legs[1].repair = 100 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[0].repair = 60 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 3);
    /* Not one that takes more than twice the time, whatever repair does. */
    legs[0].repair = 300 * NS_PER_MS;
    legs[1].srtt = 100 * NS_PER_MS;
    legs[1].delay = 50 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[1].srtt = 80 * NS_PER_MS;
    legs[1].delay = 40 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 3);
    /* What is on the way there already goes before it. */
    legs[1].in_flight = 1000000;
    ck_assert_uint_eq(pick_twice(), 1);
    /* Nothing is known of a leg. */
    legs[1].in_flight = 0;
    legs[1].srtt = 0;
    ck_assert_uint_eq(pick_twice(), 1);
}
END_TEST

START_TEST(a_copy_of_a_sparse_packet_goes_to_one_leg_in_regular_use) {
    two_legs(40 * NS_PER_MS, 42 * NS_PER_MS);
    /* Where the leg cannot send yet the copy follows. */
    legs[1].can_send = false;
    legs[1].wait = NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 3);
    legs[1].wait = 20 * NS_PER_MS;
    ck_assert_uint_eq(pick_twice(), 1);
    two_legs(40 * NS_PER_MS, 42 * NS_PER_MS);
    legs[1].can_send = true;
    legs[1].usable = false;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[1].usable = true;
    legs[1].packet_max = 99;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[1].packet_max = 1400;
    legs[1].role = SCHED_ROLE_BACKUP;
    ck_assert_uint_eq(pick_twice(), 1);
    legs[0].role = SCHED_ROLE_BACKUP;
    ck_assert_uint_eq(pick_twice(), 1);
    /* Of three the better one. */
    legs[0].role = legs[1].role = SCHED_ROLE_PRIMARY;
    legs[2] = legs[1];
    legs[2].usable = true;
    legs[2].srtt = 41 * NS_PER_MS;
    legs[2].delay = legs[2].srtt / 2;
    ck_assert_uint_eq(pick_twice(), 5);
}
END_TEST

START_TEST(redundant_copies_to_every_leg_that_can_send) {
    uint16_t copies;

    sched_init(&sched, SCHED_REDUNDANT);
    ck_assert_int_eq(pick_copies(1000, 0, &copies), 3);
    ck_assert_uint_eq(copies, 0x7);
    legs[3].can_send = false;
    legs[1].packet_max = 999;
    legs[0].role = SCHED_ROLE_BACKUP;
    ck_assert_int_eq(pick_copies(1000, 0, &copies), 2);
    ck_assert_uint_eq(copies, 0);
}
END_TEST

START_TEST(backup_uses_one_leg_by_priority_then_age) {
    sched_init(&sched, SCHED_BACKUP);
    ck_assert_int_eq(pick(), 0);
    legs[0].can_send = false;
    ck_assert_int_eq(pick(), SCHED_WAIT);
    legs[0].usable = false;
    ck_assert_int_eq(pick(), 1);
    /* It comes back under another number: the traffic stays. */
    legs[0].usable = legs[0].can_send = true;
    legs[0].number = 20;
    ck_assert_int_eq(pick(), 1);
    legs[0].priority = legs[1].priority = 1;
    ck_assert_int_eq(pick(), 2);
    legs[3].priority = 0;
    legs[2].priority = 2;
    ck_assert_int_eq(pick(), 3);
}
END_TEST

START_TEST(backup_leaves_a_leg_that_flaps_until_it_is_steady) {
    sched_init(&sched, SCHED_BACKUP);
    legs[0].shaky = true;
    ck_assert_int_eq(pick(), 1);
    legs[1].can_send = false;
    ck_assert_int_eq(pick(), SCHED_WAIT);
    legs[1].usable = legs[2].usable = legs[3].usable = false;
    ck_assert_int_eq(pick(), 0);
    legs[0].shaky = false;
    legs[1].usable = true;
    ck_assert_int_eq(pick(), 0);
}
END_TEST

START_TEST(resend_goes_where_it_arrives_first) {
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 0), 3);
    legs[3].srtt = 38 * NS_PER_MS;
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 0), 2);
    legs[2].in_flight = 100000;
    legs[2].rate_bps = 10000000;
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 0), 1);
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 1u << 1), 3);
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 0xf), 1);
    legs[1].can_send = false;
    ck_assert_int_eq(sched_pick_resend(legs, SCHED_LEGS, 1000, 1u << 3), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sched");
    TCase *tests = tcase_create("sched");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_scheduler_is_found_by_its_name);
    tcase_add_loop_test(tests, no_scheduler_breaks_the_common_rules_on_random_legs, 0, SCHED_COUNT);
    tcase_add_loop_test(tests, backup_legs_serve_only_while_no_primary_is_usable, 0, SCHED_COUNT);
    tcase_add_test(tests, minrtt_takes_the_shortest_that_can_send);
    tcase_add_test(tests, wrr_shares_bytes_by_weight_within_one_percent);
    tcase_add_test(tests, wrr_spreads_the_turns_and_lets_no_leg_catch_up_much);
    tcase_add_test(tests, flow_stays_on_its_leg);
    tcase_add_test(tests, flows_do_not_come_back_to_a_leg_that_flaps);
    tcase_add_test(tests, backup_leaves_a_leg_that_flaps_until_it_is_steady);
    tcase_add_test(tests, flows_are_shared_by_weight_within_one_percent);
    tcase_add_loop_test(tests, backup_legs_help_full_primaries_when_they_are_told_to, 0, SCHED_COUNT);
    tcase_add_test(tests, flows_are_helped_while_a_leg_that_flaps_idles);
    tcase_add_test(tests, the_one_leg_of_backup_is_helped_while_other_primaries_idle);
    tcase_add_test(tests, ecf_takes_the_leg_on_which_the_packet_arrives_first);
    tcase_add_test(tests, ecf_stays_on_a_leg_while_another_is_about_as_good);
    tcase_add_test(tests, ecf_leaves_a_leg_on_which_a_queue_stands_for_one_that_is_about_as_good);
    tcase_add_test(tests, ecf_answers_on_the_leg_that_brings_what_is_answered);
    tcase_add_test(tests, ecf_waits_for_the_fast_leg_when_that_is_sooner);
    tcase_add_test(tests, ecf_adds_a_slower_leg_under_overload_unless_it_is_much_slower);
    tcase_add_test(tests, ecf_sends_packets_of_sparse_flows_on_a_second_leg_that_is_about_as_good);
    tcase_add_test(tests, a_copy_of_a_sparse_packet_goes_where_it_may_come_first);
    tcase_add_test(tests, a_copy_of_a_sparse_packet_goes_to_one_leg_in_regular_use);
    tcase_add_test(tests, redundant_copies_to_every_leg_that_can_send);
    tcase_add_test(tests, backup_uses_one_leg_by_priority_then_age);
    tcase_add_test(tests, resend_goes_where_it_arrives_first);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
