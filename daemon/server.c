/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: accepts connections, decides on requests, and keeps the sessions.
 *
 * How it works: a datagram that no connection owns is either a first packet (a carrier is made; past HANDSHAKES_MAX
 * unfinished handshakes the client must first prove its address by a Retry), a version we do not speak, or a packet of
 * a connection that this server has forgotten: that is answered with a stateless reset, whose key comes from the
 * private key, so that a restarted server ends its old connections at once and the clients come back. A good CONNECT-IP
 * request gets a session with an address of each pool. With several workers all of this is each worker's own; its
 * number begins the connection IDs that it gives out, by which the kernel brings their packets to its sockets. Left
 * out: what the wire looks like (quic/, masque/). Standards: RFC 9000 sections 8.1, 10.3; RFC 9484. */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "drops.h"
#include "ingress.h"
#include "quic/token.h"
#include "server_session.h"
#include "users.h"

#define HANDSHAKES_MAX 64u             /* unfinished handshakes past which first packets are answered with Retry */
#define CONNECTIONS_EXTRA 256u         /* connections beyond MaxSessions: those that have no session yet */
#define STRANGERS_MAX 64u              /* connections without a session of one address; IPv6: of a network of 64 bits */
#define RESETS_PER_SECOND 200u         /* stateless resets sent at most */
#define REQUEST_WAIT (10 * NS_PER_SEC) /* a connection without a session is closed after this, */
#define SWEEP_EVERY (REQUEST_WAIT / 2) /* which is looked at so often … */
#define STRANGER_AGE_MAX (REQUEST_WAIT + 2 * SWEEP_EVERY) /* … so that none is as old as this */

static uint64_t wall_seconds(void) {
    return (uint64_t)time(NULL);
}

/* requests */

#define CHALLENGE "Bearer realm=\"mpvpn\""
static const struct h3_field challenge = {
    .name = "www-authenticate", .value = CHALLENGE, .value_length = sizeof CHALLENGE - 1};

static void refuse(struct carrier *carrier, struct connect_ip_answer *answer, unsigned status, const char *reason) {
    struct server *server = carrier->owner;
    char remote[SOCK_ADDR_TEXT_MAX];
    answer->status = status;
    answer->reason = reason;
    if (status == 401) {
        answer->fields = &challenge;
        answer->field_count = 1;
    }
    if (log_limit_allows(&server->refusals, loop_now(server->worker->loop)))
        log_notice("%s refused: %u %s", sock_addr_print(&carrier->path.remote, remote), status, reason);
}

static void add_bond_field(struct server *server, struct connect_ip_answer *answer, size_t length) {
    server->bond_field = (struct h3_field){.name = JOIN_FIELD, .value = server->bond_text, .value_length = length};
    answer->fields = &server->bond_field;
    answer->field_count = 1;
}

/* The session is another worker's, and so must its legs be: the client is to connect again, there. */
static void misdirected(struct carrier *carrier, struct connect_ip_answer *answer, struct join_field join) {
    struct server *server = carrier->owner;
    join.has_proof = join.or_new = false;
    refuse(carrier, answer, 421, "the session is served by another worker");
    add_bond_field(server, answer, join_print(&join, server->bond_text, sizeof server->bond_text));
}

/* As the request's mpvpn-bond field says; without a good one it gets a plain session. @param join out: the field; on
 * -EXDEV with the session's worker */
static int open_or_join(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct connect_ip_request *request, struct join_field *join) {
    bool again = false;
    const struct h3_field *field = h3_message_field(request->message, JOIN_FIELD, &again);
    bool bonds = field && !again && !join_parse(field->value, field->value_length, join);
    if (bonds && !join->is_new) {
        int error = server_session_join(server, carrier, user, join, request->stream_id);
        if (error != -EKEYREJECTED || !join->or_new)
            return error;
    }
    return server_session_open(server, carrier, user, &request->scope, bonds ? join : NULL);
}

static void grant(struct carrier *carrier, struct connect_ip_answer *answer) {
    struct server *server = carrier->owner;
    size_t length = server_session_answer(carrier, server->bond_text, sizeof server->bond_text);
    answer->status = 200;
    conn_end_exports(leg_conn(carrier->leg));
    if (length)
        add_bond_field(server, answer, length);
}

