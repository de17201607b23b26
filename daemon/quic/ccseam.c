/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ccseam: puts our congestion controller (knee.c) into ngtcp2, which has no public hook for one.
 *
 * How it works: inside ngtcp2 a controller is one struct of function pointers, each of which may be NULL, filled in by
 * an init function per algorithm, over a struct of statistics with the window in it. The program is linked with
 * --wrap=ngtcp2_cc_reno_init: a connection made with NGTCP2_CC_ALGO_RENO calls our function instead, which fills in our
 * hooks. That function is told nothing about the connection, so the controller is handed over by thread (ccseam_offer).
 * Of the statistics only the window is written: pacing is our own (pacer.c), at knee's pace. Losses are taken one by
 * one (on_pkt_lost), since those found by the timer are told nowhere else. Where a path changes the order, many packets
 * are declared lost and arrive after all, and ngtcp2 calls the same hook for them as for others: so the numbers of lost
 * packets are remembered (lostset.c). But ngtcp2 itself forgets all but as many lost packets as half of those on the
 * way, 256 at most, where a path that changes the order has many more: acknowledgements are read here, too, for those.
 *
 * What it relies on: the layouts below, those of ngtcp2 1.11.0 (lib/ngtcp2_cc.h, ngtcp2_conn_stat.h), and that Reno's
 * state has room for a pointer after the hooks. This file is compiled for that version only; ccseam_available() checks
 * that the library linked in is of that version and really calls our function; and before the first packet goes out,
 * the statistics are compared with what ngtcp2 starts from. If they differ, nothing is ever written, and later
 * connections use BBR.
 *
 * A PING on a silent path must go even when the window is full of what was never answered; so where the window is, is
 * remembered (ccseam_window), for BBR by wrapping its init function, too.
 *
 * Packet numbers are another thing that only this seam can touch: ngtcp2 takes as few bytes as will do, one while fewer
 * than 128 packets are on the way. A fast connection has about as many, so the packets of one superpacket came in two
 * sizes, and a GSO batch ends at a larger one: half the batches were broken. Whoever writes for a fast connection asks
 * for two bytes at least (ccseam_number_bytes).
 *
 * What it leaves out: other versions, shared libraries (nothing can be wrapped in them): configure takes ccseam_none.c
 * for those.
 *
 * Invariants: a hook is called only while its connection lives, hence while the ccseam lives. */
#include "quic/ccseam.h"

#include <ngtcp2/ngtcp2.h>
#include <stdlib.h>
#include <string.h>

#include "quic/conn_internal.h"

_Static_assert(NGTCP2_VERSION_NUM == 0x010b00, "the layouts below are those of ngtcp2 1.11.0");

#define INITIAL_PACKETS 10u  /**< packets of ngtcp2's first window … */
#define INITIAL_BYTES 14720u /**< … but this many bytes at most, for packets below 7,360 bytes */

/** ngtcp2_conn_stat, up to the last member that we look at. */
struct stat_1_11 {
    uint64_t latest_rtt, min_rtt, smoothed_rtt, rttvar, initial_rtt, first_rtt_sample_ts; /**< ns */
    size_t pto_count;                                                                     /**< time-outs in a row */
    uint64_t loss_detection_timer, last_tx_pkt_ts[3], loss_time[3];                       /**< ns */
    uint64_t cwnd, ssthresh, congestion_recovery_start_ts, bytes_in_flight; /**< bytes, but for the time */
    size_t max_tx_udp_payload_size;                                         /**< bytes */
};

/** ngtcp2_cc_pkt. */
struct pkt_1_11 {
    int64_t pkt_num;                      /**< packet number */
    size_t pktlen;                        /**< bytes */
    int pktns_id;                         /**< packet number space */
    uint64_t sent_ts, lost, tx_in_flight; /**< ns; bytes lost, and in flight with it, when it was sent */
    int is_app_limited;                   /**< whether there was no more to send */
};

/** ngtcp2_cc_ack. */
struct ack_1_11 {
    uint64_t prior_bytes_in_flight, bytes_delivered, bytes_lost, pkt_delivered, largest_pkt_sent_ts,
        rtt; /**< bytes, then ns */
};

