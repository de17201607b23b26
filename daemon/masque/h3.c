/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3: HTTP/3 on one QUIC connection.
 *
 * How it works: nghttp3 frames, packs fields and schedules streams; this file turns its callbacks into values (header
 * sections are gathered and handed over whole) and owns the body bytes to be sent, in chunks that stay until they are
 * acknowledged. What an owner abandons from within a callback is abandoned after nghttp3 has returned, for it does not
 * expect its streams to vanish under it. QPACK's dynamic table is not used: there are few requests, and no stream then
 * ever waits for another. What it leaves out: push, trailers (read past), priorities of our own, GOAWAY (a tunnel lasts
 * as long as its connection). Invariants: at most H3_STREAMS_MAX requests at a time; a stream's bytes to be sent are
 * bounded by SEND_MAX; after a connection error nghttp3 is not called any more and every function returns the error, or
 * nothing. Standards: RFC 9114, RFC 9204, RFC 9220, RFC 9297 section 2.1. */
#include "masque/h3.h"

#include <errno.h>
#include <nghttp3/nghttp3.h>
#include <stdlib.h>

#include "masque/capsule.h"
#include "masque/h3_body.h"
#include "masque/h3_fields.h"
#include "masque/h3_settings.h"

#define QUARTER_ID_MAX ((1ull << 60) - 1) /* RFC 9297 section 2.1 */

/** One request and its answer. */
struct stream {
    struct stream *next;      /**< in the h3's list */
    int64_t id;               /**< QUIC stream ID */
    struct h3_section fields; /**< header section being received */
    bool answered;            /**< server: an answer was submitted; client: the final answer has come */
    bool told_closed;         /**< the owner has heard on_closed, or has abandoned the stream itself */
    bool ended;               /**< the owner has heard on_end */
    bool finished;            /**< our side ends after what is in the chunks */
    bool no_write;            /**< the peer, or we, stopped our side */
    bool abandoned;           /**< reset in both directions */
    bool reset_due;           /**< to be abandoned with reset_code when nghttp3 has returned */
    uint64_t reset_code;      /**< HTTP/3 error code */
    struct h3_body body;      /**< bytes to be sent */
};

struct h3 {
    bool server;                  /**< which end */
    bool started;                 /**< control and QPACK streams are open */
    bool peer_datagrams;          /**< the peer's SETTINGS allow datagrams */
    unsigned within;              /**< depth of calls into nghttp3 that may call back */
    uint64_t fault;               /**< connection error code; 0: none */
    struct conn *conn;            /**< borrowed */
    nghttp3_conn *nghttp3;        /**< owned */
    const struct h3_hooks *hooks; /**< borrowed */
    void *context;                /**< handed to the hooks */
    struct stream *streams;       /**< all open requests */
    size_t stream_count;          /**< how many */
    uint64_t streams_closed;      /**< requests that are over */
    struct h3_settings settings;  /**< client: what nghttp3 does not tell of the peer's SETTINGS */
};

static struct stream *stream_find(const struct h3 *h3, int64_t id) {
    struct stream *stream = h3->streams;
    while (stream != NULL && stream->id != id)
        stream = stream->next;
    return stream;
}

static struct stream *stream_new(struct h3 *h3, int64_t id) {
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return NULL;
    stream->id = id;
    stream->next = h3->streams;
    h3->streams = stream;
    h3->stream_count++;
    return stream;
}

static void stream_free(struct h3 *h3, struct stream *stream) {
    struct stream **link = &h3->streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    h3->stream_count--;
    h3_body_clear(&stream->body);
    h3_section_clear(&stream->fields);
    free(stream);
}

/** Note a connection error; the first one counts. @return it */
static uint64_t set_fault(struct h3 *h3, int error) {
    if (h3->fault == 0)
        h3->fault = nghttp3_err_infer_quic_app_error_code(error);
    return h3->fault;
}

uint64_t h3_fault(const struct h3 *h3) {
    return h3->fault;
}

/** Abandon a stream towards nghttp3 and the peer. Not within a callback. */
static void stream_abandon(struct h3 *h3, struct stream *stream) {
    uint64_t code = stream->reset_code;
    stream->reset_due = false;
    stream->abandoned = true;
    stream->no_write = true;
    nghttp3_conn_shutdown_stream_write(h3->nghttp3, stream->id);
    int error = nghttp3_conn_shutdown_stream_read(h3->nghttp3, stream->id);
    if (error != 0)
        set_fault(h3, error);
    conn_reset_stream(h3->conn, stream->id, code);
}

