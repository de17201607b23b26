/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool: which inner addresses are whose.
 *
 * How it works: an address has an entry in a hash table only while there is something to say about it: taken, reserved,
 * or given back. Each prefix is walked once, address by address, by its cursor; what was given back waits in a list,
 * longest free first. New addresses come from the cursor while that list is short, so that an address rests for a while
 * before somebody else gets it; then from the list. Taking and giving are thus O(1) whatever the size, and a /64 costs
 * no more than its sessions. What it leaves out: routing, sessions and their limits; prefixes for a session (each gets
 * single addresses). Invariants: a FREE entry lies before its prefix's cursor and in the list; no address past a cursor
 * is FREE; the first and second address of a prefix (network or subnet-router anycast, and the server) and IPv4's last
 * are never given. Standards: RFC 4291 section 2.6.1 (subnet-router anycast). */
#include "masque/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "masque/auth.h"

#define REST_COUNT 1024u /* given-back addresses that rest before one of them is given anew */

/** What is known of an address. */
struct entry {
    struct ip_addr addr;          /**< key */
    char reserved[AUTH_NAME_MAX]; /**< user it is kept for; "": nobody */
    bool taken;                   /**< a session has it */
    bool listed;                  /**< it is in the list of given-back addresses */
    struct entry *prev, *next;    /**< neighbours in that list */
    UT_hash_handle hh;            /**< by addr */
};

/** What a user had last. */
struct habit {
    char user[AUTH_NAME_MAX];  /**< key */
    struct ip_addr address[2]; /**< IPv4, IPv6; version 0: none */
    UT_hash_handle hh;         /**< by user */
};

/** One prefix of the configuration. */
struct range {
    struct ip_prefix prefix; /**< without host bits */
    struct ip_addr server;   /**< the server's own address */
    struct ip_addr last;     /**< last address that may be given */
    struct ip_addr cursor;   /**< next address never looked at */
    bool exhausted;          /**< the cursor is past last */
};

/** Counters and the resting list of one IP version. */
struct family {
    struct entry *rested; /**< given back, longest free first */
    size_t rested_count;  /**< entries there */
};

struct pool {
    struct range *ranges;      /**< all prefixes, as configured */
    size_t range_count;        /**< how many */
    struct entry *entries;     /**< hash table by address */
    struct habit *habits;      /**< hash table by user */
    struct family families[2]; /**< IPv4, IPv6 */
};

static size_t family_index(uint8_t version) {
    return version == 6;
}

static struct family *family_of(struct pool *pool, const struct ip_addr *addr) {
    return &pool->families[family_index(addr->version)];
}

static struct entry *entry_find(const struct pool *pool, const struct ip_addr *addr) {
    struct entry *entry;
    HASH_FIND(hh, pool->entries, addr, sizeof(*addr), entry);
    return entry;
}

/** The entry of an address, made if there is none. @return NULL: out of memory */
static struct entry *entry_get(struct pool *pool, const struct ip_addr *addr) {
    struct entry *entry = entry_find(pool, addr);
    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->addr = *addr;
    HASH_ADD(hh, pool->entries, addr, sizeof(entry->addr), entry);
    return entry;
}

static void entry_drop(struct pool *pool, struct entry *entry) {
    HASH_DEL(pool->entries, entry);
    free(entry);
}

static void entry_unlist(struct pool *pool, struct entry *entry) {
    struct family *family = family_of(pool, &entry->addr);
    if (!entry->listed)
        return;
    DL_DELETE(family->rested, entry);
    family->rested_count--;
    entry->listed = false;
}

/** The prefix that an address lies in, or NULL. */
static const struct range *range_find(const struct pool *pool, const struct ip_addr *addr) {
    for (size_t i = 0; i < pool->range_count; i++) {
        if (ip_prefix_contains(&pool->ranges[i].prefix, addr))
            return &pool->ranges[i];
    }
    return NULL;
}

/** Whether an address of this prefix may be given to anybody. */
static bool range_gives(const struct range *range, const struct ip_addr *addr) {
    return ip_addr_compare(addr, &range->server) > 0 && ip_addr_compare(addr, &range->last) <= 0;
}

