/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP flow on days when more goes wrong than one path: all paths dead for seconds or minutes, paths dying in turn, a
 * path that swallows large packets, other addresses, a suspended client, a clock that jumps. Two whole ends in virtual
 * time; each time the flow is to go on within a bound, and what the client says of its paths is to be true.
 *
 *      client sima 198.18.0.2   ── 20 Mbit/s, 10 ms each way ──┐
 *             simb 203.0.113.2  ── 20 Mbit/s, 10 ms each way ──┴── server 198.51.100.1
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "bonded.h"
#include "chance.h"
#include "client_path.h"
#include "inner_tcp.h"
#include "tests/unit/suite.h"

#define PORT 5001u
#define DAY ((int64_t)24 * 3600)

static struct inner_tcp *tcp;
static struct ip_addr own, server4;

static void on_tun(void *context, const uint8_t *packet, size_t length, const struct offload *offload) {
    (void)offload;
    if (tcp)
        inner_tcp_take(tcp, context, packet, length);
}

/** Both ends with two paths, and a flow since a second. @param mtu_bytes of its packets; 0: what the tunnel takes */
static void begin_flow_over(const struct link_quality quality[2], uint64_t seed, bool down, uint32_t mtu_bytes) {
    struct inner_tcp_settings settings = {.port = PORT};
    tcp = NULL;
    begin(seed, &quality[0], &quality[1], "");
    host_on_tun(server_host, on_tun, server_host);
    host_on_tun(client_host, on_tun, client_host);
    ck_assert(comes_up(2, NS_PER_SEC + 6 * (quality[0].delay + quality[1].delay)));
    settle();
    own = end_address(&client, 4);
    ip_addr_parse("10.77.0.1", &server4);
    settings.from = down ? server_host : client_host;
    settings.to = down ? client_host : server_host;
    settings.source = down ? server4 : own;
    settings.target = down ? own : server4;
    settings.mtu_bytes = mtu_bytes ? mtu_bytes : (uint32_t)session_mtu(client.client.session);
    tcp = inner_tcp_new(&settings);
    world_run(world_now() + NS_PER_SEC, NULL, NULL);
}

static void begin_flow_of(uint64_t seed, bool down, uint32_t mtu_bytes) {
    const struct link_quality both[2] = {fast, fast};
    begin_flow_over(both, seed, down, mtu_bytes);
}

static void begin_flow(uint64_t seed, bool down) {
    begin_flow_of(seed, down, 0);
}

static void end_flow(void) {
    const struct ip_addr now = end_address(&client, 4);
    ck_assert_msg(!ip_addr_compare(&now, &own), "the client has another inner address");
    finish();
    inner_tcp_free(tcp);
}

static void run(uint64_t duration) {
    world_run(world_now() + duration, NULL, NULL);
}

static uint64_t read_then;

static bool has_read(void *context) {
    (void)context;
    return inner_tcp_statistics(tcp).read_bytes > read_then + 20000;
}

/** The flow goes on within so long. */
static void goes_on(const char *after, uint64_t within) {
    const uint64_t since = world_now();
    read_then = inner_tcp_statistics(tcp).read_bytes;
    world_run(world_now() + 200 * NS_PER_SEC, has_read, NULL);
    ck_assert_msg(world_now() - since <= within, "%s: the flow went on after %.3f s", after,
                  (double)(world_now() - since) / 1e9);
}

static void no_gap_longer(const char *when, uint64_t most) {
    const uint64_t longest = inner_tcp_statistics(tcp).longest_gap;
    ck_assert_msg(longest <= most, "%s: nothing for %.0f ms", when, (double)longest / 1e6);
}

static const char *state_of(const char *device) {
    return client_path_state(client_find_path(&client.client, device));
}

/* What kills paths: nothing passes any more, or the kernel tells that the link is down. */
static void kill_path(const char *device, bool told, bool away) {
    if (told)
        client_on_link(&client.client, world_device_link(client_host, device, !away), true, !away);
    else
        world_device_quality(client_host, device, away ? &dead : &fast);
    turn_client();
}

/* After three minutes the legs are gone and tried again now and then, and the server has forgotten the session: a
 * server's flow goes on by its own time-outs. New legs carry packets of 1280 bytes only, and that a kernel is told so
 * is not modelled. */
