/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tunnel: makes, pumps and frees the hall's holders of sessions.
 *
 * How it works: whatever may let a session send (something was queued, acknowledged, a pacer or socket became free, a
 * timer ran) marks its tunnel; the end of the turn pumps each marked one once, which marks the carriers that were
 * written to, and then those are served (worker.c). Left out: how a packet is sent (egress.c), when a session begins
 * and ends (client.c, server.c). Invariant: a carrier's session is set exactly while its leg is attached to it. */
#include "tunnel.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "drops.h"
#include "egress.h"
#include "ingress.h"

#define ROLL_EVERY (NS_PER_SEC / 10) /* how often a busy session learns of its legs' timing */
#define QUEUE_MAX_PACKETS 4096u
#define QUEUE_MAX_BYTES (8u << 20)

static void on_deadline(void *context, uint64_t now) {
    struct tunnel *tunnel = context;
    session_on_timer(tunnel->session, now);
    tunnel_mark(tunnel);
}

static void on_lingered(void *context, uint64_t now) {
    struct tunnel *tunnel = context;
    if (tunnel->on_lingered)
        tunnel->on_lingered(tunnel, now);
}

struct tunnel *tunnel_new(struct worker *worker, uint64_t id, const char *user, void *owner) {
    struct queue_settings queue = {
        .max_packets = QUEUE_MAX_PACKETS, .max_bytes = QUEUE_MAX_BYTES, .max_memory = QUEUE_MAX_BYTES};
    const struct session_settings settings = {
        .id = id, .user = user, .queue = &queue, .buffers = worker->buffers, .deliver = ingress_on_packet};
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    if (!tunnel)
        return NULL;
    memcpy(queue.key, worker->hash_key, sizeof queue.key);
    tunnel->session = session_new(&settings, loop_now(worker->loop));
    if (!tunnel->session) {
        free(tunnel);
        return NULL;
    }
    tunnel->worker = worker;
    tunnel->owner = owner;
    tunnel->session->owner = tunnel;
    DL_APPEND(worker->tunnels, tunnel);
    tunnel->timer = (struct timer){.on_due = on_deadline, .context = tunnel};
    tunnel->linger = (struct timer){.on_due = on_lingered, .context = tunnel};
    return tunnel;
}

void tunnel_free(struct tunnel *tunnel) {
    if (!tunnel)
        return;
    if (tunnel->marked)
        LL_DELETE2(tunnel->worker->marked_tunnels, tunnel, next_marked);
    DL_DELETE(tunnel->worker->tunnels, tunnel);
    timer_set(&tunnel->worker->timers, &tunnel->timer, TIME_NEVER);
    timer_set(&tunnel->worker->timers, &tunnel->linger, TIME_NEVER);
    drops_add_session(&tunnel->worker->drops, tunnel->session);
    session_free(tunnel->session);
    free(tunnel);
}

void tunnel_mark(struct tunnel *tunnel) {
    if (tunnel->marked)
        return;
    tunnel->marked = true;
    LL_PREPEND2(tunnel->worker->marked_tunnels, tunnel, next_marked);
}

void tunnel_serve(struct tunnel *tunnel, uint64_t now) {
    struct session *session = tunnel->session;
    const bool waited = tunnel->waiting;
    if (now - session->rolled >= ROLL_EVERY)
        session_roll(session, now);
    if (session->bonded)
        session_look(session, now);
    tunnel->waiting = egress_pump(session, now);
    /* When packets begin to wait, for the deadlines of all pacers; a leg's changes only with what is sent on it, which
     * marks its carrier. And for capsules. */
    for (size_t i = 0; ((tunnel->waiting && !waited) || session->told) && i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg)
            carrier_mark_only(session->legs[i].owner);
    session->told = false;
    timer_set(&tunnel->worker->timers, &tunnel->timer, session_deadline(session, now));
}

int tunnel_attach(struct tunnel *tunnel, struct carrier *carrier, uint8_t number) {
    int slot = session_attach(tunnel->session, carrier->leg, carrier, number, loop_now(tunnel->worker->loop));
    if (slot < 0)
        return slot;
    carrier->session = tunnel->session;
    timer_set(&tunnel->worker->timers, &tunnel->linger, TIME_NEVER);
    tunnel_mark(tunnel);
    return 0;
}

void tunnel_detach(struct tunnel *tunnel, struct carrier *carrier) {
    session_detach(tunnel->session, carrier->leg, loop_now(tunnel->worker->loop));
    carrier->session = NULL;
    tunnel_mark(tunnel);
}

/* Whether three quarters of the buffers of a class are in use. */
static bool runs_low(const struct buf_pool *pool, enum buf_class size_class) {
    return buf_pool_used(pool, size_class) * 4 > buf_pool_size(pool, size_class) * 3;
}

/* Only what is held in buffers of that class gives any back: a gap given up for others is lost for nothing, and what
 * waited behind it needs large ones on its way to the TUN. */
static void relieve(struct worker *worker, enum buf_class size_class) {
    struct tunnel *tunnel, *largest;
    size_t most;
    if (!runs_low(worker->buffers, size_class))
        return;
    /* What waits for legs to come back is the least of all. */
    DL_FOREACH(worker->tunnels, tunnel)
    if (tunnel->session->bonded)
        outstanding_give_up_stored(tunnel->session->outstanding);
    while (runs_low(worker->buffers, size_class)) {
        largest = NULL;
        most = 0;
        DL_FOREACH(worker->tunnels, tunnel) {
            const struct session *session = tunnel->session;
            size_t held = session->bonded ? reorder_held_of_class(session->reorder, size_class) : 0;
            if (held <= most)
                continue;
            most = held;
            largest = tunnel;
        }
        if (!largest || !reorder_release_oldest(largest->session->reorder, loop_now(worker->loop)))
            return;
    }
}

void tunnels_relieve(struct worker *worker) {
    for (enum buf_class size_class = 0; size_class < BUF_CLASSES; size_class++)
        relieve(worker, size_class);
}
