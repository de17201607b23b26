/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thin: acknowledgements are spaced out, and nothing else is touched. A packet is written as "flow:acked" or, with
 * data, "flow:acked+data"; what goes on is compared as text. */
#include "bond/thin.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define MS NS_PER_MS
#define APART (10 * MS)

static struct thin *thin;
static char got[512]; /**< what went on since it was looked at last */

static void show(const uint8_t *packet, size_t length) {
    size_t header = packet[0] >> 4 == 4 ? (packet[0] & 15u) * 4 : 40, options = (size_t)(packet[header + 12] >> 4) * 4;
    size_t end = strlen(got), data = length - header - options;
    snprintf(got + end, sizeof got - end, "%s%u:%u", end ? " " : "", packet[header + 1],
             (unsigned)packet[header + 10] << 8 | packet[header + 11]);
    end = strlen(got);
    if (data)
        snprintf(got + end, sizeof got - end, "+%zu", data);
}

static void release(void *context, const uint8_t *packet, size_t length) {
    ck_assert_ptr_eq(context, &thin);
    show(packet, length);
}

static void setup(void) {
    const struct thin_settings settings = {.release = release, .context = &thin};
    thin = thin_new(&settings);
    thin_set_interval(thin, APART);
    thin_follow_rounds(thin, true);
    got[0] = '\0';
}

static void teardown(void) {
    thin_free(thin);
}

/** What a packet is besides an acknowledgement. */
struct extra {
    size_t data;    /**< bytes of payload */
    uint8_t flags;  /**< beside ACK */
    bool stamps;    /**< timestamps */
    bool sack;      /**< a block */
    bool version6;  /**< IPv6 */
    bool udp;       /**< no TCP at all */
    size_t ip_more; /**< bytes of IP options */
};

static void come_with(uint8_t flow, uint16_t acked, const struct extra *extra, uint64_t now) {
    uint8_t packet[200] = {0};
    size_t header = (extra->version6 ? 40u : 20u) + extra->ip_more;
    size_t options = extra->sack ? 12u : extra->stamps ? 12u : 0u, length = header + 20 + options + extra->data;
    uint8_t *l4 = packet + header;
    if (extra->version6) {
        packet[0] = 0x60;
        packet[4] = (uint8_t)((length - 40) >> 8);
        packet[5] = (uint8_t)(length - 40);
        packet[6] = extra->udp ? IPPROTO_UDP : IPPROTO_TCP;
        packet[7] = 64;
    } else {
        packet[0] = (uint8_t)(0x40 | header / 4);
        packet[2] = (uint8_t)(length >> 8);
        packet[3] = (uint8_t)length;
        packet[8] = 64;
        packet[9] = extra->udp ? IPPROTO_UDP : IPPROTO_TCP;
    }
    l4[1] = flow;
    l4[10] = (uint8_t)(acked >> 8);
    l4[11] = (uint8_t)acked;
    l4[12] = (uint8_t)((20 + options) / 4 << 4);
    l4[13] = 0x10 | extra->flags;
    if (extra->stamps)
        memcpy(l4 + 20, "\1\1\10\12", 4);
    if (extra->sack)
        memcpy(l4 + 20, "\1\1\5\12", 4);
    if (!thin_take(thin, packet, length, now))
        show(packet, length);
}

static void come(uint8_t flow, uint16_t acked, uint64_t now) {
    const struct extra stamps = {.stamps = true};
    come_with(flow, acked, &stamps, now);
}

/** A flow sends what comes before a number. */
static void send_before(uint8_t flow, uint16_t number, uint16_t bytes) {
    uint8_t packet[20 + 20 + 12 + UINT16_MAX] = {0x45};
    size_t length = 20 + 20 + 12 + (size_t)bytes;
    struct inner inner;
    packet[8] = 64;
    packet[9] = IPPROTO_TCP;
    packet[23] = flow;
    packet[26] = (uint8_t)((number - bytes) >> 8);
    packet[27] = (uint8_t)(number - bytes);
    packet[32] = 8 << 4;
    packet[33] = 0x10;
    ck_assert_int_eq(inner_parse(packet, length, true, &inner), 0);
    thin_on_sent(thin, &inner, packet, length);
}

/** What went on since the last call. */
static const char *went(void) {
    static char text[sizeof got];
    memcpy(text, got, sizeof text);
    got[0] = '\0';
    return text;
}

