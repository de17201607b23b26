/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tunnel_pair: a client's and a server's connect_ip joined in memory, each with an owner that keeps what it hears.
 * Included by a test program, once. */
#ifndef MPVPN_TESTS_TUNNEL_PAIR_H
#define MPVPN_TESTS_TUNNEL_PAIR_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_conn.h"
#include "masque/connect_ip.h"

/** One end's owner: what it heard, and how it answers. */
struct owner {
    struct conn conn;
    struct connect_ip *ip;
    unsigned requests, opened, refused, closed, addresses, asked, routed, datagrams, capsules; /**< calls */
    char authority[64], authorization[64], reason[256], response_field[64], bytes[2048];
    bool had_authorization;
    struct connect_ip_scope scope;
    unsigned status; /**< of a refusal heard */
    uint64_t code;   /**< of on_closed */
    uint64_t context_id, type;
    size_t length, address_count, range_count;
    struct capsule_address address[4];
    struct ip_range range[4];
    unsigned answer; /**< status to answer requests with; 0: 200 */
    const char *answer_reason;
    struct h3_field answer_field; /**< further field of the answer, if it has a name */
    bool close_on_open;           /**< end the tunnel from within on_open */
};

static struct owner client, server;

static inline void on_request(void *context, const struct connect_ip_request *request,
                              struct connect_ip_answer *answer) {
    struct owner *owner = context;
    owner->requests++;
    snprintf(owner->authority, sizeof(owner->authority), "%s", request->authority);
    owner->had_authorization = request->authorization != NULL;
    snprintf(owner->authorization, sizeof(owner->authorization), "%s",
             request->authorization != NULL ? request->authorization : "");
    owner->scope = request->scope;
    *answer =
        (struct connect_ip_answer){.status = owner->answer != 0 ? owner->answer : 200, .reason = owner->answer_reason};
    if (owner->answer_field.name != NULL) {
        answer->fields = &owner->answer_field;
        answer->field_count = 1;
    }
}

static inline void on_open(void *context, const struct h3_message *response) {
    struct owner *owner = context;
    owner->opened++;
    const struct h3_field *field = h3_message_field(response, "mpvpn-bond", NULL);
    snprintf(owner->response_field, sizeof(owner->response_field), "%s", field != NULL ? field->value : "");
    if (owner->close_on_open)
        connect_ip_close(owner->ip, H3_NO_ERROR);
}

static inline void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    (void)response;
    struct owner *owner = context;
    owner->refused++;
    owner->status = status;
    snprintf(owner->reason, sizeof(owner->reason), "%s", reason);
}

static inline void keep(struct owner *owner, const struct capsule_address *addresses, size_t count) {
    owner->address_count = count;
    for (size_t i = 0; i < count && i < 4; i++)
        owner->address[i] = addresses[i];
}

static inline void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    struct owner *owner = context;
    owner->addresses++;
    keep(owner, addresses, count);
}

static inline void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    struct owner *owner = context;
    owner->asked++;
    keep(owner, requests, count);
}

static inline void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct owner *owner = context;
    owner->routed++;
    owner->range_count = count;
    for (size_t i = 0; i < count && i < 4; i++)
        owner->range[i] = ranges[i];
}

static inline void keep_bytes(struct owner *owner, const uint8_t *data, size_t length) {
    owner->length = length;
    if (length > 0)
        memcpy(owner->bytes, data, length < sizeof(owner->bytes) ? length : sizeof(owner->bytes));
}

static inline void on_datagram(void *context, uint64_t context_id, const uint8_t *payload, size_t length) {
    struct owner *owner = context;
    owner->datagrams++;
    owner->context_id = context_id;
    keep_bytes(owner, payload, length);
}

static inline void on_capsule(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct owner *owner = context;
    owner->capsules++;
    owner->type = type;
    keep_bytes(owner, value, length);
}

static inline void on_closed(void *context, uint64_t error_code, const char *reason) {
    struct owner *owner = context;
    owner->closed++;
    owner->code = error_code;
    snprintf(owner->reason, sizeof(owner->reason), "%s", reason);
}

static const struct connect_ip_hooks hooks = {on_request, on_open,     on_refused, on_addresses, on_address_request,
                                              on_routes,  on_datagram, on_capsule, on_closed};

static const struct connect_ip_scope anything = {.any_target = true, .protocol = -1};

static inline void setup(void) {
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    fake_conn_init(&client.conn, &server.conn);
    char template[] = CONNECT_IP_TEMPLATE;
    ck_assert_int_eq(connect_ip_new(false, &client.conn, template, &hooks, &client, &client.ip), 0);
    ck_assert_int_eq(connect_ip_new(true, &server.conn, template, &hooks, &server, &server.ip), 0);
    memset(template, 'x', sizeof(template) - 1); /* a reload frees the configuration that it stood in */
    client.conn.h3 = connect_ip_h3(client.ip);
    server.conn.h3 = connect_ip_h3(server.ip);
}

static inline void teardown(void) {
    connect_ip_free(client.ip);
    connect_ip_free(server.ip);
}

static inline void run(void) {
    fake_conn_run(&client.conn, &server.conn);
}

static inline void start(void) {
    ck_assert_uint_eq(connect_ip_start(client.ip), 0);
    ck_assert_uint_eq(connect_ip_start(server.ip), 0);
}

static inline void ask_with(const char *authorization) {
    ck_assert_int_eq(connect_ip_open(client.ip, "vpn.example.net", &anything, authorization, NULL, 0), 0);
}

static inline void open_tunnel(void) {
    start();
    ask_with(NULL);
    run();
    ck_assert(connect_ip_is_open(client.ip) && connect_ip_is_open(server.ip));
}

/** Hand a datagram with this prefix and payload to an end. */
static inline uint64_t datagram_at(struct owner *to, const void *bytes, size_t length, uint64_t now) {
    uint8_t *copy = malloc(length > 0 ? length : 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    uint64_t error = connect_ip_on_datagram(to->ip, copy, length, now);
    free(copy);
    return error;
}

static inline struct capsule_address entry(uint64_t id, const char *text) {
    struct capsule_address out = {.request_id = id};
    ck_assert_int_eq(ip_prefix_parse(text, &out.prefix), 0);
    return out;
}

#endif
