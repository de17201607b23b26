/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_mtu: the largest payload the path carries. ngtcp2's own search runs once and never looks back, so it is switched
 * off and this is used in its place, for a path that narrows or widens while it is in use.
 *
 * How it works: a few sizes are told apart. Up: from the size in use, probes go to the size that carries an inner
 * packet of 1280 bytes first, then one step at a time, each when the one before was acknowledged; the search ends with
 * the first that is lost. A probe is a DATAGRAM of zeros that the peer is known to ignore (conn_set_probe), so nobody's
 * data depend on it. A search begins when the connection is ready, when it moved to another path, after a fall, and
 * again after a pause, 1 s at first and up to 30 s. RFC 8899 suggests 600 s; a tunnel lives for days on links that
 * change under it, and a packet in 30 s costs nothing beside what too small a size costs.
 *
 * Down: a path that narrows swallows full packets while small ones pass. For each size the datagrams lost in a row are
 * counted; an acknowledgement of that size or a larger one ends the row. When a row is long enough, lasts longer than
 * congestion would explain, and round trips were measured again and again between its losses, the size falls to the
 * largest that was acknowledged since, or to the smallest. One round trip is not enough: on a path that was dead and
 * lives again the first answer is to a small packet, too. Where little is sent, such a row would take many seconds and
 * swallow a packet in each; so one that has begun and lasts is continued by probes of its size, one after the other's
 * verdict (a check).
 *
 * What it leaves out: sizes between those of the table; losses of packets without a datagram. ngtcp2 takes the loss of
 * a probe for congestion (RFC 8899 section 3 would not): one packet in a search.
 *
 * Invariants: the size in use is one of the table, and was carried by the path when it was taken; at most one probe
 * waits for its verdict, of a search or of a check.
 *
 * Standards: RFC 8899 sections 4.3 and 5; RFC 9000 section 14. */
#include "quic/conn_internal.h"

#include <stdlib.h>
#include <string.h>

#define LOST_IN_A_ROW 5u             /**< datagrams of a size lost in a row before the path is suspected */
#define ROW_ALIVE 3u                 /**< of them after another round trip each, at least: the path is not dead */
#define ROW_PTOS 2u                  /**< probe time-outs that the row lasts at least */
#define ROW_CHECKED 2u               /**< datagrams lost in a row that lasts so long before it is continued by probes */
#define ROW_CHECKS 8u                /**< such probes in a row at most: a dead path is not probed without end */
#define PROBE_PTOS 3u                /**< a probe that is neither acknowledged nor lost after so many failed */
#define RAISE_FIRST NS_PER_SEC       /**< ns: from a search that ended early to the next one, first */
#define RAISE_LAST (30 * NS_PER_SEC) /**< ns: the same, after more of them */
#define PROBE_ID (UINT64_C(1) << 63) /**< set in a probe's id; the size is in the lowest byte */

/* 1232 and 1252 are what IPv6 and IPv4 leave of a link of 1280 bytes, 1452 and 1472 of Ethernet; 1344 carries an inner
 * packet of 1280 bytes; 1406 is left by common tunnels. */
static const uint16_t sizes[CONN_MTU_SIZES] = {1200, 1232, 1252, 1344, 1406, 1452, 1472};
#define SIZE_INNER_1280 3u /**< index of 1344 */

/** The smallest of the sizes that holds a packet. */
static unsigned size_of(size_t length) {
    unsigned i = 0;

    while (i + 1 < CONN_MTU_SIZES && sizes[i] < length)
        i++;
    return i;
}

/** The largest of the sizes that the family and the peer allow. */
static unsigned top(const struct conn *conn) {
    const ngtcp2_transport_params *peer = ngtcp2_conn_get_remote_transport_params(conn->ng);
    const ngtcp2_path *path = ngtcp2_conn_get_path(conn->ng);
    struct conn_path ours;
    unsigned i = CONN_MTU_SIZES - 1;
    size_t most;

    conn_path_from(&ours, path);
    most = conn_path_udp_max(&ours);
    if (peer == NULL)
        return 0;
    while (i > 0 && (sizes[i] > most || sizes[i] > peer->max_udp_payload_size ||
                     sizes[i] > peer->max_datagram_frame_size + conn_probe_overhead(conn)))
        i--;
    return i;
}

