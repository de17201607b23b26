/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_h3: two h3s joined in memory: messages, bodies, flow control, abandoning, limits and faults. */
#include "masque/h3.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_conn.h"
#include "tests/unit/suite.h"

/** One end's owner: what it heard, and what it does. */
struct owner {
    struct conn conn;
    struct h3 *h3;
    unsigned settings, requests, responses, ends, closes, bodies; /**< calls */
    bool extended_connect, datagrams;
    char method[16], scheme[16], authority[64], path[64], protocol[32], field[64];
    bool has_protocol, field_again, field_never_index;
    size_t field_count;
    unsigned status;
    int64_t stream_id;
    uint64_t code;
    size_t body_length;
    uint8_t body_sum;
    unsigned answer;     /**< status to answer requests with; 0: none */
    bool answer_ends;    /**< no body follows */
    uint64_t body_error; /**< what on_body returns */
    uint64_t reset_in;   /**< on a request: reset it with this code */
};

static struct owner client, server;

static void copy(char *out, size_t size, const char *text) {
    snprintf(out, size, "%s", text != NULL ? text : "(none)");
}

static void on_settings(void *context, bool extended_connect, bool datagrams) {
    struct owner *owner = context;
    owner->settings++;
    owner->extended_connect = extended_connect;
    owner->datagrams = datagrams;
}

static void keep_field(struct owner *owner, const struct h3_message *message) {
    const struct h3_field *field = h3_message_field(message, "x-test", &owner->field_again);
    copy(owner->field, sizeof(owner->field), field != NULL ? field->value : NULL);
    const struct h3_field *secret = h3_message_field(message, "authorization", NULL);
    owner->field_never_index = secret != NULL && secret->never_index;
    owner->field_count = message->field_count;
}

static void on_request(void *context, int64_t stream_id, const struct h3_message *request) {
    struct owner *owner = context;
    owner->requests++;
    owner->stream_id = stream_id;
    copy(owner->method, sizeof(owner->method), request->method);
    copy(owner->scheme, sizeof(owner->scheme), request->scheme);
    copy(owner->authority, sizeof(owner->authority), request->authority);
    copy(owner->path, sizeof(owner->path), request->path);
    copy(owner->protocol, sizeof(owner->protocol), request->protocol);
    keep_field(owner, request);
    struct h3_message answer = {.status = owner->answer};
    if (owner->answer != 0)
        ck_assert_int_eq(h3_respond(owner->h3, stream_id, &answer, owner->answer_ends), 0);
    if (owner->reset_in != 0)
        h3_reset(owner->h3, stream_id, owner->reset_in);
}

static void on_response(void *context, int64_t stream_id, const struct h3_message *response) {
    struct owner *owner = context;
    owner->responses++;
    owner->stream_id = stream_id;
    owner->status = response->status;
    keep_field(owner, response);
}

static uint64_t on_body(void *context, int64_t stream_id, const uint8_t *data, size_t length) {
    struct owner *owner = context;
    (void)stream_id;
    owner->bodies++;
    owner->body_length += length;
    for (size_t i = 0; i < length; i++)
        owner->body_sum = (uint8_t)(owner->body_sum * 31 + data[i]);
    return owner->body_error;
}

static void on_end(void *context, int64_t stream_id) {
    struct owner *owner = context;
    (void)stream_id;
    owner->ends++;
}

static void on_closed(void *context, int64_t stream_id, uint64_t code) {
    struct owner *owner = context;
    (void)stream_id;
    owner->closes++;
    owner->code = code;
}

static const struct h3_hooks hooks = {on_settings, on_request, on_response, on_body, on_end, on_closed};

static const struct h3_message get = {.method = "GET", .scheme = "https", .authority = "example.org", .path = "/"};

static void run(void) {
    fake_conn_run(&client.conn, &server.conn);
}

static void setup(void) {
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    fake_conn_init(&client.conn, &server.conn);
    ck_assert_int_eq(h3_new(false, &client.conn, &hooks, &client, &client.h3), 0);
    ck_assert_int_eq(h3_new(true, &server.conn, &hooks, &server, &server.h3), 0);
    client.conn.h3 = client.h3;
    server.conn.h3 = server.h3;
}

static void teardown(void) {
    h3_free(client.h3);
    h3_free(server.h3);
}

