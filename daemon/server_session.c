/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_session: who gets which session, and for how long.
 *
 * How it works: a request without the bonding field gets a plain session that ends with its leg. One with `new` gets a
 * bonded session: an ID, a secret that both ends take from the first leg's TLS exporter, and a linger time after its
 * last leg. A joining request proves that it knows the secret, bound to its own connection and stream. Every leg of a
 * session gets the same addresses and routes. Where a limit or a pool is full, the oldest lingering session goes first,
 * whichever worker it is of (shared.c). If none lingers, the user's sessions are asked whether their clients are still
 * there: of those that were killed, whose connections have not timed out yet, the next attempt finds places free.
 * Left out: the field's syntax and the proof (bond/join), what HTTP statuses say (server.c).
 * Invariants: addresses are given back when the session goes; a session is on the server's list exactly from open to
 * end. Standards: mpvpn-protocol(7), RFC 9484. */
#include "server_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/random.h"
#include "common/secret.h"

#define LINGERING_PER_USER 2u        /* sessions of one user that may wait for a leg */
#define ASKED_WAIT NS_PER_SEC        /* a client that is asked whether it is still there answers within that */
#define ASKED_APART (10 * NS_PER_MS) /* all sessions are looked through no more often; who is refused asks again */

/* making room */

/** A session of another worker that is to end. */
struct notice {
    struct mail mail;      /**< in that worker's mailbox */
    struct server *server; /**< that worker's */
    struct eviction about; /**< which, and why */
};

static void on_notice(void *context) {
    struct notice *notice = context;
    server_evict(notice->server, notice->about.id, notice->about.reason);
    free(notice);
}

/* Whoever was unseated is told, and goes: at once, or by its own worker. */
static void carry_out(struct server *server, const struct evictions *evictions) {
    for (size_t i = 0; i < evictions->count; i++) {
        const struct eviction *about = &evictions->list[i];
        struct notice *notice;
        if (about->worker == server->worker->number) {
            server_evict(server, about->id, about->reason);
            continue;
        }
        notice = malloc(sizeof *notice);
        if (!notice)
            continue; /* it has no address any more, and ends when its client notices */
        *notice = (struct notice){.mail = {.run = on_notice, .context = notice},
                                  .server = server->shared->station[about->worker].server,
                                  .about = *about};
        if (!mailbox_post(server->shared->station[about->worker].mailbox, &notice->mail))
            free(notice);
    }
}

/* A session whose client should have answered by now. If it did not, its legs go, and it lingers for the client to come
 * back or another one to take its place. */
static void on_asked(struct server *server, struct session *session, uint64_t now) {
    const uint64_t due = session_silent_at(session);
    if (now < due)
        return timer_set(&server->worker->timers, &tunnel_of(session)->linger, due);
    log_notice("session %llu of %s: its client does not answer, and another one asks for a place",
               (unsigned long long)session->id, session->user);
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg)
            carrier_close(session->legs[i].owner, H3_NO_ERROR, "no answer, and another client asks for its place");
}

/* Ask the clients of one user's sessions, of this worker, whether they are still there. */
static void ask(struct server *server, const char *user) {
    struct session *session;
    DL_FOREACH(server->sessions, session) {
        struct tunnel *tunnel = tunnel_of(session);
        uint64_t now = loop_now(tunnel->worker->loop);
        if (strcmp(session->user, user) != 0 || !session->leg_count || tunnel->linger.place)
            continue;
        session_ask_all(session, now);
        tunnel_mark(tunnel);
        timer_set(&tunnel->worker->timers, &tunnel->linger, now + ASKED_WAIT);
    }
}

/** Another worker is to ask a user's clients. */
struct question {
    struct mail mail;         /**< in that worker's mailbox */
    struct server *server;    /**< that worker's */
    char user[AUTH_NAME_MAX]; /**< whose sessions */
};

static void on_question(void *context) {
    struct question *question = context;
    ask(question->server, question->user);
    free(question);
}

static void ask_everywhere(struct server *server, const char *user) {
    const uint64_t now = loop_now(server->worker->loop);
    if (now - server->asked < ASKED_APART)
        return;
    server->asked = now;
    ask(server, user);
    for (size_t i = 0; i < server->shared->worker_count; i++) {
        struct question *question = i == server->worker->number ? NULL : malloc(sizeof *question);
        if (!question)
            continue; /* who asks for a place asks again */
        *question = (struct question){.mail = {.run = on_question, .context = question},
                                      .server = server->shared->station[i].server};
        snprintf(question->user, sizeof question->user, "%s", user);
        if (!mailbox_post(server->shared->station[i].mailbox, &question->mail))
            free(question);
    }
}

/* addresses and routes */

/* Give the session an address of one version: the user's fixed one (the newest session wins it), else one of the pool.
 */