START_TEST(the_first_goes_on_at_once_and_the_last_of_an_interval_at_its_end) {
    come(1, 100, 50 * MS);
    ck_assert_str_eq(went(), "1:100");
    come(1, 200, 52 * MS);
    come(1, 300, 58 * MS);
    ck_assert_str_eq(went(), "");
    ck_assert_uint_eq(thin_deadline(thin), 60 * MS);
    thin_on_timer(thin, 59 * MS);
    ck_assert_str_eq(went(), "");
    thin_on_timer(thin, 60 * MS);
    ck_assert_str_eq(went(), "1:300");
    ck_assert_uint_eq(thin_deadline(thin), TIME_NEVER);
}
END_TEST

START_TEST(a_flow_with_few_acknowledgements_waits_for_none) {
    for (uint16_t i = 1; i < 10; i++) {
        come(1, i, i * APART);
        ck_assert_uint_eq(thin_deadline(thin), TIME_NEVER);
    }
    ck_assert_str_eq(went(), "1:1 1:2 1:3 1:4 1:5 1:6 1:7 1:8 1:9");
}
END_TEST

START_TEST(flows_have_intervals_of_their_own) {
    come(1, 100, 50 * MS);
    come(2, 100, 51 * MS);
    come(1, 200, 55 * MS);
    come(2, 200, 55 * MS);
    ck_assert_str_eq(went(), "1:100 2:100");
    thin_on_timer(thin, 60 * MS);
    ck_assert_str_eq(went(), "1:200");
    thin_on_timer(thin, thin_deadline(thin));
    ck_assert_str_eq(went(), "2:200");
}
END_TEST

/* Duplicates, losses reported, data, a window closed with FIN, and what is not understood. */
static const struct extra others[] = {{.sack = true},
                                      {.data = 5},
                                      {.flags = 1},
                                      {.flags = 0x40},
                                      {.ip_more = 4},
                                      {.udp = true},
                                      {.version6 = true, .udp = true}};
enum { OTHERS = sizeof others / sizeof *others };

START_TEST(whatever_else_comes_goes_on_at_once_behind_what_waits) {
    const bool same_flow = !others[_i].ip_more && !others[_i].udp && !others[_i].version6;
    char last[16];
    come(1, 100, 50 * MS);
    come(1, 200, 52 * MS);
    went();
    come_with(1, 300, &others[_i], 53 * MS);
    snprintf(last, sizeof last, others[_i].data ? "1:300+%zu" : "1:300", others[_i].data);
    if (others[_i].udp) {
        ck_assert_str_ne(went(), "");
        return;
    }
    ck_assert_str_eq(strstr(got, "1:300"), last);
    if (same_flow)
        ck_assert_ptr_eq(strstr(got, "1:200"), got);
}
END_TEST

START_TEST(a_duplicate_goes_on_at_once) {
    come(1, 100, 50 * MS);
    come(1, 200, 52 * MS);
    come(1, 200, 53 * MS);
    come(1, 200, 53 * MS);
    ck_assert_str_eq(went(), "1:100 1:200 1:200 1:200");
    come(1, 150, 53 * MS);
    ck_assert_str_eq(went(), "1:150");
}
END_TEST

START_TEST(one_that_was_overtaken_lets_nothing_go_that_waits) {
    come(1, 100, 50 * MS);
    come(1, 300, 51 * MS);
    come(1, 200, 52 * MS);
    ck_assert_str_eq(went(), "1:100");
    come(1, 300, 53 * MS);
    ck_assert_str_eq(went(), "1:300 1:300");
}
END_TEST

/* Of those that go by several legs many were sent before the one that came first. */
START_TEST(one_that_was_overtaken_by_what_waits_never_goes_on) {
    come(1, 100, 50 * MS);
    come(1, 300, 51 * MS);
    for (uint16_t acked = 110; acked < 300; acked += 10)
        come(1, acked, 52 * MS);
    ck_assert_str_eq(went(), "1:100");
    thin_on_timer(thin, 50 * MS + APART);
    ck_assert_str_eq(went(), "1:300");
    /* Nothing waits any more: a flow that began anew may have the same place. */
    come(1, 200, 61 * MS);
    ck_assert_str_eq(went(), "1:200");
}
END_TEST

START_TEST(ipv6_and_no_timestamps_are_understood) {
    const struct extra bare = {0}, six = {.version6 = true, .stamps = true};
    come_with(1, 100, &bare, 50 * MS);
    come_with(1, 200, &bare, 51 * MS);
    come_with(2, 100, &six, 51 * MS);
    come_with(2, 200, &six, 51 * MS);
    ck_assert_str_eq(went(), "1:100 2:100");
}
END_TEST

