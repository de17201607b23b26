/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn: one QUIC connection (ngtcp2) as bytes and a time in, bytes out. After every event the owner does the same three
 * things: read (conn_read or conn_on_timer), write (conn_write, conn_write_datagram), arm the timer (conn_deadline).
 * Datagrams are not kept: whoever sends them learns by id whether each was acknowledged or lost. Sending is paced in
 * bursts of one send quantum. A connection that could send and was given nothing is known to be application-limited,
 * whichever of conn_write() and conn_write_datagram() the owner calls first. Nothing of ngtcp2 or wolfSSL shows here.
 *
 * Standards: RFC 9000, 9001, 9002, 9221 (DATAGRAM), 8899 (PMTUD). */
#ifndef MPVPN_QUIC_CONN_H
#define MPVPN_QUIC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/addr.h"
#include "common/clock.h"

struct conn;
struct tls_context;

#define CONN_CID_BYTES                                                                                                 \
    12u                    /**< bytes of every connection ID we issue; the first is the worker's number in the clear   \
                            */
#define CONN_UDP_MAX 1472u /**< bytes: largest UDP payload we probe for and ever send */
#define CONN_PROBE_MAX 16u /**< bytes: most that conn_set_probe() takes */
#define CONN_CID_MAX 20u   /**< bytes: longest connection ID of QUIC version 1 */

/** A connection ID as a value. */
struct conn_cid {
    uint8_t length;              /**< 0–20 bytes */
    uint8_t bytes[CONN_CID_MAX]; /**< contents */
};

/** The two ends of a datagram as this host sees them. */
struct conn_path {
    union sock_addr local;  /**< our address and port */
    union sock_addr remote; /**< the peer's */
};

/** How a connection ended, or why it could not begin. */
struct conn_error {
    bool application;     /**< code is an application (HTTP/3) error code, not a transport one */
    bool remote;          /**< the peer said so */
    bool idle;            /**< idle time-out: nothing was said */
    bool stateless_reset; /**< the peer does not know the connection any more */
    uint64_t code;        /**< error code; a TLS alert is 0x100 + alert */
    char reason[160];     /**< for humans, NUL-terminated, printable ASCII only */
};

/** What the owner hears. All are called from within conn_read(), conn_write*() or conn_on_timer(); none may free the
 * connection. */
struct conn_hooks {
    /** TLS handshake complete: streams may be opened, the peer's certificate (client) is verified. */
    void (*on_handshake)(void *context);
    /** Stream bytes in order. The owner returns credit by conn_consumed(). @return 0, or an HTTP/3 error code > 0 to
     * close the connection with */
    uint64_t (*on_stream_data)(void *context, int64_t stream_id, bool fin, const uint8_t *data, size_t length);
    /** The peer acknowledged this many more bytes of a stream: they may be freed. */
    void (*on_stream_acked)(void *context, int64_t stream_id, uint64_t length);
    /** A stream is finished or reset in both directions. error_code is 0 when neither end gave one. */
    void (*on_stream_closed)(void *context, int64_t stream_id, uint64_t error_code);
    /** RESET_STREAM came: nothing more is read from it. */
    void (*on_stream_reset)(void *context, int64_t stream_id, uint64_t error_code);
    /** STOP_SENDING came: nothing more needs to be written to it. Told when the stream is next offered (ngtcp2 tells it
     * only then); error_code is 0. */
    void (*on_stream_stop_sending)(void *context, int64_t stream_id, uint64_t error_code);
    /** A blocked stream has window again. */
    void (*on_stream_writable)(void *context, int64_t stream_id);
    /**
     * Pull: what stream data is to be sent next.
     * @param stream_id, fin, vectors, count set by the callee; count at most what it was on entry
     * @return true: there is something (count may be 0 with fin); false: nothing
     */
    bool (*next_stream_data)(void *context, int64_t *stream_id, bool *fin, struct iovec *vectors, size_t *count);
    /** This many bytes of what next_stream_data offered were taken (0 with fin: the fin was). */
    void (*on_stream_written)(void *context, int64_t stream_id, size_t length);
    /** The stream offered has no window, or was shut for writing: do not offer it until on_stream_writable (blocked) or
     * never (shut). */
    void (*on_stream_blocked)(void *context, int64_t stream_id, bool shut);
    /** A DATAGRAM frame's payload; valid in the call only. */
    void (*on_datagram)(void *context, const uint8_t *data, size_t length);
    /** The packet that carried datagram id was acknowledged; may follow on_datagram_lost for the same id (spurious
     * loss). */
    void (*on_datagram_acked)(void *context, uint64_t id);
    /** The packet that carried datagram id was declared lost. */
    void (*on_datagram_lost)(void *context, uint64_t id);
    /** A connection ID of ours came into use / went out of use: route packets that carry it here / no longer. */
    void (*on_cid)(void *context, const struct conn_cid *cid, bool in_use);
    /** Largest UDP payload the path is known to carry changed. */
    void (*on_mtu)(void *context, size_t udp_payload_bytes);
    /** NEW_TOKEN came (client): to be kept for the next connection to this server. */
    void (*on_token)(void *context, const uint8_t *token, size_t length);
    /** The connection now uses another path (migration or NAT rebinding validated). */
    void (*on_path)(void *context, const struct conn_path *path);
};

