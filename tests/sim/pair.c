/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pair: a client and a server connection in virtual time.
 *
 * How it works: time jumps to the next arrival or deadline; everything due is read, timers run, then both ends write
 * what they may. The server's side answers first packets as the hall does: Retry, version negotiation, stateless reset,
 * or a new connection. */
#include "tests/sim/pair.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WALL 1000000u          /**< wall-clock seconds of the test's world at its start */
#define PROBE 0xff             /**< first byte of a path-MTU probe; other datagrams are zeros */
#define PATTERN_PERIOD 4093u   /**< bytes after which stream data repeat */
#define PATTERN_LENGTH 65536u  /**< bytes offered at a time */
#define MAX_IDLE_TURNS 100000u /**< turns in a row without time going on: a livelock */

/* Stream data must stay where they are until they are acknowledged: so all streams send the same bytes, which repeat.
 */
static uint8_t pattern[PATTERN_LENGTH + PATTERN_PERIOD];

static uint8_t pair_byte(uint64_t offset) {
    uint64_t i = offset % PATTERN_PERIOD;

    return (uint8_t)(i * 7 + (i >> 5));
}

static void on_handshake(void *context) {
    static const uint8_t probe = PROBE;
    struct pair_end *end = context;

    end->ready = true;
    conn_set_probe(end->conn, &probe, 1);
    end->ready_at = end->pair->now;
}

static uint64_t on_stream_data(void *context, int64_t id, bool fin, const uint8_t *data, size_t length) {
    struct pair_end *end = context;

    assert((size_t)id < sizeof end->in / sizeof *end->in);
    for (size_t i = 0; i < length; i++)
        if (data[i] != pair_byte(end->in[id] + i))
            end->stream_errors++;
    end->in[id] += length;
    end->stream_bytes_in += length;
    if (fin)
        end->fins++;
    conn_consumed(end->conn, id, length);
    return end->stop_with;
}

static struct pair_stream *find(struct pair_end *end, int64_t id) {
    for (size_t i = 0; i < end->stream_count; i++)
        if (end->streams[i].id == id)
            return &end->streams[i];
    return NULL;
}

static void on_stream_acked(void *context, int64_t id, uint64_t length) {
    struct pair_end *end = context;

    end->stream_acked += length;
    find(end, id)->acked += length;
}

static void on_stream_closed(void *context, int64_t id, uint64_t code) {
    (void)id;
    (void)code;
    ((struct pair_end *)context)->closed_streams++;
}

static void on_stream_reset(void *context, int64_t id, uint64_t code) {
    (void)id;
    (void)code;
    ((struct pair_end *)context)->reset_streams++;
}

static void on_stream_stop_sending(void *context, int64_t id, uint64_t code) {
    (void)id;
    (void)code;
    ((struct pair_end *)context)->stopped_streams++;
}

static void on_stream_writable(void *context, int64_t id) {
    struct pair_stream *stream = find(context, id);

    if (stream != NULL)
        stream->blocked = false;
}

static bool next_stream_data(void *context, int64_t *id, bool *fin, struct iovec *vectors, size_t *count) {
    struct pair_end *end = context;

    for (size_t i = 0; i < end->stream_count; i++) {
        struct pair_stream *s = &end->streams[i];
        uint64_t left = s->length - s->offset;

        if (s->blocked || s->shut || (left == 0 && (!s->fin || s->fin_sent)))
            continue;
        if (left > PATTERN_LENGTH)
            left = PATTERN_LENGTH;
        vectors[0] = (struct iovec){pattern + s->offset % PATTERN_PERIOD, left};
        *count = left > 0;
        *id = s->id;
        *fin = s->fin && s->offset + left == s->length;
        return true;
    }
    return false;
}

static void on_stream_written(void *context, int64_t id, size_t length) {
    struct pair_stream *stream = find(context, id);

    stream->offset += length;
    if (stream->offset == stream->length && stream->fin)
        stream->fin_sent = true;
}

static void on_stream_blocked(void *context, int64_t id, bool shut) {
    struct pair_stream *stream = find(context, id);

    stream->blocked = true;
    stream->shut = shut;
}

static void on_datagram(void *context, const uint8_t *data, size_t length) {
    struct pair_end *end = context;

    if (length > 0 && data[0] == PROBE) {
        end->probes_in++;
        return;
    }
    end->datagrams_in++;
    end->datagram_bytes_in += length;
}

static void on_datagram_acked(void *context, uint64_t id) {
    (void)id;
    ((struct pair_end *)context)->acked++;
}

static void on_datagram_lost(void *context, uint64_t id) {
    (void)id;
    ((struct pair_end *)context)->lost++;
}

