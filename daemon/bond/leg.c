/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leg: glue between one conn and one connect_ip.
 *
 * How it works: the conn's stream hooks go to h3 one to one, its datagrams to connect_ip, and what connect_ip
 * understands comes back as leg_hooks. The prefix of a datagram (quarter stream ID and context ID) is written once,
 * when the tunnel opens, so that sending a packet is three I/O vectors: prefix, rebuilt header, payload slice. Left
 * out: everything about several legs (bond/session), and all I/O. Invariant: `now` is the time of the call under way;
 * hooks of lower rooms that bring no time use it. Standards: RFC 9484, RFC 9297, RFC 9221. */
#include "bond/leg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum prefix { PREFIX_PLAIN, PREFIX_PACKET, PREFIX_MARK, PREFIXES };

struct leg {
    struct conn *conn;                               /* owned */
    struct connect_ip *ip;                           /* owned */
    const struct leg_hooks *hooks;                   /* the owner's */
    void *context;                                   /* handed to hooks */
    uint64_t now;                                    /* ns, of the call under way */
    uint8_t prefix[PREFIXES][CONNECT_IP_PREFIX_MAX]; /* of datagrams: plain packet, bonded packet, mark */
    uint8_t prefix_bytes;                            /* of each of them; 0: not open */
    bool bonded;                                     /* leg_bond() was called */
    struct leg_counters counters;
};

/* conn to h3, one to one */

static uint64_t on_stream_data(void *context, int64_t id, bool fin, const uint8_t *data, size_t length) {
    return h3_on_stream_data(connect_ip_h3(((struct leg *)context)->ip), id, fin, data, length);
}
static void on_stream_acked(void *context, int64_t id, uint64_t length) {
    h3_on_stream_acked(connect_ip_h3(((struct leg *)context)->ip), id, length);
}
static void on_stream_closed(void *context, int64_t id, uint64_t code) {
    h3_on_stream_closed(connect_ip_h3(((struct leg *)context)->ip), id, code);
}
static void on_stream_reset(void *context, int64_t id, uint64_t code) {
    h3_on_stream_reset(connect_ip_h3(((struct leg *)context)->ip), id, code);
}
static void on_stream_stop_sending(void *context, int64_t id, uint64_t code) {
    h3_on_stream_stop_sending(connect_ip_h3(((struct leg *)context)->ip), id, code);
}
static void on_stream_writable(void *context, int64_t id) {
    h3_on_stream_writable(connect_ip_h3(((struct leg *)context)->ip), id);
}
static bool next_stream_data(void *context, int64_t *id, bool *fin, struct iovec *vectors, size_t *count) {
    return h3_next_stream_data(connect_ip_h3(((struct leg *)context)->ip), id, fin, vectors, count);
}
static void on_stream_written(void *context, int64_t id, size_t length) {
    h3_on_stream_written(connect_ip_h3(((struct leg *)context)->ip), id, length);
}
static void on_stream_blocked(void *context, int64_t id, bool shut) {
    h3_on_stream_blocked(connect_ip_h3(((struct leg *)context)->ip), id, shut);
}

/* the rest of conn's hooks */

static void on_handshake(void *context) {
    struct leg *leg = context;
    uint64_t code = connect_ip_start(leg->ip);
    if (code)
        conn_close(leg->conn, code, "the peer allows too few streams for HTTP/3", leg->now);
    else
        leg->hooks->on_handshake(leg->context);
}

static void on_conn_datagram(void *context, const uint8_t *data, size_t length) {
    struct leg *leg = context;
    uint64_t code = connect_ip_on_datagram(leg->ip, data, length, leg->now);
    if (code)
        conn_close(leg->conn, code, "malformed HTTP datagram", leg->now);
}

static void on_datagram_acked(void *context, uint64_t id) {
    struct leg *leg = context;
    if (id && leg->hooks->on_acked)
        leg->hooks->on_acked(leg->context, id);
}

static void on_datagram_lost(void *context, uint64_t id) {
    struct leg *leg = context;
    leg->counters.lost++;
    if (id && leg->hooks->on_lost)
        leg->hooks->on_lost(leg->context, id);
}