static const struct {
    uint64_t seconds;      /* that both are dead */
    uint64_t silent, told; /* ns, until the flow goes on after one is back: nobody says so, or the kernel does */
    uint64_t forgotten;    /* ns, how much longer a flow from the server may take */
} outages[] = {{5, NS_PER_SEC / 2, NS_PER_SEC / 2, 0},
               {20, NS_PER_SEC, NS_PER_SEC / 2, 0},
               {180, 12 * NS_PER_SEC, NS_PER_SEC / 2, 30 * NS_PER_SEC}};
enum { OUTAGES = sizeof outages / sizeof *outages };

START_TEST(both_paths_die_and_one_returns) {
    const unsigned outage = (unsigned)_i / 4;
    const bool told = _i & 1, down = _i & 2;
    begin_flow_of(100 + (uint64_t)_i, down, outages[outage].forgotten ? SESSION_MTU_MIN : 0);
    kill_path("sima", told, true);
    kill_path("simb", told, true);
    run(outages[outage].seconds * NS_PER_SEC);
    ck_assert(!told || !strcmp(state_of("sima"), "down"));
    kill_path("simb", told, false);
    goes_on(told ? "links down" : "nothing passes",
            (told ? outages[outage].told : outages[outage].silent) + (down ? outages[outage].forgotten : 0));
    ck_assert_str_eq(state_of("simb"), "up");
    ck_assert_str_ne(state_of("sima"), "up");
    kill_path("sima", told, false);
    run((told ? 2 : 45) * NS_PER_SEC);
    ck_assert_str_eq(state_of("sima"), "up");
    end_flow();
}
END_TEST

START_TEST(paths_die_in_turn) {
    const bool told = _i & 1, down = _i & 2;
    uint64_t bytes;
    begin_flow(200 + (uint64_t)_i, down);
    inner_tcp_forget_gaps(tcp);
    bytes = inner_tcp_statistics(tcp).read_bytes;
    for (int i = 0; i < 8; i++) {
        kill_path(i % 2 ? "sima" : "simb", told, false);
        kill_path(i % 2 ? "simb" : "sima", told, true);
        run(2 * NS_PER_SEC);
    }
    no_gap_longer("in turn", 400 * MS);
    /* 16 s of one path with 20 Mbit/s. */
    ck_assert_uint_ge(inner_tcp_statistics(tcp).read_bytes - bytes, 20000000);
    end_flow();
}
END_TEST

START_TEST(a_path_begins_to_swallow_large_packets) {
    struct link_quality narrow = fast;
    uint64_t bytes;
    narrow.mtu_bytes = 1300;
    begin_flow(300 + (uint64_t)_i, _i);
    inner_tcp_forget_gaps(tcp);
    world_device_quality(client_host, "sima", &narrow);
    run(5 * NS_PER_SEC);
    no_gap_longer("narrow", 500 * MS);
    bytes = inner_tcp_statistics(tcp).read_bytes;
    run(2 * NS_PER_SEC);
    ck_assert_uint_ge(inner_tcp_statistics(tcp).read_bytes - bytes, 3000000);
    end_flow();
}
END_TEST

static bool both_are_narrow(void *down) {
    const struct session *from = down ? server.crew.server->sessions : client.client.session;
    for (int slot = 0; slot < 2; slot++) {
        struct conn_statistics s;
        conn_statistics(leg_conn(from->legs[slot].leg), &s);
        if (s.udp_payload_bytes > 1272)
            return false;
    }
    return true;
}

/* The flow's packets are too long then: its kernel is told so, which is not modelled. */
START_TEST(all_paths_begin_to_swallow_large_packets) {
    struct link_quality narrow = fast;
    narrow.mtu_bytes = 1300;
    begin_flow(350 + (uint64_t)_i, _i);
    world_device_quality(client_host, "sima", &narrow);
    world_device_quality(client_host, "simb", &narrow);
    ck_assert(world_run(world_now() + NS_PER_SEC, both_are_narrow, _i ? &own : NULL));
    run(2 * NS_PER_SEC);
    ck_assert_uint_ge(client.client.mtu_bytes, SESSION_MTU_MIN);
    ck_assert_str_eq(state_of("sima"), "up");
    ck_assert_str_eq(state_of("simb"), "up");
    end_flow();
}
END_TEST