static void on_request(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer) {
    struct carrier *carrier = context;
    struct server *server = carrier->owner;
    const struct config *config = server->policy.config;
    const struct auth_user *user = NULL;
    struct join_field join;
    int error = auth_check(server->policy.auth, request->authorization, &user);

    if (config->authority && !config_same_authority(config->authority, request->authority))
        return refuse(carrier, answer, 421, "this server does not serve that authority");
    if (error == -EACCES)
        return refuse(carrier, answer, 403, "the user is disabled");
    if (error && (config->require_token || request->authorization))
        return refuse(carrier, answer, 401, request->authorization ? "unknown token" : "a token is required");
    if (error)
        user = NULL;
    if (request->scope.host[0])
        return refuse(carrier, answer, 501, "targets by host name are not served; ask for an address, a prefix or *");
    error = open_or_join(server, carrier, user, request, &join);
    if (error == -EXDEV)
        return misdirected(carrier, answer, join);
    if (error == -EKEYREJECTED)
        return refuse(carrier, answer, 409, "no such session to join");
    if (error == -EMLINK)
        return refuse(carrier, answer, 429, "the session has as many legs as it may have");
    if (error == -EUSERS)
        return refuse(carrier, answer, 429, "too many sessions of this user");
    if (error == -ENFILE)
        return refuse(carrier, answer, 503, "the server is full");
    if (error == -ENETUNREACH)
        return refuse(carrier, answer, 403, "the target is outside of what this server routes");
    if (error == -ENOSPC)
        return refuse(carrier, answer, 503, "no inner address is free");
    if (error)
        return refuse(carrier, answer, 500, strerror(-error));
    grant(carrier, answer);
}

/* The whole list each time: ADDRESS_ASSIGN replaces the one before (RFC 9484 section 4.7.1). */
static int assign(struct carrier *carrier, const struct capsule_address *requests, size_t count) {
    const struct session *session = carrier->session;
    struct capsule_address list[SESSION_ADDRESSES_MAX + CAPSULE_ADDRESSES_MAX];
    size_t length = 0;
    for (size_t i = 0; i < session->address_count; i++)
        list[length++] = (struct capsule_address){.prefix = session->address[i]};
    for (size_t i = 0; i < count; i++) {
        struct capsule_address answer = {.request_id = requests[i].request_id};
        bool given = false;
        for (size_t k = 0; k < session->address_count && !given; k++) {
            if (list[k].request_id || session->address[k].addr.version != requests[i].prefix.addr.version)
                continue;
            list[k].request_id = requests[i].request_id;
            given = true;
        }
        if (given)
            continue;
        /* All zeros with the longest prefix: refused (RFC 9484 section 4.7.2). */
        answer.prefix.addr.version = requests[i].prefix.addr.version;
        answer.prefix.length = (uint8_t)ip_addr_bits(&answer.prefix.addr);
        list[length++] = answer;
    }
    return connect_ip_assign(leg_connect_ip(carrier->leg), list, length);
}

static void on_open(void *context, const struct h3_message *response) {
    struct carrier *carrier = context;
    const struct session *session = carrier->session;
    char remote[SOCK_ADDR_TEXT_MAX], address[2][IP_PREFIX_TEXT_MAX] = {"", ""};
    (void)response;
    if (!session)
        return;
    for (size_t i = 0; i < session->address_count && i < 2; i++)
        ip_prefix_print(&session->address[i], address[i]);
    log_notice("session %llu: %s from %s, %s %s", (unsigned long long)session->id, session->user,
               sock_addr_print(&carrier->path.remote, remote), address[0], address[1]);
    if (assign(carrier, NULL, 0) ||
        connect_ip_advertise(leg_connect_ip(carrier->leg), session->reach, session->reach_count))
        carrier_close(carrier, H3_INTERNAL_ERROR, "addresses could not be sent");
}

static void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    struct carrier *carrier = context;
    if (carrier->session && assign(carrier, requests, count))
        carrier_close(carrier, H3_EXCESSIVE_LOAD, "capsules are not read");
}

static void on_closed(void *context, uint64_t code, const char *reason) {
    struct carrier *carrier = context;
    (void)code;
    carrier_close(carrier, H3_NO_ERROR, reason);
}

/* Complete or failed: once for each carrier, whichever comes first. */
static void handshake_over(struct carrier *carrier) {
    struct server *server = carrier->owner;
    if (!carrier->handshaking)
        return;
    carrier->handshaking = false;
    server->handshaking--;
}

