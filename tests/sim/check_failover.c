/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long nothing comes through when a path dies, and how soon it is used again: every scheduler, every way to die,
 * both directions, in virtual time.
 *
 *      client sima 198.18.0.2   ── 20 Mbit/s, 10 ms each way ──┐
 *             simb 203.0.113.2  ── 20 Mbit/s, 15 ms each way ──┴── server 198.51.100.1
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "bonded.h"
#include "client_path.h"
#include "quic/ccseam.h"
#include "tests/unit/suite.h"

#define JITTER (2 * MS)
#define RTT_MAX (30 * MS)
#define GAP_MAX (100 * MS + RTT_MAX + 4 * JITTER)

static const struct link_quality first = {.delay = 10 * MS, .jitter = JITTER, .rate_bps = 20000000};
static const struct link_quality second = {.delay = 15 * MS, .jitter = JITTER, .rate_bps = 20000000};
static uint32_t next_number;

static void begin_with(uint64_t seed, enum sched_id scheduler) {
    char more[100];
    snprintf(more, sizeof more, "[Tunnel]\nScheduler = %s\n", sched_kind(scheduler)->name);
    next_number = 0;
    begin(seed, &first, &second, more);
    ck_assert(comes_up(2, NS_PER_SEC));
    settle();
}

/* Packets in both directions at once, one each gap. */
static void traffic(uint64_t duration, uint64_t gap) {
    for (uint64_t end = world_now() + duration; world_now() < end; next_number++) {
        up(next_number % FLOW_PACKETS_MAX, 1, 0);
        down(next_number % FLOW_PACKETS_MAX, 1, gap);
    }
}

/* Ways to die, and to come back. */

static unsigned ifindex_of(const char *device) {
    return client_find_path(&client.client, device)->ifindex;
}

static struct link_quality quality_of(const char *device) {
    return !strcmp(device, "sima") ? first : second;
}

static void blackhole(const char *device, bool away) {
    struct link_quality quality = quality_of(device);
    quality.dead = away;
    world_device_quality(client_host, device, &quality);
}

static void hole_up(const char *device, bool away) {
    struct link_quality quality = quality_of(device);
    quality.mute = away;
    world_device_quality(client_host, device, &quality);
}

static void hole_down(const char *device, bool away) {
    struct link_quality quality = quality_of(device);
    quality.deaf = away;
    world_device_quality(client_host, device, &quality);
}

static void link_down(const char *device, bool away) {
    blackhole(device, away);
    client_on_link(&client.client, ifindex_of(device), true, !away);
    turn_client();
}

static void address_removed(const char *device, bool away) {
    struct ip_addr address = client_find_path(&client.client, device)->source;
    blackhole(device, away);
    client_on_address(&client.client, ifindex_of(device), &address, !away);
    turn_client();
}

static void carrier_flap(const char *device, bool away) {
    for (int i = 0; away && i < 4; i++) {
        link_down(device, i % 2 == 0);
        traffic(50 * MS, 10 * MS);
    }
}

static void rebinding(const char *device, bool away) {
    world_device_rebind(client_host, device, !away);
}

static const struct {
    const char *name;
    void (*happens)(const char *device, bool away);
} events[] = {{"blackhole", blackhole},
              {"hole up", hole_up},
              {"hole down", hole_down},
              {"link down", link_down},
              {"address removed", address_removed},
              {"carrier flap", carrier_flap},
              {"NAT rebinding", rebinding}};
enum { EVENTS = sizeof events / sizeof *events };

/* Nothing came for longer than that. */
static void check_gaps(const char *what, const char *device, enum sched_id scheduler, uint64_t most) {
    ck_assert_msg(at_server.longest <= most && at_client.longest <= most,
                  "%s of %s with %s: nothing for %.1f ms up, %.1f ms down", what, device, sched_kind(scheduler)->name,
                  (double)at_server.longest / 1e6, (double)at_client.longest / 1e6);
    at_server.longest = at_client.longest = 0;
}

START_TEST(no_gap_is_longer_than_silence_takes_to_notice) {
    enum sched_id scheduler = (enum sched_id)(_i / EVENTS);
    for (unsigned i = 0; i < 3; i++) {
        const char *device = i ? "sima" : "simb";
        uint64_t gap = i == 2 ? MS : 10 * MS;
        begin_with(1000 + (uint64_t)_i, scheduler);
        traffic(NS_PER_SEC, gap);
        check_gaps("no event", device, scheduler, GAP_MAX);
        events[_i % EVENTS].happens(device, true);
        traffic(NS_PER_SEC, gap);
        check_gaps(events[_i % EVENTS].name, device, scheduler, GAP_MAX);
        events[_i % EVENTS].happens(device, false);
        traffic(NS_PER_SEC, gap);
        check_gaps("return", device, scheduler, GAP_MAX);
        finish();
    }
}
END_TEST

