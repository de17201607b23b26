/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_internal: what the session*.c files share. */
#ifndef MPVPN_BOND_SESSION_INTERNAL_H
#define MPVPN_BOND_SESSION_INTERNAL_H

#include "bond/session.h"

/** The open leg, fit for use, with the shortest round trip. @param except this slot is not it; -1: any @return its
 * slot; -1: none */
int session_fastest(const struct session *session, int except);
/** When a report of what came is due, ns; TIME_NEVER: nothing came since the last. */
uint64_t session_report_at(const struct session *session);
/** Tell the peer what came on the legs whose report is due. */
void session_report(struct session *session, uint64_t now);

#endif
