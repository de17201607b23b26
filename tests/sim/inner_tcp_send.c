/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_tcp_send: the sender of inner_tcp: what is on its way, acknowledgements, loss by time (RACK), recovery, timers.
 *
 * A segment is on its way, SACKED, or LOST; a LOST one may be on its way AGAIN. Segments that may be declared lost
 * stand in a list by time of transmission. Standards: RFC 8985 (RACK-TLP), 6937 (PRR), 6298, 3522 (undo by timestamps).
 */
#include <math.h>
#include <string.h>

#include "inner_tcp_internal.h"

#define FIRST_WINDOW 10
#define RTO_MIN (200.0 * NS_PER_MS)
#define RTO_MAX (120.0 * NS_PER_SEC)
#define BURST 44u

static struct inner_segment *at(struct inner_sender *s, uint64_t n) {
    return &s->seg[n % INNER_RING];
}

static void unlist(struct inner_sender *s, uint64_t n) {
    struct inner_segment *seg = at(s, n);
    if (!(seg->flags & SEG_LISTED))
        return;
    *(seg->earlier < INNER_RING ? &s->seg[seg->earlier].later : &s->oldest) = seg->later;
    *(seg->later < INNER_RING ? &s->seg[seg->later].earlier : &s->newest) = seg->earlier;
    seg->flags &= (uint8_t)~SEG_LISTED;
}

static void list(struct inner_sender *s, uint64_t n) {
    struct inner_segment *seg = at(s, n);
    seg->earlier = s->newest;
    seg->later = INNER_RING;
    *(s->newest < INNER_RING ? &s->seg[s->newest].later : &s->oldest) = (uint32_t)(n % INNER_RING);
    s->newest = (uint32_t)(n % INNER_RING);
    seg->flags |= SEG_LISTED;
}

void inner_send_init(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    memset(s, 0, sizeof *s);
    s->oldest = s->newest = INNER_RING;
    s->cwnd = FIRST_WINDOW;
    s->ssthresh = INFINITY;
    s->window = 65536.0 / tcp->mss;
    s->reo_steps = 1;
    s->rto_at = s->probe_at = s->rack_timer_at = TIME_NEVER;
    s->delivered_at = s->first_sent = world_now();
    inner_cc_init(tcp);
}

double inner_send_in_flight(const struct inner_sender *s) {
    return (double)(s->next - s->una - s->sacked_out - s->lost_out + s->again_out);
}

static double rto(const struct inner_sender *s) {
    double variation = 4 * s->rttvar > RTO_MIN ? 4 * s->rttvar : RTO_MIN;
    double once = s->srtt > 0 ? s->srtt + variation : 1e9,
           all = once * (double)(1u << (s->backoff < 6 ? s->backoff : 6));
    return all < RTO_MAX ? all : RTO_MAX;
}

static void arm(struct inner_sender *s) {
    uint64_t now = world_now();
    s->rto_at = s->next > s->una ? now + (uint64_t)rto(s) : TIME_NEVER;
    s->probe_at = TIME_NEVER;
    if (s->state == INNER_OPEN && s->next > s->una && s->srtt > 0 && !s->probe_sent) {
        double wait = 2 * s->srtt + (s->next - s->una == 1 ? RTO_MIN : 2e6);
        s->probe_at = now + (uint64_t)wait;
    }
}

/* acknowledgement */

void inner_send_on_rtt(struct inner_sender *s, double rtt) {
    if (s->min_rtt == 0 || rtt < s->min_rtt)
        s->min_rtt = rtt;
    if (s->srtt == 0) {
        s->srtt = rtt;
        s->rttvar = rtt / 2;
        return;
    }
    s->rttvar += (fabs(rtt - s->srtt) - s->rttvar) / 4;
    s->srtt += (rtt - s->srtt) / 8;
}

