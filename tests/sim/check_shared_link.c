/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_shared_link: two paths of a session that lead over one bottleneck. Each leg has a congestion controller of its
 * own, so the session takes two shares of such a link; they must find each other.
 *
 *      client sima 198.18.0.2  ──┐
 *             simb 203.0.113.2 ──┴── one link and queue, 20 ms each way ── server 198.51.100.1
 */
#include <check.h>

#include "bonded.h"
#include "tests/unit/suite.h"

#define BYTES 1000.0 /* of an inner packet */

/** A case. */
struct shared_case {
    uint64_t rate_bps; /**< of the link, on the wire */
    bool to_server;    /**< which way the packets go */
    double least;      /**< share that each leg has at least, of two that begin together … */
    double least_late; /**< … and when one begins later */
};

static const struct shared_case cases[] = {{50000000, true, 0.30, 0.30},
                                           {50000000, false, 0.30, 0.30},
                                           {20000000, true, 0.30, 0.30},
                                           {20000000, false, 0.30, 0.30}};
static const struct shared_case *now; /* the case that is run */
static struct link_quality quality;

/** What the two legs carried while something lasted. */
struct share {
    double of_first; /**< part of the bytes on the wire that went over sima */
    double of_link;  /**< inner packets that came out, as a share of what the link can carry */
    double dropped;  /**< share of the packets */
};

static void send_for(uint64_t duration) {
    static uint32_t number;
    uint64_t gap = (uint64_t)(BYTES * 8e9 / (1.25 * (double)now->rate_bps)); /* more than the link carries */
    for (uint64_t end = world_now() + duration; world_now() < end; number++)
        (now->to_server ? up : down)(number % FLOW_PACKETS_MAX, 1, gap);
}

static struct share measure(uint64_t duration) {
    struct ledger *ledger = now->to_server ? &at_server : &at_client;
    struct link_count a = world_device_count(client_host, "sima", now->to_server);
    struct link_count b = world_device_count(client_host, "simb", now->to_server), a2, b2;
    uint32_t received = ledger->received;
    double bytes_a, bytes_b, packets, wire;
    send_for(duration);
    a2 = world_device_count(client_host, "sima", now->to_server);
    b2 = world_device_count(client_host, "simb", now->to_server);
    bytes_a = (double)(a2.bytes - a.bytes);
    bytes_b = (double)(b2.bytes - b.bytes);
    packets = (double)(a2.packets - a.packets + b2.packets - b.packets);
    wire = (bytes_a + bytes_b) / packets; /* of one packet */
    return (struct share){.of_first = bytes_a / (bytes_a + bytes_b),
                          .of_link = (ledger->received - received) * wire * 8 /
                                     ((double)now->rate_bps * (double)duration * 1e-9),
                          .dropped = (double)(a2.dropped - a.dropped + b2.dropped - b.dropped) / packets};
}

static void begin_shared(const struct shared_case *shared) {
    now = shared;
    quality = (struct link_quality){.delay = 20 * MS, .rate_bps = now->rate_bps, .queue_packets = 400};
    begin(1, &quality, &quality, "");
    world_device_share(client_host, "simb", "sima");
}

static void is_fair(double least) {
    struct share share = measure(5 * NS_PER_SEC);
    ck_assert_msg(share.of_first >= least && share.of_first <= 1 - least, "the first leg has %.2f", share.of_first);
    ck_assert_msg(share.of_link >= 0.95, "%.3f of the link used", share.of_link);
    ck_assert_msg(share.dropped <= 0.005, "%.4f dropped", share.dropped);
}

START_TEST(two_legs_that_begin_together_share_a_link) {
    begin_shared(&cases[_i]);
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    send_for(5 * NS_PER_SEC);
    is_fair(now->least);
    is_fair(now->least);
    finish();
}
END_TEST

START_TEST(a_leg_that_begins_later_gets_its_share) {
    begin_shared(&cases[_i]);
    world_device_quality(client_host, "simb", &dead);
    ck_assert(comes_up(1, 2 * NS_PER_SEC));
    ck_assert_double_ge(measure(5 * NS_PER_SEC).of_first, 0.99);
    world_device_quality(client_host, "simb", &quality);
    send_for(10 * NS_PER_SEC);
    is_fair(now->least_late);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shared_link");
    TCase *tcase = tcase_create("shared_link");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, two_legs_that_begin_together_share_a_link, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(tcase, a_leg_that_begins_later_gets_its_share, 0, (int)(sizeof cases / sizeof *cases));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