static void on_handshake(void *context) {
    struct carrier *carrier = context;
    struct server *server = carrier->owner;
    uint8_t token[TOKEN_MAX];
    size_t length = token_write(server->policy.token_key, &carrier->path.remote, wall_seconds(), token);
    char remote[SOCK_ADDR_TEXT_MAX];
    handshake_over(carrier);
    carrier->proven = true;
    server->handshakes++;
    if (conn_is_resumed(leg_conn(carrier->leg))) {
        server->resumed_handshakes++;
        log_debug("%s: TLS session resumed", sock_addr_print(&carrier->path.remote, remote));
    }
    if (length)
        conn_submit_token(leg_conn(carrier->leg), token, length);
}

static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    (void)context; /* only a client is refused */
    (void)status;
    (void)reason;
    (void)response;
}

static void on_mtu(void *context) {
    carrier_mark(context);
}

static void on_path(void *context, const struct conn_path *path) {
    struct carrier *carrier = context;
    char remote[SOCK_ADDR_TEXT_MAX];
    if (carrier->session)
        log_info("session %llu: now from %s", (unsigned long long)carrier->session->id,
                 sock_addr_print(&path->remote, remote));
}

static void on_session_closed(struct carrier *carrier) {
    tunnel_of(carrier->session)->closed = true;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (carrier->session->legs[i].leg)
            carrier_close(carrier->session->legs[i].owner, H3_NO_ERROR, "closed by the client");
}

static void on_end(struct carrier *carrier, uint64_t now) {
    struct server *server = carrier->owner;
    struct session *session = carrier->session;
    const struct conn_error *error = conn_error(leg_conn(carrier->leg));
    const char *tls = conn_tls_reason(leg_conn(carrier->leg));
    char remote[SOCK_ADDR_TEXT_MAX];
    if (session) {
        server_session_leave(server, carrier,
                             error->idle        ? "nothing heard for too long"
                             : error->reason[0] ? error->reason
                                                : "closed");
    } else if (!conn_is_ready(leg_conn(carrier->leg)) && log_limit_allows(&server->refusals, now)) {
        log_info("%s: handshake failed: %s", sock_addr_print(&carrier->path.remote, remote),
                 tls[0]             ? tls
                 : error->reason[0] ? error->reason
                 : error->idle      ? "nothing heard for too long"
                                    : "closed");
    }
    handshake_over(carrier);
    atomic_fetch_sub(&server->shared->connections, 1);
    carrier_free(carrier);
}

static const struct carrier_hooks server_hooks = {
    .leg = {.on_request = on_request,
            .on_open = on_open,
            .on_refused = on_refused,
            .on_address_request = on_address_request,
            .on_closed = on_closed,
            .on_handshake = on_handshake,
            .on_mtu = on_mtu,
            .on_path = on_path},
    .on_session_closed = on_session_closed,
    .on_end = on_end,
};

/* first packets */

static void send_retry(struct listener *listener, const struct udp_received *received,
                       const struct conn_first_packet *first) {
    uint8_t packet[512];
    struct server *server = listener->server;
    size_t length = token_write_retry(server->policy.token_key, first, &received->remote, server->worker->number,
                                      wall_seconds(), packet, sizeof packet);
    if (length && !udp_send(listener->socket, packet, length, &received->local, &received->remote))
        server->retries++;
}

static void send_reset(struct listener *listener, const struct udp_received *received,
                       const struct conn_first_packet *first, size_t length) {
    struct server *server = listener->server;
    uint64_t second = loop_now(server->worker->loop) / NS_PER_SEC;
    uint8_t packet[128];
    size_t size;
    if (server->reset_window != second) {
        server->reset_window = second;
        server->reset_count = 0;
    }
    worker_drop(server->worker, DROP_UNKNOWN_CONNECTION);
    if (server->reset_count++ >= RESETS_PER_SECOND)
        return;
    size = conn_write_stateless_reset(server->policy.reset_key, &first->dcid, length, packet, sizeof packet);
    if (size && !udp_send(listener->socket, packet, size, &received->local, &received->remote))
        server->resets++;
}

/* Connections of this address, or of its neighbours, that have no session. Only those count whose address was proven,
 * or else who forges addresses could keep their owners out. The list of all begins with the oldest, and the sweep
 * leaves no old stranger: only the young end is looked at. */
