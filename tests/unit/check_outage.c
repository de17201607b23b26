/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/outstanding: what an outage of all legs swallows, and a long random story beside a model. */
#include "bond/outstanding.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/draw.h"
#include "tests/unit/outstanding_env.h"
#include "tests/unit/suite.h"

/** Twenty packets, a millisecond apart, on two legs that acknowledge the first and then are silent for five seconds.
 * The fourth needs no order. */
static void begin_outage(void) {
    const uint32_t first = outstanding_next(o);
    uint64_t end;

    for (uint32_t i = 0; i < 20; i++) {
        uint64_t id = i == 3 ? send_unordered(1) : send_packet(i % 2);

        now += NS_PER_MS;
        if (i == 0)
            outstanding_on_acked(o, id, now);
    }
    now += 2 * RTT;
    for (unsigned leg = 0; leg < 2; leg++)
        outstanding_leg_suspect(o, leg, now);
    for (end = now + 5 * NS_PER_SEC; now < end; now += 10 * NS_PER_MS) {
        outstanding_on_timer(o, now);
        /* The legs' windows leave room for some. */
        while (outstanding_next_resend(o, now) && outstanding_next_resend(o, now)->packet.sequence - first < 6)
            resend(0);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}

START_TEST(what_an_outage_of_all_legs_swallowed_is_due_in_order_when_one_is_back) {
    uint64_t id;

    begin_outage();
    ck_assert_uint_eq(outstanding_floor(o), WRAP + 1);
    ck_assert_uint_eq(outstanding_packets(o), 18);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 18);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 1);
    outstanding_outage_over(o, now);
    outstanding_leg_recovered(o, 0, now);
    for (uint32_t i = 1; i < 20; i++) {
        const struct outstanding_resend *due = outstanding_next_resend(o, now);

        if (i == 3)
            continue;
        ck_assert_ptr_nonnull(due);
        ck_assert_uint_eq(due->packet.sequence, WRAP + i);
        ck_assert_uint_eq(due->tries, 0);
        resend(0);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    /* They have a second from there, and what waited so long says nothing of how long repair takes. */
    now += OUTSTANDING_REPAIR_LIMIT - 1;
    outstanding_on_timer(o, now);
    outstanding_on_arrived(o, WRAP + 1, 5);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 6);
    ck_assert_uint_eq(outstanding_packets(o), 14);
    id = resend(0);
    now++;
    outstanding_on_acked(o, id, now);
    ck_assert_uint_eq(outstanding_wait(o), NS_PER_MS);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* Where there is one leg, nobody suspects it. What is acknowledged may be from before the outage. */
START_TEST(an_acknowledgement_or_a_loss_ends_an_outage) {
    uint64_t id = send_packet(0);

    now += RTT;
    begin_outage();
    if (_i)
        outstanding_on_acked(o, id, now);
    else
        outstanding_on_lost(o, id, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, _i ? WRAP + 2 : WRAP);
}
END_TEST

