/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve: host names to addresses, each query in a thread of its own (getaddrinfo blocks), one at a time, answers
 * handed to the loop. */
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

/** No thread yet: the first query makes one. @return 0; -ENOMEM */
int resolve_new(struct loop *loop, struct resolve **out);
/** Free; a query under way is abandoned. NULL is fine. */
void resolve_free(struct resolve *resolve);
/** Ask for the addresses of a name; on_answer is called in the loop, once. Who has an address need not ask.
 * @return 0; -EBUSY: a query is under way */
int resolve_query(struct resolve *resolve, const char *host, resolve_answer_fn *on_answer, void *context);

#endif
