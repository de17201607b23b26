/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_internal: what the files of conn share: conn.c (making, freeing, small calls), conn_io.c (packets and timers),
 * conn_callbacks.c (what ngtcp2 tells), conn_end.c (errors and closing), conn_mtu.c (the path's largest payload),
 * conn_stall.c (peers that stood still), conn_first.c (packets without a connection). Internal to quic/. */
#ifndef MPVPN_QUIC_CONN_INTERNAL_H
#define MPVPN_QUIC_CONN_INTERNAL_H

#include <ngtcp2/ngtcp2.h>

#include "quic/ccseam.h"
#include "quic/conn.h"
#include "quic/pacer.h"
#include "quic/tls_session.h"

#define CONN_ACK_THRESHOLD 8u /**< ack-eliciting packets that are acknowledged at once */
#define CONN_CIDS                                                                                                      \
    32u /**< our connection IDs that can be in use at once: ngtcp2 issues 8, retired ones linger for 3 PTO */
#define CONN_MTU_SIZES 7u  /**< packet sizes that the MTU watch tells apart */
#define CONN_MTU_IDS 2048u /**< slots for datagrams on the way, a power of two */
#define CONN_LOST_IDS 256u /**< slots for the ids of datagrams declared lost, a power of two */
#define CONN_KEY_PACKETS                                                                                               \
    (1u << 22) /**< packets after which keys are updated: half of what RFC 9001 section 6.6 allows, where ngtcp2 gives \
                  up */
#define CONN_RATE_WINDOW (100 * NS_PER_MS) /**< the delivery rate is measured over at least this long */

/** Life of a connection. What may be called: everything in LIVE; from FAILED on only conn_write, conn_read, timers, and
 * what only looks. */
enum conn_state {
    CONN_LIVE,     /**< handshake or open */
    CONN_FAILED,   /**< over; CONNECTION_CLOSE is still to be written */
    CONN_CLOSING,  /**< CONNECTION_CLOSE was written, and is written again when packets come */
    CONN_DRAINING, /**< the peer closed: silent until the deadline */
    CONN_DEAD,     /**< nothing left to wait for */
};

/** Acknowledged bytes over time. */
struct conn_rate {
    uint64_t since;        /**< ns: start of the window */
    uint64_t bytes;        /**< acknowledged in it */
    uint64_t bps;          /**< of the last whole window, bits per second */
    uint64_t capacity_bps; /**< what the path carries, as far as is known: of windows that were used up, smoothed */
    bool idle;             /**< nothing was on the way: the window starts anew with the next packet */
    bool limited;          /**< in this window more could have been sent than there was: it shows too little */
};

/** Datagrams of one size that were lost one after the other. */
struct conn_mtu_row {
    unsigned lost;        /**< how many; 0: the last one was acknowledged */
    uint64_t since;       /**< ns: when the first was declared lost */
    uint64_t round_trips; /**< round trips measured when the last one was declared lost */
    unsigned alive;       /**< how many were declared lost after another round trip had been measured */
    unsigned checks;      /**< probes that continued it */
};

/** Watch over the path's largest payload (conn_mtu.c). */
struct conn_mtu_watch {
    uint8_t content[CONN_PROBE_MAX]; /**< what a probe's datagram begins with */
    uint8_t content_length;          /**< bytes; 0: no probes yet */
    uint8_t number_bytes;            /**< how long the packet number of the last datagram was */
    uint8_t size;                    /**< the size in use; all sizes here are indices into conn_mtu.c's table */
    uint8_t failed;                  /**< smallest size that is known to fail; CONN_MTU_SIZES: none is */
    bool known;                      /**< a search on this path has ended: `size` is what it carries */
    uint8_t probe;                   /**< size to be probed, or that is being probed; 0: none */
    uint64_t probe_deadline;         /**< ns: a probe is on the way, and has failed then */
    uint64_t raise_at;               /**< ns: when to search again */
    uint64_t pause;                  /**< ns: from the end of a search to the next one */
    uint64_t fell_at;                /**< ns: when the size fell last */
    uint32_t epoch;                  /**< falls so far: probes from before prove nothing */
    uint8_t largest_acked;           /**< largest size acknowledged since a row began */
    uint64_t round_trips;            /**< measured */
    bool losing;                     /**< a row may have begun; false: no row has anything lost */
    struct conn_mtu_row rows[CONN_MTU_SIZES]; /**< per size */
};

/** What is remembered of datagrams, by the low bits of their ids. */
struct conn_ids {
    uint8_t size[CONN_MTU_IDS];   /**< of the packet, as an index into conn_mtu.c's table */
    uint64_t lost[CONN_LOST_IDS]; /**< id + 1 of one declared lost; 0: none */
};

/** A packet that several datagrams may share; ngtcp2 wants to be given the same path and info until it is complete. */
struct conn_shared {
    ngtcp2_path_storage path; /**< where it goes */
    ngtcp2_pkt_info info;     /**< how */
    uint64_t last_id;         /**< of the datagram written last */
    unsigned count;           /**< datagrams in it; 0: no packet is open */
};

/** One connection. */
struct conn {
    ngtcp2_conn *ng;                 /**< owned */
    struct tls_session *tls;         /**< owned */
    struct tls_context *tls_context; /**< a reference */
    const struct conn_hooks *hooks;  /**< the owner's, borrowed */
    void *context;                   /**< for the hooks */
    ngtcp2_update_key update_key;    /**< crypt's callback, wrapped to count */
    uint64_t now;                    /**< ns: latest time ngtcp2 was told; never goes back */
    enum conn_state state;           /**< where in its life */
    bool server;                     /**< which end */
    bool ready;                      /**< TLS handshake complete */
    bool confirmed;                  /**< handshake confirmed */
    bool starved; /**< could have sent at the last event and was given nothing: to be marked before the next datagram */
    bool write_wanted;          /**< ngtcp2's writer is known to have something to say */
    bool ping;                  /**< a PING is wanted */
    bool stream_waits;          /**< stream data are left over */
    bool datagram_turn;         /**< of stream data and datagrams that both wait, a datagram goes next */
    uint8_t worker;             /**< first byte of our connection IDs */
    uint8_t reset_key[32];      /**< for stateless-reset tokens */
    uint64_t look_again;        /**< ns: call ngtcp2's writer then, if no packet was written before */
    uint64_t ack_by;            /**< ns: so many packets are unacknowledged that this is not to be later */
    uint64_t keepalive;         /**< ns between PINGs; 0: none */
    uint64_t stall_at;          /**< ns: see then whether the window is still full, and ask; TIME_NEVER: need not */
    uint64_t stall_pause;       /**< ns, from then to the next time */
    unsigned datagrams_unacked; /**< DATAGRAM frames and stream frames received since the last packet was written */
    struct ccseam cc;           /**< our congestion controller, where it is in charge */
    struct pacer pacer;         /**< pacing */
    uint64_t rate_limit_bps;    /**< nothing is paced faster than this; 0: no limit */
    size_t mtu;                 /**< UDP payload the path carries, as last told */
    struct conn_mtu_watch mtu_watch; /**< whether it still does */
    struct conn_shared shared;       /**< the packet that datagrams are written to */

    ngtcp2_ccerr ccerr;      /**< what CONNECTION_CLOSE says */
    struct conn_error error; /**< why it ended */
    uint64_t hook_error;     /**< HTTP/3 error code that a hook returned; 0: none */
    uint64_t close_deadline; /**< ns: end of the closing or draining period */
    uint64_t close_received; /**< packets received while closing */
    bool close_again;        /**< write the CONNECTION_CLOSE packet once more */
    uint8_t *close_packet;   /**< it, owned; NULL: none was kept */
    size_t close_length;     /**< bytes of it */

    struct conn_cid cids[CONN_CIDS]; /**< ours in use; length 0: free slot */
    struct conn_rate rate;           /**< delivery rate */
    struct conn_ids *ids;            /**< made with the first datagram; NULL: none yet, or no memory. Owned */
    uint64_t bytes_sent;             /**< UDP payload */
    uint64_t bytes_received;         /**< UDP payload */
    uint64_t packets_sent;           /**< written */
    uint64_t packets_received;       /**< read */
    uint64_t answers;                /**< of them, that acknowledged something */
    uint64_t datagrams_sent;         /**< written */
    uint64_t datagram_packets;       /**< packets that they went in */
    uint64_t datagrams_lost;         /**< declared lost */
    uint64_t datagrams_spurious;     /**< acknowledged after all */
    uint64_t key_packets;            /**< packets written since the last key update */
    uint64_t key_packets_max;        /**< update after this many */
    uint64_t keys_made;              /**< keys of later phases made; ngtcp2 always has the next one ready */
};

/** Call a hook that the owner set. */
#define CONN_TELL(conn, hook, ...)                                                                                     \
    do {                                                                                                               \
        if ((conn)->hooks->hook != NULL)                                                                               \
            (conn)->hooks->hook((conn)->context, ##__VA_ARGS__);                                                       \
    } while (0)

/* conn_callbacks.c */
/** Fill in every ngtcp2 callback of a connection. */
void conn_set_callbacks(struct conn *conn, ngtcp2_callbacks *callbacks);
/** A connection ID of ours came into use or went out of use: remember it and tell the owner. @return 0; -ENOSPC */
int conn_cid_use(struct conn *conn, const uint8_t *bytes, size_t length);
void conn_cid_forget(struct conn *conn, const uint8_t *bytes, size_t length);
/** Fill a new connection ID: worker first, the rest random. */
void conn_cid_make(uint8_t worker, uint8_t *bytes, size_t length);

/* conn_end.c */
/** Translate ngtcp2's error into the end of the connection. @return what conn_read() says */
int conn_fail(struct conn *conn, int library_error);
/** Write or repeat CONNECTION_CLOSE. @return as conn_write() */
ssize_t conn_write_close(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet);
/** What to return for a connection that is over. @return 0, -ECONNABORTED or -ENOTCONN */
int conn_end_status(const struct conn *conn);

/* conn.c */
/** Count what an arriving packet acknowledged: what left the window, less what was lost. */
void conn_count_delivered(struct conn *conn, const ngtcp2_conn_info *info, uint64_t in_flight_before,
                          uint64_t lost_before);
/** How many packets so many datagrams took, on average of all that were sent. */
uint64_t conn_packets_of(const struct conn *conn, uint64_t datagrams);

/* conn_io.c */
/** From a path of ngtcp2 to ours, and the reverse (pointing into ours). */
void conn_path_from(struct conn_path *out, const ngtcp2_path *path);
void conn_path_to(ngtcp2_path *out, const struct conn_path *path);
/** Bytes of a packet beside the DATAGRAM frame's content, at least. */
size_t conn_probe_overhead(const struct conn *conn);
/** Largest UDP payload in an Ethernet frame, by the family of a path. */
size_t conn_path_udp_max(const struct conn_path *path);

/* conn_stall.c */
/** Let one packet past a full window. @param was the window, to be restored @return where; NULL: it is open or unknown
 */
uint64_t *conn_open_window(struct conn *conn, uint64_t *was);
/** A packet was read: see whether the peer stood still. */
void conn_stall_on_read(struct conn *conn, const ngtcp2_conn_info *before, const ngtcp2_conn_info *after);
/** Ask once more when it is time to. */
void conn_stall_on_timer(struct conn *conn);

/* conn_mtu.c */
void conn_mtu_init(struct conn *conn);
/** The connection uses another path: all that is known of the old one is void. */
void conn_mtu_on_path(struct conn *conn);
/** Size of the probe that is to be sent; 0: none is due. */
size_t conn_mtu_probe_due(const struct conn *conn);
/** The id that it goes by; whether an id is a probe's. */
uint64_t conn_mtu_probe_id(const struct conn *conn);
bool conn_mtu_is_probe(uint64_t id);
/** It went out, or could not; was acknowledged or declared lost. */
void conn_mtu_on_probe_sent(struct conn *conn);
void conn_mtu_on_probe(struct conn *conn, uint64_t id, bool acked);
/** A datagram went out in a packet of this length, was acknowledged, was declared lost. */
void conn_mtu_on_sent(struct conn *conn, uint64_t id, size_t length);
void conn_mtu_on_acked(struct conn *conn, uint64_t id);
void conn_mtu_on_lost(struct conn *conn, uint64_t id);
/** After packets were read or timers ran: take a smaller size if the path has narrowed. */
void conn_mtu_watch(struct conn *conn, bool round_trip_measured);
/** When something is due by itself, and that it may be. */
uint64_t conn_mtu_deadline(const struct conn *conn);
void conn_mtu_on_timer(struct conn *conn);

#endif