static void on_cid(void *context, const struct conn_cid *cid, bool in_use) {
    struct leg *leg = context;
    leg->hooks->on_cid(leg->context, cid, in_use);
}

static void on_conn_mtu(void *context, size_t udp_payload_bytes) {
    struct leg *leg = context;
    (void)udp_payload_bytes;
    leg->hooks->on_mtu(leg->context);
}

static void on_token(void *context, const uint8_t *token, size_t length) {
    struct leg *leg = context;
    leg->hooks->on_token(leg->context, token, length);
}

static void on_path(void *context, const struct conn_path *path) {
    struct leg *leg = context;
    leg->hooks->on_path(leg->context, path);
}

static const struct conn_hooks conn_hooks_of_leg = {
    .on_handshake = on_handshake,
    .on_stream_data = on_stream_data,
    .on_stream_acked = on_stream_acked,
    .on_stream_closed = on_stream_closed,
    .on_stream_reset = on_stream_reset,
    .on_stream_stop_sending = on_stream_stop_sending,
    .on_stream_writable = on_stream_writable,
    .next_stream_data = next_stream_data,
    .on_stream_written = on_stream_written,
    .on_stream_blocked = on_stream_blocked,
    .on_datagram = on_conn_datagram,
    .on_datagram_acked = on_datagram_acked,
    .on_datagram_lost = on_datagram_lost,
    .on_cid = on_cid,
    .on_mtu = on_conn_mtu,
    .on_token = on_token,
    .on_path = on_path,
};

/* connect_ip's hooks */

static void on_request(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer) {
    struct leg *leg = context;
    leg->hooks->on_request(leg->context, request, answer);
}

static void on_open(void *context, const struct h3_message *response) {
    struct leg *leg = context;
    /* The context IDs are small, so the three prefixes are of one length. */
    leg->prefix_bytes = (uint8_t)connect_ip_datagram_prefix(leg->ip, FRAME_CONTEXT_PLAIN, leg->prefix[PREFIX_PLAIN]);
    connect_ip_datagram_prefix(leg->ip, FRAME_CONTEXT_PACKET, leg->prefix[PREFIX_PACKET]);
    connect_ip_datagram_prefix(leg->ip, FRAME_CONTEXT_MARK, leg->prefix[PREFIX_MARK]);
    leg->hooks->on_open(leg->context, response);
    leg->hooks->on_mtu(leg->context);
}

static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    struct leg *leg = context;
    leg->hooks->on_refused(leg->context, status, reason, response);
}

static void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    struct leg *leg = context;
    if (leg->hooks->on_addresses)
        leg->hooks->on_addresses(leg->context, addresses, count);
}

static void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    struct leg *leg = context;
    if (leg->hooks->on_address_request)
        leg->hooks->on_address_request(leg->context, requests, count);
}

static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct leg *leg = context;
    if (leg->hooks->on_routes)
        leg->hooks->on_routes(leg->context, ranges, count);
}

static void on_datagram(void *context, uint64_t context_id, const uint8_t *payload, size_t length) {
    struct leg *leg = context;
    struct frame_packet frame;
    struct frame_mark mark;
    switch (context_id) { /* connect_ip drops and counts those that are not registered */
    case FRAME_CONTEXT_PLAIN:
        meter_add(&leg->counters.received, length, leg->now);
        leg->hooks->on_packet(leg->context, payload, length);
        break;
    case FRAME_CONTEXT_PACKET:
        if (frame_read_packet(payload, length, &frame)) {
            leg->counters.malformed++;
            break;
        }
        meter_add(&leg->counters.received, length - FRAME_PACKET_BYTES, leg->now);
        leg->hooks->on_bonded(leg->context, &frame, payload + FRAME_PACKET_BYTES, length - FRAME_PACKET_BYTES);
        break;
    case FRAME_CONTEXT_MARK:
        if (frame_read_mark(payload, length, &mark))
            leg->counters.malformed++;
        else
            leg->hooks->on_mark(leg->context, &mark);
        break;
    default:
        break;
    }
}

static void on_capsule(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct leg *leg = context;
    if (leg->bonded)
        leg->hooks->on_capsule(leg->context, type, value, length);
}

