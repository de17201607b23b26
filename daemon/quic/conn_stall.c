/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_stall: windows that are full of what a peer that stood still has swallowed.
 *
 * Why: a suspended host acknowledges after its return what came just before. That is a round trip of all the time that
 * it was away, and ngtcp2 takes what was sent meanwhile for lost only after as long again (9/8 of the last round trip,
 * RFC 9002 section 6.1.2), unless something that was sent later is acknowledged. The window is full, so nothing is sent
 * later; and the probe time-out, of which that round trip is a part too, is no shorter.
 *
 * How it works: after an answer that took so much longer than any should, a PING goes past the full window, and again
 * at twice the pause each time, until the window is open. Where the peer's packets were only late the window opens by
 * itself, and one PING was too many.
 *
 * It leaves out peers that are not heard at all (the probe time-out; session_probe.c). Invariant: stall_at is
 * TIME_NEVER while the window is not full, but for a timer that has not gone off yet. Standards: RFC 9002 section 6.1.
 */
#include "quic/conn_internal.h"

#define STALL_PTOS 4u                 /**< an answer that took so many probe time-outs, … */
#define STALL_LEAST (100 * NS_PER_MS) /**< … ns, and that much at least, is one of a peer that stood still */
#define PAUSE_MAX (NS_PER_SEC)        /**< ns: PINGs are no further apart */

/** Whether the window lets nothing out. */
static bool is_full(const ngtcp2_conn_info *info) {
    return info->bytes_in_flight >= info->cwnd;
}

uint64_t *conn_open_window(struct conn *conn, uint64_t *was) {
    ngtcp2_conn_info info;
    uint64_t *window;

    ngtcp2_conn_get_conn_info(conn->ng, &info);
    if (!is_full(&info))
        return NULL;
    window = ccseam_window(&conn->cc, info.cwnd, info.bytes_in_flight, info.smoothed_rtt);
    if (window != NULL) {
        *was = *window;
        *window = info.bytes_in_flight + 1;
    }
    return window;
}

static void ask(struct conn *conn) {
    conn->ping = true;
    conn->write_wanted = true;
    conn->stall_at = conn->now + conn->stall_pause;
    conn->stall_pause = conn->stall_pause < PAUSE_MAX / 2 ? 2 * conn->stall_pause : PAUSE_MAX;
}

void conn_stall_on_read(struct conn *conn, const ngtcp2_conn_info *before, const ngtcp2_conn_info *after) {
    uint64_t pto = before->smoothed_rtt + 4 * before->rttvar;

    if (after->latest_rtt == before->latest_rtt || after->latest_rtt < STALL_LEAST ||
        after->latest_rtt < STALL_PTOS * pto || !is_full(after) || !conn->confirmed)
        return;
    conn->stall_pause = 2 * pto;
    ask(conn);
}

void conn_stall_on_timer(struct conn *conn) {
    ngtcp2_conn_info info;

    if (conn->stall_at > conn->now)
        return;
    conn->stall_at = TIME_NEVER;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    if (is_full(&info))
        ask(conn);
}
