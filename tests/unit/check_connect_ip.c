/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_connect_ip: a client and a server joined in memory: opening, refusing, capsules, datagrams and ending. */
#include "tunnel_pair.h"
#include "tests/unit/suite.h"

#define MS 1000000ull

START_TEST(a_tunnel_opens_and_both_ends_hear_of_it) {
    struct h3_field bond = {.name = "mpvpn-bond", .value = "new;v=1", .value_length = 7};
    server.answer_field = (struct h3_field){.name = "mpvpn-bond", .value = ":AAAA:;v=1;leg=0", .value_length = 16};
    start();
    ck_assert_int_eq(connect_ip_open(client.ip, "vpn.example.net:4443", &anything, "Bearer abc", &bond, 1), 0);
    run();
    ck_assert_uint_eq(server.requests, 1);
    ck_assert_str_eq(server.authority, "vpn.example.net:4443");
    ck_assert_str_eq(server.authorization, "Bearer abc");
    ck_assert(server.scope.any_target && server.scope.protocol == -1);
    ck_assert_uint_eq(client.opened, 1);
    ck_assert_uint_eq(server.opened, 1);
    ck_assert_str_eq(client.response_field, ":AAAA:;v=1;leg=0");
    ck_assert(connect_ip_is_open(client.ip));
    ck_assert_uint_eq(client.conn.error + server.conn.error, 0);
}
END_TEST

START_TEST(a_tunnel_opens_whatever_the_order_and_the_cuts) {
    client.conn.piece = server.conn.piece = 1;
    ask_with("Bearer xyz");
    run();
    ck_assert_uint_eq(server.requests, 0);
    start();
    run();
    ck_assert(connect_ip_is_open(client.ip) && connect_ip_is_open(server.ip));
}
END_TEST

START_TEST(the_request_waits_for_the_settings) {
    ck_assert_uint_eq(connect_ip_start(client.ip), 0);
    ask_with(NULL);
    run();
    ck_assert_ptr_null(fake_stream_find(&client.conn, 0));
    ck_assert_uint_eq(connect_ip_start(server.ip), 0);
    run();
    ck_assert(connect_ip_is_open(client.ip));
}
END_TEST

START_TEST(settings_that_come_after_the_request_allow_datagrams_then) {
    start();
    fake_stream_find(&client.conn, 2)->blocked = true;
    ask_with(NULL);
    run();
    ck_assert(connect_ip_is_open(client.ip) && connect_ip_is_open(server.ip));
    ck_assert(connect_ip_takes_datagrams(client.ip) && !connect_ip_takes_datagrams(server.ip));
    ck_assert_int_eq(connect_ip_datagram_capsule(server.ip, 0, &(struct iovec){.iov_base = "x", .iov_len = 1}, 1), 0);
    run();
    ck_assert_uint_eq(client.datagrams, 1);
    fake_stream_find(&client.conn, 2)->blocked = false;
    h3_on_stream_writable(connect_ip_h3(client.ip), 2);
    run();
    ck_assert(connect_ip_takes_datagrams(server.ip));
}
END_TEST

START_TEST(without_authorization_the_owner_hears_none) {
    open_tunnel();
    ck_assert(!server.had_authorization);
}
END_TEST

START_TEST(a_scope_reaches_the_server) {
    struct connect_ip_scope scope = {.protocol = 17};
    ck_assert_int_eq(ip_prefix_parse("2001:db8::/32", &scope.target), 0);
    start();
    ck_assert_int_eq(connect_ip_open(client.ip, "a", &scope, NULL, NULL, 0), 0);
    run();
    ck_assert(!server.scope.any_target);
    ck_assert_mem_eq(&server.scope.target, &scope.target, sizeof(scope.target));
    ck_assert_int_eq(server.scope.protocol, 17);
}
END_TEST

START_TEST(a_second_request_of_the_owner_is_busy) {
    ask_with(NULL);
    ck_assert_int_eq(connect_ip_open(client.ip, "a", &anything, NULL, NULL, 0), -EBUSY);
    ck_assert_int_eq(connect_ip_open(server.ip, "a", &anything, NULL, NULL, 0), -EBUSY);
}
END_TEST