START_TEST(what_an_outage_swallowed_is_kept_for_a_minute_unless_memory_is_needed) {
    const uint64_t begin = now;

    begin_outage();
    ck_assert_uint_eq(outstanding_deadline(o), begin + NS_PER_MS + OUTSTANDING_STORED_LIMIT);
    if (_i) {
        outstanding_give_up_stored(o);
    } else {
        outstanding_on_timer(o, begin + OUTSTANDING_STORED_LIMIT);
        ck_assert_uint_eq(outstanding_packets(o), 18);
        outstanding_on_timer(o, begin + OUTSTANDING_STORED_LIMIT + 20 * NS_PER_MS);
    }
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_eq(outstanding_deadline(o), TIME_NEVER);
    outstanding_outage_over(o, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

/* Other sessions need the buffers. */
START_TEST(nothing_is_stored_in_buffers_that_are_scarce) {
    struct buf *scarce[64];
    struct split split;
    int count;

    outstanding_on_acked(o, send_packet(0), now);
    split = make(BUF_LARGE_BYTES);
    send_segment(&split, 0, 0);
    buf_unref(split.packet.buf);
    for (count = 0; count < 31 + _i; count++)
        scarce[count] = buf_get(pool, BUF_LARGE_BYTES);
    now += OUTSTANDING_REPAIR_LIMIT;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_packets(o), _i ? 0 : 1);
    while (count > 0)
        buf_unref(scarce[--count]);
}
END_TEST

START_TEST(what_no_leg_is_left_for_is_stored) {
    outstanding_on_acked(o, send_packet(0), now);
    outstanding_on_lost(o, send_packet(0), now);
    outstanding_refuse(o, outstanding_next_resend(o, now)->packet.sequence, false, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    now += 2 * NS_PER_SEC;
    outstanding_outage_over(o, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    ck_assert_uint_eq(outstanding_stats(o)->given_up, 0);
}
END_TEST

/* While no leg takes it, each late acknowledgement would have all looked through again. */
START_TEST(what_no_leg_is_left_for_is_due_once_for_each_outage) {
    struct outstanding_leg leg;
    uint64_t ids[4];

    for (int i = 0; i < 4; i++)
        ids[i] = send_packet(0);
    outstanding_on_lost(o, ids[0], now);
    outstanding_refuse(o, WRAP, false, now);
    outstanding_leg_suspect(o, 0, now);
    outstanding_on_acked(o, ids[1], now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    outstanding_refuse(o, WRAP, false, now);
    now += 2 * RTT - 1;
    outstanding_on_acked(o, ids[2], now);
    ck_assert_uint_ne(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    if (_i)
        outstanding_leg_recovered(o, 0, now);
    else
        outstanding_on_acked(o, ids[3], ++now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP);
    outstanding_leg_get(o, 0, &leg);
    ck_assert_uint_eq(leg.in_flight, (unsigned)_i);
}
END_TEST

/** A leg has nothing under way, and its record is whole. */
static void is_idle(unsigned leg) {
    struct outstanding_leg record;

    outstanding_leg_get(o, leg, &record);
    ck_assert_uint_eq(record.in_flight, 0);
    ck_assert_uint_eq(record.bytes, 0);
    ck_assert_uint_eq(record.oldest_sent, TIME_NEVER);
    ck_assert_uint_eq(record.last_acked, now);
    for (int i = 0; i < 20; i++) /* the slots given back are whole as well */
        outstanding_on_acked(o, send_packet(leg), now);
    outstanding_leg_get(o, leg, &record);
    ck_assert_uint_eq(record.in_flight, 0);
    ck_assert_uint_eq(record.bytes, 0);
}

/* Its buffer had to go while it was stored, which shows when the outage is over. */
START_TEST(late_acknowledgement_of_what_can_not_be_sent_again_ends_an_outage) {
    uint64_t ids[10], later[25];

    remake(0, 20 * 256);
    outstanding_on_acked(o, send_packet(0), now);
    for (int i = 0; i < 10; i++)
        ids[i] = send_packet(0);
    now += NS_PER_SEC;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 10);
    for (int i = 0; i < 25; i++)
        later[i] = send_packet(0);
    for (int i = 0; i < 10; i++)
        if (_i)
            outstanding_on_acked(o, ids[i], now);
        else
            outstanding_on_lost(o, ids[i], now);
    ck_assert_uint_eq(outstanding_packets(o), 25);
    for (int i = 0; i < 25; i++)
        outstanding_on_acked(o, later[i], now);
    is_idle(0);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* It is due behind others for so long that it is given up when the outage is over. */
START_TEST(late_acknowledgement_of_what_needs_no_order_ends_an_outage) {
    uint64_t unordered;

    outstanding_on_acked(o, send_packet(0), now);
    for (int i = 0; i < 5; i++)
        send_packet(0);
    now += 2 * NS_PER_SEC;
    outstanding_on_timer(o, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 5);
    outstanding_on_acked(o, send_packet(0), now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    outstanding_set_repair_limit(o, 5 * RTT);
    unordered = send_unordered(0);
    now += 4 * RTT;
    outstanding_on_timer(o, now);
    now += 3 * RTT;
    outstanding_refuse(o, outstanding_next_resend(o, now)->packet.sequence, false, now);
    ck_assert_uint_eq(outstanding_stats(o)->stored, 6);
    outstanding_on_acked(o, unordered, now);
    ck_assert_uint_eq(outstanding_next_resend(o, now)->packet.sequence, WRAP + 1);
    for (uint32_t i = 1; i <= 5; i++)
        outstanding_on_arrived(o, WRAP + i, 1);
    is_idle(0);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_memory(o), 0);
}
END_TEST

/* It is in our own memory yet. */
START_TEST(what_went_by_a_stream_says_nothing_of_the_leg) {
    struct outstanding_leg leg;

    begin_outage();
    outstanding_leg_get(o, 1, &leg);
    const uint64_t acked = leg.last_acked, id = send_packet(1);
    outstanding_on_streamed(o, id, now);
    outstanding_leg_get(o, 1, &leg);
    ck_assert_uint_eq(leg.last_acked, acked);
    ck_assert_uint_eq(outstanding_packets(o), 18);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
    outstanding_on_streamed(o, id, now);
    outstanding_on_acked(o, id, now);
    ck_assert_ptr_null(outstanding_next_resend(o, now));
}
END_TEST

/** What the model knows of a transmission. */
struct model {
    uint64_t id;       /**< of it */
    uint32_t sequence; /**< of its packet */
    unsigned leg;      /**< its leg */
    bool answered;     /**< nothing will come of it any more */
    bool swallowed;    /**< by an outage: it is under way for the sender */
};

/** What the model knows of a packet. */
struct model_packet {
    bool unordered; /**< it needs no order */
    bool done;      /**< it was acknowledged, told, or given up as no leg takes it */
    bool reprieved; /**< whose leg fell silent or died, perhaps */
    bool held;      /**< an outage ended while it was outstanding, or no leg took it */
    uint8_t tries;  /**< resends since */
};

enum { MODEL_PACKETS = 60000, MODEL_TRANSMISSIONS = 6 * MODEL_PACKETS, MODEL_LEGS = 4, MODEL_MEMORY = 1 << 17 };

static struct model sent[MODEL_TRANSMISSIONS];
static struct model_packet packets[MODEL_PACKETS];
static uint32_t given[MODEL_TRANSMISSIONS]; /**< generation of the last id with that slot */
static uint32_t sent_count, sent_first;     /**< from the first on some are without an answer */
static uint32_t wrong;                      /**< what was not as the model has it */
static uint64_t heard;                      /**< ns, the last answer */
static uint64_t silent_until, silent_step;  /**< ns, when the outage of all legs ends, and between steps in it */

static struct model_packet *model_of(uint32_t sequence) {
    return &packets[sequence - WRAP];
}

static void reprieve(unsigned leg) {
    for (uint32_t i = 0; i < sent_count; i++)
        if (sent[i].leg == leg && (!sent[i].answered || sent[i].swallowed))
            model_of(sent[i].sequence)->reprieved = true;
}

/** A leg works. */
static void model_hears(void) {
    for (uint32_t s = outstanding_floor(o); now - heard >= 2 * RTT && s != outstanding_next(o); s++) {
        model_of(s)->held = true;
        model_of(s)->tries = 0;
    }
}

static void model_sent(uint64_t id, uint32_t sequence, unsigned leg) {
    wrong += given[(uint32_t)id] == id >> 32; /* no id is given twice */
    given[(uint32_t)id] = (uint32_t)(id >> 32);
    sent[sent_count++] = (struct model){.id = id, .sequence = sequence, .leg = leg};
}

static void model_sends(void) {
    const unsigned leg = draw() % MODEL_LEGS;
    const uint32_t sequence = outstanding_next(o);
    const uint32_t kind = draw() % 8;

    model_of(sequence)->unordered = kind < 2;
    model_sent(kind < 2 ? send_unordered(leg) : kind == 2 ? send_light(leg) : send_packet(leg), sequence, leg);
}

/** One of the oldest transmissions gets its answer. */
static void model_answers(bool acked) {
    const uint64_t lost = outstanding_stats(o)->lost;
    uint32_t pick = sent_first + draw() % 400;
    struct outstanding_leg leg;

    while (pick < sent_count && sent[pick].answered)
        pick++;
    if (pick >= sent_count)
        return;
    model_hears();
    sent[pick].answered = true;
    if (acked) {
        model_of(sent[pick].sequence)->done = true;
        outstanding_on_acked(o, sent[pick].id, now);
    } else {
        /* Every fourth of these is acknowledged later. */
        sent[pick].answered = draw() % 4 != 0;
        outstanding_on_lost(o, sent[pick].id, now);
    }
    /* Of what is not known any more nothing is heard. */
    outstanding_leg_get(o, sent[pick].leg, &leg);
    if (leg.last_acked == now || outstanding_stats(o)->lost > lost)
        heard = now;
}

/** What is due is sent again, or no leg takes it. */
static void model_resends(void) {
    const struct outstanding_resend *due = outstanding_next_resend(o, now);
    const unsigned leg = draw() % MODEL_LEGS, fate = draw() % 10;
    const uint64_t stored = outstanding_stats(o)->stored;
    const uint32_t count = outstanding_packets(o);
    struct model_packet *packet;
    uint32_t sequence;
    uint64_t limit;

    if (!due || sent_count == MODEL_TRANSMISSIONS)
        return;
    sequence = due->packet.sequence;
    packet = model_of(sequence);
    limit = packet->reprieved ? OUTSTANDING_REPAIR_LIMIT : 3 * RTT;
    if (packet->held && !packet->unordered)
        limit = OUTSTANDING_STORED_LIMIT + OUTSTANDING_REPAIR_LIMIT;
    wrong += packet->done || now - due->first_sent >= limit || !due->packet.split;
    if (fate == 0) {
        outstanding_refuse(o, sequence, true, now);
        packet->done = outstanding_packets(o) < count; /* else it is on its way on a suspect leg */
        wrong += outstanding_stats(o)->stored > stored;
    } else if (fate == 1) {
        packet->held = true;
        packet->tries = 0;
        outstanding_refuse(o, sequence, false, now);
    } else {
        wrong += ++packet->tries > OUTSTANDING_RESENDS;
        model_sent(outstanding_resent(o, sequence, leg, now), sequence, leg);
    }
}

/** Some from before the floor may be told as well, and some that were not sent. */
static void model_tells(void) {
    uint32_t run = outstanding_floor(o) - WRAP + draw() % 20, length = draw() % 30;

    run -= run < 5 ? run : 5;
    outstanding_on_arrived(o, WRAP + run, length);
    for (; length > 0 && run < outstanding_next(o) - WRAP; run++, length--)
        packets[run].done = true;
}

static void model_leg_dies(void) {
    const unsigned leg = draw() % MODEL_LEGS;

    reprieve(leg);
    outstanding_leg_died(o, leg, now);
    outstanding_set_leg_pto(o, leg, 2 * RTT);
    for (uint32_t i = sent_first; i < sent_count; i++)
        sent[i].answered |= sent[i].leg == leg;
}

/** Nothing is heard for up to two seconds, at times for more than a minute. Half of what is under way is swallowed, and
 * of the rest the answers come afterwards. */
static void model_outage(void) {
    silent_step = (draw() % 8 ? draw() % 2000 : 70000) * NS_PER_MS / 1000;
    silent_until = now + 1000 * silent_step;
    for (uint32_t i = sent_first; i < sent_count; i++)
        if (!sent[i].answered && draw() % 2)
            sent[i].answered = sent[i].swallowed = true;
}

/** What the record says of its legs agrees with itself. */
static void model_looks(void) {
    struct outstanding_leg leg;

    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        outstanding_leg_get(o, i, &leg);
        wrong += leg.in_flight > sent_count || leg.bytes != 100 * (uint64_t)leg.in_flight ||
                 (leg.oldest_sent == TIME_NEVER) != (leg.in_flight == 0);
    }
    wrong += outstanding_memory(o) > MODEL_MEMORY || outstanding_packets(o) > 8192;
}

static void model_step(void) {
    const bool silent = now < silent_until;
    const uint32_t choice = draw() % 1000;

    now += silent ? silent_step : 20 * NS_PER_US;
    while (sent_first < sent_count && sent[sent_first].answered)
        sent_first++;
    if (choice < 400) {
        model_sends();
    } else if (choice < 900 && !silent) {
        model_answers(choice < 840);
    } else if (choice < 970) {
        model_resends();
    } else if (choice < 990) {
        outstanding_on_timer(o, now);
    } else if (choice < 992 && !silent) {
        model_tells();
    } else if (choice == 995) {
        const unsigned leg = draw() % MODEL_LEGS;

        outstanding_leg_suspect(o, leg, now);
        reprieve(leg);
    } else if (choice == 996) {
        model_hears();
        outstanding_leg_recovered(o, draw() % MODEL_LEGS, now);
    } else if (choice == 997 && draw() % 10 == 0) {
        outstanding_give_up_stored(o);
    } else if (choice == 998 && draw() % 10 == 0) {
        model_leg_dies();
    } else if (choice == 999 && !silent && draw() % 3 == 0) {
        model_outage();
    }
}

START_TEST(random_traffic_agrees_with_a_model) {
    struct outstanding_leg leg;
    uint32_t last_floor = WRAP;

    remake(8192, MODEL_MEMORY);
    heard = now;
    while (!wrong && outstanding_next(o) != WRAP + MODEL_PACKETS) {
        model_step();
        model_looks();
        wrong += (int32_t)(outstanding_floor(o) - last_floor) < 0;
        last_floor = outstanding_floor(o);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(outstanding_stats(o)->stored, 1000);
    /* Every answer comes that can: nothing is under way then. */
    outstanding_on_timer(o, now += NS_PER_SEC);
    for (uint32_t i = 0; i < sent_count; i++)
        outstanding_on_acked(o, sent[i].id, now);
    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        outstanding_leg_get(o, i, &leg);
        ck_assert_uint_eq(leg.in_flight, 0);
        outstanding_leg_died(o, i, now + NS_PER_SEC);
    }
    ck_assert_ptr_null(outstanding_next_resend(o, now + NS_PER_SEC));
    outstanding_on_timer(o, now + OUTSTANDING_STORED_LIMIT);
    ck_assert_uint_eq(outstanding_packets(o), 0);
    ck_assert_uint_eq(outstanding_floor(o), WRAP + MODEL_PACKETS);
    ck_assert_uint_eq(outstanding_stats(o)->acknowledged + outstanding_stats(o)->given_up, MODEL_PACKETS);
    ck_assert_uint_eq(outstanding_memory(o), 0);
    ck_assert_uint_gt(outstanding_stats(o)->arrived, 100);
    ck_assert_uint_gt(outstanding_stats(o)->repaired, 100);
    ck_assert_uint_gt(outstanding_stats(o)->spurious, 100);
    ck_assert_uint_gt(outstanding_stats(o)->timed_out, 0);
    ck_assert_uint_gt(outstanding_stats(o)->suspected, 0);
    ck_assert_uint_gt(outstanding_stats(o)->no_data, 100);
    ck_assert_uint_gt(outstanding_stats(o)->too_old, 100);
    ck_assert_uint_gt(outstanding_stats(o)->refused, 100);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("outage");
    TCase *tests = tcase_create("outage");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_an_outage_of_all_legs_swallowed_is_due_in_order_when_one_is_back);
    tcase_add_loop_test(tests, an_acknowledgement_or_a_loss_ends_an_outage, 0, 2);
    tcase_add_loop_test(tests, what_an_outage_swallowed_is_kept_for_a_minute_unless_memory_is_needed, 0, 2);
    tcase_add_loop_test(tests, nothing_is_stored_in_buffers_that_are_scarce, 0, 2);
    tcase_add_test(tests, what_no_leg_is_left_for_is_stored);
    tcase_add_loop_test(tests, what_no_leg_is_left_for_is_due_once_for_each_outage, 0, 2);
    tcase_add_loop_test(tests, late_acknowledgement_of_what_can_not_be_sent_again_ends_an_outage, 0, 2);
    tcase_add_test(tests, late_acknowledgement_of_what_needs_no_order_ends_an_outage);
    tcase_add_test(tests, what_went_by_a_stream_says_nothing_of_the_leg);
    tcase_add_test(tests, random_traffic_agrees_with_a_model);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