void inner_send_deliver(struct inner_sender *s, uint64_t n, struct inner_sample *sample) {
    struct inner_segment *seg = at(s, n);
    uint64_t now = world_now();
    bool again = seg->flags & SEG_EVER_AGAIN;
    s->delivered++;
    s->delivered_at = now;
    sample->acked++;
    if (seg->delivered >= sample->prior_delivered) {
        sample->prior_delivered = seg->delivered;
        sample->prior_at = seg->delivered_at;
        sample->sent_interval = seg->sent_at - seg->first_sent;
        s->first_sent = seg->sent_at;
    }
    if (!again && n + 1 < s->highest_sacked)
        s->reord_seen = true;
    if (!again)
        sample->rtt = (double)(now - seg->sent_at);
    if (again && (double)(now - seg->sent_at) < s->min_rtt)
        return; /* the first transmission it was */
    if (seg->sent_at > s->rack_at || (seg->sent_at == s->rack_at && n > s->rack_seq)) {
        s->rack_at = seg->sent_at;
        s->rack_seq = n;
        s->rack_rtt = (double)(now - seg->sent_at);
    }
}

static void settle(struct inner_sender *s, uint64_t n) {
    struct inner_segment *seg = at(s, n);
    unlist(s, n);
    s->lost_out -= seg->flags & SEG_LOST ? 1 : 0;
    s->again_out -= seg->flags & SEG_AGAIN ? 1 : 0;
    seg->flags &= (uint8_t) ~(SEG_LOST | SEG_AGAIN);
}

static void take_blocks(struct inner_sender *s, const struct inner_ack *ack, struct inner_sample *sample) {
    if (ack->dsack) {
        s->dsack_seen = true;
        if (s->undo_again > 0)
            s->undo_again--;
    }
    for (size_t i = ack->dsack ? 1 : 0; i < ack->blocks; i++) {
        uint64_t from = ack->from[i] < s->una ? s->una : ack->from[i], to = ack->to[i] > s->next ? s->next : ack->to[i];
        for (uint64_t n = from; n < to; n++) {
            struct inner_segment *seg = at(s, n);
            if (seg->flags & SEG_SACKED)
                continue;
            inner_send_deliver(s, n, sample);
            settle(s, n);
            seg->flags |= SEG_SACKED;
            s->sacked_out++;
        }
        if (to > s->highest_sacked)
            s->highest_sacked = to;
    }
}

/* What blocks tell of the round trip comes first; if some of what is acknowledged in order was sent again, the echoed
 * timestamp does. */
static void take_cumulative(struct inner_sender *s, const struct inner_ack *ack, struct inner_sample *sample) {
    double by_blocks = sample->rtt;
    bool again = false;
    while (s->una < ack->ack && s->una < s->next) {
        struct inner_segment *seg = at(s, s->una);
        again |= seg->flags & SEG_EVER_AGAIN;
        if (seg->flags & SEG_SACKED)
            s->sacked_out--;
        else
            inner_send_deliver(s, s->una, sample);
        settle(s, s->una);
        seg->flags = 0;
        s->una++;
        sample->una_advanced = true;
    }
    if (by_blocks > 0)
        sample->rtt = by_blocks;
    else if (again)
        sample->rtt = (double)(world_now() - (ack->echo_ns < world_now() ? ack->echo_ns : world_now()));
    if (s->again_hint < s->una)
        s->again_hint = s->una;
}

/* loss by time */

static double reorder_window(const struct inner_sender *s) {
    double window = s->min_rtt / 4 * s->reo_steps;
    if (!s->reord_seen && (s->state != INNER_OPEN || s->sacked_out >= 3))
        return 0;
    return window < s->srtt ? window : s->srtt;
}

static void adapt_reorder_window(struct inner_sender *s) {
    if (s->dsack_seen && s->una >= s->dsack_round) {
        s->reo_steps = s->reo_steps < 255 ? s->reo_steps + 1 : 255;
        s->reo_persist = 16;
        s->dsack_round = s->next;
    }
    if (s->una >= s->dsack_round)
        s->dsack_seen = false;
}

