/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_mtu: the largest payload the path carries, after ngtcp2 has found it.
 *
 * How it works: ngtcp2 probes once, after the handshake, and never looks back. A path that narrows later swallows full
 * packets while small ones pass, so for each of a few sizes the datagrams lost in a row are counted; an acknowledgement
 * of that size or a larger one ends the row. When a row is long enough, lasts longer than congestion would explain, and
 * round trips were measured again and again between its losses, the limit falls to the largest size that was
 * acknowledged since. One round trip is not enough: on a path that was dead and lives again the first answer is to a
 * small packet, too. Later the limit is raised step by step; the datagrams that then go are the probes, and the first
 * acknowledgement of that size proves the step. A failed step is tried again after twice the time.
 *
 * What it leaves out: a path that grows wider than ngtcp2 found it at the start (another path, another connection).
 *
 * Invariants: the limit is never below 1200 bytes and matters only below what ngtcp2 found.
 *
 * Standards: RFC 8899 sections 4.3 and 5; RFC 9000 section 14. */
#include "quic/conn_internal.h"

#include <string.h>

#define LOST_IN_A_ROW 5u                 /**< datagrams of a size lost in a row before the path is suspected */
#define ROW_ALIVE 3u                     /**< of them after another round trip each, at least: the path is not dead */
#define ROW_PTOS 2u                      /**< probe time-outs that the row lasts at least */
#define RAISE_FIRST (10 * NS_PER_SEC)    /**< ns: first step up after a fall */
#define RAISE_NEXT NS_PER_SEC            /**< ns: from a step that held to the next one */
#define RAISE_LONGEST (600 * NS_PER_SEC) /**< ns: longest pause after a step that failed */

static const uint16_t sizes[CONN_MTU_SIZES] = {1200, 1232, 1344, 1406, 1452, 1472};

/** The smallest of the sizes that holds a packet. */
static unsigned size_of(size_t length) {
    unsigned i = 0;

    while (i + 1 < CONN_MTU_SIZES && sizes[i] < length)
        i++;
    return i;
}

void conn_mtu_init(struct conn *conn) {
    conn->mtu = sizes[0];
    conn->mtu_watch.limit = SIZE_MAX;
    conn->mtu_watch.raise_at = TIME_NEVER;
    conn->mtu_watch.pause = RAISE_FIRST;
}

void conn_check_mtu(struct conn *conn) {
    size_t found = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->ng);
    size_t mtu = found < conn->mtu_watch.limit ? found : conn->mtu_watch.limit;

    if (mtu == conn->mtu)
        return;
    conn->mtu = mtu;
    conn->write_wanted = true; /* the next probe */
    CONN_TELL(conn, on_mtu, mtu);
}

void conn_limit_mtu(struct conn *conn, size_t udp_payload_bytes) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned i = CONN_MTU_SIZES - 1;

    if (udp_payload_bytes >= conn->mtu || conn->state != CONN_LIVE)
        return;
    while (i > 0 && sizes[i] > udp_payload_bytes)
        i--;
    watch->limit = sizes[i];
    watch->raise_at = conn->now + watch->pause;
    watch->raised = false;
    memset(watch->rows, 0, sizeof watch->rows);
    conn_check_mtu(conn);
}

void conn_mtu_on_sent(struct conn *conn, uint64_t id, size_t length) {
    conn->mtu_watch.size[id % CONN_MTU_IDS] = (uint8_t)size_of(length);
}

void conn_mtu_on_acked(struct conn *conn, uint64_t id) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned size = watch->size[id % CONN_MTU_IDS];

    for (unsigned i = 0; i <= size; i++)
        watch->rows[i].lost = 0;
    if (size > watch->largest_acked)
        watch->largest_acked = (uint8_t)size;
    if (!watch->raised || sizes[size] < watch->limit)
        return;
    watch->raised = false;
    watch->raise_at = conn->now + RAISE_NEXT;
}

void conn_mtu_on_lost(struct conn *conn, uint64_t id) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned size = watch->size[id % CONN_MTU_IDS];
    struct conn_mtu_row *row = &watch->rows[size];

    if (size == 0)
        return;
    if (row->lost++ != 0) {
        if (row->round_trips != watch->round_trips)
            row->alive++;
        row->round_trips = watch->round_trips;
        return;
    }
    row->since = conn->now;
    row->round_trips = watch->round_trips;
    row->alive = 0;
    watch->largest_acked = 0;
}

/** The path swallows packets of a size. */
static void fall(struct conn *conn, unsigned size) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    unsigned to = watch->largest_acked < size ? watch->largest_acked : size - 1;

    if (watch->raised) {
        to = size - 1; /* the step before this one has held */
        watch->pause = 2 * watch->pause < RAISE_LONGEST ? 2 * watch->pause : RAISE_LONGEST;
    }
    conn_limit_mtu(conn, sizes[to]);
}

void conn_mtu_watch(struct conn *conn, bool round_trip_measured) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;

    if (round_trip_measured)
        watch->round_trips++;
    for (unsigned i = 1; i < CONN_MTU_SIZES; i++) {
        const struct conn_mtu_row *row = &watch->rows[i];

        if (row->lost < LOST_IN_A_ROW || row->alive < ROW_ALIVE)
            continue;
        if (conn->now - row->since < ROW_PTOS * ngtcp2_conn_get_pto(conn->ng))
            continue;
        fall(conn, i);
        return;
    }
}

void conn_mtu_raise(struct conn *conn) {
    struct conn_mtu_watch *watch = &conn->mtu_watch;
    size_t found = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->ng);

    if (watch->raise_at > conn->now)
        return;
    watch->raise_at = TIME_NEVER;
    if (watch->limit >= found) {
        watch->limit = SIZE_MAX;
        return;
    }
    watch->raised = true;
    memset(watch->rows, 0, sizeof watch->rows); /* what was on the way when the limit fell has begun new rows */
    watch->limit = sizes[size_of(watch->limit + 1)];
    conn_check_mtu(conn);
}