static void on_cid(void *context, const struct conn_cid *cid, bool in_use) {
    struct pair_end *end = context;
    struct pair *pair = end->pair;

    if (in_use) {
        end->cids++;
        if (end == &pair->server)
            assert(cidtable_add(pair->table, cid, end) == 0);
    } else {
        end->cids--;
        end->cids_retired++;
        if (end == &pair->server)
            cidtable_remove(pair->table, cid);
    }
}

static void on_mtu(void *context, size_t bytes) {
    ((struct pair_end *)context)->mtu = bytes;
}

static void on_token(void *context, const uint8_t *token, size_t length) {
    struct pair_end *end = context;

    assert(length <= sizeof end->token);
    memcpy(end->token, token, length);
    end->token_length = length;
}

static void on_path(void *context, const struct conn_path *path) {
    struct pair_end *end = context;

    end->paths++;
    end->new_path = *path;
}

static const struct conn_hooks hooks = {
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
    .on_datagram = on_datagram,
    .on_datagram_acked = on_datagram_acked,
    .on_datagram_lost = on_datagram_lost,
    .on_cid = on_cid,
    .on_mtu = on_mtu,
    .on_token = on_token,
    .on_path = on_path,
};

/** Keep what an error says. */
static void note(struct pair_end *end, int status) {
    if (status >= 0 || end->status != 0)
        return;
    end->status = status;
    end->error = *conn_error(end->conn);
    strncpy(end->tls_reason, conn_tls_reason(end->conn), sizeof end->tls_reason - 1);
}

static void fill_settings(struct pair *pair, struct pair_end *end, struct conn_settings *out) {
    *out = (struct conn_settings){
        .tls = end == &pair->client ? pair->settings.client_tls : pair->settings.server_tls,
        .hooks = &hooks,
        .context = end,
        .path = end->path,
        .worker = 5,
        .idle_timeout = pair->settings.idle_timeout,
        .keepalive = end == &pair->client ? pair->settings.keepalive : 0,
        .congestion = pair->settings.congestion,
        .congestion_seed = pair->settings.congestion_seed,
        .key_update_packets = pair->settings.key_update_packets,
    };
    memcpy(out->reset_key, pair->reset_key, sizeof out->reset_key);
}

static uint64_t wall(const struct pair *pair) {
    return WALL + pair->now / NS_PER_SEC;
}

/** The server's hall: a first packet. */
static void accept_first(struct pair *pair, const struct conn_first_packet *first, const struct link_packet *packet) {
    struct conn_settings settings;
    struct conn_server_settings server = {.peer_cid = first->scid,
                                          .initial_dcid = first->dcid,
                                          .original_dcid = first->dcid,
                                          .version = first->version,
                                          .token = first->token,
                                          .token_length = first->token_length};
    struct conn_cid original;
    enum token_kind kind = TOKEN_INVALID;
    uint8_t out[LINK_PACKET_MAX];

    if (first->token_length > 0)
        kind = token_check(pair->token_key, first->token, first->token_length, &packet->path.remote, &first->dcid,
                           wall(pair), &original);
    if (pair->settings.retry && kind == TOKEN_INVALID) {
        size_t n = token_write_retry(pair->token_key, first, &packet->path.remote, 5, wall(pair), out, sizeof out);

        pair->retries++;
        link_send(&pair->down, &pair->client.path, 0, out, n, pair->now);
        return;
    }
    if (kind == TOKEN_RETRY) {
        server.retried = true;
        server.original_dcid = original;
    }
    server.token_valid = kind != TOKEN_INVALID;
    server.wall_seconds = wall(pair);
    pair->token_kind = kind;
    pair->server.path = packet->path;
    fill_settings(pair, &pair->server, &settings);
    assert(conn_server_new(&settings, &server, pair->now, &pair->server.conn) == 0);
}

