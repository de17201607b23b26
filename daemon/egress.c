/* SPDX-License-Identifier: GPL-2.0-or-later */
/* egress: one packet out, told top to bottom.
 *
 *   TUN read (a superpacket of up to 64 KiB) → egress_on_tun: parse; find the session by the destination; check the source (client) and the size; queue it →
 *   egress_pump, at the end of the turn: while the leg can send: take the next segment from the queue, rebuild its header, write
 *   it as a DATAGRAM straight into the next slot of the socket's GSO batch, commit.
 *
 * Hop limits: the kernel decrements them when it forwards a packet into the TUN, which is the hop that RFC 9484 section 7 asks of a proxy; packets of
 * this host keep theirs, as it allows. So nothing is decremented here, or every forwarded packet would lose two.
 * Invariant: a segment leaves the queue only when a leg accepted it, a stream took it, or it is dropped with a counter.
 * Standards: RFC 9484, RFC 9297 section 3.5 (DATAGRAM capsule), RFC 1191, RFC 8201. */
#include "egress.h"

#include <errno.h>
#include <string.h>

#include "packet/inner.h"

/* Write an ICMP error about a packet that this host sent or forwards back into the TUN. Its source is the packet's target: an address of ours
 * would be a martian to the kernel. */
static void icmp_to_tun(struct worker *worker, enum icmp_reason reason, const struct superpacket *about, const struct inner *inner, uint32_t mtu_bytes) {
    struct superpacket packet = {.offset = BUF_HEADROOM};
    if (!icmp_limit_allows(&worker->icmp, loop_now(worker->loop))) {
        worker_drop(worker, DROP_ICMP_LIMITED);
        return;
    }
    packet.buf = buf_get(worker->buffers, BUF_HEADROOM + ICMP_ERROR_MAX);
    if (!packet.buf) return;
    packet.length = (uint32_t)icmp_error(reason, superpacket_data(about), about->length, &inner->target, mtu_bytes, superpacket_data(&packet));
    if (!packet.length)
        buf_unref(packet.buf);
    else if (tun_write(worker->tun, &packet))
        worker_drop(worker, DROP_TUN_WRITE);
}

/* Bytes of the packets that a superpacket will be cut into (the largest). */
static size_t wire_length(const struct superpacket *packet, const struct inner *inner) {
    size_t header;
    if (packet->offload.gso == OFFLOAD_NONE) return packet->length;
    header = inner->header_bytes + 8u;
    if (packet->offload.gso != OFFLOAD_UDP) {
        size_t data_offset = inner->header_bytes + 12u;
        if (data_offset >= packet->length) return packet->length;
        header = inner->header_bytes + (size_t)(superpacket_data(packet)[data_offset] >> 4) * 4;
    }
    return header + packet->offload.gso_size < packet->length ? header + packet->offload.gso_size : packet->length;
}

/* What kernels say on any link by themselves: router solicitations, multicast listener reports and the like. */
static bool is_chatter(const struct inner *inner) {
    const uint8_t *source = inner->source.bytes, *target = inner->target.bytes;
    if (inner->version == 4) return (target[0] & 0xf0) == 0xe0 || (source[0] == 169 && source[1] == 254);
    return target[0] == 0xff || (source[0] == 0xfe && (source[1] & 0xc0) == 0x80);
}

/* Which session takes the packet, or NULL: dropped, with its reason counted. */
static struct session *route(struct worker *worker, const struct superpacket *packet, const struct inner *inner) {
    struct session *session = prefixmap_find(worker->targets, &inner->target);
    size_t length;
    if (is_chatter(inner)) {
        worker_drop(worker, DROP_KERNEL_CHATTER);
        return NULL;
    }
    if (!session) {
        worker_drop(worker, worker->server ? DROP_NO_ROUTE : DROP_NO_SESSION);
        if (worker->server) icmp_to_tun(worker, ICMP_ADDRESS_UNREACHABLE, packet, inner, 0);
        return NULL;
    }
    if (!worker->server && !session_has_address(session, &inner->source)) {
        worker_drop(worker, DROP_SOURCE_NOT_ALLOWED);
        return NULL;
    }
    if (worker->server && !session_reaches(session, &inner->source, inner->protocol)) {
        worker_drop(worker, DROP_SOURCE_NOT_ALLOWED);
        return NULL;
    }
    length = wire_length(packet, inner);
    /* Without a leg nobody knows the limit: a guess would be remembered by the sender's kernel for minutes. */
    if (session->leg && length > session_mtu(session) && inner->dont_fragment) {
        worker_drop(worker, DROP_TOO_BIG);
        icmp_to_tun(worker, ICMP_TOO_BIG, packet, inner, (uint32_t)session_mtu(session));
        return NULL;
    }
    return session;
}