/* A leg that dies takes the acknowledgements of a round trip along. One that is idle is asked whether it works, and
 * what came, so that the silence lasts for a round trip beyond its variations, not for twice as long. */
START_TEST(an_idle_leg_tells_what_had_come_on_the_only_one_that_is_used) {
    const bool upwards = _i;
    const struct session_leg *leg;
    const struct session *from;
    uint64_t died, suspected;
    begin_with(1500 + (uint64_t)_i, SCHED_BACKUP);
    from = upwards ? client.client.session : server.crew.server->sessions;
    traffic(2 * NS_PER_SEC, MS);
    leg = &from->legs[from->legs[0].last_sent > from->legs[1].last_sent ? 0 : 1];
    blackhole(leg->number == client_path_leg(client_find_path(&client.client, "sima"))->number ? "sima" : "simb", true);
    for (died = world_now(); !leg->suspect && world_now() < died + NS_PER_SEC; next_number++)
        (upwards ? up : down)(next_number % FLOW_PACKETS_MAX, 1, MS);
    suspected = world_now();
    for (uint64_t end = world_now() + 60 * MS; world_now() < end; next_number++)
        (upwards ? up : down)(next_number % FLOW_PACKETS_MAX, 1, MS);
    ck_assert_msg(suspected - died <= 65 * MS, "suspect %.1f ms after its death", (double)(suspected - died) / 1e6);
    ck_assert_uint_ge(outstanding_stats(from->outstanding)->arrived, 3);
    finish();
}
END_TEST

/* Nothing is expected of a link that is known to be down: its silence is no jitter that patience allows for. */
START_TEST(a_silence_whose_reason_is_known_is_not_allowed_again) {
    const struct session *ends[2];
    unsigned number;
    begin_with(1550, SCHED_ECF);
    ends[0] = client.client.session;
    ends[1] = server.crew.server->sessions;
    traffic(NS_PER_SEC, MS);
    number = client_path_leg(client_find_path(&client.client, "sima"))->number;
    link_down("sima", true);
    traffic(100 * MS, MS);
    link_down("sima", false);
    traffic(500 * MS, MS);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned slot = 0; slot < SESSION_LEGS_MAX; slot++) {
            const struct session_leg *leg = &ends[i]->legs[slot];
            if (!leg->leg || leg->number != number)
                continue;
            ck_assert(!leg->suspect);
            ck_assert_msg(leg->gust < 20 * MS, "%s allows for %.1f ms", i ? "server" : "client",
                          (double)leg->gust / 1e6);
        }
    finish();
}
END_TEST

/* A capsule of the peer comes, which it did not send. */
static void comes(struct session *session, const struct control_capsule *capsule) {
    enum { HEADER = 4 + 1 }; /* type and length */
    uint8_t bytes[CONTROL_MAX];
    size_t length = control_encode(capsule, bytes, sizeof bytes);
    ck_assert_uint_gt(length, HEADER);
    ck_assert(session_on_capsule(session, capsule->type, bytes + HEADER, length - HEADER, world_now()));
}

START_TEST(an_answer_that_nobody_asked_for_counts_nothing) {
    struct control_capsule told = {.type = CONTROL_ARRIVED,
                                   .leg = CONTROL_LEG_NONE,
                                   .serial = 1000,
                                   .arrived = {.count = 1, .runs = {CONTROL_RUN_MAX}}};
    struct session *session;
    begin_with(1600, SCHED_ECF);
    traffic(NS_PER_SEC, MS);
    session = client.client.session;
    up(next_number % FLOW_PACKETS_MAX, 5, 1);
    told.arrived.first = outstanding_floor(session->outstanding);
    comes(session, &told);
    ck_assert_uint_eq(outstanding_stats(session->outstanding)->arrived, 0);
    session->legs[0].asked = world_now();
    told.serial++;
    comes(session, &told);
    ck_assert_uint_ge(outstanding_stats(session->outstanding)->arrived, 5);
    finish();
}
END_TEST

