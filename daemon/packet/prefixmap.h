/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefixmap: longest-prefix match from an address to an owner; a hash look-up per prefix length in use, longest first
 * (sessions mostly have host addresses, so one look-up finds them). */
#ifndef MPVPN_PACKET_PREFIXMAP_H
#define MPVPN_PACKET_PREFIXMAP_H

#include <stddef.h>

#include "common/addr.h"

struct prefixmap;

/** @return an empty map or NULL: no memory */
struct prefixmap *prefixmap_new(void);
void prefixmap_free(struct prefixmap *map);
/** Map a prefix (host bits are ignored) to owner, in place of an older owner. @return 0; -ENOMEM */
int prefixmap_put(struct prefixmap *map, const struct ip_prefix *prefix, void *owner);
/** Remove a prefix if it is owner's; else nothing. */
void prefixmap_remove(struct prefixmap *map, const struct ip_prefix *prefix, const void *owner);
/** @return the owner of the longest prefix that contains addr, or NULL */
void *prefixmap_find(const struct prefixmap *map, const struct ip_addr *addr);

#endif
