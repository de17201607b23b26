/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefixmap: one uthash table keyed by (version, length, masked address), and a count of prefixes for each length, so
 * that only lengths in use are tried. */
#include "packet/prefixmap.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct entry {
    struct ip_prefix key; /* masked; struct ip_prefix has no padding: bytes only */
    void *owner;
    UT_hash_handle hh;
};

struct prefixmap {
    struct entry *table;
    size_t count[2][129]; /* prefixes of each length, IPv4 and IPv6 */
};

_Static_assert(sizeof(struct ip_prefix) == 18, "struct ip_prefix is used as a hash key and must have no padding");

static struct ip_prefix masked(const struct ip_addr *addr, unsigned length) {
    struct ip_prefix whole = {.addr = *addr, .length = (uint8_t)length};
    struct ip_prefix key = {.addr = ip_prefix_first(&whole), .length = (uint8_t)length};
    return key;
}

static struct entry *find_key(const struct prefixmap *map, const struct ip_prefix *key) {
    struct entry *entry;
    HASH_FIND(hh, map->table, key, sizeof *key, entry);
    return entry;
}

struct prefixmap *prefixmap_new(void) {
    return calloc(1, sizeof(struct prefixmap));
}

void prefixmap_free(struct prefixmap *map) {
    struct entry *entry, *next;
    if (!map)
        return;
    HASH_ITER(hh, map->table, entry, next) {
        HASH_DEL(map->table, entry);
        free(entry);
    }
    free(map);
}

int prefixmap_put(struct prefixmap *map, const struct ip_prefix *prefix, void *owner) {
    struct ip_prefix key = masked(&prefix->addr, prefix->length);
    struct entry *entry = find_key(map, &key);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return -ENOMEM;
        entry->key = key;
        HASH_ADD(hh, map->table, key, sizeof entry->key, entry);
        map->count[key.addr.version == 6][key.length]++;
    }
    entry->owner = owner;
    return 0;
}

void prefixmap_remove(struct prefixmap *map, const struct ip_prefix *prefix, const void *owner) {
    struct ip_prefix key = masked(&prefix->addr, prefix->length);
    struct entry *entry = find_key(map, &key);
    if (!entry || entry->owner != owner)
        return;
    map->count[key.addr.version == 6][key.length]--;
    HASH_DEL(map->table, entry);
    free(entry);
}

void *prefixmap_find(const struct prefixmap *map, const struct ip_addr *addr) {
    const size_t *count = map->count[addr->version == 6];
    for (int length = (int)ip_addr_bits(addr); length >= 0; length--) {
        if (!count[length])
            continue;
        struct ip_prefix key = masked(addr, (unsigned)length);
        struct entry *entry = find_key(map, &key);
        if (entry)
            return entry->owner;
    }
    return NULL;
}
