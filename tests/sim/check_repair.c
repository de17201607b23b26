/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two whole ends in virtual time: repair in the corners of its bookkeeping, where the connection's word on a packet
 * comes late, twice or never, a leg goes with much on its way, and numbers wrap. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bonded.h"
#include "tests/unit/suite.h"

#define BUCKET_SEQUENCE_MAX 0xffffffu /* 24 bits */

static const struct outstanding_stats *sent_stats(void) {
    return outstanding_stats(client.client.session->outstanding);
}

/** What was given to the legs came once and in order; what is missing was given up, and no more than that. */
static void is_whole_but_for_given_up(void) {
    ck_assert_uint_eq(at_server.duplicates + at_server.damaged, 0);
    ck_assert_uint_le(at_server.disordered, reorder_statistics(server.crew.server->sessions->reorder)->late);
    ck_assert_uint_ge(at_server.received + sent_stats()->given_up, sent_stats()->added);
}

START_TEST(packets_acknowledged_after_they_were_taken_for_lost_are_delivered_once) {
    struct link_quality far = fast;

    far.delay = 100 * MS;
    begin(100, &fast, &fast, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 500, MS);
    settle();
    ck_assert_uint_eq(sent_stats()->spurious, 0);
    world_device_quality(client_host, "sima", &far);
    world_device_quality(client_host, "simb", &far);
    up(500, 500, MS);
    settle();
    ck_assert_uint_gt(sent_stats()->spurious, 0);
    ck_assert_uint_gt(sent_stats()->resent, 0);
    ck_assert_uint_gt(reorder_statistics(server.crew.server->sessions->reorder)->duplicates, 0);
    is_whole_but_for_given_up();
    finish();
}
END_TEST

START_TEST(packets_the_connection_never_speaks_of_again_are_lost_after_two_pto) {
    begin(110, &fast, &fast, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 300, MS);
    ck_assert_uint_eq(sent_stats()->timed_out, 0);
    /* Capsules share their packets with datagrams; their loss is found by PTO, which says nothing of the datagrams. */
    world_device_quality(client_host, "sima", &dead);
    for (uint32_t i = 0; i < 100; i++) {
        client_set_path(&client.client, "sima", &(struct config_path){.weight = (uint32_t)i + 1});
        up(300 + i, 1, MS);
    }
    world_device_quality(client_host, "sima", &fast);
    settle();
    ck_assert_uint_gt(sent_stats()->timed_out, 0);
    is_whole(&at_server, 400);
    finish();
}
END_TEST

START_TEST(a_leg_deleted_with_a_thousand_packets_outstanding_loses_none) {
    const struct link_quality wide = {.delay = 10 * MS, .rate_bps = 200000000, .queue_bytes = 4u << 20};
    const struct link_quality long_way = {.delay = 60 * MS, .rate_bps = 200000000, .queue_bytes = 4u << 20};
    struct outstanding_leg leg = {0};
    uint32_t sent = 0;

    begin(120, &wide, &long_way, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert(!client_set_path(&client.client, "sima", &(struct config_path){.backup = true, .weight = 1}));
    while (sent < FLOW_PACKETS_MAX - 600 && leg.in_flight < 1000) {
        const struct session *session = client.client.session;
        const struct leg *doomed = client_find_path(&client.client, "simb")->carrier->leg;

        up(sent, 100, MS / 10);
        sent += 100;
        for (unsigned slot = 0; slot < 2; slot++)
            if (session->legs[slot].leg == doomed)
                outstanding_leg_get(session->outstanding, slot, &leg);
    }
    ck_assert_uint_ge(leg.in_flight, 1000);
    /* Of what was on its way nothing arrives; it is not too old to be repaired by the fast leg's measure. */
    world_device_quality(client_host, "simb", &dead);
    ck_assert(!client_remove_path(&client.client, "simb"));
    up(sent, 500, MS);
    settle();
    ck_assert_uint_ge(sent_stats()->stranded, 1000);
    ck_assert_uint_eq(sent_stats()->given_up, 0);
    ck_assert_uint_eq(at_server.received, sent_stats()->added);
    ck_assert_uint_eq(outstanding_packets(client.client.session->outstanding), 0);
    is_whole_but_for_given_up();
    finish();
}
END_TEST

/** As the session itself hands on what its receiver lets go. */
static void hand_on(void *context, const uint8_t *packet, size_t length) {
    struct session *session = context;

    session->deliver(session, packet, length);
}

/** What became of two thousand packets. */
struct outcome {
    struct reorder_statistics order;
    struct outstanding_stats repair;
};

/** Two thousand packets over two legs, one of which loses some, from these numbers on. */
static void send_from(uint32_t sequence, uint32_t bucket_sequence, struct outcome *out) {
    struct session *session, *peer;
    struct link_quality lossy = fast;

    lossy.loss = 0.01;
    begin(130, &lossy, &slow, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    /* The legs were announced with the numbers of the beginning; none of these marks is to come among the others. */
    world_run(world_now() + NS_PER_SEC / 2, NULL, NULL);
    session = client.client.session;
    peer = server.crew.server->sessions;
    outstanding_free(session->outstanding);
    session->outstanding = outstanding_new(&(struct outstanding_settings){.first_sequence = sequence});
    reorder_free(peer->reorder);
    peer->reorder = reorder_new(&(struct reorder_settings){.pool = peer->buffers,
                                                           .deliver = hand_on,
                                                           .context = peer,
                                                           .first_sequence = sequence,
                                                           .first_bucket_sequence = bucket_sequence});
    for (unsigned i = 0; i < FRAME_BUCKETS; i++)
        session->bucket_sequence[i] = bucket_sequence;
    up(0, 2000, MS);
    settle();
    ck_assert_uint_eq(outstanding_next(session->outstanding), sequence + 2000);
    is_whole(&at_server, 2000);
    out->order = *reorder_statistics(peer->reorder);
    out->repair = *sent_stats();
    finish();
}

START_TEST(numbers_wrap_unnoticed) {
    struct outcome plain, wrapped;

    send_from(0, 0, &plain);
    /* As it would be 2^32 packets later, but for the last few hundred. */
    send_from(UINT32_MAX - 499, BUCKET_SEQUENCE_MAX - 299, &wrapped);
    ck_assert_uint_gt(plain.repair.resent, 0);
    ck_assert_uint_gt(plain.order.held, 0);
    ck_assert_mem_eq(&plain, &wrapped, sizeof plain);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_repair");
    TCase *tcase = tcase_create("repair");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, packets_acknowledged_after_they_were_taken_for_lost_are_delivered_once);
    tcase_add_test(tcase, packets_the_connection_never_speaks_of_again_are_lost_after_two_pto);
    tcase_add_test(tcase, a_leg_deleted_with_a_thousand_packets_outstanding_loses_none);
    tcase_add_test(tcase, numbers_wrap_unnoticed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
