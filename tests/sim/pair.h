/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pair: a client and a server connection in one process, in virtual time, over two links. Each end sends datagrams as
 * told and streams as given, and counts what its hooks hear. */
#ifndef MPVPN_SIM_PAIR_H
#define MPVPN_SIM_PAIR_H

#include "common/clock.h"
#include "quic/cidtable.h"
#include "quic/conn.h"
#include "quic/tls.h"
#include "quic/token.h"
#include "tests/sim/link.h"

#define PAIR_STREAMS 8u /**< streams an end can send on */

/** Stream data to send: a pattern that the receiver checks. */
struct pair_stream {
    int64_t id;                     /**< stream */
    uint64_t length, offset, acked; /**< bytes: in all, written, acknowledged */
    bool fin;                       /**< end it after length bytes */
    bool fin_sent, blocked, shut;   /**< where it stands */
};

struct pair;

/** One end. */
struct pair_end {
    struct pair *pair;                        /**< whose */
    struct conn *conn;                        /**< the connection, or NULL */
    struct link *out;                         /**< where its packets go */
    struct conn_path path;                    /**< as it sees it; the client's may be changed to migrate */
    bool bulk;                                /**< has always a datagram to send */
    bool write_first;                         /**< calls conn_write() before it writes datagrams */
    bool hold;                                /**< writes nothing */
    bool stopped;                             /**< its host does not run: it does not read either */
    size_t payload;                           /**< bytes of a datagram; 0: the largest that fits */
    bool together;                            /**< datagrams share packets where there is room */
    uint64_t datagrams_to_send;               /**< more to send, beside bulk */
    struct pair_stream streams[PAIR_STREAMS]; /**< what it sends on streams */
    size_t stream_count;                      /**< of them */
    uint64_t stop_with;                       /**< on_stream_data returns this */

    int status;              /**< last error of read, write or timer; 0: none */
    struct conn_error error; /**< conn_error() then */
    char tls_reason[160];    /**< conn_tls_reason() then */
    bool ready;              /**< on_handshake came */
    uint64_t ready_at;       /**< ns: when */
    uint64_t datagrams_sent, datagrams_in, datagram_bytes_in, acked, lost; /**< counted */
    uint64_t refused;                        /**< conn_can_send() was true, and a write yielded nothing */
    uint64_t other_first;                    /**< another packet went before the datagram */
    uint64_t stream_bytes_in;                /**< received in order, and right */
    uint64_t stream_errors;                  /**< bytes that were wrong */
    uint64_t fins, closed_streams;           /**< streams ended by the peer, closed in both directions */
    uint64_t reset_streams, stopped_streams; /**< RESET_STREAM, STOP_SENDING came */
    uint64_t stream_acked;                   /**< bytes */
    size_t mtu;                              /**< on_mtu's last */
    size_t cids;                             /**< in use */
    uint64_t cids_retired;                   /**< gone out of use */
    uint64_t paths;                          /**< on_path calls */
    struct conn_path new_path;               /**< its last */
    uint8_t token[TOKEN_MAX];                /**< NEW_TOKEN's */
    size_t token_length;                     /**< bytes */
    uint64_t probes, probes_in;              /**< packets marked as probes, and probes that came */
    uint64_t bytes_in, travelled; /**< UDP payload that arrived here; ns it was on the way, all packets together */
    uint64_t packets_in;          /**< of how many packets */
    uint64_t ecn_marked;          /**< packets written with ECT */
    uint64_t in[16];              /**< per stream: bytes received */
};

/** What a pair is made of. Zeroed = a clean link without delay, no Retry. */
struct pair_settings {
    struct link_settings up, down;               /**< client to server, and back */
    struct tls_context *client_tls, *server_tls; /**< borrowed */
    bool retry;                                  /**< the server demands Retry */
    bool ipv6;                                   /**< outer addresses */
    const char *congestion;                      /**< NULL: bbr */
    uint64_t key_update_packets;                 /**< as conn_settings */
    uint64_t idle_timeout, keepalive;            /**< as conn_settings; keepalive: the client's */
    const uint8_t *token;                        /**< client's */
    size_t token_length;                         /**< bytes */
    const char *server_name;                     /**< NULL: "test.example" */
    uint64_t congestion_seed;                    /**< as conn_settings */
    uint64_t start;                              /**< ns: time at the start; 0: 1 s */
};

/** The pair. */
struct pair {
    struct pair_settings settings;                    /**< as made */
    struct link up, down;                             /**< the links */
    struct pair_end client, server;                   /**< the ends */
    struct cidtable *table;                           /**< the server's */
    uint8_t reset_key[32];                            /**< the server's */
    uint8_t token_key[16];                            /**< the server's */
    uint64_t now;                                     /**< ns */
    uint64_t retries, versions, resets, junk, shorts; /**< answers to first packets, and packets dropped */
    union sock_addr rebound;         /**< a NAT shows this address of the client; no family: none does */
    struct conn_path last_to_client; /**< path of the last packet to the client, as on the wire before the NAT */
    bool server_gone;                /**< the server lost its state: packets get stateless resets */
    enum token_kind token_kind;      /**< of the first Initial that was accepted */
};

void pair_init(struct pair *pair, const struct pair_settings *settings);
void pair_fini(struct pair *pair);
/** Run for that long. */
void pair_run(struct pair *pair, uint64_t duration);
/** Run until the condition is true, or that long at most. @return whether it became true */
bool pair_run_until(struct pair *pair, bool (*condition)(struct pair *), uint64_t duration);
/** Everything due now is read, timers run, both ends write. For running several pairs together, with pair_next();
 * pair->now is set by the caller. */
void pair_turn(struct pair *pair);
/** @return when the next turn is due, ns */
uint64_t pair_next(const struct pair *pair);
/** Run until both ends are ready, 20 s at most. */
bool pair_connect(struct pair *pair);
/** Send on a stream that is open, or that this opens (id < 0). @return its id */
int64_t pair_send_stream(struct pair_end *end, int64_t id, bool bidirectional, uint64_t length, bool fin);
/** A packet, as a stranger sends it, reaches the server. */
void pair_inject(struct pair *pair, struct pair_end *to, const uint8_t *data, size_t length);

#endif
