/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_leg: what a client asks of the server over a leg, and what its legs say.
 *
 * How it works: the first leg whose handshake is complete asks for a new bonded session; the others wait for its answer
 * and then join, each with a proof of its own. A server that does not bond gets one leg. When no leg is left, the next
 * one joins again while the server lingers, or gets a new session in the same answer if the server has forgotten. A
 * server that does not know the session (409) while other legs seem to work is another one, or they are dead: they are
 * asked, and unless one answers the path asks for a new session the next time.
 * Left out: how a path connects (client_path.c), which paths there are (client.c).
 * Invariants: with BONDING_UNKNOWN at most one path, the opener, has asked; with BONDING_NO at most one leg is
 * attached; no leg of a session that was forgotten is attached to the next. Standards: RFC 9484; mpvpn-protocol(7). */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "client_host.h"
#include "client_path.h"

#define ASK_WAIT_MAX (200 * NS_PER_MS)
#define OPENER_WAIT NS_PER_SEC        /* after so long another path asks for the session, if there is one */
#define ANSWER_WAIT (10 * NS_PER_SEC) /* a server that has not answered the request by then is given up */

static struct client_path *path_of(const struct carrier *carrier) {
    return carrier->owner;
}

/* asking for the tunnel */

/* The request of a path whose handshake is complete. @param field the bonding field */
static void request(struct client_path *path, const struct join_field *join) {
    const struct config *config = path->client->config;
    char authority[300], authorization[400], value[JOIN_FIELD_MAX];
    size_t length = join_print(join, value, sizeof value);
    const struct h3_field field = {.name = JOIN_FIELD, .value = value, .value_length = length};
    snprintf(authority, sizeof authority, strchr(config->server_host, ':') ? "[%s]:%u" : "%s:%u", config->server_host,
             config->server_port);
    if (config->token)
        snprintf(authorization, sizeof authorization, "Bearer %s", config->token);
    path->requested = true;
    if (join->is_new)
        memset(path->joining, 0, JOIN_ID_BYTES);
    if (leg_request(path->carrier->leg, authority, config->token ? authorization : NULL, &field, 1))
        client_path_reconnect(path, "the request could not be made");
    carrier_mark(path->carrier);
}

/* @param or_new whether a new session is wanted if the server does not know this one */
static void request_join(struct client_path *path, bool or_new) {
    const struct session *session = path->client->session;
    struct join_field join = {.or_new = or_new, .has_proof = true, .leg = -1, .worker = -1};
    uint8_t exporter[JOIN_SECRET_BYTES];
    memcpy(join.session_id, session->bond_id, JOIN_ID_BYTES);
    memcpy(path->joining, session->bond_id, JOIN_ID_BYTES);
    if (conn_export(leg_conn(path->carrier->leg), JOIN_PROOF_LABEL, session->bond_id, JOIN_ID_BYTES, exporter,
                    sizeof exporter))
        return client_path_reconnect(path, "no proof could be made");
    join_proof(session->secret, exporter, 0, join.proof); /* the request is the connection's first: stream 0 */
    request(path, &join);
}

/* Whether nothing is left of the session that a server which has forgotten it would take from us. Where a server was
 * restarted some legs have not heard of it yet, but the one that it reset has. */
static bool may_be_new(const struct client_path *path) {
    const struct client *client = path->client;
    if (client->opener)
        return false;
    return !client->session->leg_count || path->was_reset ||
           (path->doubted && session_is_silent(client->session, loop_now(client->worker->loop)));
}

/* What a path whose handshake is complete does next. */
static void ask_or_wait(struct client_path *path) {
    const struct join_field new = {.is_new = true, .leg = -1, .worker = -1};
    struct client *client = path->client;
    if (path->requested || !path->carrier || !conn_is_ready(leg_conn(path->carrier->leg)))
        return;
    if (client->bonding == BONDING_YES) {
        const bool or_new = may_be_new(path);
        if (or_new)
            client->opener = path;
        request_join(path, or_new);
    } else if (client->bonding == BONDING_UNKNOWN && !client->opener) {
        client->opener = path;
        request(path, &new);
    } else if (client->bonding == BONDING_NO && client->session->leg_count == 0) {
        client->bonding = BONDING_UNKNOWN;
        client->opener = path;
        request(path, &new);
    } else if (client->bonding == BONDING_NO) {
        snprintf(path->ending, sizeof path->ending, "the server does not bond: one path at a time");
        carrier_close(path->carrier, H3_NO_ERROR, "not needed");
    }
}

static void ask_or_wait_all(struct client *client) {
    struct client_path *path, *next;
    DL_FOREACH_SAFE(client->paths, path, next) ask_or_wait(path);
}

