/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_session: who gets which session, and for how long.
 *
 * How it works: a request without the bonding field gets a plain session that ends with its leg. One with `new` gets a
 * bonded session: an ID, a secret that both ends take from the first leg's TLS exporter, and a linger time after its
 * last leg. A joining request proves that it knows the secret, bound to its own connection and stream. Every leg of a
 * session gets the same addresses and routes. Where a limit or a pool is full, the oldest lingering session goes first.
 * Left out: the field's syntax and the proof (bond/join), what HTTP statuses say (server.c).
 * Invariants: addresses are given back when the session goes; a session is on the server's list exactly from open to
 * end. Standards: mpvpn-protocol(7), RFC 9484. */
#include "server_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define LINGERING_PER_USER 2u /* sessions of one user that may wait for a leg */

/* addresses and routes */

static struct session *holder_of(const struct server *server, const struct ip_addr *addr) {
    struct session *session;
    DL_FOREACH(server->sessions, session) if (session_has_address(session, addr)) return session;
    return NULL;
}

/* Give the session an address of one version: the user's fixed one (the newest session wins it), else one of the pool.
 */
static int take_address(struct server *server, struct session *session, const struct auth_user *user, uint8_t version,
                        const struct ip_addr *wanted) {
    const struct ip_addr *fixed = user ? &user->address[version == 6] : NULL;
    struct ip_prefix prefix;
    int error;
    if (fixed && fixed->version) {
        struct session *holder = holder_of(server, fixed);
        if (holder == session)
            return -EALREADY;
        if (holder) {
            log_notice("session %llu of %s: replaced by a newer one", (unsigned long long)holder->id, holder->user);
            server_session_evict(server, holder, CONTROL_REPLACED);
        }
        prefix.addr = *fixed;
        error = pool_take_fixed(server->pool, fixed, session->user);
    } else {
        error = pool_take(server->pool, version, session->user, wanted, &prefix.addr);
    }
    if (error)
        return error;
    prefix.length = (uint8_t)ip_addr_bits(&prefix.addr);
    if (session->address_count == SESSION_ADDRESSES_MAX || prefixmap_put(server->worker->targets, &prefix, session)) {
        pool_give(server->pool, &prefix.addr);
        return -ENOMEM;
    }
    session->address[session->address_count++] = prefix;
    return 0;
}