START_TEST(a_field_that_cannot_be_sent_is_refused_not_dropped) {
    start();
    run();
    ask_with("Bearer a\nb");
    ck_assert_uint_eq(client.refused, 1);
    ck_assert_uint_eq(client.status, 0);
    run();
    ck_assert_uint_eq(server.requests, 0);
    ask_with("Bearer ab");
    run();
    ck_assert(connect_ip_is_open(client.ip));
}
END_TEST

START_TEST(refusals_carry_status_and_reason) {
    static const unsigned statuses[] = {400, 401, 403, 404, 409, 421, 425, 429, 500, 503};
    start();
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        server.answer = statuses[i];
        server.answer_reason = "unknown \"token\" \\o/";
        ask_with("Bearer x");
        run();
        ck_assert_uint_eq(client.refused, i + 1);
        ck_assert_uint_eq(client.status, statuses[i]);
        ck_assert_str_eq(client.reason, "unknown \"token\" \\o/");
    }
    ck_assert_uint_eq(client.closed + client.opened + server.opened + server.closed, 0);
    server.answer = 0;
    ask_with("Bearer right");
    run();
    ck_assert(connect_ip_is_open(client.ip) && connect_ip_is_open(server.ip));
}
END_TEST

START_TEST(a_refusal_without_a_reason_is_told_in_words) {
    start();
    server.answer = 403;
    ask_with(NULL);
    run();
    ck_assert_uint_eq(client.status, 403);
    ck_assert_str_eq(client.reason, "refused");
}
END_TEST

START_TEST(an_answer_that_cannot_be_sent_becomes_500) {
    start();
    server.answer_field = (struct h3_field){.name = "bad", .value = "a\rb", .value_length = 3};
    ask_with(NULL);
    run();
    ck_assert_uint_eq(client.status, 500);
    ck_assert_uint_eq(server.opened, 0);
}
END_TEST

START_TEST(addresses_requests_and_routes_cross_the_tunnel) {
    open_tunnel();
    struct capsule_address wish = entry(1, "0.0.0.0/32"),
                           given[] = {entry(1, "10.77.0.10/32"), entry(0, "fd77::10/128")};
    struct ip_range range = {.first = ip_prefix_first(&wish.prefix)};
    memset(range.last.bytes, 0xff, 4);
    range.last.version = 4;
    ck_assert_int_eq(connect_ip_ask(client.ip, &wish, 1), 0);
    run();
    ck_assert_uint_eq(server.asked, 1);
    ck_assert_uint_eq(server.address[0].request_id, 1);
    ck_assert_int_eq(connect_ip_assign(server.ip, given, 2), 0);
    ck_assert_int_eq(connect_ip_advertise(server.ip, &range, 1), 0);
    run();
    ck_assert_uint_eq(client.addresses, 1);
    ck_assert_uint_eq(client.address_count, 2);
    ck_assert_mem_eq(&client.address[1].prefix, &given[1].prefix, sizeof(given[1].prefix));
    ck_assert_uint_eq(client.routed, 1);
    ck_assert_mem_eq(&client.range[0], &range, sizeof(range));
    ck_assert_int_eq(connect_ip_assign(server.ip, NULL, 0), 0);
    run();
    ck_assert_uint_eq(client.addresses, 2);
    ck_assert_uint_eq(client.address_count, 0);
}
END_TEST

START_TEST(lists_that_the_rfc_forbids_are_not_sent) {
    open_tunnel();
    struct capsule_address host_bits = entry(1, "10.0.0.1/24"), zero = entry(0, "10.0.0.1/32");
    struct ip_range backwards = {.first = entry(0, "10.0.0.2").prefix.addr, .last = zero.prefix.addr};
    ck_assert_int_eq(connect_ip_assign(server.ip, &host_bits, 1), -EINVAL);
    ck_assert_int_eq(connect_ip_ask(client.ip, &zero, 1), -EINVAL);
    ck_assert_int_eq(connect_ip_advertise(server.ip, &backwards, 1), -EINVAL);
}
END_TEST

START_TEST(nothing_is_sent_without_a_tunnel) {
    struct capsule_address given = entry(0, "10.77.0.10/32");
    uint8_t prefix[CONNECT_IP_PREFIX_MAX];
    start();
    run();
    ck_assert_int_eq(connect_ip_assign(server.ip, &given, 1), -ENOTCONN);
    ck_assert_int_eq(connect_ip_capsule(server.ip, 99, NULL, 0), -ENOTCONN);
    ck_assert_int_eq(connect_ip_datagram_capsule(client.ip, 0, NULL, 0), -ENOTCONN);
    ck_assert_uint_eq(connect_ip_datagram_prefix(client.ip, 0, prefix), 0);
}
END_TEST