static void on_handshake(void *context) {
    struct carrier *carrier = context;
    struct client_path *path = path_of(carrier);
    struct worker *worker = carrier->worker;
    const struct conn *conn = leg_conn(carrier->leg);
    path->client->handshakes++;
    log_debug("path %s: handshake complete, %s", path->device, conn_cipher_name(conn));
    if (conn_is_resumed(conn)) {
        path->client->resumed_handshakes++;
        log_debug("path %s: TLS session resumed", path->device);
    }
    timer_set(&worker->timers, &path->ask, loop_now(worker->loop) + ANSWER_WAIT);
    ask_or_wait(path);
}

/* The session is forgotten; the next leg asks for a new one. */
void client_forget_session(struct client *client) {
    if (client->bonding == BONDING_YES)
        log_notice("the server does not know the session any more");
    client->bonding = BONDING_UNKNOWN;
    client->opener = NULL;
}

/* The leg of a path ends. If the path was lost it could not say goodbye: another of the session does. That ends with
 * the session, as the next one has the same numbers. */
static void note_left(const struct client_path *path, uint64_t now) {
    const struct session_leg *leg = client_path_leg(path);
    if (path->state == PATH_LOST && leg && path->client->bonding == BONDING_YES && !path->client->stopping)
        session_note_left(path->client->session, leg->number, now);
}

/* The server gave a new session for the one that was to be joined: what is left of that ends. */
static void leave_session(struct client *client) {
    struct client_path *path;
    client_forget_session(client);
    DL_FOREACH(client->paths, path) {
        if (!path->carrier || !path->carrier->session)
            continue;
        tunnel_detach(client->tunnel, path->carrier);
        client_path_reconnect(path, "its session is gone");
    }
}

/* The answer to `new`: bonded or not; or to a join, to which the opener may have got a new session. @return number of
 * the leg; -1: it is of another session */
static int take_answer(struct client_path *path, const struct h3_message *response) {
    struct client *client = path->client;
    bool again = false;
    const struct h3_field *field = h3_message_field(response, JOIN_FIELD, &again);
    struct join_field join;
    uint8_t secret[JOIN_SECRET_BYTES];
    bool bonds =
        field && !again && !join_parse(field->value, field->value_length, &join) && !join.is_new && join.leg >= 0;
    const bool opens = client->opener == path;
    if (opens)
        client->opener = NULL;
    if (client->bonding == BONDING_YES) {
        if (bonds && !memcmp(join.session_id, client->session->bond_id, JOIN_ID_BYTES))
            return join.leg;
        if (!opens)
            return -1;
        leave_session(client);
    }
    if (!opens)
        return -1;
    client->bonding = BONDING_NO;
    if (!bonds || conn_export(leg_conn(path->carrier->leg), JOIN_SECRET_LABEL, NULL, 0, secret, sizeof secret))
        return 0;
    if (session_bond(client->session, join.session_id, secret))
        return 0;
    client->bonding = BONDING_YES;
    if (join.worker >= 0)
        client->server_worker = (uint8_t)join.worker;
    client->assigned = false;
    return join.leg;
}

static void on_open(void *context, const struct h3_message *response) {
    struct carrier *carrier = context;
    struct client_path *path = path_of(carrier);
    struct client *client = path->client;
    int number = take_answer(path, response);
    bool first = client->session->leg_count == 0;
    struct conn_statistics statistics;
    char text[IP_ADDR_TEXT_MAX];
    uint64_t wait;
    if (number < 0)
        return client_path_reconnect(path, "the answer was of another session");
    if (client->bonding == BONDING_NO) {
        client->session->bonded = false;
        client->assigned = false;
    }
    if (tunnel_attach(client->tunnel, carrier, (uint8_t)number))
        return client_path_reconnect(path, "the session has too many legs");
    conn_statistics(leg_conn(carrier->leg), &statistics);
    wait = statistics.rtt_smoothed < ASK_WAIT_MAX ? statistics.rtt_smoothed : ASK_WAIT_MAX;
    path->reason[0] = '\0';
    path->was_reset = path->doubted = false;
    path->opened = loop_now(client->worker->loop);
    client_path_set_state(path, PATH_UP);
    client->connects += first;
    log_notice("path %s: up, from %s%s", path->device, ip_addr_print(&path->source, text),
               path->settings.backup ? ", as a backup" : "");
    timer_set(&client->worker->timers, &path->ask, path->opened + wait);
    client_path_tell(path);
    if (client->session->bonded && first)
        session_set_scheduler(client->session, client->session->sched.id);
    ask_or_wait_all(client);
}

