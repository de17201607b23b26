/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_callbacks: what ngtcp2 tells a connection, translated for its owner. Keys and TLS are crypt's.
 *
 * How it works: each callback is a few lines: count, note what has to be written, tell the owner. A hook that wants the
 * connection closed returns an HTTP/3 error code; it is kept and ngtcp2 is stopped by NGTCP2_ERR_CALLBACK_FAILURE.
 *
 * Invariants: nothing is freed here; a datagram's or stream's bytes are handed on within the call only. */
#include "quic/conn_internal.h"

#include <errno.h>
#include <string.h>

#include "common/random.h"
#include "quic/crypt.h"

int conn_cid_use(struct conn *conn, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < CONN_CIDS; i++) {
        struct conn_cid *cid = &conn->cids[i];

        if (cid->length != 0)
            continue;
        cid->length = (uint8_t)length;
        memcpy(cid->bytes, bytes, length);
        CONN_TELL(conn, on_cid, cid, true);
        return 0;
    }
    return -ENOSPC;
}

void conn_cid_forget(struct conn *conn, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < CONN_CIDS; i++) {
        struct conn_cid *cid = &conn->cids[i], gone = *cid;

        if (cid->length != length || memcmp(cid->bytes, bytes, length) != 0)
            continue;
        memset(cid, 0, sizeof *cid);
        CONN_TELL(conn, on_cid, &gone, false);
        return;
    }
}

void conn_cid_make(uint8_t worker, uint8_t *bytes, size_t length) {
    random_fill(bytes, length);
    bytes[0] = worker;
}

static int on_new_cid(ngtcp2_conn *ng, ngtcp2_cid *cid, uint8_t *token, size_t length, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    cid->datalen = length;
    conn_cid_make(conn->worker, cid->data, length);
    if (crypt_stateless_reset_token(conn->reset_key, cid, token) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return conn_cid_use(conn, cid->data, length) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_remove_cid(ngtcp2_conn *ng, const ngtcp2_cid *cid, void *user_data) {
    (void)ng;
    conn_cid_forget(user_data, cid->data, cid->datalen);
    return 0;
}

static int on_handshake_completed(ngtcp2_conn *ng, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    conn->ready = true;
    conn->confirmed = conn->server; /* ngtcp2 tells only clients that it is confirmed: to a server the two are one (RFC
                                       9001 section 4.1.2) */
    conn->rate.since = conn->now;
    CONN_TELL(conn, on_handshake);
    return 0;
}

static int on_handshake_confirmed(ngtcp2_conn *ng, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    conn->confirmed = true;
    return 0;
}

static int on_stream_data(ngtcp2_conn *ng, uint32_t flags, int64_t stream_id, uint64_t offset, const uint8_t *data,
                          size_t length, void *user_data, void *stream_user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)offset;
    (void)stream_user_data;
    conn->datagrams_unacked++;
    if (conn->hooks->on_stream_data == NULL) {
        conn_consumed(conn, stream_id, length);
        return 0;
    }
    conn->hook_error =
        conn->hooks->on_stream_data(conn->context, stream_id, flags & NGTCP2_STREAM_DATA_FLAG_FIN, data, length);
    return conn->hook_error == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_stream_acked(ngtcp2_conn *ng, int64_t stream_id, uint64_t offset, uint64_t length, void *user_data,
                           void *stream_user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)offset;
    (void)stream_user_data;
    CONN_TELL(conn, on_stream_acked, stream_id, length);
    return 0;
}

static int on_stream_close(ngtcp2_conn *ng, uint32_t flags, int64_t stream_id, uint64_t error_code, void *user_data,
                           void *stream_user_data) {
    struct conn *conn = user_data;

    (void)stream_user_data;
    if (!(flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET))
        error_code = 0;
    if (!ngtcp2_conn_is_local_stream(ng, stream_id)) {
        if ((stream_id & 2) == 0)
            ngtcp2_conn_extend_max_streams_bidi(ng, 1);
        else
            ngtcp2_conn_extend_max_streams_uni(ng, 1);
        conn->write_wanted = true;
    }
    CONN_TELL(conn, on_stream_closed, stream_id, error_code);
    return 0;
}

static int on_stream_reset(ngtcp2_conn *ng, int64_t stream_id, uint64_t final_size, uint64_t error_code,
                           void *user_data, void *stream_user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)final_size;
    (void)stream_user_data;
    CONN_TELL(conn, on_stream_reset, stream_id, error_code);
    return 0;
}