/** What both ends need for a new connection. Pointers are borrowed for the call unless said otherwise. */
struct conn_settings {
    struct tls_context *tls;        /**< kept: outlives the connection */
    const struct conn_hooks *hooks; /**< kept: outlives the connection */
    void *context;                  /**< handed to the hooks */
    struct conn_path path;          /**< first path */
    uint8_t worker;                 /**< goes into the first byte of our connection IDs */
    uint8_t reset_key[32];          /**< key from which stateless-reset tokens of our connection IDs are derived */
    uint64_t idle_timeout;          /**< ns; 0: 30 s */
    uint64_t keepalive;             /**< ns between PINGs when idle; 0: none */
    const char *congestion;      /**< "bbr", "cubic", "own" (where ngtcp2 takes it, else bbr), "auto": own; NULL: bbr */
    uint64_t congestion_seed;    /**< of our own controller's probing; 0: random */
    uint64_t key_update_packets; /**< start a key update after this many packets; 0: 2^22 (tests use less) */
};

/** More for a client. */
struct conn_client_settings {
    const char *server_name; /**< SNI and certificate name */
    const uint8_t *token;    /**< address-validation token of an earlier connection; NULL: none */
    size_t token_length;     /**< bytes */
    int first_dcid_worker;   /**< worker to aim at with the first DCID's first byte; -1: random */
    uint64_t initial_rtt;    /**< ns, what the round trip is taken for before it is measured; 0: 333 ms. A first packet
                                that is not answered goes again after three of these. */
    uint64_t handshake_timeout; /**< ns, give up without a handshake after this; 0: 10 s */
};

/** More for a server: what the first packet said. */
struct conn_server_settings {
    struct conn_cid peer_cid;      /**< SCID of the client's Initial */
    struct conn_cid initial_dcid;  /**< DCID of the client's Initial (after a Retry: the one we gave) */
    struct conn_cid original_dcid; /**< DCID of the very first Initial (= initial_dcid without Retry) */
    bool retried;                  /**< a Retry token was verified */
    const uint8_t *token;          /**< token of the Initial */
    size_t token_length;           /**< bytes */
    bool token_valid;              /**< it proves the address (a Retry's or a NEW_TOKEN's) */
    uint32_t version;              /**< QUIC version of the Initial */
    uint64_t wall_seconds;         /**< s since 1970: which keys session tickets are under */
};

/** @return 0; -ENOMEM; -EINVAL: a setting; -EIO: TLS could not be set up */
int conn_client_new(const struct conn_settings *settings, const struct conn_client_settings *client, uint64_t now,
                    struct conn **out);
int conn_server_new(const struct conn_settings *settings, const struct conn_server_settings *server, uint64_t now,
                    struct conn **out);
/** Free at once, without a word to the peer (conn_close first); on_cid(false) is called for every ID. NULL is fine. */
void conn_free(struct conn *conn);

/**
 * Take one UDP payload.
 * @param data writable: may be decrypted in place
 * @return 0; -ECONNABORTED: failed: write once more (conn_write sends CONNECTION_CLOSE), then conn_error() and free;
 * -ENOTCONN: draining or closed: conn_error() and free after conn_deadline; -EAGAIN: a server should answer with Retry
 * and free; -ESHUTDOWN: drop without a word and free
 */
int conn_read(struct conn *conn, const struct conn_path *path, uint8_t ecn, uint8_t *data, size_t length, uint64_t now);
/** The deadline came. @return as conn_read() */
int conn_on_timer(struct conn *conn, uint64_t now);
/** When conn_on_timer() or a paced write is due next: the earlier of QUIC's expiry and, if datagrams wait
 * (datagrams_waiting), our pacer. */
uint64_t conn_deadline(const struct conn *conn, bool datagrams_waiting);

