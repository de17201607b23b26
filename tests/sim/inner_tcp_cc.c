/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_tcp_cc: CUBIC with HyStart (RFC 9438, as Linux has them; QUIC's begins with HyStart++ of RFC 9406) and BBR
 * version 1 (draft-cardwell-iccrg-bbr-00). */
#include <math.h>
#include <string.h>

#include "inner_tcp_internal.h"

#define BETA 0.7
#define CUBE 0.4
#define HYSTART_LOW 16
#define CSS_ROUNDS 5u
#define CSS_DIVISOR 4

void inner_cc_init(struct inner_tcp *tcp) {
    tcp->s.cubic = (struct inner_cubic){0};
    tcp->s.bbr = (struct inner_bbr){.pacing_gain = 2.885, .cwnd_gain = 2.885};
    if (tcp->settings.cc == INNER_BBR)
        tcp->s.pace = 2.885 * tcp->s.cwnd / (double)NS_PER_MS;
}

/* CUBIC */

static void hystart_ends(struct inner_sender *s) {
    s->ssthresh = s->cwnd;
    s->cubic.found = true;
}

static void hystart(struct inner_sender *s, double rtt) {
    struct inner_cubic *c = &s->cubic;
    uint64_t now = world_now();
    double slack = c->delay_min / 8;
    if (s->una > c->round_end) {
        c->round_start = c->last_ack = now;
        c->round_end = s->next;
        c->round_rtt = INFINITY;
        c->samples = 0;
    }
    if (s->cwnd < HYSTART_LOW)
        return;
    if (now - c->last_ack <= 2 * NS_PER_MS) {
        c->last_ack = now;
        if ((double)(now - c->round_start) > c->delay_min / 2)
            hystart_ends(s);
    }
    slack = slack < 4e6 ? 4e6 : slack > 16e6 ? 16e6 : slack;
    if (rtt < c->round_rtt)
        c->round_rtt = rtt;
    if (c->samples < 8)
        c->samples++;
    else if (c->round_rtt > c->delay_min + slack)
        hystart_ends(s);
}

/* Round trips that grow make slow start careful for some rounds, and it goes on if they were but jitter. */
static void hystart_plus(struct inner_sender *s, double rtt) {
    struct inner_cubic *c = &s->cubic;
    double slack = c->last_round_rtt / 8;
    if (s->una > c->round_end) {
        if (c->css_baseline > 0 && ++c->css_rounds >= CSS_ROUNDS)
            s->ssthresh = s->cwnd;
        c->last_round_rtt = c->round_rtt;
        c->round_end = s->next;
        c->round_rtt = INFINITY;
        c->samples = 0;
    }
    c->round_rtt = rtt < c->round_rtt ? rtt : c->round_rtt;
    if (++c->samples < 8)
        return;
    slack = slack < 4e6 ? 4e6 : slack > 16e6 ? 16e6 : slack;
    if (c->css_baseline > 0 && c->round_rtt < c->css_baseline) {
        c->css_baseline = 0;
    } else if (c->css_baseline <= 0 && c->last_round_rtt > 0 && c->round_rtt >= c->last_round_rtt + slack) {
        c->css_baseline = c->round_rtt;
        c->css_rounds = 0;
    }
}

static void cubic_grow(struct inner_sender *s, double acked) {
    struct inner_cubic *c = &s->cubic;
    double t, target, count, friendly = s->cwnd * (1 + BETA) / (3 * (1 - BETA));
    if (!c->epoch) {
        c->epoch = world_now();
        c->k = c->last_max > s->cwnd ? cbrt((c->last_max - s->cwnd) / CUBE) : 0;
        c->origin = c->last_max > s->cwnd ? c->last_max : s->cwnd;
        c->w_est = s->cwnd;
    }
    t = ((double)(world_now() - c->epoch) + c->delay_min) / 1e9 - c->k;
    target = c->origin + CUBE * t * t * t;
    count = target > s->cwnd ? s->cwnd / (target - s->cwnd) : 100 * s->cwnd;
    if (c->last_max == 0 && count > 20)
        count = 20;
    c->w_est += acked / friendly;
    if (c->w_est > s->cwnd && s->cwnd / (c->w_est - s->cwnd) < count)
        count = s->cwnd / (c->w_est - s->cwnd);
    s->cwnd += acked / (count < 2 ? 2 : count);
}

/* A round trip was measured, whatever the state: also by SACK blocks, also in recovery, where the window may be below
 * ssthresh and HyStart then sets that to it. */
static void cubic_on_rtt(struct inner_sender *s, double rtt, bool quic) {
    struct inner_cubic *c = &s->cubic;
    if (!quic && c->epoch && world_now() - c->epoch < NS_PER_SEC)
        return;
    if (c->delay_min == 0 || rtt < c->delay_min)
        c->delay_min = rtt;
    if (s->cwnd < s->ssthresh && quic)
        hystart_plus(s, rtt);
    else if (s->cwnd < s->ssthresh && !c->found)
        hystart(s, rtt);
}

static void cubic_on_ack(struct inner_sender *s, const struct inner_sample *sample) {
    struct inner_cubic *c = &s->cubic;
    double acked = (double)sample->acked;
    if (inner_send_in_flight(s) + acked < s->cwnd / (s->cwnd < s->ssthresh ? 2 : 1) - 2)
        return; /* not limited by the window */
    if (s->cwnd < s->ssthresh) {
        double step = s->cwnd + acked > s->ssthresh ? s->ssthresh - s->cwnd : acked;
        if (c->css_baseline > 0)
            acked = step /= CSS_DIVISOR;
        s->cwnd += step;
        acked -= step;
    }
    if (acked > 0)
        cubic_grow(s, acked);
}

/* BBR */

static double bbr_bw(const struct inner_bbr *b) {
    double best = 0;
    for (size_t i = 0; i < 10; i++)
        best = b->bw[i] > best ? b->bw[i] : best;
    return best;
}

static void bbr_measure(struct inner_sender *s, const struct inner_sample *sample) {
    struct inner_bbr *b = &s->bbr;
    uint64_t now = world_now(), interval = now - sample->prior_at;
    double rate;
    b->round_start = false;
    if (!sample->acked)
        return;
    if (sample->prior_delivered >= b->round_delivered) {
        b->round_delivered = s->delivered;
        b->round++;
        b->round_start = true;
        b->bw[b->round % 10] = 0;
    }
    if (sample->sent_interval > interval)
        interval = sample->sent_interval;
    if (interval == 0 || (double)interval < s->min_rtt)
        return;
    rate = (double)(s->delivered - sample->prior_delivered) / (double)interval;
    if (rate > b->bw[b->round % 10])
        b->bw[b->round % 10] = rate;
}

/* What comes at once beyond what the rate explains tells how much more must be on the way. */
static void bbr_aggregation(struct inner_sender *s, const struct inner_sample *sample) {
    struct inner_bbr *b = &s->bbr;
    double expected = bbr_bw(b) * (double)(world_now() - b->epoch_at), extra;
    if (!sample->acked)
        return;
    if (b->round_start && ++b->extra_rounds >= 5) {
        b->extra_rounds = 0;
        b->extra[1] = b->extra[0];
        b->extra[0] = 0;
    }
    if (b->epoch_acked <= expected) {
        b->epoch_acked = expected = 0;
        b->epoch_at = world_now();
    }
    b->epoch_acked += (double)sample->acked;
    extra = fmin(b->epoch_acked - expected, s->cwnd);
    b->extra[0] = fmax(b->extra[0], extra);
}

static void bbr_full_pipe(struct inner_bbr *b) {
    if (b->full_rounds >= 3 || !b->round_start)
        return;
    if (bbr_bw(b) >= b->full_bw * 1.25) {
        b->full_bw = bbr_bw(b);
        b->full_rounds = 0;
    } else {
        b->full_rounds++;
    }
}

static void bbr_enter_probe_bw(struct inner_bbr *b) {
    b->mode = BBR_PROBE_BW;
    b->pacing_gain = 1;
    b->cwnd_gain = 2;
    b->cycle = 2 + (unsigned)(world_random() % 6);
    b->cycle_at = world_now();
}

static void bbr_cycle(struct inner_sender *s, const struct inner_sample *sample, double bdp) {
    static const double gains[8] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
    struct inner_bbr *b = &s->bbr;
    bool full = (double)(world_now() - b->cycle_at) > b->min_rtt, next = full;
    double in_flight = inner_send_in_flight(s) + (double)sample->acked;
    if (b->pacing_gain > 1)
        next = full && (sample->lost || in_flight >= 1.25 * bdp);
    else if (b->pacing_gain < 1)
        next = full || in_flight <= bdp;
    if (!next)
        return;
    b->cycle = (b->cycle + 1) % 8;
    b->cycle_at = world_now();
    b->pacing_gain = gains[b->cycle];
}

static void bbr_min_rtt(struct inner_sender *s, const struct inner_sample *sample) {
    struct inner_bbr *b = &s->bbr;
    uint64_t now = world_now();
    bool expired = b->min_rtt > 0 && now > b->min_rtt_at + 10 * NS_PER_SEC;
    if (sample->rtt > 0 && (b->min_rtt == 0 || sample->rtt <= b->min_rtt || expired)) {
        b->min_rtt = sample->rtt;
        b->min_rtt_at = now;
    }
    if (expired && b->mode != BBR_PROBE_RTT) {
        b->mode = BBR_PROBE_RTT;
        b->pacing_gain = b->cwnd_gain = 1;
        b->prior_cwnd = s->cwnd;
        b->probe_done = 0;
    }
    if (b->mode != BBR_PROBE_RTT)
        return;
    if (!b->probe_done && inner_send_in_flight(s) <= 4)
        b->probe_done = now + NS_PER_SEC / 5;
    if (b->probe_done && now > b->probe_done) {
        b->min_rtt_at = now;
        s->cwnd = s->cwnd > b->prior_cwnd ? s->cwnd : b->prior_cwnd;
        if (b->full_rounds >= 3)
            bbr_enter_probe_bw(b);
        else
            b->mode = BBR_STARTUP, b->pacing_gain = b->cwnd_gain = 2.885;
    }
}

static void bbr_set_cwnd(struct inner_sender *s, const struct inner_sample *sample, double bdp) {
    struct inner_bbr *b = &s->bbr;
    double target = bdp * b->cwnd_gain + 3 * (s->pace * 1e6 > 2 ? s->pace * 1e6 : 2), acked = (double)sample->acked;
    if (b->full_rounds >= 3)
        target += fmin(fmax(b->extra[0], b->extra[1]), bbr_bw(b) * 100 * NS_PER_MS);
    if (b->conserve && b->round_start && b->round > b->conserve_until) {
        b->conserve = false;
        if (s->cwnd < b->prior_cwnd)
            s->cwnd = b->prior_cwnd;
    }
    if (sample->lost)
        s->cwnd = s->cwnd - (double)sample->lost > 4 ? s->cwnd - (double)sample->lost : 4;
    if (b->conserve) {
        double conserved = inner_send_in_flight(s) + acked;
        s->cwnd = s->cwnd > conserved ? s->cwnd : conserved;
    } else if (b->full_rounds >= 3) {
        s->cwnd = s->cwnd + acked < target ? s->cwnd + acked : target;
    } else if (s->cwnd < target || s->delivered < 10) {
        s->cwnd += acked;
    }
    if (s->cwnd < 4)
        s->cwnd = 4;
    if (b->mode == BBR_PROBE_RTT && s->cwnd > 4)
        s->cwnd = 4;
}

static void bbr_on_ack(struct inner_sender *s, const struct inner_sample *sample) {
    struct inner_bbr *b = &s->bbr;
    double bdp, pace;
    bbr_measure(s, sample);
    bbr_aggregation(s, sample);
    bdp = b->min_rtt > 0 ? bbr_bw(b) * b->min_rtt : s->cwnd;
    if (b->mode == BBR_PROBE_BW)
        bbr_cycle(s, sample, bdp);
    bbr_full_pipe(b);
    if (b->mode == BBR_STARTUP && b->full_rounds >= 3) {
        b->mode = BBR_DRAIN;
        b->pacing_gain = 1 / 2.885;
        b->cwnd_gain = 2.885;
    }
    if (b->mode == BBR_DRAIN && inner_send_in_flight(s) <= bdp)
        bbr_enter_probe_bw(b);
    bbr_min_rtt(s, sample);
    pace = 0.99 * b->pacing_gain * bbr_bw(b);
    if (pace > 0 && (b->full_rounds >= 3 || pace > s->pace))
        s->pace = pace;
    bbr_set_cwnd(s, sample, bdp);
}

/* either */

void inner_cc_on_open(struct inner_tcp *tcp, double rtt) {
    tcp->s.bbr.min_rtt = rtt;
    tcp->s.bbr.min_rtt_at = world_now();
    tcp->s.pace = 2.885 * tcp->s.cwnd / rtt;
}

void inner_cc_on_rtt(struct inner_tcp *tcp, double rtt) {
    if (tcp->settings.cc == INNER_CUBIC)
        cubic_on_rtt(&tcp->s, rtt, tcp->quic != NULL);
}

void inner_cc_on_ack(struct inner_tcp *tcp, const struct inner_sample *sample) {
    if (tcp->settings.cc == INNER_BBR)
        bbr_on_ack(&tcp->s, sample);
    else
        cubic_on_ack(&tcp->s, sample);
}

void inner_cc_on_timeout(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    if (tcp->settings.cc == INNER_CUBIC)
        s->cubic = (struct inner_cubic){
            .round_start = world_now(), .last_ack = world_now(), .round_end = s->next, .round_rtt = INFINITY};
}

double inner_cc_ssthresh(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    struct inner_cubic *c = &s->cubic;
    if (tcp->settings.cc == INNER_BBR) {
        s->bbr.prior_cwnd = s->cwnd;
        s->bbr.conserve = true;
        s->bbr.conserve_until = s->bbr.round;
        s->cwnd = inner_send_in_flight(s) + 1;
        return s->ssthresh;
    }
    c->epoch = 0;
    c->undo_last_max = c->last_max;
    c->last_max = s->cwnd < c->last_max ? s->cwnd * (1 + BETA) / 2 : s->cwnd;
    return s->cwnd * BETA > 2 ? s->cwnd * BETA : 2;
}

void inner_cc_on_undo(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    if (tcp->settings.cc == INNER_BBR) {
        s->bbr.full_bw = 0;
        s->bbr.full_rounds = s->bbr.mode == BBR_STARTUP ? 0 : s->bbr.full_rounds;
        return;
    }
    if (s->cwnd < s->prior_cwnd)
        s->cwnd = s->prior_cwnd;
    if (s->ssthresh < s->prior_ssthresh)
        s->ssthresh = s->prior_ssthresh;
}
