/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_tcp: packets and timers of a modelled TCP flow, and its receiver.
 *
 * How it works: whatever happens only changes state and asks for a wake-up; in it, timers run, acknowledgements go and
 * data go. Data go as TSO superpackets, as from a kernel. A flow of BBR's opens with SYN and its answer, whose round
 * trip it begins with and remembers; left out are CUBIC's, which forgets it, closing, data that are not full segments,
 * and ECN. Standards: RFC 9293, 7323, 2018, 2883, 5681. */
#include "inner_tcp_internal.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"

#define WINDOW_SCALE 8
#define DELAYED_ACK (40 * NS_PER_MS)
#define QUICK_SEGMENTS 32u
#define COMPRESSED_MAX 44u
#define OLD_STAMP 1000 /* us: what is older than the timestamp to echo by more is of no use */
#define FLAG_SYN 0x02u
#define FLAG_ACK 0x10u
enum { IP_BYTES = 20, TCP_BYTES = 20, STAMP_BYTES = 12 };

static void wake(void *context);

void inner_tcp_want_wake(struct inner_tcp *tcp, uint64_t at) {
    if (at >= tcp->wake_at)
        return;
    tcp->wake_at = at;
    world_at(at, wake, tcp);
}

static void put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}
static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Segments on the wire: a 32-bit number of bytes; near is a segment not far from it. */
static uint32_t wire_of(const struct inner_tcp *tcp, uint64_t segment) {
    return (uint32_t)(segment * tcp->mss) + 1;
}
static uint64_t segment_of(const struct inner_tcp *tcp, uint32_t wire, uint64_t near) {
    return near + (uint64_t)(int64_t)((int32_t)(wire - wire_of(tcp, near)) / (int32_t)tcp->mss);
}

/* IP and TCP header of a packet with that many bytes of options and payload. @return bytes of both headers */
static size_t headers(struct inner_tcp *tcp, uint8_t *p, bool data, size_t options, size_t payload) {
    const struct inner_tcp_settings *s = &tcp->settings;
    size_t header = IP_BYTES + TCP_BYTES + options;
    memset(p, 0, header);
    p[0] = 0x45;
    put16(p + 2, (unsigned)(header + payload));
    put16(p + 4, tcp->ip_id);
    p[6] = 0x40;
    p[8] = 64;
    p[9] = IPPROTO_TCP;
    memcpy(p + 12, data ? s->source.bytes : s->target.bytes, 4);
    memcpy(p + 16, data ? s->target.bytes : s->source.bytes, 4);
    checksum_store(p + 10, checksum_finish(checksum_sum(p, IP_BYTES)));
    put16(p + IP_BYTES, s->port);
    put16(p + IP_BYTES + 2, s->port);
    p[IP_BYTES + 12] = (uint8_t)((TCP_BYTES + options) / 4 << 4);
    p[IP_BYTES + 13] = FLAG_ACK;
    p[IP_BYTES + 20] = p[IP_BYTES + 21] = 1;
    p[IP_BYTES + 22] = 8; /* timestamps */
    p[IP_BYTES + 23] = 10;
    put32(p + IP_BYTES + 24, (uint32_t)(world_now() / 1000));
    return header;
}

void inner_tcp_transmit(struct inner_tcp *tcp, uint64_t segment, unsigned count) {
    static uint8_t packet[65536];
    size_t payload = (size_t)count * tcp->mss, header = headers(tcp, packet, true, STAMP_BYTES, payload);
    struct offload offload = {
        .needs_checksum = true, .header_bytes = (uint16_t)header, .checksum_start = IP_BYTES, .checksum_offset = 16};
    uint8_t *l4 = packet + IP_BYTES;
    put32(l4 + 4, wire_of(tcp, segment));
    put32(l4 + 8, 1);
    put16(l4 + 14, 0xffff);
    if (count > 1) {
        offload.gso = OFFLOAD_TCP4;
        offload.gso_size = (uint16_t)tcp->mss;
    }
    checksum_store(l4 + 16, (uint16_t)~checksum_finish(
                                checksum_pseudo(packet, IPPROTO_TCP, (uint32_t)(header - IP_BYTES + payload))));
    tcp->ip_id = (uint16_t)(tcp->ip_id + count);
    host_inject(tcp->settings.from, packet, header + payload, &offload);
}

/* opening */

