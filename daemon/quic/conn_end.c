/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_end: how a connection ends, and what is said about it.
 *
 * How it works: an error of ngtcp2 becomes a state (conn_internal.h), the answer that conn_read() documents, and a
 * conn_error in words. In FAILED one CONNECTION_CLOSE is written and kept; in CLOSING it is written again when the
 * number of packets received since reaches a power of two; both periods last three probe time-outs.
 *
 * What it leaves out: dropping packets of freed connections (the hall's, with a stateless reset).
 *
 * Invariants: error and ccerr are set once, by whatever ended the connection first; reasons of the peer are reduced to
 * printable ASCII.
 *
 * Standards: RFC 9000 section 10, 20; RFC 9001 section 4.8. */
#include "quic/conn_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_PTOS 3u          /**< closing and draining last this many probe time-outs (RFC 9000 section 10.2) */
#define TLS_ALERT_FIRST 0x100u /**< transport error codes from here on are TLS alerts */
#define TLS_ALERT_LAST 0x1ffu  /**< the last of them */

static const char *const transport_errors[] = {
    "no error",
    "internal error",
    "connection refused",
    "flow-control error",
    "stream-limit error",
    "stream-state error",
    "final-size error",
    "frame-encoding error",
    "transport-parameter error",
    "connection-ID-limit error",
    "protocol violation",
    "invalid token",
    "application error",
    "crypto buffer exceeded",
    "key-update error",
    "AEAD limit reached",
    "no viable path",
    "version-negotiation error",
};

static const struct {
    uint8_t alert;    /**< RFC 8446 section 6 */
    const char *name; /**< in words */
} tls_alerts[] = {
    {10, "unexpected message"},      {20, "bad record MAC"},
    {40, "handshake failure"},       {42, "bad certificate"},
    {43, "unsupported certificate"}, {44, "certificate revoked"},
    {45, "certificate expired"},     {46, "certificate unknown"},
    {47, "illegal parameter"},       {48, "unknown CA"},
    {49, "access denied"},           {50, "decode error"},
    {51, "decrypt error"},           {70, "protocol version"},
    {80, "internal error"},          {109, "missing extension"},
    {110, "unsupported extension"},  {112, "unrecognized name"},
    {116, "certificate required"},   {120, "no application protocol"},
};

/** Put an error code into words, when nobody gave a reason. */
static void describe(struct conn_error *error) {
    if (error->application) {
        snprintf(error->reason, sizeof error->reason, "application error 0x%llx", (unsigned long long)error->code);
    } else if (error->code >= TLS_ALERT_FIRST && error->code <= TLS_ALERT_LAST) {
        const char *name = "unknown";

        for (size_t i = 0; i < sizeof tls_alerts / sizeof *tls_alerts; i++)
            if (tls_alerts[i].alert == error->code - TLS_ALERT_FIRST)
                name = tls_alerts[i].name;
        snprintf(error->reason, sizeof error->reason, "TLS alert %u (%s)", (unsigned)(error->code - TLS_ALERT_FIRST),
                 name);
    } else if (error->code < sizeof transport_errors / sizeof *transport_errors) {
        snprintf(error->reason, sizeof error->reason, "%s", transport_errors[error->code]);
    } else {
        snprintf(error->reason, sizeof error->reason, "transport error 0x%llx", (unsigned long long)error->code);
    }
}

/** Copy a reason, printable ASCII only. */
static void set_reason(struct conn_error *error, const void *reason, size_t length) {
    const uint8_t *from = reason;

    if (length >= sizeof error->reason)
        length = sizeof error->reason - 1;
    for (size_t i = 0; i < length; i++)
        error->reason[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    error->reason[length] = '\0';
}

/** Enter the closing or draining period. */
static void wait_out(struct conn *conn, enum conn_state state) {
    conn->state = state;
    conn->close_deadline = conn->now + CLOSE_PTOS * ngtcp2_conn_get_pto(conn->ng);
}

int conn_end_status(const struct conn *conn) {
    switch (conn->state) {
    case CONN_LIVE:
        return 0;
    case CONN_FAILED:
        return -ECONNABORTED;
    default:
        return -ENOTCONN;
    }
}

/** The peer closed, or does not know us. */
static int end_by_peer(struct conn *conn) {
    const ngtcp2_ccerr *said = ngtcp2_conn_get_ccerr(conn->ng);
    struct conn_error *error = &conn->error;

    wait_out(conn, CONN_DRAINING);
    error->remote = true;
    if (error->stateless_reset) {
        set_reason(error, "stateless reset: the peer does not know this connection", 55);
        return -ENOTCONN;
    }
    error->application = said->type == NGTCP2_CCERR_TYPE_APPLICATION;
    error->code = said->error_code;
    if (said->reasonlen > 0)
        set_reason(error, said->reason, said->reasonlen);
    else
        describe(error);
    return -ENOTCONN;
}

/** Silence: nothing to say, nothing to wait for. */
static int end_by_silence(struct conn *conn, const char *reason) {
    conn->state = CONN_DEAD;
    conn->error.idle = true;
    set_reason(&conn->error, reason, strlen(reason));
    return -ENOTCONN;
}

/** Our own failure, to be told to the peer. */
static int end_by_us(struct conn *conn, int library_error) {
    struct conn_error *error = &conn->error;
    const char *tls = tls_session_reason(conn->tls);

    if (library_error == NGTCP2_ERR_CRYPTO && ngtcp2_conn_get_tls_alert(conn->ng) != 0) {
        error->code = TLS_ALERT_FIRST + ngtcp2_conn_get_tls_alert(conn->ng);
    } else if (library_error == NGTCP2_ERR_CALLBACK_FAILURE && conn->hook_error != 0) {
        error->application = true;
        error->code = conn->hook_error;
    } else {
        error->code = ngtcp2_err_infer_quic_transport_error_code(library_error);
    }
    if (library_error == NGTCP2_ERR_CRYPTO && tls[0] != '\0')
        set_reason(error, tls, strlen(tls));
    else
        describe(error);
    if (error->application)
        ngtcp2_ccerr_set_application_error(&conn->ccerr, error->code, (const uint8_t *)error->reason,
                                           strlen(error->reason));
    else
        ngtcp2_ccerr_set_transport_error(&conn->ccerr, error->code, (const uint8_t *)error->reason,
                                         strlen(error->reason));
    conn->state = CONN_FAILED;
    return -ECONNABORTED;
}

int conn_fail(struct conn *conn, int library_error) {
    static const char no_version[] = "the server does not speak QUIC version 1";

    if (conn->state != CONN_LIVE)
        return conn_end_status(conn);
    switch (library_error) {
    case NGTCP2_ERR_DRAINING:
        return end_by_peer(conn);
    case NGTCP2_ERR_IDLE_CLOSE:
        return end_by_silence(conn, conn->ready ? "nothing heard from the peer for the idle time-out"
                                                : "no answer to the handshake");
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        return end_by_silence(conn, conn->packets_received == 0 ? "no answer to the handshake"
                                                                : "the handshake took too long");
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        conn->state = CONN_DEAD;
        conn->error.remote = true;
        conn->error.code = NGTCP2_VERSION_NEGOTIATION_ERROR;
        set_reason(&conn->error, no_version, sizeof no_version - 1);
        return -ENOTCONN;
    case NGTCP2_ERR_RETRY:
        conn->state = CONN_DEAD;
        return -EAGAIN;
    case NGTCP2_ERR_DROP_CONN:
        conn->state = CONN_DEAD;
        return -ESHUTDOWN;
    default:
        return end_by_us(conn, library_error);
    }
}

void conn_close(struct conn *conn, uint64_t application_code, const char *reason, uint64_t now) {
    struct conn_error *error = &conn->error;

    if (conn->state != CONN_LIVE)
        return;
    if (now > conn->now)
        conn->now = now;
    error->application = true;
    error->code = application_code;
    if (reason != NULL)
        set_reason(error, reason, strlen(reason));
    ngtcp2_ccerr_set_application_error(&conn->ccerr, application_code, (const uint8_t *)error->reason,
                                       strlen(error->reason));
    conn->state = CONN_FAILED;
}

ssize_t conn_write_close(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet) {
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info = {0};
    ngtcp2_ssize n;

    memset(packet, 0, sizeof *packet);
    if (conn->state == CONN_CLOSING) {
        if (!conn->close_again || conn->close_packet == NULL || size < conn->close_length)
            return 0;
        conn->close_again = false;
        memcpy(out, conn->close_packet, conn->close_length);
        conn_path_from(&packet->path, ngtcp2_conn_get_path(conn->ng));
        return (ssize_t)conn->close_length;
    }
    if (conn->state != CONN_FAILED)
        return -ENOTCONN;
    ngtcp2_path_storage_zero(&path);
    n = ngtcp2_conn_write_connection_close(conn->ng, &path.path, &info, out, size, &conn->ccerr, conn->now);
    if (n <= 0) {
        conn->state = CONN_DEAD;
        return 0;
    }
    wait_out(conn, CONN_CLOSING);
    conn->close_packet = malloc((size_t)n);
    if (conn->close_packet != NULL) {
        memcpy(conn->close_packet, out, (size_t)n);
        conn->close_length = (size_t)n;
    }
    conn_path_from(&packet->path, &path.path);
    packet->ecn = info.ecn;
    conn->packets_sent++;
    conn->bytes_sent += (uint64_t)n;
    return n;
}

bool conn_is_closed(const struct conn *conn) {
    return conn->state != CONN_LIVE;
}

const struct conn_error *conn_error(const struct conn *conn) {
    return &conn->error;
}
