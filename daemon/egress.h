/* SPDX-License-Identifier: GPL-2.0-or-later */
/* egress: one packet out, from the TUN to the wire. */
#ifndef MPVPN_EGRESS_H
#define MPVPN_EGRESS_H

#include "worker.h"

/** A superpacket came from the TUN; its buffer reference passes to the callee. */
void egress_on_tun(struct worker *worker, struct superpacket *packet);
/** The same from another worker, who read it and has not got its session. */
void egress_on_handed(struct worker *worker, struct superpacket *packet);
/** Send what the session has queued, as far as window, pacer and socket of its legs allow. @return true: packets still
 * wait */
bool egress_pump(struct session *session, uint64_t now);
/** Queue an ICMP error about a packet that the peer sent, back to the peer (rate-limited). */
void egress_icmp_to_peer(struct session *session, enum icmp_reason reason, const uint8_t *packet, size_t length,
                         const struct inner *inner);

#endif
