/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods: the control protocol on the daemon's side: JSON-RPC 2.0 lines in, answers out, dispatched by
 * common/methods.def. */
#ifndef MPVPN_METHODS_H
#define MPVPN_METHODS_H

#include "os/ctlsock.h"

struct daemon;

/** The hooks that a control socket of this daemon is opened with; the daemon outlives the socket. */
struct ctlsock_hooks methods_hooks(struct daemon *daemon);

#endif