/** One path carries nothing to the server, the other nothing from it: no leg can work, but when one direction is back
 * the flow goes on. */
static void die_in_another_direction(const char *mute_one, const char *deaf_one) {
    struct link_quality mute = fast, deaf = fast;
    mute.mute = deaf.deaf = true;
    world_device_quality(client_host, mute_one, &mute);
    world_device_quality(client_host, deaf_one, &deaf);
    run(5 * NS_PER_SEC);
    world_device_quality(client_host, deaf_one, &fast);
    goes_on(deaf_one, NS_PER_SEC);
    ck_assert_str_eq(state_of(mute_one), "suspect");
}

START_TEST(each_path_dies_in_another_direction) {
    begin_flow(400 + (uint64_t)_i, _i & 1);
    run((uint64_t)_i / 2 * 7 * MS);
    die_in_another_direction("sima", "simb");
    die_in_another_direction("simb", "sima");
    end_flow();
}
END_TEST

/* Nothing passes for five seconds, then one path is back, and so on. What waits out an outage is a round trip of its
 * length to the sender, so in the next one its time-out comes too late, and what is in flight is repaired by the bond.
 */
START_TEST(outages_follow_each_other) {
    static const char *const devices[] = {"sima", "simb"};
    begin_flow(450 + (uint64_t)_i, _i & 1);
    run((uint64_t)_i / 2 * 7 * MS);
    for (int i = 0; i < 5; i++) {
        kill_path(devices[0], false, true);
        kill_path(devices[1], false, true);
        run(5 * NS_PER_SEC);
        kill_path(devices[i % 2], false, false);
        goes_on("again", NS_PER_SEC / 2);
    }
    end_flow();
}
END_TEST

/* After 20 s the legs are gone. A new one carries packets of 1280 bytes only until it was searched; what fits no
 * DATAGRAM of its goes on its stream, also what is sent again. */
START_TEST(what_an_outage_swallowed_is_too_long_for_a_new_leg) {
    begin_flow(480 + (uint64_t)_i, _i);
    for (int i = 0; i < 2; i++) {
        const struct outstanding_stats *repair;
        uint64_t stored;
        kill_path("sima", false, true);
        kill_path("simb", false, true);
        run(20 * NS_PER_SEC);
        repair = outstanding_stats((_i ? server.crew.server->sessions : client.client.session)->outstanding);
        stored = repair->stored;
        ck_assert_uint_gt(stored, 20);
        kill_path(i ? "simb" : "sima", false, false);
        goes_on("20 s", NS_PER_SEC);
        run(NS_PER_SEC);
        ck_assert_uint_eq(repair->stored, stored);
        ck_assert_uint_eq(repair->given_up, 0);
    }
    end_flow();
}
END_TEST

/* New legs carry packets of 1280 bytes until their MTU is found. What an outage swallowed on the old ones is larger. */
START_TEST(new_legs_carry_what_an_outage_swallowed_on_the_old_ones) {
    static const char *const devices[] = {"sima", "simb"};
    const struct outstanding_stats *repair;
    uint64_t refused, capsules = 0;
    begin_flow(470 + (uint64_t)_i, false);
    run((uint64_t)_i * 7 * MS);
    repair = outstanding_stats(client.client.session->outstanding);
    refused = repair->refused;
    for (int i = 0; i < 2; i++) {
        kill_path(devices[i], false, true);
        client_path_reconnect(client_find_path(&client.client, devices[i]), "test");
    }
    run(100 * MS);
    ck_assert_uint_eq(client.client.session->leg_count, 0);
    for (int i = 0; i < 2; i++)
        kill_path(devices[i], false, false);
    goes_on("joined again", NS_PER_SEC / 2);
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (client.client.session->legs[i].leg)
            capsules += leg_counters(client.client.session->legs[i].leg)->capsules_sent;
    ck_assert_uint_gt(repair->stored, 0);
    ck_assert_uint_gt(capsules, 0);
    ck_assert_uint_eq(repair->refused, refused);
    end_flow();
}
END_TEST

