/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drops: gathers drops that the rooms counted in statistics of their own into the counters by reason: the hall adds
 * those of what is about to be freed to the worker's, and `stats` adds those of what lives. */
#ifndef MPVPN_DROPS_H
#define MPVPN_DROPS_H

#include "bond/leg.h"
#include "bond/queue.h"
#include "bond/session.h"
#include "common/drop.h"
#include "os/tun.h"
#include "os/udp.h"

/** Add what a leg dropped; NULL is fine. */
void drops_add_leg(struct drop_counters *drops, const struct leg *leg);
/** Add what a session's queue and order dropped; NULL is fine. */
void drops_add_session(struct drop_counters *drops, const struct session *session);
/** Add what a socket dropped; NULL is fine. */
void drops_add_socket(struct drop_counters *drops, const struct udp_socket *socket);
/** Add what a TUN dropped; NULL is fine. */
void drops_add_tun(struct drop_counters *drops, const struct tun *tun);

#endif
