/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cidtable: which leg owns a connection ID.
 *
 * How it works: open addressing with linear probing in a table of a power of two that is at most half full; the hash is
 * SipHash-2-4 with a random key, since an attacker chooses the connection IDs of first packets. Removal shifts the
 * following entries back, so there are no tombstones and a look-up ends at the first hole.
 *
 * What it leaves out: shrinking. A table keeps the size that its busiest time needed.
 *
 * Invariants: every entry can be reached from its home slot without crossing a hole. */
#include "quic/cidtable.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u /**< slots of a new table, a power of two */

struct slot {
    void *owner;         /**< who gets its packets; NULL: hole */
    struct conn_cid cid; /**< key */
};

struct cidtable {
    uint64_t key[2];    /**< of the hash */
    struct slot *slots; /**< owned */
    size_t size;        /**< slots, a power of two */
    size_t count;       /**< entries */
};

static inline uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/** SipHash-2-4 of a connection ID, padded with zeros to three words; its length goes into the last, so that padding
 * makes no equals. */
static uint64_t hash(const struct cidtable *table, const struct conn_cid *cid) {
    uint64_t v[4] = {table->key[0] ^ 0x736f6d6570736575u, table->key[1] ^ 0x646f72616e646f6du,
                     table->key[0] ^ 0x6c7967656e657261u, table->key[1] ^ 0x7465646279746573u};
    uint64_t words[3] = {0};

    memcpy(words, cid->bytes, cid->length);
    words[2] |= (uint64_t)cid->length << 56;
    for (int i = 0; i < 3; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool same(const struct conn_cid *a, const struct conn_cid *b) {
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/** The slot of a cid, or the hole where it would go. */
static size_t locate(const struct cidtable *table, const struct conn_cid *cid) {
    size_t i = (size_t)hash(table, cid) & (table->size - 1);

    while (table->slots[i].owner != NULL && !same(&table->slots[i].cid, cid))
        i = (i + 1) & (table->size - 1);
    return i;
}

struct cidtable *cidtable_new(const uint8_t key[16]) {
    struct cidtable *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->slots = calloc(FIRST_SLOTS, sizeof *table->slots);
    if (table->slots == NULL) {
        free(table);
        return NULL;
    }
    table->size = FIRST_SLOTS;
    memcpy(table->key, key, sizeof table->key);
    return table;
}

void cidtable_free(struct cidtable *table) {
    if (table == NULL)
        return;
    free(table->slots);
    free(table);
}

/** Double the table. */
static int grow(struct cidtable *table) {
    struct slot *old = table->slots;
    size_t old_size = table->size;
    struct slot *slots = calloc(2 * old_size, sizeof *slots);

    if (slots == NULL)
        return -ENOMEM;
    table->slots = slots;
    table->size = 2 * old_size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].owner != NULL)
            table->slots[locate(table, &old[i].cid)] = old[i];
    free(old);
    return 0;
}

int cidtable_add(struct cidtable *table, const struct conn_cid *cid, void *owner) {
    size_t i;

    if (2 * (table->count + 1) > table->size && grow(table) != 0)
        return -ENOMEM;
    i = locate(table, cid);
    if (table->slots[i].owner != NULL)
        return table->slots[i].owner == owner ? 0 : -EEXIST;
    table->slots[i] = (struct slot){owner, *cid};
    table->count++;
    return 0;
}

void cidtable_remove(struct cidtable *table, const struct conn_cid *cid) {
    size_t mask = table->size - 1, hole = locate(table, cid);

    if (table->slots[hole].owner == NULL)
        return;
    table->count--;
    for (size_t i = (hole + 1) & mask; table->slots[i].owner != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)hash(table, &table->slots[i].cid) & mask;

        /* An entry may fill the hole unless its home lies behind the hole. */
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole].owner = NULL;
}

void *cidtable_find(const struct cidtable *table, const struct conn_cid *cid) {
    return table->slots[locate(table, cid)].owner;
}
