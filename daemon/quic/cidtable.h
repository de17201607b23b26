/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cidtable: which leg owns a connection ID. Looked up once per datagram, so open addressing with a keyed hash (an
 * attacker chooses the DCIDs of Initials). */
#ifndef MPVPN_QUIC_CIDTABLE_H
#define MPVPN_QUIC_CIDTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "quic/conn.h"

struct cidtable;

/** @param key random, for the hash @return the table or NULL: no memory */
struct cidtable *cidtable_new(const uint8_t key[16]);
void cidtable_free(struct cidtable *table);
/** Route cid to owner (kept, not touched). @return 0; -EEXIST: taken by another owner; -ENOMEM */
int cidtable_add(struct cidtable *table, const struct conn_cid *cid, void *owner);
/** Forget a cid; unknown is fine. */
void cidtable_remove(struct cidtable *table, const struct conn_cid *cid);
/** @return the owner, or NULL */
void *cidtable_find(const struct cidtable *table, const struct conn_cid *cid);

#endif