static void set_size(struct conn *conn, unsigned size) {
    if (size == conn->mtu_watch.size)
        return;
    conn->mtu_watch.size = (uint8_t)size;
    conn->mtu = sizes[size];
    CONN_TELL(conn, on_mtu, conn->mtu);
}

/** The search is over. */
static void set_known(struct conn *conn) {
    if (conn->mtu_watch.known)
        return;
    conn->mtu_watch.known = true;
    CONN_TELL(conn, on_mtu, conn->mtu);
}

bool conn_mtu_is_known(const struct conn *conn) {
    return conn->mtu_watch.known;
}

/** Choose the next probe, or end the search. */
static void next_probe(struct conn *conn) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned most = top(conn), next = watch->size + 1u;

    if (next < SIZE_INNER_1280 && watch->failed > SIZE_INNER_1280 && most >= SIZE_INNER_1280)
        next = SIZE_INNER_1280;
    watch->probe = 0;
    watch->probe_deadline = TIME_NEVER;
    watch->raise_at = TIME_NEVER;
    if (next <= most && next < watch->failed) {
        watch->probe = (uint8_t)next;
    } else if (next <= most) {
        watch->raise_at = conn->now + watch->pause;
        watch->pause = 2 * watch->pause < RAISE_LAST ? 2 * watch->pause : RAISE_LAST;
    }
    if (watch->probe == 0)
        set_known(conn);
}

/** Look for more than the present size, below one that is known to fail. */
static void search(struct conn *conn, unsigned failed) {
    conn->mtu_watch.failed = (uint8_t)failed;
    if (conn->mtu_watch.content_length > 0)
        next_probe(conn);
}

void conn_mtu_init(struct conn *conn) {
    conn->mtu = sizes[0];
    conn->mtu_watch.raise_at = TIME_NEVER;
    conn->mtu_watch.probe_deadline = TIME_NEVER;
    conn->mtu_watch.pause = RAISE_FIRST;
    conn->mtu_watch.number_bytes = 1;
}

/** Begin again with a smaller size. */
static void restart(struct conn *conn, unsigned size, unsigned failed) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    watch->epoch++;
    memset(watch->rows, 0, sizeof watch->rows);
    set_size(conn, size);
    search(conn, failed);
}

void conn_mtu_on_path(struct conn *conn) {
    conn->mtu_watch.known = false;
    conn->mtu_watch.pause = RAISE_FIRST;
    restart(conn, 0, CONN_MTU_SIZES);
}

void conn_set_probe(struct conn *conn, const uint8_t *content, size_t length) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (length == 0 || length > sizeof watch->content || !conn->ready || conn->state != CONN_LIVE)
        return;
    memcpy(watch->content, content, length);
    if (watch->content_length == 0) {
        watch->content_length = (uint8_t)length;
        search(conn, CONN_MTU_SIZES);
    }
    watch->content_length = (uint8_t)length;
}

size_t conn_mtu_probe_due(const struct conn *conn) {
    const struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (watch->probe == 0 || watch->probe_deadline != TIME_NEVER || !conn->confirmed)
        return 0;
    return sizes[watch->probe];
}

uint64_t conn_mtu_probe_id(const struct conn *conn) {
    return PROBE_ID | (uint64_t)conn->mtu_watch.epoch << 8 | conn->mtu_watch.probe;
}

void conn_mtu_on_probe_sent(struct conn *conn) {
    conn->mtu_watch.probe_deadline = conn->now + PROBE_PTOS * ngtcp2_conn_get_pto(conn->ng);
}

bool conn_mtu_is_probe(uint64_t id) {
    return (id & PROBE_ID) != 0;
}

/** Something of a size arrived: the rows of this and smaller ones end. */
static void arrived(struct conn *conn, unsigned size) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    for (unsigned i = 0; watch->losing && i <= size; i++)
        watch->rows[i].lost = 0;
    if (size > watch->largest_acked)
        watch->largest_acked = (uint8_t)size;
}

/** Something of a size, not the smallest, was lost. */
static void lost(struct conn *conn, unsigned size) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    struct conn_mtu_row *row = &watch->rows[size];

    watch->losing = true;
    if (row->lost++ != 0) {
        if (row->round_trips != watch->round_trips)
            row->alive++;
        row->round_trips = watch->round_trips;
        return;
    }
    row->since = conn->now;
    row->round_trips = watch->round_trips;
    row->alive = 0;
    row->checks = 0;
    watch->largest_acked = 0;
}

