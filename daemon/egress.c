/* SPDX-License-Identifier: GPL-2.0-or-later */
/* egress: one packet out, told top to bottom.
 *
 *   TUN read (a superpacket of up to 64 KiB) → egress_on_tun: parse; find the session by the destination (another
 * worker's: handover.c; that worker goes on); check the source (client) and the size; queue it → egress_pump, at the
 * end of the turn: what was lost and is due again; then, while a leg can send: take the next segment from the queue,
 * let the session pick the leg (bonded) and number it, rebuild its header, write it as a DATAGRAM straight into the
 * next slot of that leg's GSO batch, commit. Small packets that wait together go in one QUIC packet, each as a DATAGRAM
 * of its own. While something is due that a leg took along, new packets of flows that send little go by turns with what
 * is due.
 *
 * Hop limits: the kernel decrements them when it forwards a packet into the TUN, which is the hop that RFC 9484 section
 * 7 asks of a proxy; packets of this host keep theirs, as it allows. So nothing is decremented here, or every forwarded
 * packet would lose two. Invariant: a segment leaves the queue only when a leg accepted it, a stream took it, or it is
 * dropped with a counter. Standards: RFC 9484, RFC 9297 section 3.5 (DATAGRAM capsule), RFC 1191, RFC 8201. */
#include "egress.h"

#include <errno.h>

#include "handover.h"
#include "os/sockdiag.h"
#include "packet/inner.h"
#include "tunnel.h"

#define LIGHT_REFUSED 4u /* flows that send little whose legs cannot send: more are not asked for in a pump */

/* Write an ICMP error about a packet that this host sent or forwards back into the TUN. Its source is the packet's
 * target: an address of ours would be a martian to the kernel. */
static void icmp_to_tun(struct worker *worker, enum icmp_reason reason, const struct superpacket *about,
                        const struct inner *inner, uint32_t mtu_bytes) {
    struct superpacket packet = {.offset = BUF_HEADROOM};
    if (!icmp_limit_allows(&worker->icmp, loop_now(worker->loop))) {
        worker_drop(worker, DROP_ICMP_LIMITED);
        return;
    }
    packet.buf = buf_get(worker->buffers, BUF_HEADROOM + ICMP_ERROR_MAX);
    if (!packet.buf)
        return;
    packet.length = (uint32_t)icmp_error(reason, superpacket_data(about), about->length, &inner->target, mtu_bytes,
                                         superpacket_data(&packet));
    if (!packet.length)
        buf_unref(packet.buf);
    else if (tun_write(worker->tun, &packet))
        worker_drop(worker, DROP_TUN_WRITE);
}

/* Bytes of the packets that a superpacket will be cut into (the largest). */
static size_t wire_length(const struct superpacket *packet, const struct inner *inner) {
    size_t header;
    if (packet->offload.gso == OFFLOAD_NONE)
        return packet->length;
    header = inner->header_bytes + 8u;
    if (packet->offload.gso != OFFLOAD_UDP) {
        size_t data_offset = inner->header_bytes + 12u;
        if (data_offset >= packet->length)
            return packet->length;
        header = inner->header_bytes + (size_t)(superpacket_data(packet)[data_offset] >> 4) * 4;
    }
    return header + packet->offload.gso_size < packet->length ? header + packet->offload.gso_size : packet->length;
}

/* What kernels say on any link by themselves: router solicitations, multicast listener reports and the like. */
static bool is_chatter(const struct inner *inner) {
    const uint8_t *source = inner->source.bytes, *target = inner->target.bytes;
    if (inner->version == 4)
        return (target[0] & 0xf0) == 0xe0 || (source[0] == 169 && source[1] == 254);
    return target[0] == 0xff || (source[0] == 0xfe && (source[1] & 0xc0) == 0x80);
}

/* Which session takes the packet, or NULL: dropped, with its reason counted. @param session that has the target; NULL:
 * none */