START_TEST(who_asks_all_the_time_or_for_what_never_was_gets_no_more_answers) {
    struct session *session;
    struct frame_mark mark = {.flags = FRAME_MARK_ASK};
    uint32_t serial;
    begin_with(1601, SCHED_ECF);
    traffic(NS_PER_SEC, MS);
    session = server.crew.server->sessions;
    mark.leg = session->legs[0].number;
    mark.next = mark.floor = outstanding_floor(client.client.session->outstanding) - 100;
    serial = session->control_serial;
    for (unsigned i = 0; i < 100; i++)
        session_on_mark(session, session->legs[0].leg, &mark, world_now());
    ck_assert_uint_eq(session->control_serial, serial + 1);
    world_run(world_now() + 10 * MS, NULL, NULL);
    mark.floor -= 0x7fffffff;
    session_on_mark(session, session->legs[0].leg, &mark, world_now());
    ck_assert_uint_eq(session->control_serial, serial + 1);
    finish();
}
END_TEST

/* What the peer acknowledged before its link went down comes after the word of that. */
START_TEST(a_leg_whose_link_is_down_is_not_trusted_again_by_late_acknowledgements) {
    struct control_capsule role = {
        .type = CONTROL_LEG_ROLE, .serial = 1000, .role = {.state = CONTROL_DOWN, .weight = 1}};
    struct session_leg *leg;
    struct session *session;
    begin_with(1602, SCHED_WRR);
    traffic(NS_PER_SEC, MS);
    session = server.crew.server->sessions;
    leg = &session->legs[0];
    role.leg = leg->number;
    comes(session, &role);
    ck_assert(leg->suspect);
    for (unsigned i = 0; i < 100; i++, next_number++) {
        down(next_number % FLOW_PACKETS_MAX, 1, MS);
        ck_assert(leg->suspect);
    }
    role.role.state = CONTROL_UP;
    role.serial++;
    comes(session, &role);
    for (unsigned i = 0; i < 30; i++, next_number++)
        down(next_number % FLOW_PACKETS_MAX, 1, MS);
    ck_assert(!leg->suspect);
    finish();
}
END_TEST

START_TEST(redundant_loses_nothing_at_all) {
    for (unsigned event = 0; event < EVENTS; event++) {
        begin_with(2000 + event, SCHED_REDUNDANT);
        traffic(NS_PER_SEC, 10 * MS);
        events[event].happens("sima", true);
        traffic(NS_PER_SEC, 10 * MS);
        events[event].happens("sima", false);
        traffic(NS_PER_SEC, 10 * MS);
        settle();
        is_whole(&at_server, next_number);
        is_whole(&at_client, next_number);
        finish();
    }
}
END_TEST

/* Packets that both ends sent on the leg of sima. */
struct used {
    uint64_t up, down; /* packets */
};

static struct used used_now(void) {
    const struct session_leg *leg = client_path_leg(client_find_path(&client.client, "sima"));
    struct used used = {0};
    for (size_t i = 0; leg && i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *there = &server.crew.server->sessions->legs[i];
        if (there->leg && there->number == leg->number)
            used = (struct used){leg_counters(leg->leg)->sent.packets, leg_counters(there->leg)->sent.packets};
    }
    return used;
}

/* Both ends' windows on the path are full when it dies, so that nothing but what asks whether it lives can go. */
START_TEST(a_path_is_in_use_again_a_second_after_its_return) {
    static const uint64_t outages[] = {400, 6000, 13000};
    const unsigned event = (unsigned)_i;
    /* Without the way into ngtcp2 a full window leaves only its own time-outs, which double. */
    for (unsigned o = 0; o < (ccseam_available() ? 3 : 1); o++) {
        uint64_t gap = o == 0 ? 10 * MS : MS / 5;
        struct used before;
        begin_with(3000 + event, SCHED_WRR);
        traffic(NS_PER_SEC / 2, gap);
        events[event].happens("sima", true);
        traffic(outages[o] * MS, gap);
        events[event].happens("sima", false);
        before = used_now();
        traffic(NS_PER_SEC, gap);
        ck_assert_msg(used_now().up > before.up && used_now().down > before.down, "%s: not used a second after %u ms",
                      events[event].name, (unsigned)outages[o]);
        finish();
    }
}
END_TEST

