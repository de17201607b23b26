/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn: one QUIC connection on ngtcp2: making and freeing it, streams, statistics. Packets are in conn_io.c, ngtcp2's
 * callbacks in conn_callbacks.c, errors in conn_end.c, packets without a connection in conn_first.c.
 *
 * How it works: both ends get the same settings; a server adds what the first packet said. Flow-control windows are
 * made for a tunnel's requests and capsules: the traffic itself goes in datagrams, which have none.
 *
 * What it leaves out: 0-RTT, QUIC version 2, preferred addresses, multipath.
 *
 * Invariants: every connection ID told to the owner by on_cid(true) is taken back by on_cid(false), by conn_free() at
 * the latest.
 *
 * Standards: RFC 9000, 9001, 9002, 9221, 9287 (a cleared fixed bit is understood), 8899. */
#include "quic/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "quic/crypt.h"
#include "quic/tls.h"

#define DEFAULT_IDLE (30 * NS_PER_SEC)      /**< ns */
#define HANDSHAKE_TIMEOUT (10 * NS_PER_SEC) /**< ns */
#define SERVER_RTT (100 * NS_PER_MS)        /**< ns, see conn_server_new() */
#define MAX_ACK_DELAY (5 * NS_PER_MS)       /**< ns: two default ones alone would exceed the goal for failover */
#define STREAM_WINDOW (1u << 20)            /**< bytes of credit for a stream */
#define CONNECTION_WINDOW (4u << 20)        /**< bytes of credit for all streams */
#define MAX_STREAMS 16u                     /**< streams of a kind that the peer may have open */
#define OUR_CIDS 7u                         /**< connection IDs of the peer that we keep */
#define UDP_MAX_V4 1472u                    /**< bytes of UDP payload in an Ethernet frame, IPv4 */
#define UDP_MAX_V6 1452u                    /**< the same, IPv6 */
#define RATE_RISE 2u                        /**< part of the way that the capacity goes up to a larger delivery rate */
#define RATE_FALL 4u                        /**< and down to a smaller one */

size_t conn_path_udp_max(const struct conn_path *path) {
    bool v6 = path->remote.sa.sa_family == AF_INET6 && sock_addr_ip(&path->remote).version == 6;

    return v6 ? UDP_MAX_V6 : UDP_MAX_V4;
}

/** A size above all that may be sent: ngtcp2 leaves such ones out. */
static const uint16_t no_probe = UINT16_MAX;

/** Fill in ngtcp2's settings. @return 0; -EINVAL: no such controller */
static int fill_settings(const struct conn_settings *from, uint64_t now, ngtcp2_settings *out) {
    ngtcp2_settings_default(out);
    if (from->congestion == NULL || strcmp(from->congestion, "bbr") == 0)
        out->cc_algo = NGTCP2_CC_ALGO_BBR;
    else if (strcmp(from->congestion, "cubic") == 0)
        out->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    else if (strcmp(from->congestion, "own") == 0 || strcmp(from->congestion, "auto") == 0)
        out->cc_algo = ccseam_available() ? NGTCP2_CC_ALGO_RENO : NGTCP2_CC_ALGO_BBR; /* ours takes Reno's place */
    else
        return -EINVAL;
    out->initial_ts = now;
    out->handshake_timeout = HANDSHAKE_TIMEOUT;
    out->ack_thresh = CONN_ACK_THRESHOLD;
    out->max_tx_udp_payload_size = CONN_UDP_MAX;
    /* conn_mtu.c finds the size, and every write is given it as the most. ngtcp2's own search is not switched off, for
     * then a path that returns while another is validated ends the process (an assertion of conn_start_pmtud); it has
     * nothing to look for instead: no size at all that a packet may have. */
    out->pmtud_probes = &no_probe;
    out->pmtud_probeslen = 1;
    out->no_tx_udp_payload_size_shaping = 1;
    return 0;
}

static void fill_transport_params(const struct conn_settings *from, ngtcp2_transport_params *out) {
    ngtcp2_transport_params_default(out);
    out->initial_max_stream_data_bidi_local = STREAM_WINDOW;
    out->initial_max_stream_data_bidi_remote = STREAM_WINDOW;
    out->initial_max_stream_data_uni = STREAM_WINDOW;
    out->initial_max_data = CONNECTION_WINDOW;
    out->initial_max_streams_bidi = MAX_STREAMS;
    out->initial_max_streams_uni = MAX_STREAMS;
    out->max_idle_timeout = from->idle_timeout != 0 ? from->idle_timeout : DEFAULT_IDLE;
    out->max_ack_delay = MAX_ACK_DELAY;
    out->active_connection_id_limit = OUR_CIDS;
    out->max_datagram_frame_size = UINT16_MAX;
    out->grease_quic_bit = 1;
}