static struct session *route(struct worker *worker, struct session *session, const struct superpacket *packet,
                             const struct inner *inner) {
    size_t length;
    if (is_chatter(inner)) {
        worker_drop(worker, DROP_KERNEL_CHATTER);
        return NULL;
    }
    if (!session) {
        worker_drop(worker, worker->server ? DROP_NO_ROUTE : DROP_NO_SESSION);
        if (worker->server)
            icmp_to_tun(worker, ICMP_ADDRESS_UNREACHABLE, packet, inner, 0);
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
    if (session->leg_count && length > session_mtu(session) && inner->dont_fragment) {
        worker_drop(worker, DROP_TOO_BIG);
        icmp_to_tun(worker, ICMP_TOO_BIG, packet, inner, (uint32_t)session_mtu(session));
        return NULL;
    }
    return session;
}

static void take(struct worker *worker, struct superpacket *packet, struct handover *handover) {
    uint64_t now = loop_now(worker->loop);
    struct inner inner;
    struct session *session;

    if (inner_parse(superpacket_data(packet), packet->length, packet->offload.gso != OFFLOAD_NONE, &inner)) {
        worker_drop(worker, DROP_MALFORMED_INNER);
        goto drop;
    }
    session = prefixmap_find(worker->targets, &inner.target);
    if (!session && handover && handover_offer(handover, packet, &inner.target))
        return;
    session = route(worker, session, packet, &inner);
    if (!session)
        goto drop;
    if (session->bonded)
        thin_on_sent(session->thin, &inner, superpacket_data(packet), packet->length);
    if (queue_put(session->queue, packet, &inner, now)) {
        worker_drop(worker, DROP_MALFORMED_INNER);
        goto drop;
    }
    tunnel_mark(tunnel_of(session));
    return;

drop:
    buf_unref(packet->buf);
}

void egress_on_tun(struct worker *worker, struct superpacket *packet) {
    take(worker, packet, worker->handover);
}

void egress_on_handed(struct worker *worker, struct superpacket *packet) {
    take(worker, packet, NULL);
}

/* Small packets that wait together share a QUIC packet: it stays open while more wait, until one does not fit or the
 * pump ends (finish_packets), so nothing ever waits for company. */
static bool more_wait(const struct session *session) {
    return queue_packets(session->queue) > 1;
}

/* Complete the packets that are open on the legs. */
static void finish_packets(struct session *session) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct carrier *carrier = session->legs[i].owner;
        struct conn_packet packet;
        uint8_t *out;
        ssize_t written;
        if (!session->legs[i].shared)
            continue;
        session->legs[i].shared = false;
        out = udp_tx_reserve(carrier->tx, CONN_UDP_MAX);
        written = out ? leg_finish_packet(carrier->leg, out, CONN_UDP_MAX, &packet) : -ENOBUFS;
        if (written > 0)
            udp_tx_commit(carrier->tx, (size_t)written, &packet.path.local, &packet.path.remote, packet.ecn,
                          packet.probe);
        else if (written < 0)
            carrier->error = (int)written;
    }
}

/* Write one packet as a DATAGRAM on the leg in a slot, which has just said that it can send as much. @return true:
 * accepted; false: the leg or its socket takes no more now (blocked tells the session) */
static bool write_datagram(struct session_leg *slot, const struct frame_packet *frame, const struct segment *segment,
                           uint64_t id, bool more, uint64_t now) {
    struct carrier *carrier = slot->owner;
    const size_t length = (size_t)segment->header_bytes + segment->payload_bytes;
    bool accepted = false, can_send = true;
    while (!accepted && !carrier->error && !carrier->closing && can_send) {
        uint8_t *out = udp_tx_reserve(carrier->tx, CONN_UDP_MAX);
        struct conn_packet packet;
        ssize_t written;
        if (!out)
            break;
        written = leg_write_packet(slot->leg, frame, segment, id, more, &accepted, out, CONN_UDP_MAX, &packet, now);
        slot->shared = written == 0 && accepted;
        if (written < 0)
            carrier->error = (int)written;
        if (written <= 0)
            break;
        udp_tx_commit(carrier->tx, (size_t)written, &packet.path.local, &packet.path.remote, packet.ecn, packet.probe);
        /* Something else went first: ask anew. */
        can_send = accepted || leg_can_send(slot->leg, length, now);
    }
    if (!accepted)
        slot->blocked = true;
    carrier_mark_only(carrier);
    return accepted;
}

