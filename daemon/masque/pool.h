/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool: the server's inner addresses: prefixes from the configuration, one address for each session and version, fixed
 * addresses of users kept apart, and the addresses that a user had last given again while they are free. The first host
 * address of each prefix is the server's own. */
#ifndef MPVPN_MASQUE_POOL_H
#define MPVPN_MASQUE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"

struct pool;

/** @param prefixes copied @return 0; -EINVAL: too small (an IPv4 prefix needs ≥ 4 addresses), overlapping (why names
 * which); -ENOMEM */
int pool_new(const struct ip_prefix *prefixes, size_t count, struct pool **out, char *why, size_t why_size);
void pool_free(struct pool *pool);
/** The server's own address in the pool of this version, with the prefix's length. @return 0; -ENOENT: no pool of this
 * version */
int pool_server_address(const struct pool *pool, uint8_t version, struct ip_prefix *out);
/** Keep an address for one user only. @return 0; -EEXIST: it is another's; a fixed address may lie outside the prefixes
 */
int pool_reserve(struct pool *pool, const struct ip_addr *addr, const char *user);
/** Forget all reservations (before a reload sets them anew). */
void pool_clear_reservations(struct pool *pool);
/**
 * Give an address: the one asked for if it is free and the user may have it, else the one the user had last, else the
 * next free one.
 * @param wanted version 0: any
 * @return 0; -ENOSPC: exhausted; -ENOENT: no pool of this version
 */
int pool_take(struct pool *pool, uint8_t version, const char *user, const struct ip_addr *wanted, struct ip_addr *out);
/** Take a reserved (fixed) address. @return 0; -EBUSY: in use; -EPERM: reserved for another */
int pool_take_fixed(struct pool *pool, const struct ip_addr *addr, const char *user);
/** Give back; unknown is fine. */
void pool_give(struct pool *pool, const struct ip_addr *addr);

#endif
