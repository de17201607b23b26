/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker: makes and frees the datapath's state, and runs the end of every turn.
 *
 * How it works: completions only read (ingress) or queue (egress) and *mark* the carriers they concern. When all
 * completions of a turn were handed out, worker_on_turn() runs the timers, serves each marked carrier once (so
 * acknowledgements are acted on in the batch that brought them, and one GSO batch gathers all that a turn has to send),
 * writes the merged superpackets to the TUN, and sets the loop's deadline. Left out: any decision about who may connect
 * (client.c, server.c). Invariant: a carrier is freed only from carrier_serve() or by its role outside of the leg's
 * hooks; never from within a leg's call. */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/random.h"
#include "drops.h"
#include "egress.h"
#include "handover.h"
#include "ingress.h"
#include "os/sockdiag.h"
#include "tunnel.h"

/* leg hooks: what moves packets is the datapath's, the others the role's */

static void on_cid(void *context, const struct conn_cid *cid, bool in_use) {
    struct carrier *carrier = context;
    if (!in_use)
        cidtable_remove(carrier->worker->cids, cid);
    else if (cidtable_add(carrier->worker->cids, cid, carrier))
        log_warning("connection ID could not be registered");
}
static void on_packet(void *context, const uint8_t *packet, size_t length) {
    struct carrier *carrier = context;
    if (carrier->session)
        ingress_on_packet(carrier->session, packet, length);
    else
        worker_drop(carrier->worker, DROP_NOT_OPEN);
}
static void on_bonded(void *context, const struct frame_packet *frame, const uint8_t *packet, size_t length) {
    struct carrier *carrier = context;
    if (carrier->session && carrier->session->bonded)
        session_on_packet(carrier->session, carrier->leg, frame, packet, length, loop_now(carrier->worker->loop));
    else
        worker_drop(carrier->worker, DROP_NOT_OPEN);
}
static void on_mark(void *context, const struct frame_mark *mark) {
    struct carrier *carrier = context;
    if (carrier->session && carrier->session->bonded)
        session_on_mark(carrier->session, carrier->leg, mark, loop_now(carrier->worker->loop));
}
static void on_acked(void *context, uint64_t id) {
    struct carrier *carrier = context;
    if (carrier->session && carrier->session->bonded)
        session_on_acked(carrier->session, carrier->leg, id, loop_now(carrier->worker->loop));
}
static void on_lost(void *context, uint64_t id) {
    struct carrier *carrier = context;
    if (carrier->session && carrier->session->bonded)
        session_on_lost(carrier->session, id, loop_now(carrier->worker->loop));
}
static void close_what_is_over(const struct carrier *heard) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &heard->session->legs[i];
        if (leg->leg && session_end_over(leg, heard->leg))
            carrier_close(leg->owner, H3_NO_ERROR, "the peer left it");
    }
}
static void on_capsule(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct carrier *carrier = context;
    if (!carrier->session || !carrier->session->bonded)
        return;
    if (session_on_capsule(carrier->session, type, value, length, loop_now(carrier->worker->loop)))
        close_what_is_over(carrier);
    else
        carrier->hooks->on_session_closed(carrier);
}
static void on_request(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer) {
    ((struct carrier *)context)->hooks->leg.on_request(context, request, answer);
}
static void on_open(void *context, const struct h3_message *response) {
    ((struct carrier *)context)->hooks->leg.on_open(context, response);
}
static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    ((struct carrier *)context)->hooks->leg.on_refused(context, status, reason, response);
}
static void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    const struct carrier_hooks *hooks = ((struct carrier *)context)->hooks;
    if (hooks->leg.on_addresses)
        hooks->leg.on_addresses(context, addresses, count);
}
static void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    const struct carrier_hooks *hooks = ((struct carrier *)context)->hooks;
    if (hooks->leg.on_address_request)
        hooks->leg.on_address_request(context, requests, count);
}
static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    const struct carrier_hooks *hooks = ((struct carrier *)context)->hooks;
    if (hooks->leg.on_routes)
        hooks->leg.on_routes(context, ranges, count);
}
static void on_closed(void *context, uint64_t code, const char *reason) {
    ((struct carrier *)context)->hooks->leg.on_closed(context, code, reason);
}
static void on_mtu(void *context) {
    ((struct carrier *)context)->hooks->leg.on_mtu(context);
}
static void on_token(void *context, const uint8_t *token, size_t length) {
    const struct carrier_hooks *hooks = ((struct carrier *)context)->hooks;
    if (hooks->leg.on_token)
        hooks->leg.on_token(context, token, length);
}
static void on_handshake(void *context) {
    ((struct carrier *)context)->hooks->leg.on_handshake(context);
}
static void on_path(void *context, const struct conn_path *path) {
    struct carrier *carrier = context;
    carrier->path = *path;
    carrier->hooks->leg.on_path(context, path);
}