/** Tell the owner once that a stream is gone. */
static void tell_closed(struct h3 *h3, struct stream *stream, uint64_t code) {
    if (stream->told_closed)
        return;
    stream->told_closed = true;
    h3->hooks->on_closed(h3->context, stream->id, code);
}

/** Ask for a stream to be abandoned as soon as that is allowed. */
static void stream_reset(struct h3 *h3, struct stream *stream, uint64_t code) {
    if (stream->reset_due || stream->abandoned)
        return;
    stream->reset_due = true;
    stream->reset_code = code;
    if (h3->within == 0)
        stream_abandon(h3, stream);
}

/** nghttp3 has returned: do what was put off. */
static void leave(struct h3 *h3) {
    if (--h3->within > 0 || h3->fault != 0)
        return;
    for (struct stream *stream = h3->streams; stream != NULL && h3->fault == 0; stream = stream->next) {
        if (stream->reset_due)
            stream_abandon(h3, stream);
    }
}

static int on_acked(nghttp3_conn *conn, int64_t id, uint64_t length, void *context, void *stream_context) {
    struct stream *stream = stream_find(context, id);
    (void)conn, (void)stream_context;
    if (stream != NULL)
        h3_body_acked(&stream->body, (size_t)length);
    return 0;
}

static int on_stream_close(nghttp3_conn *conn, int64_t id, uint64_t code, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)stream_context;
    if (stream == NULL)
        return 0;
    tell_closed(h3, stream, code);
    stream_free(h3, stream);
    return 0;
}

static int on_data(nghttp3_conn *conn, int64_t id, const uint8_t *data, size_t length, void *context,
                   void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)stream_context;
    if (stream != NULL && !stream->told_closed) {
        uint64_t error = h3->hooks->on_body(h3->context, id, data, length);
        if (error != 0) {
            stream_reset(h3, stream, error);
            tell_closed(h3, stream, error);
        }
    }
    conn_consumed(h3->conn, id, length);
    return 0;
}

static int on_deferred_consume(nghttp3_conn *conn, int64_t id, size_t length, void *context, void *stream_context) {
    struct h3 *h3 = context;
    (void)conn, (void)stream_context;
    conn_consumed(h3->conn, id, length);
    return 0;
}

static int on_begin_headers(nghttp3_conn *conn, int64_t id, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)stream_context;
    if (stream == NULL && h3->server) {
        stream = stream_new(h3, id);
        if (stream == NULL)
            return NGHTTP3_ERR_CALLBACK_FAILURE;
        if (h3->stream_count > H3_STREAMS_MAX) {
            stream->told_closed = true;
            stream_reset(h3, stream, H3_REQUEST_REJECTED);
        }
    }
    if (stream != NULL)
        h3_section_clear(&stream->fields);
    return 0;
}

static int on_header(nghttp3_conn *conn, int64_t id, int32_t token, nghttp3_rcbuf *name, nghttp3_rcbuf *value,
                     uint8_t flags, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)token, (void)stream_context;
    if (stream == NULL || stream->told_closed)
        return 0;
    nghttp3_vec n = nghttp3_rcbuf_get_buf(name), v = nghttp3_rcbuf_get_buf(value);
    bool never_index = (flags & NGHTTP3_NV_FLAG_NEVER_INDEX) != 0;
    return h3_section_add(&stream->fields, n.base, n.len, v.base, v.len, never_index) ? 0
                                                                                      : NGHTTP3_ERR_CALLBACK_FAILURE;
}

/** A request that is too large to be looked at. */
static void answer_too_large(struct h3 *h3, int64_t id) {
    static const struct h3_message answer = {.status = 431};
    h3_respond(h3, id, &answer, true);
}

static int on_end_headers(nghttp3_conn *conn, int64_t id, int fin, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)fin, (void)stream_context;
    if (stream == NULL || stream->told_closed)
        return 0;
    if (stream->fields.too_large && h3->server) {
        answer_too_large(h3, id);
    } else if (stream->fields.too_large) {
        stream_reset(h3, stream, H3_EXCESSIVE_LOAD);
        tell_closed(h3, stream, H3_EXCESSIVE_LOAD);
    } else {
        struct h3_field fields[H3_FIELDS_MAX];
        struct h3_message message;
        h3_section_message(&stream->fields, fields, &message);
        if (h3->server) {
            h3->hooks->on_request(h3->context, id, &message);
        } else if (message.status >= 200) {
            stream->answered = true;
            h3->hooks->on_response(h3->context, id, &message);
        }
    }
    h3_section_clear(&stream->fields);
    return 0;
}

