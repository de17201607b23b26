/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of flows that send little go on two paths, in virtual time: what that is good for, where it is not done, and
 * that it stays within its budget. The ping beside full paths that vary: check_pairs.c. */
#include <check.h>
#include <string.h>

#include "bonded.h"
#include "client_path.h"
#include "tests/unit/suite.h"

#define VOICE_BYTES 200u    /* a packet of a call, … */
#define VOICE_GAP (20 * MS) /* … and time between two */
#define VOICE_COST 280u     /* bytes on the way, about */
#define ALWAYS 15260u       /* bytes a second that copies may have always, … */
#define AT_ONCE (16u << 10) /* … and at once */
#define MANY 120u           /* flows that send little, … */
#define MANY_BYTES 400u     /* bytes of a packet of theirs, … */
#define MANY_BPS 17000000u  /* … and bits a second in all */

static const struct link_quality narrow = {.delay = 10 * MS, .rate_bps = 8000000, .loss = 0.02};

static void begin_with(uint64_t seed, const struct link_quality *a, const struct link_quality *b) {
    begin(seed, a, b, "");
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
}

/* Packets of a call, up. */
static void voice(uint32_t first, uint32_t count, size_t length, uint64_t gap) {
    const struct ip_addr own = end_address(&client, 4);
    struct ip_addr target;
    ip_addr_parse("10.77.0.1", &target);
    flow_send(&client, &own, &target, first, count, length, gap);
}

/* Transmissions of the client that were copies. */
static uint64_t copies(void) {
    return outstanding_stats(client.client.session->outstanding)->copies;
}

/* Its transmissions of what was lost. */
static uint64_t resent(void) {
    return outstanding_stats(client.client.session->outstanding)->resent;
}

START_TEST(a_call_does_not_notice_that_a_path_dies) {
    const char *device = _i ? "sima" : "simb";
    begin_with(100 + (uint64_t)_i, &fast, &fast);
    voice(0, 50, VOICE_BYTES, VOICE_GAP);
    ck_assert_uint_ge(copies(), 49);
    at_server.longest = 0;
    world_device_quality(client_host, device, &dead);
    voice(50, 50, VOICE_BYTES, VOICE_GAP);
    ck_assert_msg(at_server.longest <= VOICE_GAP + 2 * MS, "%.1f ms without a packet", (double)at_server.longest / 1e6);
    settle();
    is_whole(&at_server, 100);
    /* The copies count as such, and once at the receiver. */
    ck_assert_uint_ge(reorder_statistics(server.crew.server->sessions->reorder)->duplicates, 49);
    finish();
}
END_TEST

START_TEST(a_call_does_not_wait_for_repair) {
    const struct link_quality lossy = {.delay = 10 * MS, .rate_bps = 20000000, .loss = 0.03};
    begin_with(110, &lossy, &lossy);
    at_server.longest = 0;
    voice(0, 400, VOICE_BYTES, VOICE_GAP);
    settle();
    is_whole(&at_server, 400);
    /* Of 400 the paths lose 12 each, but hardly ever both copies. */
    ck_assert_uint_le(resent(), 3);
    finish();
}
END_TEST

/* Packets of so many flows in turn, one each gap. */
static void of_flows(uint32_t count, unsigned flows, size_t length, uint64_t gap) {
    for (uint32_t i = 0; i < count; i++) {
        flow_choose(i % flows);
        voice(i, 1, length, gap);
    }
    flow_choose(0);
}

START_TEST(copies_stay_within_their_budget) {
    const uint64_t seconds = 20;
    uint64_t bytes;
    begin_with(120, &fast, &fast);
    bytes = client.client.session->sent.bytes;
    of_flows(seconds * 500, 10, VOICE_BYTES, 2 * MS);
    bytes = (client.client.session->sent.bytes - bytes) / 50 + seconds * ALWAYS;
    ck_assert_uint_le(copies() * VOICE_COST, bytes + AT_ONCE);
    ck_assert_uint_ge(copies() * VOICE_COST, bytes - VOICE_COST);
    finish();
}
END_TEST

START_TEST(what_sends_more_goes_once) {
    begin_with(130, &fast, &fast);
    voice(0, 1000, 1250, 10 * MS);
    ck_assert_uint_le(copies(), 5);
    up(1000, 1000, MS / 2);
    ck_assert_uint_le(copies(), 10);
    settle();
    is_whole(&at_server, 2000);
    finish();
}
END_TEST

/* Under load a leg can send when its pacer says so, hardly ever both at once. */
START_TEST(beside_full_paths_copies_follow) {
    begin_with(140, &fast, &fast);
    for (uint32_t i = 0; i < 6000; i++) {
        flow_choose(0);
        up(i, 1, MS / 5);
        flow_choose(1);
        if (i % 100 == 99)
            voice(6000 + i / 100, 1, VOICE_BYTES, 0);
    }
    flow_choose(0);
    ck_assert_uint_ge(copies(), 55);
    ck_assert_uint_le(copies(), 65);
    finish();
}
END_TEST