/** ngtcp2_ack: an acknowledgement. */
struct frame_1_11 {
    uint64_t type;             /**< of the frame */
    int64_t largest;           /**< packet number acknowledged */
    uint64_t delay[2], ecn[3]; /**< coded, ns; packets with each mark */
    uint64_t first;            /**< packets before the largest that are acknowledged with it */
    size_t count;              /**< of ranges beside that */
    struct {
        uint64_t gap, length; /**< packets, less one: below the range before, not acknowledged; acknowledged */
    } ranges[];               /**< from the largest numbers down */
};

/** ngtcp2_cc, and what comes after it in ngtcp2_cc_reno. */
struct cc_1_11 {
    void *log; /**< ngtcp2's */
    void (*on_pkt_acked)(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt, uint64_t now);
    void (*on_pkt_lost)(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt, uint64_t now);
    void (*congestion_event)(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t sent_ts, uint64_t bytes_lost,
                             uint64_t now);
    void (*on_spurious_congestion)(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t now);
    void (*on_persistent_congestion)(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t now);
    void (*on_ack_recv)(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct ack_1_11 *ack, uint64_t now);
    void (*on_pkt_sent)(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt);
    void (*new_rtt_sample)(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t now);
    void (*reset)(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t now);
    void (*event)(struct cc_1_11 *cc, struct stat_1_11 *stat, int event, uint64_t now);
    struct ccseam *seam; /**< in the place of Reno's pending_add */
};

static _Thread_local struct ccseam *offered;  /* for the connection being made by this thread */
static _Thread_local struct ccseam *answered; /* whose data this thread reads an acknowledgement of; NULL: none's yet */
static _Thread_local size_t number_least;     /* bytes of packet numbers written by this thread */
static _Thread_local int state;               /* of the checks: 0 not made yet, 1 passed, -1 failed */

void __wrap_ngtcp2_cc_reno_init(struct cc_1_11 *cc, void *log);
void __wrap_ngtcp2_cc_bbr_init(void *bbr, void *log, struct stat_1_11 *stat, void *rst, uint64_t now, ngtcp2_rand rand,
                               const ngtcp2_rand_ctx *context);
void __wrap_ngtcp2_pkt_hd_init(ngtcp2_pkt_hd *hd, uint8_t flags, uint8_t type, const ngtcp2_cid *dcid,
                               const ngtcp2_cid *scid, int64_t number, size_t number_bytes, uint32_t version);
void __real_ngtcp2_pkt_hd_init(ngtcp2_pkt_hd *hd, uint8_t flags, uint8_t type, const ngtcp2_cid *dcid,
                               const ngtcp2_cid *scid, int64_t number, size_t number_bytes, uint32_t version);
void __real_ngtcp2_cc_bbr_init(void *bbr, void *log, struct stat_1_11 *stat, void *rst, uint64_t now, ngtcp2_rand rand,
                               const ngtcp2_rand_ctx *context);

ngtcp2_ssize __wrap_ngtcp2_rtb_recv_ack(void *rtb, const struct frame_1_11 *frame, struct stat_1_11 *stat, void *conn,
                                        void *pktns, uint64_t received, uint64_t now);
ngtcp2_ssize __real_ngtcp2_rtb_recv_ack(void *rtb, const struct frame_1_11 *frame, struct stat_1_11 *stat, void *conn,
                                        void *pktns, uint64_t received, uint64_t now);

static void apply(struct cc_1_11 *cc, struct stat_1_11 *stat) {
    stat->cwnd = knee_window(&cc->seam->knee);
}

static void on_acked(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt, uint64_t now) {
    (void)stat;
    if (!cc->seam->active)
        return;
    if (cc->seam->lost != NULL && lostset_take(cc->seam->lost, (unsigned)pkt->pktns_id, (uint64_t)pkt->pkt_num))
        knee_on_found(&cc->seam->knee, pkt->pktlen, pkt->sent_ts);
    answered = pkt->pktns_id == LOSTSET_SPACE ? cc->seam : NULL;
    if (pkt->sent_ts > cc->seam->newest)
        cc->seam->newest = pkt->sent_ts;
    knee_on_acked(&cc->seam->knee, pkt->pktlen, pkt->sent_ts, pkt->tx_in_flight, now);
}