static void send_syn(struct inner_tcp *tcp, bool answer) {
    struct offload offload = {.needs_checksum = true, .checksum_start = IP_BYTES, .checksum_offset = 16};
    uint8_t packet[IP_BYTES + TCP_BYTES + STAMP_BYTES], *l4 = packet + IP_BYTES;
    size_t header = headers(tcp, packet, !answer, STAMP_BYTES, 0);
    l4[13] = (uint8_t)(FLAG_SYN | (answer ? FLAG_ACK : 0));
    put32(l4 + 8, answer ? 1 : 0);
    put16(l4 + 14, 0xffff);
    checksum_store(l4 + 16,
                   (uint16_t)~checksum_finish(checksum_pseudo(packet, IPPROTO_TCP, (uint32_t)(header - IP_BYTES))));
    host_inject(answer ? tcp->settings.to : tcp->settings.from, packet, header, &offload);
}

static void open_flow(struct inner_tcp *tcp) {
    tcp->opened_at = world_now();
    tcp->open_again_at = world_now() + NS_PER_SEC;
    tcp->opens++;
    send_syn(tcp, false);
}

/* SYN's answer tells a round trip if it was sent once. */
static void on_answer(struct inner_tcp *tcp) {
    double rtt = (double)(world_now() - tcp->opened_at);
    if (tcp->open_again_at == TIME_NEVER)
        return;
    tcp->open_again_at = TIME_NEVER;
    if (tcp->opens == 1) {
        inner_send_on_rtt(&tcp->s, rtt);
        inner_cc_on_open(tcp, rtt);
    }
    inner_tcp_want_wake(tcp, world_now());
}

/* the receiver */

static void grow_window(struct inner_tcp *tcp) {
    struct inner_receiver *r = &tcp->r;
    double read = (double)tcp->count.read_bytes - r->measured_from_bytes, wanted;
    if ((double)(world_now() - r->measured_from) < (tcp->s.srtt > 0 ? tcp->s.srtt : 1e8))
        return;
    wanted = 2 * read + 16.0 * tcp->mss;
    if (wanted > r->window)
        r->window = wanted + (wanted - r->window);
    if (r->window > tcp->settings.buffer_bytes)
        r->window = tcp->settings.buffer_bytes;
    r->measured_from = world_now();
    r->measured_from_bytes = (double)tcp->count.read_bytes;
}

void inner_receiver_keep(struct inner_receiver *r, uint64_t from, uint64_t to) {
    size_t i = 0, last;
    while (i < r->ranges && r->range[i].to < from)
        i++;
    for (last = i; last < r->ranges && r->range[last].from <= to; last++) {
        from = r->range[last].from < from ? r->range[last].from : from;
        to = r->range[last].to > to ? r->range[last].to : to;
    }
    if (last == i && r->ranges == INNER_RANGES)
        return; /* forgotten, as a receiver may */
    memmove(&r->range[i + 1], &r->range[last], (r->ranges - last) * sizeof *r->range);
    r->ranges = r->ranges - (last - i) + 1;
    r->range[i] = (struct inner_range){.from = from, .to = to, .stamp = ++r->stamps};
}

bool inner_receiver_has(const struct inner_receiver *r, uint64_t segment) {
    for (size_t i = 0; i < r->ranges; i++)
        if (segment >= r->range[i].from && segment < r->range[i].to)
            return true;
    return false;
}

/* A superpacket may hold segments that came already, and go on with others. */
static bool has_all(const struct inner_receiver *r, uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; n++)
        if (!inner_receiver_has(r, n))
            return false;
    return true;
}

void inner_receiver_advance(struct inner_tcp *tcp, uint64_t to) {
    struct inner_receiver *r = &tcp->r;
    uint64_t before = r->next, now = world_now();
    size_t drop = 0;
    r->next = to;
    while (drop < r->ranges && r->range[drop].from <= r->next) {
        r->next = r->range[drop].to > r->next ? r->range[drop].to : r->next;
        drop++;
    }
    memmove(r->range, r->range + drop, (r->ranges - drop) * sizeof *r->range);
    r->ranges -= drop;
    tcp->count.read_bytes += (r->next - before) * tcp->mss;
    if (r->last_read && now - r->last_read > r->longest_gap)
        r->longest_gap = now - r->last_read;
    r->last_read = now;
    grow_window(tcp);
}

static void ack_later(struct inner_receiver *r, uint64_t at) {
    if (at < r->ack_at)
        r->ack_at = at;
}

/* What the next acknowledgement of something new will be about, or was, is echoed, unless it is a copy of old: what
 * came since bears later timestamps, and the copy is thrown away. @return false: it is one */
static bool take_stamp(struct inner_receiver *r, uint64_t from, uint32_t stamp) {
    int32_t later = (int32_t)(stamp - r->echo);
    if (later >= 0 && from <= r->acked)
        r->echo = stamp;
    return later >= -OLD_STAMP;
}