/* What the session may reach: what is advertised, cut to the scope that the client asked for. */
static int set_reach(struct server *server, struct session *session, const struct connect_ip_scope *scope) {
    const struct config *config = server->config;
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

/* limits */

/* Waits for a leg to come back. A session that is being opened has no leg either, and does not. */
static bool lingers(const struct session *session) {
    return tunnel_of(session)->linger.place != 0;
}

static size_t sessions_of(const struct server *server, const char *user, bool lingering) {
    const struct session *session;
    size_t count = 0;
    DL_FOREACH(server->sessions, session) count += !strcmp(session->user, user) && (!lingering || lingers(session));
    return count;
}

/* Make room: end the oldest lingering session. @param user of this user only; NULL: of anybody @return false: none
 * lingers */
static bool end_lingering(struct server *server, const char *user) {
    struct session *session;
    DL_FOREACH(server->sessions, session) {
        if (!lingers(session) || (user && strcmp(session->user, user) != 0))
            continue;
        log_info("session %llu of %s: ended while lingering, to make room", (unsigned long long)session->id,
                 session->user);
        server_session_end(server, session);
        return true;
    }
    return false;
}

static int check_limits(struct server *server, const struct auth_user *user) {
    if (user && sessions_of(server, user->name, false) >= server->config->max_sessions_per_user &&
        !end_lingering(server, user->name))
        return -EUSERS;
    if (server->session_count >= server->config->max_sessions && !end_lingering(server, NULL))
        return -ENFILE;
    return 0;
}

/* opening and joining */

static int take_addresses(struct server *server, struct session *session, const struct auth_user *user) {
    int first = take_address(server, session, user, 4, NULL), second = take_address(server, session, user, 6, NULL);
    return session->address_count ? 0 : first == -ENOENT ? second : first;
}

static int start_bonding(const struct server *server, struct session *session, const struct carrier *carrier) {
    const char *scheduler = server->config->scheduler;
    enum sched_id wanted = scheduler ? sched_find(scheduler, strlen(scheduler)) : SCHED_COUNT;
    uint8_t id[JOIN_ID_BYTES], secret[JOIN_SECRET_BYTES];
    if (wanted != SCHED_COUNT)
        sched_init(&session->sched, wanted);
    tls_random(id, sizeof id);
    if (conn_export(leg_conn(carrier->leg), JOIN_SECRET_LABEL, NULL, 0, secret, sizeof secret))
        return -EIO;
    return session_bond(session, id, secret);
}

static void on_lingered(struct tunnel *tunnel, uint64_t now) {
    (void)now;
    log_notice("session %llu of %s: ended, its client did not come back", (unsigned long long)tunnel->session->id,
               tunnel->session->user);
    server_session_end(tunnel->owner, tunnel->session);
}

int server_session_open(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct connect_ip_scope *scope, const struct join_field *join) {
    int error = check_limits(server, user);
    struct tunnel *tunnel;
    struct session *session;
    if (error)
        return error;
    tunnel = tunnel_new(server->worker, user ? user->name : "-", server);
    if (!tunnel)
        return -ENOMEM;
    tunnel->on_lingered = on_lingered;
    session = tunnel->session;
    DL_APPEND(server->sessions, session);
    server->session_count++;
    error = set_reach(server, session, scope);
    if (!error)
        error = take_addresses(server, session, user);
    if (error == -ENOSPC && end_lingering(server, NULL))
        error = take_addresses(server, session, user);
    if (!error && join)
        error = start_bonding(server, session, carrier);
    if (!error)
        error = tunnel_attach(tunnel, carrier, session->next_number++);
    if (error)
        server_session_end(server, session);
    return error;
}

int server_session_join(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct join_field *join, int64_t stream_id) {
    uint8_t exporter[JOIN_SECRET_BYTES], proof[JOIN_SECRET_BYTES];
    const char *name = user ? user->name : "-";
    struct session *session;
    DL_FOREACH(server->sessions, session)
    if (session->bonded && !strcmp(session->user, name) && !memcmp(session->bond_id, join->session_id, JOIN_ID_BYTES))
        break;
    if (!session || !join->has_proof)
        return -EKEYREJECTED;
    if (conn_export(leg_conn(carrier->leg), JOIN_PROOF_LABEL, join->session_id, JOIN_ID_BYTES, exporter,
                    sizeof exporter))
        return -EKEYREJECTED;
    join_proof(session->secret, exporter, (uint64_t)stream_id, proof);
    if (!join_proof_equal(proof, join->proof))
        return -EKEYREJECTED;
    /* Numbers are used up and nothing carries it any more: the client is to open another one. */
    if (session->next_number > JOIN_LEG_MAX && session->leg_count == 0)
        return -EKEYREJECTED;
    if (session->leg_count >= SESSION_LEGS_MAX || session->next_number > JOIN_LEG_MAX)
        return -EMLINK;
    return tunnel_attach(tunnel_of(session), carrier, session->next_number++);
}

size_t server_session_answer(const struct carrier *carrier, char *out, size_t size) {
    struct join_field field = {.worker = -1};
    struct session_leg *leg = session_find(carrier->session, carrier->leg);
    if (!carrier->session->bonded || !leg)
        return 0;
    memcpy(field.session_id, carrier->session->bond_id, JOIN_ID_BYTES);
    field.leg = leg->number;
    return join_print(&field, out, size);
}

/* ending */

void server_session_end(struct server *server, struct session *session) {
    for (size_t i = 0; i < session->address_count; i++) {
        prefixmap_remove(server->worker->targets, &session->address[i], session);
        pool_give(server->pool, &session->address[i].addr);
    }
    DL_DELETE(server->sessions, session);
    server->session_count--;
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
    tunnel_detach(tunnel, carrier);
    if (session->leg_count) {
        log_info("session %llu of %s: a leg left: %s", (unsigned long long)session->id, session->user, reason);
        return;
    }
    log_notice("session %llu: %s left after %llu s: %s", (unsigned long long)session->id, session->user,
               (unsigned long long)((now - session->since) / NS_PER_SEC), reason);
    if (!session->bonded || !server->config->linger || server->stopping || tunnel->closed)
        return server_session_end(server, session);
    timer_set(&server->worker->timers, &tunnel->linger, now + server->config->linger);
    if (sessions_of(server, session->user, true) > LINGERING_PER_USER)
        end_lingering(server, session->user);
}

void server_session_evict(struct server *server, struct session *session, const char *reason) {
    struct control_capsule capsule = {.type = CONTROL_CLOSE, .leg = CONTROL_LEG_NONE};
    struct tunnel *tunnel = tunnel_of(session);
    if (session->bonded) {
        memcpy(capsule.word, reason, strlen(reason) + 1);
        session_tell(session, &capsule);
    }
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct carrier *carrier = session->legs[i].owner;
        if (!session->legs[i].leg)
            continue;
        tunnel_detach(tunnel, carrier);
        carrier_close(carrier, H3_NO_ERROR, reason);
    }
    server_session_end(server, session);
}
