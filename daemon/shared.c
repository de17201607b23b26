/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shared: the seats of a server's sessions and their addresses, under one lock.
 *
 * How it works: a session sits down when it is opened and leaves its seat when it ends, both in its own worker.
 * Somebody else, in any worker, may unseat it: from that moment it counts for no limit and has no address, so the
 * newcomer need not wait; its own worker hears of it afterwards (struct eviction), ends it and frees the seat. In
 * between it only gets nothing from the TUN any more.
 *
 * It leaves out telling anybody: nothing is called with the lock held.
 * Invariants: a seat is on the list, and its addresses are in the pool's and the map's books, exactly while it is not
 * unseated; numbers grow in the order of the list. */
#include "shared.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "bond/control.h"

int shared_init(struct shared *shared, size_t worker_count, struct pool *pool) {
    struct prefixmap *owners = prefixmap_new();
    if (!owners)
        return -ENOMEM;
    *shared = (struct shared){.worker_count = worker_count, .pool = pool, .owners = owners};
    pthread_mutex_init(&shared->lock, NULL);
    return 0;
}

void shared_fini(struct shared *shared) {
    if (!shared->owners)
        return;
    pthread_mutex_destroy(&shared->lock);
    prefixmap_free(shared->owners);
    pool_free(shared->pool);
    *shared = (struct shared){0};
}

/* users' fixed addresses */

static int reserve_all(struct pool *pool, const struct auth *auth, char *why, size_t why_size) {
    pool_clear_reservations(pool);
    for (size_t i = 0; i < auth_count(auth); i++) {
        const struct auth_user *user = auth_at(auth, i);
        for (int k = 0; k < 2; k++) {
            char text[IP_ADDR_TEXT_MAX];
            if (!user->address[k].version || !pool_reserve(pool, &user->address[k], user->name))
                continue;
            snprintf(why, why_size,
                     "[User %s] Address: %s is another user's, the server's own, or first or last of a pool",
                     user->name, ip_addr_print(&user->address[k], text));
            return -EEXIST;
        }
    }
    return 0;
}

int shared_reserve(struct shared *shared, const struct auth *auth, const struct auth *former, char *why,
                   size_t why_size) {
    char ignored[160];
    int error;
    pthread_mutex_lock(&shared->lock);
    error = reserve_all(shared->pool, auth, why, why_size);
    if (error && former)
        reserve_all(shared->pool, former, ignored, sizeof ignored);
    pthread_mutex_unlock(&shared->lock);
    return error;
}

/* sitting down and being unseated; with the lock held */

static void give_addresses(struct shared *shared, struct seat *seat) {
    for (size_t i = 0; i < seat->address_count; i++) {
        const struct ip_prefix prefix = {.addr = seat->address[i], .length = (uint8_t)ip_addr_bits(&seat->address[i])};
        prefixmap_remove(shared->owners, &prefix, seat);
        pool_give(shared->pool, &seat->address[i]);
    }
    seat->address_count = 0;
}

static void stand_up(struct shared *shared, struct seat *seat) {
    if (seat->unseated)
        return;
    seat->unseated = true;
    give_addresses(shared, seat);
    DL_DELETE(shared->seats, seat);
    shared->seat_count--;
}

static void unseat(struct shared *shared, struct seat *seat, const char *reason, struct evictions *evictions) {
    stand_up(shared, seat);
    evictions->list[evictions->count++] = (struct eviction){.worker = seat->worker, .id = seat->id, .reason = reason};
}

/* The oldest lingering session makes room. @param user of this user only; NULL: of anybody @return false: none
 * lingers */
static bool unseat_lingering(struct shared *shared, const char *user, struct evictions *evictions) {
    struct seat *seat;
    DL_FOREACH(shared->seats, seat) {
        if (!seat->lingering || (user && strcmp(seat->user, user) != 0))
            continue;
        unseat(shared, seat, NULL, evictions);
        return true;
    }
    return false;
}

static size_t count_of(const struct shared *shared, const char *user, bool lingering) {
    const struct seat *seat;
    size_t count = 0;
    DL_FOREACH(shared->seats, seat) count += !strcmp(seat->user, user) && (!lingering || seat->lingering);
    return count;
}

static int check_limits(struct shared *shared, const char *user, const struct shared_limits *limits,
                        struct evictions *evictions) {
    if (user && count_of(shared, user, false) >= limits->per_user && !unseat_lingering(shared, user, evictions))
        return -EUSERS;
    if (shared->seat_count >= limits->sessions && !unseat_lingering(shared, NULL, evictions))
        return -ENFILE;
    return 0;
}

int shared_sit(struct shared *shared, uint8_t worker, const char *user, const struct shared_limits *limits,
               struct seat **out, struct evictions *evictions) {
    struct seat *seat = calloc(1, sizeof *seat);
    int error;
    evictions->count = 0;
    if (!seat)
        return -ENOMEM;
    snprintf(seat->user, sizeof seat->user, "%s", user ? user : "-");
    seat->worker = worker;
    pthread_mutex_lock(&shared->lock);
    error = check_limits(shared, user, limits, evictions);
    if (!error) {
        seat->id = ++shared->last_id;
        DL_APPEND(shared->seats, seat);
        shared->seat_count++;
    }
    pthread_mutex_unlock(&shared->lock);
    if (error)
        free(seat);
    else
        *out = seat;
    return error;
}

