/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_requests: a client or server of odd behaviour, made of a bare h3 or of bytes by hand, against the real other
 * end. */
#include "tunnel_pair.h"
#include "tests/unit/suite.h"

/* A bare h3 in the place of one end. */

struct bare {
    unsigned status, ends, closes;
    uint64_t code;
    char body[512], field[256];
    size_t body_length;
    const char *watch; /**< field of the answer to keep */
    struct h3_message answer;
    bool end;
};

static struct bare bare;
static struct h3 *bare_h3;

static void bare_settings(void *context, bool extended_connect, bool datagrams) {
    (void)context, (void)extended_connect, (void)datagrams;
}

static void bare_request(void *context, int64_t stream_id, const struct h3_message *request) {
    (void)context, (void)request;
    if (bare.answer.status != 0)
        ck_assert_int_eq(h3_respond(bare_h3, stream_id, &bare.answer, bare.end), 0);
}

static void bare_response(void *context, int64_t stream_id, const struct h3_message *response) {
    (void)context, (void)stream_id;
    bare.status = response->status;
    const struct h3_field *field = bare.watch != NULL ? h3_message_field(response, bare.watch, NULL) : NULL;
    snprintf(bare.field, sizeof(bare.field), "%s", field != NULL ? field->value : "");
}

static uint64_t bare_body(void *context, int64_t stream_id, const uint8_t *data, size_t length) {
    (void)context, (void)stream_id;
    if (length > sizeof(bare.body) - bare.body_length)
        length = sizeof(bare.body) - bare.body_length;
    memcpy(bare.body + bare.body_length, data, length);
    bare.body_length += length;
    return 0;
}

static void bare_end(void *context, int64_t stream_id) {
    (void)context, (void)stream_id;
    bare.ends++;
}

static void bare_closed(void *context, int64_t stream_id, uint64_t code) {
    (void)context, (void)stream_id;
    bare.closes++;
    bare.code = code;
}

static const struct h3_hooks bare_hooks = {bare_settings, bare_request, bare_response,
                                           bare_body,     bare_end,     bare_closed};

/** Put a bare h3 in the place of an end. */
static void make_bare(struct owner *owner, bool is_server) {
    memset(&bare, 0, sizeof(bare));
    connect_ip_free(owner->ip);
    owner->ip = NULL;
    ck_assert_int_eq(h3_new(is_server, &owner->conn, &bare_hooks, NULL, &bare_h3), 0);
    owner->conn.h3 = bare_h3;
}

/** A bare client's request to the real server. @return the answer's status */
static unsigned status_of(const struct h3_message *message, const char *watch) {
    teardown();
    setup();
    make_bare(&client, false);
    bare.watch = watch;
    ck_assert_int_eq(h3_start(bare_h3), 0);
    ck_assert_uint_eq(connect_ip_start(server.ip), 0);
    run();
    int64_t id = h3_request(bare_h3, message);
    ck_assert_int_eq(id, 0);
    if (strcmp(message->method, "CONNECT") != 0)
        h3_finish(bare_h3, id);
    run();
    ck_assert_uint_eq(server.conn.error, 0);
    ck_assert_uint_eq(client.conn.error, 0);
    h3_free(bare_h3);
    return bare.status;
}

#define PATH "/.well-known/masque/ip/*/*/"
#define CONNECT_IP .method = "CONNECT", .protocol = "connect-ip", .scheme = "https", .authority = "a"

START_TEST(other_requests_get_a_fitting_status) {
    ck_assert_uint_eq(status_of(&(struct h3_message){.method = "GET", .scheme = "https", .authority = "a", .path = "/"},
                                "content-type"),
                      404);
    ck_assert_str_eq(bare.field, "text/plain");
    ck_assert_uint_gt(bare.body_length, 0);
    ck_assert_uint_eq(bare.ends, 1);
    ck_assert_uint_eq(
        status_of(&(struct h3_message){.method = "HEAD", .scheme = "https", .authority = "a", .path = "/"}, NULL), 404);
    ck_assert_uint_eq(bare.body_length, 0);
    ck_assert_uint_eq(bare.ends, 1);
    ck_assert_uint_eq(
        status_of(&(struct h3_message){.method = "GET", .scheme = "https", .authority = "a", .path = PATH}, "allow"),
        405);
    ck_assert_str_eq(bare.field, "CONNECT");
    ck_assert_uint_eq(
        status_of(&(struct h3_message){.method = "BREW", .scheme = "https", .authority = "a", .path = "/"}, NULL), 501);
    ck_assert_uint_eq(server.requests, 0);
}
END_TEST