/** An entry is neither taken nor reserved any more: let it rest, or forget it if the cursor has yet to come by. */
static void entry_settle(struct pool *pool, struct entry *entry) {
    const struct range *range = range_find(pool, &entry->addr);
    if (entry->taken || entry->reserved[0] != '\0' || entry->listed)
        return;
    if (range == NULL || (!range->exhausted && ip_addr_compare(&entry->addr, &range->cursor) >= 0)) {
        entry_drop(pool, entry);
        return;
    }
    struct family *family = family_of(pool, &entry->addr);
    DL_APPEND(family->rested, entry);
    family->rested_count++;
    entry->listed = true;
}

/** Set one prefix up. @return false: too small */
static bool range_init(struct range *range, const struct ip_prefix *prefix) {
    if (ip_addr_size(&prefix->addr) == 0 || prefix->length > ip_addr_bits(&prefix->addr) - 2)
        return false;
    range->prefix = *prefix;
    range->prefix.addr = ip_prefix_first(prefix);
    range->server = range->prefix.addr;
    ip_addr_add(&range->server, 1);
    range->cursor = range->server;
    ip_addr_add(&range->cursor, 1);
    range->last = ip_prefix_last(prefix);
    /* The last address of an IPv4 prefix is its broadcast address: an odd number, so no borrow. */
    if (prefix->addr.version == 4)
        range->last.bytes[3]--;
    return true;
}

/** The earlier prefix that overlaps number index, or NULL. */
static const struct range *range_overlap(const struct pool *pool, size_t index) {
    const struct range *range = &pool->ranges[index];
    for (size_t i = 0; i < index; i++) {
        const struct range *other = &pool->ranges[i];
        if (ip_prefix_contains(&other->prefix, &range->prefix.addr) ||
            ip_prefix_contains(&range->prefix, &other->prefix.addr))
            return other;
    }
    return NULL;
}

int pool_new(const struct ip_prefix *prefixes, size_t count, struct pool **out, char *why, size_t why_size) {
    struct pool *pool = calloc(1, sizeof(*pool));
    char text[IP_PREFIX_TEXT_MAX], other_text[IP_PREFIX_TEXT_MAX];
    if (pool == NULL)
        return -ENOMEM;
    pool->ranges = calloc(count + 1, sizeof(*pool->ranges));
    if (pool->ranges == NULL) {
        free(pool);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!range_init(&pool->ranges[i], &prefixes[i])) {
            snprintf(why, why_size, "%s has fewer than 4 addresses", ip_prefix_print(&prefixes[i], text));
            goto err_pool;
        }
        const struct range *other = range_overlap(pool, i);
        if (other != NULL) {
            snprintf(why, why_size, "%s overlaps %s", ip_prefix_print(&prefixes[i], text),
                     ip_prefix_print(&other->prefix, other_text));
            goto err_pool;
        }
        pool->range_count++;
    }
    *out = pool;
    return 0;

err_pool:
    pool_free(pool);
    return -EINVAL;
}

void pool_free(struct pool *pool) {
    if (pool == NULL)
        return;
    struct entry *entry, *next_entry;
    HASH_ITER(hh, pool->entries, entry, next_entry) entry_drop(pool, entry);
    struct habit *habit, *next_habit;
    HASH_ITER(hh, pool->habits, habit, next_habit) {
        HASH_DEL(pool->habits, habit);
        free(habit);
    }
    free(pool->ranges);
    free(pool);
}

int pool_server_address(const struct pool *pool, uint8_t version, struct ip_prefix *out) {
    for (size_t i = 0; i < pool->range_count; i++) {
        const struct range *range = &pool->ranges[i];
        if (range->prefix.addr.version != version)
            continue;
        out->addr = range->server;
        out->length = range->prefix.length;
        return 0;
    }
    return -ENOENT;
}

int pool_reserve(struct pool *pool, const struct ip_addr *addr, const char *user) {
    const struct range *range = range_find(pool, addr);
    if (user[0] == '\0' || strlen(user) >= AUTH_NAME_MAX || ip_addr_size(addr) == 0)
        return -EINVAL;
    if (range != NULL && !range_gives(range, addr))
        return -EINVAL;
    struct entry *entry = entry_get(pool, addr);
    if (entry == NULL)
        return -ENOMEM;
    if (entry->reserved[0] != '\0')
        return strcmp(entry->reserved, user) == 0 ? 0 : -EEXIST;
    entry_unlist(pool, entry);
    strcpy(entry->reserved, user);
    return 0;
}

