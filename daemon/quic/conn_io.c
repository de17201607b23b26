/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_io: packets and time into a connection, packets out of it.
 *
 * How it works: pacing is our own (pacer.c) at 1.25 windows a smoothed round trip, and ngtcp2's is never engaged.
 * Measured in virtual time, BBR's window with this pace fills 93 to 97 % of links with and without loss and jitter,
 * with a queue of up to one bandwidth-delay product; with ngtcp2's own pacing it leaves 10–40 % of them unused.
 *
 * ngtcp2 marks a connection application-limited when its writer is called with nothing to say while the window is open,
 * and BBR then distrusts its measurements. Therefore, while datagrams keep coming, its plain writer is called only when
 * something is known to come of it (write_wanted, stream data); other frames ride along with datagrams, or go a
 * millisecond later (look_again). And to mark a real pause it is called once before the first datagram after the
 * connection could have sent and was given nothing (starved). Our own controller needs no marks, and a fast connection
 * under it makes none: each pause of a few microseconds cost two calls of the writer with nothing to say.
 *
 * The acknowledgement of a whole batch is held for the next turn: what the batch brought was written to the TUN in this
 * one, the inner receiver answers at once, and its answer and our acknowledgement share a packet (ack_by).
 *
 * What it leaves out: batching (the owner's), and which leg a datagram goes to.
 *
 * Invariants: times given to ngtcp2 never go back; a true conn_can_send() means that ngtcp2 lets a packet out.
 *
 * Standards: RFC 9000, 9002 section 7.7 and 7.8, 9221. */
#include "quic/conn_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define STREAM_TRIES 64u           /**< streams offered for one packet before it is closed */
#define VECTORS 16u                /**< pieces of stream data taken at a time */
#define FULL_PACKET 1200u          /**< bytes: after a packet this long there may be another one */
#define ACK_BATCH 32u              /**< datagrams unacknowledged: as many come at once in a batch only */
#define ACK_WAIT (200 * NS_PER_US) /**< ns: and are acknowledged after so long, if there is nothing to go with */
#define LOOK_AGAIN NS_PER_MS       /**< ns: what ngtcp2 may have to say waits no longer for a datagram to go with */
#define PACE_PERCENT 125u          /**< of a window go out in a smoothed round trip (RFC 9002 section 7.7) */
#define REFUSAL_WAIT NS_PER_MS     /**< ns: pause after ngtcp2 refused a datagram that should have gone */
#define KEY_RETRY 16u   /**< a refused key update is tried again after this part of the packets between two */
#define SHORT_HEADER 5u /**< bytes of a short header without the connection ID: flags and the longest packet number */
#define PACKET_NUMBER_MAX 4u /**< bytes of the longest packet number */
#define FRAME_HEADER 3u      /**< bytes of a DATAGRAM frame's type and length */
#define SEAL 16u             /**< bytes of the AEAD tag */
#define SHARED_OVERHEAD                                                                                                \
    (SHORT_HEADER + 20u + 2 * FRAME_HEADER + SEAL) /**< bytes at most beside two datagrams' content */

void conn_path_from(struct conn_path *out, const ngtcp2_path *path) {
    assert(path->local.addrlen <= sizeof out->local && path->remote.addrlen <= sizeof out->remote);
    memset(out, 0, sizeof *out);
    memcpy(&out->local, path->local.addr, path->local.addrlen);
    memcpy(&out->remote, path->remote.addr, path->remote.addrlen);
}

void conn_path_to(ngtcp2_path *out, const struct conn_path *path) {
    /* ngtcp2's addresses are not const, but it only copies them. */
    out->local.addr = (struct sockaddr *)(uintptr_t)&path->local;
    out->local.addrlen = sock_addr_length(&path->local);
    out->remote.addr = (struct sockaddr *)(uintptr_t)&path->remote;
    out->remote.addrlen = sock_addr_length(&path->remote);
    out->user_data = NULL;
}

/** Whether the window and the pacer let a packet out. */
static bool is_open(const struct conn *conn) {
    return pacer_is_open(&conn->pacer, conn->now) && ngtcp2_conn_get_cwnd_left(conn->ng) > 0;
}

/** Whether a pause goes unmarked: our own controller needs no marks, and on a fast connection they cost. */
static bool is_unmarked(const struct conn *conn) {
    return conn->cc.active && pacer_is_fast(&conn->pacer);
}

/** Time goes on. */
static void advance(struct conn *conn, uint64_t now) {
    if (now <= conn->now)
        return;
    if (conn->state == CONN_LIVE && conn->confirmed && is_open(conn)) {
        conn->rate.limited = true;
        conn->starved = conn->starved || !is_unmarked(conn);
    }
    conn->now = now;
}

/** Set the pacing rate: our own controller's, or in proportion to the window of another; the limit at most. */
static void set_pace(struct conn *conn, const ngtcp2_conn_info *info) {
    uint64_t bytes = info->cwnd * PACE_PERCENT / 100, ns = info->smoothed_rtt, limit = conn->rate_limit_bps;

    if (conn->cc.active)
        knee_pace(&conn->cc.knee, &bytes, &ns);
    if (limit != 0 && (ns == 0 || (double)bytes * 8e9 / (double)ns > (double)limit)) {
        bytes = limit / 8;
        ns = NS_PER_SEC;
    }
    if (ns != 0)
        pacer_set_rate(&conn->pacer, bytes, ns, conn->mtu);
}

void conn_set_rate_limit(struct conn *conn, uint64_t bps) {
    ngtcp2_conn_info info;

    if (bps == conn->rate_limit_bps)
        return;
    conn->rate_limit_bps = bps;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    set_pace(conn, &info);
}

void conn_begin_anew(struct conn *conn) {
    conn->cc.begins_anew = true;
}

int conn_read(struct conn *conn, const struct conn_path *path, uint8_t ecn, uint8_t *data, size_t length,
              uint64_t now) {
    ngtcp2_pkt_info info = {.ecn = ecn & NGTCP2_ECN_MASK};
    ngtcp2_conn_info before, after;
    ngtcp2_path from;
    uint64_t lost = conn->datagrams_lost;
    unsigned unacked = conn->datagrams_unacked;
    bool confirmed = conn->confirmed;
    int rv;

    advance(conn, now);
    conn->packets_received++;
    conn->bytes_received += length;
    if (conn->state == CONN_CLOSING) {
        conn->close_received++;
        if ((conn->close_received & (conn->close_received - 1)) == 0)
            conn->close_again = true;
    }
    if (conn->state != CONN_LIVE)
        return conn_end_status(conn);
    conn_path_to(&from, path);
    ngtcp2_conn_get_conn_info(conn->ng, &before);
    rv = ngtcp2_conn_read_pkt(conn->ng, &from, &info, data, length, conn->now);
    if (rv != 0)
        return conn_fail(conn, rv);
    if (conn->datagrams_unacked > unacked)
        conn->datagrams_unacked = unacked + 1; /* packets are acknowledged, however many datagrams share one */
    if (conn->datagrams_unacked >= CONN_ACK_THRESHOLD && conn->ack_by == TIME_NEVER)
        conn->ack_by = conn->now;
    else if (conn->datagrams_unacked == ACK_BATCH && conn->ack_by == conn->now)
        conn->ack_by = conn->now + ACK_WAIT;
    /* An acknowledgement is small; whatever is not and brought no datagram may want an answer (a path challenge). */
    if (!confirmed || (length >= FULL_PACKET && conn->datagrams_unacked == unacked))
        conn->write_wanted = true;
    ngtcp2_conn_get_conn_info(conn->ng, &after);
    conn->answers += after.bytes_in_flight < before.bytes_in_flight;
    conn_count_delivered(conn, &after, before.bytes_in_flight, lost);
    /* Only what was acknowledged or lost changes the pace, and most packets that come with data tell of neither. */
    if (after.bytes_in_flight != before.bytes_in_flight || after.cwnd != before.cwnd ||
        after.smoothed_rtt != before.smoothed_rtt)
        set_pace(conn, &after);
    conn_stall_on_read(conn, &before, &after);
    conn_mtu_watch(conn, after.smoothed_rtt != before.smoothed_rtt);
    return 0;
}

int conn_on_timer(struct conn *conn, uint64_t now) {
    int rv;

    advance(conn, now);
    if (conn->state == CONN_CLOSING || conn->state == CONN_DRAINING) {
        if (conn->now >= conn->close_deadline)
            conn->state = CONN_DEAD;
        return -ENOTCONN;
    }
    if (conn->state != CONN_LIVE)
        return conn_end_status(conn);
    if (conn->look_again <= conn->now) {
        conn->look_again = TIME_NEVER;
        conn->write_wanted = true;
    }
    if (conn->ack_by <= conn->now) {
        conn->ack_by = TIME_NEVER;
        conn->write_wanted = true;
    }
    conn_mtu_on_timer(conn);
    conn_stall_on_timer(conn);
    if (ngtcp2_conn_get_expiry(conn->ng) > conn->now)
        return 0;
    rv = ngtcp2_conn_handle_expiry(conn->ng, conn->now);
    if (rv != 0)
        return conn_fail(conn, rv);
    conn->write_wanted = true;
    conn_mtu_watch(conn, false);
    return 0;
}

uint64_t conn_deadline(const struct conn *conn, bool datagrams_waiting) {
    uint64_t deadline, mtu;

    switch (conn->state) {
    case CONN_FAILED:
        return conn->now;
    case CONN_CLOSING:
    case CONN_DRAINING:
        return conn->close_deadline;
    case CONN_DEAD:
        return conn->now;
    default:
        break;
    }
    deadline = ngtcp2_conn_get_expiry(conn->ng);
    if (conn->look_again < deadline)
        deadline = conn->look_again;
    if (conn->ack_by < deadline)
        deadline = conn->ack_by;
    if (conn->stall_at < deadline)
        deadline = conn->stall_at;
    mtu = conn_mtu_deadline(conn);
    if (mtu < deadline)
        deadline = mtu;
    if ((datagrams_waiting || conn->stream_waits) && conn->pacer.blocked_until > conn->now &&
        conn->pacer.blocked_until < deadline)
        deadline = conn->pacer.blocked_until;
    return deadline;
}

/** Begin a key update. ngtcp2 refuses one that follows the last too soon, and ends a connection that it finds over the
 * limit itself; so it is begun here, well before, and tried again when refused. */
static void update_keys(struct conn *conn) {
    if (ngtcp2_conn_initiate_key_update(conn->ng, conn->now) == 0)
        conn->key_packets = 0;
    else
        conn->key_packets = conn->key_packets_max - conn->key_packets_max / KEY_RETRY;
}

/** Account for a packet that ngtcp2 wrote. */
static void on_written(struct conn *conn, size_t length, const ngtcp2_path *path, const ngtcp2_pkt_info *info,
                       struct conn_packet *packet) {
    conn_path_from(&packet->path, path);
    packet->ecn = (uint8_t)info->ecn;
    packet->probe = length > conn->mtu;
    conn->packets_sent++;
    conn->bytes_sent += length;
    conn->datagrams_unacked = 0;
    conn->look_again = conn->ack_by = TIME_NEVER;
    if (conn->rate.idle)
        conn->rate = (struct conn_rate){
            .since = conn->now, .bps = conn->rate.bps, .capacity_bps = conn->rate.capacity_bps, .limited = true};
    if (!conn->confirmed)
        return;
    pacer_on_sent(&conn->pacer, length, conn->now);
    if (++conn->key_packets >= conn->key_packets_max)
        update_keys(conn);
}

/** Ask the owner for stream data. */
static bool next_stream(struct conn *conn, int64_t *stream_id, bool *fin, struct iovec *vectors, size_t *count) {
    if (conn->hooks->next_stream_data == NULL || ngtcp2_conn_get_max_data_left(conn->ng) == 0)
        return false;
    *count = VECTORS;
    *fin = false;
    return conn->hooks->next_stream_data(conn->context, stream_id, fin, vectors, count);
}

/** Write one packet, with stream data (if they may go) as far as they fit. @return as ngtcp2_conn_writev_stream(),
 * without its stream errors */
static ngtcp2_ssize write_streams(struct conn *conn, bool streams, ngtcp2_path *path, ngtcp2_pkt_info *info,
                                  uint8_t *out, size_t size) {
    struct iovec vectors[VECTORS];
    ngtcp2_vec pieces[VECTORS];
    ngtcp2_ssize n, taken;

    for (unsigned tries = 0;; tries++) {
        int64_t stream_id = -1;
        size_t count = 0;
        bool fin = false,
             offered = tries < STREAM_TRIES && streams && next_stream(conn, &stream_id, &fin, vectors, &count);
        uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;

        if (offered) {
            flags = NGTCP2_WRITE_STREAM_FLAG_MORE | (fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0);
            for (size_t i = 0; i < count; i++)
                pieces[i] = (ngtcp2_vec){vectors[i].iov_base, vectors[i].iov_len};
        }
        n = ngtcp2_conn_writev_stream(conn->ng, path, info, out, size, &taken, flags, offered ? stream_id : -1, pieces,
                                      offered ? count : 0, conn->now);
        if (offered && taken >= 0 && (n >= 0 || n == NGTCP2_ERR_WRITE_MORE))
            CONN_TELL(conn, on_stream_written, stream_id, (size_t)taken);
        if (streams)
            conn->stream_waits = offered && n >= 0;
        switch (n) {
        case NGTCP2_ERR_WRITE_MORE:
            continue;
        case NGTCP2_ERR_STREAM_DATA_BLOCKED:
            CONN_TELL(conn, on_stream_blocked, stream_id, false);
            continue;
        case NGTCP2_ERR_STREAM_SHUT_WR:
            CONN_TELL(conn, on_stream_blocked, stream_id, true);
            CONN_TELL(conn, on_stream_stop_sending, stream_id, 0);
            continue;
        case NGTCP2_ERR_STREAM_NOT_FOUND:
            CONN_TELL(conn, on_stream_blocked, stream_id, true);
            continue;
        default:
            return n;
        }
    }
}

/** Write one packet without a datagram; 0 when there is nothing to say. */
static ssize_t write_plain(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet) {
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info = {0};
    ngtcp2_ssize n;
    bool ping = conn->ping && conn->confirmed;
    uint64_t *window = NULL, cwnd_bytes = 0;

    ngtcp2_path_storage_zero(&path);
    if (ping) {
        /* A PING goes out when the keep-alive time is over, so make it over, and past a full window: what fills it may
         * have been swallowed by the path that is asked whether it lives. */
        conn->now++;
        ngtcp2_conn_set_keep_alive_timeout(conn->ng, 1);
        window = conn_open_window(conn, &cwnd_bytes);
    }
    if (size > conn->mtu)
        size = conn->mtu;
    n = write_streams(conn, !conn->confirmed || pacer_is_open(&conn->pacer, conn->now), &path.path, &info, out, size);
    if (ping) {
        ngtcp2_conn_set_keep_alive_timeout(conn->ng, conn->keepalive);
        if (window != NULL)
            *window = cwnd_bytes;
        if (n > 0)
            conn->ping = false;
    }
    if (n < 0)
        return conn_fail(conn, (int)n);
    conn->ack_by = TIME_NEVER;
    if (n > 0) {
        if ((size_t)n < FULL_PACKET)
            conn->write_wanted = false;
        on_written(conn, (size_t)n, &path.path, &info, packet);
    } else if (ngtcp2_conn_get_cwnd_left(conn->ng) > 0) {
        conn->write_wanted = false;
        conn->starved = false;
        conn->look_again = TIME_NEVER;
    }
    return n;
}

/** Whether an acknowledgement waits for a datagram to go with. */
static bool ack_is_held(const struct conn *conn) {
    return conn->cc.active && conn->ack_by != TIME_NEVER && conn->ack_by > conn->now;
}

/** Whether to call ngtcp2's writer: not when it most likely has nothing to say while the owner's datagrams would go,
 * since that marks the connection application-limited. */
static bool may_write_plain(struct conn *conn) {
    struct iovec vectors[VECTORS];
    int64_t stream_id;
    size_t count;
    bool fin;

    if (!conn->confirmed || conn->write_wanted || conn->ping || conn->ack_by <= conn->now)
        return true;
    if (ack_is_held(conn))
        return false;
    if (conn->starved)
        return true;
    if (is_unmarked(conn) && conn->rate.idle && conn->datagrams_unacked == 0)
        return true; /* nothing is on the way: no timer is to be set for nothing */
    if (ngtcp2_conn_get_cwnd_left(conn->ng) == 0)
        return true; /* that marks nothing, and acknowledgements need no window */
    if (next_stream(conn, &stream_id, &fin, vectors, &count)) {
        conn->stream_waits = true;
        if (pacer_is_open(&conn->pacer, conn->now))
            return true;
    }
    if (conn->look_again == TIME_NEVER)
        conn->look_again = conn->now + LOOK_AGAIN;
    return false;
}

size_t conn_probe_overhead(const struct conn *conn) {
    return SHORT_HEADER - (PACKET_NUMBER_MAX - 1) + ngtcp2_conn_get_dcid(conn->ng)->datalen + SEAL;
}

/** Learn how long packet numbers are at present, from a packet with a datagram; when there is more in it, nothing. */
static void note_number(struct conn *conn, const ngtcp2_vec *pieces, size_t count, size_t packet_bytes) {
    size_t rest = conn_probe_overhead(conn) - 1 + FRAME_HEADER;

    for (size_t i = 0; i < count; i++)
        rest += pieces[i].len;
    if (packet_bytes > rest && packet_bytes <= rest + PACKET_NUMBER_MAX)
        conn->mtu_watch.number_bytes = (uint8_t)(packet_bytes - rest);
}

/**
 * Write a path-MTU probe if one is due: a DATAGRAM of zeros that fills the packet. Only ngtcp2 knows how long the
 * packet number will be and refuses what is too long; a refusal marks the connection application-limited, so it is
 * asked first for what fitted the last time. What ngtcp2 has to say may go first; then the probe is still due.
 * @return as conn_write()
 */
static ssize_t write_probe(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet) {
    static const uint8_t zeros[CONN_UDP_MAX];
    const struct conn_mtu_watch *watch = &conn->mtu_watch;
    size_t probe = conn_mtu_probe_due(conn),
           rest = conn_probe_overhead(conn) - 1 + FRAME_HEADER + watch->content_length;
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info = {0};
    ngtcp2_ssize n = 0;
    int taken = 0;

    if (probe == 0 || size < probe || !is_open(conn))
        return 0;
    ngtcp2_path_storage_zero(&path);
    for (size_t number = watch->number_bytes; number <= PACKET_NUMBER_MAX && n == 0; number++) {
        ngtcp2_vec pieces[] = {{(uint8_t *)(uintptr_t)watch->content, watch->content_length},
                               {(uint8_t *)(uintptr_t)zeros, probe - rest - number}};

        n = ngtcp2_conn_writev_datagram(conn->ng, &path.path, &info, out, probe, &taken,
                                        NGTCP2_WRITE_DATAGRAM_FLAG_NONE, conn_mtu_probe_id(conn), pieces, 2, conn->now);
    }
    if (n < 0)
        return conn_fail(conn, (int)n);
    if (n == 0 || taken != 0)
        conn_mtu_on_probe_sent(conn);
    if (n > 0)
        on_written(conn, (size_t)n, &path.path, &info, packet);
    return n;
}

ssize_t conn_write(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now) {
    ssize_t n;

    advance(conn, now);
    memset(packet, 0, sizeof *packet);
    if (conn->state != CONN_LIVE)
        return conn_write_close(conn, out, size, packet);
    n = may_write_plain(conn) ? write_plain(conn, out, size, packet) : 0;
    return n != 0 ? n : write_probe(conn, out, size, packet);
}

size_t conn_datagram_max(const struct conn *conn) {
    const ngtcp2_transport_params *peer;
    size_t overhead, packet_max, frame_max;

    if (!conn->ready || conn->state != CONN_LIVE)
        return 0;
    peer = ngtcp2_conn_get_remote_transport_params(conn->ng);
    overhead = SHORT_HEADER + ngtcp2_conn_get_dcid(conn->ng)->datalen + FRAME_HEADER + SEAL;
    packet_max = conn->mtu - overhead;
    if (peer == NULL || peer->max_datagram_frame_size <= FRAME_HEADER)
        return 0;
    frame_max = (size_t)(peer->max_datagram_frame_size < UINT16_MAX ? peer->max_datagram_frame_size : UINT16_MAX) -
                FRAME_HEADER;
    return packet_max < frame_max ? packet_max : frame_max;
}

bool conn_can_send(const struct conn *conn, size_t length, uint64_t now) {
    uint64_t time = now > conn->now ? now : conn->now;

    if (conn->state != CONN_LIVE || !conn->ready)
        return false;
    /* An open packet was let out already; if this one does not fit into it, the question is asked again. */
    if (conn->shared.count == 0 && (!pacer_is_open(&conn->pacer, time) || ngtcp2_conn_get_cwnd_left(conn->ng) == 0))
        return false;
    return length <= conn_datagram_max(conn);
}

void conn_keep_together(struct conn *conn, size_t bytes) {
    pacer_keep_together(&conn->pacer, bytes);
}

bool conn_is_fast(const struct conn *conn) {
    return pacer_is_fast(&conn->pacer);
}

/** ngtcp2 let nothing out, though all that can be seen from here allowed it (an unvalidated path has used up its
 * credit): look again when something is due. */
static void hold_after_refusal(struct conn *conn) {
    uint64_t latest = conn->now + REFUSAL_WAIT, expiry = ngtcp2_conn_get_expiry(conn->ng);

    pacer_hold(&conn->pacer, expiry > conn->now && expiry < latest ? expiry : latest);
}

/** A packet with datagrams is complete. @param single the pieces of its only datagram; NULL: it has several, or none */
static ssize_t complete(struct conn *conn, size_t length, const ngtcp2_vec *single, size_t count,
                        struct conn_packet *packet) {
    struct conn_shared *shared = &conn->shared;

    if (shared->count != 0) {
        conn->datagram_packets++;
        conn_mtu_on_sent(conn, shared->last_id, length);
    }
    if (single != NULL)
        note_number(conn, single, count, length);
    if (length < FULL_PACKET || shared->count != 0)
        conn->write_wanted = false;
    shared->count = 0;
    on_written(conn, length, &shared->path.path, &shared->info, packet);
    return (ssize_t)length;
}

/** What goes before the first datagram of a packet: a probe that is due, stream data whose turn it is. @return bytes of
 * a packet; 0: nothing; -errno */
static ssize_t write_before(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet) {
    ssize_t n = write_probe(conn, out, size, packet);

    if (ack_is_held(conn))
        conn->starved = false;
    if (n != 0 || (!conn->starved && (!conn->stream_waits || conn->datagram_turn)))
        return n;
    conn->starved = false;
    conn->datagram_turn = true;
    return write_plain(conn, out, size, packet);
}

ssize_t conn_write_datagram(struct conn *conn, const struct iovec *vectors, size_t count, uint64_t id, bool more,
                            bool *accepted, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now) {
    struct conn_shared *shared = &conn->shared;
    ngtcp2_vec pieces[VECTORS];
    size_t length = 0;
    ngtcp2_ssize n;
    int taken = 0;

    advance(conn, now);
    *accepted = false;
    memset(packet, 0, sizeof *packet);
    if (conn->state != CONN_LIVE)
        return conn_write_close(conn, out, size, packet);
    if (!conn->ready)
        return 0;
    if (count > VECTORS)
        return -EINVAL;
    if (shared->count == 0) {
        n = write_before(conn, out, size, packet);
        if (n != 0)
            return n;
        ngtcp2_path_storage_zero(&shared->path);
        shared->info = (ngtcp2_pkt_info){0};
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (ngtcp2_vec){vectors[i].iov_base, vectors[i].iov_len};
        length += vectors[i].iov_len;
    }
    if (size > conn->mtu)
        size = conn->mtu;
    /* A packet is begun for several only if the first leaves room for another one like it. */
    if (shared->count == 0 && (!conn->confirmed || 2 * length + SHARED_OVERHEAD > size))
        more = false;
    if (pacer_is_fast(&conn->pacer))
        ccseam_number_bytes(2);
    n = ngtcp2_conn_writev_datagram(conn->ng, &shared->path.path, &shared->info, out, size, &taken,
                                    more ? NGTCP2_WRITE_DATAGRAM_FLAG_MORE : NGTCP2_WRITE_DATAGRAM_FLAG_NONE, id,
                                    pieces, count, conn->now);
    ccseam_number_bytes(1);
    if (taken != 0) {
        conn->datagram_turn = false;
        conn->datagrams_sent++;
        shared->last_id = id;
        shared->count++;
        *accepted = n > 0 || n == NGTCP2_ERR_WRITE_MORE;
    }
    if (n == NGTCP2_ERR_WRITE_MORE)
        return 0;
    if (n < 0) {
        shared->count = 0;
        return conn_fail(conn, (int)n);
    }
    if (n == 0) {
        hold_after_refusal(conn);
        return 0;
    }
    return complete(conn, (size_t)n, taken != 0 && shared->count == 1 ? pieces : NULL, count, packet);
}

ssize_t conn_finish_packet(struct conn *conn, uint8_t *out, size_t size, struct conn_packet *packet) {
    struct conn_shared *shared = &conn->shared;
    ngtcp2_ssize n;

    memset(packet, 0, sizeof *packet);
    if (shared->count == 0 || conn->state != CONN_LIVE)
        return 0;
    if (size > conn->mtu)
        size = conn->mtu;
    n = ngtcp2_conn_writev_stream(conn->ng, &shared->path.path, &shared->info, out, size, NULL,
                                  NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, conn->now);
    if (n <= 0) {
        shared->count = 0;
        return n < 0 ? conn_fail(conn, (int)n) : 0;
    }
    return complete(conn, (size_t)n, NULL, 0, packet);
}