const struct leg_hooks *carrier_leg_hooks(void) {
    static const struct leg_hooks hooks = {
        .on_request = on_request,
        .on_open = on_open,
        .on_refused = on_refused,
        .on_addresses = on_addresses,
        .on_address_request = on_address_request,
        .on_routes = on_routes,
        .on_packet = on_packet,
        .on_bonded = on_bonded,
        .on_mark = on_mark,
        .on_acked = on_acked,
        .on_lost = on_lost,
        .on_capsule = on_capsule,
        .on_closed = on_closed,
        .on_cid = on_cid,
        .on_mtu = on_mtu,
        .on_token = on_token,
        .on_handshake = on_handshake,
        .on_path = on_path,
    };
    return &hooks;
}

/* carriers */

static void on_writable(void *context) {
    struct carrier *carrier = context;
    struct session_leg *slot = carrier->session ? session_find(carrier->session, carrier->leg) : NULL;
    if (slot)
        slot->blocked = false;
    carrier_mark(carrier);
}

static void on_deadline(void *context, uint64_t now) {
    struct carrier *carrier = context;
    int error = leg_on_timer(carrier->leg, now);
    if (error)
        carrier->error = error;
    carrier_mark(carrier);
}

struct carrier *carrier_new(struct worker *worker, struct udp_socket *socket, const struct carrier_hooks *hooks,
                            void *owner) {
    struct carrier *carrier = calloc(1, sizeof *carrier);
    if (!carrier)
        return NULL;
    carrier->worker = worker;
    carrier->socket = socket;
    carrier->hooks = hooks;
    carrier->owner = owner;
    carrier->since = loop_now(worker->loop);
    carrier->timer = (struct timer){.on_due = on_deadline, .context = carrier};
    carrier->tx = udp_tx_new(socket, on_writable, carrier);
    if (!carrier->tx) {
        free(carrier);
        return NULL;
    }
    DL_APPEND(worker->carriers, carrier);
    return carrier;
}

void carrier_free(struct carrier *carrier) {
    if (!carrier)
        return;
    if (carrier->marked)
        LL_DELETE2(carrier->worker->marked, carrier, next_marked);
    timer_set(&carrier->worker->timers, &carrier->timer, TIME_NEVER);
    drops_add_leg(&carrier->worker->drops, carrier->leg);
    leg_free(carrier->leg);
    udp_tx_free(carrier->tx);
    DL_DELETE(carrier->worker->carriers, carrier);
    free(carrier);
}

int carrier_move(struct carrier *carrier, struct udp_socket *socket, const union sock_addr *local) {
    const struct conn_path path = {.local = *local, .remote = carrier->path.remote};
    struct udp_tx *tx = udp_tx_new(socket, on_writable, carrier);
    if (!tx)
        return -ENOMEM;
    if (conn_migrate(leg_conn(carrier->leg), &path, loop_now(carrier->worker->loop))) {
        udp_tx_free(tx);
        return -EINVAL;
    }
    udp_tx_free(carrier->tx);
    carrier->tx = tx;
    carrier->socket = socket;
    carrier_mark(carrier);
    return 0;
}