static int on_stream_window(ngtcp2_conn *ng, int64_t stream_id, uint64_t max_data, void *user_data,
                            void *stream_user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)max_data;
    (void)stream_user_data;
    CONN_TELL(conn, on_stream_writable, stream_id);
    return 0;
}

static int on_datagram(ngtcp2_conn *ng, uint32_t flags, const uint8_t *data, size_t length, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)flags;
    conn->datagrams_unacked++;
    CONN_TELL(conn, on_datagram, data, length);
    return 0;
}

static int on_datagram_acked(ngtcp2_conn *ng, uint64_t id, void *user_data) {
    struct conn *conn = user_data;
    uint64_t *lost = conn->ids != NULL ? &conn->ids->lost[id % CONN_LOST_IDS] : NULL;

    (void)ng;
    if (conn_mtu_is_probe(id)) {
        conn_mtu_on_probe(conn, id, true);
        return 0;
    }
    if (lost != NULL && *lost == id + 1) {
        *lost = 0;
        conn->datagrams_spurious++;
    }
    conn_mtu_on_acked(conn, id);
    CONN_TELL(conn, on_datagram_acked, id);
    return 0;
}

static int on_datagram_lost(ngtcp2_conn *ng, uint64_t id, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    if (conn_mtu_is_probe(id)) {
        conn_mtu_on_probe(conn, id, false);
        return 0;
    }
    if (conn->ids != NULL)
        conn->ids->lost[id % CONN_LOST_IDS] = id + 1;
    conn->datagrams_lost++;
    conn_mtu_on_lost(conn, id);
    CONN_TELL(conn, on_datagram_lost, id);
    return 0;
}

static int on_token(ngtcp2_conn *ng, const uint8_t *token, size_t length, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    CONN_TELL(conn, on_token, token, length);
    return 0;
}

static int on_path_validation(ngtcp2_conn *ng, uint32_t flags, const ngtcp2_path *path, const ngtcp2_path *old_path,
                              ngtcp2_path_validation_result result, void *user_data) {
    struct conn *conn = user_data;
    struct conn_path ours;

    (void)ng;
    (void)flags;
    (void)old_path;
    conn->write_wanted = true;
    if (result != NGTCP2_PATH_VALIDATION_RESULT_SUCCESS)
        return 0;
    conn_path_from(&ours, path);
    conn_mtu_on_path(conn);
    CONN_TELL(conn, on_path, &ours);
    return 0;
}

static int on_stateless_reset(ngtcp2_conn *ng, const ngtcp2_pkt_stateless_reset *reset, void *user_data) {
    struct conn *conn = user_data;

    (void)ng;
    (void)reset;
    conn->error.stateless_reset = true;
    return 0;
}

static int on_update_key(ngtcp2_conn *ng, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx_aead,
                         uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_aead, uint8_t *tx_iv, const uint8_t *old_rx_secret,
                         const uint8_t *old_tx_secret, size_t secret_length, void *user_data) {
    struct conn *conn = user_data;
    int rv = conn->update_key(ng, rx_secret, tx_secret, rx_aead, rx_iv, tx_aead, tx_iv, old_rx_secret, old_tx_secret,
                              secret_length, user_data);

    if (rv == 0)
        conn->keys_made++;
    conn->key_packets = 0;
    return rv;
}

void conn_set_callbacks(struct conn *conn, ngtcp2_callbacks *callbacks) {
    memset(callbacks, 0, sizeof *callbacks);
    crypt_set_callbacks(callbacks, conn->server);
    conn->update_key = callbacks->update_key;
    callbacks->update_key = on_update_key;
    callbacks->get_new_connection_id = on_new_cid;
    callbacks->remove_connection_id = on_remove_cid;
    callbacks->handshake_completed = on_handshake_completed;
    callbacks->handshake_confirmed = on_handshake_confirmed;
    callbacks->recv_stream_data = on_stream_data;
    callbacks->acked_stream_data_offset = on_stream_acked;
    callbacks->stream_close = on_stream_close;
    callbacks->stream_reset = on_stream_reset;
    callbacks->extend_max_stream_data = on_stream_window;
    callbacks->recv_datagram = on_datagram;
    callbacks->ack_datagram = on_datagram_acked;
    callbacks->lost_datagram = on_datagram_lost;
    callbacks->recv_new_token = on_token;
    callbacks->path_validation = on_path_validation;
    callbacks->recv_stateless_reset = on_stateless_reset;
}