/* with the lock held */
static int take(struct shared *shared, struct seat *seat, uint8_t version, const struct ip_addr *fixed,
                struct ip_addr *out, struct evictions *evictions) {
    struct seat *holder = fixed ? prefixmap_find(shared->owners, fixed) : NULL;
    struct ip_prefix prefix;
    int error;
    if (seat->address_count == SESSION_ADDRESSES_MAX || seat->unseated)
        return -ENOSPC;
    if (holder == seat)
        return -EALREADY;
    prefix.addr = fixed ? *fixed : (struct ip_addr){0};
    error = fixed ? pool_take_fixed(shared->pool, fixed, seat->user)
                  : pool_take(shared->pool, version, seat->user, NULL, &prefix.addr);
    if (error == -EBUSY && holder) { /* it is this user's, and only somebody sits on it */
        unseat(shared, holder, CONTROL_REPLACED, evictions);
        error = pool_take_fixed(shared->pool, fixed, seat->user);
    }
    if (error)
        return error;
    prefix.length = (uint8_t)ip_addr_bits(&prefix.addr);
    if (prefixmap_put(shared->owners, &prefix, seat)) {
        pool_give(shared->pool, &prefix.addr);
        return -ENOMEM;
    }
    seat->address[seat->address_count++] = prefix.addr;
    *out = prefix.addr;
    return 0;
}

int shared_take(struct shared *shared, struct seat *seat, uint8_t version, const struct ip_addr *fixed,
                struct ip_addr *out, struct evictions *evictions) {
    int error;
    evictions->count = 0;
    pthread_mutex_lock(&shared->lock);
    error = take(shared, seat, version, fixed, out, evictions);
    pthread_mutex_unlock(&shared->lock);
    return error;
}

bool shared_make_room(struct shared *shared, struct evictions *evictions) {
    bool made;
    evictions->count = 0;
    pthread_mutex_lock(&shared->lock);
    made = unseat_lingering(shared, NULL, evictions);
    pthread_mutex_unlock(&shared->lock);
    return made;
}

void shared_bond(struct shared *shared, struct seat *seat, const uint8_t id[JOIN_ID_BYTES],
                 const uint8_t secret[JOIN_SECRET_BYTES]) {
    pthread_mutex_lock(&shared->lock);
    memcpy(seat->bond_id, id, sizeof seat->bond_id);
    memcpy(seat->secret, secret, sizeof seat->secret);
    seat->bonded = true;
    pthread_mutex_unlock(&shared->lock);
}

void shared_linger(struct shared *shared, struct seat *seat, bool lingering, size_t most, struct evictions *evictions) {
    evictions->count = 0;
    pthread_mutex_lock(&shared->lock);
    seat->lingering = lingering;
    if (lingering && !seat->unseated && count_of(shared, seat->user, true) > most)
        unseat_lingering(shared, seat->user, evictions);
    pthread_mutex_unlock(&shared->lock);
}

void shared_leave(struct shared *shared, struct seat *seat) {
    pthread_mutex_lock(&shared->lock);
    stand_up(shared, seat);
    pthread_mutex_unlock(&shared->lock);
    explicit_bzero(seat->secret, sizeof seat->secret);
    free(seat);
}

/* looking */

int shared_find(struct shared *shared, const char *user, const uint8_t id[JOIN_ID_BYTES],
                uint8_t secret[JOIN_SECRET_BYTES]) {
    const struct seat *seat;
    int worker = -ENOENT;
    pthread_mutex_lock(&shared->lock);
    DL_FOREACH(shared->seats, seat) {
        if (!seat->bonded || strcmp(seat->user, user) != 0 || memcmp(seat->bond_id, id, JOIN_ID_BYTES) != 0)
            continue;
        memcpy(secret, seat->secret, JOIN_SECRET_BYTES);
        worker = seat->worker;
        break;
    }
    pthread_mutex_unlock(&shared->lock);
    return worker;
}

int shared_owner(struct shared *shared, const struct ip_addr *addr) {
    const struct seat *seat;
    int worker;
    pthread_mutex_lock(&shared->lock);
    seat = prefixmap_find(shared->owners, addr);
    worker = seat ? seat->worker : -ENOENT;
    pthread_mutex_unlock(&shared->lock);
    return worker;
}

size_t shared_count(struct shared *shared, const char *user) {
    size_t count;
    pthread_mutex_lock(&shared->lock);
    count = user ? count_of(shared, user, false) : shared->seat_count;
    pthread_mutex_unlock(&shared->lock);
    return count;
}

bool shared_page(struct shared *shared, uint64_t after, size_t limit, uint64_t *last) {
    const struct seat *seat;
    size_t count = 0;
    *last = after;
    pthread_mutex_lock(&shared->lock);
    DL_FOREACH(shared->seats, seat) {
        if (seat->id > after && count++ < limit)
            *last = seat->id;
    }
    pthread_mutex_unlock(&shared->lock);
    return count > limit;
}