static void on_tunnel_closed(void *context, uint64_t code, const char *reason) {
    struct leg *leg = context;
    leg->prefix_bytes = 0;
    leg->hooks->on_closed(leg->context, code, reason);
}

static const struct connect_ip_hooks connect_ip_hooks_of_leg = {
    .on_request = on_request,
    .on_open = on_open,
    .on_refused = on_refused,
    .on_addresses = on_addresses,
    .on_address_request = on_address_request,
    .on_routes = on_routes,
    .on_datagram = on_datagram,
    .on_capsule = on_capsule,
    .on_closed = on_tunnel_closed,
};

/* life */

static int leg_new(const struct leg_settings *settings, const struct conn_client_settings *client,
                   const struct conn_server_settings *server, uint64_t now, struct leg **out) {
    struct leg *leg = calloc(1, sizeof *leg);
    struct conn_settings conn_settings = settings->conn;
    int error;
    if (!leg)
        return -ENOMEM;
    leg->hooks = settings->hooks;
    leg->context = settings->context;
    leg->now = now;
    conn_settings.hooks = &conn_hooks_of_leg;
    conn_settings.context = leg;
    error = client ? conn_client_new(&conn_settings, client, now, &leg->conn)
                   : conn_server_new(&conn_settings, server, now, &leg->conn);
    if (error)
        goto err_leg;
    error = connect_ip_new(!client, leg->conn, settings->uri_template, &connect_ip_hooks_of_leg, leg, &leg->ip);
    if (error)
        goto err_conn;
    *out = leg;
    return 0;

err_conn:
    conn_free(leg->conn);
err_leg:
    free(leg);
    return error;
}

int leg_client_new(const struct leg_settings *settings, const struct conn_client_settings *client, uint64_t now,
                   struct leg **out) {
    return leg_new(settings, client, NULL, now, out);
}

int leg_request(struct leg *leg, const char *authority, const char *authorization, const struct h3_field *fields,
                size_t field_count) {
    const struct connect_ip_scope everything = {.any_target = true, .protocol = -1};
    return connect_ip_open(leg->ip, authority, &everything, authorization, fields, field_count);
}

int leg_server_new(const struct leg_settings *settings, const struct conn_server_settings *server, uint64_t now,
                   struct leg **out) {
    return leg_new(settings, NULL, server, now, out);
}

void leg_free(struct leg *leg) {
    if (!leg)
        return;
    connect_ip_free(leg->ip);
    conn_free(leg->conn);
    free(leg);
}

/* the three calls after every event */

int leg_read(struct leg *leg, const struct conn_path *path, uint8_t ecn, uint8_t *data, size_t length, uint64_t now) {
    leg->now = now;
    return conn_read(leg->conn, path, ecn, data, length, now);
}

int leg_on_timer(struct leg *leg, uint64_t now) {
    leg->now = now;
    connect_ip_on_timer(leg->ip, now);
    return conn_on_timer(leg->conn, now);
}

uint64_t leg_deadline(const struct leg *leg, bool waiting) {
    uint64_t conn = conn_deadline(leg->conn, waiting), ip = connect_ip_deadline(leg->ip);
    return conn < ip ? conn : ip;
}

ssize_t leg_write(struct leg *leg, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now) {
    leg->now = now;
    return conn_write(leg->conn, out, size, packet, now);
}

/* IP packets */

bool leg_is_open(const struct leg *leg) {
    return leg->prefix_bytes > 0;
}

void leg_bond(struct leg *leg) {
    connect_ip_register(leg->ip, FRAME_CONTEXT_PACKET);
    connect_ip_register(leg->ip, FRAME_CONTEXT_MARK);
    leg->bonded = true;
}

/* Bytes of a datagram before the IP packet. */
static size_t overhead(const struct leg *leg) {
    return leg->prefix_bytes + (leg->bonded ? FRAME_PACKET_BYTES : 0u);
}

size_t leg_packet_max(const struct leg *leg) {
    size_t max = connect_ip_takes_datagrams(leg->ip) ? conn_datagram_max(leg->conn) : 0;
    return leg->prefix_bytes && max > overhead(leg) ? max - overhead(leg) : 0;
}