/* @return how much of so many flaps, both paths dead for 0.3 s of three each time, what waits is let wait, per cent */
static uint64_t patient_share(const struct session *session, const struct link_quality quality[2], unsigned flaps) {
    static const char *const devices[] = {"sima", "simb"};
    uint64_t patient = 0, looks = 0;
    for (; flaps > 0; flaps--)
        for (unsigned look = 0; look < 300; look++, looks++) {
            for (unsigned i = 0; i < 2 && (look == 0 || look == 30); i++)
                world_device_quality(client_host, devices[i], look ? &quality[i] : &dead);
            run(10 * MS);
            patient += world_now() < session->patient_until;
        }
    return patient * 100 / looks;
}

/* Each end of an outage, and windows that grow again after it, is a reason to let packets wait for CoDel's interval,
 * which is about a second on such paths. */
START_TEST(paths_that_flap_for_ever_do_not_let_packets_wait_for_ever) {
    static const struct link_quality far[2] = {{.delay = 150 * MS, .rate_bps = 10000000},
                                               {.delay = 250 * MS, .rate_bps = 4000000}};
    const struct session *session;
    uint64_t share;
    begin_flow_over(far, 900 + (uint64_t)_i, _i & 1, 0);
    run(5 * NS_PER_SEC);
    session = _i & 1 ? server.crew.server->sessions : client.client.session;
    share = patient_share(session, far, 10);
    ck_assert_uint_ge(share, 30); /* at first it is let be */
    share = patient_share(session, far, 20);
    ck_assert_msg(share <= 30, "%u %% of the time", (unsigned)share);
    goes_on("flaps", 2 * NS_PER_SEC);
    end_flow();
}
END_TEST

/* As a DHCP client does it: the old address goes, another one comes, of another subnet. */
START_TEST(an_address_changes_under_load) {
    begin_flow(500 + (uint64_t)_i, _i & 1);
    inner_tcp_forget_gaps(tcp);
    for (int i = 0; i < 3; i++) {
        static const char *const addresses[] = {"192.0.2.9", "198.18.7.7", "198.18.0.2"};
        struct client_path *path = client_find_path(&client.client, "sima");
        struct ip_addr gone = path->source, come;
        unsigned ifindex = path->ifindex;
        ip_addr_parse(addresses[i], &come);
        world_device_address(client_host, "sima", NULL);
        client_on_address(&client.client, ifindex, &gone, false);
        turn_client();
        run((_i & 2 ? 500 : 5) * MS);
        ck_assert_str_eq(state_of("sima"), "down");
        world_device_address(client_host, "sima", addresses[i]);
        client_on_address(&client.client, ifindex, &come, true);
        turn_client();
        run(2 * NS_PER_SEC);
        ck_assert_str_eq(state_of("sima"), "up");
        ck_assert(!ip_addr_compare(&client_find_path(&client.client, "sima")->source, &come));
    }
    ck_assert_uint_eq(client.client.handshakes, 2);
    no_gap_longer("other addresses", 300 * MS);
    end_flow();
}
END_TEST

/* Each of them at several moments: what the suspended client has received and not acknowledged differs from one ms to
 * the next. New legs carry packets of 1280 bytes only, and that a kernel is told so is not modelled. */
static const uint64_t suspensions[] = {1, 10, 50, 89, 180};
enum { SUSPENSIONS = sizeof suspensions / sizeof *suspensions, MOMENTS = 8 };

START_TEST(a_client_is_suspended) {
    const uint64_t seconds = suspensions[_i / 2 % SUSPENSIONS], moment = (uint64_t)_i / 2 / SUSPENSIONS;
    const bool down = _i & 1;
    begin_flow_of(600 + (uint64_t)_i, down, SESSION_MTU_MIN);
    run(moment * 7 * MS);
    world_suspend(client_host, true);
    run(seconds * NS_PER_SEC);
    world_suspend(client_host, false);
    /* A server that has forgotten the session drops what its kernel sends: the flow's own time-out decides. */
    goes_on("suspended", (down && seconds > 100 ? 30 : 1) * NS_PER_SEC);
    run(3 * NS_PER_SEC);
    ck_assert_str_eq(state_of("sima"), "up");
    ck_assert_str_eq(state_of("simb"), "up");
    end_flow();
}
END_TEST