static void start(void) {
    ck_assert_int_eq(h3_start(client.h3), 0);
    ck_assert_int_eq(h3_start(server.h3), 0);
    run();
}

/** A request that the server has heard. */
static int64_t ask(const struct h3_message *message) {
    int64_t id = h3_request(client.h3, message);
    ck_assert_int_ge(id, 0);
    run();
    return id;
}

START_TEST(settings_say_what_each_end_takes) {
    start();
    ck_assert_uint_eq(client.settings, 1);
    ck_assert_uint_eq(server.settings, 1);
    ck_assert(client.extended_connect && client.datagrams && server.datagrams);
    ck_assert(h3_peer_takes_datagrams(client.h3) && h3_peer_takes_datagrams(server.h3));
}
END_TEST

START_TEST(settings_are_read_byte_by_byte) {
    client.conn.piece = server.conn.piece = 1;
    start();
    ck_assert(client.extended_connect && client.datagrams && server.datagrams);
}
END_TEST

START_TEST(a_request_arrives_as_it_was_sent) {
    struct h3_field fields[] = {{.name = "x-test", .value = "first", .value_length = 5},
                                {.name = "authorization", .value = "Bearer x", .value_length = 8},
                                {.name = "x-test", .value = "second", .value_length = 6}};
    struct h3_message message = {.method = "CONNECT",
                                 .protocol = "connect-ip",
                                 .scheme = "https",
                                 .authority = "a:1",
                                 .path = "/p",
                                 .fields = fields,
                                 .field_count = 3};
    start();
    ck_assert_int_eq(ask(&message), 0);
    ck_assert_uint_eq(server.requests, 1);
    ck_assert_str_eq(server.method, "CONNECT");
    ck_assert_str_eq(server.protocol, "connect-ip");
    ck_assert_str_eq(server.scheme, "https");
    ck_assert_str_eq(server.authority, "a:1");
    ck_assert_str_eq(server.path, "/p");
    ck_assert_str_eq(server.field, "first");
    ck_assert(server.field_again);
    ck_assert_uint_eq(server.field_count, 3);
}
END_TEST

START_TEST(authorization_is_marked_never_to_be_indexed) {
    struct h3_field field = {.name = "authorization", .value = "Bearer x", .value_length = 8};
    struct h3_message message = get;
    message.fields = &field;
    message.field_count = 1;
    start();
    ask(&message);
    ck_assert(server.field_never_index);
}
END_TEST

START_TEST(an_answer_without_a_body_ends_the_stream) {
    server.answer = 204;
    server.answer_ends = true;
    start();
    int64_t id = ask(&get);
    h3_finish(client.h3, id);
    run();
    ck_assert_uint_eq(client.responses, 1);
    ck_assert_uint_eq(client.status, 204);
    ck_assert_uint_eq(client.ends, 1);
    ck_assert_uint_eq(client.closes, 1);
    ck_assert_uint_eq(server.closes, 1);
}
END_TEST

START_TEST(bodies_cross_both_ways_in_any_pieces) {
    for (size_t piece = 1; piece <= 4096; piece *= 16) {
        static uint8_t bytes[50000];
        uint8_t sum = 0;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)(i * 7);
            sum = (uint8_t)(sum * 31 + bytes[i]);
        }
        teardown();
        setup();
        client.conn.piece = server.conn.piece = piece;
        server.answer = 200;
        start();
        int64_t id = ask(&get);
        for (size_t at = 0; at < sizeof(bytes); at += 1250) {
            ck_assert_int_eq(h3_write(client.h3, id, bytes + at, 1250), 0);
            ck_assert_int_eq(h3_write(server.h3, id, bytes + at, 1250), 0);
            if (at % 5000 == 0)
                run();
        }
        run();
        ck_assert_uint_eq(server.body_length, sizeof(bytes));
        ck_assert_uint_eq(server.body_sum, sum);
        ck_assert_uint_eq(client.body_length, sizeof(bytes));
        ck_assert_uint_eq(client.body_sum, sum);
        /* All credit came back, framing included. */
        ck_assert_uint_eq(fake_stream_find(&server.conn, id)->consumed, fake_stream_find(&server.conn, id)->received);
        ck_assert_uint_eq(fake_stream_find(&client.conn, id)->consumed, fake_stream_find(&client.conn, id)->received);
        ck_assert_uint_eq(client.ends + server.ends + client.closes + server.closes, 0);
        h3_finish(client.h3, id);
        run();
        ck_assert_uint_eq(server.ends, 1);
        h3_finish(server.h3, id);
        run();
        ck_assert_uint_eq(client.ends, 1);
        ck_assert_uint_eq(client.closes + server.closes, 2);
    }
}
END_TEST