/* The session is at another worker of the server: the answer names it, unless we aimed there already. */
static bool take_direction(struct client *client, const struct h3_message *response) {
    bool again = false;
    const struct h3_field *field = response ? h3_message_field(response, JOIN_FIELD, &again) : NULL;
    struct join_field join;
    if (!field || again || join_parse(field->value, field->value_length, &join) || join.worker < 0 ||
        join.worker == client->server_worker)
        return false;
    client->server_worker = (uint8_t)join.worker;
    return true;
}

/* The server does not know the session that the path was to join. */
static void on_unknown_session(struct client_path *path) {
    struct client *client = path->client;
    struct client_path *opener = client->opener;
    const bool ours = client->bonding == BONDING_YES && !memcmp(path->joining, client->session->bond_id, JOIN_ID_BYTES);
    memset(path->joining, 0, JOIN_ID_BYTES);
    if (ours && opener != path && client->session->leg_count) {
        session_ask_all(client->session, loop_now(client->worker->loop));
        tunnel_mark(client->tunnel);
        path->doubted = true;
        snprintf(path->ending, sizeof path->ending,
                 "this server does not know the session of the other paths: is it another server?");
        return;
    }
    if (ours && opener && opener != path) {
        /* That path has asked for a new one, and has a while to be answered. */
        if (loop_now(client->worker->loop) + ANSWER_WAIT < opener->ask.deadline + OPENER_WAIT)
            return;
        client_path_reconnect(opener, "no answer to the request");
    }
    if (ours)
        leave_session(client);
    path->again = true;
}

static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    struct carrier *carrier = context;
    struct client_path *path = path_of(carrier);
    static const uint8_t none[JOIN_ID_BYTES];
    if (status)
        snprintf(path->ending, sizeof path->ending, "the server refused: %u %s", status, reason);
    else
        snprintf(path->ending, sizeof path->ending, "the server cannot tunnel IP: %s", reason);
    if (status == 409 && memcmp(path->joining, none, JOIN_ID_BYTES))
        on_unknown_session(path);
    if (status == 421 && path->client->bonding == BONDING_YES)
        path->again = take_direction(path->client, response);
    carrier_close(carrier, H3_NO_ERROR, "refused");
}

/* addresses and routes */

/* One address of each version: the one of the tunnel before, else whatever is free. */
static void ask_addresses(struct client_path *path) {
    const struct session *session = path->client->session;
    struct capsule_address wanted[2] = {{.request_id = 1, .prefix = {.addr = {.version = 4}, .length = 32}},
                                        {.request_id = 2, .prefix = {.addr = {.version = 6}, .length = 128}}};
    for (size_t i = session->address_count; i > 0; i--)
        wanted[session->address[i - 1].addr.version == 6].prefix = session->address[i - 1];
    if (connect_ip_ask(leg_connect_ip(path->carrier->leg), wanted, 2))
        log_warning("path %s: addresses could not be asked for", path->device);
    carrier_mark(path->carrier);
}

/* The server has kept us waiting: for addresses, or for its answer to the request. */
void client_leg_on_ask(void *context, uint64_t now) {
    struct client_path *path = context;
    (void)now;
    if (!path->carrier)
        return;
    if (path->state != PATH_CONNECTING) {
        if (!path->client->assigned)
            ask_addresses(path);
        return;
    }
    snprintf(path->ending, sizeof path->ending, "no answer to the request");
    carrier_close(path->carrier, H3_REQUEST_CANCELLED, "no answer to the request");
}

static void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    struct client *client = path_of(context)->client;
    struct ip_prefix list[SESSION_ADDRESSES_MAX];
    size_t length = 0;
    for (size_t i = 0; i < count && length < SESSION_ADDRESSES_MAX; i++) {
        static const uint8_t zero[16];
        const struct ip_addr *addr = &addresses[i].prefix.addr;
        if (!memcmp(addr->bytes, zero, ip_addr_size(addr)))
            continue; /* refused: RFC 9484 section 4.7.2 */
        list[length++] = addresses[i].prefix;
    }
    client->assigned = true;
    session_set_addresses(client->session, list, length);
    client_host_update(client);
}

/* A client has no addresses to give, and says so (RFC 9484 section 4.7.2: all zeros refuse). */
static void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    struct carrier *carrier = context;
    struct capsule_address list[CAPSULE_ADDRESSES_MAX];
    for (size_t i = 0; i < count; i++) {
        uint8_t version = requests[i].prefix.addr.version;
        list[i] = (struct capsule_address){.request_id = requests[i].request_id,
                                           .prefix = {.addr = {.version = version}, .length = version == 4 ? 32 : 128}};
    }
    if (connect_ip_assign(leg_connect_ip(carrier->leg), list, count))
        carrier_close(carrier, H3_EXCESSIVE_LOAD, "capsules are not read");
    carrier_mark(carrier);
}