/* A plain session: one leg, packets as they are. */

static bool send_plain(struct session *session, struct session_leg *slot, const struct queue_item *item, uint64_t now) {
    const size_t length = item->length;
    struct segment segment;
    if (length <= leg_packet_max(slot->leg) && !leg_can_send(slot->leg, length, now))
        return false;
    queue_build(item, &segment);
    if (length > leg_packet_max(slot->leg)) {
        finish_packets(session);
        if (leg_write_capsule(slot->leg, NULL, &segment, now))
            return false;
        carrier_mark_only(slot->owner);
    } else if (!write_datagram(slot, NULL, &segment, 0, more_wait(session), now)) {
        return false;
    }
    meter_add(&session->sent, length, now);
    queue_commit(session->queue);
    return true;
}

static bool pump_plain(struct session *session, uint64_t now) {
    struct session_leg *slot = session_first(session);
    const struct queue_item *item;
    bool waiting = false;
    if (!slot || !leg_is_open(slot->leg))
        return false;
    while (!waiting && (item = queue_peek(session->queue, now)))
        waiting = !send_plain(session, slot, item, now);
    finish_packets(session);
    return waiting;
}

/* A bonded session: what was lost first, then what is new, then marks; but flows that send little do not wait for what
 * a leg took along. */

/* What was sent, to be written once more. */
static void cut_again(const struct outstanding_packet *packet, struct frame_packet *frame, struct segment *segment) {
    *frame = (struct frame_packet){
        .sequence = packet->sequence, .bucket = packet->bucket, .bucket_sequence = packet->bucket_sequence};
    split_segment(packet->split, packet->index, segment);
    if (packet->mark_ce)
        inner_mark_ce(segment->header_bytes ? segment->header : (uint8_t *)(uintptr_t)segment->payload);
}

/* Write a packet once more that was sent on another leg, or lost. @return whether the leg took it */
static bool write_again(struct session *session, unsigned slot, const struct outstanding_packet *packet, uint64_t now) {
    struct frame_packet frame;
    struct segment segment;
    cut_again(packet, &frame, &segment);
    return write_datagram(&session->legs[slot], &frame, &segment, outstanding_next_id(session->outstanding), false,
                          now);
}

/* Copies of sparse packets that had to wait for a leg. */
static void pump_owed(struct session *session, uint64_t now) {
    const struct outstanding_resend *copy;
    unsigned slot;
    while (session->owed_count && (copy = session_next_owed(session, &slot, now)))
        if (write_again(session, slot, &copy->packet, now))
            session_copied(session, slot, copy, now);
}

/* No DATAGRAM carries it: the stream of the best leg that works does. @return the slot; SCHED_WAIT: their streams are
 * full; SCHED_NONE: no leg works */
static int write_capsule(struct session *session, const struct frame_packet *frame, const struct segment *segment,
                         uint64_t now) {
    int slot, otherwise = SCHED_NONE;
    uint16_t ending = 0, full = 0;
    finish_packets(session);
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct carrier *carrier = session->legs[i].owner;
        if (carrier && (carrier->closing || carrier->error))
            ending |= (uint16_t)(1u << i);
    }
    while ((slot = session_pick_stream(session, ending, full)) >= 0) {
        if (!leg_write_capsule(session->legs[slot].leg, frame, segment, now)) {
            carrier_mark_only(session->legs[slot].owner);
            return slot;
        }
        full |= (uint16_t)(1u << slot);
        otherwise = SCHED_WAIT;
    }
    return otherwise;
}

/* No leg takes a packet again as a DATAGRAM. The leg that it came by may be gone, and the others be narrower, or not
 * searched for their MTU yet. */