START_TEST(unacknowledged_bytes_are_bounded) {
    static uint8_t bytes[64 * 1024];
    start();
    int64_t id = ask(&get);
    client.conn.hold_acks = true;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(h3_write(client.h3, id, bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(h3_write(client.h3, id, bytes, 1), -ENOBUFS);
    run();
    ck_assert_int_eq(h3_write(client.h3, id, bytes, 1), -ENOBUFS);
    client.conn.hold_acks = false;
    run();
    ck_assert_int_eq(h3_write(client.h3, id, bytes, 1), 0);
}
END_TEST

START_TEST(a_write_of_several_pieces_is_all_or_nothing) {
    static uint8_t bytes[200 * 1024];
    struct iovec vectors[] = {{.iov_base = bytes, .iov_len = sizeof(bytes)},
                              {.iov_base = NULL, .iov_len = 0},
                              {.iov_base = bytes, .iov_len = 100 * 1024}};
    start();
    int64_t id = ask(&get);
    ck_assert_int_eq(h3_writev(client.h3, id, vectors, 3), -ENOBUFS);
    ck_assert_int_eq(h3_writev(client.h3, id, vectors, 2), 0);
    run();
    ck_assert_uint_eq(server.body_length, sizeof(bytes));
}
END_TEST

START_TEST(a_blocked_stream_waits_for_its_window) {
    start();
    int64_t id = ask(&get);
    fake_stream_find(&client.conn, id)->blocked = true;
    ck_assert_int_eq(h3_write(client.h3, id, (const uint8_t *)"hello", 5), 0);
    run();
    ck_assert_uint_eq(server.body_length, 0);
    fake_stream_find(&client.conn, id)->blocked = false;
    run();
    ck_assert_uint_eq(server.body_length, 0);
    h3_on_stream_writable(client.h3, id);
    run();
    ck_assert_uint_eq(server.body_length, 5);
}
END_TEST

START_TEST(what_http_forbids_is_not_sent) {
    static const struct h3_field bad[] = {
        {.name = "x", .value = "a\nb", .value_length = 3}, {.name = "x", .value = "a\rb", .value_length = 3},
        {.name = "x", .value = "a\0b", .value_length = 3}, {.name = "X", .value = "a", .value_length = 1},
        {.name = "a b", .value = "a", .value_length = 1},  {.name = "", .value = "a", .value_length = 1},
        {.name = ":path", .value = "/", .value_length = 1}};
    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct h3_message message = get;
        message.fields = &bad[i];
        message.field_count = 1;
        ck_assert_int_eq(h3_request(client.h3, &message), -EINVAL);
    }
    struct h3_message message = get;
    message.path = "/a\nb";
    ck_assert_int_eq(h3_request(client.h3, &message), -EINVAL);
    message.path = "";
    ck_assert_int_eq(h3_request(client.h3, &message), -EINVAL);
    ck_assert_int_eq(ask(&get), 0);
    message = (struct h3_message){.status = 200, .fields = bad, .field_count = 1};
    ck_assert_int_eq(h3_respond(server.h3, 0, &message, true), -EINVAL);
    message = (struct h3_message){.status = 99};
    ck_assert_int_eq(h3_respond(server.h3, 0, &message, true), -EINVAL);
    message.status = 200;
    ck_assert_int_eq(h3_respond(server.h3, 4, &message, true), -EINVAL);
    ck_assert_int_eq(h3_respond(server.h3, 0, &message, true), 0);
    ck_assert_int_eq(h3_respond(server.h3, 0, &message, true), -EINVAL);
}
END_TEST

START_TEST(a_request_needs_the_streams_to_be_open_and_allowed) {
    ck_assert_int_eq(h3_request(client.h3, &get), -EAGAIN);
    client.conn.bidi_allowed = 1;
    start();
    ck_assert_int_eq(h3_request(client.h3, &get), 0);
    ck_assert_int_eq(h3_request(client.h3, &get), -EAGAIN);
}
END_TEST

START_TEST(too_few_unidirectional_streams_are_told) {
    client.conn.uni_allowed = 2;
    ck_assert_int_eq(h3_start(client.h3), -EAGAIN);
}
END_TEST

START_TEST(a_header_section_too_large_is_431) {
    struct h3_field fields[H3_FIELDS_MAX];
    static char value[4001];
    memset(value, 'v', sizeof(value) - 1);
    for (size_t i = 0; i < H3_FIELDS_MAX; i++)
        fields[i] = (struct h3_field){.name = "x-test", .value = value, .value_length = 4000};
    struct h3_message message = get;
    message.fields = fields;
    message.field_count = 5;
    start();
    int64_t id = ask(&message);
    ck_assert_uint_eq(server.requests, 0);
    ck_assert_uint_eq(client.status, 431);
    h3_finish(client.h3, id);
    run();
    ck_assert_uint_eq(client.closes, 1);
    message.field_count = 4;
    message.fields = fields;
    for (size_t i = 0; i < 4; i++)
        fields[i].value_length = 3900;
    ask(&message);
    ck_assert_uint_eq(server.requests, 1);
    ck_assert_uint_eq(server.conn.error, 0);
}
END_TEST

START_TEST(more_fields_than_are_kept_are_431) {
    struct h3_field fields[H3_FIELDS_MAX];
    for (size_t i = 0; i < H3_FIELDS_MAX; i++)
        fields[i] = (struct h3_field){.name = "x", .value = "y", .value_length = 1};
    struct h3_message message = get;
    message.fields = fields;
    message.field_count = H3_FIELDS_MAX - 4;
    start();
    ask(&message);
    ck_assert_uint_eq(server.requests, 1);
    message.field_count++;
    ck_assert_int_eq(h3_request(client.h3, &message), -EINVAL);
}
END_TEST

START_TEST(an_answer_too_large_abandons_the_stream) {
    struct h3_field fields[5];
    static char value[4001];
    memset(value, 'v', sizeof(value) - 1);
    for (size_t i = 0; i < 5; i++)
        fields[i] = (struct h3_field){.name = "x-test", .value = value, .value_length = 4000};
    struct h3_message message = {.status = 200, .fields = fields, .field_count = 5};
    start();
    int64_t id = ask(&get);
    ck_assert_int_eq(h3_respond(server.h3, id, &message, false), 0);
    run();
    ck_assert_uint_eq(client.responses, 0);
    ck_assert_uint_eq(client.closes, 1);
    ck_assert_uint_eq(client.code, H3_EXCESSIVE_LOAD);
    ck_assert_uint_eq(server.closes, 1);
}
END_TEST

START_TEST(interim_answers_are_passed_over) {
    start();
    int64_t id = ask(&get);
    /* HEADERS with :status 103 (static table 24), by hand. */
    fake_conn_feed(&client.conn, id, false, "\x01\x03\x00\x00\xd8", 5);
    ck_assert_uint_eq(client.responses, 0);
    server.answer = 0;
    struct h3_message message = {.status = 200};
    ck_assert_int_eq(h3_respond(server.h3, id, &message, true), 0);
    run();
    ck_assert_uint_eq(client.responses, 1);
    ck_assert_uint_eq(client.status, 200);
}
END_TEST

START_TEST(a_stream_may_be_reset_from_within_a_hook) {
    server.reset_in = H3_REQUEST_REJECTED;
    start();
    int64_t id = ask(&get);
    ck_assert_uint_eq(client.closes, 1);
    ck_assert_uint_eq(client.code, H3_REQUEST_REJECTED);
    ck_assert_uint_eq(server.closes, 0);
    ck_assert_int_eq(h3_write(server.h3, id, (const uint8_t *)"x", 1), -ENOENT);
    ck_assert(fake_stream_find(&server.conn, id)->closed);
}
END_TEST

START_TEST(an_error_of_the_body_resets_the_stream) {
    server.body_error = H3_MESSAGE_ERROR;
    server.answer = 200;
    start();
    int64_t id = ask(&get);
    ck_assert_int_eq(h3_write(client.h3, id, (const uint8_t *)"hello", 5), 0);
    run();
    ck_assert_uint_eq(server.bodies, 1);
    ck_assert_uint_eq(server.closes, 1);
    ck_assert_uint_eq(server.code, H3_MESSAGE_ERROR);
    ck_assert_uint_eq(client.closes, 1);
    ck_assert_uint_eq(client.code, H3_MESSAGE_ERROR);
    ck_assert_int_eq(h3_write(client.h3, id, (const uint8_t *)"hello", 5), -ENOENT);
    run();
    ck_assert_uint_eq(server.bodies, 1);
}
END_TEST

START_TEST(closing_frees_what_was_never_acknowledged) {
    start();
    int64_t id = ask(&get);
    client.conn.hold_acks = true;
    ck_assert_int_eq(h3_write(client.h3, id, (const uint8_t *)"hello", 5), 0);
    run();
    h3_reset(client.h3, id, H3_REQUEST_CANCELLED);
    run();
    ck_assert_uint_eq(server.closes, 1);
}
END_TEST

START_TEST(more_requests_than_are_served_are_rejected) {
    client.conn.bidi_allowed = H3_STREAMS_MAX + 2;
    start();
    for (unsigned i = 0; i < H3_STREAMS_MAX + 2; i++)
        ck_assert_int_eq(h3_request(client.h3, &get), 4 * (int64_t)i);
    run();
    ck_assert_uint_eq(server.requests, H3_STREAMS_MAX);
    ck_assert_uint_eq(client.closes, 2);
    ck_assert_uint_eq(client.code, H3_REQUEST_REJECTED);
    ck_assert_uint_eq(server.conn.error, 0);
}
END_TEST

START_TEST(many_requests_one_after_another_are_served) {
    server.answer = 200;
    server.answer_ends = true;
    start();
    for (unsigned i = 0; i < 50; i++) {
        client.conn.bidi_allowed = 1;
        int64_t id = ask(&get);
        h3_finish(client.h3, id);
        run();
        ck_assert_uint_eq(client.closes, i + 1);
        ck_assert_uint_eq(server.closes, i + 1);
    }
}
END_TEST

START_TEST(a_message_without_its_pseudo_headers_is_reset_not_heard) {
    /* HEADERS with :method GET only (static table 17). */
    start();
    fake_conn_feed(&server.conn, 0, false, "\x01\x03\x00\x00\xd1", 5);
    ck_assert_uint_eq(server.conn.error, 0);
    ck_assert_uint_eq(server.requests, 0);
    ck_assert_uint_eq(fake_stream_find(&server.conn, 0)->reset_code, H3_MESSAGE_ERROR);
}
END_TEST

START_TEST(junk_on_the_control_stream_is_a_connection_error_and_the_end) {
    start();
    fake_conn_feed(&server.conn, 2, false, "\x04\x00", 2);
    ck_assert_uint_ne(server.conn.error, 0);
    ck_assert_uint_eq(h3_fault(server.h3), server.conn.error);
    ck_assert_uint_eq(h3_on_stream_data(server.h3, 0, false, (const uint8_t *)"x", 1), server.conn.error);
    struct iovec vector;
    size_t count = 1;
    int64_t id;
    bool fin;
    ck_assert(!h3_next_stream_data(server.h3, &id, &fin, &vector, &count));
    ck_assert_int_eq(h3_request(server.h3, &get), -EAGAIN);
    h3_on_stream_closed(server.h3, 0, 0);
    h3_on_stream_reset(server.h3, 0, 0);
    h3_on_stream_writable(server.h3, 0);
}
END_TEST

START_TEST(a_closed_control_stream_is_a_fault) {
    start();
    h3_on_stream_closed(server.h3, 2, 0);
    ck_assert_uint_eq(h3_fault(server.h3), 0x104);
}
END_TEST

START_TEST(a_stream_of_an_unknown_type_is_no_harm) {
    start();
    fake_conn_feed(&server.conn, 14, false, "\x21junkjunk", 9);
    fake_conn_feed(&server.conn, 18, true, "\x40\x54more", 6);
    ck_assert_uint_eq(server.conn.error, 0);
    ask(&get);
    ck_assert_uint_eq(server.requests, 1);
}
END_TEST

START_TEST(a_client_hears_the_answer_though_its_request_is_not_wanted) {
    server.answer = 0;
    start();
    int64_t id = ask(&get);
    h3_on_stream_stop_sending(client.h3, id, H3_NO_ERROR);
    ck_assert_uint_eq(client.closes, 0);
    struct h3_message message = {.status = 403};
    ck_assert_int_eq(h3_respond(server.h3, id, &message, true), 0);
    run();
    ck_assert_uint_eq(client.status, 403);
}
END_TEST

START_TEST(a_server_whose_answer_is_not_wanted_lets_it_be) {
    server.answer = 200;
    start();
    int64_t id = ask(&get);
    h3_on_stream_stop_sending(server.h3, id, H3_REQUEST_CANCELLED);
    ck_assert_uint_eq(server.closes, 1);
    ck_assert_uint_eq(server.code, H3_REQUEST_CANCELLED);
    ck_assert_int_eq(h3_write(server.h3, id, (const uint8_t *)"x", 1), -ENOENT);
}
END_TEST

START_TEST(datagram_prefixes_survive_writing_and_parsing) {
    static const int64_t ids[] = {0, 4, 252, 256, 65532, 1 << 20, (int64_t)((1ull << 62) - 4)};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        uint8_t bytes[9] = {0};
        const uint8_t *payload;
        int64_t id;
        size_t length, used = h3_datagram_prefix(ids[i], bytes);
        ck_assert_int_eq(h3_datagram_parse(bytes, used + 1, &id, &payload, &length), 0);
        ck_assert_int_eq(id, ids[i]);
        ck_assert_ptr_eq(payload, bytes + used);
        ck_assert_uint_eq(length, 1);
        ck_assert_int_eq(h3_datagram_parse(bytes, used - 1, &id, &payload, &length), -EBADMSG);
    }
    const uint8_t too_large[] = {0xd0, 0, 0, 0, 0, 0, 0, 0};
    const uint8_t *payload;
    int64_t id;
    size_t length;
    ck_assert_int_eq(h3_datagram_parse(too_large, 8, &id, &payload, &length), -EBADMSG);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("h3");
    TCase *tcase = tcase_create("h3");
    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, settings_say_what_each_end_takes);
    tcase_add_test(tcase, settings_are_read_byte_by_byte);
    tcase_add_test(tcase, a_request_arrives_as_it_was_sent);
    tcase_add_test(tcase, authorization_is_marked_never_to_be_indexed);
    tcase_add_test(tcase, an_answer_without_a_body_ends_the_stream);
    tcase_add_test(tcase, bodies_cross_both_ways_in_any_pieces);
    tcase_add_test(tcase, unacknowledged_bytes_are_bounded);
    tcase_add_test(tcase, a_write_of_several_pieces_is_all_or_nothing);
    tcase_add_test(tcase, a_blocked_stream_waits_for_its_window);
    tcase_add_test(tcase, what_http_forbids_is_not_sent);
    tcase_add_test(tcase, a_request_needs_the_streams_to_be_open_and_allowed);
    tcase_add_test(tcase, too_few_unidirectional_streams_are_told);
    tcase_add_test(tcase, a_header_section_too_large_is_431);
    tcase_add_test(tcase, more_fields_than_are_kept_are_431);
    tcase_add_test(tcase, an_answer_too_large_abandons_the_stream);
    tcase_add_test(tcase, interim_answers_are_passed_over);
    tcase_add_test(tcase, a_stream_may_be_reset_from_within_a_hook);
    tcase_add_test(tcase, an_error_of_the_body_resets_the_stream);
    tcase_add_test(tcase, closing_frees_what_was_never_acknowledged);
    tcase_add_test(tcase, more_requests_than_are_served_are_rejected);
    tcase_add_test(tcase, many_requests_one_after_another_are_served);
    tcase_add_test(tcase, a_message_without_its_pseudo_headers_is_reset_not_heard);
    tcase_add_test(tcase, junk_on_the_control_stream_is_a_connection_error_and_the_end);
    tcase_add_test(tcase, a_closed_control_stream_is_a_fault);
    tcase_add_test(tcase, a_stream_of_an_unknown_type_is_no_harm);
    tcase_add_test(tcase, a_client_hears_the_answer_though_its_request_is_not_wanted);
    tcase_add_test(tcase, a_server_whose_answer_is_not_wanted_lets_it_be);
    tcase_add_test(tcase, datagram_prefixes_survive_writing_and_parsing);
    return suite_run(suite);
}