static int on_end_stream(nghttp3_conn *conn, int64_t id, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)stream_context;
    if (stream == NULL || stream->told_closed || stream->ended)
        return 0;
    stream->ended = true;
    h3->hooks->on_end(h3->context, id);
    return 0;
}

static int on_stop_sending(nghttp3_conn *conn, int64_t id, uint64_t code, void *context, void *stream_context) {
    struct h3 *h3 = context;
    (void)conn, (void)stream_context;
    conn_stop_sending(h3->conn, id, code);
    return 0;
}

/** nghttp3 found a message malformed and has given its stream up. */
static int on_reset_stream(nghttp3_conn *conn, int64_t id, uint64_t code, void *context, void *stream_context) {
    struct h3 *h3 = context;
    struct stream *stream = stream_find(h3, id);
    (void)conn, (void)stream_context;
    conn_reset_stream(h3->conn, id, code);
    if (stream != NULL) {
        stream->no_write = stream->abandoned = true;
        tell_closed(h3, stream, code);
    }
    return 0;
}

static int on_settings(nghttp3_conn *conn, const nghttp3_settings *settings, void *context) {
    struct h3 *h3 = context;
    (void)conn;
    h3->peer_datagrams = settings->h3_datagram != 0;
    if (!h3->server && h3->settings.extended_connect > 1) {
        h3->fault = H3_SETTINGS_ERROR;
        return NGHTTP3_ERR_CALLBACK_FAILURE;
    }
    bool connect = settings->enable_connect_protocol != 0 || (!h3->server && h3_settings_allow_connect(&h3->settings));
    h3->hooks->on_settings(h3->context, connect, h3->peer_datagrams);
    return 0;
}

/** nghttp3 asks for the body bytes that come next. */
static nghttp3_ssize on_read_data(nghttp3_conn *conn, int64_t id, nghttp3_vec *vectors, size_t count, uint32_t *flags,
                                  void *context, void *stream_context) {
    struct stream *stream = stream_find(context, id);
    (void)conn, (void)stream_context;
    if (stream == NULL) {
        *flags |= NGHTTP3_DATA_FLAG_EOF;
        return 0;
    }
    struct iovec offered[H3_VECTORS_MAX];
    size_t used = h3_body_offer(&stream->body, offered, count < H3_VECTORS_MAX ? count : H3_VECTORS_MAX);
    for (size_t i = 0; i < used; i++)
        vectors[i] = (nghttp3_vec){.base = offered[i].iov_base, .len = offered[i].iov_len};
    if (h3_body_is_offered(&stream->body) && stream->finished) {
        *flags |= NGHTTP3_DATA_FLAG_EOF;
    } else if (used == 0) {
        return NGHTTP3_ERR_WOULDBLOCK;
    }
    return (nghttp3_ssize)used;
}

static const nghttp3_callbacks callbacks = {
    .acked_stream_data = on_acked,
    .stream_close = on_stream_close,
    .recv_data = on_data,
    .deferred_consume = on_deferred_consume,
    .begin_headers = on_begin_headers,
    .recv_header = on_header,
    .end_headers = on_end_headers,
    .stop_sending = on_stop_sending,
    .end_stream = on_end_stream,
    .reset_stream = on_reset_stream,
    .recv_settings = on_settings,
};

static const nghttp3_data_reader body_reader = {.read_data = on_read_data};

int h3_new(bool server, struct conn *conn, const struct h3_hooks *hooks, void *context, struct h3 **out) {
    struct h3 *h3 = calloc(1, sizeof(*h3));
    if (h3 == NULL)
        return -ENOMEM;
    *h3 = (struct h3){.server = server, .conn = conn, .hooks = hooks, .context = context};
    nghttp3_settings settings;
    nghttp3_settings_default(&settings);
    settings.max_field_section_size = H3_FIELD_BYTES_MAX;
    settings.qpack_encoder_max_dtable_capacity = 0;
    settings.enable_connect_protocol = server;
    settings.h3_datagram = 1;
    const nghttp3_mem *memory = nghttp3_mem_default();
    int error = server ? nghttp3_conn_server_new(&h3->nghttp3, &callbacks, &settings, memory, h3)
                       : nghttp3_conn_client_new(&h3->nghttp3, &callbacks, &settings, memory, h3);
    if (error != 0) {
        free(h3);
        return -ENOMEM;
    }
    if (server)
        nghttp3_conn_set_max_client_streams_bidi(h3->nghttp3, H3_STREAMS_MAX);
    *out = h3;
    return 0;
}