static void on_lost(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt, uint64_t now) {
    (void)now;
    if (!cc->seam->active)
        return;
    if (cc->seam->lost == NULL)
        cc->seam->lost = calloc(1, sizeof *cc->seam->lost); /* most connections that are idle never need its 20 KB */
    if (cc->seam->lost != NULL)
        lostset_add(cc->seam->lost, (unsigned)pkt->pktns_id, (uint64_t)pkt->pkt_num, pkt->sent_ts, pkt->pktlen);
    knee_on_lost(&cc->seam->knee, pkt->pktlen, pkt->sent_ts);
    apply(cc, stat);
}

static void on_event(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t sent_ts, uint64_t bytes_lost, uint64_t now) {
    if (!cc->seam->active)
        return;
    if (bytes_lost == 0)
        knee_on_marked(&cc->seam->knee, sent_ts, now);
    apply(cc, stat);
}

static void on_ack(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct ack_1_11 *ack, uint64_t now) {
    if (!cc->seam->active)
        return;
    knee_set_packet(&cc->seam->knee, stat->max_tx_udp_payload_size);
    /* The largest packet acknowledged may have been a bare ACK, of which ngtcp2 keeps no time: where the data flows the
     * other way, most are. */
    (void)ack;
    if (cc->seam->newest != 0)
        knee_on_ack_done(&cc->seam->knee, cc->seam->newest, now);
    cc->seam->newest = 0;
    apply(cc, stat);
}

/** Packets were acknowledged. What had been declared lost of them, and is still, ngtcp2 has forgotten. */
static void find_forgotten(struct ccseam *seam, uint64_t from, uint64_t to, uint64_t now) {
    struct lostset_packet packet;

    while (lostset_take_any(seam->lost, from, to, now, &packet)) {
        knee_on_found(&seam->knee, packet.bytes, packet.sent);
        knee_on_acked(&seam->knee, packet.bytes, packet.sent, 0, now);
        from = packet.number + 1;
    }
}

ngtcp2_ssize __wrap_ngtcp2_rtb_recv_ack(void *rtb, const struct frame_1_11 *frame, struct stat_1_11 *stat, void *conn,
                                        void *pktns, uint64_t received, uint64_t now) {
    ngtcp2_ssize packets;
    uint64_t from, to;

    answered = NULL;
    packets = __real_ngtcp2_rtb_recv_ack(rtb, frame, stat, conn, pktns, received, now);
    if (packets <= 0 || answered == NULL || answered->lost == NULL || frame->largest < 0 ||
        frame->first > (uint64_t)frame->largest)
        return packets;
    from = (uint64_t)frame->largest - frame->first;
    find_forgotten(answered, from, (uint64_t)frame->largest, now);
    for (size_t i = 0; i < frame->count; i++) {
        /* Ranges lie below each other, as ngtcp2 saw to; so if the frame were laid out otherwise, what is no range
         * would soon end this, long before a wrong count did. */
        if (from < 2 || frame->ranges[i].gap > from - 2 || frame->ranges[i].length > from - 2 - frame->ranges[i].gap)
            break;
        to = from - frame->ranges[i].gap - 2;
        from = to - frame->ranges[i].length;
        find_forgotten(answered, from, to, now);
    }
    return packets;
}

/** Whether the statistics, as we lay them out, are what a connection starts with. */
static bool is_fresh(const struct ccseam *seam, const struct stat_1_11 *stat, const struct pkt_1_11 *pkt) {
    uint64_t first = INITIAL_PACKETS * stat->max_tx_udp_payload_size;
    uint64_t rtt = seam->initial_rtt != 0 ? seam->initial_rtt : NGTCP2_DEFAULT_INITIAL_RTT;

    if (first > INITIAL_BYTES)
        first = INITIAL_BYTES;
    return stat->max_tx_udp_payload_size >= 1200 && stat->max_tx_udp_payload_size <= CONN_UDP_MAX &&
           stat->cwnd == first && stat->ssthresh == UINT64_MAX && stat->congestion_recovery_start_ts == UINT64_MAX &&
           stat->initial_rtt == rtt && stat->bytes_in_flight <= first && pkt->pktlen <= CONN_UDP_MAX;
}

static void reset(struct cc_1_11 *cc, struct stat_1_11 *stat, uint64_t now) {
    if (!cc->seam->active)
        return;
    knee_reset(&cc->seam->knee, now);
    apply(cc, stat);
}