static int take_address(struct server *server, struct session *session, const struct auth_user *user, uint8_t version) {
    const struct ip_addr *fixed = user && user->address[version == 6].version ? &user->address[version == 6] : NULL;
    struct evictions evictions;
    struct ip_prefix prefix;
    int error = shared_take(server->shared, tunnel_of(session)->seat, version, fixed, &prefix.addr, &evictions);
    carry_out(server, &evictions);
    if (error)
        return error;
    prefix.length = (uint8_t)ip_addr_bits(&prefix.addr);
    if (prefixmap_put(server->worker->targets, &prefix, session))
        return -ENOMEM;
    session->address[session->address_count++] = prefix;
    return 0;
}

/* What the session may reach: what is advertised, cut to the scope that the client asked for. */
static int set_reach(struct server *server, struct session *session, const struct connect_ip_scope *scope) {
    const struct config *config = server->policy.config;
    struct ip_range *ranges = calloc(config->advertise_count + 1, sizeof *ranges);
    size_t count = 0;
    int error;
    if (!ranges)
        return -ENOMEM;
    for (size_t i = 0; i < config->advertise_count; i++) {
        struct ip_range range = {.first = ip_prefix_first(&config->advertise[i]),
                                 .last = ip_prefix_last(&config->advertise[i])};
        if (!scope->any_target) {
            struct ip_addr first = ip_prefix_first(&scope->target), last = ip_prefix_last(&scope->target);
            if (first.version != range.first.version)
                continue;
            if (ip_addr_compare(&first, &range.first) > 0)
                range.first = first;
            if (ip_addr_compare(&last, &range.last) < 0)
                range.last = last;
            if (ip_addr_compare(&range.first, &range.last) > 0)
                continue;
        }
        range.protocol = scope->protocol > 0 ? (uint8_t)scope->protocol : 0;
        ranges[count++] = range;
    }
    error = count ? session_set_reach(session, ranges, count) : -ENETUNREACH;
    free(ranges);
    return error;
}

/* opening and joining */

static int take_addresses(struct server *server, struct session *session, const struct auth_user *user) {
    int first = take_address(server, session, user, 4), second = take_address(server, session, user, 6);
    return session->address_count ? 0 : first == -ENOENT ? second : first;
}

static int start_bonding(struct server *server, struct session *session, const struct carrier *carrier) {
    uint8_t id[JOIN_ID_BYTES], secret[JOIN_SECRET_BYTES];
    int error;
    sched_init(&session->sched, server->policy.scheduler);
    random_fill(id, sizeof id);
    if (conn_export(leg_conn(carrier->leg), JOIN_SECRET_LABEL, NULL, 0, secret, sizeof secret))
        return -EIO;
    error = session_bond(session, id, secret);
    if (!error)
        shared_bond(server->shared, tunnel_of(session)->seat, id, secret);
    return error;
}

static int attach(struct tunnel *tunnel, struct carrier *carrier) {
    int number = session_next_number(tunnel->session, loop_now(carrier->worker->loop));
    return number < 0 ? number : tunnel_attach(tunnel, carrier, (uint8_t)number);
}

static void on_lingered(struct tunnel *tunnel, uint64_t now) {
    if (tunnel->session->leg_count)
        return on_asked(tunnel->owner, tunnel->session, now);
    log_notice("session %llu of %s: ended, its client did not come back", (unsigned long long)tunnel->session->id,
               tunnel->session->user);
    server_session_end(tunnel->owner, tunnel->session);
}

static int open_session(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct connect_ip_scope *scope, const struct join_field *join) {
    const struct shared_limits limits = {.sessions = server->policy.config->max_sessions,
                                         .per_user = server->policy.config->max_sessions_per_user};
    struct evictions evictions;
    struct seat *seat;
    int error =
        shared_sit(server->shared, server->worker->number, user ? user->name : NULL, &limits, &seat, &evictions);
    struct tunnel *tunnel;
    struct session *session;
    carry_out(server, &evictions);
    if (error)
        return error;
    tunnel = tunnel_new(server->worker, seat->id, seat->user, server);
    if (!tunnel) {
        shared_leave(server->shared, seat);
        return -ENOMEM;
    }
    tunnel->on_lingered = on_lingered;
    tunnel->seat = seat;
    session = tunnel->session;
    DL_APPEND(server->sessions, session);
    error = set_reach(server, session, scope);
    if (!error)
        error = take_addresses(server, session, user);
    if (error == -ENOSPC && shared_make_room(server->shared, &evictions)) {
        carry_out(server, &evictions);
        error = take_addresses(server, session, user);
    }
    if (!error && join)
        error = start_bonding(server, session, carrier);
    if (!error)
        error = attach(tunnel, carrier);
    if (error)
        server_session_end(server, session);
    return error;
}

int server_session_open(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct connect_ip_scope *scope, const struct join_field *join) {
    int error = open_session(server, carrier, user, scope, join);
    if (user && (error == -EUSERS || error == -ENFILE || error == -ENOSPC))
        ask_everywhere(server, user->name);
    return error;
}