void h3_free(struct h3 *h3) {
    if (h3 == NULL)
        return;
    while (h3->streams != NULL)
        stream_free(h3, h3->streams);
    nghttp3_conn_del(h3->nghttp3);
    free(h3);
}

int h3_start(struct h3 *h3) {
    int64_t ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = conn_open_stream(h3->conn, false);
        if (ids[i] < 0)
            return -EAGAIN;
    }
    int error = nghttp3_conn_bind_control_stream(h3->nghttp3, ids[0]);
    if (error == 0)
        error = nghttp3_conn_bind_qpack_streams(h3->nghttp3, ids[1], ids[2]);
    if (error != 0) {
        set_fault(h3, error);
        return -EAGAIN;
    }
    h3->started = true;
    return 0;
}

int64_t h3_request(struct h3 *h3, const struct h3_message *request) {
    nghttp3_nv fields[H3_FIELDS_MAX];
    size_t count;
    if (h3->fault != 0 || !h3->started)
        return -EAGAIN;
    if (!h3_fields_of_request(request, fields, &count))
        return -EINVAL;
    int64_t id = conn_open_stream(h3->conn, true);
    if (id < 0)
        return -EAGAIN;
    struct stream *stream = stream_new(h3, id);
    if (stream == NULL || nghttp3_conn_submit_request(h3->nghttp3, id, fields, count, &body_reader, NULL) != 0) {
        if (stream != NULL)
            stream_free(h3, stream);
        conn_reset_stream(h3->conn, id, H3_REQUEST_CANCELLED);
        return -EAGAIN;
    }
    return id;
}

int h3_respond(struct h3 *h3, int64_t stream_id, const struct h3_message *response, bool end) {
    nghttp3_nv fields[H3_FIELDS_MAX];
    size_t count;
    char status[4];
    struct stream *stream = stream_find(h3, stream_id);
    if (h3->fault != 0 || stream == NULL || stream->answered || stream->no_write)
        return -EINVAL;
    if (!h3_fields_of_response(response, status, fields, &count))
        return -EINVAL;
    int error = nghttp3_conn_submit_response(h3->nghttp3, stream_id, fields, count, end ? NULL : &body_reader);
    if (error != 0)
        return -EINVAL;
    stream->answered = true;
    stream->finished = end;
    return 0;
}

int h3_writev(struct h3 *h3, int64_t stream_id, const struct iovec *vectors, size_t count) {
    struct stream *stream = stream_find(h3, stream_id);
    if (h3->fault != 0 || stream == NULL || stream->finished || stream->no_write || stream->reset_due)
        return -ENOENT;
    int error = h3_body_append(&stream->body, vectors, count);
    if (error != 0)
        return error;
    if (nghttp3_conn_resume_stream(h3->nghttp3, stream_id) != 0)
        set_fault(h3, NGHTTP3_ERR_NOMEM);
    return 0;
}

int h3_write(struct h3 *h3, int64_t stream_id, const uint8_t *data, size_t length) {
    struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    return h3_writev(h3, stream_id, &vector, 1);
}

void h3_finish(struct h3 *h3, int64_t stream_id) {
    struct stream *stream = stream_find(h3, stream_id);
    if (h3->fault != 0 || stream == NULL || stream->finished || stream->no_write)
        return;
    stream->finished = true;
    if (nghttp3_conn_resume_stream(h3->nghttp3, stream_id) != 0)
        set_fault(h3, NGHTTP3_ERR_NOMEM);
}

void h3_reset(struct h3 *h3, int64_t stream_id, uint64_t error_code) {
    struct stream *stream = stream_find(h3, stream_id);
    if (h3->fault != 0 || stream == NULL)
        return;
    stream->told_closed = true;
    stream_reset(h3, stream, error_code);
}

bool h3_peer_takes_datagrams(const struct h3 *h3) {
    return h3->peer_datagrams;
}

size_t h3_datagram_prefix(int64_t stream_id, uint8_t out[8]) {
    return varint_write((uint64_t)stream_id / 4, out, 8);
}

int h3_datagram_parse(const uint8_t *data, size_t length, int64_t *stream_id, const uint8_t **payload,
                      size_t *payload_length) {
    uint64_t quarter;
    size_t used = varint_read(data, length, &quarter);
    if (used == 0 || quarter > QUARTER_ID_MAX)
        return -EBADMSG;
    *stream_id = (int64_t)(quarter * 4);
    *payload = data + used;
    *payload_length = length - used;
    return 0;
}