static void resend_capsule(struct session *session, const struct outstanding_resend *resend, uint64_t now) {
    const uint64_t id = outstanding_next_id(session->outstanding);
    struct frame_packet frame;
    struct segment segment;
    int slot;
    cut_again(&resend->packet, &frame, &segment);
    slot = write_capsule(session, &frame, &segment, now);
    if (slot < 0) {
        outstanding_refuse(session->outstanding, resend->packet.sequence, slot != SCHED_NONE, now);
        return;
    }
    session_resent(session, (unsigned)slot, resend, now);
    session_streamed(session, (unsigned)slot, id, now);
}

/* Send again what is due. @param light only what is of flows that send little @return true: something is due and no
 * leg takes it now */
static bool pump_resends(struct session *session, bool light, uint64_t now) {
    const struct outstanding_resend *resend;
    while ((resend = outstanding_next_resend(session->outstanding, now))) {
        const struct outstanding_packet *packet = &resend->packet;
        int slot;
        if (light && !packet->light)
            return false;
        slot = session_pick_resend(session, packet->length, resend->legs, now);
        if (slot == SCHED_NONE) {
            resend_capsule(session, resend, now);
            continue;
        }
        if (slot < 0)
            return true;
        if (!write_again(session, (unsigned)slot, packet, now))
            continue;
        if (!packet->light)
            session->light_ahead -= packet->length < session->light_ahead ? packet->length : session->light_ahead;
        session_resent(session, (unsigned)slot, resend, now);
    }
    return false;
}

/* A stream loses nothing, so the packet is done with at once. */
static bool send_bonded_capsule(struct session *session, const struct frame_packet *frame,
                                const struct queue_item *item, uint64_t now) {
    const uint64_t id = outstanding_next_id(session->outstanding);
    struct segment segment;
    int slot;
    queue_build(item, &segment);
    slot = write_capsule(session, frame, &segment, now);
    if (slot < 0)
        return false;
    session_sent(session, (unsigned)slot, frame, item, false, now);
    session_streamed(session, (unsigned)slot, id, now);
    return true;
}

/* Where the segment sent last went, and which one it was. */
struct last_sent {
    const struct split *split; /* the superpacket; NULL: the next segment has to ask */
    uint16_t index;            /* number of the segment within it */
    int slot;                  /* the leg's */
};

/* The segments of a superpacket stay on one leg without asking the scheduler for each, while a leg takes them that
 * needs less than a millisecond for all of them: to such it makes no difference which of several legs a packet goes
 * by, and with two legs the asking is a twentieth of all that a packet costs. */
static bool stays(const struct session *session, const struct last_sent *last, const struct queue_item *item,
                  uint64_t now) {
    const struct session_leg *slot = &session->legs[last->slot];
    return last->split == item->split && last->index < item->index && !slot->blocked &&
           leg_can_send(slot->leg, item->length, now);
}

static int choose(struct session *session, struct last_sent *last, const struct queue_item *item, uint16_t *copies,
                  uint64_t now) {
    int slot;
    *copies = 0;
    if (last->split && stays(session, last, item, now)) {
        last->index = item->index;
        return last->slot;
    }
    slot = session_pick(session, item, copies, now);
    last->split = NULL;
    if (slot >= 0 && !*copies && !sched_counts(&session->sched) && conn_is_fast(leg_conn(session->legs[slot].leg)))
        *last = (struct last_sent){.split = item->split, .index = item->index, .slot = slot};
    return slot;
}

static void log_loose(const struct session *session, const struct queue_item *item, const char *why) {
    const struct inner *inner = item->inner;
    char source[IP_ADDR_TEXT_MAX], target[IP_ADDR_TEXT_MAX];
    log_debug("flow from %s port %u to %s port %u: %s %s", ip_addr_print(&inner->source, source), inner->source_port,
              ip_addr_print(&inner->target, target), inner->target_port, why,
              loose_has(&session->loose, item->flow_hash) ? "needs no order" : "needs order");
}