bool leg_can_send(const struct leg *leg, size_t length, uint64_t now) {
    return leg->prefix_bytes && conn_can_send(leg->conn, length + overhead(leg), now);
}

/* ngtcp2 takes no empty vectors, and a packet sent as it is has no rebuilt header. */
static size_t segment_vectors(const struct segment *segment, struct iovec *out) {
    size_t count = 0;
    if (segment->header_bytes)
        out[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)segment->header, .iov_len = segment->header_bytes};
    if (segment->payload_bytes)
        out[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)segment->payload, .iov_len = segment->payload_bytes};
    return count;
}

ssize_t leg_write_packet(struct leg *leg, const struct frame_packet *frame, const struct segment *segment, uint64_t id,
                         bool more, bool *accepted, uint8_t *out, size_t size, struct conn_packet *packet,
                         uint64_t now) {
    uint8_t head[CONNECT_IP_PREFIX_MAX + FRAME_PACKET_BYTES];
    struct iovec vectors[3] = {{.iov_base = head, .iov_len = leg->prefix_bytes}};
    size_t count = 1 + segment_vectors(segment, vectors + 1);
    ssize_t written;
    memcpy(head, leg->prefix[frame ? PREFIX_PACKET : PREFIX_PLAIN], CONNECT_IP_PREFIX_MAX);
    if (frame) {
        frame_write_packet(frame, head + leg->prefix_bytes);
        vectors[0].iov_len += FRAME_PACKET_BYTES;
    }
    leg->now = now;
    conn_keep_together(leg->conn, segment->following);
    written = conn_write_datagram(leg->conn, vectors, count, id, more, accepted, out, size, packet, now);
    if (written >= 0 && *accepted)
        meter_add(&leg->counters.sent, (uint64_t)segment->header_bytes + segment->payload_bytes, now);
    return written;
}

ssize_t leg_write_mark(struct leg *leg, const struct frame_mark *mark, bool *accepted, uint8_t *out, size_t size,
                       struct conn_packet *packet, uint64_t now) {
    uint8_t head[CONNECT_IP_PREFIX_MAX + FRAME_MARK_BYTES];
    const struct iovec vector = {.iov_base = head, .iov_len = leg->prefix_bytes + FRAME_MARK_BYTES};
    memcpy(head, leg->prefix[PREFIX_MARK], leg->prefix_bytes);
    frame_write_mark(mark, head + leg->prefix_bytes);
    leg->now = now;
    return conn_write_datagram(leg->conn, &vector, 1, 0, false, accepted, out, size, packet, now);
}

ssize_t leg_finish_packet(struct leg *leg, uint8_t *out, size_t size, struct conn_packet *packet) {
    return conn_finish_packet(leg->conn, out, size, packet);
}

int leg_write_capsule(struct leg *leg, const struct frame_packet *frame, const struct segment *segment, uint64_t now) {
    uint8_t head[FRAME_PACKET_BYTES];
    struct iovec vectors[3] = {{.iov_base = head, .iov_len = FRAME_PACKET_BYTES}};
    size_t first = frame ? 1 : 0, count = first + segment_vectors(segment, vectors + first);
    int error;
    if (frame)
        frame_write_packet(frame, head);
    error = connect_ip_datagram_capsule(leg->ip, frame ? FRAME_CONTEXT_PACKET : FRAME_CONTEXT_PLAIN, vectors, count);
    if (error)
        return error;
    leg->counters.capsules_sent++;
    meter_add(&leg->counters.sent, (uint64_t)segment->header_bytes + segment->payload_bytes, now);
    return 0;
}

void leg_close(struct leg *leg, uint64_t error_code, const char *reason, uint64_t now) {
    leg->now = now;
    conn_close(leg->conn, error_code, reason, now);
}

struct conn *leg_conn(const struct leg *leg) {
    return leg->conn;
}
struct connect_ip *leg_connect_ip(const struct leg *leg) {
    return leg->ip;
}
const struct leg_counters *leg_counters(const struct leg *leg) {
    return &leg->counters;
}

void leg_roll(struct leg *leg, uint64_t now) {
    meter_roll(&leg->counters.sent, now);
    meter_roll(&leg->counters.received, now);
}