/** A packet reaches the server. */
static void server_read(struct pair *pair, struct link_packet *packet) {
    struct conn_first_packet first;
    struct conn_cid dcid;
    uint8_t out[LINK_PACKET_MAX];
    size_t n = 0;

    if (conn_peek_dcid(packet->data, packet->length, &dcid) != 0) {
        pair->junk++;
        return;
    }
    if (pair->server.conn != NULL && !pair->server_gone && cidtable_find(pair->table, &dcid) == &pair->server) {
        note(&pair->server,
             conn_read(pair->server.conn, &packet->path, packet->ecn, packet->data, packet->length, pair->now));
        return;
    }
    switch (conn_peek_first(packet->data, packet->length, &first)) {
    case CONN_FIRST_ACCEPT:
        if (pair->server.conn != NULL)
            break;
        accept_first(pair, &first, packet);
        if (pair->server.conn != NULL)
            note(&pair->server,
                 conn_read(pair->server.conn, &packet->path, packet->ecn, packet->data, packet->length, pair->now));
        break;
    case CONN_FIRST_VERSION:
        n = conn_write_version_negotiation(&first, out, sizeof out);
        pair->versions++;
        break;
    case CONN_FIRST_SHORT:
        n = conn_write_stateless_reset(pair->reset_key, &first.dcid, packet->length, out, sizeof out);
        assert(n < packet->length);
        pair->shorts++;
        if (n > 0)
            pair->resets++;
        break;
    case CONN_FIRST_JUNK:
        pair->junk++;
        break;
    }
    if (n > 0)
        link_send(&pair->down, &pair->client.path, 0, out, n, pair->now);
}

/** The path of a packet as the other end sees it. */
static void send_packet(struct pair_end *end, const struct conn_packet *packet, const uint8_t *out, size_t n) {
    struct conn_path seen = {.local = packet->path.remote, .remote = packet->path.local};

    if (end == &end->pair->client && end->pair->rebound.sa.sa_family != 0)
        seen.remote = end->pair->rebound;
    if (end == &end->pair->server) {
        end->pair->last_to_client = seen;
        if (end->pair->rebound.sa.sa_family != 0)
            seen.local = end->pair->client.path.local;
    }
    if (packet->probe)
        end->probes++;
    if (packet->ecn != 0)
        end->ecn_marked++;
    link_send(end->out, &seen, packet->ecn, out, n, end->pair->now);
}

static void write_plain(struct pair_end *end) {
    uint8_t out[CONN_UDP_MAX];
    struct conn_packet packet;
    ssize_t n;

    while ((n = conn_write(end->conn, out, sizeof out, &packet, end->pair->now)) > 0)
        send_packet(end, &packet, out, (size_t)n);
    note(end, (int)n);
    if (n == -ECONNABORTED && (n = conn_write(end->conn, out, sizeof out, &packet, end->pair->now)) > 0)
        send_packet(end, &packet, out, (size_t)n);
}

static bool wants_to_send(const struct pair_end *end) {
    return end->conn != NULL && end->ready && (end->bulk || end->datagrams_to_send > 0);
}

static void write_datagrams(struct pair_end *end) {
    static uint8_t bytes[CONN_UDP_MAX];
    uint8_t out[CONN_UDP_MAX];
    struct conn_packet packet;

    while (wants_to_send(end)) {
        size_t length = end->payload != 0 ? end->payload : conn_datagram_max(end->conn);
        struct iovec vectors[2] = {{bytes, length / 3}, {bytes + length / 3, length - length / 3}};
        bool accepted;
        ssize_t n;

        if (!conn_can_send(end->conn, length, end->pair->now))
            break;
        n = conn_write_datagram(end->conn, vectors, 2, end->datagrams_sent, end->together, &accepted, out, sizeof out,
                                &packet, end->pair->now);
        if (n == 0 && !accepted)
            end->refused++;
        note(end, (int)n);
        if (n <= 0 && !accepted)
            break;
        if (n > 0)
            send_packet(end, &packet, out, (size_t)n);
        if (!accepted) {
            end->other_first++;
            continue;
        }
        end->datagrams_sent++;
        if (end->datagrams_to_send > 0)
            end->datagrams_to_send--;
    }
    if (end->together && end->conn != NULL) {
        ssize_t n = conn_finish_packet(end->conn, out, sizeof out, &packet);
        note(end, (int)n);
        if (n > 0)
            send_packet(end, &packet, out, (size_t)n);
    }
}

static void pump(struct pair_end *end) {
    if (end->conn == NULL || end->hold || end->stopped)
        return;
    if (conn_deadline(end->conn, wants_to_send(end)) <= end->pair->now)
        note(end, conn_on_timer(end->conn, end->pair->now));
    if (end->write_first)
        write_plain(end);
    write_datagrams(end);
    write_plain(end);
}

static void count_arrival(struct pair_end *end, const struct link_packet *packet) {
    end->bytes_in += packet->length;
    end->packets_in++;
    end->travelled += packet->at - packet->sent;
}