START_TEST(capsules_of_other_types_reach_the_owner) {
    open_tunnel();
    ck_assert_int_eq(connect_ip_capsule(client.ip, 0x3a1b2c, (const uint8_t *)"hello", 5), 0);
    run();
    ck_assert_uint_eq(server.capsules, 1);
    ck_assert_uint_eq(server.type, 0x3a1b2c);
    ck_assert_mem_eq(server.bytes, "hello", 5);
}
END_TEST

START_TEST(a_datagram_crosses_with_prefix_and_context) {
    uint8_t bytes[64];
    open_tunnel();
    size_t used = connect_ip_datagram_prefix(client.ip, 0, bytes);
    ck_assert_uint_eq(used, 2);
    memcpy(bytes + used, "packet", 6);
    ck_assert_uint_eq(datagram_at(&server, bytes, used + 6, 0), 0);
    ck_assert_uint_eq(server.datagrams, 1);
    ck_assert_uint_eq(server.context_id, 0);
    ck_assert_uint_eq(server.length, 6);
    ck_assert_mem_eq(server.bytes, "packet", 6);
}
END_TEST

START_TEST(probes_of_the_path_are_offered_and_ignored_in_silence) {
    open_tunnel();
    ck_assert_uint_eq(server.conn.probe_length, 9);
    ck_assert_mem_eq(server.conn.probe, "\0\xff\xff\xff\xff\xff\xff\xff\xff", 9);
    ck_assert_uint_eq(client.conn.probe_length, 9);
    ck_assert_mem_eq(client.conn.probe, "\0\xff\xff\xff\xff\xff\xff\xff\xfe", 9);
    ck_assert_uint_eq(datagram_at(&server, client.conn.probe, 9, 0), 0);
    ck_assert_uint_eq(datagram_at(&client, server.conn.probe, 9, 0), 0);
    ck_assert_uint_eq(server.datagrams + client.datagrams, 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_context, 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->probes, 1);
    ck_assert_uint_eq(connect_ip_statistics(client.ip)->probes, 1);
}
END_TEST

START_TEST(unknown_contexts_are_counted_and_registered_ones_pass) {
    open_tunnel();
    ck_assert_uint_eq(datagram_at(&server, "\0\2x", 3, 0), 0);
    ck_assert_uint_eq(datagram_at(&server, "\0\x80\0\xff\xff", 5, 0), 0);
    ck_assert_uint_eq(server.datagrams, 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_context, 2);
    connect_ip_register(server.ip, 2);
    ck_assert_uint_eq(datagram_at(&server, "\0\2x", 3, 0), 0);
    ck_assert_uint_eq(server.datagrams, 1);
    ck_assert_uint_eq(server.context_id, 2);
}
END_TEST

START_TEST(datagrams_without_a_context_are_counted) {
    open_tunnel();
    ck_assert_uint_eq(datagram_at(&server, "\0", 1, 0), 0);
    ck_assert_uint_eq(datagram_at(&server, "\0\x40", 2, 0), 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->malformed, 2);
    ck_assert_uint_eq(server.datagrams, 0);
    ck_assert_uint_eq(datagram_at(&server, "\0\0", 2, 0), 0);
    ck_assert_uint_eq(server.datagrams, 1);
    ck_assert_uint_eq(server.length, 0);
}
END_TEST

START_TEST(impossible_stream_ids_are_a_connection_error) {
    open_tunnel();
    ck_assert_uint_eq(datagram_at(&server, "", 0, 0), H3_DATAGRAM_ERROR);
    ck_assert_uint_eq(datagram_at(&server, "\x40", 1, 0), H3_DATAGRAM_ERROR);
    ck_assert_uint_eq(datagram_at(&server, "\xd0\0\0\0\0\0\0\0\0", 9, 0), H3_DATAGRAM_ERROR);
    ck_assert_uint_eq(datagram_at(&server, "\xcf\xff\xff\xff\xff\xff\xff\xff\0", 9, 0), 0);
}
END_TEST

