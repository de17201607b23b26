/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_quic: a modelled QUIC flow: packets, its receiver, and loss recovery as RFC 9002 has it.
 *
 * How it works: packets are numbered once and never sent again; what a lost one carried, a chunk of the stream, goes in
 * a new one. A packet is lost when one sent three later was acknowledged, or after 9/8 of a round trip: neither adapts
 * to reordering, and a reduced window is not given back. Congestion control is that of inner_tcp (CUBIC); sending is
 * paced at 1.25 windows a round trip. Packets are of the sender's full size, with room for what a real one has of
 * headers and tag. Left out: handshake, flow control below the ring, persistent congestion, ECN, BBR. Standards:
 * RFC 9000 section 13.2, RFC 9002. */
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "inner_tcp_internal.h"
#include "packet/checksum.h"

#define SERVER_PORT 443u
#define ACK_DELAY (25 * NS_PER_MS)
#define ACK_RANGES 32u
#define PACKET_THRESHOLD 3u
#define TIME_THRESHOLD (9.0 / 8)
#define GRANULARITY (1.0 * NS_PER_MS)
#define PACE 1.25
#define LATE 1024u /* packets before the first unresolved one that may still turn out to have come */
enum { IP_BYTES = 20, UDP_BYTES = 8, DATA_BYTES = 16, RANGE_BYTES = 16, ACK_BYTES = 8 };

struct inner_quic {
    struct inner_receiver seen; /* the receiver's: packet numbers, as acknowledged */
    uint64_t largest;           /* the receiver's: packet number + 1 */
    uint64_t largest_at;        /* ns: when it came */
    uint64_t chunk[INNER_RING]; /* by packet */
    bool acked[INNER_RING];     /* by chunk */
    uint64_t chunk_una, chunk_next;
    uint64_t again[INNER_RING]; /* chunks to be sent again */
    uint64_t again_first, again_next;
    uint64_t largest_acked; /* packet number + 1 */
    double latest_rtt;      /* ns */
    uint64_t loss_at;       /* ns; TIME_NEVER */
};

static struct inner_segment *at(struct inner_sender *s, uint64_t n) {
    return &s->seg[n % INNER_RING];
}