START_TEST(connect_requests_that_are_not_ours_get_a_fitting_status) {
    ck_assert_uint_eq(
        status_of(
            &(struct h3_message){
                .method = "CONNECT", .protocol = "connect-udp", .scheme = "https", .authority = "a", .path = PATH},
            NULL),
        501);
    ck_assert_uint_eq(
        status_of(
            &(struct h3_message){
                .method = "CONNECT", .protocol = "websocket", .scheme = "https", .authority = "a", .path = "/"},
            "proxy-status"),
        501);
    ck_assert_ptr_nonnull(strstr(bare.field, "details=\""));
    ck_assert_uint_eq(
        status_of(
            &(struct h3_message){
                .method = "CONNECT", .protocol = "connect-ip", .scheme = "http", .authority = "a", .path = PATH},
            NULL),
        400);
    ck_assert_uint_eq(status_of(&(struct h3_message){CONNECT_IP, .path = "/elsewhere"}, NULL), 404);
    ck_assert_uint_eq(status_of(&(struct h3_message){CONNECT_IP, .path = "/.well-known/masque/ip/*/256/"}, NULL), 400);
    ck_assert_uint_eq(
        status_of(&(struct h3_message){CONNECT_IP, .path = "/.well-known/masque/ip/10.0.0.1%2F24/*/"}, NULL), 400);
    ck_assert_uint_eq(server.requests, 0);
}
END_TEST

START_TEST(content_and_double_authorization_are_400) {
    struct h3_field length = {.name = "content-length", .value = "4", .value_length = 1},
                    type = {.name = "content-type", .value = "a/b", .value_length = 3};
    struct h3_field twice[] = {{.name = "authorization", .value = "Bearer a", .value_length = 8},
                               {.name = "authorization", .value = "Bearer b", .value_length = 8}};
    unsigned status =
        status_of(&(struct h3_message){CONNECT_IP, .path = PATH, .fields = &length, .field_count = 1}, NULL);
    /* nghttp3 may find it malformed first, and then resets the stream. */
    ck_assert(status == 400 || (status == 0 && bare.code == H3_MESSAGE_ERROR));
    ck_assert_uint_eq(
        status_of(&(struct h3_message){CONNECT_IP, .path = PATH, .fields = &type, .field_count = 1}, NULL), 400);
    ck_assert_uint_eq(
        status_of(&(struct h3_message){CONNECT_IP, .path = PATH, .fields = twice, .field_count = 2}, NULL), 400);
    ck_assert_uint_eq(server.requests, 0);
}
END_TEST

START_TEST(a_plain_peer_is_served_with_the_capsule_protocol_field) {
    ck_assert_uint_eq(status_of(&(struct h3_message){CONNECT_IP, .path = PATH}, "capsule-protocol"), 200);
    ck_assert_str_eq(bare.field, "?1");
    ck_assert_uint_eq(server.requests, 1);
    ck_assert_uint_eq(status_of(&(struct h3_message){CONNECT_IP, .path = "/.well-known/masque/ip/%2A/%2A/"}, NULL),
                      200);
}
END_TEST

START_TEST(a_posted_body_is_read_and_dropped) {
    make_bare(&client, false);
    ck_assert_int_eq(h3_start(bare_h3), 0);
    ck_assert_uint_eq(connect_ip_start(server.ip), 0);
    struct h3_message message = {.method = "POST", .scheme = "https", .authority = "a", .path = "/form"};
    static uint8_t body[100000];
    ck_assert_int_eq(h3_request(bare_h3, &message), 0);
    ck_assert_int_eq(h3_write(bare_h3, 0, body, sizeof(body)), 0);
    h3_finish(bare_h3, 0);
    run();
    ck_assert_uint_eq(bare.status, 404);
    struct fake_stream *stream = fake_stream_find(&server.conn, 0);
    ck_assert_uint_eq(stream->received, stream->consumed);
    ck_assert(stream->closed && !stream->reset);
    h3_free(bare_h3);
}
END_TEST

