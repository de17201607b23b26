/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/conn: what connections carry, and over which paths. Two of them in one process, in virtual time.
 */
#include "quic/conn.h"

#include <check.h>
#include <errno.h>

#include "quic/ccseam.h"
#include "tests/unit/conn_fixture.h"

START_TEST(streams_carry_data_both_ways_and_end) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    int64_t bidi, uni;

    fixture_connect(&pair, &settings);
    bidi = pair_send_stream(&pair.client, -1, true, 3000000, true);
    uni = pair_send_stream(&pair.server, -1, false, 200000, true);
    ck_assert_int_eq(bidi, 0);
    ck_assert_int_eq(uni, 3);
    pair_run(&pair, 2 * NS_PER_SEC);
    ck_assert_uint_eq(pair.server.stream_bytes_in, 3000000);
    ck_assert_uint_eq(pair.client.stream_bytes_in, 200000);
    pair_send_stream(&pair.server, bidi, true, 5000000, true);
    pair_run(&pair, 2 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.stream_bytes_in, 5200000);
    ck_assert_uint_eq(pair.client.stream_errors + pair.server.stream_errors, 0);
    ck_assert_uint_eq(pair.client.stream_acked, 3000000);
    ck_assert_uint_eq(pair.server.stream_acked, 5200000);
    ck_assert_uint_eq(pair.client.closed_streams, 2);
    ck_assert_uint_eq(pair.server.closed_streams, 2);
    pair_fini(&pair);
}
END_TEST