START_TEST(without_an_interval_nothing_waits) {
    come(1, 100, 50 * MS);
    come(1, 200, 51 * MS);
    went();
    thin_set_interval(thin, 0);
    come(1, 300, 52 * MS);
    come(1, 400, 52 * MS);
    ck_assert_str_eq(went(), "1:300 1:400");
    thin_on_timer(thin, 60 * MS);
    ck_assert_str_eq(went(), "");
    ck_assert_uint_eq(thin_deadline(thin), TIME_NEVER);
}
END_TEST

/** Acknowledgements each millisecond for a time, of so many bytes each. @return how many went on */
static unsigned run(uint64_t *now, uint16_t *acked, uint16_t each, uint64_t time) {
    unsigned count = 0;
    for (uint64_t end = *now + time; *now < end; *now += MS) {
        thin_on_timer(thin, *now);
        *acked = (uint16_t)(*acked + each);
        come(1, *acked, *now);
        count += went()[0] != '\0';
    }
    return count;
}

START_TEST(a_flow_that_grows_no_more_waits_for_none_until_it_does) {
    const uint64_t span = 9 * APART;
    uint64_t now = 50 * MS;
    uint16_t acked = 0;
    for (uint16_t each = 1; each < 4; each *= 2)
        ck_assert_uint_le(run(&now, &acked, each, span), 10);
    run(&now, &acked, 4, 6 * span);
    ck_assert_uint_eq(run(&now, &acked, 4, span), 90);
    run(&now, &acked, 8, span);
    ck_assert_uint_le(run(&now, &acked, 8, span), 10);
    run(&now, &acked, 8, 6 * span);
    ck_assert_uint_eq(run(&now, &acked, 8, span), 90);
    now += 2 * NS_PER_SEC; /* a pause: it begins anew */
    run(&now, &acked, 1, span);
    ck_assert_uint_le(run(&now, &acked, 1, span), 10);
    run(&now, &acked, 16, 10 * span);
    ck_assert_uint_eq(run(&now, &acked, 16, span), 90);
    run(&now, &acked, 1, 2 * span); /* likewise after a time-out */
    ck_assert_uint_le(run(&now, &acked, 1, span), 10);
}
END_TEST

/* A round trip with queues and repair in it is longer than the legs': of a round's data seven parts are told apart. */
START_TEST(a_round_of_the_sender_has_few_however_long_it_is) {
    uint64_t now = 50 * MS;
    unsigned count;
    come(1, 100, now);
    send_before(1, 7100, 7000);
    come(1, 101, now += APART);
    ck_assert_str_eq(went(), "1:100 1:101");
    send_before(1, 14100, 7000);
    for (uint16_t acked = 601; acked <= 7000; acked = (uint16_t)(acked + 500))
        come(1, acked, now += APART);
    count = 0;
    for (const char *at = went(); (at = strchr(at, ':')); at++)
        count++;
    ck_assert_uint_eq(count, 6);
    /* With more than had been sent the next one begins, which is for twice as much. */
    come(1, 7101, now += APART);
    thin_on_timer(thin, now);
    ck_assert_str_eq(went(), "1:7101");
    come(1, 8000, now += APART);
    ck_assert_str_eq(went(), "");
    come(1, 8102, now += APART);
    ck_assert_str_eq(went(), "1:8102");
}
END_TEST

START_TEST(an_acknowledgement_for_little_waits_for_some_intervals_only) {
    come(1, 100, 50 * MS);
    send_before(1, 7100, 7000);
    come(1, 101, 60 * MS);
    come(1, 600, 70 * MS);
    went();
    ck_assert_uint_eq(thin_deadline(thin), 100 * MS);
    thin_on_timer(thin, 99 * MS);
    ck_assert_str_eq(went(), "");
    thin_on_timer(thin, 100 * MS);
    ck_assert_str_eq(went(), "1:600");
    ck_assert_uint_eq(thin_deadline(thin), TIME_NEVER);
}
END_TEST

START_TEST(rounds_that_are_not_followed_hold_nothing_up) {
    thin_follow_rounds(thin, false);
    come(1, 100, 50 * MS);
    send_before(1, 7100, 7000);
    come(1, 101, 60 * MS);
    come(1, 102, 70 * MS);
    come(1, 103, 80 * MS);
    ck_assert_str_eq(went(), "1:100 1:101 1:102 1:103");
    /* Nor do rounds from before what was not seen. */
    thin_follow_rounds(thin, true);
    send_before(1, 7100, 7000);
    come(1, 104, 90 * MS);
    come(1, 105, 100 * MS);
    ck_assert_str_eq(went(), "1:104");
    come(1, 7100, 101 * MS);
    ck_assert_str_eq(went(), "1:7100");
    send_before(1, 14100, 7000);
    come(1, 7101, 111 * MS);
    thin_follow_rounds(thin, false);
    thin_follow_rounds(thin, true);
    come(1, 7102, 121 * MS);
    ck_assert_str_eq(went(), "1:7101 1:7102");
}
END_TEST