/* A NAT that gives the former mapping back does so while the server still validates the path that it left. */
START_TEST(a_path_that_was_rebound_and_back_is_in_use_again_a_second_later) {
    struct used before;
    begin_with(3100, SCHED_WRR);
    traffic(NS_PER_SEC / 2, 10 * MS);
    rebinding("sima", true);
    traffic((_i ? 400 : 1200) * MS, 10 * MS);
    rebinding("sima", false);
    traffic((_i ? 700 : 100) * MS, 10 * MS);
    before = used_now();
    traffic(200 * MS, 10 * MS);
    ck_assert_uint_ge(used_now().up, before.up + 5);
    ck_assert_uint_ge(used_now().down, before.down + 5);
    finish();
}
END_TEST

/* 32 Mbit/s one way, which need both paths. @return packets sent on sima meanwhile */
static uint64_t stream(bool upwards, uint64_t duration) {
    struct used before = used_now(), after;
    for (uint64_t end = world_now() + duration; world_now() < end; next_number++)
        (upwards ? up : down)(next_number % FLOW_PACKETS_MAX, 1, MS / 4);
    after = used_now();
    return upwards ? after.up - before.up : after.down - before.down;
}

/* What a flapping link loses between two outages is no congestion, and is forgotten when the kernel tells of its
 * return. */
START_TEST(a_path_that_flapped_carries_half_of_its_share_a_quarter_of_a_second_later) {
    const bool upwards = _i % 2;
    uint64_t before;
    begin_with(3200 + (uint64_t)_i, SCHED_ECF);
    stream(upwards, 2 * NS_PER_SEC);
    before = stream(upwards, NS_PER_SEC / 4);
    for (unsigned flaps = 0; flaps < 10; flaps++) {
        link_down("sima", true);
        stream(upwards, 100 * MS);
        link_down("sima", false);
        stream(upwards, flaps < 9 ? 100 * MS : 250 * MS);
    }
    ck_assert_uint_ge(stream(upwards, NS_PER_SEC / 4) * 2, before);
    finish();
}
END_TEST

START_TEST(ecf_uses_a_faster_path_a_second_after_its_return) {
    struct used before;
    begin_with(4000, SCHED_ECF);
    traffic(NS_PER_SEC / 2, MS);
    link_down("sima", true);
    traffic(3 * NS_PER_SEC, MS);
    link_down("sima", false);
    traffic(NS_PER_SEC, MS);
    before = used_now();
    traffic(NS_PER_SEC, MS);
    ck_assert_uint_ge(used_now().up, before.up + 900);
    ck_assert_uint_ge(used_now().down, before.down + 900);
    finish();
}
END_TEST

START_TEST(an_idle_path_that_dies_is_suspect_before_anything_is_risked_on_it) {
    begin_with(5000, SCHED_ECF);
    traffic(NS_PER_SEC, 10 * MS);
    blackhole("simb", true);
    traffic(NS_PER_SEC, 10 * MS);
    ck_assert(client_path_leg(client_find_path(&client.client, "simb"))->suspect);
    blackhole("sima", true);
    blackhole("simb", false);
    at_server.longest = at_client.longest = 0;
    traffic(NS_PER_SEC, 10 * MS);
    check_gaps("blackhole", "one and then the other", SCHED_ECF, GAP_MAX + 100 * MS);
    finish();
}
END_TEST

START_TEST(a_restarted_server_has_both_paths_again_in_a_second) {
    begin_with(6000, SCHED_ECF);
    traffic(NS_PER_SEC, 10 * MS);
    settle();
    end_kill(&server);
    start_server();
    ck_assert(!comes_up(2, 1));
    up(0, 1, MS);
    ck_assert(comes_up(2, NS_PER_SEC));
    next_number = 1;
    at_server.last = at_client.last = 0;
    at_server.longest = at_client.longest = 0;
    traffic(NS_PER_SEC, 10 * MS);
    check_gaps("restart", "server", SCHED_ECF, GAP_MAX);
    finish();
}
END_TEST

/* A reset, a resumed handshake, and one request that joins or opens. */
START_TEST(a_restarted_server_is_missed_for_a_handshake_only) {
    begin_with(6100 + (uint64_t)_i, (enum sched_id)_i);
    traffic(NS_PER_SEC, 10 * MS);
    check_gaps("no event", "server", (enum sched_id)_i, GAP_MAX);
    end_kill(&server);
    start_server();
    traffic(2 * NS_PER_SEC, 10 * MS);
    check_gaps("restart", "server", (enum sched_id)_i, GAP_MAX);
    finish();
}
END_TEST