static void on_data(struct inner_tcp *tcp, uint64_t from, uint64_t to, uint32_t stamp) {
    struct inner_receiver *r = &tcp->r;
    bool gap = r->ranges > 0, fresh = take_stamp(r, from, stamp);
    r->unacked += to - from;
    if (!fresh && to > r->next) {
        tcp->ack_now = true;
    } else if (to <= r->next || has_all(r, from, to)) {
        r->again_from = from;
        r->again_to = to;
        tcp->ack_now = true;
    } else if (from > r->next) {
        tcp->count.disordered += to - from;
        inner_receiver_keep(r, from, to);
        if (r->dup_acks++ < 3 || ++r->waiting_acks >= COMPRESSED_MAX)
            tcp->ack_now = true;
        else
            ack_later(r, world_now() + (tcp->s.srtt / 20 < 1e6 ? (uint64_t)(tcp->s.srtt / 20) : NS_PER_MS));
    } else {
        inner_receiver_advance(tcp, to);
        r->dup_acks = 0;
        tcp->ack_now |= gap || r->unacked >= 2 || r->next < QUICK_SEGMENTS;
        if (!tcp->ack_now)
            ack_later(r, world_now() + DELAYED_ACK);
    }
    inner_tcp_want_wake(tcp, tcp->ack_now ? world_now() : r->ack_at);
}

/* SACK option: a DSACK if there is one, then the ranges touched last. @return bytes */
static size_t sack_option(struct inner_tcp *tcp, uint8_t *p) {
    struct inner_receiver *r = &tcp->r;
    uint64_t before = UINT64_MAX;
    size_t blocks = 0;
    if (r->again_from < r->again_to) {
        put32(p + 4, wire_of(tcp, r->again_from));
        put32(p + 8, wire_of(tcp, r->again_to));
        blocks = 1;
    }
    r->again_from = r->again_to = 0;
    while (blocks < 3) {
        const struct inner_range *best = NULL;
        for (size_t i = 0; i < r->ranges; i++)
            if (r->range[i].stamp < before && (!best || r->range[i].stamp > best->stamp))
                best = &r->range[i];
        if (!best)
            break;
        put32(p + 4 + blocks * 8, wire_of(tcp, best->from));
        put32(p + 8 + blocks * 8, wire_of(tcp, best->to));
        before = best->stamp;
        blocks++;
    }
    p[0] = p[1] = 1;
    p[2] = 5;
    p[3] = (uint8_t)(2 + 8 * blocks);
    return blocks ? 4 + 8 * blocks : 0;
}

static void send_ack(struct inner_tcp *tcp) {
    struct inner_receiver *r = &tcp->r;
    struct offload offload = {.needs_checksum = true, .checksum_start = IP_BYTES, .checksum_offset = 16};
    uint8_t packet[IP_BYTES + 60], sack[40], *l4 = packet + IP_BYTES;
    size_t sack_bytes = sack_option(tcp, sack), header = headers(tcp, packet, false, STAMP_BYTES + sack_bytes, 0);
    memcpy(l4 + TCP_BYTES + STAMP_BYTES, sack, sack_bytes);
    put32(l4 + 4, 1);
    put32(l4 + 8, wire_of(tcp, r->next));
    put16(l4 + 14, (unsigned)((uint32_t)r->window >> WINDOW_SCALE));
    put32(l4 + 28, r->echo);
    checksum_store(l4 + 16,
                   (uint16_t)~checksum_finish(checksum_pseudo(packet, IPPROTO_TCP, (uint32_t)(header - IP_BYTES))));
    r->acked = r->next;
    r->unacked = r->waiting_acks = 0;
    r->ack_at = TIME_NEVER;
    tcp->ack_now = false;
    host_inject(tcp->settings.to, packet, header, &offload);
}

/* the sender's side of an acknowledgement */

static void on_ack(struct inner_tcp *tcp, const uint8_t *l4, size_t header) {
    struct inner_ack ack = {.ack = segment_of(tcp, get32(l4 + 8), tcp->s.una)};
    uint64_t now_us = world_now() / 1000;
    ack.echo_ns = (now_us - (uint32_t)((uint32_t)now_us - get32(l4 + 28))) * 1000 + 999;
    ack.window = (double)(((uint32_t)l4[14] << 8 | l4[15]) << WINDOW_SCALE) / tcp->mss;
    if (header > TCP_BYTES + STAMP_BYTES)
        ack.blocks = (size_t)(l4[TCP_BYTES + STAMP_BYTES + 3] - 2) / 8;
    for (size_t i = 0; i < ack.blocks; i++) {
        const uint8_t *block = l4 + TCP_BYTES + STAMP_BYTES + 4 + 8 * i;
        ack.from[i] = segment_of(tcp, get32(block), ack.ack);
        ack.to[i] = segment_of(tcp, get32(block + 4), ack.ack);
    }
    ack.dsack = ack.blocks &&
                (ack.from[0] < ack.ack || (ack.blocks > 1 && ack.from[0] >= ack.from[1] && ack.to[0] <= ack.to[1]));
    inner_send_on_ack(tcp, &ack);
    tcp->send_now = true;
    inner_tcp_want_wake(tcp, world_now());
}