START_TEST(what_others_send_or_is_sent_again_makes_no_round) {
    come(1, 100, 50 * MS);
    send_before(2, 7100, 7000);
    come(1, 101, 60 * MS);
    come(1, 102, 70 * MS);
    ck_assert_str_eq(went(), "1:100 1:101 1:102");
    send_before(1, 202, 100);
    come(1, 103, 80 * MS); /* begins a round of 99 */
    send_before(1, 202, 50);
    come(1, 203, 90 * MS); /* the next, of nothing */
    come(1, 204, 100 * MS);
    ck_assert_str_eq(went(), "1:103 1:203 1:204");
}
END_TEST

START_TEST(headers_alone_are_nothing_sent) {
    come(1, 100, 50 * MS);
    send_before(1, 7100, 0);
    come(1, 101, 60 * MS);
    come(1, 102, 70 * MS);
    ck_assert_str_eq(went(), "1:100 1:101 1:102");
}
END_TEST

/* More flows than places: none is lost, none is late for longer than the interval. */
START_TEST(another_flow_takes_over_a_place_and_lets_go_what_waits_there) {
    unsigned count = 0;
    for (uint8_t flow = 0; flow < 100; flow++) {
        come(flow, 100, 50 * MS);
        come(flow, 200, 50 * MS);
    }
    thin_on_timer(thin, 60 * MS);
    ck_assert_uint_eq(thin_deadline(thin), TIME_NEVER);
    for (const char *at = got; (at = strstr(at, ":200")); at++)
        count++;
    ck_assert_uint_ge(count, 30);
}
END_TEST

START_TEST(a_connection_that_opens_begins_anew) {
    const struct extra syn = {.flags = 2};
    come(1, 50000, 50 * MS);
    come(1, 50100, 51 * MS);
    come_with(1, 20001, &syn, 52 * MS);
    ck_assert_str_eq(went(), "1:50000 1:50100 1:20001");
    come(1, 20100, 53 * MS);
    come(1, 20200, 54 * MS);
    ck_assert_str_eq(went(), "1:20100");
    thin_on_timer(thin, 53 * MS + APART);
    ck_assert_str_eq(went(), "1:20200");
}
END_TEST

START_TEST(fragments_and_short_packets_pass) {
    uint8_t packet[40] = {0x45, 0, 0, 40, 0, 0, 0x20, 0, 64, IPPROTO_TCP};
    packet[32] = 0x50;
    packet[33] = 0x10;
    for (size_t length = 0; length <= sizeof packet; length++)
        ck_assert(!thin_take(thin, packet, length, 50 * MS));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("thin");
    TCase *tcase = tcase_create("thin");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_first_goes_on_at_once_and_the_last_of_an_interval_at_its_end);
    tcase_add_test(tcase, a_flow_with_few_acknowledgements_waits_for_none);
    tcase_add_test(tcase, flows_have_intervals_of_their_own);
    tcase_add_loop_test(tcase, whatever_else_comes_goes_on_at_once_behind_what_waits, 0, OTHERS);
    tcase_add_test(tcase, a_duplicate_goes_on_at_once);
    tcase_add_test(tcase, one_that_was_overtaken_lets_nothing_go_that_waits);
    tcase_add_test(tcase, one_that_was_overtaken_by_what_waits_never_goes_on);
    tcase_add_test(tcase, ipv6_and_no_timestamps_are_understood);
    tcase_add_test(tcase, without_an_interval_nothing_waits);
    tcase_add_test(tcase, a_flow_that_grows_no_more_waits_for_none_until_it_does);
    tcase_add_test(tcase, a_round_of_the_sender_has_few_however_long_it_is);
    tcase_add_test(tcase, an_acknowledgement_for_little_waits_for_some_intervals_only);
    tcase_add_test(tcase, rounds_that_are_not_followed_hold_nothing_up);
    tcase_add_test(tcase, what_others_send_or_is_sent_again_makes_no_round);
    tcase_add_test(tcase, headers_alone_are_nothing_sent);
    tcase_add_test(tcase, another_flow_takes_over_a_place_and_lets_go_what_waits_there);
    tcase_add_test(tcase, a_connection_that_opens_begins_anew);
    tcase_add_test(tcase, fragments_and_short_packets_pass);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