/* One NAT before both paths forgets all. */
START_TEST(both_paths_rebound_at_once_go_on) {
    begin_with(6200 + (uint64_t)_i, (enum sched_id)_i);
    traffic(NS_PER_SEC, 10 * MS);
    check_gaps("no event", "both", (enum sched_id)_i, GAP_MAX);
    rebinding("sima", true);
    rebinding("simb", true);
    traffic(2 * NS_PER_SEC, 10 * MS);
    check_gaps("rebinding", "both", (enum sched_id)_i, NS_PER_SEC / 2);
    finish();
}
END_TEST

START_TEST(the_mtu_stays_while_legs_come_back) {
    struct ip_addr own, server_address;
    uint32_t mtu, least;
    begin_with(7000, SCHED_ECF);
    mtu = least = client.client.mtu_bytes;
    ck_assert_uint_ge(mtu, 1400);
    end_kill(&server);
    start_server();
    own = end_address(&client, 4);
    ip_addr_parse("10.77.0.1", &server_address);
    for (uint32_t i = 0; i < 500; i++) {
        flow_send(&client, &own, &server_address, i, 1, mtu, 2 * MS);
        least = client.client.mtu_bytes < least ? client.client.mtu_bytes : least;
    }
    settle();
    ck_assert_uint_eq(least, mtu);
    /* Those sent while there was no leg wait in the queue; on legs that are not known yet they go on streams. */
    ck_assert_uint_ge(at_server.received, 480);
    ck_assert_uint_eq(at_server.duplicates + at_server.damaged, 0);
    finish();
}
END_TEST

START_TEST(the_mtu_falls_when_a_leg_comes_back_narrower) {
    struct link_quality narrow = first;
    struct ip_addr own, server_address;
    begin_with(7100, SCHED_ECF);
    narrow.mtu_bytes = 1400;
    blackhole("simb", true);
    world_device_quality(client_host, "sima", &narrow);
    end_kill(&server);
    start_server();
    up(0, 1, MS);
    ck_assert(comes_up(1, NS_PER_SEC));
    own = end_address(&client, 4);
    ip_addr_parse("10.77.0.1", &server_address);
    for (uint32_t i = 1; i <= 300; i++)
        flow_send(&client, &own, &server_address, i, 1, client.client.mtu_bytes, 5 * MS);
    settle();
    ck_assert_uint_ge(client.client.mtu_bytes, SESSION_MTU_MIN);
    ck_assert_uint_lt(client.client.mtu_bytes, 1350);
    ck_assert_uint_ge(at_server.received, 295);
    finish();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_failover");
    TCase *tcase = tcase_create("failover");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, no_gap_is_longer_than_silence_takes_to_notice, 0, SCHED_COUNT * EVENTS);
    tcase_add_loop_test(tcase, an_idle_leg_tells_what_had_come_on_the_only_one_that_is_used, 0, 2);
    tcase_add_test(tcase, a_silence_whose_reason_is_known_is_not_allowed_again);
    tcase_add_test(tcase, an_answer_that_nobody_asked_for_counts_nothing);
    tcase_add_test(tcase, who_asks_all_the_time_or_for_what_never_was_gets_no_more_answers);
    tcase_add_test(tcase, a_leg_whose_link_is_down_is_not_trusted_again_by_late_acknowledgements);
    tcase_add_test(tcase, redundant_loses_nothing_at_all);
    tcase_add_loop_test(tcase, a_path_is_in_use_again_a_second_after_its_return, 0, 5);
    tcase_add_loop_test(tcase, a_path_that_was_rebound_and_back_is_in_use_again_a_second_later, 0, 2);
    if (ccseam_available())
        tcase_add_loop_test(tcase, a_path_that_flapped_carries_half_of_its_share_a_quarter_of_a_second_later, 0, 6);
    tcase_add_test(tcase, ecf_uses_a_faster_path_a_second_after_its_return);
    tcase_add_test(tcase, an_idle_path_that_dies_is_suspect_before_anything_is_risked_on_it);
    tcase_add_test(tcase, the_mtu_stays_while_legs_come_back);
    tcase_add_test(tcase, the_mtu_falls_when_a_leg_comes_back_narrower);
    tcase_add_loop_test(tcase, a_restarted_server_is_missed_for_a_handshake_only, 0, SCHED_COUNT);
    tcase_add_loop_test(tcase, both_paths_rebound_at_once_go_on, 0, SCHED_COUNT);
    tcase_add_test(tcase, a_restarted_server_has_both_paths_again_in_a_second);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
