/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_http_datagram: QUIC DATAGRAMs, at a server whose tunnel is open or has yet to come. The input is a byte whose
 * lowest bit opens the tunnel first, then records: a length byte and that many bytes of a datagram. A record of length
 * 255 lets time pass, one of 254 makes the request come. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_conn.h"
#include "masque/connect_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

/** What came of the datagrams. */
struct owner {
    uint64_t delivered; /**< handed over */
    bool open;          /**< the tunnel is */
};

static void on_request(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer) {
    (void)context, (void)request;
    *answer = (struct connect_ip_answer){.status = 200};
}

static void on_open(void *context, const struct h3_message *response) {
    struct owner *owner = context;
    (void)response;
    owner->open = true;
}

static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    (void)response;
    (void)context, (void)status, (void)reason;
}

static void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    (void)context, (void)addresses, (void)count;
}

static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    (void)context, (void)ranges, (void)count;
}

static void on_datagram(void *context, uint64_t context_id, const uint8_t *payload, size_t length) {
    struct owner *owner = context;
    (void)payload, (void)length;
    check(owner->open && context_id == 0);
    owner->delivered++;
}

static void on_capsule(void *context, uint64_t type, const uint8_t *value, size_t length) {
    (void)context, (void)type, (void)value, (void)length;
}

static void on_closed(void *context, uint64_t error_code, const char *reason) {
    (void)context, (void)error_code, (void)reason;
}

static const struct connect_ip_hooks hooks = {on_request, on_open,     on_refused, on_addresses, on_addresses,
                                              on_routes,  on_datagram, on_capsule, on_closed};

static void on_settings(void *context, bool extended_connect, bool datagrams) {
    (void)context, (void)extended_connect, (void)datagrams;
}

static void on_message(void *context, int64_t stream_id, const struct h3_message *message) {
    (void)context, (void)stream_id, (void)message;
}

static uint64_t on_body(void *context, int64_t stream_id, const uint8_t *bytes, size_t length) {
    (void)context, (void)stream_id, (void)bytes, (void)length;
    return 0;
}

static void on_end(void *context, int64_t stream_id) {
    (void)context, (void)stream_id;
}

static void on_stream_closed(void *context, int64_t stream_id, uint64_t code) {
    (void)context, (void)stream_id, (void)code;
}

static const struct h3_hooks client_hooks = {on_settings, on_message, on_message, on_body, on_end, on_stream_closed};

/** Make the request come. */
static void open_tunnel(struct conn *client, struct conn *server, struct owner *owner) {
    static const struct h3_message message = {.method = "CONNECT",
                                              .protocol = "connect-ip",
                                              .scheme = "https",
                                              .authority = "a",
                                              .path = "/.well-known/masque/ip/*/*/"};
    if (owner->open)
        return;
    check(h3_request(client->h3, &message) == 0);
    fake_conn_run(client, server);
    check(owner->open);
}

/** Hand the records over. */
static void feed(struct connect_ip *ip, struct conn *client, struct conn *server, struct owner *owner,
                 const uint8_t *data, size_t size) {
    uint64_t now = 0, taken = 0;
    while (size > 0) {
        size_t length = *data++;
        size--;
        if (length == 255) {
            now += 30000000;
            connect_ip_on_timer(ip, now);
            check(connect_ip_deadline(ip) > now);
            continue;
        }
        if (length == 254) {
            open_tunnel(client, server, owner);
            continue;
        }
        if (length > size)
            length = size;
        uint8_t *copy = malloc(length > 0 ? length : 1);
        check(copy != NULL);
        if (length > 0)
            memcpy(copy, data, length);
        uint64_t error = connect_ip_on_datagram(ip, copy, length, now);
        free(copy);
        check(error == 0 || error == H3_DATAGRAM_ERROR);
        if (error == 0)
            taken++;
        data += length;
        size -= length;
    }
    connect_ip_on_timer(ip, now + 200000000);
    check(connect_ip_deadline(ip) == UINT64_MAX);
    const struct connect_ip_statistics *statistics = connect_ip_statistics(ip);
    check(taken == owner->delivered + statistics->malformed + statistics->probes + statistics->unknown_context +
                       statistics->unknown_stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct conn client, server;
    struct owner owner = {0};
    struct connect_ip *ip;
    struct h3 *h3;
    if (size == 0)
        return 0;
    fake_conn_init(&client, &server);
    check(h3_new(false, &client, &client_hooks, NULL, &h3) == 0);
    check(connect_ip_new(true, &server, CONNECT_IP_TEMPLATE, &hooks, &owner, &ip) == 0);
    client.h3 = h3;
    server.h3 = connect_ip_h3(ip);
    check(h3_start(h3) == 0 && connect_ip_start(ip) == 0);
    fake_conn_run(&client, &server);
    if (data[0] & 1)
        open_tunnel(&client, &server, &owner);
    feed(ip, &client, &server, &owner, data + 1, size - 1);
    connect_ip_free(ip);
    h3_free(h3);
    return 0;
}
