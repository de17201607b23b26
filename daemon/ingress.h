/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ingress: one packet back, from the wire to the TUN. */
#ifndef MPVPN_INGRESS_H
#define MPVPN_INGRESS_H

#include "worker.h"

/** What to do with a datagram whose connection ID nobody owns. */
typedef void ingress_unowned_fn(void *context, const struct udp_received *received, uint8_t *data, size_t length);

/**
 * Datagrams came by a socket: cut them, and give each to its connection.
 * @param unowned called for those that no carrier owns; may be NULL: they are counted and dropped
 */
void ingress_on_udp(struct worker *worker, const struct udp_received *received, ingress_unowned_fn *unowned,
                    void *context);
/** Give one datagram to a carrier, whatever its connection ID says (a first packet, or a stateless reset). */
void ingress_deliver(struct carrier *carrier, const struct udp_received *received, uint8_t *data, size_t length);
/** A session delivered an IP packet (session_deliver_fn). */
void ingress_on_packet(struct session *session, const uint8_t *packet, size_t length);

#endif