static size_t strangers_of(const struct server *server, const union sock_addr *remote) {
    const struct ip_addr addr = sock_addr_ip(remote);
    const struct ip_prefix neighbours = {.addr = addr, .length = addr.version == 6 ? 64 : 32};
    const struct carrier *first = server->worker->carriers, *carrier = first ? first->prev : NULL;
    const uint64_t now = loop_now(server->worker->loop);
    size_t count = 0;
    for (; carrier && now - carrier->since < STRANGER_AGE_MAX; carrier = carrier == first ? NULL : carrier->prev) {
        const struct ip_addr theirs = sock_addr_ip(&carrier->path.remote);
        count += !carrier->session && carrier->proven && !carrier->closing && ip_prefix_contains(&neighbours, &theirs);
    }
    return count;
}

static void accept_first(struct listener *listener, const struct udp_received *received,
                         const struct conn_first_packet *first, uint8_t *data, size_t length) {
    struct server *server = listener->server;
    struct conn_server_settings peer = {.peer_cid = first->scid,
                                        .initial_dcid = first->dcid,
                                        .original_dcid = first->dcid,
                                        .token = first->token,
                                        .token_length = first->token_length,
                                        .version = first->version,
                                        .wall_seconds = wall_seconds()};
    struct leg_settings settings = {.uri_template = server->policy.config->path_template, .hooks = carrier_leg_hooks()};
    enum token_kind kind = token_check(server->policy.token_key, first->token, first->token_length, &received->remote,
                                       &first->dcid, wall_seconds(), &peer.original_dcid);
    struct carrier *carrier;
    int error;

    peer.token_valid = kind != TOKEN_INVALID;
    peer.retried = kind == TOKEN_RETRY;
    if (!peer.token_valid && server->handshaking >= HANDSHAKES_MAX)
        return send_retry(listener, received, first);
    if (strangers_of(server, &received->remote) >= STRANGERS_MAX)
        return worker_drop(server->worker, DROP_NOT_ACCEPTING);
    carrier = carrier_new(server->worker, listener->socket, &server_hooks, server);
    if (!carrier)
        return worker_drop(server->worker, DROP_NO_BUFFER);
    carrier->path = (struct conn_path){.local = received->local, .remote = received->remote};
    settings.context = carrier;
    settings.conn = (struct conn_settings){.tls = server->policy.tls,
                                           .path = carrier->path,
                                           .worker = server->worker->number,
                                           .congestion = server->policy.config->congestion};
    memcpy(settings.conn.reset_key, server->policy.reset_key, sizeof server->policy.reset_key);
    error = leg_server_new(&settings, &peer, loop_now(server->worker->loop), &carrier->leg);
    if (error) {
        log_warning("a connection could not be made: %s", strerror(-error));
        carrier_free(carrier);
        return;
    }
    carrier->handshaking = true;
    carrier->proven = peer.token_valid;
    server->handshaking++;
    atomic_fetch_add(&server->shared->connections, 1);
    ingress_deliver(carrier, received, data, length);
}

static void on_unowned(void *context, const struct udp_received *received, uint8_t *data, size_t length) {
    struct listener *listener = context;
    const struct server *server = listener->server;
    struct worker *worker = server->worker;
    struct conn_first_packet first;
    uint8_t packet[256];
    size_t size;
    switch (conn_peek_first(data, length, &first)) {
    case CONN_FIRST_ACCEPT:
        if (server->stopping ||
            atomic_load(&server->shared->connections) >= server->policy.config->max_sessions + CONNECTIONS_EXTRA)
            worker_drop(worker, DROP_NOT_ACCEPTING);
        else
            accept_first(listener, received, &first, data, length);
        return;
    case CONN_FIRST_VERSION:
        size = conn_write_version_negotiation(&first, packet, sizeof packet);
        if (size)
            udp_send(listener->socket, packet, size, &received->local, &received->remote);
        return;
    case CONN_FIRST_SHORT:
        send_reset(listener, received, &first, length);
        return;
    case CONN_FIRST_JUNK:
        worker_drop(worker, DROP_JUNK_UDP);
        return;
    }
}

static void on_received(void *context, const struct udp_received *received) {
    struct listener *listener = context;
    ingress_on_udp(listener->server->worker, received, on_unowned, listener);
}