/* A flow whose sender nobody knows: what it sends shows whether it needs order. */
static void try_loose(struct session *session, const struct queue_item *item, uint64_t now) {
    const struct superpacket *packet = &item->split->packet;
    struct trial_data data = {.waited = now > item->queued_at ? now - item->queued_at : 0};
    data.bytes = inner_tcp_data(item->inner, superpacket_data(packet), packet->length, &data.number);
    if (!data.bytes)
        return;
    data.segment = item->split->count > 1 ? item->split->segment_payload : data.bytes;
    if (loose_on_data(&session->loose, item->flow_hash, &data, now))
        log_loose(session, item, "by trial it");
}

/* A TCP flow sends much: whether it needs order is asked of this host's kernel, once. */
static void look_for_loose(struct session *session, const struct queue_item *item, uint64_t now) {
    const struct worker *worker = tunnel_of(session)->worker;
    const struct inner *inner = item->inner;
    char name[SOCKDIAG_NAME_MAX];
    struct sockdiag_flow flow;
    bool known;
    if (inner_opens_flow(inner, superpacket_data(&item->split->packet)))
        loose_on_begin(&session->loose, item->flow_hash);
    if (!loose_on_sent(&session->loose, item->flow_hash, item->split->packet.length, now)) {
        if (loose_is_tried(&session->loose, item->flow_hash))
            try_loose(session, item, now);
        return;
    }
    flow = (struct sockdiag_flow){.local = inner->source,
                                  .remote = inner->target,
                                  .local_port = inner->source_port,
                                  .remote_port = inner->target_port,
                                  .ifindex = tun_ifindex(worker->tun)};
    known = worker->sockdiag && !sockdiag_congestion(worker->sockdiag, &flow, name);
    loose_on_answer(&session->loose, item->flow_hash, known ? name : NULL);
    if (loose_has(&session->loose, item->flow_hash))
        log_loose(session, item, name);
}

/* @return the slot it went by, 0 also for a stream; SCHED_WAIT; SCHED_SKIP */
static int send_bonded(struct session *session, struct last_sent *last, const struct queue_item *item, uint64_t now) {
    const struct frame_packet frame = session_number(session, item);
    uint16_t copies = 0;
    struct segment segment;
    int slot = choose(session, last, item, &copies, now);
    if (slot == SCHED_NONE)
        return send_bonded_capsule(session, &frame, item, now) ? 0 : SCHED_WAIT;
    if (slot < 0)
        return slot;
    queue_build(item, &segment);
    if (!write_datagram(&session->legs[slot], &frame, &segment, outstanding_next_id(session->outstanding),
                        more_wait(session), now))
        return SCHED_SKIP; /* the leg is blocked now: another one may be free */
    session_sent(session, (unsigned)slot, &frame, item, true, now);
    if (!item->index && item->inner->protocol == IPPROTO_TCP && !item->inner->fragment)
        look_for_loose(session, item, now);
    for (unsigned i = 0; copies && i < SESSION_LEGS_MAX; i++) {
        if (!(copies & 1u << i))
            continue;
        if (!leg_can_send(session->legs[i].leg, item->length, now)) {
            session_owe(session, i, frame.sequence, item->length, now);
            continue;
        }
        if (!write_datagram(&session->legs[i], &frame, &segment, outstanding_next_id(session->outstanding),
                            more_wait(session), now))
            continue;
        session_sent(session, i, &frame, item, true, now);
    }
    return slot;
}

static void pump_marks(struct session *session, uint64_t now) {
    struct frame_mark mark;
    unsigned slot;
    while (session_next_mark(session, &mark, &slot, now)) {
        struct carrier *carrier = session->legs[slot].owner;
        struct conn_packet packet;
        bool accepted = false;
        uint8_t *out;
        ssize_t written;
        if (carrier->error || carrier->closing || !leg_can_send(carrier->leg, FRAME_MARK_BYTES, now) ||
            !(out = udp_tx_reserve(carrier->tx, CONN_UDP_MAX)))
            return;
        written = leg_write_mark(carrier->leg, &mark, &accepted, out, CONN_UDP_MAX, &packet, now);
        if (written < 0)
            carrier->error = (int)written;
        if (written > 0)
            udp_tx_commit(carrier->tx, (size_t)written, &packet.path.local, &packet.path.remote, packet.ecn,
                          packet.probe);
        carrier_mark_only(carrier);
        if (!accepted)
            return;
        session_mark_sent(session, &mark, now);
    }
}