static void lose(struct inner_sender *s, uint64_t n) {
    struct inner_segment *seg = at(s, n);
    unlist(s, n);
    if (seg->flags & SEG_AGAIN)
        s->again_out--;
    else if (!(seg->flags & SEG_LOST))
        s->lost_out++;
    seg->flags = (uint8_t)((seg->flags | SEG_LOST) & ~SEG_AGAIN);
    if (n < s->again_hint)
        s->again_hint = n;
}

/* The number of a slot of the ring. */
static uint64_t number_of(const struct inner_sender *s, uint32_t slot) {
    return s->una + (slot + INNER_RING - s->una % INNER_RING) % INNER_RING;
}

static uint64_t detect_lost(struct inner_sender *s) {
    double now = (double)world_now(), wait = s->rack_rtt + reorder_window(s);
    uint64_t lost = 0;
    s->rack_timer_at = TIME_NEVER;
    for (uint32_t slot = s->oldest, later; slot < INNER_RING; slot = later) {
        struct inner_segment *seg = &s->seg[slot];
        uint64_t n = number_of(s, slot);
        later = seg->later;
        if (seg->sent_at > s->rack_at || (seg->sent_at == s->rack_at && n >= s->rack_seq))
            break;
        if ((double)seg->sent_at + wait <= now) {
            lose(s, n);
            lost++;
        } else {
            s->rack_timer_at = seg->sent_at + (uint64_t)wait + 1;
            break;
        }
    }
    return lost;
}

/* recovery */

static void enter_recovery(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    tcp->count.recoveries++;
    s->prior_cwnd = s->cwnd;
    s->prior_ssthresh = s->ssthresh;
    s->ssthresh = inner_cc_ssthresh(tcp);
    s->state = INNER_RECOVERY;
    s->high = s->next;
    s->undo_possible = true;
    s->undo_again = 0;
    s->first_again = 0;
    s->prr_delivered = s->prr_out = 0;
    s->probe_at = TIME_NEVER;
}

static void reduce_in_proportion(struct inner_sender *s, const struct inner_sample *sample) {
    double in_flight = inner_send_in_flight(s), delta = s->ssthresh - in_flight, send;
    s->prr_delivered += sample->acked;
    if (delta < 0) {
        send = ceil((double)s->prr_delivered * s->ssthresh / s->prior_cwnd) - (double)s->prr_out;
    } else {
        send = (double)s->prr_delivered - (double)s->prr_out;
        if (send < (double)sample->acked)
            send = (double)sample->acked;
        if (sample->una_advanced && !sample->lost)
            send++;
        send = send < delta ? send : delta;
    }
    if (send < (s->prr_out ? 0 : 1))
        send = s->prr_out ? 0 : 1;
    s->cwnd = in_flight + send;
}

/* Whether nothing that was sent again needed to be. */
static bool was_needless(const struct inner_sender *s, const struct inner_ack *ack) {
    return s->undo_possible && (!s->first_again || ack->echo_ns < s->first_again || s->undo_again == 0);
}

static void undo(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    inner_cc_on_undo(tcp);
    tcp->count.undone++;
    s->undo_possible = false;
    s->backoff = 0;
}

static void leave_recovery(struct inner_tcp *tcp, const struct inner_ack *ack) {
    struct inner_sender *s = &tcp->s;
    if (was_needless(s, ack))
        undo(tcp);
    else if (s->state == INNER_RECOVERY && tcp->settings.cc == INNER_CUBIC)
        s->cwnd = s->ssthresh;
    else if (tcp->settings.cc == INNER_BBR && s->cwnd < s->bbr.prior_cwnd)
        s->cwnd = s->bbr.prior_cwnd;
    s->state = INNER_OPEN;
    s->undo_possible = false;
    if (s->reo_persist && !--s->reo_persist)
        s->reo_steps = 1;
}