static void on_sent(struct cc_1_11 *cc, struct stat_1_11 *stat, const struct pkt_1_11 *pkt) {
    cc->seam->stat = stat;
    if (cc->seam->active && cc->seam->begins_anew)
        reset(cc, stat, pkt->sent_ts);
    cc->seam->begins_anew = false;
    if (cc->seam->active)
        knee_on_sent(&cc->seam->knee, pkt->sent_ts);
    if (cc->seam->active || cc->seam->refused)
        return;
    if (!is_fresh(cc->seam, stat, pkt)) {
        cc->seam->refused = true;
        state = -1;
        return;
    }
    cc->seam->active = true;
    knee_init(&cc->seam->knee, stat->max_tx_udp_payload_size, cc->seam->seed, pkt->sent_ts);
    apply(cc, stat);
}

void __wrap_ngtcp2_cc_reno_init(struct cc_1_11 *cc, void *log) {
    memset(cc, 0, sizeof *cc);
    cc->log = log;
    cc->seam = offered;
    offered = NULL;
    if (cc->seam == NULL)
        return;
    cc->on_pkt_acked = on_acked;
    cc->on_pkt_lost = on_lost;
    cc->congestion_event = on_event;
    cc->on_ack_recv = on_ack;
    cc->on_pkt_sent = on_sent;
    cc->reset = reset;
}

/* BBR keeps its own ways; only where its statistics are is of interest. */
void __wrap_ngtcp2_cc_bbr_init(void *bbr, void *log, struct stat_1_11 *stat, void *rst, uint64_t now, ngtcp2_rand rand,
                               const ngtcp2_rand_ctx *context) {
    if (offered != NULL)
        offered->stat = stat;
    offered = NULL;
    __real_ngtcp2_cc_bbr_init(bbr, log, stat, rst, now, rand, context);
}

void __wrap_ngtcp2_pkt_hd_init(ngtcp2_pkt_hd *hd, uint8_t flags, uint8_t type, const ngtcp2_cid *dcid,
                               const ngtcp2_cid *scid, int64_t number, size_t number_bytes, uint32_t version) {
    if (type == NGTCP2_PKT_1RTT && number_bytes < number_least)
        number_bytes = number_least;
    __real_ngtcp2_pkt_hd_init(hd, flags, type, dcid, scid, number, number_bytes, version);
}

void ccseam_number_bytes(size_t least) {
    number_least = least;
}

/** Whether a connection made with Reno calls our function. */
static bool is_called(void) {
    struct ccseam seam = {.active = false};
    struct conn none = {.server = false};
    struct sockaddr_in address = {.sin_family = AF_INET};
    ngtcp2_path path = {.local = {(struct sockaddr *)&address, sizeof address},
                        .remote = {(struct sockaddr *)&address, sizeof address}};
    ngtcp2_cid id = {.datalen = CONN_CID_BYTES};
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_conn *conn;
    bool called;

    conn_set_callbacks(&none, &callbacks);
    ngtcp2_settings_default(&settings);
    settings.cc_algo = NGTCP2_CC_ALGO_RENO;
    ngtcp2_transport_params_default(&params);
    offered = &seam;
    if (ngtcp2_conn_client_new(&conn, &id, &id, &path, NGTCP2_PROTO_VER_V1, &callbacks, &settings, &params, NULL,
                               &none) != 0)
        return false;
    called = offered == NULL;
    offered = NULL;
    ngtcp2_conn_del(conn);
    return called;
}

bool ccseam_available(void) {
    if (state == 0)
        state = ngtcp2_version(0)->version_num == NGTCP2_VERSION_NUM && is_called() ? 1 : -1;
    return state > 0;
}

void ccseam_offer(struct ccseam *seam) {
    offered = seam;
}

uint64_t *ccseam_window(const struct ccseam *seam, uint64_t cwnd_bytes, uint64_t in_flight_bytes,
                        uint64_t smoothed_rtt) {
    struct stat_1_11 *stat = seam->stat;

    if (stat == NULL || stat->cwnd != cwnd_bytes || stat->bytes_in_flight != in_flight_bytes ||
        stat->smoothed_rtt != smoothed_rtt)
        return NULL;
    return &stat->cwnd;
}
