/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve: host names to addresses in a helper thread (getaddrinfo blocks), one query at a time, answers handed to the
 * loop. */
#ifndef MPVPN_OS_RESOLVE_H
#define MPVPN_OS_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "os/loop.h"

#define RESOLVE_MAX 8u /**< addresses kept of an answer */

struct resolve;
/** @param error 0, or a getaddrinfo EAI_ code (count is 0 then) */
typedef void resolve_answer_fn(void *context, int error, const struct ip_addr *addresses, size_t count);

/** Start the thread. @return 0 or -errno */
int resolve_new(struct loop *loop, struct resolve **out);
/** Stop it; a query under way is abandoned. NULL is fine. */
void resolve_free(struct resolve *resolve);
/** Ask; on_answer is called in the loop, once. A numeric address is answered too, without the thread. @return 0;
 * -EBUSY: one is under way */
int resolve_query(struct resolve *resolve, const char *host, resolve_answer_fn *on_answer, void *context);

#endif