void pool_clear_reservations(struct pool *pool) {
    struct entry *entry, *next;
    HASH_ITER(hh, pool->entries, entry, next) {
        if (entry->reserved[0] == '\0')
            continue;
        entry->reserved[0] = '\0';
        entry_settle(pool, entry);
    }
}

/** Whether this user may have this address now. @param entry its entry, or NULL */
static bool may_have(const struct entry *entry, const char *user) {
    if (entry == NULL)
        return true;
    return !entry->taken && (entry->reserved[0] == '\0' || strcmp(entry->reserved, user) == 0);
}

/** Whether this very address can be taken now by the user: free, and of a prefix or reserved for them. */
static bool can_take(const struct pool *pool, const struct ip_addr *addr, const char *user) {
    const struct range *range = range_find(pool, addr);
    const struct entry *entry = entry_find(pool, addr);
    if (!may_have(entry, user))
        return false;
    return range != NULL ? range_gives(range, addr) : entry != NULL && entry->reserved[0] != '\0';
}

static struct habit *habit_find(const struct pool *pool, const char *user) {
    struct habit *habit;
    HASH_FIND_STR(pool->habits, user, habit);
    return habit;
}

/** Remember what a user was given; without memory for it nothing is lost but the habit. */
static void habit_set(struct pool *pool, const char *user, const struct ip_addr *addr) {
    if (user[0] == '\0' || strlen(user) >= AUTH_NAME_MAX)
        return;
    struct habit *habit = habit_find(pool, user);
    if (habit == NULL) {
        habit = calloc(1, sizeof(*habit));
        if (habit == NULL)
            return;
        strcpy(habit->user, user);
        HASH_ADD_STR(pool->habits, user, habit);
    }
    habit->address[family_index(addr->version)] = *addr;
}

/** Mark an address taken. @return 0; -ENOSPC: no memory for its entry */
static int take(struct pool *pool, const struct ip_addr *addr, const char *user, struct ip_addr *out) {
    struct entry *entry = entry_get(pool, addr);
    if (entry == NULL)
        return -ENOSPC;
    entry_unlist(pool, entry);
    entry->taken = true;
    habit_set(pool, user, &entry->addr);
    *out = entry->addr;
    return 0;
}

/** The next address that was never given, from the cursors. @return false: all were */
static bool next_new(struct pool *pool, uint8_t version, struct ip_addr *out) {
    for (size_t i = 0; i < pool->range_count; i++) {
        struct range *range = &pool->ranges[i];
        while (range->prefix.addr.version == version && !range->exhausted) {
            *out = range->cursor;
            range->exhausted = ip_addr_compare(&range->cursor, &range->last) == 0;
            if (!range->exhausted)
                ip_addr_add(&range->cursor, 1);
            /* Whatever has an entry here is taken or reserved, and settles into the list later. */
            if (entry_find(pool, out) == NULL)
                return true;
        }
    }
    return false;
}

int pool_take(struct pool *pool, uint8_t version, const char *user, const struct ip_addr *wanted, struct ip_addr *out) {
    struct ip_prefix server;
    if (pool_server_address(pool, version, &server) != 0)
        return -ENOENT;
    if (wanted != NULL && wanted->version == version && can_take(pool, wanted, user))
        return take(pool, wanted, user, out);
    const struct habit *habit = habit_find(pool, user);
    if (habit != NULL) {
        struct ip_addr last = habit->address[family_index(version)];
        if (last.version == version && can_take(pool, &last, user))
            return take(pool, &last, user, out);
    }
    const struct family *family = &pool->families[family_index(version)];
    struct ip_addr addr;
    if (family->rested_count <= REST_COUNT && next_new(pool, version, &addr))
        return take(pool, &addr, user, out);
    if (family->rested == NULL)
        return -ENOSPC;
    addr = family->rested->addr;
    return take(pool, &addr, user, out);
}

int pool_take_fixed(struct pool *pool, const struct ip_addr *addr, const char *user) {
    const struct entry *entry = entry_find(pool, addr);
    struct ip_addr taken;
    if (entry == NULL || strcmp(entry->reserved, user) != 0 || user[0] == '\0')
        return -EPERM;
    if (entry->taken)
        return -EBUSY;
    return take(pool, addr, user, &taken);
}

void pool_give(struct pool *pool, const struct ip_addr *addr) {
    struct entry *entry = entry_find(pool, addr);
    if (entry == NULL || !entry->taken)
        return;
    entry->taken = false;
    entry_settle(pool, entry);
}