uint64_t h3_on_stream_data(struct h3 *h3, int64_t stream_id, bool fin, const uint8_t *data, size_t length) {
    if (h3->fault != 0)
        return h3->fault;
    if (!h3->server)
        h3_settings_see(&h3->settings, stream_id, data, length);
    h3->within++;
    nghttp3_ssize used = nghttp3_conn_read_stream(h3->nghttp3, stream_id, data, length, fin);
    if (used < 0) {
        h3->within--;
        return set_fault(h3, (int)used);
    }
    if (used > 0)
        conn_consumed(h3->conn, stream_id, (uint64_t)used);
    leave(h3);
    return h3->fault;
}

void h3_on_stream_acked(struct h3 *h3, int64_t stream_id, uint64_t length) {
    if (h3->fault != 0)
        return;
    int error = nghttp3_conn_add_ack_offset(h3->nghttp3, stream_id, length);
    if (error != 0)
        set_fault(h3, error);
}

void h3_on_stream_closed(struct h3 *h3, int64_t stream_id, uint64_t error_code) {
    if (h3->fault != 0)
        return;
    h3->within++;
    int error = nghttp3_conn_close_stream(h3->nghttp3, stream_id, error_code);
    if (error != 0 && error != NGHTTP3_ERR_STREAM_NOT_FOUND) {
        set_fault(h3, error);
    } else if (h3->server && stream_id % 4 == 0) {
        nghttp3_conn_set_max_client_streams_bidi(h3->nghttp3, H3_STREAMS_MAX + ++h3->streams_closed);
    }
    leave(h3);
}

void h3_on_stream_reset(struct h3 *h3, int64_t stream_id, uint64_t error_code) {
    if (h3->fault != 0)
        return;
    int error = nghttp3_conn_shutdown_stream_read(h3->nghttp3, stream_id);
    if (error != 0) {
        set_fault(h3, error);
        return;
    }
    struct stream *stream = stream_find(h3, stream_id);
    if (stream == NULL)
        return;
    stream_reset(h3, stream, H3_REQUEST_CANCELLED);
    tell_closed(h3, stream, error_code);
}

void h3_on_stream_stop_sending(struct h3 *h3, int64_t stream_id, uint64_t error_code) {
    if (h3->fault != 0)
        return;
    nghttp3_conn_shutdown_stream_write(h3->nghttp3, stream_id);
    struct stream *stream = stream_find(h3, stream_id);
    if (stream == NULL)
        return;
    /* A client whose request is not wanted any more must still hear the answer (RFC 9114 section 4.1). */
    if (h3->server || stream->answered) {
        stream_reset(h3, stream, H3_REQUEST_CANCELLED);
        tell_closed(h3, stream, error_code);
    }
    stream->no_write = true;
}

void h3_on_stream_writable(struct h3 *h3, int64_t stream_id) {
    if (h3->fault != 0)
        return;
    int error = nghttp3_conn_unblock_stream(h3->nghttp3, stream_id);
    if (error != 0)
        set_fault(h3, error);
}

bool h3_next_stream_data(struct h3 *h3, int64_t *stream_id, bool *fin, struct iovec *vectors, size_t *count) {
    nghttp3_vec offered[H3_VECTORS_MAX];
    int end = 0;
    if (h3->fault != 0)
        return false;
    size_t room = *count < H3_VECTORS_MAX ? *count : H3_VECTORS_MAX;
    nghttp3_ssize used = nghttp3_conn_writev_stream(h3->nghttp3, stream_id, &end, offered, room);
    if (used < 0) {
        set_fault(h3, (int)used);
        return false;
    }
    if (*stream_id < 0)
        return false;
    for (nghttp3_ssize i = 0; i < used; i++)
        vectors[i] = (struct iovec){.iov_base = offered[i].base, .iov_len = offered[i].len};
    *count = (size_t)used;
    *fin = end != 0;
    return true;
}

void h3_on_stream_written(struct h3 *h3, int64_t stream_id, size_t length) {
    if (h3->fault != 0)
        return;
    int error = nghttp3_conn_add_write_offset(h3->nghttp3, stream_id, length);
    if (error != 0)
        set_fault(h3, error);
}

void h3_on_stream_blocked(struct h3 *h3, int64_t stream_id, bool shut) {
    if (h3->fault != 0)
        return;
    if (shut) {
        nghttp3_conn_shutdown_stream_write(h3->nghttp3, stream_id);
    } else {
        nghttp3_conn_block_stream(h3->nghttp3, stream_id);
    }
}