void carrier_close(struct carrier *carrier, uint64_t error_code, const char *reason) {
    if (!carrier->closing) {
        carrier->close_code = error_code;
        snprintf(carrier->close_reason, sizeof carrier->close_reason, "%s", reason);
    }
    carrier->closing = true;
    carrier_mark(carrier);
}

void carrier_mark_only(struct carrier *carrier) {
    if (carrier->marked)
        return;
    carrier->marked = true;
    LL_PREPEND2(carrier->worker->marked, carrier, next_marked);
}

void carrier_mark(struct carrier *carrier) {
    carrier_mark_only(carrier);
    if (carrier->session)
        tunnel_mark(tunnel_of(carrier->session));
}

/* All that the connection itself has to say; stops when the socket is full (on_writable marks the carrier again). */
static void write_control(struct carrier *carrier, uint64_t now) {
    uint8_t *out;
    while ((out = udp_tx_reserve(carrier->tx, CONN_UDP_MAX))) {
        struct conn_packet packet;
        ssize_t written = leg_write(carrier->leg, out, CONN_UDP_MAX, &packet, now);
        if (written > 0)
            udp_tx_commit(carrier->tx, (size_t)written, &packet.path.local, &packet.path.remote, packet.ecn,
                          packet.probe);
        if (written < 0 && !carrier->error)
            carrier->error = (int)written;
        if (written <= 0 || conn_is_closed(leg_conn(carrier->leg)))
            return;
    }
}

void carrier_serve(struct carrier *carrier, uint64_t now) {
    bool waiting = carrier->session && tunnel_of(carrier->session)->waiting;
    if (carrier->error || carrier->closing) {
        /* A capsule that says why goes before the end; it may not, if the window is full. */
        if (!carrier->error) {
            write_control(carrier, now);
            leg_close(carrier->leg, carrier->close_code, carrier->close_reason, now);
        }
        /* A connection that just failed still has its CONNECTION_CLOSE to say; one that the peer ended has nothing. */
        if (carrier->closing || carrier->error == -ECONNABORTED)
            write_control(carrier, now);
        udp_tx_flush(carrier->tx);
        carrier->hooks->on_end(carrier, now);
        return;
    }
    write_control(carrier, now);
    udp_tx_flush(carrier->tx);
    if (carrier->error || carrier->closing)
        carrier_mark(carrier);
    else
        timer_set(&carrier->worker->timers, &carrier->timer, leg_deadline(carrier->leg, waiting));
}

/* the worker */

static void emit_to_tun(void *context, struct superpacket *packet) {
    struct worker *worker = context;
    if (tun_write(worker->tun, packet))
        worker_drop(worker, DROP_TUN_WRITE);
}

static void worker_on_turn(void *context, uint64_t now) {
    struct worker *worker = context;
    if (worker->handover)
        handover_flush(worker->handover);
    timers_run(&worker->timers, now);
    tunnels_relieve(worker);
    while (worker->marked_tunnels || worker->marked) {
        struct tunnel *tunnel = worker->marked_tunnels;
        struct carrier *carrier = worker->marked;
        if (tunnel) {
            LL_DELETE2(worker->marked_tunnels, tunnel, next_marked);
            tunnel->marked = false;
            tunnel_serve(tunnel, now);
        } else {
            LL_DELETE2(worker->marked, carrier, next_marked);
            carrier->marked = false;
            carrier_serve(carrier, now);
        }
    }
    if (worker->merge)
        merge_flush(worker->merge);
    loop_set_deadline(worker->loop, timers_next(&worker->timers));
}

static void on_tun_packet(void *context, struct superpacket *packet) {
    egress_on_tun(context, packet);
}