/** Where and how a written packet must go. */
struct conn_packet {
    struct conn_path path; /**< ends */
    uint8_t ecn;           /**< ECN bits to send with */
    bool probe;            /**< a path-MTU probe: send it alone, with DF, and ignore EMSGSIZE */
};
/**
 * Write what the connection itself has to say: handshake, acknowledgements, streams (pulled by next_stream_data),
 * probes, CONNECTION_CLOSE.
 * @param out at least CONN_UDP_MAX bytes
 * @return bytes of one packet; 0: nothing to say now; -errno as conn_read()
 */
ssize_t conn_write(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now);
/** Whether a datagram of this many payload bytes could be sent now: handshake done, congestion window and pacer allow,
 * it fits. */
bool conn_can_send(const struct conn *conn, size_t length, uint64_t now);
/** So many bytes that belong with the next datagram follow it: if the connection is fast, pacing lets them out with it.
 */
void conn_keep_together(struct conn *conn, size_t bytes);
/** Whether the connection is so fast that a whole batch takes less than a millisecond. */
bool conn_is_fast(const struct conn *conn);
/** Largest datagram payload that fits the path now (0: the peer takes none, or no handshake yet). */
size_t conn_datagram_max(const struct conn *conn);
/**
 * Write one datagram. Call only when conn_can_send(): a refusal would mark the connection application-limited.
 * @param id told to on_datagram_acked/lost
 * @param more another datagram waits: if there may be room for it, the packet stays open. Nothing but further
 * conn_write_datagram(), with the same out, size and now, and then conn_finish_packet() may be called before the packet
 * is complete
 * @param accepted false: another packet had to go first (returned), the datagram is still to be sent
 * @return bytes of a complete packet; 0: the packet is open (accepted), or nothing could be written (not accepted);
 * -errno as conn_read()
 */
ssize_t conn_write_datagram(struct conn *conn, const struct iovec *vectors, size_t count, uint64_t id, bool more,
                            bool *accepted, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now);
/** Complete the packet that conn_write_datagram() left open. @return bytes of it; 0: none is open; -errno as
 * conn_read() */
ssize_t conn_finish_packet(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet);

/** Give what path-MTU probes are made of, after on_handshake: the beginning of a DATAGRAM that the peer ignores
 * whatever follows. Without it packets stay at 1200 bytes. @param content copied @param length 1 to CONN_PROBE_MAX
 * bytes */
void conn_set_probe(struct conn *conn, const uint8_t *content, size_t length);

/** Whether the search for the path's MTU has ended once since the connection uses this path: until then it may carry
 * more than conn_datagram_max() says; on_mtu tells when it has. */
bool conn_mtu_is_known(const struct conn *conn);

/** Open a bidirectional / unidirectional stream. @return its ID; -EAGAIN: the peer allows no more now; -ENOTCONN */
int64_t conn_open_stream(struct conn *conn, bool bidirectional);
/** Give credit back: length bytes of a stream were used up. */
void conn_consumed(struct conn *conn, int64_t stream_id, uint64_t length);
/** Abandon a stream in both directions (RESET_STREAM, STOP_SENDING). */
void conn_reset_stream(struct conn *conn, int64_t stream_id, uint64_t error_code);
/** Stop reading a stream (STOP_SENDING) only. */
void conn_stop_sending(struct conn *conn, int64_t stream_id, uint64_t error_code);
/** Send no faster than this, whatever the path would take; UDP payload counts. @param bps bits per second; 0: no limit
 */
void conn_set_rate_limit(struct conn *conn, uint64_t bps);
/** The path's link was down and is up again: what our congestion controller learned of it holds no more. Others go on
 * as they are. */
void conn_begin_anew(struct conn *conn);
/** Send a PING with the next packet (keep alive, measure). */
void conn_ping(struct conn *conn);
/** Close with an application error: conn_write() then yields the CONNECTION_CLOSE packet. @param reason copied; may be
 * NULL */
void conn_close(struct conn *conn, uint64_t application_code, const char *reason, uint64_t now);
/** Whether the handshake is complete; whether closing or draining. */
bool conn_is_ready(const struct conn *conn);
bool conn_is_closed(const struct conn *conn);
/** Why it ended; meaningful after an -errno. The struct lives as long as the connection. */
const struct conn_error *conn_error(const struct conn *conn);
/** Give the client a NEW_TOKEN token for its next connection (server, after on_handshake). @param token copied @return
 * 0; -ENOTCONN; -ENOMEM */
int conn_submit_token(struct conn *conn, const uint8_t *token, size_t length);
/** Move to another local address at once (client), with a fresh congestion window, as the one before is lost; it is
 * validated on the way, and on_path tells success. @return 0; -EINVAL: not possible (no spare CID, before confirmation)
 */