START_TEST(streams_are_whole_under_loss) {
    struct pair_settings settings = fixture_links(50, 20, 0.05);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_send_stream(&pair.client, -1, true, 1000000, true);
    pair_send_stream(&pair.client, -1, false, 300000, true);
    pair_run(&pair, 25 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    ck_assert_uint_eq(pair.server.stream_bytes_in, 1300000);
    ck_assert_uint_eq(pair.server.stream_errors, 0);
    ck_assert_uint_eq(pair.server.fins, 2);
    pair_fini(&pair);
}
END_TEST

START_TEST(the_last_stream_data_come_soon_after_a_loss) {
    /* What was lost is sent again as soon as it is known to be lost, and at the latest by the probe time-out: no frame
     * waits for a datagram to go with. */
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct pair_settings settings = fixture_links(50, 10, 0);
        struct pair pair;

        fixture_connect(&pair, &settings);
        pair_run(&pair, NS_PER_SEC);
        pair.up.settings.loss = pair.down.settings.loss = 0.2;
        pair.up.random = seed * 2 + 1;
        pair_send_stream(&pair.client, -1, true, 5000, true);
        pair_run(&pair, 3 * NS_PER_SEC);
        ck_assert_uint_eq(pair.server.stream_bytes_in, 5000);
        ck_assert_uint_eq(pair.server.fins, 1);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(the_peers_limit_of_streams_is_respected_and_renewed) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;
    int opened = 0;

    fixture_connect(&pair, &settings);
    while (conn_open_stream(pair.client.conn, true) >= 0)
        opened++;
    ck_assert_int_eq(opened, 16);
    ck_assert_int_eq((int)conn_open_stream(pair.client.conn, true), -EAGAIN);
    conn_reset_stream(pair.client.conn, 0, 0x10c);
    pair_run(&pair, 100 * NS_PER_MS);
    ck_assert_uint_eq(pair.server.reset_streams, 1);
    conn_reset_stream(pair.server.conn, 0, 0x10c);
    pair_run(&pair, 100 * NS_PER_MS);
    ck_assert_uint_eq(pair.client.closed_streams, 1);
    ck_assert_int_eq((int)conn_open_stream(pair.client.conn, true), 64);
    pair_fini(&pair);
}
END_TEST

START_TEST(stop_sending_reaches_the_sender) {
    struct pair_settings settings = fixture_links(100, 5, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_send_stream(&pair.client, -1, true, 100, false);
    pair_run(&pair, 100 * NS_PER_MS);
    conn_stop_sending(pair.server.conn, 0, 0x100);
    pair_run(&pair, 100 * NS_PER_MS);
    pair_send_stream(&pair.client, 0, true, 100, false);
    pair_run(&pair, 100 * NS_PER_MS);
    ck_assert_uint_eq(pair.client.stopped_streams, 1);
    ck_assert(pair.client.streams[0].shut);
    ck_assert_uint_eq(pair.server.stream_bytes_in, 100);
    pair_fini(&pair);
}
END_TEST

START_TEST(neither_streams_nor_datagrams_starve_the_other) {
    for (int first = 0; first < 2; first++) {
        struct pair_settings settings = fixture_links(20, 20, 0);
        struct pair pair;

        fixture_connect(&pair, &settings);
        pair.client.bulk = true;
        pair.client.write_first = first;
        pair_run(&pair, NS_PER_SEC);
        pair_send_stream(&pair.client, -1, true, 10000000, true);
        pair_run(&pair, 2 * NS_PER_SEC);
        ck_assert_uint_ge(pair.server.stream_bytes_in, 250000);
        ck_assert_uint_ge(pair.server.datagram_bytes_in, 2000000);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(each_datagram_is_acknowledged_or_lost) {
    struct pair_settings settings = fixture_links(50, 20, 0.02);
    struct pair pair;
    struct conn_statistics statistics;

    fixture_connect(&pair, &settings);
    pair.client.bulk = true;
    pair_run(&pair, 5 * NS_PER_SEC);
    pair.client.bulk = false;
    pair_run(&pair, 5 * NS_PER_SEC);
    conn_statistics(pair.client.conn, &statistics);
    ck_assert_uint_gt(pair.client.lost, 100);
    ck_assert_uint_eq(statistics.datagrams_lost, pair.client.lost);
    ck_assert_uint_eq(statistics.in_flight_bytes, 0);
    /* Acknowledged after all counts in both; a datagram in a packet reclaimed by a probe counts in none. */
    ck_assert_uint_le(pair.client.acked + pair.client.lost - statistics.datagrams_spurious, pair.client.datagrams_sent);
    ck_assert_uint_ge(pair.client.acked + pair.client.lost - statistics.datagrams_spurious + 10,
                      pair.client.datagrams_sent);
    ck_assert_uint_le(pair.client.acked, pair.server.datagrams_in);
    pair_fini(&pair);
}
END_TEST

START_TEST(packets_are_equally_long_however_many_are_on_the_way) {
    struct pair_settings settings = fixture_links(5000, 1, 0);
    struct iovec content = {.iov_base = (uint8_t[40]){0}, .iov_len = 40};
    uint8_t out[CONN_UDP_MAX];
    struct conn_packet packet;
    ssize_t first = 0;
    struct pair pair;

    if (!ccseam_available())
        return; /* ngtcp2's own way: a batch ends where the packet numbers become longer */
    settings.up.delay = settings.down.delay = 50 * NS_PER_US; /* so it is a fast connection */
    fixture_connect(&pair, &settings);
    pair.client.datagrams_to_send = 2000;
    pair_run(&pair, 2 * NS_PER_SEC);
    for (unsigned i = 0; i < 140; i++) {
        uint64_t now = pair.now + (i + 1) * 10 * NS_PER_MS;
        bool accepted = false;
        ssize_t n;

        while (conn_write(pair.client.conn, out, sizeof out, &packet, now) > 0)
            ;
        ck_assert(conn_can_send(pair.client.conn, content.iov_len, now));
        n = conn_write_datagram(pair.client.conn, &content, 1, i, false, &accepted, out, sizeof out, &packet, now);
        ck_assert(accepted);
        first = i == 0 ? n : first;
        ck_assert_int_eq(n, first);
    }
    pair_fini(&pair);
}
END_TEST

/* A batch of datagrams goes from the client to the server, all at once. */
static void send_batch(struct pair *pair, unsigned count) {
    struct iovec content = {.iov_base = (uint8_t[40]){0}, .iov_len = 40};
    uint8_t out[CONN_UDP_MAX];
    struct conn_packet packet;

    while (conn_write(pair->client.conn, out, sizeof out, &packet, pair->now) > 0)
        ;
    for (unsigned i = 0; i < count; i++) {
        bool accepted = false;
        ssize_t n = conn_write_datagram(pair->client.conn, &content, 1, i, false, &accepted, out, sizeof out, &packet,
                                        pair->now);

        ck_assert(accepted);
        pair_inject(pair, &pair->server, out, (size_t)n);
    }
}

START_TEST(the_acknowledgement_of_a_batch_goes_with_the_answer) {
    struct pair_settings settings = fixture_links(5000, 1, 0);
    struct iovec content = {.iov_base = (uint8_t[40]){0}, .iov_len = 40};
    struct pair pair;

    if (!ccseam_available())
        return; /* other controllers are told of every pause, and what is acknowledged goes with that */
    settings.congestion = "own";
    settings.up.delay = settings.down.delay = 2 * NS_PER_MS; /* an acknowledgement is due after an eighth of it */
    fixture_connect(&pair, &settings);
    pair.client.datagrams_to_send = 2000;
    pair_run(&pair, 2 * NS_PER_SEC);
    for (unsigned i = 0; i < 4; i++) {
        const bool batch = i / 2, answered = i % 2;
        uint64_t acked = pair.client.acked, due;
        uint8_t out[CONN_UDP_MAX];
        struct conn_packet packet;
        bool accepted = false;
        ssize_t n;

        pair.now += 10 * NS_PER_MS;
        send_batch(&pair, batch ? 44 : 20);
        n = conn_write(pair.server.conn, out, sizeof out, &packet, pair.now);
        ck_assert_int_eq(n > 0, !batch);
        if (batch && answered) {
            pair.now += 100 * NS_PER_US;
            n = conn_write_datagram(pair.server.conn, &content, 1, 1, false, &accepted, out, sizeof out, &packet,
                                    pair.now);
            ck_assert(accepted);
        } else if (batch) {
            due = conn_deadline(pair.server.conn, false);
            ck_assert_uint_le(due, pair.now + 200 * NS_PER_US);
            pair.now = due;
            ck_assert_int_eq(conn_on_timer(pair.server.conn, pair.now), 0);
            n = conn_write(pair.server.conn, out, sizeof out, &packet, pair.now);
        }
        ck_assert_int_gt(n, 0);
        pair_inject(&pair, &pair.client, out, (size_t)n);
        ck_assert_uint_eq(pair.client.acked, acked + (batch ? 44 : 20));
    }
    pair_fini(&pair);
}
END_TEST

START_TEST(datagrams_declared_lost_too_early_are_counted) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct conn_statistics statistics;
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair.client.bulk = true;
    pair_run(&pair, 2 * NS_PER_SEC);
    /* One packet overtakes a hundred: they arrive after the packet threshold has given them up. */
    ck_assert_uint_gt(pair.up.count, 150);
    {
        struct link_packet early = pair.up.packets[(pair.up.head + 140) % pair.up.size];

        pair_inject(&pair, &pair.server, early.data, early.length);
        conn_ping(pair.server.conn);
    }
    for (size_t i = 0; i < 139; i++)
        pair.up.packets[(pair.up.head + i) % pair.up.size].at += 60 * NS_PER_MS;
    for (size_t i = 139; i < pair.up.count; i++) {
        struct link_packet *packet = &pair.up.packets[(pair.up.head + i) % pair.up.size];

        packet->at += 60 * NS_PER_MS;
    }
    pair_run(&pair, NS_PER_SEC);
    conn_statistics(pair.client.conn, &statistics);
    ck_assert_uint_gt(statistics.datagrams_lost, 0);
    ck_assert_uint_gt(statistics.datagrams_spurious, 0);
    ck_assert_uint_le(statistics.datagrams_spurious, statistics.datagrams_lost);
    pair_fini(&pair);
}
END_TEST

START_TEST(keys_are_updated_under_loss_and_nothing_breaks) {
    static const uint64_t limits[] = {100, 300, 1000};

    for (size_t i = 0; i < 3; i++) {
        struct pair_settings settings = fixture_links(50, 5, 0.02);
        struct conn_statistics client, server;
        struct pair pair;

        settings.key_update_packets = limits[i];
        fixture_connect(&pair, &settings);
        pair.client.bulk = pair.server.bulk = true;
        pair_run(&pair, 5 * NS_PER_SEC);
        ck_assert_msg(pair.client.status == 0, "client: %s (limit %llu)", pair.client.error.reason,
                      (unsigned long long)limits[i]);
        ck_assert_msg(pair.server.status == 0, "server: %s (limit %llu)", pair.server.error.reason,
                      (unsigned long long)limits[i]);
        conn_statistics(pair.client.conn, &client);
        conn_statistics(pair.server.conn, &server);
        ck_assert_uint_ge(client.key_updates, 5);
        ck_assert_uint_le(client.key_updates > server.key_updates ? client.key_updates - server.key_updates
                                                                  : server.key_updates - client.key_updates,
                          1);
        ck_assert_uint_ge(pair.server.datagrams_in, pair.client.datagrams_sent * 9 / 10);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(the_path_mtu_is_found_up_to_an_ethernet_frame) {
    static const struct {
        size_t path, found;
    } cases[] = {{1500, 1472}, {1472, 1472}, {1471, 1452}, {1452, 1452}, {1406, 1406}, {1400, 1344}, {1344, 1344},
                 {1300, 1252}, {1252, 1252}, {1251, 1232}, {1232, 1232}, {1231, 1200}, {1200, 1200}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair_settings settings = fixture_links(100, 10, 0);
        struct pair pair;

        settings.up.payload_max = settings.down.payload_max = cases[i].path;
        fixture_connect(&pair, &settings);
        pair.client.datagrams_to_send = 100;
        pair_run(&pair, 10 * NS_PER_SEC);
        ck_assert_uint_eq(pair.client.mtu != 0 ? pair.client.mtu : 1200, cases[i].found);
        ck_assert_uint_eq(pair.server.mtu != 0 ? pair.server.mtu : 1200, cases[i].found);
        ck_assert_uint_ge(pair.client.probes, pair.up.too_big);
        ck_assert_uint_eq(conn_datagram_max(pair.client.conn), cases[i].found - 36);
        ck_assert(!conn_can_send(pair.client.conn, cases[i].found - 35, pair.now));
        pair.client.datagrams_to_send = 100;
        pair_run(&pair, NS_PER_SEC);
        ck_assert_uint_eq(pair.server.datagrams_in, 200);
        pair_fini(&pair);
    }
}
END_TEST

/** Start a pair on a path of Ethernet's size; the client sends all it can. */
static void start_bulk(struct pair *pair, uint64_t mbit, size_t payload_max) {
    struct pair_settings settings = fixture_links(mbit, 10, 0);

    settings.up.queue_packets = 200;
    settings.up.payload_max = payload_max;
    fixture_connect(pair, &settings);
    pair_run(pair, 2 * NS_PER_SEC);
    pair->client.bulk = true;
    pair_run(pair, 2 * NS_PER_SEC);
}

START_TEST(a_path_that_narrows_while_running_is_followed_and_back) {
    static const struct {
        size_t path, found;
    } cases[] = {{1400, 1344}, {1300, 1252}, {1252, 1252}, {1240, 1232}, {1200, 1200}, {1430, 1406}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        uint64_t before;

        start_bulk(&pair, 20, 0);
        ck_assert_uint_eq(pair.client.mtu, 1472);
        pair.up.settings.payload_max = cases[i].path;
        pair_run(&pair, 2 * NS_PER_SEC);
        ck_assert_uint_eq(conn_datagram_max(pair.client.conn), cases[i].found - 36);
        before = pair.server.datagram_bytes_in;
        pair_run(&pair, 58 * NS_PER_SEC);
        ck_assert_uint_eq(conn_datagram_max(pair.client.conn), cases[i].found - 36);
        ck_assert_uint_ge(pair.server.datagram_bytes_in - before, 58 * 2000000);
        ck_assert_int_eq(pair.client.status, 0);
        pair.up.settings.payload_max = 0;
        pair_run(&pair, 31 * NS_PER_SEC);
        ck_assert_uint_eq(pair.client.mtu, 1472);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(a_path_that_narrows_swallows_few_packets_of_a_trickle) {
    static const uint64_t pauses[] = {200 * NS_PER_MS, NS_PER_SEC, 5 * NS_PER_SEC};

    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        struct pair pair;
        unsigned sent = 0;
        uint64_t probes;

        start_bulk(&pair, 20, 0);
        pair.client.bulk = false;
        pair_run(&pair, 2 * NS_PER_SEC);
        pair.up.settings.payload_max = 1300;
        probes = pair.client.probes;
        for (; sent < 20 && pair.client.mtu == 1472; sent++) {
            pair.client.datagrams_to_send = 1;
            pair_run(&pair, pauses[i]);
        }
        /* A second one, at the least, makes a row of them. */
        ck_assert_uint_le(sent, pauses[i] < NS_PER_SEC ? 5 : 3);
        pair_run(&pair, NS_PER_SEC);
        ck_assert_uint_eq(pair.client.mtu, 1252);
        ck_assert_uint_le(pair.client.probes - probes, 12);
        pair.client.datagrams_to_send = 10;
        pair_run(&pair, NS_PER_SEC);
        ck_assert_uint_eq(pair.server.datagrams_in + sent, pair.client.datagrams_sent);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(a_path_that_widens_soon_after_is_followed_within_seconds) {
    struct pair pair;

    start_bulk(&pair, 20, 0);
    pair.up.settings.payload_max = 1252;
    pair_run(&pair, 6 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.mtu, 1252);
    pair.up.settings.payload_max = 0;
    pair_run(&pair, 6 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.mtu, 1472);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_path_wider_than_at_the_start_is_found_also_when_idle) {
    for (int idle = 0; idle < 2; idle++) {
        struct pair pair;

        start_bulk(&pair, 20, 1252);
        pair.client.bulk = !idle;
        pair_run(&pair, 20 * NS_PER_SEC);
        ck_assert_uint_eq(pair.client.mtu, 1252);
        pair.up.settings.payload_max = 0;
        pair_run(&pair, 31 * NS_PER_SEC);
        ck_assert_uint_eq(pair.client.mtu, 1472);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(probes_cost_no_data_and_are_few) {
    struct pair pair;
    uint64_t probes, too_big;

    start_bulk(&pair, 5, 1252);
    pair_run(&pair, 30 * NS_PER_SEC);
    ck_assert_uint_eq(pair.up.too_big, pair.client.probes - pair.server.probes_in);
    probes = pair.client.probes;
    too_big = pair.up.too_big;
    pair_run(&pair, 300 * NS_PER_SEC);
    ck_assert_uint_ge(pair.client.probes - probes, 9);
    ck_assert_uint_le(pair.client.probes - probes, 11);
    ck_assert_uint_eq(pair.up.too_big - too_big, pair.client.probes - probes);
    pair.client.bulk = false;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_uint_eq(pair.client.acked + pair.client.lost, pair.client.datagrams_sent);
    ck_assert_uint_eq(pair.client.lost, pair.up.dropped);
    pair_fini(&pair);
}
END_TEST

START_TEST(loss_and_a_dead_link_are_no_narrow_path) {
    struct pair_settings settings = fixture_links(20, 10, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair_run(&pair, 2 * NS_PER_SEC);
    pair.client.bulk = true;
    pair.up.settings.loss = 0.15;
    pair_run(&pair, 20 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.mtu, 1472);
    pair.up.settings.loss = 1;
    pair_run(&pair, 5 * NS_PER_SEC);
    pair.up.settings.loss = 0;
    pair_run(&pair, 5 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.mtu, 1472);
    pair_fini(&pair);
}
END_TEST

START_TEST(ipv6_stops_at_1452) {
    struct pair_settings settings = fixture_links(100, 10, 0);
    struct pair pair;

    settings.ipv6 = true;
    fixture_connect(&pair, &settings);
    pair_run(&pair, 5 * NS_PER_SEC);
    ck_assert_uint_eq(pair.client.mtu, 1452);
    ck_assert_uint_eq(pair.server.mtu, 1452);
    pair_fini(&pair);
}
END_TEST

START_TEST(a_new_address_of_the_client_is_followed) {
    struct pair_settings settings = fixture_links(50, 10, 0);
    struct pair pair;
    union sock_addr rebound;

    fixture_connect(&pair, &settings);
    pair.client.bulk = pair.server.bulk = true;
    pair_run(&pair, NS_PER_SEC);
    /* A NAT gives the client another port: the client does not notice. */
    ck_assert_int_eq(sock_addr_parse("192.0.2.77:7777", &rebound), 0);
    pair.rebound = rebound;
    pair_run(&pair, 2 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    ck_assert_int_eq(pair.server.status, 0);
    ck_assert_uint_ge(pair.server.paths, 1);
    ck_assert(sock_addr_equal(&pair.server.new_path.remote, &rebound));
    ck_assert(sock_addr_equal(&pair.last_to_client.local, &rebound));
    pair_fini(&pair);
}
END_TEST

START_TEST(the_client_can_migrate) {
    struct pair_settings settings = fixture_links(50, 10, 0);
    struct conn_path path;
    struct pair pair;
    uint64_t before;

    fixture_connect(&pair, &settings);
    path = pair.client.path;
    ck_assert_int_eq(conn_migrate(pair.server.conn, &path, pair.now), -EINVAL);
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(conn_migrate(pair.client.conn, &path, pair.now), -EINVAL);
    pair.client.bulk = pair.server.bulk = true;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_int_eq(sock_addr_parse("198.51.100.9:1234", &path.local), 0);
    ck_assert_int_eq(conn_migrate(pair.client.conn, &path, pair.now), 0);
    before = pair.server.datagrams_in;
    pair_run(&pair, 2 * NS_PER_SEC);
    ck_assert_int_eq(pair.client.status, 0);
    ck_assert_int_eq(pair.server.status, 0);
    ck_assert_uint_ge(pair.client.paths, 1);
    ck_assert(sock_addr_equal(&pair.client.new_path.local, &path.local));
    ck_assert(sock_addr_equal(&pair.last_to_client.local, &path.local));
    ck_assert_uint_gt(pair.server.datagrams_in, before + 4000);
    ck_assert_uint_ge(pair.server.cids_retired + pair.client.cids_retired, 1);
    pair_fini(&pair);
}
END_TEST

/** Goodput of datagrams from the client in Mbit/s, over some seconds after the first. */
static double goodput(const struct pair_settings *settings, bool write_first, bool both, unsigned seconds,
                      struct pair *pair) {
    uint64_t before;

    fixture_connect(pair, settings);
    pair->client.bulk = true;
    pair->server.bulk = both;
    pair->client.write_first = pair->server.write_first = write_first;
    pair_run(pair, 2 * NS_PER_SEC);
    before = pair->server.datagram_bytes_in;
    pair_run(pair, seconds * NS_PER_SEC);
    return (double)(pair->server.datagram_bytes_in - before) * 8e-6 / seconds;
}

START_TEST(a_clean_link_is_filled_whichever_write_comes_first) {
    for (int first = 0; first < 2; first++) {
        struct pair_settings settings = fixture_links(50, 20, 0);
        struct conn_statistics statistics;
        struct pair pair;
        double mbit = goodput(&settings, first, false, 8, &pair);

        ck_assert_double_ge(mbit, 45.0);
        conn_statistics(pair.client.conn, &statistics);
        ck_assert_uint_ge(statistics.delivery_rate_bps, 40000000);
        ck_assert_uint_le(statistics.delivery_rate_bps, 55000000);
        ck_assert_uint_ge(statistics.capacity_bps, 45000000);
        ck_assert_uint_le(statistics.capacity_bps, 52000000);
        /* A trickle says nothing of what the link carries. */
        pair.client.bulk = false;
        for (unsigned i = 0; i < 200; i++) {
            pair.client.datagrams_to_send = 1;
            pair_run(&pair, 10 * NS_PER_MS);
        }
        conn_statistics(pair.client.conn, &statistics);
        ck_assert_uint_lt(statistics.delivery_rate_bps, 3000000);
        ck_assert_uint_ge(statistics.capacity_bps, 45000000);
        ck_assert_uint_ge(statistics.rtt_min, 40 * NS_PER_MS);
        ck_assert_uint_le(statistics.rtt_min, 45 * NS_PER_MS);
        ck_assert_uint_eq(pair.client.refused, 0);
        ck_assert_uint_eq(pair.up.dropped, 0);
        pair_fini(&pair);
    }
}
END_TEST

START_TEST(a_link_is_filled_both_ways_and_under_loss) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct pair pair;

    ck_assert_double_ge(goodput(&settings, false, true, 6, &pair), 40.0);
    pair_fini(&pair);
    settings = fixture_links(50, 20, 0.005);
    ck_assert_double_ge(goodput(&settings, false, false, 6, &pair), 40.0);
    pair_fini(&pair);
    settings = fixture_links(5, 30, 0);
    ck_assert_double_ge(goodput(&settings, false, false, 6, &pair), 4.2);
    pair_fini(&pair);
}
END_TEST

START_TEST(cubic_can_be_chosen_and_others_are_refused) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct conn_settings refused = {.congestion = "vegas"};
    struct conn_client_settings client = {.server_name = "x"};
    struct conn *conn;
    struct pair pair;

    settings.congestion = "cubic";
    ck_assert_double_ge(goodput(&settings, false, false, 4, &pair), 45.0);
    pair_fini(&pair);
    ck_assert_int_eq(conn_client_new(&refused, &client, 0, &conn), -EINVAL);
}
END_TEST

START_TEST(pauses_do_not_slow_a_connection_down) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct pair pair;
    uint64_t before;

    fixture_connect(&pair, &settings);
    for (int i = 0; i < 10; i++) {
        pair.client.datagrams_to_send = 500;
        pair_run(&pair, 700 * NS_PER_MS);
    }
    ck_assert_uint_eq(pair.server.datagrams_in, 5000);
    before = pair.server.datagram_bytes_in;
    pair.client.bulk = true;
    pair_run(&pair, 2 * NS_PER_SEC);
    ck_assert_uint_ge(pair.server.datagram_bytes_in - before, 2 * 40000000 / 8);
    pair_fini(&pair);
}
END_TEST

START_TEST(ecn_marks_are_carried) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct pair pair;

    fixture_connect(&pair, &settings);
    pair.client.datagrams_to_send = 200;
    pair_run(&pair, NS_PER_SEC);
    ck_assert_uint_ge(pair.client.ecn_marked, 100);
    pair_fini(&pair);
}
END_TEST

START_TEST(packets_below_the_rate_arrive_without_waiting) {
    struct pair_settings settings = fixture_links(50, 20, 0);
    struct pair pair;
    uint64_t slowest = 0;

    fixture_connect(&pair, &settings);
    pair_run(&pair, NS_PER_SEC);
    for (int i = 0; i < 1000; i++) {
        uint64_t sent = pair.up.sent;

        pair.client.payload = 100;
        pair.client.datagrams_to_send = 1;
        pair_run(&pair, 0);
        if (pair.up.sent == sent)
            slowest++;
        pair_run(&pair, 5 * NS_PER_MS);
    }
    ck_assert_uint_eq(slowest, 0);
    ck_assert_uint_eq(pair.client.refused, 0);
    pair_fini(&pair);
}
END_TEST

START_TEST(the_same_seeds_give_nearly_the_same_run) {
    /* Keys, signatures and BBR's dice are random, the links are not. */
    struct pair_settings settings = fixture_links(50, 20, 0.01);
    uint64_t delivered[2];

    for (int i = 0; i < 2; i++) {
        struct pair pair;

        goodput(&settings, false, false, 3, &pair);
        delivered[i] = pair.server.datagrams_in;
        pair_fini(&pair);
    }
    ck_assert_uint_ge(delivered[0] * 100, delivered[1] * 95);
    ck_assert_uint_ge(delivered[1] * 100, delivered[0] * 95);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        streams_carry_data_both_ways_and_end,
        streams_are_whole_under_loss,
        the_last_stream_data_come_soon_after_a_loss,
        the_peers_limit_of_streams_is_respected_and_renewed,
        stop_sending_reaches_the_sender,
        neither_streams_nor_datagrams_starve_the_other,
        each_datagram_is_acknowledged_or_lost,
        packets_are_equally_long_however_many_are_on_the_way,
        the_acknowledgement_of_a_batch_goes_with_the_answer,
        datagrams_declared_lost_too_early_are_counted,
        keys_are_updated_under_loss_and_nothing_breaks,
        the_path_mtu_is_found_up_to_an_ethernet_frame,
        a_path_that_narrows_swallows_few_packets_of_a_trickle,
        a_path_that_narrows_while_running_is_followed_and_back,
        a_path_that_widens_soon_after_is_followed_within_seconds,
        a_path_wider_than_at_the_start_is_found_also_when_idle,
        probes_cost_no_data_and_are_few,
        loss_and_a_dead_link_are_no_narrow_path,
        ipv6_stops_at_1452,
        a_new_address_of_the_client_is_followed,
        the_client_can_migrate,
        a_clean_link_is_filled_whichever_write_comes_first,
        a_link_is_filled_both_ways_and_under_loss,
        cubic_can_be_chosen_and_others_are_refused,
        pauses_do_not_slow_a_connection_down,
        ecn_marks_are_carried,
        packets_below_the_rate_arrive_without_waiting,
        the_same_seeds_give_nearly_the_same_run,
    };

    return fixture_run("conn_traffic", tests, sizeof tests / sizeof *tests);
}