static void on_failure(void *context, int error) {
    struct listener *listener = context;
    union sock_addr local = udp_local(listener->socket);
    char text[SOCK_ADDR_TEXT_MAX];
    log_error("%s: the socket failed: %s", sock_addr_print(&local, text), strerror(-error));
}

/* Close connections that do not come to a request: they would hold memory for nothing. */
static void sweep(void *context, uint64_t now) {
    struct server *server = context;
    struct carrier *carrier;
    DL_FOREACH(server->worker->carriers, carrier) {
        if (!carrier->session && !carrier->closing && now - carrier->since >= REQUEST_WAIT)
            carrier_close(carrier, H3_NO_ERROR, "no tunnel was asked for");
    }
    timer_set(&server->worker->timers, &server->sweeper, now + SWEEP_EVERY);
}

/* life */

static int open_listeners(struct server *server, char *why, size_t why_size) {
    const struct config *config = server->policy.config;
    const unsigned workers = (unsigned)server->shared->worker_count;
    server->listener = calloc(config->listen_count, sizeof *server->listener);
    if (!server->listener)
        return -ENOMEM;
    for (size_t i = 0; i < config->listen_count; i++) {
        struct listener *listener = &server->listener[i];
        const struct udp_settings settings = {.local = config->listen[i],
                                              .pool = server->worker->buffers,
                                              .share_count = workers > 1 ? workers : 0,
                                              .share_number = server->worker->number};
        const struct udp_hooks hooks = {.on_received = on_received, .on_failure = on_failure, .context = listener};
        char text[SOCK_ADDR_TEXT_MAX];
        int error;
        listener->server = server;
        error = udp_open(server->worker->loop, &settings, &hooks, &listener->socket, why, why_size);
        if (error)
            return error;
        server->listener_count++;
        if (server->worker->number == 0)
            log_notice("listening on %s", sock_addr_print(&config->listen[i], text));
    }
    return 0;
}

int server_start(struct server *server, struct worker *worker, struct shared *shared, const struct policy *policy,
                 char *why, size_t why_size) {
    int error;
    *server = (struct server){.worker = worker, .shared = shared, .policy = *policy};
    error = open_listeners(server, why, why_size);
    if (error)
        return error;
    server->sweeper = (struct timer){.on_due = sweep, .context = server};
    timer_set(&worker->timers, &server->sweeper, loop_now(worker->loop) + REQUEST_WAIT);
    return 0;
}

void server_close(struct server *server) {
    struct carrier *carrier;
    server->stopping = true; /* whoever comes back at once would meet silence */
    DL_FOREACH(server->worker->carriers, carrier) carrier_close(carrier, H3_NO_ERROR, "the server is stopping");
}

void server_fini(struct server *server) {
    if (!server->worker)
        return;
    timer_set(&server->worker->timers, &server->sweeper, TIME_NEVER);
    while (server->worker->carriers)
        carrier_free(server->worker->carriers);
    while (server->sessions)
        server_session_end(server, server->sessions);
    for (size_t i = 0; i < server->listener_count; i++)
        udp_close(server->listener[i].socket);
    free(server->listener);
    *server = (struct server){0};
}

/* Whether a user with sessions from the time of another policy may keep them: not when removed, disabled, or given
 * another token, for whoever has the old one is to be out. */
static bool may_stay(const char *name, const struct policy *was, const struct policy *is) {
    const struct auth_user *before = auth_find(was->auth, name), *user = auth_find(is->auth, name);
    if (!strcmp(name, "-"))
        return !is->config->require_token;
    if (!user || user->disabled)
        return false;
    return !before || (before->has_token == user->has_token &&
                       !memcmp(before->token_hash, user->token_hash, sizeof user->token_hash));
}

void server_take_policy(struct server *server, const struct policy *policy) {
    const struct policy was = server->policy;
    struct session *session, *next;
    server->policy = *policy;
    DL_FOREACH_SAFE(server->sessions, session, next) {
        if (may_stay(session->user, &was, policy))
            continue;
        log_notice("session %llu of %s: closed, the user may not connect any more", (unsigned long long)session->id,
                   session->user);
        server_session_evict(server, session, CONTROL_REMOVED);
    }
}

void server_set_scheduler(struct server *server, enum sched_id id) {
    struct session *session;
    server->policy.scheduler = id;
    DL_FOREACH(server->sessions, session) {
        session_set_scheduler(session, id);
        tunnel_mark(tunnel_of(session));
    }
}