static void wake(void *context) {
    struct inner_tcp *tcp = context;
    uint64_t now = world_now(), deadline;
    if (now < tcp->wake_at)
        return; /* another call comes */
    tcp->wake_at = TIME_NEVER;
    if (tcp->answer_now)
        send_syn(tcp, true);
    tcp->answer_now = false;
    if (tcp->open_again_at != TIME_NEVER) {
        if (now >= tcp->open_again_at)
            open_flow(tcp);
        inner_tcp_want_wake(tcp, tcp->open_again_at);
        return;
    }
    if (tcp->quic) {
        inner_quic_turn(tcp);
    } else {
        inner_send_on_timer(tcp);
        if (tcp->ack_now || now >= tcp->r.ack_at)
            send_ack(tcp);
        inner_send_pump(tcp);
    }
    deadline = tcp->quic ? inner_quic_deadline(tcp) : inner_send_deadline(tcp);
    inner_tcp_want_wake(tcp, deadline > now ? deadline : now + 1);
    if (tcp->r.ack_at != TIME_NEVER)
        inner_tcp_want_wake(tcp, tcp->r.ack_at);
}

struct inner_tcp *inner_tcp_new(const struct inner_tcp_settings *settings) {
    struct inner_tcp *tcp = calloc(1, sizeof *tcp);
    if (!tcp)
        abort();
    tcp->settings = *settings;
    if (!settings->buffer_bytes)
        tcp->settings.buffer_bytes = INNER_BUFFER_MAX;
    tcp->mss = settings->mtu_bytes - (settings->quic ? INNER_QUIC_HEADERS : INNER_TCP_HEADERS);
    tcp->wake_at = TIME_NEVER;
    tcp->r.window = 65536;
    tcp->r.ack_at = TIME_NEVER;
    tcp->r.measured_from = world_now();
    tcp->r.echo = (uint32_t)(world_now() / 1000);
    inner_send_init(tcp);
    if (settings->quic)
        inner_quic_init(tcp);
    tcp->open_again_at = settings->cc == INNER_BBR ? world_now() : TIME_NEVER;
    if (!settings->quic && !settings->foreign)
        host_congestion(settings->from, settings->port, settings->cc == INNER_BBR ? "bbr" : "cubic");
    inner_tcp_want_wake(tcp, world_now());
    return tcp;
}

void inner_tcp_free(struct inner_tcp *tcp) {
    if (tcp)
        free(tcp->quic);
    free(tcp);
}

bool inner_tcp_take(struct inner_tcp *tcp, const struct host *host, const uint8_t *packet, size_t length) {
    const uint8_t *l4 = packet + IP_BYTES;
    size_t header;
    if (tcp->quic)
        return inner_quic_take(tcp, host, packet, length);
    if (length < IP_BYTES + TCP_BYTES || packet[0] != 0x45 || packet[9] != IPPROTO_TCP ||
        (unsigned)(l4[0] << 8 | l4[1]) != tcp->settings.port)
        return false;
    header = (size_t)(l4[12] >> 4) * 4;
    if (l4[13] & FLAG_SYN) {
        if (host == tcp->settings.from) {
            on_answer(tcp);
        } else {
            tcp->answer_now = true;
            inner_tcp_want_wake(tcp, world_now());
        }
        return true;
    }
    if (host == tcp->settings.to && length > IP_BYTES + header) {
        uint64_t from = segment_of(tcp, get32(l4 + 4), tcp->r.next);
        on_data(tcp, from, from + (length - IP_BYTES - header) / tcp->mss, get32(l4 + 24));
    } else if (host == tcp->settings.from) {
        on_ack(tcp, l4, header);
    }
    return true;
}

void inner_tcp_forget_gaps(struct inner_tcp *tcp) {
    tcp->r.longest_gap = 0;
}

struct inner_tcp_statistics inner_tcp_statistics(const struct inner_tcp *tcp) {
    struct inner_tcp_statistics out = tcp->count;
    out.longest_gap = tcp->r.longest_gap;
    out.cwnd = tcp->s.cwnd;
    out.srtt = tcp->s.srtt;
    out.recovering = tcp->s.state != INNER_OPEN;
    return out;
}
