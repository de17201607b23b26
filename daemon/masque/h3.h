/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3: HTTP/3 by nghttp3 over a conn: SETTINGS (extended CONNECT, H3_DATAGRAM), requests and answers as values, body
 * bytes both ways with flow control. The h3_on_* functions at the end are the conn hooks of the same names, to be
 * called by whoever owns both (bond/leg).
 *
 * Standards: RFC 9114, RFC 9220 (extended CONNECT), RFC 9297 (HTTP Datagrams). */
#ifndef MPVPN_MASQUE_H3_H
#define MPVPN_MASQUE_H3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "quic/conn.h"

#define H3_NO_ERROR 0x100ull
#define H3_GENERAL_PROTOCOL_ERROR 0x101ull
#define H3_INTERNAL_ERROR 0x102ull
#define H3_EXCESSIVE_LOAD 0x107ull
#define H3_SETTINGS_ERROR 0x109ull
#define H3_REQUEST_REJECTED 0x10bull
#define H3_REQUEST_CANCELLED 0x10cull
#define H3_MESSAGE_ERROR 0x10eull
#define H3_DATAGRAM_ERROR 0x33ull

#define H3_FIELDS_MAX 64u         /**< fields kept of one header section */
#define H3_FIELD_BYTES_MAX 16384u /**< bytes of one header section, names and values; more is answered 431 */
#define H3_STREAMS_MAX                                                                                                 \
    32u /**< requests open at a time; one more is rejected (the conn should allow the peer no more) */
#define H3_VECTORS_MAX 16u /**< vectors that h3_next_stream_data fills at most */

/** One field line; NUL-terminated strings of stated length. */
struct h3_field {
    const char *name;    /**< lower case */
    const char *value;   /**< no NUL, CR or LF inside */
    size_t value_length; /**< bytes */
    bool never_index;    /**< QPACK: a secret ("authorization") */
};

/** A request or an answer's header section. Pointers valid in the call only when received. */
struct h3_message {
    const char *method;            /**< request */
    const char *scheme;            /**< request */
    const char *authority;         /**< request */
    const char *path;              /**< request */
    const char *protocol;          /**< request: extended CONNECT's :protocol, or NULL */
    unsigned status;               /**< answer: 100–599 */
    const struct h3_field *fields; /**< other fields */
    size_t field_count;            /**< how many */
};
/** First field of this name, or NULL. @param again set true when there are more than one (may be NULL) */
const struct h3_field *h3_message_field(const struct h3_message *message, const char *name, bool *again);

/** What the owner hears. */
struct h3_hooks {
    /** The peer's SETTINGS came. */
    void (*on_settings)(void *context, bool extended_connect, bool datagrams);
    /** Server: a request's header section is complete. */
    void (*on_request)(void *context, int64_t stream_id, const struct h3_message *request);
    /** Client: the final answer's header section is complete (1xx are passed over). */
    void (*on_response)(void *context, int64_t stream_id, const struct h3_message *response);
    /** Body bytes. @return 0, or an HTTP/3 error code to reset the stream with */
    uint64_t (*on_body)(void *context, int64_t stream_id, const uint8_t *data, size_t length);
    /** The peer ended its side properly. */
    void (*on_end)(void *context, int64_t stream_id);
    /** The stream is closed or was reset; forget it. */
    void (*on_closed)(void *context, int64_t stream_id, uint64_t error_code);
};

struct h3;

/** @param conn borrowed, outlives the h3 @return 0; -ENOMEM */
int h3_new(bool server, struct conn *conn, const struct h3_hooks *hooks, void *context, struct h3 **out);
void h3_free(struct h3 *h3);
/** The handshake is done: open the control and QPACK streams, send SETTINGS. @return 0, or -EAGAIN: the peer allows too
 * few streams (close with H3_GENERAL_PROTOCOL_ERROR) */
int h3_start(struct h3 *h3);
/** Send a request whose body stays open. @return stream ID, or -EAGAIN: no stream allowed now; -EINVAL */
int64_t h3_request(struct h3 *h3, const struct h3_message *request);
/** Answer; end = no body follows. @return 0 or -EINVAL */
int h3_respond(struct h3 *h3, int64_t stream_id, const struct h3_message *response, bool end);
/** Append body bytes (copied). @return 0; -ENOBUFS: more than 256 KiB unsent; -ENOENT: no such stream */
int h3_write(struct h3 *h3, int64_t stream_id, const uint8_t *data, size_t length);
/** The same from several places, all or nothing. */
int h3_writev(struct h3 *h3, int64_t stream_id, const struct iovec *vectors, size_t count);
/** End our side after what was appended. */
void h3_finish(struct h3 *h3, int64_t stream_id);
/** Abandon a stream. */
void h3_reset(struct h3 *h3, int64_t stream_id, uint64_t error_code);
/** A connection error met where no return value tells it (the peer closed a critical stream): close the connection with
 * it. 0: none */
uint64_t h3_fault(const struct h3 *h3);
/** Whether the peer's SETTINGS said so. */
bool h3_peer_takes_datagrams(const struct h3 *h3);

/** Datagram prefix: quarter stream ID. @return bytes written (1–8) */
size_t h3_datagram_prefix(int64_t stream_id, uint8_t out[8]);
/** Cut a QUIC DATAGRAM payload: which stream, and what follows. @return 0; -EBADMSG: too short or an impossible stream
 * ID (H3_DATAGRAM_ERROR) */
int h3_datagram_parse(const uint8_t *data, size_t length, int64_t *stream_id, const uint8_t **payload,
                      size_t *payload_length);

/* conn's hooks, one to one. */
uint64_t h3_on_stream_data(struct h3 *h3, int64_t stream_id, bool fin, const uint8_t *data, size_t length);
void h3_on_stream_acked(struct h3 *h3, int64_t stream_id, uint64_t length);
void h3_on_stream_closed(struct h3 *h3, int64_t stream_id, uint64_t error_code);
void h3_on_stream_reset(struct h3 *h3, int64_t stream_id, uint64_t error_code);
void h3_on_stream_stop_sending(struct h3 *h3, int64_t stream_id, uint64_t error_code);
void h3_on_stream_writable(struct h3 *h3, int64_t stream_id);
bool h3_next_stream_data(struct h3 *h3, int64_t *stream_id, bool *fin, struct iovec *vectors, size_t *count);
void h3_on_stream_written(struct h3 *h3, int64_t stream_id, size_t length);
void h3_on_stream_blocked(struct h3 *h3, int64_t stream_id, bool shut);

#endif