void pair_turn(struct pair *pair) {
    struct link_packet *packet;

    while (!pair->server.stopped && (packet = link_receive(&pair->up, pair->now)) != NULL) {
        count_arrival(&pair->server, packet);
        server_read(pair, packet);
    }
    while (!pair->client.stopped && (packet = link_receive(&pair->down, pair->now)) != NULL)
        note(&pair->client,
             conn_read(pair->client.conn, &packet->path, packet->ecn, packet->data, packet->length, pair->now));
    pump(&pair->client);
    if (!pair->server_gone)
        pump(&pair->server);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t end_deadline(const struct pair_end *end) {
    if (end->conn == NULL || end->hold || end->stopped ||
        (conn_is_closed(end->conn) && conn_deadline(end->conn, false) <= end->pair->now))
        return TIME_NEVER;
    return conn_deadline(end->conn, wants_to_send(end));
}

uint64_t pair_next(const struct pair *pair) {
    uint64_t next = end_deadline(&pair->client);

    if (!pair->server.stopped)
        next = earlier(next, link_next(&pair->up));
    if (!pair->client.stopped)
        next = earlier(next, link_next(&pair->down));
    return pair->server_gone ? next : earlier(next, end_deadline(&pair->server));
}

bool pair_run_until(struct pair *pair, bool (*condition)(struct pair *), uint64_t duration) {
    uint64_t end = pair->now + duration;
    unsigned idle = 0;

    for (;;) {
        uint64_t next;

        pair_turn(pair);
        if (condition != NULL && condition(pair))
            return true;
        next = pair_next(pair);
        if (next > end || pair->now >= end) {
            pair->now = end;
            return false;
        }
        idle = next > pair->now ? 0 : idle + 1;
        assert(idle < MAX_IDLE_TURNS);
        if (next > pair->now)
            pair->now = next;
    }
}

void pair_run(struct pair *pair, uint64_t duration) {
    pair_run_until(pair, NULL, duration);
}

static bool both_ready(struct pair *pair) {
    return (pair->client.ready && pair->server.ready) || pair->client.status != 0;
}

bool pair_connect(struct pair *pair) {
    pair_run_until(pair, both_ready, 20 * NS_PER_SEC);
    return pair->client.ready && pair->server.ready;
}

int64_t pair_send_stream(struct pair_end *end, int64_t id, bool bidirectional, uint64_t length, bool fin) {
    struct pair_stream *stream;

    if (id < 0)
        id = conn_open_stream(end->conn, bidirectional);
    if (id < 0)
        return id;
    stream = find(end, id);
    if (stream == NULL) {
        assert(end->stream_count < PAIR_STREAMS);
        stream = &end->streams[end->stream_count++];
        *stream = (struct pair_stream){.id = id};
    }
    stream->length += length;
    stream->fin = fin;
    return id;
}

void pair_inject(struct pair *pair, struct pair_end *to, const uint8_t *data, size_t length) {
    struct link_packet packet = {.path = to->path, .length = length};

    memcpy(packet.data, data, length);
    if (to == &pair->server)
        server_read(pair, &packet);
    else
        note(to, conn_read(to->conn, &packet.path, 0, packet.data, length, pair->now));
}

void pair_init(struct pair *pair, const struct pair_settings *settings) {
    struct conn_settings conn;
    struct conn_client_settings client = {.server_name =
                                              settings->server_name != NULL ? settings->server_name : "test.example",
                                          .token = settings->token,
                                          .token_length = settings->token_length,
                                          .first_dcid_worker = 5};

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = pair_byte(i);
    memset(pair, 0, sizeof *pair);
    pair->settings = *settings;
    pair->now = settings->start != 0 ? settings->start : NS_PER_SEC;
    link_init(&pair->up, &settings->up);
    link_init(&pair->down, &settings->down);
    pair->table = cidtable_new(pair->reset_key);
    memset(pair->reset_key, 7, sizeof pair->reset_key);
    memset(pair->token_key, 9, sizeof pair->token_key);
    pair->client.pair = pair->server.pair = pair;
    pair->client.out = &pair->up;
    pair->server.out = &pair->down;
    assert(sock_addr_parse(settings->ipv6 ? "[2001:db8::1]:40000" : "192.0.2.1:40000", &pair->client.path.local) == 0);
    assert(sock_addr_parse(settings->ipv6 ? "[2001:db8::2]:443" : "192.0.2.2:443", &pair->client.path.remote) == 0);
    pair->server.path = (struct conn_path){.local = pair->client.path.remote, .remote = pair->client.path.local};
    fill_settings(pair, &pair->client, &conn);
    assert(conn_client_new(&conn, &client, pair->now, &pair->client.conn) == 0);
}

void pair_fini(struct pair *pair) {
    conn_free(pair->client.conn);
    conn_free(pair->server.conn);
    cidtable_free(pair->table);
    link_fini(&pair->up);
    link_fini(&pair->down);
}