/** Everything of a connection but ngtcp2's part. @param tls what the end adds to the TLS session */
static int conn_new(const struct conn_settings *settings, struct tls_session_settings tls, uint64_t now,
                    struct conn **out) {
    struct conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return -ENOMEM;
    conn->hooks = settings->hooks;
    conn->context = settings->context;
    conn->server = tls.server;
    conn->worker = settings->worker;
    conn->now = now;
    conn->look_again = conn->ack_by = conn->stall_at = TIME_NEVER;
    conn->keepalive = settings->keepalive;
    conn->key_packets_max = settings->key_update_packets != 0 ? settings->key_update_packets : CONN_KEY_PACKETS;
    conn_mtu_init(conn);
    memcpy(conn->reset_key, settings->reset_key, sizeof conn->reset_key);
    pacer_init(&conn->pacer, conn->mtu);
    conn->cc.seed = settings->congestion_seed;
    if (conn->cc.seed == 0)
        random_fill(&conn->cc.seed, sizeof conn->cc.seed);
    ngtcp2_ccerr_default(&conn->ccerr);
    conn->tls_context = tls_context_ref(settings->tls);
    tls.now = &conn->now;
    tls.from = sock_addr_ip(&settings->path.local);
    conn->tls = tls_session_new(settings->tls, &tls);
    if (conn->tls == NULL) {
        conn_free(conn);
        return -EIO;
    }
    *out = conn;
    return 0;
}

/** The last steps, when ngtcp2's part is made. */
static void start(struct conn *conn, const ngtcp2_cid *cid) {
    tls_session_bind(conn->tls, conn->ng);
    ngtcp2_conn_set_keep_alive_timeout(conn->ng, conn->keepalive);
    conn_cid_use(conn, cid->data, cid->datalen);
}

int conn_client_new(const struct conn_settings *settings, const struct conn_client_settings *client, uint64_t now,
                    struct conn **out) {
    ngtcp2_callbacks callbacks;
    ngtcp2_settings s;
    ngtcp2_transport_params params;
    ngtcp2_path path;
    ngtcp2_cid dcid = {.datalen = CONN_CID_BYTES}, scid = {.datalen = CONN_CID_BYTES};
    struct conn *conn = NULL;
    int rv = fill_settings(settings, now, &s);

    if (rv == 0)
        rv = conn_new(settings, (struct tls_session_settings){.server_name = client->server_name}, now, &conn);
    if (rv != 0)
        return rv;
    conn_set_callbacks(conn, &callbacks);
    if (client->initial_rtt != 0)
        s.initial_rtt = client->initial_rtt;
    if (client->handshake_timeout != 0 && client->handshake_timeout < HANDSHAKE_TIMEOUT)
        s.handshake_timeout = client->handshake_timeout;
    conn->cc.initial_rtt = s.initial_rtt;
    if (s.cc_algo != NGTCP2_CC_ALGO_CUBIC)
        ccseam_offer(&conn->cc);
    fill_transport_params(settings, &params);
    conn_path_to(&path, &settings->path);
    conn_cid_make(settings->worker, scid.data, scid.datalen);
    random_fill(dcid.data, dcid.datalen);
    if (client->first_dcid_worker >= 0)
        dcid.data[0] = (uint8_t)client->first_dcid_worker;
    s.token = client->token;
    s.tokenlen = client->token != NULL ? client->token_length : 0;
    if (ngtcp2_conn_client_new(&conn->ng, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks, &s, &params, NULL,
                               conn) != 0) {
        conn_free(conn);
        return -ENOMEM;
    }
    start(conn, &scid);
    *out = conn;
    return 0;
}