static void try_undo(struct inner_tcp *tcp, const struct inner_ack *ack, bool una_advanced) {
    struct inner_sender *s = &tcp->s;
    if (s->una >= s->high) {
        leave_recovery(tcp, ack);
        return;
    }
    if (!una_advanced || !s->undo_possible || !s->first_again || ack->echo_ns >= s->first_again)
        return;
    if (s->state == INNER_RECOVERY && s->again_out)
        return;
    for (uint64_t n = s->una; n < s->next; n++) {
        struct inner_segment *seg = at(s, n);
        if (!(seg->flags & SEG_LOST))
            continue;
        s->again_out -= seg->flags & SEG_AGAIN ? 1 : 0;
        s->lost_out--;
        seg->flags &= (uint8_t) ~(SEG_LOST | SEG_AGAIN);
        if (!(seg->flags & SEG_LISTED))
            list(s, n);
    }
    undo(tcp);
    s->state = INNER_OPEN;
}

/* Linux paces CUBIC at 1.2 windows a round trip, two in slow start; a link before the tunnel does what it can. */
static void set_pace(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    double limit = tcp->settings.limit_bps / 8e9 / tcp->mss;
    if (tcp->settings.paced && s->srtt > 0)
        s->pace = s->cwnd / s->srtt * (s->cwnd < s->ssthresh / 2 ? 2 : 1.2);
    if (limit > 0 && (s->pace <= 0 || s->pace > limit))
        s->pace = limit;
}

void inner_send_on_ack(struct inner_tcp *tcp, const struct inner_ack *ack) {
    struct inner_sender *s = &tcp->s;
    struct inner_sample sample = {0};
    if (ack->ack < s->una && !ack->blocks)
        return;
    s->window = ack->window;
    take_blocks(s, ack, &sample);
    take_cumulative(s, ack, &sample);
    if (sample.rtt > 0) {
        inner_send_on_rtt(s, sample.rtt);
        inner_cc_on_rtt(tcp, sample.rtt);
    }
    adapt_reorder_window(s);
    if (s->state != INNER_OPEN)
        try_undo(tcp, ack, sample.una_advanced);
    sample.lost = detect_lost(s);
    if (s->state == INNER_OPEN && s->lost_out)
        enter_recovery(tcp);
    if (tcp->settings.cc == INNER_BBR)
        inner_cc_on_ack(tcp, &sample);
    else if (s->state == INNER_RECOVERY)
        reduce_in_proportion(s, &sample);
    else if (sample.acked && (sample.una_advanced || s->reord_seen))
        inner_cc_on_ack(tcp, &sample);
    if (sample.una_advanced) {
        s->backoff = 0;
        s->probe_sent = false;
    }
    if (sample.acked)
        arm(s);
    set_pace(tcp);
}

/* time */

static void time_out(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    tcp->count.timeouts++;
    if (s->state != INNER_LOSS) {
        enter_recovery(tcp);
        s->state = INNER_LOSS;
    }
    s->cwnd = inner_send_in_flight(s) > 0 ? 1 : s->cwnd;
    for (uint64_t n = s->una; n < s->next; n++)
        if (!(at(s, n)->flags & SEG_SACKED))
            lose(s, n);
    s->cwnd = 1;
    inner_cc_on_timeout(tcp);
    s->backoff++;
    s->rto_at = world_now() + (uint64_t)rto(s);
}

static void probe_tail(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    s->probe_at = TIME_NEVER;
    s->probe_sent = true;
    for (uint64_t n = s->next; n-- > s->una;) {
        struct inner_segment *seg = at(s, n);
        if (seg->flags & (SEG_SACKED | SEG_LOST))
            continue;
        unlist(s, n);
        seg->sent_at = world_now();
        seg->flags |= SEG_EVER_AGAIN;
        list(s, n);
        inner_tcp_transmit(tcp, n, 1);
        tcp->count.retransmits++;
        return;
    }
}

void inner_send_on_timer(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    uint64_t now = world_now();
    if (now >= s->rack_timer_at && detect_lost(s) && s->state == INNER_OPEN) {
        enter_recovery(tcp);
        if (tcp->settings.cc == INNER_CUBIC)
            s->cwnd = inner_send_in_flight(s) + 1;
    }
    if (now >= s->rto_at)
        time_out(tcp);
    else if (now >= s->probe_at)
        probe_tail(tcp);
}