/** The real client against a bare server that answers so. */
static void ask_bare(const struct h3_message *answer, bool end) {
    make_bare(&server, true);
    bare.answer = *answer;
    bare.end = end;
    ck_assert_int_eq(h3_start(bare_h3), 0);
    ck_assert_uint_eq(connect_ip_start(client.ip), 0);
    ask_with(NULL);
    run();
}

START_TEST(any_2xx_without_content_opens_the_tunnel) {
    ask_bare(&(struct h3_message){.status = 299}, false);
    ck_assert_uint_eq(client.opened, 1);
    h3_free(bare_h3);
}
END_TEST

START_TEST(a_2xx_that_forbids_a_tunnel_is_malformed) {
    for (unsigned status = 204; status <= 206; status++) {
        ask_bare(&(struct h3_message){.status = status}, false);
        ck_assert_uint_eq(client.opened, 0);
        ck_assert_uint_eq(client.refused, 1);
        ck_assert_uint_eq(fake_stream_find(&client.conn, 0)->reset_code, H3_MESSAGE_ERROR);
        h3_free(bare_h3);
        teardown();
        setup();
    }
    struct h3_field type = {.name = "content-type", .value = "text/html", .value_length = 9};
    ask_bare(&(struct h3_message){.status = 200, .fields = &type, .field_count = 1}, false);
    ck_assert_uint_eq(client.opened, 0);
    ck_assert_uint_eq(client.refused, 1);
    h3_free(bare_h3);
}
END_TEST

START_TEST(a_redirection_is_a_refusal) {
    ask_bare(&(struct h3_message){.status = 302}, true);
    ck_assert_uint_eq(client.refused, 1);
    ck_assert_uint_eq(client.status, 302);
    ck_assert_uint_eq(client.opened + client.closed, 0);
    h3_free(bare_h3);
}
END_TEST

START_TEST(a_refusal_by_a_stranger_is_told_in_words) {
    struct h3_field odd = {.name = "proxy-status", .value = "a; details=\"unfinished", .value_length = 22};
    ask_bare(&(struct h3_message){.status = 401, .fields = &odd, .field_count = 1}, true);
    ck_assert_str_eq(client.reason, "401 Unauthorized");
    h3_free(bare_h3);
}
END_TEST

START_TEST(a_server_that_abandons_the_request_closes_it) {
    ask_bare(&(struct h3_message){.status = 0}, false);
    ck_assert_uint_eq(client.opened + client.refused + client.closed, 0);
    h3_reset(bare_h3, 0, H3_REQUEST_REJECTED);
    run();
    ck_assert_uint_eq(client.closed, 1);
    ck_assert_uint_eq(client.code, H3_REQUEST_REJECTED);
    h3_free(bare_h3);
}
END_TEST

START_TEST(a_server_that_ends_before_the_answer_closes_the_request) {
    make_bare(&server, true);
    ck_assert_int_eq(h3_start(bare_h3), 0);
    ck_assert_uint_eq(connect_ip_start(client.ip), 0);
    ask_with(NULL);
    run();
    fake_conn_feed(&client.conn, 0, true, NULL, 0);
    run();
    ck_assert(client.closed + client.refused == 1 || client.conn.error != 0);
    ck_assert_uint_eq(client.opened, 0);
    h3_free(bare_h3);
}
END_TEST

/** Feed SETTINGS by hand in the place of a server's. */
static void feed_settings(const void *settings, size_t length) {
    ck_assert_uint_eq(connect_ip_start(client.ip), 0);
    ask_with(NULL);
    fake_conn_feed(&client.conn, 3, false, settings, length);
}