START_TEST(datagrams_of_other_streams_are_counted) {
    open_tunnel();
    ck_assert_uint_eq(datagram_at(&server, "\1\0x", 3, 0), 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_stream, 1);
    ck_assert_uint_eq(connect_ip_deadline(server.ip), UINT64_MAX);
}
END_TEST

START_TEST(datagrams_before_their_request_wait_for_it) {
    start();
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(datagram_at(&server, "\0\0x", 3, i * MS), 0);
    ck_assert_uint_eq(datagram_at(&server, "\5\0x", 3, 3 * MS), 0);
    ck_assert_uint_eq(server.datagrams, 0);
    ck_assert_uint_eq(connect_ip_deadline(server.ip), 100 * MS);
    ask_with(NULL);
    run();
    ck_assert_uint_eq(server.opened, 1);
    ck_assert_uint_eq(server.datagrams, 3);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_stream, 1);
    ck_assert_uint_eq(connect_ip_deadline(server.ip), UINT64_MAX);
}
END_TEST

START_TEST(datagrams_before_the_answer_wait_for_it) {
    start();
    ask_with(NULL);
    while (server.opened == 0) {
        server.conn.piece = 0;
        ck_assert_uint_eq(client.opened, 0);
        server.conn.piece = 1u << 20;
        run();
    }
    teardown();
    setup();
    start();
    run();
    ask_with(NULL);
    ck_assert_uint_eq(datagram_at(&client, "\0\0y", 3, 5), 0);
    ck_assert_uint_eq(datagram_at(&client, "\1\0y", 3, 5), 0);
    ck_assert_uint_eq(connect_ip_statistics(client.ip)->unknown_stream, 1);
    ck_assert_uint_eq(client.datagrams, 0);
    run();
    ck_assert_uint_eq(client.datagrams, 1);
}
END_TEST

START_TEST(waiting_datagrams_are_dropped_after_100_ms) {
    start();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(datagram_at(&server, "\0\0x", 3, i * 40 * MS), 0);
    connect_ip_on_timer(server.ip, 99 * MS);
    ck_assert_uint_eq(connect_ip_deadline(server.ip), 100 * MS);
    connect_ip_on_timer(server.ip, 141 * MS);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_stream, 2);
    ck_assert_uint_eq(connect_ip_deadline(server.ip), 180 * MS);
    ask_with(NULL);
    run();
    ck_assert_uint_eq(server.datagrams, 2);
}
END_TEST

START_TEST(at_most_64_datagrams_wait) {
    start();
    for (unsigned i = 0; i < 70; i++)
        ck_assert_uint_eq(datagram_at(&server, "\0\0x", 3, i), 0);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_stream, 6);
    connect_ip_on_timer(server.ip, 100 * MS + 9);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_stream, 16);
    for (unsigned i = 0; i < 12; i++)
        ck_assert_uint_eq(datagram_at(&server, "\0\0x", 3, 100 * MS), 0);
    ask_with(NULL);
    run();
    ck_assert_uint_eq(server.datagrams, 64);
}
END_TEST

START_TEST(datagram_capsules_are_understood) {
    open_tunnel();
    struct iovec vectors[] = {{.iov_base = (char[]){"pac"}, .iov_len = 3}, {.iov_base = (char[]){"ket"}, .iov_len = 3}};
    ck_assert_int_eq(connect_ip_datagram_capsule(client.ip, 0, vectors, 2), 0);
    ck_assert_int_eq(connect_ip_datagram_capsule(client.ip, 9, vectors, 1), 0);
    run();
    ck_assert_uint_eq(server.datagrams, 1);
    ck_assert_mem_eq(server.bytes, "packet", 6);
    ck_assert_uint_eq(connect_ip_statistics(server.ip)->unknown_context, 1);
}
END_TEST

START_TEST(a_peer_that_does_not_read_stops_the_writer_not_the_memory) {
    open_tunnel();
    client.conn.hold_acks = true;
    static uint8_t packet[1400];
    struct iovec vector = {.iov_base = packet, .iov_len = sizeof(packet)};
    int error = 0;
    unsigned sent = 0;
    while (error == 0 && sent < 1000) {
        error = connect_ip_datagram_capsule(client.ip, 0, &vector, 1);
        if (error == 0)
            sent++;
        run();
    }
    ck_assert_int_eq(error, -ENOBUFS);
    ck_assert_uint_eq(server.datagrams, sent);
    ck_assert_uint_le(sent * sizeof packet, 256 * 1024);
    client.conn.hold_acks = false;
    run();
    ck_assert_int_eq(connect_ip_datagram_capsule(client.ip, 0, &vector, 1), 0);
}
END_TEST

