/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two whole ends in virtual time, one session over several paths that differ, lose, die and come back. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bonded.h"
#include "client_path.h"
#include "drops.h"
#include "tests/unit/suite.h"

/* The server's slot of the leg that is in a slot of the client's. */
static const struct session_leg *at_other_end(size_t slot) {
    const struct session_leg *legs = server.crew.server->sessions->legs;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (legs[i].leg && legs[i].number == client.client.session->legs[slot].number)
            return &legs[i];
    ck_abort_msg("the server has no such leg");
    return NULL;
}

/* The server's leg of the client's path on a device. */
static const struct session_leg *leg_of_server(const char *device) {
    const struct session_leg *leg = client_path_leg(client_find_path(&client.client, device));
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *there = &server.crew.server->sessions->legs[i];
        if (there->leg && there->number == leg->number)
            return there;
    }
    ck_abort_msg("the server has no leg for %s", device);
    return NULL;
}

/* The slot of the client's leg on a device. */
static int slot_of(const char *device) {
    const struct client_path *path = client_find_path(&client.client, device);
    return (int)(client_path_leg(path) - client.client.session->legs);
}

START_TEST(two_paths_become_one_session) {
    begin(1, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_uint_eq(client.client.connects, 1);
    up(0, 500, MS);
    down(0, 500, MS);
    settle();
    is_whole(&at_server, 500);
    is_whole(&at_client, 500);
    finish();
}
END_TEST

static bool is_up(void *device) {
    return client_find_path(&client.client, device)->state == PATH_UP;
}

/* A path that swallows what is sent on it for a while. @return whether it is up so soon after that ends */
static bool up_after_silence(uint64_t silence, uint64_t within) {
    static char device[] = "simb";
    loop_set_deadline(client.worker.loop, world_now());
    world_run(world_now() + silence, NULL, NULL);
    ck_assert(!is_up(device));
    world_device_quality(client_host, device, &fast);
    return world_run(world_now() + within, is_up, device);
}

START_TEST(a_first_packet_that_is_lost_goes_again_soon) {
    begin(11, &fast, &dead, "");
    ck_assert(up_after_silence(100 * MS, 300 * MS));
    finish();
}
END_TEST

START_TEST(a_path_that_joins_waits_as_long_for_an_answer_as_the_others_would) {
    const struct config_path again = {.device = "simb", .weight = 1};
    char why[200];
    begin(12, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert(!client_remove_path(&client.client, "simb"));
    loop_set_deadline(client.worker.loop, world_now());
    settle();
    world_device_quality(client_host, "simb", &dead);
    ck_assert(!client_add_path(&client.client, &again, why, sizeof why));
    ck_assert(up_after_silence(50 * MS, 150 * MS)); /* 2 x 20 ms, three times, and two round trips */
    finish();
}
END_TEST

START_TEST(a_path_that_comes_back_waits_as_long_for_an_answer_as_it_took_before) {
    static const struct link_quality far = {.delay = 100 * MS, .rate_bps = 20000000};
    begin(13, &far, &fast, "");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    settle();
    client_path_reconnect(client_find_path(&client.client, "simb"), "test");
    world_device_quality(client_host, "simb", &dead);
    ck_assert(up_after_silence(50 * MS, 100 * MS)); /* 25 ms at least, three times */
    finish();
}
END_TEST

START_TEST(wrr_uses_both_paths_and_keeps_order_over_different_delays) {
    begin(2, &fast, &slow, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 2000, MS);
    down(0, 2000, MS);
    settle();
    is_whole(&at_server, 2000);
    is_whole(&at_client, 2000);
    ck_assert_uint_ge(sent_on(&client, 0), 900);
    ck_assert_uint_ge(sent_on(&client, 1), 900);
    finish();
}
END_TEST

START_TEST(losses_are_repaired_and_order_is_kept) {
    struct link_quality a = fast, b = slow;
    a.loss = 0.02;
    b.loss = 0.05;
    b.jitter = 5 * MS;
    begin((uint64_t)_i + 10, &a, &b, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, 10 * NS_PER_SEC));
    up(0, 3000, MS);
    settle();
    ck_assert_uint_ge(at_server.received, 2995);
    ck_assert_uint_eq(at_server.duplicates + at_server.damaged, 0);
    ck_assert_uint_le(at_server.disordered, reorder_statistics(server.crew.server->sessions->reorder)->late);
    ck_assert_uint_gt(outstanding_stats(client.client.session->outstanding)->resent, 20);
    finish();
}
END_TEST

START_TEST(a_path_dying_silently_loses_nothing) {
    begin(20, &fast, &slow, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 500, MS);
    world_device_quality(client_host, "sima", &dead);
    up(500, 1500, MS);
    settle();
    is_whole(&at_server, 2000);
    world_device_quality(client_host, "sima", &fast);
    settle();
    for (int i = 0; i < 2; i++)
        ck_assert(!client.client.session->legs[i].suspect);
    down(0, 500, MS);
    settle();
    is_whole(&at_client, 500);
    finish();
}
END_TEST

START_TEST(redundant_loses_nothing_when_a_path_dies_and_delivers_once) {
    begin(30, &fast, &slow, "[Tunnel]\nScheduler = redundant\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 300, MS);
    world_device_quality(client_host, "simb", &dead);
    up(300, 300, MS);
    settle();
    is_whole(&at_server, 600);
    finish();
}
END_TEST

START_TEST(both_paths_dead_for_a_while_keep_session_and_addresses) {
    struct ip_addr before;
    begin(40, &fast, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    before = end_address(&client, 4);
    world_device_quality(client_host, "sima", &dead);
    world_device_quality(client_host, "simb", &dead);
    world_run(world_now() + 45 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(client.client.session->leg_count, 0);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    world_device_quality(client_host, "sima", &fast);
    world_device_quality(client_host, "simb", &slow);
    ck_assert(comes_up(2, 40 * NS_PER_SEC));
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_int_eq(ip_addr_compare(&before, &(struct ip_addr){0}) != 0, 1);
    ck_assert(session_has_address(client.client.session, &before));
    up(0, 200, MS);
    down(0, 200, MS);
    settle();
    is_whole(&at_server, 200);
    is_whole(&at_client, 200);
    finish();
}
END_TEST

START_TEST(a_client_that_stops_ends_its_session_at_once) {
    begin(45, &fast, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    client_close(&client.client);
    loop_set_deadline(client.worker.loop, world_now());
    world_run(world_now() + 200 * MS, NULL, NULL);
    ck_assert_uint_eq(server.crew.shared.seat_count, 0);
    finish();
}
END_TEST

START_TEST(a_restarted_server_gets_one_new_session_with_both_legs) {
    begin(50, &fast, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    end_kill(&server);
    start_server();
    up(0, 10, MS);
    ck_assert(comes_up(2, 10 * NS_PER_SEC));
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    settle();
    up(100, 200, MS);
    settle();
    ck_assert_uint_ge(at_server.received, 200);
    finish();
}
END_TEST

/* A name that leads to two servers: their sessions do not mix. */
START_TEST(a_path_to_another_server_does_not_end_the_session) {
    static struct end other;
    const struct config_path third = {.device = "simc", .server = (char *)"198.51.100.9:443", .weight = 1};
    struct host *other_host;
    const struct client_path *stranger;
    uint8_t id[JOIN_ID_BYTES];
    char why[200];
    begin(52, &fast, &slow, "");
    other_host = world_host("other", "198.51.100.9");
    start_server_at(&other, other_host, "198.51.100.9");
    world_device(client_host, "simc", "192.0.2.2", &fast);
    ck_assert(comes_up(2, NS_PER_SEC));
    memcpy(id, client.client.session->bond_id, sizeof id);
    ck_assert(!client_add_path(&client.client, &third, why, sizeof why));
    up(0, 2000, 5 * MS);
    settle();
    stranger = client_find_path(&client.client, "simc");
    ck_assert_mem_eq(client.client.session->bond_id, id, sizeof id);
    ck_assert_uint_eq(client.client.session->leg_count, 2);
    ck_assert_uint_eq(client.client.connects, 1);
    ck_assert_uint_eq(other.crew.shared.seat_count, 0);
    ck_assert_uint_eq(at_server.received, 2000);
    ck_assert_ptr_nonnull(strstr(stranger->reason, "is it another server?"));
    /* What it has is gone: now the other server is better than none. */
    end_kill(&server);
    world_device_quality(client_host, "sima", &dead);
    world_device_quality(client_host, "simb", &dead);
    world_run(world_now() + 60 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(other.crew.shared.seat_count, 1);
    ck_assert_int_eq(stranger->state, PATH_UP);
    end_kill(&other);
    start_server();
    finish();
}
END_TEST

/* Legs that are asked have as long to answer as their round trips take, whoever asks again meanwhile. */
START_TEST(paths_to_another_server_do_not_end_the_session_of_far_legs) {
    static struct end other;
    const struct link_quality far = {.delay = 300 * MS, .rate_bps = 20000000};
    struct config_path stranger = {.server = (char *)"198.51.100.9:443", .weight = 1};
    uint8_t id[JOIN_ID_BYTES];
    char why[200];
    begin(54, &far, &far, "");
    start_server_at(&other, world_host("other", "198.51.100.9"), "198.51.100.9");
    world_device(client_host, "simc", "192.0.2.2", &fast);
    world_device(client_host, "simd", "192.0.2.3", &slow);
    ck_assert(comes_up(2, 5 * NS_PER_SEC));
    memcpy(id, client.client.session->bond_id, sizeof id);
    strcpy(stranger.device, "simc");
    ck_assert(!client_add_path(&client.client, &stranger, why, sizeof why));
    strcpy(stranger.device, "simd");
    ck_assert(!client_add_path(&client.client, &stranger, why, sizeof why));
    turn_client();
    world_run(world_now() + 60 * NS_PER_SEC, NULL, NULL);
    ck_assert_mem_eq(client.client.session->bond_id, id, sizeof id);
    ck_assert_uint_eq(client.client.connects, 1);
    ck_assert_uint_eq(other.crew.shared.seat_count, 0);
    end_kill(&other);
    finish();
}
END_TEST

static bool somebody_opens(void *context) {
    (void)context;
    return client.client.opener != NULL;
}

static bool another_is_up(void *context) {
    const struct client_path *stalled = context, *path;
    for (path = client.client.paths; path; path = path->next)
        if (path != stalled && path->state == PATH_UP)
            return true;
    return false;
}

/* The path that asks for the new session dies while it is asked: the other one does not wait for long, and does not ask
 * all the time. */
START_TEST(a_path_takes_over_from_one_that_is_not_answered) {
    struct client_path *opener;
    uint64_t handshakes;
    begin(55, &slow, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    end_kill(&server);
    start_server();
    up(0, 20, MS);
    ck_assert(world_run(world_now() + 5 * NS_PER_SEC, somebody_opens, NULL));
    opener = client.client.opener;
    world_device_quality(client_host, opener->device, &dead);
    handshakes = client.client.handshakes;
    ck_assert(world_run(world_now() + 3 * NS_PER_SEC, another_is_up, opener));
    ck_assert_uint_le(client.client.handshakes, handshakes + 6);
    up(100, 100, MS);
    settle();
    ck_assert_uint_ge(at_server.received, 100);
    finish();
}
END_TEST

/* The legs that seem to work are dead, the server has forgotten them, and a new path comes: nobody waits for their
 * idle timeout. */
START_TEST(a_path_that_comes_when_all_legs_are_dead_gets_a_new_session) {
    const struct config_path third = {.device = "simc", .weight = 1};
    char why[200];
    uint64_t start;
    begin(53, &fast, &slow, "");
    world_device(client_host, "simc", "192.0.2.2", &fast);
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    world_device_quality(client_host, "sima", &dead);
    world_device_quality(client_host, "simb", &dead);
    end_kill(&server);
    start_server();
    start = world_now();
    ck_assert(!client_add_path(&client.client, &third, why, sizeof why));
    turn_client();
    while (client_find_path(&client.client, "simc")->state != PATH_UP && world_now() < start + 5 * NS_PER_SEC)
        world_run(world_now() + 10 * MS, NULL, NULL);
    ck_assert_uint_le(world_now() - start, NS_PER_SEC);
    ck_assert_uint_eq(client.client.session->leg_count, 1);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    up(0, 100, MS);
    settle();
    ck_assert_uint_eq(at_server.received, 100);
    finish();
}
END_TEST

START_TEST(counters_go_on_when_the_session_is_a_new_one) {
    struct reorder_statistics before, after;
    struct outstanding_stats repair_before, repair_after;
    struct drop_counters drops = {0};
    begin(51, &fast, &slow, "[Tunnel]\nScheduler = redundant\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 10, MS);
    settle();
    down(0, 200, MS);
    up(10, 90, MS);
    settle();
    session_totals(client.client.session, &before, &repair_before);
    ck_assert_uint_ge(before.duplicates, 40);
    ck_assert_uint_eq(repair_before.added, 100);
    end_kill(&server);
    start_server();
    ck_assert(comes_up(2, 40 * NS_PER_SEC));
    up(100, 50, MS);
    settle();
    down(300, 100, MS);
    settle();
    session_totals(client.client.session, &after, &repair_after);
    ck_assert_uint_eq(repair_after.added, repair_before.added + 50);
    ck_assert_uint_ge(after.duplicates, before.duplicates + 10);
    ck_assert_uint_eq(after.held_packets, 0);
    ck_assert_uint_ge(after.longest_hold, before.longest_hold);
    ck_assert_uint_lt(after.longest_hold, NS_PER_SEC);
    drops_add_session(&drops, client.client.session);
    ck_assert_uint_eq(drops.count[DROP_DUPLICATE], after.duplicates);
    finish();
}
END_TEST

START_TEST(a_path_is_added_and_removed_under_traffic) {
    const struct config_path third = {.device = "simc", .weight = 1};
    char why[200];
    begin(60, &fast, &slow, "[Tunnel]\nScheduler = wrr\n");
    world_device(client_host, "simc", "192.0.2.2", &fast);
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 300, MS);
    ck_assert(!client_add_path(&client.client, &third, why, sizeof why));
    up(300, 300, MS);
    ck_assert(comes_up(3, NS_PER_SEC));
    up(600, 300, MS);
    ck_assert(!client_remove_path(&client.client, "sima"));
    up(900, 600, MS);
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    is_whole(&at_server, 1500);
    ck_assert_ptr_null(client_find_path(&client.client, "sima"));
    finish();
}
END_TEST

/* A path that comes and goes all day must not use the numbers of legs up. */
START_TEST(a_path_may_come_and_go_more_often_than_there_are_numbers) {
    static const struct config_path again = {.device = "simb", .weight = 1};
    const struct session *session;
    char why[200] = "";
    begin(75, &fast, &fast, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    for (unsigned i = 0; i < 300; i++) {
        ck_assert(!client_remove_path(&client.client, "simb"));
        loop_set_deadline(client.worker.loop, world_now());
        world_run(world_now() + NS_PER_SEC / 2, NULL, NULL);
        ck_assert_uint_eq(server.crew.server->sessions->leg_count, 1);
        ck_assert_msg(!client_add_path(&client.client, &again, why, sizeof why), "%s", why);
        loop_set_deadline(client.worker.loop, world_now());
        ck_assert_msg(comes_up(2, NS_PER_SEC), "not after %u times", i);
        world_run(world_now() + NS_PER_SEC / 2, NULL, NULL);
    }
    session = server.crew.server->sessions;
    ck_assert_uint_lt(
        session_find(client.client.session, client_find_path(&client.client, "simb")->carrier->leg)->number, 100);
    up(0, 1000, MS);
    ck_assert_uint_eq(reorder_legs(session->reorder), 2);
    down(0, 1000, MS);
    ck_assert_uint_eq(reorder_legs(client.client.session->reorder), 2);
    settle();
    is_whole(&at_server, 1000);
    is_whole(&at_client, 1000);
    ck_assert_uint_ge(sent_on(&client, 0), 400);
    ck_assert_uint_ge(sent_on(&client, 1), 400);
    ck_assert_uint_eq(session->next_number, (2 + 300 + 1) % 255); /* one was in use when its turn came again */
    finish();
}
END_TEST

START_TEST(no_number_is_given_again_at_once) {
    struct session *session;
    begin(76, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    session = server.crew.server->sessions;
    ck_assert_int_eq(session_next_number(session, world_now()), 2);
    for (unsigned number = 3; number <= FRAME_LEG_MAX; number++) {
        struct leg *leg = session->legs[1].leg;
        void *owner = session->legs[1].owner;
        ck_assert_int_eq(session_next_number(session, world_now()), (int)number);
        session_detach(session, leg, world_now());
        ck_assert_int_eq(session_attach(session, leg, owner, (uint8_t)number, world_now()), 1);
    }
    /* Number 2 was never used, and is free; 0 and 254 are in use; all others have just left. */
    ck_assert_int_eq(session_next_number(session, world_now()), 2);
    ck_assert_int_eq(session_attach(session, session->legs[1].leg, session->legs[1].owner, 2, world_now()), 2);
    ck_assert_int_eq(session_next_number(session, world_now() + 59 * NS_PER_SEC), -EMLINK);
    ck_assert_int_eq(session_next_number(session, world_now() + 121 * NS_PER_SEC), 3);
    ck_assert_int_eq(session_next_number(session, world_now() + 300 * NS_PER_SEC), 4);
    session->legs[2] = (struct session_leg){0};
    session->leg_count--;
    finish();
}
END_TEST

START_TEST(a_removed_path_is_out_of_the_set_before_its_own_word_comes) {
    const struct link_quality far = {.delay = 150 * MS, .rate_bps = 20000000};
    begin(61, &fast, &far, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    settle();
    up(0, 500, MS);
    ck_assert_uint_eq(reorder_legs(server.crew.server->sessions->reorder), 2);
    ck_assert(!client_remove_path(&client.client, "simb"));
    up(500, 30, MS);
    ck_assert_uint_eq(server.crew.server->sessions->leg_count, 2);
    ck_assert_uint_eq(reorder_legs(server.crew.server->sessions->reorder), 1);
    settle();
    is_whole(&at_server, 530);
    ck_assert_uint_eq(server.crew.server->sessions->leg_count, 1);
    finish();
}
END_TEST

/* Packets of 1280 bytes from the server, which no DATAGRAM of such paths carries. */
static void down_by_streams(uint32_t first, uint32_t count) {
    struct ip_addr own = end_address(&client, 6), server6;
    ip_addr_parse("fd77::1", &server6);
    flow_send(&server, &server6, &own, first, count, 1280, MS);
}

/* The server knows that a leg drains long before the leg itself says that it is closed: what its stream took meanwhile
 * would be lost. */
START_TEST(the_stream_of_a_leg_that_drains_takes_no_packet) {
    const struct link_quality far = {.delay = 150 * MS, .rate_bps = 20000000, .mtu_bytes = 1280};
    const struct link_quality near = {.delay = 10 * MS, .rate_bps = 20000000, .mtu_bytes = 1280};
    const char *leaves = _i ? "sima" : "simb";
    begin(63, &near, &near, "");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    world_device_quality(client_host, leaves, &far);
    settle();
    down_by_streams(0, 50);
    settle();
    is_whole(&at_client, 50);
    ck_assert(!client_remove_path(&client.client, leaves));
    turn_client();
    world_run(world_now() + 20 * MS, NULL, NULL);
    ck_assert_uint_eq(server.crew.server->sessions->leg_count, 2);
    down_by_streams(50, 100);
    ck_assert_uint_eq(server.crew.server->sessions->leg_count, 2);
    settle();
    is_whole(&at_client, 150);
    finish();
}
END_TEST

START_TEST(streams_of_backups_take_packets_only_while_no_primary_leg_does) {
    const struct link_quality narrow = {.delay = 10 * MS, .rate_bps = 20000000, .mtu_bytes = 1280};
    const struct config_path backup = {.backup = true, .weight = 1};
    const char *first = _i ? "sima" : "simb", *other = _i ? "simb" : "sima";
    const struct leg_counters *counters = NULL;
    begin(64, &narrow, &narrow, "");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    ck_assert(!client_set_path(&client.client, first, &backup));
    settle();
    for (unsigned slot = 0; slot < 2; slot++) {
        const struct session_leg *leg = &server.crew.server->sessions->legs[slot];
        if (leg->number == client_path_leg(client_find_path(&client.client, first))->number)
            counters = leg_counters(leg->leg);
    }
    down_by_streams(0, 50);
    ck_assert_uint_eq(counters->capsules_sent, 0);
    world_device_quality(client_host, other, &dead);
    down_by_streams(50, 500);
    ck_assert_uint_ge(counters->capsules_sent, 300);
    settle();
    ck_assert_uint_ge(at_client.received, 400);
    finish();
}
END_TEST

/* What is acknowledged of it tells that the leg lives, though no DATAGRAM is. And a leg that dies is noticed. */
START_TEST(a_leg_that_carries_nothing_but_streams_is_suspect_only_when_it_dies) {
    const struct link_quality narrow = {.delay = 10 * MS, .rate_bps = 20000000, .mtu_bytes = 1280};
    const struct session_leg *legs;
    unsigned used;
    begin(65, &narrow, &narrow, "");
    ck_assert(comes_up(2, 2 * NS_PER_SEC));
    settle();
    legs = server.crew.server->sessions->legs;
    down_by_streams(0, 2000);
    ck_assert_uint_eq(legs[0].fell, 0);
    ck_assert_uint_eq(legs[1].fell, 0);
    used = legs[1].last_sent > legs[0].last_sent;
    ck_assert_uint_ge(leg_counters(legs[used].leg)->capsules_sent, 1000);
    world_run(world_now() + 50 * MS, NULL, NULL);
    is_whole(&at_client, 2000);
    world_device_quality(
        client_host,
        legs[used].number == client_path_leg(client_find_path(&client.client, "sima"))->number ? "sima" : "simb",
        &dead);
    down_by_streams(2000, 150);
    ck_assert(legs[used].suspect);
    ck_assert_uint_ge(legs[!used].last_sent, world_now() - 2 * MS);
    settle();
    ck_assert_uint_ge(at_client.received, 2030);
    finish();
}
END_TEST

START_TEST(a_silent_path_is_out_of_the_set_once_it_is_suspect) {
    begin(62, &fast, &fast, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    up(0, 300, MS);
    ck_assert_uint_eq(reorder_legs(server.crew.server->sessions->reorder), 2);
    world_device_quality(client_host, "simb", &dead);
    up(300, 130, MS);
    ck_assert_uint_eq(reorder_legs(server.crew.server->sessions->reorder), 1);
    world_device_quality(client_host, "simb", &fast);
    settle();
    up(430, 300, MS);
    ck_assert_uint_eq(reorder_legs(server.crew.server->sessions->reorder), 2);
    settle();
    is_whole(&at_server, 730);
    finish();
}
END_TEST

START_TEST(the_scheduler_changes_live_for_both_directions) {
    begin(70, &fast, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    client_set_scheduler(&client.client, SCHED_REDUNDANT);
    up(0, 100, MS);
    settle();
    ck_assert_int_eq(server.crew.server->sessions->sched.id, SCHED_REDUNDANT);
    down(0, 100, 10 * MS);
    settle();
    is_whole(&at_server, 100);
    is_whole(&at_client, 100);
    ck_assert_uint_ge(reorder_statistics(client.client.session->reorder)->duplicates, 90);
    finish();
}
END_TEST

START_TEST(each_end_tells_the_other_what_came_on_each_leg) {
    struct link_quality b = slow;
    uint64_t duplicates = 0, repaired = 0;
    uint32_t serial;
    b.loss = 0.02;
    begin(75, &fast, &b, "[Tunnel]\nScheduler = redundant\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    serial = server.crew.server->sessions->control_serial;
    up(0, 3000, MS);
    down(0, 300, MS);
    client_set_scheduler(&client.client, SCHED_WRR);
    up(3000, 1000, MS);
    settle();
    /* For each leg one a second. */
    ck_assert_uint_le(server.crew.server->sessions->control_serial - serial, 2 * 9);
    for (size_t i = 0; i < 2; i++) {
        const struct session_leg *ours = &client.client.session->legs[i], *theirs = at_other_end(i);
        ck_assert_uint_gt(theirs->received.packets, 3000);
        ck_assert_uint_ge(theirs->received.bytes, 1000 * theirs->received.packets);
        /* More by what was taken for lost and came late. */
        ck_assert_uint_ge(ours->received.packets + leg_counters(theirs->leg)->lost,
                          leg_counters(theirs->leg)->sent.packets);
        ck_assert_uint_le(ours->received.packets, leg_counters(theirs->leg)->sent.packets);
        ck_assert_mem_eq(&ours->told, &theirs->received, sizeof ours->told);
        ck_assert_mem_eq(&theirs->told, &ours->received, sizeof ours->told);
        duplicates += ours->told.duplicates;
        repaired += ours->told.repaired;
    }
    ck_assert_uint_eq(duplicates, reorder_statistics(server.crew.server->sessions->reorder)->duplicates);
    ck_assert_uint_eq(repaired, reorder_statistics(server.crew.server->sessions->reorder)->repaired);
    ck_assert_uint_gt(duplicates, 2500);
    ck_assert_uint_gt(repaired, 0);
    serial = server.crew.server->sessions->control_serial;
    world_run(world_now() + 10 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(server.crew.server->sessions->control_serial, serial);
    finish();
}
END_TEST

START_TEST(what_a_client_wishes_is_there_half_a_round_trip_later) {
    begin(76, &slow, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    client_set_scheduler(&client.client, SCHED_FLOW);
    loop_set_deadline(client.worker.loop, world_now());
    world_run(world_now() + 45 * MS, NULL, NULL);
    ck_assert_int_eq(server.crew.server->sessions->sched.id, SCHED_FLOW);
    finish();
}
END_TEST

/* A flow that the scheduler puts on the leg in a slot of the client, by trying. */
static unsigned flow_on(int slot) {
    for (unsigned n = 0; n < FLOW_PORTS_MAX; n++) {
        uint64_t before = sent_on(&client, slot);
        flow_choose(n);
        up(0, 1, 10 * MS);
        if (sent_on(&client, slot) > before)
            return n;
    }
    ck_abort_msg("no flow takes slot %d", slot);
    return 0;
}

START_TEST(a_flow_on_a_busy_path_does_not_hold_up_another_paths) {
    const struct link_quality narrow = {.delay = 10 * MS, .rate_bps = 1000000, .queue_bytes = 20000};
    unsigned quick, tardy;
    int slot;
    uint32_t received = 0;
    begin(85, &fast, &narrow, "[Tunnel]\nScheduler = flow\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    slot = client.client.session->legs[0].owner == client_find_path(&client.client, "sima")->carrier ? 0 : 1;
    quick = flow_on(slot);
    tardy = flow_on(1 - slot);
    settle();
    flow_choose(quick);
    up(20000, 200, MS); /* the window grows */
    settle();
    for (uint32_t i = 0; i < 1000; i++) {
        flow_choose(tardy);
        up(i, 2, 0);
        flow_choose(quick);
        up(10000 + i, 1, MS);
    }
    world_run(world_now() + 50 * MS, NULL, NULL);
    flow_choose(0);
    for (uint32_t i = 10000; i < 11000; i++)
        received += at_server.seen[i];
    ck_assert_uint_ge(received, 970);                                    /* held up, they would be a hundred */
    ck_assert_uint_gt(queue_packets(client.client.session->queue), 100); /* the other's still wait */
    finish();
}
END_TEST

/* Packets of sixteen flows in turn, so that each leg has some whatever their hashes. */
static void of_many_flows(void (*go)(uint32_t first, uint32_t count, uint64_t gap), uint32_t count, uint64_t gap) {
    for (uint32_t i = 0; i < count; i++) {
        flow_choose(i % 16);
        go(6000 + i, 1, gap);
    }
    flow_choose(0);
}

START_TEST(a_backup_path_helps_a_full_primary_when_it_is_told_to) {
    struct config_path settings = {.backup = true, .weight = 1};
    begin(81, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert(!client_set_path(&client.client, "simb", &settings));
    client_set_scheduler(&client.client, (enum sched_id)_i);
    settle();
    up(0, 3000, MS / 3); /* 24 of 20 Mbit/s, which one path cannot carry */
    settle();
    ck_assert_uint_eq(sent_on(&client, slot_of("simb")), 0);
    settings.when_full = true;
    ck_assert(!client_set_path(&client.client, "simb", &settings));
    up(3000, 3000, MS); /* 8 Mbit/s */
    ck_assert_uint_eq(sent_on(&client, slot_of("simb")), 0);
    of_many_flows(up, 3000, MS / 3);
    ck_assert_uint_ge(sent_on(&client, slot_of("simb")), 200);
    ck_assert_uint_eq(leg_counters(leg_of_server("simb")->leg)->sent.packets, 0);
    of_many_flows(down, 3000, MS / 3);
    ck_assert_uint_ge(leg_counters(leg_of_server("simb")->leg)->sent.packets, 200);
    finish();
}
END_TEST

START_TEST(a_rate_limit_holds_in_both_directions_and_is_changed_live) {
    struct config_path settings = {.weight = 1, .rate_limit_bps = 4000000};
    const struct leg_counters *ours, *theirs;
    uint64_t sent, got;
    begin(82, &fast, &fast, "[Tunnel]\nScheduler = minrtt\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert(!client_remove_path(&client.client, "simb"));
    ck_assert(!client_set_path(&client.client, "sima", &settings));
    settle();
    ours = leg_counters(client_path_leg(client_find_path(&client.client, "sima"))->leg);
    theirs = leg_counters(leg_of_server("sima")->leg);
    up(0, 2000, MS); /* 8 Mbit/s for two seconds */
    sent = ours->sent.bytes;
    ck_assert_uint_ge(sent, 800000);
    ck_assert_uint_le(sent, 1050000);
    settle();
    got = theirs->sent.bytes;
    down(0, 2000, MS);
    ck_assert_uint_ge(theirs->sent.bytes - got, 800000);
    ck_assert_uint_le(theirs->sent.bytes - got, 1050000);
    settings.rate_limit_bps = 0;
    ck_assert(!client_set_path(&client.client, "sima", &settings));
    settle();
    sent = ours->sent.bytes;
    up(2000, 2000, MS);
    ck_assert_uint_ge(ours->sent.bytes - sent, 1900000);
    finish();
}
END_TEST

START_TEST(a_backup_path_is_used_only_while_no_primary_is) {
    begin(80, &fast, &slow, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    ck_assert(!client_set_path(&client.client, "simb", &(struct config_path){.backup = true, .weight = 1}));
    client_set_scheduler(&client.client, SCHED_WRR);
    settle();
    up(0, 300, MS);
    down(0, 300, MS);
    settle();
    is_whole(&at_server, 300);
    is_whole(&at_client, 300);
    for (int i = 0; i < 2; i++) {
        bool backup = client.client.session->legs[i].state == CONTROL_STANDBY;
        ck_assert(backup ? sent_on(&client, i) == 0 : sent_on(&client, i) >= 300);
    }
    world_device_quality(client_host, "sima", &dead);
    up(300, 500, MS);
    settle();
    /* What the slow backup cannot repeat within the repair limit is given up. */
    ck_assert_uint_ge(at_server.received, 750);
    ck_assert_uint_eq(at_server.duplicates + at_server.damaged, 0);
    finish();
}
END_TEST

START_TEST(ecf_leaves_the_slow_path_alone_until_the_fast_one_is_full) {
    uint64_t early;
    int slower;
    begin(90, &fast, &slow, "");
    ck_assert_int_eq(client.client.session->sched.id, SCHED_ECF);
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    slower = slot_of("simb");
    up(0, 500, MS); /* 8 of 20 Mbit/s; the fast path's window has still to grow */
    early = sent_on(&client, slower);
    ck_assert_uint_le(early, 20);
    up(500, 1500, MS);
    settle();
    is_whole(&at_server, 2000);
    ck_assert_uint_eq(sent_on(&client, slower), early);
    up(2000, 8000, MS / 3); /* 24 Mbit/s */
    settle();
    is_whole(&at_server, 10000);
    ck_assert_uint_ge(sent_on(&client, slower), 800);
    finish();
}
END_TEST

START_TEST(an_end_that_answers_uses_the_leg_that_it_hears_on) {
    enum { ROUNDS = 50, BROUGHT = 40, ANSWERS = 2 };
    uint64_t before;
    begin(91, &fast, &fast, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
    server.crew.server->sessions->sched.preferred =
        (uint8_t)(leg_of_server("simb") - server.crew.server->sessions->legs + 1);
    client.client.session->sched.preferred = (uint8_t)(slot_of("sima") + 1);
    before = sent_on(&client, slot_of("simb"));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        down(i * BROUGHT, BROUGHT, MS / 2);
        up(i * ANSWERS, ANSWERS, MS);
    }
    settle();
    is_whole(&at_client, ROUNDS * BROUGHT);
    is_whole(&at_server, ROUNDS * ANSWERS);
    ck_assert_uint_ge(sent_on(&client, slot_of("simb")) - before, (ROUNDS - 10) * ANSWERS);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_bond");
    TCase *tcase = tcase_create("bond");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, two_paths_become_one_session);
    tcase_add_test(tcase, a_first_packet_that_is_lost_goes_again_soon);
    tcase_add_test(tcase, a_path_that_joins_waits_as_long_for_an_answer_as_the_others_would);
    tcase_add_test(tcase, a_path_that_comes_back_waits_as_long_for_an_answer_as_it_took_before);
    tcase_add_test(tcase, wrr_uses_both_paths_and_keeps_order_over_different_delays);
    tcase_add_loop_test(tcase, losses_are_repaired_and_order_is_kept, 0, 5);
    tcase_add_test(tcase, a_path_dying_silently_loses_nothing);
    tcase_add_test(tcase, redundant_loses_nothing_when_a_path_dies_and_delivers_once);
    tcase_add_test(tcase, both_paths_dead_for_a_while_keep_session_and_addresses);
    tcase_add_test(tcase, a_client_that_stops_ends_its_session_at_once);
    tcase_add_test(tcase, a_restarted_server_gets_one_new_session_with_both_legs);
    tcase_add_test(tcase, a_path_to_another_server_does_not_end_the_session);
    tcase_add_test(tcase, paths_to_another_server_do_not_end_the_session_of_far_legs);
    tcase_add_test(tcase, a_path_takes_over_from_one_that_is_not_answered);
    tcase_add_test(tcase, a_path_that_comes_when_all_legs_are_dead_gets_a_new_session);
    tcase_add_test(tcase, counters_go_on_when_the_session_is_a_new_one);
    tcase_add_test(tcase, a_path_may_come_and_go_more_often_than_there_are_numbers);
    tcase_add_test(tcase, no_number_is_given_again_at_once);
    tcase_add_test(tcase, a_removed_path_is_out_of_the_set_before_its_own_word_comes);
    tcase_add_loop_test(tcase, the_stream_of_a_leg_that_drains_takes_no_packet, 0, 2);
    tcase_add_test(tcase, a_leg_that_carries_nothing_but_streams_is_suspect_only_when_it_dies);
    tcase_add_loop_test(tcase, streams_of_backups_take_packets_only_while_no_primary_leg_does, 0, 2);
    tcase_add_test(tcase, a_silent_path_is_out_of_the_set_once_it_is_suspect);
    tcase_add_test(tcase, a_path_is_added_and_removed_under_traffic);
    tcase_add_test(tcase, the_scheduler_changes_live_for_both_directions);
    tcase_add_test(tcase, each_end_tells_the_other_what_came_on_each_leg);
    tcase_add_test(tcase, what_a_client_wishes_is_there_half_a_round_trip_later);
    tcase_add_test(tcase, a_flow_on_a_busy_path_does_not_hold_up_another_paths);
    tcase_add_test(tcase, a_backup_path_is_used_only_while_no_primary_is);
    tcase_add_loop_test(tcase, a_backup_path_helps_a_full_primary_when_it_is_told_to, 0, SCHED_COUNT);
    tcase_add_test(tcase, a_rate_limit_holds_in_both_directions_and_is_changed_live);
    tcase_add_test(tcase, ecf_leaves_the_slow_path_alone_until_the_fast_one_is_full);
    tcase_add_test(tcase, an_end_that_answers_uses_the_leg_that_it_hears_on);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