START_TEST(no_copy_goes_by_a_longer_path_nor_by_a_backup) {
    const struct config_path backup = {.backup = true, .weight = 1};
    begin_with(150, &fast, &slow);
    voice(0, 100, VOICE_BYTES, VOICE_GAP);
    ck_assert_uint_eq(copies(), 0);
    finish();
    begin_with(151, &fast, &fast);
    ck_assert(!client_set_path(&client.client, "simb", &backup));
    settle();
    voice(0, 100, VOICE_BYTES, VOICE_GAP);
    ck_assert_uint_eq(copies(), 0);
    finish();
}
END_TEST

START_TEST(no_copy_goes_by_a_path_that_is_suspect_nor_by_the_only_one) {
    begin_with(160, &fast, &fast);
    world_device_quality(client_host, "simb", &dead);
    voice(0, 50, VOICE_BYTES, VOICE_GAP);
    ck_assert(client_path_leg(client_find_path(&client.client, "simb"))->suspect);
    ck_assert_uint_le(copies(), 6);
    finish();
}
END_TEST

/* While something is due that a leg of the client took along: how often packets are to go, and how often the scheduler
 * is asked for a leg and has none. The linker puts these before the functions of the daemon. */
static struct { uint64_t pumps, refused; } takeover;

static bool takes_over(const struct session *session) {
    return session == client.client.session && outstanding_is_takeover(session->outstanding);
}

bool __real_egress_pump(struct session *session, uint64_t now);
bool __wrap_egress_pump(struct session *session, uint64_t now);
bool __wrap_egress_pump(struct session *session, uint64_t now) {
    takeover.pumps += takes_over(session);
    return __real_egress_pump(session, now);
}

int __real_session_pick(struct session *session, const struct queue_item *item, uint16_t *copies, uint64_t now);
int __wrap_session_pick(struct session *session, const struct queue_item *item, uint16_t *copies, uint64_t now);
int __wrap_session_pick(struct session *session, const struct queue_item *item, uint16_t *copies, uint64_t now) {
    const int slot = __real_session_pick(session, item, copies, now);
    takeover.refused += slot < 0 && takes_over(session);
    return slot;
}

/* A flow of so many packets of 1000 bytes in a second beside MANY that send little each, but all together more than the
 * paths carry. */
static void beside_many(uint64_t rate, uint64_t length) {
    const uint64_t gap = 8 * MANY_BYTES * NS_PER_SEC / MANY_BPS, end = world_now() + length;
    const struct ip_addr own = end_address(&client, 4);
    static uint32_t number;
    uint64_t next = world_now();
    struct ip_addr target;
    ip_addr_parse("10.77.0.1", &target);
    for (unsigned n = 0; world_now() < end; n++) {
        flow_choose(1 + n % MANY);
        flow_send(&client, &own, &target, number++ % FLOW_PACKETS_MAX, 1, MANY_BYTES, gap);
        flow_choose(0);
        for (; world_now() >= next; next += NS_PER_SEC / rate)
            up(number++ % FLOW_PACKETS_MAX, 1, 0);
    }
}

START_TEST(repair_does_not_starve_beside_many_flows_that_send_little) {
    const struct outstanding_stats *stats;
    begin_with(170 + (uint64_t)_i, &narrow, &narrow);
    stats = outstanding_stats(client.client.session->outstanding);
    beside_many(1250, 3 * NS_PER_SEC);
    ck_assert_uint_ge(stats->resent, 100);
    ck_assert_uint_eq(stats->too_old, 0);
    finish();
}
END_TEST

/* Nor does what a path takes along that dies, and where no leg can send, not each of those flows asks for one. */
START_TEST(a_takeover_is_short_beside_many_flows_that_send_little) {
    const struct outstanding_stats *stats;
    begin_with(180 + (uint64_t)_i, &narrow, &narrow);
    stats = outstanding_stats(client.client.session->outstanding);
    beside_many(1250, NS_PER_SEC);
    settle();
    takeover.pumps = takeover.refused = 0;
    beside_many(2500, NS_PER_SEC / 2);
    world_device_quality(client_host, _i % 2 ? "sima" : "simb", &dead);
    beside_many(2500, NS_PER_SEC);
    ck_assert_uint_ge(takeover.pumps, 50);
    ck_assert_uint_le(takeover.pumps, 1000);
    ck_assert_uint_le(takeover.refused, 4 * takeover.pumps);
    ck_assert_uint_le(stats->too_old, 2);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_sparse");
    TCase *tcase = tcase_create("sparse");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_call_does_not_notice_that_a_path_dies, 0, 2);
    tcase_add_test(tcase, a_call_does_not_wait_for_repair);
    tcase_add_test(tcase, copies_stay_within_their_budget);
    tcase_add_test(tcase, what_sends_more_goes_once);
    tcase_add_test(tcase, beside_full_paths_copies_follow);
    tcase_add_test(tcase, no_copy_goes_by_a_longer_path_nor_by_a_backup);
    tcase_add_test(tcase, no_copy_goes_by_a_path_that_is_suspect_nor_by_the_only_one);
    tcase_add_loop_test(tcase, repair_does_not_starve_beside_many_flows_that_send_little, 0, 2);
    tcase_add_loop_test(tcase, a_takeover_is_short_beside_many_flows_that_send_little, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
