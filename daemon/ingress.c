/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ingress: one packet back, told top to bottom.
 *
 *   UDP receive (up to 64 KiB of one sender's datagrams) → ingress_on_udp: cut by GRO's segment size, find the carrier
 * by connection ID → ingress_deliver: leg_read (QUIC decrypts, acknowledges, and calls back once a datagram) →
 * ingress_on_packet: parse, check source and target, merge into a superpacket → one TUN write per superpacket at the
 * end of the turn (worker.c).
 *
 * Both ends check both addresses: the server lets a session send only from its own addresses and only to what was
 * advertised to it; the client takes only packets to its own addresses from what the server advertised. Hop limits are
 * not touched: RFC 9484 section 7 has the sender count the hop. Standards: RFC 9484. */
#include "ingress.h"

#include <string.h>

#include "egress.h"
#include "packet/inner.h"
#include "tunnel.h"

void ingress_deliver(struct carrier *carrier, const struct udp_received *received, uint8_t *data, size_t length) {
    const struct conn_path path = {.local = received->local, .remote = received->remote};
    int error;
    if (carrier->error || carrier->closing)
        return;
    error = leg_read(carrier->leg, &path, received->ecn, data, length, loop_now(carrier->worker->loop));
    if (error)
        carrier->error = error;
    carrier_mark(carrier);
}

void ingress_on_udp(struct worker *worker, const struct udp_received *received, ingress_unowned_fn *unowned,
                    void *context) {
    struct carrier *carrier = NULL;
    struct conn_cid last = {0};
    for (size_t offset = 0; offset < received->length; offset += received->segment_bytes) {
        size_t left = received->length - offset;
        size_t length = left < received->segment_bytes ? left : received->segment_bytes;
        uint8_t *data = received->data + offset;

        /* The datagrams of a batch nearly always belong together: looked up once. */
        if (!carrier || !conn_has_dcid(data, length, &last)) {
            if (conn_peek_dcid(data, length, &last)) {
                worker_drop(worker, DROP_JUNK_UDP);
                continue;
            }
            carrier = cidtable_find(worker->cids, &last);
        }
        if (carrier)
            ingress_deliver(carrier, received, data, length);
        else if (unowned)
            unowned(context, received, data, length);
        else
            worker_drop(worker, DROP_UNKNOWN_CONNECTION);
    }
}

/* Whether a session may send, or be sent, such a packet; ICMP tells the peer what it may not reach. */
static bool is_allowed(struct session *session, const uint8_t *packet, size_t length, const struct inner *inner) {
    struct worker *worker = tunnel_of(session)->worker;
    const struct ip_addr *own = worker->server ? &inner->source : &inner->target;
    const struct ip_addr *other = worker->server ? &inner->target : &inner->source;

    if (!session_has_address(session, own)) {
        worker_drop(worker, DROP_SOURCE_NOT_ALLOWED);
        if (log_limit_allows(&worker->unowned, loop_now(worker->loop))) {
            char text[IP_ADDR_TEXT_MAX];
            log_info("session %llu: packet %s %s dropped: not an address of this session",
                     (unsigned long long)session->id, worker->server ? "from" : "to", ip_addr_print(own, text));
        }
        return false;
    }
    if (!session_reaches(session, other, inner->protocol)) {
        worker_drop(worker, DROP_TARGET_NOT_ALLOWED);
        if (worker->server)
            egress_icmp_to_peer(session, ICMP_PROHIBITED, packet, length, inner);
        return false;
    }
    return true;
}

void ingress_on_packet(struct session *session, const uint8_t *packet, size_t length) {
    struct worker *worker = tunnel_of(session)->worker;
    struct inner inner;
    if (!worker->merge) {
        worker_drop(worker, DROP_NOT_OPEN);
        return;
    }
    if (inner_parse(packet, length, false, &inner)) {
        worker_drop(worker, DROP_MALFORMED_INNER);
        return;
    }
    if (!is_allowed(session, packet, length, &inner))
        return;
    meter_add(&session->received, inner.total_bytes, loop_now(worker->loop));
    if (merge_push(worker->merge, packet, inner.total_bytes))
        worker_drop(worker, DROP_NO_BUFFER);
}