START_TEST(a_malformed_capsule_aborts_the_tunnel) {
    open_tunnel();
    ck_assert_int_eq(connect_ip_capsule(client.ip, CAPSULE_ADDRESS_REQUEST, NULL, 0), 0);
    run();
    ck_assert_uint_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, H3_MESSAGE_ERROR);
    ck_assert_ptr_nonnull(strstr(server.reason, "ADDRESS_REQUEST"));
    ck_assert_uint_eq(client.closed, 1);
    ck_assert_uint_eq(fake_stream_find(&server.conn, 0)->reset_code, H3_MESSAGE_ERROR);
    ck_assert(!connect_ip_is_open(server.ip) && !connect_ip_is_open(client.ip));
    ck_assert_uint_eq(server.conn.error + client.conn.error, 0);
}
END_TEST

START_TEST(a_stream_that_ends_in_a_capsule_is_malformed) {
    open_tunnel();
    uint8_t cut[] = {0x01, 9, 1};
    ck_assert_int_eq(h3_write(connect_ip_h3(client.ip), 0, cut, sizeof(cut)), 0);
    h3_finish(connect_ip_h3(client.ip), 0);
    run();
    ck_assert_uint_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, H3_MESSAGE_ERROR);
}
END_TEST

START_TEST(either_end_can_end_the_tunnel_properly) {
    for (int which = 0; which < 2; which++) {
        struct owner *first = which == 0 ? &client : &server, *second = which == 0 ? &server : &client;
        open_tunnel();
        connect_ip_close(first->ip, H3_NO_ERROR);
        ck_assert(!connect_ip_is_open(first->ip));
        run();
        ck_assert_uint_eq(first->closed, 0);
        ck_assert_uint_eq(second->closed, 1);
        ck_assert_uint_eq(second->code, H3_NO_ERROR);
        ck_assert(fake_stream_find(&client.conn, 0)->closed && fake_stream_find(&server.conn, 0)->closed);
        ck_assert_uint_eq(datagram_at(second, "\0\0x", 3, 0), 0);
        ck_assert_uint_eq(second->datagrams, 0);
        ck_assert_uint_eq(connect_ip_statistics(second->ip)->unknown_stream, 1);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(either_end_can_reset_the_tunnel) {
    for (int which = 0; which < 2; which++) {
        struct owner *first = which == 0 ? &client : &server, *second = which == 0 ? &server : &client;
        open_tunnel();
        connect_ip_close(first->ip, H3_EXCESSIVE_LOAD);
        run();
        ck_assert_uint_eq(first->closed, 0);
        ck_assert_uint_eq(second->closed, 1);
        ck_assert_uint_eq(second->code, H3_EXCESSIVE_LOAD);
        ck_assert(fake_stream_find(&client.conn, 0)->closed && fake_stream_find(&server.conn, 0)->closed);
        teardown();
        setup();
    }
}
END_TEST

START_TEST(the_owner_may_end_the_tunnel_as_it_opens) {
    server.close_on_open = true;
    start();
    ck_assert_uint_eq(datagram_at(&server, "\0\0x", 3, 0), 0);
    ask_with(NULL);
    run();
    ck_assert_uint_eq(server.datagrams, 0);
    ck_assert_uint_eq(client.opened, 1);
    ck_assert_uint_eq(client.closed, 1);
    ck_assert_uint_eq(client.code, H3_NO_ERROR);
}
END_TEST

START_TEST(a_client_may_give_up_before_the_answer) {
    start();
    run();
    ask_with(NULL);
    connect_ip_close(client.ip, H3_NO_ERROR);
    run();
    ck_assert_uint_eq(client.opened + client.refused + client.closed, 0);
    ck_assert_uint_eq(client.conn.error + server.conn.error, 0);
    teardown();
    setup();
    ask_with(NULL);
    connect_ip_close(client.ip, H3_NO_ERROR);
    start();
    run();
    ck_assert_uint_eq(server.requests, 0);
}
END_TEST

START_TEST(a_second_tunnel_on_the_connection_is_429) {
    open_tunnel();
    struct h3_message message = {.method = "CONNECT",
                                 .protocol = "connect-ip",
                                 .scheme = "https",
                                 .authority = "a",
                                 .path = "/.well-known/masque/ip/*/*/"};
    ck_assert_int_eq(h3_request(connect_ip_h3(client.ip), &message), 4);
    run();
    ck_assert_uint_eq(server.requests, 1);
    ck_assert(connect_ip_is_open(server.ip));
    ck_assert(fake_stream_find(&server.conn, 4)->fin_sent);
    ck_assert_uint_eq(client.closed + server.closed, 0);
}
END_TEST

START_TEST(too_few_streams_are_a_protocol_error) {
    client.conn.uni_allowed = 2;
    ck_assert_uint_eq(connect_ip_start(client.ip), H3_GENERAL_PROTOCOL_ERROR);
}
END_TEST

START_TEST(no_request_stream_is_a_refusal) {
    client.conn.bidi_allowed = 0;
    start();
    ask_with(NULL);
    run();
    ck_assert_uint_eq(client.refused, 1);
    ck_assert_uint_eq(client.status, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("connect_ip");
    TCase *tcase = tcase_create("connect_ip");
    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_tunnel_opens_and_both_ends_hear_of_it);
    tcase_add_test(tcase, a_tunnel_opens_whatever_the_order_and_the_cuts);
    tcase_add_test(tcase, the_request_waits_for_the_settings);
    tcase_add_test(tcase, settings_that_come_after_the_request_allow_datagrams_then);
    tcase_add_test(tcase, without_authorization_the_owner_hears_none);
    tcase_add_test(tcase, a_scope_reaches_the_server);
    tcase_add_test(tcase, a_second_request_of_the_owner_is_busy);
    tcase_add_test(tcase, a_field_that_cannot_be_sent_is_refused_not_dropped);
    tcase_add_test(tcase, refusals_carry_status_and_reason);
    tcase_add_test(tcase, a_refusal_without_a_reason_is_told_in_words);
    tcase_add_test(tcase, an_answer_that_cannot_be_sent_becomes_500);
    tcase_add_test(tcase, addresses_requests_and_routes_cross_the_tunnel);
    tcase_add_test(tcase, lists_that_the_rfc_forbids_are_not_sent);
    tcase_add_test(tcase, nothing_is_sent_without_a_tunnel);
    tcase_add_test(tcase, capsules_of_other_types_reach_the_owner);
    tcase_add_test(tcase, a_datagram_crosses_with_prefix_and_context);
    tcase_add_test(tcase, probes_of_the_path_are_offered_and_ignored_in_silence);
    tcase_add_test(tcase, unknown_contexts_are_counted_and_registered_ones_pass);
    tcase_add_test(tcase, datagrams_without_a_context_are_counted);
    tcase_add_test(tcase, impossible_stream_ids_are_a_connection_error);
    tcase_add_test(tcase, datagrams_of_other_streams_are_counted);
    tcase_add_test(tcase, datagrams_before_their_request_wait_for_it);
    tcase_add_test(tcase, datagrams_before_the_answer_wait_for_it);
    tcase_add_test(tcase, waiting_datagrams_are_dropped_after_100_ms);
    tcase_add_test(tcase, at_most_64_datagrams_wait);
    tcase_add_test(tcase, datagram_capsules_are_understood);
    tcase_add_test(tcase, a_peer_that_does_not_read_stops_the_writer_not_the_memory);
    tcase_add_test(tcase, a_malformed_capsule_aborts_the_tunnel);
    tcase_add_test(tcase, a_stream_that_ends_in_a_capsule_is_malformed);
    tcase_add_test(tcase, either_end_can_end_the_tunnel_properly);
    tcase_add_test(tcase, either_end_can_reset_the_tunnel);
    tcase_add_test(tcase, the_owner_may_end_the_tunnel_as_it_opens);
    tcase_add_test(tcase, a_client_may_give_up_before_the_answer);
    tcase_add_test(tcase, a_second_tunnel_on_the_connection_is_429);
    tcase_add_test(tcase, too_few_streams_are_a_protocol_error);
    tcase_add_test(tcase, no_request_stream_is_a_refusal);
    return suite_run(suite);
}