static void on_tun_failure(void *context, int error) {
    struct worker *worker = context;
    log_error("%s: the device failed: %s", tun_name(worker->tun), strerror(-error));
    loop_fail(worker->loop, error);
}

int worker_init(struct worker *worker, const struct worker_settings *settings, char *why, size_t why_size) {
    const struct loop_hooks hooks = {.on_turn = worker_on_turn, .context = worker};
    const size_t large = settings->large_buffers ? settings->large_buffers : 256;
    const size_t small = settings->small_buffers ? settings->small_buffers : 4096;
    /* Of those of 2 KiB a session may hold a quarter behind a gap: REORDER_HELD_MAX. */
    const struct buf_pool_settings buffers = {.count = {[BUF_256] = small,
                                                        [BUF_2048] = 8 * small,
                                                        [BUF_9216] = small / 4,
                                                        [BUF_18432] = small / 8,
                                                        [BUF_36864] = small / 16,
                                                        [BUF_LARGE] = large}};
    uint8_t cid_key[16];
    int error;

    *worker = (struct worker){.server = settings->server, .number = settings->number};
    random_fill(worker->hash_key, sizeof worker->hash_key);
    random_fill(cid_key, sizeof cid_key);
    error = loop_new(&hooks, &worker->loop, why, why_size);
    if (error)
        return error;
    worker->buffers = buf_pool_new(&buffers);
    worker->cids = cidtable_new(cid_key);
    worker->targets = prefixmap_new();
    if (sockdiag_open(&worker->sockdiag))
        worker->sockdiag = NULL; /* then all flows are kept in order */
    if (worker->buffers && worker->cids && worker->targets)
        return 0;
    snprintf(why, why_size, "no memory for packet buffers");
    worker_fini(worker);
    return -ENOMEM;
}

int worker_open_tun(struct worker *worker, const char *name, size_t queues, char *why, size_t why_size) {
    struct tun_settings settings = {.pool = worker->buffers, .queues = queues > 1, .join = worker->number > 0};
    const struct tun_hooks hooks = {.on_packet = on_tun_packet, .on_failure = on_tun_failure, .context = worker};
    struct merge_settings merge = {.tcp = true, .pool = worker->buffers, .emit = emit_to_tun, .context = worker};
    int error;
    snprintf(settings.name, sizeof settings.name, "%s", name);
    error = tun_open(worker->loop, &settings, &hooks, &worker->tun, why, why_size);
    if (error)
        return error;
    merge.udp = tun_has_uso(worker->tun);
    worker->merge = merge_new(&merge);
    if (worker->merge)
        return 0;
    snprintf(why, why_size, "no memory for merging packets");
    return -ENOMEM;
}

enum worker_device worker_locate_tun(struct worker *worker, bool gone) {
    const bool was_here = tun_ifindex(worker->tun) != 0;
    const int error = tun_locate(worker->tun, gone);
    if (was_here && error == -EXDEV) {
        if (worker->number == 0)
            log_warning("%s: the device was moved to another network namespace: it goes on carrying packets there, but "
                        "with the addresses, routes and MTU that somebody else sets",
                        tun_name(worker->tun));
        return WORKER_DEVICE_LEFT;
    }
    if (error || (was_here && !gone))
        return WORKER_DEVICE_STAYED;
    if (worker->number == 0)
        log_notice("%s: the device is back in this network namespace", tun_name(worker->tun));
    return WORKER_DEVICE_RETURNED;
}

void worker_fini(struct worker *worker) {
    while (worker->carriers)
        carrier_free(worker->carriers);
    merge_free(worker->merge);
    tun_close(worker->tun);
    prefixmap_free(worker->targets);
    sockdiag_close(worker->sockdiag);
    cidtable_free(worker->cids);
    timers_fini(&worker->timers);
    loop_free(worker->loop);
    buf_pool_free(worker->buffers);
    *worker = (struct worker){0};
}