void egress_on_tun(struct worker *worker, struct superpacket *packet) {
    uint64_t now = loop_now(worker->loop);
    struct inner inner;
    struct session *session;

    if (inner_parse(superpacket_data(packet), packet->length, packet->offload.gso != OFFLOAD_NONE, &inner)) {
        worker_drop(worker, DROP_MALFORMED_INNER);
        goto drop;
    }
    session = route(worker, packet, &inner);
    if (!session) goto drop;
    if (queue_put(session->queue, packet, &inner, now)) {
        worker_drop(worker, DROP_MALFORMED_INNER);
        goto drop;
    }
    if (session->leg) carrier_mark(session->owner);
    return;

drop:
    buf_unref(packet->buf);
}

/* Write one segment as a DATAGRAM. @return false: the leg or the socket takes no more now */
static bool send_datagram(struct carrier *carrier, const struct queue_item *item, uint64_t now) {
    struct queue *queue = carrier->session->queue;
    struct conn_packet packet;
    struct segment segment;
    bool accepted = false;
    ssize_t written;
    uint8_t *out;

    if (!leg_can_send(carrier->leg, item->length, now)) return false;
    out = udp_tx_reserve(carrier->tx, CONN_UDP_MAX);
    if (!out) return false;
    queue_build(item, &segment);
    written = leg_write_packet(carrier->leg, &segment, &accepted, out, CONN_UDP_MAX, &packet, now);
    if (written < 0) carrier->error = (int)written;
    if (written <= 0) return false;
    udp_tx_commit(carrier->tx, (size_t)written, &packet.path.local, &packet.path.remote, packet.ecn, packet.probe);
    if (accepted) {
        meter_add(&carrier->session->sent, item->length, now);
        queue_commit(queue);
    }
    return true;
}

/* Give one segment that fits no DATAGRAM to the stream: an IPv6 packet of up to 1280 bytes on a narrow path, an IPv4 packet that may not be refused because
 * it may be fragmented, or one queued before the path shrank. @return false: the stream is full */
static bool send_capsule(struct carrier *carrier, const struct queue_item *item, uint64_t now) {
    struct segment segment;
    queue_build(item, &segment);
    if (leg_write_capsule(carrier->leg, &segment, now)) return false;
    meter_add(&carrier->session->sent, item->length, now);
    queue_commit(carrier->session->queue);
    return true;
}

bool egress_pump(struct carrier *carrier, uint64_t now) {
    const struct queue_item *item;
    if (!leg_is_open(carrier->leg)) return false;
    while ((item = queue_peek(carrier->session->queue, now))) {
        bool fits = item->length <= leg_packet_max(carrier->leg);
        if (!(fits ? send_datagram(carrier, item, now) : send_capsule(carrier, item, now))) return true;
    }
    return false;
}

void egress_icmp_to_peer(struct carrier *carrier, enum icmp_reason reason, const uint8_t *packet, size_t length, const struct inner *inner) {
    struct worker *worker = carrier->worker;
    const struct ip_addr *source = &worker->icmp_source[inner->version == 6];
    struct superpacket answer = {.offset = BUF_HEADROOM};
    struct inner headers;
    uint64_t now = loop_now(worker->loop);

    if (!source->version) return;
    if (!icmp_limit_allows(&worker->icmp, now)) {
        worker_drop(worker, DROP_ICMP_LIMITED);
        return;
    }
    answer.buf = buf_get(worker->buffers, BUF_HEADROOM + ICMP_ERROR_MAX);
    if (!answer.buf) return;
    answer.length = (uint32_t)icmp_error(reason, packet, length, source, 0, superpacket_data(&answer));
    if (!answer.length || inner_parse(superpacket_data(&answer), answer.length, false, &headers) || queue_put(carrier->session->queue, &answer, &headers, now))
        buf_unref(answer.buf);
    else
        carrier_mark(carrier);
}