int conn_server_new(const struct conn_settings *settings, const struct conn_server_settings *server, uint64_t now,
                    struct conn **out) {
    ngtcp2_callbacks callbacks;
    ngtcp2_settings s;
    ngtcp2_transport_params params;
    ngtcp2_path path;
    ngtcp2_cid dcid, scid = {.datalen = CONN_CID_BYTES};
    struct conn *conn = NULL;
    struct tls_session_settings tls = {.server = true, .wall_seconds = server->wall_seconds};
    int rv = server->version == NGTCP2_PROTO_VER_V1 ? fill_settings(settings, now, &s) : -EINVAL;

    if (rv == 0)
        rv = conn_new(settings, tls, now, &conn);
    if (rv != 0)
        return rv;
    conn_set_callbacks(conn, &callbacks);
    /* ngtcp2 asks for nine of these whether a path that a client left is alive, and meanwhile does not go back there
     * with it: with the 333 ms of RFC 9002 for three seconds. */
    s.initial_rtt = conn->cc.initial_rtt = SERVER_RTT;
    if (s.cc_algo != NGTCP2_CC_ALGO_CUBIC)
        ccseam_offer(&conn->cc);
    fill_transport_params(settings, &params);
    conn_path_to(&path, &settings->path);
    ngtcp2_cid_init(&dcid, server->peer_cid.bytes, server->peer_cid.length);
    conn_cid_make(settings->worker, scid.data, scid.datalen);
    ngtcp2_cid_init(&params.original_dcid, server->original_dcid.bytes, server->original_dcid.length);
    params.original_dcid_present = 1;
    if (server->retried) {
        ngtcp2_cid_init(&params.retry_scid, server->initial_dcid.bytes, server->initial_dcid.length);
        params.retry_scid_present = 1;
    }
    params.stateless_reset_token_present =
        crypt_stateless_reset_token(settings->reset_key, &scid, params.stateless_reset_token) == 0;
    if (server->token_valid) {
        s.token = server->token;
        s.tokenlen = server->token_length;
        s.token_type = server->retried ? NGTCP2_TOKEN_TYPE_RETRY : NGTCP2_TOKEN_TYPE_NEW_TOKEN;
    }
    if (ngtcp2_conn_server_new(&conn->ng, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks, &s, &params, NULL,
                               conn) != 0) {
        conn_free(conn);
        return -ENOMEM;
    }
    start(conn, &scid);
    conn_cid_use(conn, server->initial_dcid.bytes, server->initial_dcid.length);
    *out = conn;
    return 0;
}

void conn_free(struct conn *conn) {
    if (conn == NULL)
        return;
    for (size_t i = 0; i < CONN_CIDS; i++)
        if (conn->cids[i].length != 0)
            CONN_TELL(conn, on_cid, &conn->cids[i], false);
    ngtcp2_conn_del(conn->ng);
    if (conn->tls != NULL && conn->packets_received == 0)
        tls_session_unanswered(conn->tls);
    tls_session_free(conn->tls);
    tls_context_unref(conn->tls_context);
    free(conn->close_packet);
    free(conn->ids);
    free(conn->cc.lost);
    free(conn);
}

int64_t conn_open_stream(struct conn *conn, bool bidirectional) {
    int64_t stream_id;
    int rv;

    if (!conn->ready || conn->state != CONN_LIVE)
        return -ENOTCONN;
    rv = bidirectional ? ngtcp2_conn_open_bidi_stream(conn->ng, &stream_id, NULL)
                       : ngtcp2_conn_open_uni_stream(conn->ng, &stream_id, NULL);
    return rv == 0 ? stream_id : -EAGAIN;
}

void conn_consumed(struct conn *conn, int64_t stream_id, uint64_t length) {
    /* A stream that is gone needs no credit, the connection does. */
    ngtcp2_conn_extend_max_stream_offset(conn->ng, stream_id, length);
    ngtcp2_conn_extend_max_offset(conn->ng, length);
    conn->write_wanted = true;
}

void conn_reset_stream(struct conn *conn, int64_t stream_id, uint64_t error_code) {
    ngtcp2_conn_shutdown_stream(conn->ng, 0, stream_id, error_code);
    conn->write_wanted = true;
}

void conn_stop_sending(struct conn *conn, int64_t stream_id, uint64_t error_code) {
    ngtcp2_conn_shutdown_stream_read(conn->ng, 0, stream_id, error_code);
    conn->write_wanted = true;
}

void conn_ping(struct conn *conn) {
    conn->ping = true;
}

bool conn_is_ready(const struct conn *conn) {
    return conn->ready;
}