int server_session_join(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        struct join_field *join, int64_t stream_id) {
    uint8_t exporter[JOIN_SECRET_BYTES], proof[JOIN_SECRET_BYTES], secret[JOIN_SECRET_BYTES];
    int worker = shared_find(server->shared, user ? user->name : "-", join->session_id, secret);
    struct evictions none;
    struct session *session;
    int error;
    if (worker < 0 || !join->has_proof)
        return -EKEYREJECTED;
    if (conn_export(leg_conn(carrier->leg), JOIN_PROOF_LABEL, join->session_id, JOIN_ID_BYTES, exporter,
                    sizeof exporter))
        return -EKEYREJECTED;
    join_proof(secret, exporter, (uint64_t)stream_id, proof);
    if (!secret_equal(proof, join->proof, sizeof proof))
        return -EKEYREJECTED;
    if (worker != server->worker->number) {
        join->worker = (int16_t)worker;
        return -EXDEV;
    }
    DL_FOREACH(server->sessions, session)
    if (session->bonded && !memcmp(session->bond_id, join->session_id, JOIN_ID_BYTES))
        break;
    if (!session)
        return -EKEYREJECTED;
    error = session->leg_count >= SESSION_LEGS_MAX ? -EMLINK : attach(tunnel_of(session), carrier);
    /* No number is free and nothing carries it any more: the client is to open another one. */
    if (error == -EMLINK && session->leg_count == 0)
        return -EKEYREJECTED;
    if (!error)
        shared_linger(server->shared, tunnel_of(session)->seat, false, LINGERING_PER_USER, &none);
    return error;
}

size_t server_session_answer(const struct carrier *carrier, char *out, size_t size) {
    const struct server *server = carrier->owner;
    struct join_field field = {.worker = server->shared->worker_count > 1 ? server->worker->number : -1};
    struct session_leg *leg = session_find(carrier->session, carrier->leg);
    if (!carrier->session->bonded || !leg)
        return 0;
    memcpy(field.session_id, carrier->session->bond_id, JOIN_ID_BYTES);
    field.leg = leg->number;
    return join_print(&field, out, size);
}

/* ending */

void server_session_end(struct server *server, struct session *session) {
    for (size_t i = 0; i < session->address_count; i++)
        prefixmap_remove(server->worker->targets, &session->address[i], session);
    shared_leave(server->shared, tunnel_of(session)->seat);
    DL_DELETE(server->sessions, session);
    server->ended_sent.packets += session->sent.packets;
    server->ended_sent.bytes += session->sent.bytes;
    server->ended_received.packets += session->received.packets;
    server->ended_received.bytes += session->received.bytes;
    tunnel_free(tunnel_of(session));
}

void server_session_leave(struct server *server, struct carrier *carrier, const char *reason) {
    struct session *session = carrier->session;
    struct tunnel *tunnel = tunnel_of(session);
    uint64_t now = loop_now(server->worker->loop);
    struct evictions evictions;
    tunnel_detach(tunnel, carrier);
    if (session->leg_count) {
        log_info("session %llu of %s: a leg left: %s", (unsigned long long)session->id, session->user, reason);
        return;
    }
    log_notice("session %llu: %s left after %llu s: %s", (unsigned long long)session->id, session->user,
               (unsigned long long)((now - session->since) / NS_PER_SEC), reason);
    if (!session->bonded || !server->policy.config->linger || server->stopping || tunnel->closed)
        return server_session_end(server, session);
    timer_set(&server->worker->timers, &tunnel->linger, now + server->policy.config->linger);
    shared_linger(server->shared, tunnel->seat, true, LINGERING_PER_USER, &evictions);
    carry_out(server, &evictions);
}

void server_session_evict(struct server *server, struct session *session, const char *reason) {
    const char *words = reason ? reason : CONTROL_REPLACED;
    struct control_capsule capsule = {.type = CONTROL_CLOSE, .leg = CONTROL_LEG_NONE};
    struct tunnel *tunnel = tunnel_of(session);
    if (session->bonded) {
        memcpy(capsule.word, words, strlen(words) + 1);
        session_tell(session, &capsule);
    }
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct carrier *carrier = session->legs[i].owner;
        if (!session->legs[i].leg)
            continue;
        tunnel_detach(tunnel, carrier);
        carrier_close(carrier, H3_NO_ERROR, words);
    }
    server_session_end(server, session);
}

int server_evict(struct server *server, uint64_t id, const char *reason) {
    struct session *session;
    DL_FOREACH(server->sessions, session) if (session->id == id) break;
    if (!session)
        return -ENOENT;
    log_notice("session %llu of %s: %s", (unsigned long long)id, session->user,
               !reason                            ? "ended while lingering, to make room"
               : strcmp(reason, CONTROL_REPLACED) ? reason
                                                  : "replaced by a newer one");
    server_session_evict(server, session, reason);
    return 0;
}
