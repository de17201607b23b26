/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_conn: see fake_conn.h. Streams are reliable and in order; a stream is closed at an end when both its directions
 * ended there, by FIN or reset, and what it sent is acknowledged, as QUIC has it. */
#include "fake_conn.h"

#include <errno.h>
#include <string.h>

void fake_conn_init(struct conn *client, struct conn *server) {
    *client = (struct conn){
        .peer = server, .next_id = {0, 2}, .uni_allowed = 3, .bidi_allowed = H3_STREAMS_MAX, .piece = 1u << 20};
    *server = (struct conn){.server = true, .peer = client, .next_id = {1, 3}, .uni_allowed = 3, .piece = 1u << 20};
}

struct fake_stream *fake_stream_find(struct conn *conn, int64_t id) {
    for (size_t i = 0; i < conn->stream_count; i++) {
        if (conn->streams[i].id == id)
            return &conn->streams[i];
    }
    return NULL;
}

static struct fake_stream *stream_get(struct conn *conn, int64_t id) {
    struct fake_stream *stream = fake_stream_find(conn, id);
    if (stream != NULL)
        return stream;
    stream = &conn->streams[conn->stream_count++];
    *stream = (struct fake_stream){.id = id};
    return stream;
}

int64_t fake_conn_open(struct conn *conn, bool bidirectional) {
    int64_t id = conn->next_id[!bidirectional];
    conn->next_id[!bidirectional] += 4;
    stream_get(conn, id);
    return id;
}

/* What h3 calls. */

int64_t conn_open_stream(struct conn *conn, bool bidirectional) {
    unsigned *allowed = bidirectional ? &conn->bidi_allowed : &conn->uni_allowed;
    if (*allowed == 0)
        return -EAGAIN;
    --*allowed;
    return fake_conn_open(conn, bidirectional);
}

void conn_set_probe(struct conn *conn, const uint8_t *content, size_t length) {
    memcpy(conn->probe, content, length);
    conn->probe_length = length;
}

void conn_consumed(struct conn *conn, int64_t stream_id, uint64_t length) {
    stream_get(conn, stream_id)->consumed += length;
}

void conn_reset_stream(struct conn *conn, int64_t stream_id, uint64_t error_code) {
    struct fake_stream *stream = stream_get(conn, stream_id);
    if (!stream->fin_sent && !stream->reset) {
        stream->reset = true;
        stream->reset_code = error_code;
    }
    conn_stop_sending(conn, stream_id, error_code);
}

void conn_stop_sending(struct conn *conn, int64_t stream_id, uint64_t error_code) {
    struct fake_stream *stream = stream_get(conn, stream_id);
    if (stream->stopped || stream->fin_received)
        return;
    stream->stopped = true;
    stream->stop_code = error_code;
}

void fake_conn_feed(struct conn *conn, int64_t id, bool fin, const void *data, size_t length) {
    struct fake_stream *stream = stream_get(conn, id);
    stream->received += length;
    if (fin)
        stream->fin_received = true;
    if (stream->stopped || stream->closed || conn->error != 0)
        return;
    uint64_t error = h3_on_stream_data(conn->h3, id, fin, data, length);
    if (conn->error == 0)
        conn->error = error;
}

/** Carry what one end has to say. @return whether anything moved */
static bool carry(struct conn *conn) {
    struct iovec vectors[4];
    size_t count = 4;
    int64_t id;
    bool fin;
    if (conn->error != 0 || !h3_next_stream_data(conn->h3, &id, &fin, vectors, &count))
        return false;
    struct fake_stream *stream = stream_get(conn, id);
    if (stream->blocked || stream->reset) {
        h3_on_stream_blocked(conn->h3, id, stream->reset);
        return true;
    }
    uint8_t bytes[4096];
    size_t used = 0;
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        size_t room = (conn->piece < sizeof(bytes) ? conn->piece : sizeof(bytes)) - used;
        size_t n = vectors[i].iov_len < room ? vectors[i].iov_len : room;
        if (n > 0)
            memcpy(bytes + used, vectors[i].iov_base, n);
        used += n;
        if (n < vectors[i].iov_len)
            all = false;
    }
    if (all && fin)
        stream->fin_sent = true;
    stream->sent += used;
    stream->unacked += used;
    h3_on_stream_written(conn->h3, id, used);
    fake_conn_feed(conn->peer, id, all && fin, bytes, used);
    return true;
}

/** Tell an end what became of its streams. @return whether anything moved */
static bool settle(struct conn *conn) {
    bool moved = false;
    for (size_t i = 0; i < conn->stream_count; i++) {
        struct fake_stream *stream = &conn->streams[i];
        if (conn->error != 0 || stream->closed)
            continue;
        if (stream->unacked > 0 && !conn->hold_acks) {
            uint64_t n = stream->unacked;
            stream->unacked = 0;
            h3_on_stream_acked(conn->h3, stream->id, n);
            moved = true;
        }
        struct fake_stream *other = fake_stream_find(conn->peer, stream->id);
        if (other != NULL && other->reset && other->sent_reset == 0) {
            other->sent_reset = 1;
            stream->fin_received = true;
            h3_on_stream_reset(conn->h3, stream->id, other->reset_code);
            moved = true;
        }
        if (other != NULL && other->stopped && !stream->reset && !stream->fin_sent) {
            stream->reset = true;
            stream->reset_code = other->stop_code;
            h3_on_stream_stop_sending(conn->h3, stream->id, other->stop_code);
            moved = true;
        }
        bool sending_over = (stream->fin_sent && stream->unacked == 0) || stream->reset ||
                            (stream->id & 2 && (stream->id & 1) != conn->server);
        if (stream->id % 4 == 0 && sending_over && stream->fin_received) {
            stream->closed = true;
            h3_on_stream_closed(conn->h3, stream->id, stream->reset ? stream->reset_code : H3_NO_ERROR);
            moved = true;
        }
    }
    return moved;
}

void fake_conn_run(struct conn *client, struct conn *server) {
    for (unsigned rounds = 0; rounds < 1000000; rounds++) {
        bool moved = carry(client);
        moved = carry(server) || moved;
        if (moved)
            continue;
        moved = settle(client);
        if (!settle(server) && !moved)
            return;
    }
}
