/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handover: packets from the TUN that came to a worker whose session they are not for. The kernel gives a packet to the
 * queue that last wrote one of its flow, so these are the first of a flow that begins at the server's side, and flows
 * that the client has not answered for seconds. */
#ifndef MPVPN_HANDOVER_H
#define MPVPN_HANDOVER_H

#include "packet/superpacket.h"
#include "shared.h"
#include "worker.h"

struct handover;

/** What one worker hands to the others. @param workers of all, by number; they outlive it @return NULL: no memory */
struct handover *handover_new(struct worker *worker, struct shared *shared, struct worker *const *workers);
/** Free, when no worker runs any more. NULL is fine. */
void handover_free(struct handover *handover);
/** Give a packet to the worker whose session has this address. @return false: no other worker's has, the packet is
 * still the caller's; true: it is gone, in the next batch or dropped with a counter */
bool handover_offer(struct handover *handover, struct superpacket *packet, const struct ip_addr *target);
/** At the end of the turn: send what was gathered on its way. */
void handover_flush(struct handover *handover);
/** Packets that were handed on. */
uint64_t handover_count(const struct handover *handover);

#endif