/** Whether the probe continues a row of lost datagrams: a search asks for more than the size in use. */
static bool is_check(const struct conn_mtu_watch *watch) {
    return watch->probe != 0 && watch->probe <= watch->size;
}

static void end_check(struct conn_mtu_watch *watch) {
    watch->probe = 0;
    watch->probe_deadline = TIME_NEVER;
}

/** Continue a row by a probe of its size, unless a probe is under way. */
static void check(struct conn *conn, unsigned size) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (watch->probe != 0 || watch->content_length == 0 || watch->rows[size].checks == ROW_CHECKS)
        return;
    watch->rows[size].checks++;
    watch->probe = (uint8_t)size;
    conn->write_wanted = true;
}

/** The probe that waits has failed. */
static void probe_failed(struct conn *conn) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (is_check(watch)) {
        lost(conn, watch->probe);
        end_check(watch);
        return;
    }
    watch->failed = watch->probe;
    next_probe(conn);
}

void conn_mtu_on_probe(struct conn *conn, uint64_t id, bool acked) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned size = id & 0xff;

    if ((uint32_t)(id >> 8) != watch->epoch)
        return; /* sent before a fall */
    if (acked && size <= watch->size) {
        arrived(conn, size);
        if (is_check(watch))
            end_check(watch);
        return;
    }
    if (size <= watch->size && !is_check(watch))
        return; /* no news */
    if (acked) {
        set_size(conn, size);
        if (watch->failed <= size)
            watch->failed = CONN_MTU_SIZES;
        next_probe(conn);
    } else if (size == watch->probe && watch->probe_deadline != TIME_NEVER) {
        probe_failed(conn);
    }
}

void conn_mtu_on_sent(struct conn *conn, uint64_t id, size_t length) {
    if (conn->ids == NULL)
        conn->ids = calloc(1, sizeof *conn->ids);
    if (conn->ids != NULL)
        conn->ids->size[id % CONN_MTU_IDS] = (uint8_t)size_of(length);
}

/** Size of the packet that a datagram went in; the smallest, which nothing is concluded from, when that is not known.
 */
static unsigned size_sent(const struct conn *conn, uint64_t id) {
    return conn->ids != NULL ? conn->ids->size[id % CONN_MTU_IDS] : 0;
}

void conn_mtu_on_acked(struct conn *conn, uint64_t id) {
    arrived(conn, size_sent(conn, id));
}

void conn_mtu_on_lost(struct conn *conn, uint64_t id) {
    unsigned size = size_sent(conn, id);

    if (size != 0)
        lost(conn, size);
}

/** The path swallows packets of a size. */
static void fall(struct conn *conn, unsigned size) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    /* A path that carries probes but not what follows shall not be tried every second. */
    if (conn->now - watch->fell_at > 2 * RAISE_LAST)
        watch->pause = RAISE_FIRST;
    watch->fell_at = conn->now;
    watch->known = true;
    restart(conn, watch->largest_acked < size ? watch->largest_acked : 0, size);
}

void conn_mtu_watch(struct conn *conn, bool round_trip_measured) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (round_trip_measured)
        watch->round_trips++;
    if (!watch->losing)
        return; /* as good as always, and this comes with every packet */
    watch->losing = false;
    for (unsigned i = 0; i < CONN_MTU_SIZES; i++)
        watch->losing = watch->losing || watch->rows[i].lost != 0;
    for (unsigned i = 1; i <= watch->size; i++) {
        const struct conn_mtu_row *row = &watch->rows[i];

        if (row->lost < ROW_CHECKED || conn->now - row->since < ROW_PTOS * ngtcp2_conn_get_pto(conn->ng))
            continue;
        if (row->lost >= LOST_IN_A_ROW && row->alive >= ROW_ALIVE) {
            fall(conn, i);
            return;
        }
        check(conn, i);
    }
}

uint64_t conn_mtu_deadline(const struct conn *conn) {
    const struct conn_mtu_watch *watch = &conn->mtu_watch;

    return watch->raise_at < watch->probe_deadline ? watch->raise_at : watch->probe_deadline;
}

void conn_mtu_on_timer(struct conn *conn) {
    if (conn->mtu_watch.probe_deadline <= conn->now) {
        probe_failed(conn);
        conn_mtu_watch(conn, false);
    }
    if (conn->mtu_watch.raise_at <= conn->now)
        search(conn, CONN_MTU_SIZES);
}
