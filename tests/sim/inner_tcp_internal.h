/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_tcp_internal: what the files of inner_tcp share: inner_tcp.c (packets, timers, the receiver), inner_tcp_send.c
 * (the sender), inner_tcp_cc.c (congestion control), inner_quic.c (QUIC's packets, receiver and sender). Segments are
 * numbered from 0; QUIC's are packets. */
#ifndef MPVPN_SIM_INNER_TCP_INTERNAL_H
#define MPVPN_SIM_INNER_TCP_INTERNAL_H

#include "inner_tcp.h"

#define INNER_RING 16384u           /* segments: more than any window */
#define INNER_RANGES 1024u          /* ranges out of order that a receiver remembers */
#define INNER_BUFFER_MAX (4u << 20) /* bytes, where the settings do not say */

/* flags of a segment on its way */
enum { SEG_SACKED = 1, SEG_LOST = 2, SEG_AGAIN = 4, SEG_EVER_AGAIN = 8, SEG_LISTED = 16 };

struct inner_segment {
    uint64_t sent_at;                  /* ns, last transmission */
    uint64_t first_sent, delivered_at; /* ns: rate sample (draft-cheng-iccrg-delivery-rate-estimation) */
    uint64_t delivered;
    uint32_t earlier, later; /* by time of transmission; INNER_RING: none */
    uint8_t flags;
};

/* A range of segments that came out of order. */
struct inner_range {
    uint64_t from, to;
    uint64_t stamp; /* larger: touched later */
};

struct inner_receiver {
    uint64_t next;  /* segment expected */
    uint64_t acked; /* what that was when an acknowledgement went last */
    struct inner_range range[INNER_RANGES];
    size_t ranges;
    uint64_t stamps, again_from, again_to; /* DSACK to report; equal: none */
    uint32_t echo;                         /* timestamp to echo, us */
    uint64_t unacked, disordered, dup_acks, waiting_acks;
    uint64_t ack_at; /* ns: delayed acknowledgement; TIME_NEVER: none */
    double window, measured_from_bytes;
    uint64_t measured_from; /* ns */
    uint64_t last_read, longest_gap;
};

struct inner_sample {
    uint64_t acked, lost;     /* segments delivered, marked lost by this acknowledgement */
    uint64_t prior_delivered; /* of the newest segment delivered; its times */
    uint64_t prior_at, sent_interval;
    double rtt;        /* ns, 0: none */
    bool una_advanced; /* something new was acknowledged in order */
};

struct inner_cubic {
    double last_max, origin, k, w_est, delay_min; /* segments, s, ns */
    uint64_t epoch;
    uint64_t round_start, last_ack, round_end;      /* HyStart */
    double round_rtt, last_round_rtt, css_baseline; /* ns; 0: none, not careful */
    unsigned samples, css_rounds;
    bool found; /* HyStart ended a slow start */
    double undo_last_max;
};

enum inner_bbr_mode { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };
struct inner_bbr {
    enum inner_bbr_mode mode;
    double bw[10], full_bw; /* segments per ns, of the last rounds */
    double min_rtt;         /* ns */
    double extra[2];    /* segments acknowledged beyond what the rate explains, at most, of five rounds and before */
    double epoch_acked; /* segments of the time that this is judged by */
    uint64_t epoch_at;  /* ns, when that began */
    unsigned extra_rounds;
    uint64_t min_rtt_at, round, round_delivered, cycle_at, probe_done;
    unsigned full_rounds, cycle;
    double pacing_gain, cwnd_gain, prior_cwnd;
    bool round_start, conserve;
    uint64_t conserve_until;
};

enum inner_state { INNER_OPEN, INNER_RECOVERY, INNER_LOSS };

struct inner_sender {
    struct inner_segment seg[INNER_RING];
    uint64_t una, next, high, again_hint; /* high: recovery ends there */
    uint32_t oldest, newest;              /* list by time */
    uint64_t sacked_out, lost_out, again_out;
    uint64_t highest_sacked; /* + 1 */
    enum inner_state state;
    double cwnd, ssthresh, prior_cwnd, prior_ssthresh, window; /* segments */
    double srtt, rttvar, min_rtt;                              /* ns; 0: none */
    uint64_t rack_at, rack_seq;                                /* newest delivered */
    double rack_rtt;
    unsigned reo_steps, reo_persist;
    uint64_t dsack_round;
    bool reord_seen, dsack_seen, undo_possible;
    int64_t undo_again;
    uint64_t first_again; /* ns: first retransmission of this recovery; 0: none */
    uint64_t prr_delivered, prr_out;
    uint64_t rto_at, probe_at, rack_timer_at; /* ns; TIME_NEVER */
    bool probe_sent;
    unsigned backoff;
    uint64_t delivered, delivered_at, first_sent;
    double pace; /* segments per ns; 0: not paced */
    uint64_t pace_next;
    struct inner_cubic cubic;
    struct inner_bbr bbr;
};

struct inner_quic;

struct inner_tcp {
    struct inner_tcp_settings settings;
    struct inner_quic *quic; /* owned; NULL: TCP */
    uint32_t mss;
    uint16_t ip_id;
    struct inner_sender s;
    struct inner_receiver r;
    struct inner_tcp_statistics count;
    uint64_t wake_at; /* the earliest call scheduled; TIME_NEVER */
    bool ack_now, send_now;
    uint64_t opened_at, open_again_at; /* ns: SYN was sent; TIME_NEVER: nothing is to be opened */
    unsigned opens;                    /* times that SYN was sent */
    bool answer_now;                   /* SYN came */
};

/* An acknowledgement as it came. */
struct inner_ack {
    uint64_t ack;            /* segment expected */
    uint64_t from[4], to[4]; /* SACK blocks */
    size_t blocks;
    bool dsack;       /* the first block is one */
    uint64_t echo_ns; /* when the segment was sent that is echoed */
    double window;    /* segments */
};

/* inner_tcp.c */
void inner_tcp_transmit(struct inner_tcp *tcp, uint64_t segment, unsigned count);
void inner_tcp_want_wake(struct inner_tcp *tcp, uint64_t at);
/* A range came out of order: keep it; whether a segment was kept; the segments before that are complete. */
void inner_receiver_keep(struct inner_receiver *r, uint64_t from, uint64_t to);
bool inner_receiver_has(const struct inner_receiver *r, uint64_t segment);
void inner_receiver_advance(struct inner_tcp *tcp, uint64_t to);
/* inner_quic.c */
void inner_quic_init(struct inner_tcp *tcp);
bool inner_quic_take(struct inner_tcp *tcp, const struct host *host, const uint8_t *packet, size_t length);
void inner_quic_turn(struct inner_tcp *tcp);
uint64_t inner_quic_deadline(const struct inner_tcp *tcp);
/* inner_tcp_send.c */
void inner_send_init(struct inner_tcp *tcp);
void inner_send_on_ack(struct inner_tcp *tcp, const struct inner_ack *ack);
void inner_send_on_timer(struct inner_tcp *tcp);
void inner_send_pump(struct inner_tcp *tcp);
uint64_t inner_send_deadline(const struct inner_tcp *tcp);
double inner_send_in_flight(const struct inner_sender *s);
void inner_send_on_rtt(struct inner_sender *s, double rtt);
/* A segment goes; one was delivered for the first time we hear of it. */
void inner_send_stamp(struct inner_sender *s, uint64_t n);
void inner_send_deliver(struct inner_sender *s, uint64_t n, struct inner_sample *sample);
/* inner_tcp_cc.c */
void inner_cc_init(struct inner_tcp *tcp);
/* SYN was answered after so long. */
void inner_cc_on_open(struct inner_tcp *tcp, double rtt);
/* A round trip was measured, in whatever state; the retransmission timer ran out. */
void inner_cc_on_rtt(struct inner_tcp *tcp, double rtt);
void inner_cc_on_timeout(struct inner_tcp *tcp);
/* An acknowledgement in a state where the window may grow (CUBIC), or any (BBR). */
void inner_cc_on_ack(struct inner_tcp *tcp, const struct inner_sample *sample);
/* Loss was found: the new ssthresh. */
double inner_cc_ssthresh(struct inner_tcp *tcp);
void inner_cc_on_undo(struct inner_tcp *tcp);

#endif