static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct client *client = path_of(context)->client;
    if (session_set_reach(client->session, ranges, count))
        log_error("no memory for %zu routes", count);
    client_host_update(client);
}

/* the rest of what a leg says */

static void on_closed(void *context, uint64_t code, const char *reason) {
    struct carrier *carrier = context;
    struct client_path *path = path_of(carrier);
    (void)code;
    snprintf(path->ending, sizeof path->ending, "the server ended the tunnel: %s", reason);
    carrier_close(carrier, H3_NO_ERROR, "the tunnel was ended");
}

static void on_session_closed(struct carrier *carrier) {
    struct client *client = path_of(carrier)->client;
    struct client_path *path;
    const bool replaced = strcmp(client->session->closed, CONTROL_REPLACED) == 0;
    client_forget_session(client);
    if (replaced)
        client_hold_back(client);
    DL_FOREACH(client->paths, path)
    if (path->carrier)
        client_path_reconnect(path, replaced ? CLIENT_REPLACED : "the server closed the session");
}

static void on_mtu(void *context) {
    struct carrier *carrier = context;
    client_host_mtu(path_of(carrier)->client);
    carrier_mark(carrier);
}

static void on_token(void *context, const uint8_t *token, size_t length) {
    struct client *client = path_of(context)->client;
    if (length > sizeof client->token)
        return;
    memcpy(client->token, token, length);
    client->token_length = length;
}

static void on_path(void *context, const struct conn_path *path) {
    char text[SOCK_ADDR_TEXT_MAX];
    log_info("path %s: now sending from %s", path_of(context)->device, sock_addr_print(&path->local, text));
}

/* The best words there are for why the connection is over. */
static void explain_end(const struct client_path *path, const struct conn *conn, char *out, size_t size) {
    const struct conn_error *error = conn_error(conn);
    const char *tls = conn_tls_reason(conn);
    if (path->ending[0])
        snprintf(out, size, "%s", path->ending);
    else if (tls[0])
        snprintf(out, size, "the server is not trusted: %s", tls);
    else if (error->stateless_reset)
        snprintf(out, size, "the server was restarted");
    else if (error->idle)
        snprintf(out, size, "%s",
                 conn_is_ready(conn) ? "nothing heard from the server for too long" : "no answer from the server");
    else if (error->reason[0])
        snprintf(out, size, "%s: %s", error->remote ? "the server closed the connection" : "connection failed",
                 error->reason);
    else
        snprintf(out, size, "connection %s (%s error 0x%llx)", error->remote ? "closed by the server" : "failed",
                 error->application ? "HTTP/3" : "QUIC", (unsigned long long)error->code);
}

/* A plain session's leg is gone: a spare path may connect now. */
static void wake_spares(struct client *client) {
    struct client_path *path, *next;
    DL_FOREACH_SAFE(client->paths, path, next) if (path->state == PATH_SPARE) client_path_connect(path);
}

static void on_end(struct carrier *carrier, uint64_t now) {
    struct client_path *path = path_of(carrier);
    struct client *client = path->client;
    const bool again = path->again; /* of this connection, whatever becomes of the path now */
    bool spare = client->bonding == BONDING_NO && !path->removing && client->session->leg_count && !carrier->session;
    char why[200];
    path->again = false;
    explain_end(path, leg_conn(carrier->leg), why, sizeof why);
    path->unheard = conn_error(leg_conn(carrier->leg))->idle;
    path->was_reset = carrier->session && conn_error(leg_conn(carrier->leg))->stateless_reset;
    note_left(path, now);
    client_path_drop(path);
    if (path->removing) {
        DL_DELETE(client->paths, path);
        client->path_count--;
        client_path_free(path);
    } else if (client->stopping) {
        client_path_set_state(path, PATH_DOWN);
    } else if (spare) {
        client_path_set_state(path, PATH_SPARE);
        path->failures = 0;
        client_plain_watch(client);
    } else if (again) {
        client_path_set_state(path, PATH_WAITING);
        client_path_connect(path);
    } else {
        client_path_retry(path, why);
    }
    if (client->stopping)
        return;
    if (client->bonding == BONDING_NO && !client->session->leg_count)
        wake_spares(client);
    ask_or_wait_all(client);
    client_plain_settle(client);
    client_host_mtu(client);
}

const struct carrier_hooks client_carrier_hooks = {
    .leg = {.on_open = on_open,
            .on_refused = on_refused,
            .on_addresses = on_addresses,
            .on_address_request = on_address_request,
            .on_routes = on_routes,
            .on_closed = on_closed,
            .on_mtu = on_mtu,
            .on_token = on_token,
            .on_handshake = on_handshake,
            .on_path = on_path},
    .on_session_closed = on_session_closed,
    .on_end = on_end,
};
