/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_conn: two ends of HTTP/3 without QUIC between them. It takes the place of quic/conn in a test program: stream
 * bytes are carried from one h3 to the other in memory, cut as small as the test likes, and everything a conn was told
 * is kept. */
#ifndef MPVPN_TESTS_FAKE_CONN_H
#define MPVPN_TESTS_FAKE_CONN_H

#include "masque/h3.h"

#define FAKE_STREAMS 64 /* streams of each end that are remembered */

/** What one end knows of one stream. */
struct fake_stream {
    int64_t id;          /**< QUIC stream ID */
    uint64_t sent;       /**< bytes handed to the other end */
    uint64_t unacked;    /**< sent and not yet told to be acknowledged */
    uint64_t received;   /**< bytes that came */
    uint64_t consumed;   /**< credit given back */
    uint64_t reset_code; /**< code of our RESET_STREAM */
    uint64_t stop_code;  /**< code of our STOP_SENDING */
    uint64_t sent_reset; /**< RESET_STREAM carried over */
    bool fin_sent;       /**< our side ended */
    bool fin_received;   /**< the other side ended */
    bool reset;          /**< we reset our side */
    bool stopped;        /**< we do not read the other side */
    bool closed;         /**< on_stream_closed was told */
    bool blocked;        /**< no window: nothing is taken */
};

/** One end. */
struct conn {
    bool server;                              /**< which */
    struct conn *peer;                        /**< the other end */
    struct h3 *h3;                            /**< to be fed */
    struct fake_stream streams[FAKE_STREAMS]; /**< in use: the first stream_count */
    size_t stream_count;                      /**< how many */
    int64_t next_id[2];                       /**< next of our own IDs: bidirectional, unidirectional */
    unsigned uni_allowed;                     /**< unidirectional streams that may be opened */
    unsigned bidi_allowed;                    /**< bidirectional streams that may be opened */
    size_t piece;                             /**< bytes carried at a time */
    uint64_t error;                           /**< connection error that the h3 returned; 0: none */
    uint8_t probe[16];                        /**< conn_set_probe()'s */
    size_t probe_length;                      /**< bytes */
    bool hold_acks;                           /**< acknowledge nothing */
};

/** Join two ends. */
void fake_conn_init(struct conn *client, struct conn *server);
/** Carry bytes, acknowledgements, resets and ends to and fro until nothing moves. */
void fake_conn_run(struct conn *client, struct conn *server);
/** What an end knows of a stream, or NULL. */
struct fake_stream *fake_stream_find(struct conn *conn, int64_t id);
/** Feed raw bytes to an end, as if its peer had sent them. */
void fake_conn_feed(struct conn *conn, int64_t id, bool fin, const void *data, size_t length);
/** Open a stream of this end by hand. */
int64_t fake_conn_open(struct conn *conn, bool bidirectional);

#endif