int conn_submit_token(struct conn *conn, const uint8_t *token, size_t length) {
    if (!conn->server || !conn->ready || conn->state != CONN_LIVE || length == 0)
        return -ENOTCONN;
    if (ngtcp2_conn_submit_new_token(conn->ng, token, length) != 0)
        return -ENOMEM;
    conn->write_wanted = true;
    return 0;
}

int conn_migrate(struct conn *conn, const struct conn_path *path, uint64_t now) {
    ngtcp2_path to;

    if (conn->server || conn->state != CONN_LIVE)
        return -EINVAL;
    if (now > conn->now)
        conn->now = now;
    conn_path_to(&to, path);
    if (ngtcp2_conn_initiate_immediate_migration(conn->ng, &to, conn->now) != 0)
        return -EINVAL;
    conn->write_wanted = true;
    return 0;
}

int conn_export(struct conn *conn, const char *label, const uint8_t *context, size_t context_length, uint8_t *out,
                size_t length) {
    if (!conn->ready)
        return -ENOTCONN;
    return tls_session_export(conn->tls, label, context, context_length, out, length);
}

void conn_end_exports(struct conn *conn) {
    tls_session_end_exports(conn->tls);
}

bool conn_is_resumed(const struct conn *conn) {
    return tls_session_resumed(conn->tls);
}

const char *conn_cipher_name(const struct conn *conn) {
    return tls_session_cipher_name(conn->tls);
}

const char *conn_tls_reason(const struct conn *conn) {
    return tls_session_reason(conn->tls);
}

/** A window of the delivery rate is over. One in which the owner had less to send than could have gone says only that
 * the path carries this much at least. */
static void close_rate_window(struct conn_rate *rate, uint64_t now) {
    rate->bps = rate->bytes * 8 * 1000 / ((now - rate->since) / NS_PER_MS);
    if (rate->capacity_bps == 0)
        rate->capacity_bps = rate->bps;
    else if (rate->bps > rate->capacity_bps)
        rate->capacity_bps += (rate->bps - rate->capacity_bps) / RATE_RISE;
    else if (!rate->limited)
        rate->capacity_bps -= (rate->capacity_bps - rate->bps) / RATE_FALL;
    rate->since = now;
    rate->bytes = 0;
    rate->limited = false;
}

uint64_t conn_packets_of(const struct conn *conn, uint64_t datagrams) {
    return conn->datagrams_sent ? datagrams * conn->datagram_packets / conn->datagrams_sent : 0;
}

void conn_count_delivered(struct conn *conn, const ngtcp2_conn_info *info, uint64_t in_flight_before,
                          uint64_t lost_before) {
    struct conn_rate *rate = &conn->rate;
    uint64_t lost = conn_packets_of(conn, conn->datagrams_lost - lost_before) * conn->mtu, gone, window;

    gone = in_flight_before > info->bytes_in_flight ? in_flight_before - info->bytes_in_flight : 0;
    rate->bytes += gone > lost ? gone - lost : 0;
    rate->idle = info->bytes_in_flight == 0;
    window = info->smoothed_rtt > CONN_RATE_WINDOW ? info->smoothed_rtt : CONN_RATE_WINDOW;
    if (conn->now - rate->since >= window)
        close_rate_window(rate, conn->now);
}

void conn_statistics(const struct conn *conn, struct conn_statistics *out) {
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(conn->ng, &info);
    *out = (struct conn_statistics){
        .rtt_smoothed = info.smoothed_rtt,
        .rtt_min = info.min_rtt,
        .rtt_latest = info.latest_rtt,
        .rtt_variation = info.rttvar,
        .cwnd_bytes = info.cwnd,
        .in_flight_bytes = info.bytes_in_flight,
        .delivery_rate_bps = conn->rate.bps,
        .capacity_bps = conn->rate.capacity_bps,
        .rate_limit_bps = conn->rate_limit_bps,
        .paced_until = conn->pacer.blocked_until,
        .bytes_sent = conn->bytes_sent,
        .bytes_received = conn->bytes_received,
        .packets_sent = conn->packets_sent,
        .packets_received = conn->packets_received,
        .answers = conn->answers,
        .packets_lost = conn_packets_of(conn, conn->datagrams_lost),
        .datagrams_lost = conn->datagrams_lost,
        .datagrams_spurious = conn->datagrams_spurious,
        .key_updates = conn->keys_made > 0 ? conn->keys_made - 1 : 0,
        .udp_payload_bytes = conn->mtu,
    };
}