uint64_t inner_send_deadline(const struct inner_tcp *tcp) {
    const struct inner_sender *s = &tcp->s;
    uint64_t nearest = s->rto_at < s->probe_at ? s->rto_at : s->probe_at;
    nearest = s->rack_timer_at < nearest ? s->rack_timer_at : nearest;
    if (s->pace > 0 && s->pace_next > world_now() && s->pace_next < nearest)
        nearest = s->pace_next;
    return nearest;
}

/* sending */

void inner_send_stamp(struct inner_sender *s, uint64_t n) {
    struct inner_segment *seg = at(s, n);
    if (inner_send_in_flight(s) < 1)
        s->first_sent = s->delivered_at = world_now();
    seg->sent_at = world_now();
    seg->first_sent = s->first_sent;
    seg->delivered_at = s->delivered_at;
    seg->delivered = s->delivered;
}

static void stamp(struct inner_sender *s, uint64_t n) {
    inner_send_stamp(s, n);
    list(s, n);
}

/* The next lost segment that is not on its way again. */
static bool next_again(struct inner_sender *s, uint64_t *out) {
    for (; s->again_hint < s->next; s->again_hint++) {
        unsigned flags = at(s, s->again_hint)->flags;
        if ((flags & SEG_LOST) && !(flags & SEG_AGAIN)) {
            *out = s->again_hint;
            return true;
        }
    }
    return false;
}

static void send_again(struct inner_tcp *tcp, uint64_t n) {
    struct inner_sender *s = &tcp->s;
    stamp(s, n);
    at(s, n)->flags |= SEG_AGAIN | SEG_EVER_AGAIN;
    s->again_out++;
    s->undo_again++;
    if (!s->first_again)
        s->first_again = world_now();
    tcp->count.retransmits++;
    inner_tcp_transmit(tcp, n, 1);
}

/* Hosts make superpackets of what they send in about a millisecond. */
static double superpacket_most(const struct inner_sender *s) {
    double pace = s->srtt > 0 ? s->cwnd / s->srtt * (s->cwnd < s->ssthresh ? 2 : 1.2) : 0, most = floor(pace * 1024e3);
    return most < 2 ? 2 : most > BURST ? BURST : most;
}

static unsigned send_new(struct inner_tcp *tcp, double room) {
    struct inner_sender *s = &tcp->s;
    const uint32_t most_kept = tcp->settings.buffer_bytes / tcp->mss;
    double limit = s->window < most_kept ? s->window : most_kept;
    unsigned count = 0, longest = (unsigned)superpacket_most(s), most = room < longest ? (unsigned)room : longest;
    uint64_t first = s->next;
    if (limit > INNER_RING - BURST)
        limit = INNER_RING - BURST;
    while (count < most && (double)(s->next - s->una) < limit) {
        at(s, s->next)->flags = 0;
        stamp(s, s->next);
        s->next++;
        count++;
    }
    if (count)
        inner_tcp_transmit(tcp, first, count);
    return count;
}

void inner_send_pump(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    double room, quantum = s->pace * 1e6 > 2 ? s->pace * 1e6 : 2;
    unsigned sent;
    uint64_t n;
    while ((room = floor(s->cwnd - inner_send_in_flight(s) + 1e-9)) >= 1) {
        if (s->pace > 0 && world_now() < s->pace_next)
            return;
        if (next_again(s, &n)) {
            send_again(tcp, n);
            sent = 1;
        } else {
            sent = send_new(tcp, s->pace > 0 && quantum < room ? quantum : room);
        }
        if (!sent)
            return;
        if (s->state == INNER_RECOVERY)
            s->prr_out += sent;
        if (s->pace > 0)
            s->pace_next = (s->pace_next > world_now() ? s->pace_next : world_now()) + (uint64_t)(sent / s->pace);
        if (s->rto_at == TIME_NEVER)
            arm(s);
    }
}