/** The server is started again, and the flow goes on within so long. */
static void server_returns(uint64_t within) {
    start_server();
    host_on_tun(server_host, on_tun, server_host);
    goes_on("restart", within);
}

START_TEST(the_date_jumps) {
    begin_flow(700 + (uint64_t)_i, _i & 1);
    inner_tcp_forget_gaps(tcp);
    chance_date(_i & 2 ? DAY : -DAY);
    run(3 * NS_PER_SEC);
    no_gap_longer("another date", 120 * MS);
    /* New connections, whose tickets and tokens have another day's date. */
    kill_path("sima", false, true);
    run(40 * NS_PER_SEC);
    kill_path("sima", false, false);
    run(45 * NS_PER_SEC);
    ck_assert_str_eq(state_of("sima"), "up");
    end_kill(&server);
    server_returns(2 * NS_PER_SEC);
    end_flow();
}
END_TEST

START_TEST(a_server_restarts) {
    begin_flow(800 + (uint64_t)_i, _i & 1);
    end_kill(&server);
    run((_i & 2 ? 100 : 1) * MS);
    server_returns(NS_PER_SEC);
    end_flow();
}
END_TEST

/* The tunnel device of a server was down, and the kernel refuses an address of one version when it is up again: the
 * other is set. What was refused is tried again until it is not. */
START_TEST(a_refused_address_of_one_version_is_no_reason_to_do_without_the_other) {
    const uint8_t refused = _i ? 6 : 4, other = _i ? 4 : 6;
    struct ip_prefix address;
    unsigned ifindex;
    begin_server(1, NULL);
    ifindex = tun_ifindex(crew_tun(&server.crew));
    ck_assert_uint_eq(host_addresses_set(server_host, 6), 1);
    host_refuse_addresses(server_host, refused);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned before = host_addresses_set(server_host, other);
        crew_on_link(&server.crew, ifindex, true, false);
        crew_on_link(&server.crew, ifindex, true, true);
        ck_assert_uint_eq(host_addresses_set(server_host, other), before + 1);
        crew_retry(&server.crew);
        ck_assert_uint_eq(host_addresses_set(server_host, other), before + 1);
        ck_assert_int_eq(crew_address(&server.crew, refused, &address), -ENOENT);
        ck_assert_int_eq(crew_address(&server.crew, other, &address), 0);
    }
    host_refuse_addresses(server_host, 0);
    crew_retry(&server.crew);
    ck_assert_int_eq(crew_address(&server.crew, refused, &address), 0);
    end_kill(&server);
    world_end();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_badday");
    TCase *tcase = tcase_create("badday"), *host = tcase_create("host");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, both_paths_die_and_one_returns, 0, OUTAGES * 4);
    tcase_add_loop_test(tcase, paths_die_in_turn, 0, 4);
    tcase_add_loop_test(tcase, a_path_begins_to_swallow_large_packets, 0, 2);
    tcase_add_loop_test(tcase, all_paths_begin_to_swallow_large_packets, 0, 2);
    tcase_add_loop_test(tcase, each_path_dies_in_another_direction, 0, 2 * MOMENTS);
    tcase_add_loop_test(tcase, outages_follow_each_other, 0, 2 * MOMENTS);
    tcase_add_loop_test(tcase, what_an_outage_swallowed_is_too_long_for_a_new_leg, 0, 2);
    tcase_add_loop_test(tcase, new_legs_carry_what_an_outage_swallowed_on_the_old_ones, 0, MOMENTS);
    tcase_add_loop_test(tcase, paths_that_flap_for_ever_do_not_let_packets_wait_for_ever, 0, 4);
    tcase_add_loop_test(tcase, an_address_changes_under_load, 0, 4);
    tcase_add_loop_test(tcase, a_client_is_suspended, 0, 2 * SUSPENSIONS * MOMENTS);
    tcase_add_loop_test(tcase, the_date_jumps, 0, 4);
    tcase_add_loop_test(tcase, a_server_restarts, 0, 4);
    tcase_add_loop_test(host, a_refused_address_of_one_version_is_no_reason_to_do_without_the_other, 0, 2);
    suite_add_tcase(suite, host);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
