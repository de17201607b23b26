/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole ends in virtual time: two clients at one server, each with two paths, which must not harm each other. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "bonded.h"
#include "client_path.h"
#include "tests/unit/suite.h"

static struct host *other_host;
static struct end other;

/** A server, and the hosts of two clients, which are yet to be started. */
static void begin_clients(uint64_t seed, const char *user) {
    begin_server(seed, user);
    client_host = world_host("client", "198.51.100.2");
    world_device(client_host, "sima", "198.18.0.2", &fast);
    world_device(client_host, "simb", "203.0.113.2", &fast);
    ledger_watch(&at_client, client_host);
    other_host = world_host("other", "198.51.100.3");
    world_device(other_host, "sima", "198.18.0.3", &fast);
    world_device(other_host, "simb", "203.0.113.3", &fast);
}

static void finish_clients(void) {
    end_kill(&other);
    finish();
}

static size_t legs_of(const struct end *end) {
    return end->client.session->leg_count;
}

static bool other_is_up(void *context) {
    (void)context;
    return legs_of(&other) == 2 && other.client.session->address_count;
}

START_TEST(of_two_clients_with_one_address_the_replaced_one_waits) {
    const struct client_path *path;
    begin_clients(1, "Address = 10.77.0.5\n");
    start_client(&client, client_host, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    start_client(&other, other_host, "");
    ck_assert(world_run(world_now() + NS_PER_SEC, other_is_up, NULL));
    settle();
    ck_assert_uint_eq(legs_of(&client), 0);
    DL_FOREACH(client.client.paths, path) {
        ck_assert_str_eq(client_path_state(path), "waiting");
        ck_assert_str_eq(path->reason, CLIENT_REPLACED);
    }
    /* What the kernel tells does not end the wait. */
    client_on_link(&client.client, world_device_link(client_host, "sima", true), true, true);
    world_run(world_now() + 40 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_eq(legs_of(&client), 0);
    ck_assert_uint_eq(legs_of(&other), 2);
    finish_clients();
}
END_TEST

START_TEST(two_clients_with_one_address_take_turns_ever_more_rarely) {
    uint64_t first;
    begin_clients(2, "Address = 10.77.0.5\n");
    start_client(&client, client_host, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    start_client(&other, other_host, "");
    world_run(world_now() + 3600 * NS_PER_SEC, NULL, NULL);
    first = client.client.connects + other.client.connects;
    ck_assert_uint_ge(first, 6); /* nobody is shut out for good */
    ck_assert_uint_le(first, 20);
    world_run(world_now() + 4 * 3600 * NS_PER_SEC, NULL, NULL);
    ck_assert_uint_le(client.client.connects + other.client.connects, first + 4 * 4);
    ck_assert_uint_eq(server.crew.shared.seat_count, 1);
    ck_assert_uint_eq(legs_of(&client) + legs_of(&other), 2);
    finish_clients();
}
END_TEST

/** The server's session of a client. */
static struct session *session_of(const struct end *end) {
    const struct ip_addr own = end_address(end, 4);
    struct session *session;
    DL_FOREACH(server.crew.server->sessions, session) if (session_has_address(session, &own)) return session;
    ck_abort_msg("the server has no such session");
    return NULL;
}

/** One more packet of the other client, of any flow, behind one that was never sent in each of the buckets. */
static void send_behind_gaps(uint32_t number) {
    const struct ip_addr own = end_address(&other, 4), target = end_address(&client, 4);
    uint32_t *next = other.client.session->bucket_sequence;
    for (unsigned bucket = 1; bucket < FRAME_BUCKETS; bucket++)
        next[bucket] = frame_next24(next[bucket]);
    flow_choose(number % FLOW_PORTS_MAX);
    flow_send(&other, &own, &target, 10000 + number, 1, 1000, MS / 4);
    flow_choose(0);
}

START_TEST(when_buffers_run_low_the_one_that_holds_most_gives_up_gaps_and_nobody_else) {
    const struct link_quality far = {.delay = 50 * MS, .rate_bps = 100000000}, lossy = {.delay = 10 * MS, .loss = 0.05};
    static struct buf *taken[8192];
    struct buf_pool *pool;
    size_t size, count = 0;
    uint64_t held = 0;
    begin_clients(3, NULL);
    world_device_quality(client_host, "simb", &lossy);
    world_device_quality(other_host, "sima", &far);
    world_device_quality(other_host, "simb", &far);
    start_client(&client, client_host, "[Tunnel]\nScheduler = wrr\n");
    ck_assert(comes_up(2, NS_PER_SEC));
    start_client(&other, other_host, "");
    ck_assert(world_run(world_now() + 2 * NS_PER_SEC, other_is_up, NULL));
    settle();
    pool = server.crew.server->worker->buffers;
    size = buf_pool_size(pool, BUF_2048);
    ck_assert_uint_le(size, sizeof taken / sizeof *taken);
    while (buf_pool_used(pool, BUF_2048) * 10 < size * 7)
        ck_assert_ptr_nonnull(taken[count++] = buf_get(pool, 2000));
    for (uint32_t i = 0; i < 1000; i++) {
        send_behind_gaps(i);
        up(i, 1, MS / 4);
        if (reorder_statistics(session_of(&other)->reorder)->held_bytes > held)
            held = reorder_statistics(session_of(&other)->reorder)->held_bytes;
        ck_assert_uint_le(buf_pool_used(pool, BUF_2048) * 4, size * 3);
    }
    settle();
    /* 3/4 - 7/10 of the buffers are left to hold packets in, and less than the share of one session. */
    ck_assert_uint_gt(held, size * 2048 / 30);
    ck_assert_uint_gt(reorder_statistics(session_of(&other)->reorder)->pressed, 0);
    ck_assert_uint_gt(reorder_statistics(session_of(&client)->reorder)->held, 0);
    ck_assert_uint_eq(reorder_statistics(session_of(&client)->reorder)->pressed, 0);
    ck_assert_uint_eq(server.crew.server->worker->drops.count[DROP_NO_BUFFER], 0);
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(at_server.seen[i], 1);
    while (count)
        buf_unref(taken[--count]);
    finish_clients();
}
END_TEST

START_TEST(when_buffers_run_low_of_which_nothing_is_held_no_gap_is_given_up) {
    const struct link_quality far = {.delay = 50 * MS, .rate_bps = 100000000};
    struct buf *taken[64];
    struct buf_pool *pool;
    size_t size, held = 0, count = 0;
    begin_clients(3, NULL);
    world_device_quality(other_host, "sima", &far);
    world_device_quality(other_host, "simb", &far);
    start_client(&client, client_host, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    start_client(&other, other_host, "");
    ck_assert(world_run(world_now() + 2 * NS_PER_SEC, other_is_up, NULL));
    settle();
    pool = server.crew.server->worker->buffers;
    size = buf_pool_size(pool, BUF_LARGE);
    ck_assert_uint_le(size, sizeof taken / sizeof *taken);
    while (buf_pool_used(pool, BUF_LARGE) < size)
        ck_assert_ptr_nonnull(taken[count++] = buf_get(pool, BUF_LARGE_BYTES));
    for (uint32_t i = 0; i < 800; i++) {
        send_behind_gaps(i);
        if (reorder_statistics(session_of(&other)->reorder)->held_packets > held)
            held = reorder_statistics(session_of(&other)->reorder)->held_packets;
    }
    ck_assert_uint_gt(held, 20);
    ck_assert_uint_eq(reorder_statistics(session_of(&other)->reorder)->pressed, 0);
    while (count)
        buf_unref(taken[--count]);
    settle();
    finish_clients();
}
END_TEST

static bool client_is_in(void *context) {
    (void)context;
    return client.client.session->address_count > 0;
}

START_TEST(a_client_that_is_killed_again_and_again_is_let_in_when_the_former_ones_do_not_answer) {
    begin_clients(4, NULL);
    start_client(&other, other_host, "");
    ck_assert(world_run(world_now() + NS_PER_SEC, other_is_up, NULL));
    start_client(&client, client_host, "");
    for (unsigned i = 0; i < 30; i++) {
        ck_assert_msg(world_run(world_now() + 4 * NS_PER_SEC, client_is_in, NULL),
                      "the client does not come in, kill %u", i);
        end_kill(&client);
        start_client(&client, client_host, "");
        ck_assert_uint_le(server.crew.shared.seat_count, 8);
    }
    ck_assert_uint_eq(legs_of(&other), 2); /* who answers stays */
    ck_assert_uint_eq(other.client.connects, 1);
    finish_clients();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_clients");
    TCase *tcase = tcase_create("clients");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, of_two_clients_with_one_address_the_replaced_one_waits);
    tcase_add_test(tcase, two_clients_with_one_address_take_turns_ever_more_rarely);
    tcase_add_test(tcase, when_buffers_run_low_the_one_that_holds_most_gives_up_gaps_and_nobody_else);
    tcase_add_test(tcase, when_buffers_run_low_of_which_nothing_is_held_no_gap_is_given_up);
    tcase_add_test(tcase, a_client_that_is_killed_again_and_again_is_let_in_when_the_former_ones_do_not_answer);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