/* Send what the queue shows. @return as send_bonded(); not negative: it has left the queue */
static int send_shown(struct session *session, struct last_sent *last, const struct queue_item *item, uint64_t now) {
    const size_t length = item->length;
    const int slot = send_bonded(session, last, item, now);
    if (slot < 0)
        return slot;
    meter_add(&session->sent, length, now);
    queue_commit(session->queue);
    return slot;
}

/* What a leg took along that fell silent or died is many packets, and the others may have their start-up before them,
 * so that it takes them a tenth of a second. Packets of flows that send little do not wait for that, lost or new. But
 * the new ones, which may be as much as the legs carry where such flows are many, are a quantum ahead at most, until as
 * much of what is due went: by turns neither starves. */
static void pump_light(struct session *session, uint64_t now) {
    const struct queue_item *item;
    struct last_sent last = {.split = NULL};
    unsigned refused = 0;
    if (!outstanding_is_takeover(session->outstanding)) {
        session->light_ahead = 0;
        return;
    }
    if (pump_resends(session, true, now))
        return;
    while (session->light_ahead < QUEUE_QUANTUM_BYTES && (item = queue_peek(session->queue, now))) {
        const uint32_t length = item->length;
        const bool light = item->light;
        const int slot = light ? send_shown(session, &last, item, now) : SCHED_SKIP;
        if (slot >= 0)
            session->light_ahead += length;
        else if (slot != SCHED_SKIP || (light && ++refused == LIGHT_REFUSED) || !queue_skip(session->queue))
            break;
    }
    queue_resume(session->queue);
    finish_packets(session);
}

static bool pump_bonded(struct session *session, uint64_t now) {
    const struct queue_item *item;
    struct last_sent last = {.split = NULL};
    bool waiting = false, skipped = false;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        session->legs[i].blocked = false;
    pump_marks(session, now); /* a leg that is about to be used again is announced before its first packet */
    pump_owed(session, now);
    pump_light(session, now);
    waiting = pump_resends(session, false, now);
    while (!waiting && (item = queue_peek(session->queue, now))) {
        int slot = send_shown(session, &last, item, now);
        if (slot == SCHED_SKIP && queue_skip(session->queue))
            skipped = true;
        else if (slot < 0)
            waiting = true;
    }
    if (skipped)
        queue_resume(session->queue);
    waiting = waiting || skipped || session->owed_count > 0;
    finish_packets(session);
    pump_marks(session, now);
    return waiting;
}

bool egress_pump(struct session *session, uint64_t now) {
    return session->bonded ? pump_bonded(session, now) : pump_plain(session, now);
}

void egress_icmp_to_peer(struct session *session, enum icmp_reason reason, const uint8_t *packet, size_t length,
                         const struct inner *inner) {
    struct worker *worker = tunnel_of(session)->worker;
    const struct ip_addr *source = &worker->icmp_source[inner->version == 6];
    struct superpacket answer = {.offset = BUF_HEADROOM};
    struct inner headers;
    uint64_t now = loop_now(worker->loop);

    if (!source->version)
        return;
    if (!icmp_limit_allows(&worker->icmp, now)) {
        worker_drop(worker, DROP_ICMP_LIMITED);
        return;
    }
    answer.buf = buf_get(worker->buffers, BUF_HEADROOM + ICMP_ERROR_MAX);
    if (!answer.buf)
        return;
    answer.length = (uint32_t)icmp_error(reason, packet, length, source, 0, superpacket_data(&answer));
    if (!answer.length || inner_parse(superpacket_data(&answer), answer.length, false, &headers) ||
        queue_put(session->queue, &answer, &headers, now))
        buf_unref(answer.buf);
    else
        tunnel_mark(tunnel_of(session));
}