static void put64(uint8_t *p, uint64_t v) {
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

/* A datagram with its payload in place goes into the tunnel. */
static void inject(struct inner_tcp *tcp, uint8_t *p, bool data, size_t payload) {
    const struct inner_tcp_settings *s = &tcp->settings;
    struct offload offload = {.needs_checksum = true, .checksum_start = IP_BYTES, .checksum_offset = 6};
    size_t length = IP_BYTES + UDP_BYTES + payload;
    uint8_t *l4 = p + IP_BYTES;
    memset(p, 0, IP_BYTES + UDP_BYTES);
    p[0] = 0x45;
    p[2] = (uint8_t)(length >> 8);
    p[3] = (uint8_t)length;
    p[6] = 0x40;
    p[8] = 64;
    p[9] = IPPROTO_UDP;
    memcpy(p + 12, data ? s->source.bytes : s->target.bytes, 4);
    memcpy(p + 16, data ? s->target.bytes : s->source.bytes, 4);
    checksum_store(p + 10, checksum_finish(checksum_sum(p, IP_BYTES)));
    l4[data ? 0 : 2] = (uint8_t)(s->port >> 8);
    l4[data ? 1 : 3] = (uint8_t)s->port;
    l4[data ? 2 : 0] = SERVER_PORT >> 8;
    l4[data ? 3 : 1] = SERVER_PORT & 0xff;
    l4[4] = (uint8_t)((UDP_BYTES + payload) >> 8);
    l4[5] = (uint8_t)(UDP_BYTES + payload);
    checksum_store(l4 + 6,
                   (uint16_t)~checksum_finish(checksum_pseudo(p, IPPROTO_UDP, (uint32_t)(UDP_BYTES + payload))));
    host_inject(data ? s->from : s->to, p, length, &offload);
}

/* the receiver */

static void on_packet(struct inner_tcp *tcp, uint64_t n, uint64_t chunk) {
    struct inner_quic *q = tcp->quic;
    bool in_order = n == q->largest;
    if (inner_receiver_has(&q->seen, n))
        return;
    if (q->seen.ranges == ACK_RANGES) { /* the oldest is forgotten */
        q->seen.ranges--;
        memmove(q->seen.range, q->seen.range + 1, q->seen.ranges * sizeof *q->seen.range);
    }
    inner_receiver_keep(&q->seen, n, n + 1);
    tcp->count.disordered += n < q->largest;
    if (n >= q->largest) {
        q->largest = n + 1;
        q->largest_at = world_now();
    }
    if (chunk > tcp->r.next)
        inner_receiver_keep(&tcp->r, chunk, chunk + 1);
    else if (chunk == tcp->r.next)
        inner_receiver_advance(tcp, chunk + 1);
    if (!in_order || ++tcp->r.unacked >= 2)
        tcp->ack_now = true;
    else
        tcp->r.ack_at = world_now() + ACK_DELAY;
    inner_tcp_want_wake(tcp, tcp->ack_now ? world_now() : tcp->r.ack_at);
}

static void send_ack(struct inner_tcp *tcp) {
    uint8_t packet[IP_BYTES + UDP_BYTES + ACK_BYTES + ACK_RANGES * RANGE_BYTES];
    uint8_t *p = packet + IP_BYTES + UDP_BYTES;
    struct inner_quic *q = tcp->quic;
    put64(p, (world_now() - q->largest_at) << 8 | q->seen.ranges);
    p += ACK_BYTES;
    for (size_t i = q->seen.ranges; i-- > 0; p += RANGE_BYTES) {
        put64(p, q->seen.range[i].from);
        put64(p + 8, q->seen.range[i].to);
    }
    inject(tcp, packet, false, (size_t)(p - packet) - IP_BYTES - UDP_BYTES);
    tcp->r.unacked = 0;
    tcp->r.ack_at = TIME_NEVER;
    tcp->ack_now = false;
}

/* the sender: acknowledgements and losses */

static void take_range(struct inner_tcp *tcp, uint64_t from, uint64_t to, struct inner_sample *sample) {
    struct inner_sender *s = &tcp->s;
    struct inner_quic *q = tcp->quic;
    uint64_t first = s->una > LATE ? s->una - LATE : 0;
    for (uint64_t n = from > first ? from : first; n < to && n < s->next; n++) {
        struct inner_segment *seg = at(s, n);
        bool lost = seg->flags & SEG_LOST, growing = n >= s->high;
        if (seg->flags & SEG_SACKED)
            continue;
        tcp->count.spurious += lost;
        inner_send_deliver(s, n, sample);
        sample->acked -= lost || !growing;
        s->lost_out -= lost && n >= s->una;
        s->sacked_out += n >= s->una;
        seg->flags = SEG_SACKED;
        q->acked[q->chunk[n % INNER_RING] % INNER_RING] = true;
        if (growing)
            s->state = INNER_OPEN;
    }
}

/* What stands before the first packet that is neither acknowledged nor lost is done with. */
static void advance(struct inner_sender *s, struct inner_sample *sample) {
    while (s->una < s->next && at(s, s->una)->flags & (SEG_SACKED | SEG_LOST)) {
        *(at(s, s->una)->flags & SEG_LOST ? &s->lost_out : &s->sacked_out) -= 1;
        s->una++;
        sample->una_advanced = true;
    }
}

static void on_loss(struct inner_tcp *tcp, uint64_t latest) {
    struct inner_sender *s = &tcp->s;
    if (latest < s->high)
        return; /* sent before the window was reduced */
    tcp->count.recoveries++;
    s->ssthresh = s->cwnd = inner_cc_ssthresh(tcp);
    s->state = INNER_RECOVERY;
    s->high = s->next;
}

static void detect_lost(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    struct inner_quic *q = tcp->quic;
    double wait = TIME_THRESHOLD * fmax(s->srtt, q->latest_rtt), now = (double)world_now();
    uint64_t latest = 0;
    bool any = false;
    q->loss_at = TIME_NEVER;
    wait = fmax(wait, GRANULARITY);
    for (uint64_t n = s->una; n + 1 < q->largest_acked; n++) {
        struct inner_segment *seg = at(s, n);
        if (seg->flags & (SEG_SACKED | SEG_LOST))
            continue;
        if (n + PACKET_THRESHOLD < q->largest_acked || (double)seg->sent_at + wait <= now) {
            seg->flags |= SEG_LOST;
            s->lost_out++;
            q->again[q->again_next++ % INNER_RING] = q->chunk[n % INNER_RING];
            latest = n;
            any = true;
        } else if (seg->sent_at + (uint64_t)wait < q->loss_at) {
            q->loss_at = seg->sent_at + (uint64_t)wait + 1;
        }
    }
    if (any)
        on_loss(tcp, latest);
}

static void arm(struct inner_sender *s) {
    double wait = s->srtt > 0 ? s->srtt + fmax(4 * s->rttvar, GRANULARITY) + ACK_DELAY : 1e9;
    s->rto_at = s->next > s->una ? world_now() + (uint64_t)(wait * (double)(1u << (s->backoff < 6 ? s->backoff : 6)))
                                 : TIME_NEVER;
}

static void on_ack(struct inner_tcp *tcp, const uint8_t *p) {
    struct inner_sender *s = &tcp->s;
    struct inner_quic *q = tcp->quic;
    struct inner_sample sample = {0};
    uint64_t head = get64(p), largest = get64(p + ACK_BYTES + 8);
    bool is_new = !(at(s, largest - 1)->flags & SEG_SACKED);
    for (size_t i = 0; i < (head & 0xff); i++) {
        const uint8_t *range = p + ACK_BYTES + i * RANGE_BYTES;
        take_range(tcp, get64(range), get64(range + 8), &sample);
    }
    q->largest_acked = largest > q->largest_acked ? largest : q->largest_acked;
    sample.rtt = 0;
    if (is_new && largest == q->largest_acked) {
        double delay = (double)(head >> 8);
        sample.rtt = q->latest_rtt = (double)(world_now() - at(s, largest - 1)->sent_at);
        inner_send_on_rtt(s, s->min_rtt > 0 && sample.rtt > s->min_rtt + delay ? sample.rtt - delay : sample.rtt);
    }
    detect_lost(tcp);
    advance(s, &sample);
    if (sample.acked && s->state == INNER_OPEN) {
        if (sample.rtt > 0)
            inner_cc_on_rtt(tcp, sample.rtt);
        inner_cc_on_ack(tcp, &sample);
    }
    s->backoff = is_new ? 0 : s->backoff;
    s->pace = s->srtt > 0 ? PACE * s->cwnd / s->srtt : 0;
    arm(s);
    inner_tcp_want_wake(tcp, world_now());
}

/* sending */

static void send_packet(struct inner_tcp *tcp, uint64_t chunk) {
    static uint8_t packet[2048];
    struct inner_sender *s = &tcp->s;
    uint64_t n = s->next++;
    at(s, n)->flags = 0;
    inner_send_stamp(s, n);
    tcp->quic->chunk[n % INNER_RING] = chunk;
    put64(packet + IP_BYTES + UDP_BYTES, n);
    put64(packet + IP_BYTES + UDP_BYTES + 8, chunk);
    inject(tcp, packet, true, tcp->settings.mtu_bytes - IP_BYTES - UDP_BYTES);
    arm(s);
}

static bool next_chunk(struct inner_tcp *tcp, uint64_t *out) {
    struct inner_quic *q = tcp->quic;
    while (q->again_first < q->again_next) {
        *out = q->again[q->again_first++ % INNER_RING];
        if (*out >= q->chunk_una && !q->acked[*out % INNER_RING]) {
            tcp->count.retransmits++;
            return true;
        }
    }
    while (q->chunk_una < q->chunk_next && q->acked[q->chunk_una % INNER_RING])
        q->chunk_una++;
    if (q->chunk_next - q->chunk_una >= INNER_RING / 2 || tcp->s.next - tcp->s.una >= INNER_RING - 2 * LATE)
        return false;
    *out = q->chunk_next++;
    q->acked[*out % INNER_RING] = false;
    return true;
}

static void pump(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    uint64_t chunk, now = world_now();
    while (s->cwnd - inner_send_in_flight(s) >= 1) {
        unsigned burst = s->pace * 1e6 > 2 ? (unsigned)(s->pace * 1e6) : 2, sent = 0;
        if (s->pace > 0 && now < s->pace_next)
            return;
        for (; sent < burst && s->cwnd - inner_send_in_flight(s) >= 1 && next_chunk(tcp, &chunk); sent++)
            send_packet(tcp, chunk);
        if (!sent)
            return;
        if (s->pace > 0)
            s->pace_next = (s->pace_next > now ? s->pace_next : now) + (uint64_t)(sent / s->pace);
    }
}

static void probe(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    tcp->count.timeouts++;
    s->backoff++;
    for (uint64_t n = s->una, last = s->next < s->una + 2 ? s->next : s->una + 2; n < last; n++)
        send_packet(tcp, tcp->quic->chunk[n % INNER_RING]);
}

void inner_quic_turn(struct inner_tcp *tcp) {
    struct inner_sender *s = &tcp->s;
    struct inner_sample sample = {0};
    uint64_t now = world_now();
    if (now >= tcp->quic->loss_at) {
        detect_lost(tcp);
        advance(s, &sample);
    }
    if (now >= s->rto_at)
        probe(tcp);
    if (tcp->ack_now || now >= tcp->r.ack_at)
        send_ack(tcp);
    pump(tcp);
}

uint64_t inner_quic_deadline(const struct inner_tcp *tcp) {
    const struct inner_sender *s = &tcp->s;
    uint64_t nearest = s->rto_at < tcp->quic->loss_at ? s->rto_at : tcp->quic->loss_at;
    if (s->pace > 0 && s->pace_next > world_now() && s->pace_next < nearest)
        nearest = s->pace_next;
    return nearest;
}

bool inner_quic_take(struct inner_tcp *tcp, const struct host *host, const uint8_t *packet, size_t length) {
    const uint8_t *l4 = packet + IP_BYTES, *end = packet + length;
    bool data = host == tcp->settings.to;
    size_t bytes = tcp->settings.mtu_bytes - IP_BYTES - UDP_BYTES;
    if (length < IP_BYTES + UDP_BYTES + DATA_BYTES || packet[0] != 0x45 || packet[9] != IPPROTO_UDP ||
        (unsigned)(l4[data ? 0 : 2] << 8 | l4[data ? 1 : 3]) != tcp->settings.port)
        return false;
    for (const uint8_t *p = l4 + UDP_BYTES; p < end; p += bytes) {
        if (data) {
            on_packet(tcp, get64(p), get64(p + 8));
        } else {
            bytes = ACK_BYTES + RANGE_BYTES * (get64(p) & 0xff);
            on_ack(tcp, p);
        }
    }
    return true;
}

void inner_quic_init(struct inner_tcp *tcp) {
    tcp->quic = calloc(1, sizeof *tcp->quic);
    if (!tcp->quic || tcp->settings.cc != INNER_CUBIC)
        abort();
    tcp->quic->loss_at = TIME_NEVER;
}