int conn_migrate(struct conn *conn, const struct conn_path *path, uint64_t now);
/** TLS exporter (RFC 8446 section 7.5). @return 0; -ENOTCONN: before the handshake; -EIO, also after conn_end_exports()
 */
int conn_export(struct conn *conn, const char *label, const uint8_t *context, size_t context_length, uint8_t *out,
                size_t length);
/** Nothing will be exported any more: frees what only that needs (server). */
void conn_end_exports(struct conn *conn);
/** Whether the TLS session of an earlier connection was resumed, instead of showing and verifying a certificate again.
 */
bool conn_is_resumed(const struct conn *conn);
/** Whether the peer presented a certificate that was verified (mutual TLS), and the negotiated cipher's name. */
const char *conn_cipher_name(const struct conn *conn);
/** The TLS layer's own words on why the handshake failed ("certificate does not match the pin …"); empty when it did
 * not. */
const char *conn_tls_reason(const struct conn *conn);

/** A snapshot for statistics and scheduling. */
struct conn_statistics {
    uint64_t rtt_smoothed;       /**< ns */
    uint64_t rtt_min;            /**< ns; TIME_NEVER before the first sample */
    uint64_t rtt_latest;         /**< ns */
    uint64_t rtt_variation;      /**< ns */
    uint64_t cwnd_bytes;         /**< congestion window */
    uint64_t in_flight_bytes;    /**< sent, neither acknowledged nor lost */
    uint64_t delivery_rate_bps;  /**< bits per second, as acknowledged in the last 100 ms (or round trip, if longer) in
                                    which packets were on the way */
    uint64_t capacity_bps;       /**< bits per second that the path is known to carry: the delivery rate of times when
                                    more waited to be sent than could go, smoothed; 0: not known */
    uint64_t rate_limit_bps;     /**< conn_set_rate_limit()'s; 0: none */
    uint64_t paced_until;        /**< ns: the pacer lets nothing go before; may be past */
    uint64_t bytes_sent;         /**< UDP payload */
    uint64_t bytes_received;     /**< UDP payload */
    uint64_t packets_sent;       /**< QUIC packets */
    uint64_t packets_received;   /**< QUIC packets */
    uint64_t answers;            /**< of them, that acknowledged something: what we send gets there */
    uint64_t packets_lost;       /**< declared lost, of those that carried a datagram */
    uint64_t datagrams_lost;     /**< DATAGRAM frames declared lost */
    uint64_t datagrams_spurious; /**< acknowledged after all */
    uint64_t key_updates;        /**< key phases begun */
    size_t udp_payload_bytes;    /**< path MTU in use */
};
void conn_statistics(const struct conn *conn, struct conn_statistics *out);

/** What the first packet of an unknown connection is, decided without any state (server). */
enum conn_first { CONN_FIRST_ACCEPT, CONN_FIRST_VERSION, CONN_FIRST_SHORT, CONN_FIRST_JUNK };
/** Header fields of a datagram's first packet. */
struct conn_first_packet {
    struct conn_cid dcid; /**< destination connection ID (of a short header: CONN_CID_BYTES long) */
    struct conn_cid scid; /**< source connection ID (long header) */
    uint32_t version;     /**< long header: version */
    const uint8_t *token; /**< Initial: token, within the datagram */
    size_t token_length;  /**< bytes */
};
/** Destination connection ID of any datagram, for the table look-up. @return 0; -EBADMSG: junk */
int conn_peek_dcid(const uint8_t *data, size_t length, struct conn_cid *dcid);
/** Whether a datagram has a short header with that destination connection ID: of most, it is known already, and need
 * not be copied to be compared. */
bool conn_has_dcid(const uint8_t *data, size_t length, const struct conn_cid *dcid);
/** Classify a datagram that no connection owns: ACCEPT = a valid Initial of version 1 in 1200 bytes or more; VERSION =
 * answer with version negotiation; SHORT = 1-RTT packet: a stateless reset may be due; JUNK = drop. */
enum conn_first conn_peek_first(const uint8_t *data, size_t length, struct conn_first_packet *out);
/** Write a version-negotiation packet. @return bytes, or 0: not enough room */
size_t conn_write_version_negotiation(const struct conn_first_packet *first, uint8_t *out, size_t size);
/** Write a stateless reset shorter than what it answers. @return bytes, or 0: the datagram was too short to be answered
 */
size_t conn_write_stateless_reset(const uint8_t reset_key[32], const struct conn_cid *dcid, size_t received_length,
                                  uint8_t *out, size_t size);

#endif
