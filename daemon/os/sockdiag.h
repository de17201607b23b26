/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockdiag: what congestion control a TCP connection of this host uses, as its kernel says (sock_diag(7)). */
#ifndef MPVPN_OS_SOCKDIAG_H
#define MPVPN_OS_SOCKDIAG_H

#include <stdint.h>

#include "common/addr.h"

#define SOCKDIAG_NAME_MAX 16u /**< bytes of a congestion control's name with the 0, as Linux has it */

/** A connection as this host sees it. */
struct sockdiag_flow {
    struct ip_addr local, remote;     /**< addresses, of one family */
    uint16_t local_port, remote_port; /**< ports */
    unsigned ifindex;                 /**< interface that it may be bound to; 0: none */
};

struct sockdiag;

/** May load modules of the kernel. @return 0; -ENOENT or -EPROTONOSUPPORT: this kernel answers no such questions;
 * -ENOMEM; another -errno */
int sockdiag_open(struct sockdiag **out);
/** NULL is fine. */
void sockdiag_close(struct sockdiag *sockdiag);
/**
 * Ask; takes two system calls and waits for nothing.
 * @param name out: "cubic", "bbr", …
 * @return 0; -ENOENT: no socket of this host and network namespace has such a connection, or it only listens;
 * another -errno
 */
int sockdiag_congestion(struct sockdiag *sockdiag, const struct sockdiag_flow *flow, char name[SOCKDIAG_NAME_MAX]);

#endif