START_TEST(a_server_without_extended_connect_is_refused_with_the_reason) {
    feed_settings("\x00\x04\x02\x33\x01", 5);
    ck_assert_uint_eq(client.refused, 1);
    ck_assert_uint_eq(client.status, 0);
    ck_assert_ptr_nonnull(strstr(client.reason, "extended CONNECT"));
}
END_TEST

START_TEST(a_server_without_datagrams_is_refused_with_the_reason) {
    feed_settings("\x00\x04\x02\x08\x01", 5);
    ck_assert_uint_eq(client.refused, 1);
    ck_assert_uint_eq(client.status, 0);
    ck_assert_ptr_nonnull(strstr(client.reason, "Datagrams"));
}
END_TEST

START_TEST(an_impossible_setting_is_a_connection_error) {
    feed_settings("\x00\x04\x02\x33\x02", 5);
    ck_assert_uint_eq(client.conn.error, H3_SETTINGS_ERROR);
    ck_assert_uint_eq(datagram_at(&client, "\0\0x", 3, 0), H3_SETTINGS_ERROR);
}
END_TEST

START_TEST(a_client_that_takes_no_datagrams_gets_capsules_only) {
    /* A client's control stream with empty SETTINGS, then a CONNECT-IP request, both by hand of another h3. */
    uint8_t prefix[CONNECT_IP_PREFIX_MAX];
    make_bare(&client, false);
    ck_assert_uint_eq(connect_ip_start(server.ip), 0);
    ck_assert_int_eq(h3_start(bare_h3), 0);
    struct h3_message message = {CONNECT_IP, .path = PATH};
    fake_conn_feed(&server.conn, 14, false, "\x00\x04\x00", 3);
    ck_assert_uint_eq(server.conn.error, 0);
    ck_assert_int_eq(h3_request(bare_h3, &message), 0);
    for (int i = 0; i < 50; i++) {
        struct iovec vectors[4];
        size_t count = 4;
        int64_t id;
        bool fin;
        if (!h3_next_stream_data(bare_h3, &id, &fin, vectors, &count))
            break;
        size_t length = 0;
        for (size_t v = 0; v < count; v++) {
            if (id == 0)
                fake_conn_feed(&server.conn, 0, false, vectors[v].iov_base, vectors[v].iov_len);
            length += vectors[v].iov_len;
        }
        h3_on_stream_written(bare_h3, id, length);
    }
    ck_assert(connect_ip_is_open(server.ip));
    ck_assert(!connect_ip_takes_datagrams(server.ip));
    ck_assert_uint_eq(connect_ip_datagram_prefix(server.ip, 0, prefix), 2);
    ck_assert_int_eq(connect_ip_datagram_capsule(server.ip, 0, &(struct iovec){.iov_base = prefix, .iov_len = 4}, 1),
                     0);
    h3_free(bare_h3);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("requests");
    TCase *tcase = tcase_create("requests");
    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, other_requests_get_a_fitting_status);
    tcase_add_test(tcase, connect_requests_that_are_not_ours_get_a_fitting_status);
    tcase_add_test(tcase, content_and_double_authorization_are_400);
    tcase_add_test(tcase, a_plain_peer_is_served_with_the_capsule_protocol_field);
    tcase_add_test(tcase, a_posted_body_is_read_and_dropped);
    tcase_add_test(tcase, any_2xx_without_content_opens_the_tunnel);
    tcase_add_test(tcase, a_2xx_that_forbids_a_tunnel_is_malformed);
    tcase_add_test(tcase, a_redirection_is_a_refusal);
    tcase_add_test(tcase, a_refusal_by_a_stranger_is_told_in_words);
    tcase_add_test(tcase, a_server_that_abandons_the_request_closes_it);
    tcase_add_test(tcase, a_server_that_ends_before_the_answer_closes_the_request);
    tcase_add_test(tcase, a_server_without_extended_connect_is_refused_with_the_reason);
    tcase_add_test(tcase, a_server_without_datagrams_is_refused_with_the_reason);
    tcase_add_test(tcase, an_impossible_setting_is_a_connection_error);
    tcase_add_test(tcase, a_client_that_takes_no_datagrams_gets_capsules_only);
    return suite_run(suite);
}
