/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quic_pair: two bare ngtcp2 connections with our crypt callbacks and TLS sessions, joined in memory; for unit tests of
 * TLS below conn. */
#ifndef MPVPN_TESTS_QUIC_PAIR_H
#define MPVPN_TESTS_QUIC_PAIR_H

#include <string.h>

#include <ngtcp2/ngtcp2.h>

#include "common/random.h"
#include "quic/crypt.h"
#include "quic/tls.h"
#include "quic/tls_session.h"

static uint64_t pair_start = 1000000000;             /**< ns: where the clock of a new pair begins */
static uint64_t pair_wall = 20000 * UINT64_C(86400); /**< s since 1970 then */
static uint8_t pair_address = 1;                     /**< last byte of the client's address */

/** One end. */
struct pair_end {
    ngtcp2_conn *conn;           /**< the connection */
    struct tls_session *session; /**< its TLS */
    int error;                   /**< first error of reading, NGTCP2_ERR_…; 0: none */
};

/** Both, and their clock. */
struct pair {
    struct pair_end client;       /**< the client */
    struct pair_end server;       /**< the server */
    uint64_t now;                 /**< ns */
    uint64_t datagrams_read;      /**< DATAGRAM frames that arrived */
    uint64_t key_updates;         /**< keys made by update_key */
    ngtcp2_update_key update_key; /**< the real callback */
};

static int pair_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t length, void *user_data) {
    (void)conn;
    (void)user_data;
    cid->datalen = length;
    random_fill(cid->data, length);
    random_fill(token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

static int pair_on_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t length, void *user_data) {
    (void)conn;
    (void)flags;
    (void)data;
    (void)length;
    ((struct pair *)user_data)->datagrams_read++;
    return 0;
}

static int pair_on_update_key(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret, ngtcp2_crypto_aead_ctx *rx,
                              uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx, uint8_t *tx_iv, const uint8_t *old_rx,
                              const uint8_t *old_tx, size_t length, void *user_data) {
    struct pair *pair = user_data;
    pair->key_updates++;
    return pair->update_key(conn, rx_secret, tx_secret, rx, rx_iv, tx, tx_iv, old_rx, old_tx, length, user_data);
}

static ngtcp2_path pair_path(void) {
    static ngtcp2_sockaddr_in addresses[2] = {{.sin_family = AF_INET, .sin_port = 1},
                                              {.sin_family = AF_INET, .sin_port = 2}};
    return (ngtcp2_path){.local = {(ngtcp2_sockaddr *)&addresses[0], sizeof addresses[0]},
                         .remote = {(ngtcp2_sockaddr *)&addresses[0], sizeof addresses[0]}};
}

static void pair_callbacks(struct pair *pair, ngtcp2_callbacks *callbacks, bool server) {
    memset(callbacks, 0, sizeof *callbacks);
    crypt_set_callbacks(callbacks, server);
    pair->update_key = callbacks->update_key;
    callbacks->update_key = pair_on_update_key;
    callbacks->get_new_connection_id = pair_new_cid;
    callbacks->recv_datagram = pair_on_datagram;
}

/* Make both ends. @return false: a TLS session was refused */
static bool pair_init(struct pair *pair, struct tls_context *client, struct tls_context *server,
                      const char *server_name, uint64_t key_update_packets) {
    struct tls_session_settings settings = {.server_name = server_name,
                                            .key_update_packets = key_update_packets,
                                            .now = &pair->now,
                                            .from = {.version = 4, .bytes = {127, 0, 0, pair_address}},
                                            .wall_seconds = pair_wall};
    ngtcp2_transport_params parameters;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings transport;
    ngtcp2_path path = pair_path();
    ngtcp2_cid dcid = {.datalen = 18}, scid = {.datalen = 12}, server_scid = {.datalen = 12};
    memset(pair, 0, sizeof *pair);
    pair->now = pair_start;
    random_fill(dcid.data, dcid.datalen);
    random_fill(scid.data, scid.datalen);
    random_fill(server_scid.data, server_scid.datalen);
    pair->client.session = tls_session_new(client, &settings);
    settings.server = true;
    pair->server.session = tls_session_new(server, &settings);
    if (pair->client.session == NULL || pair->server.session == NULL) {
        return false;
    }
    ngtcp2_settings_default(&transport);
    transport.initial_ts = pair->now;
    ngtcp2_transport_params_default(&parameters);
    parameters.initial_max_data = 1 << 20;
    parameters.max_datagram_frame_size = 65535;
    pair_callbacks(pair, &callbacks, false);
    if (ngtcp2_conn_client_new(&pair->client.conn, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks, &transport,
                               &parameters, NULL, pair) != 0) {
        return false;
    }
    parameters.original_dcid = dcid;
    parameters.original_dcid_present = 1;
    pair_callbacks(pair, &callbacks, true);
    if (ngtcp2_conn_server_new(&pair->server.conn, &scid, &server_scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                               &transport, &parameters, NULL, pair) != 0) {
        return false;
    }
    tls_session_bind(pair->client.session, pair->client.conn);
    tls_session_bind(pair->server.session, pair->server.conn);
    return true;
}

/* Move all that one end has to say to the other. @return packets */
static int pair_move(struct pair *pair, struct pair_end *from, struct pair_end *to) {
    uint8_t packet[1500];
    ngtcp2_path path = pair_path();
    ngtcp2_pkt_info info = {0};
    int count = 0;
    for (;; count++) {
        ngtcp2_ssize n = ngtcp2_conn_write_pkt(from->conn, NULL, &info, packet, sizeof packet, pair->now);
        int rc;
        if (n <= 0) {
            if (n < 0 && from->error == 0) {
                from->error = (int)n;
            }
            return count;
        }
        rc = to->error == 0 ? ngtcp2_conn_read_pkt(to->conn, &path, &info, packet, (size_t)n, pair->now) : 0;
        if (rc != 0 && to->error == 0) {
            to->error = rc;
        }
    }
}

/* Run until both are silent. */
static void pair_run(struct pair *pair) {
    for (int turn = 0; turn < 50; turn++) {
        int moved = pair_move(pair, &pair->client, &pair->server);
        pair->now += 5000000;
        moved += pair_move(pair, &pair->server, &pair->client);
        pair->now += 5000000;
        if (moved == 0 || pair->client.error != 0 || pair->server.error != 0) {
            return;
        }
    }
}

static bool pair_is_ready(const struct pair *pair) {
    return ngtcp2_conn_get_handshake_completed(pair->client.conn) &&
           ngtcp2_conn_get_handshake_completed(pair->server.conn);
}

static void pair_fini(struct pair *pair) {
    ngtcp2_conn_del(pair->client.conn);
    ngtcp2_conn_del(pair->server.conn);
    tls_session_free(pair->client.session);
    tls_session_free(pair->server.session);
}

#endif
