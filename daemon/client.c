/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client: connects, and comes back.
 *
 * How it works: the path goes DOWN → RESOLVING → CONNECTING → UP, and on any failure to WAITING with a backoff (at once after a tunnel that stood for a while, else
 * 0.5 s doubling to 30 s, with a quarter of jitter), from where a change of links, addresses or routes wakes it early. The session and the TUN device live through all of that,
 * so inner connections survive. What the host gets (client_host.c) follows ADDRESS_ASSIGN and ROUTE_ADVERTISEMENT.
 * When link or address go away under an open tunnel, the connection is kept (LOST) until it would time out: it goes on when they come back, and migrates when
 * the device gets another address.
 * Left out: the host's addresses and routes (client_host.c).
 * Invariants: carrier and socket are set exactly in CONNECTING, UP and LOST; session->leg is set exactly in UP and LOST.
 * Standards: RFC 9484, RFC 9000 section 8.1.3 (tokens). */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_host.h"
#include "drops.h"
#include "ingress.h"

#define RETRY_MIN (NS_PER_SEC / 2)
#define RETRY_MAX (30 * NS_PER_SEC)
#define KEEPALIVE (15 * NS_PER_SEC) /* half of the idle time-out */
#define ASK_WAIT_MAX (200 * NS_PER_MS)
#define ANSWER_WAIT (10 * NS_PER_SEC) /* a server that has not answered the request by then is given up */
#define WORKED_AFTER NS_PER_SEC /* a tunnel that stood so long worked: the next try is at once, unless others failed before it */
#define SETTLED_AFTER (10 * NS_PER_SEC) /* a tunnel that stood so long ends a row of failures: two clients that replace each other slow down */

static const struct carrier_hooks client_hooks;

static void set_state(struct client_path *path, enum path_state state) {
    path->state = state;
    path->since = loop_now(path->client->worker->loop);
}

const char *path_state_name(enum path_state state) {
    switch (state) {
    case PATH_LOST:
    case PATH_DOWN: return "down";
    case PATH_RESOLVING:
    case PATH_CONNECTING: return "connecting";
    case PATH_UP: return "up";
    case PATH_WAITING: return "waiting";
    }
    return "unknown";
}

/* failing and trying again */

/* Half a second, doubled with each failure in a row, spread by ± a quarter so that a restarted server does not meet all its clients at once. */
static uint64_t backoff(unsigned failures) {
    uint64_t wait = RETRY_MIN << (failures < 7 ? failures : 6);
    uint16_t noise;
    if (wait > RETRY_MAX) wait = RETRY_MAX;
    tls_random(&noise, sizeof noise);
    return wait - wait / 4 + (wait / 2) * noise / UINT16_MAX;
}

static void wait_and_retry(struct client_path *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void wait_and_retry(struct client_path *path, const char *format, ...) {
    struct client *client = path->client;
    uint64_t now = loop_now(client->worker->loop);
    uint64_t stood = path->state == PATH_UP || path->state == PATH_LOST ? now - path->opened : 0;
    bool worked = stood >= SETTLED_AFTER || (stood >= WORKED_AFTER && !path->failures);
    uint64_t wait = worked ? 0 : backoff(path->failures);
    path->failures = stood >= SETTLED_AFTER ? 0 : path->failures + 1;
    va_list args;
    va_start(args, format);
    vsnprintf(path->reason, sizeof path->reason, format, args);
    va_end(args);
    set_state(path, PATH_WAITING);
    if (client->stopping) return;
    log_warning("path %s: %s; trying again in %.1f s", path->device[0] ? path->device : "-", path->reason, (double)wait / 1e9);
    timer_set(&client->worker->timers, &path->retry, now + wait);
}

/* The link, address or route is missing: nothing to try before the kernel tells of a change. */
static void go_down(struct client_path *path, const char *reason) {
    if (path->state != PATH_DOWN || strcmp(path->reason, reason) != 0) log_warning("path %s: down: %s", path->device[0] ? path->device : "-", reason);
    snprintf(path->reason, sizeof path->reason, "%s", reason);
    set_state(path, PATH_DOWN);
    timer_set(&path->client->worker->timers, &path->retry, loop_now(path->client->worker->loop) + RETRY_MAX);
}

/* Free carrier and socket, outside of any call of the leg's. */
static void drop_carrier(struct client_path *path) {
    struct client *client = path->client;
    timer_set(&client->worker->timers, &path->ask, TIME_NEVER);
    client->session->leg = NULL;
    client->session->owner = NULL;
    carrier_free(path->carrier);
    drops_add_socket(&client->worker->drops, path->socket);
    udp_close(path->socket);
    path->carrier = NULL;
    path->socket = NULL;
}

/* connecting */

static void on_received(void *context, const struct udp_received *received);
static void on_failure(void *context, int error) {
    struct client_path *path = context;
    log_warning("path %s: the socket failed: %s", path->device, strerror(-error));
}

static int open_socket(struct client_path *path, char *why, size_t why_size) {
    struct udp_settings settings = {.local = sock_addr_make(&path->source, 0), .pool = path->client->worker->buffers};
    const struct udp_hooks hooks = {.on_received = on_received, .on_failure = on_failure, .context = path};
    memcpy(settings.device, path->device, sizeof settings.device);
    return udp_open(path->client->worker->loop, &settings, &hooks, &path->socket, why, why_size);
}

static int open_leg(struct client_path *path) {
    struct client *client = path->client;
    const struct config *config = client->config;
    struct leg_settings settings = {.uri_template = config->path_template, .hooks = carrier_leg_hooks()};
    struct conn_client_settings peer = {.server_name = config->server_name ? config->server_name : config->server_host, .token = client->token, .token_length = client->token_length, .first_dcid_worker = -1};
    char authority[300], authorization[400];

    path->carrier = carrier_new(client->worker, path->socket, &client_hooks, path);
    if (!path->carrier) return -ENOMEM;
    path->carrier->path.local = udp_local(path->socket);
    path->carrier->path.remote = path->remote;
    settings.context = path->carrier;
    settings.conn = (struct conn_settings){.tls = client->tls, .path = path->carrier->path, .congestion = path->config && path->config->congestion ? path->config->congestion : "bbr", .keepalive = KEEPALIVE};
    if (!strcmp(settings.conn.congestion, "auto")) settings.conn.congestion = "bbr";
    tls_random(settings.conn.reset_key, sizeof settings.conn.reset_key);
    snprintf(authority, sizeof authority, strchr(config->server_host, ':') ? "[%s]:%u" : "%s:%u", config->server_host, config->server_port);
    if (config->token) snprintf(authorization, sizeof authorization, "Bearer %s", config->token);
    client->token_length = 0; /* a token is used once: RFC 9000 section 8.1.3 */
    return leg_client_new(&settings, &peer, authority, config->token ? authorization : NULL, loop_now(client->worker->loop), &path->carrier->leg);
}

/* Find device, source and gateway for the server's address. */
static int find_route(struct client_path *path, const struct ip_addr *target, char *why, size_t why_size) {
    struct client *client = path->client;
    struct netlink_route route;
    struct netlink_link link = {0};
    int error;

    if (path->config) {
        if (netlink_link(client->netlink, path->config->device, &link)) return snprintf(why, why_size, "there is no such device"), -ENODEV;
        if (!link.up) return snprintf(why, why_size, "the link is down"), -ENETDOWN;
    }
    error = netlink_route(client->netlink, target, link.ifindex, &route);
    if (!error && route.ifindex == tun_ifindex(client->worker->tun)) {
        /* Without a [Path] section the way is known from before the tunnel's own routes covered it. */
        error = path->device[0] && !netlink_link(client->netlink, path->device, &link) && link.up ? netlink_route(client->netlink, target, link.ifindex, &route) : -ENETUNREACH;
    }
    if (error) {
        char text[IP_ADDR_TEXT_MAX];
        snprintf(why, why_size, "no route to %s", ip_addr_print(target, text));
        return error;
    }
    path->ifindex = route.ifindex;
    memcpy(path->device, route.device, sizeof path->device);
    path->gateway = route.gateway;
    path->source = path->config && path->config->source.version == target->version ? path->config->source : route.source;
    return 0;
}

static void connect_to(struct client_path *path, const struct ip_addr *target) {
    struct client *client = path->client;
    char why[200], text[SOCK_ADDR_TEXT_MAX];
    int error = find_route(path, target, why, sizeof why);
    if (error) {
        if (++client->server_addr_next < client->server_addr_count) return connect_to(path, &client->server_addr[client->server_addr_next]);
        return go_down(path, why);
    }
    path->remote = sock_addr_make(target, path->port);
    client_host_rule(path, true);
    error = open_socket(path, why, sizeof why);
    if (!error) {
        error = open_leg(path);
        if (error) snprintf(why, sizeof why, "connection could not be made: %s", strerror(-error));
    }
    set_state(path, PATH_CONNECTING);
    path->ending[0] = '\0';
    if (error) {
        drop_carrier(path);
        return wait_and_retry(path, "%s", why);
    }
    log_info("path %s: connecting to %s", path->device, sock_addr_print(&path->remote, text));
    carrier_mark(path->carrier);
}

static void on_answer(void *context, int error, const struct ip_addr *addresses, size_t count) {
    struct client *client = context;
    struct client_path *path = &client->path;
    if (path->state != PATH_RESOLVING) return;
    if (!error && count) {
        client->server_addr_count = count < RESOLVE_MAX ? count : RESOLVE_MAX;
        memcpy(client->server_addr, addresses, client->server_addr_count * sizeof *addresses);
        client->server_addr_next = path->failures % client->server_addr_count;
    } else if (!client->server_addr_count) {
        return wait_and_retry(path, "%s could not be resolved: %s", path->host, gai_strerror(error));
    } else {
        client->server_addr_next = path->failures % client->server_addr_count;
        log_info("%s could not be resolved (%s): using the address known before", path->host, gai_strerror(error));
    }
    connect_to(path, &client->server_addr[client->server_addr_next]);
}

static void connect_now(struct client_path *path) {
    struct client *client = path->client;
    int error;
    timer_set(&client->worker->timers, &path->retry, TIME_NEVER);
    if (client->stopping || path->state == PATH_RESOLVING || path->carrier) return;
    set_state(path, PATH_RESOLVING);
    error = resolve_query(client->resolve, path->host, on_answer, client);
    if (error) wait_and_retry(path, "the name resolver is not available: %s", strerror(-error));
}

static void on_retry(void *context, uint64_t now) {
    (void)now;
    connect_now(context);
}

/* what the leg says */

static void on_received(void *context, const struct udp_received *received) {
    struct client_path *path = context;
    /* Every datagram of this socket is the carrier's, also a stateless reset, which bears a random connection ID. */
    for (size_t offset = 0; path->carrier && offset < received->length; offset += received->segment_bytes) {
        size_t left = received->length - offset;
        ingress_deliver(path->carrier, received, received->data + offset, left < received->segment_bytes ? left : received->segment_bytes);
    }
}

static void on_open(void *context) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    struct client *client = path->client;
    struct conn_statistics statistics;
    uint64_t wait;
    conn_statistics(leg_conn(carrier->leg), &statistics);
    wait = statistics.rtt_smoothed < ASK_WAIT_MAX ? statistics.rtt_smoothed : ASK_WAIT_MAX;
    path->reason[0] = '\0';
    path->opened = loop_now(client->worker->loop);
    path->assigned = false;
    set_state(path, PATH_UP);
    client->connects++;
    carrier->session = client->session;
    client->session->leg = carrier->leg;
    client->session->owner = carrier;
    timer_set(&client->worker->timers, &path->ask, loop_now(client->worker->loop) + wait);
}

/* One address of each version: the one of the tunnel before, else whatever is free. */
static void ask(struct client_path *path) {
    const struct session *session = path->client->session;
    struct capsule_address wanted[2] = {{.request_id = 1, .prefix = {.addr = {.version = 4}, .length = 32}}, {.request_id = 2, .prefix = {.addr = {.version = 6}, .length = 128}}};
    for (size_t i = session->address_count; i > 0; i--) wanted[session->address[i - 1].addr.version == 6].prefix = session->address[i - 1];
    if (connect_ip_ask(leg_connect_ip(path->carrier->leg), wanted, 2)) log_warning("path %s: addresses could not be asked for", path->device);
    carrier_mark(path->carrier);
}

/* The server has kept us waiting: for addresses, or for its answer to the request. */
static void on_ask(void *context, uint64_t now) {
    struct client_path *path = context;
    (void)now;
    if (!path->carrier) return;
    if (path->state != PATH_CONNECTING) {
        if (!path->assigned) ask(path);
        return;
    }
    snprintf(path->reason, sizeof path->reason, "no answer to the request");
    carrier_close(path->carrier, H3_REQUEST_CANCELLED, "no answer to the request");
}

static void on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    struct ip_prefix list[SESSION_ADDRESSES_MAX];
    size_t length = 0;
    for (size_t i = 0; i < count && length < SESSION_ADDRESSES_MAX; i++) {
        static const uint8_t zero[16];
        const struct ip_addr *addr = &addresses[i].prefix.addr;
        if (!memcmp(addr->bytes, zero, ip_addr_size(addr))) continue; /* refused: RFC 9484 section 4.7.2 */
        list[length++] = addresses[i].prefix;
    }
    path->assigned = true;
    session_set_addresses(path->client->session, list, length);
    client_host_update(path->client);
}

/* A client has no addresses to give, and says so (RFC 9484 section 4.7.2: all zeros refuse). */
static void on_address_request(void *context, const struct capsule_address *requests, size_t count) {
    struct carrier *carrier = context;
    struct capsule_address list[CAPSULE_ADDRESSES_MAX];
    for (size_t i = 0; i < count; i++) {
        uint8_t version = requests[i].prefix.addr.version;
        list[i] = (struct capsule_address){.request_id = requests[i].request_id, .prefix = {.addr = {.version = version}, .length = version == 4 ? 32 : 128}};
    }
    if (connect_ip_assign(leg_connect_ip(carrier->leg), list, count)) carrier_close(carrier, H3_EXCESSIVE_LOAD, "capsules are not read");
    carrier_mark(carrier);
}

static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    if (session_set_reach(path->client->session, ranges, count)) log_error("no memory for %zu routes", count);
    client_host_update(path->client);
}

static void on_refused(void *context, unsigned status, const char *reason) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    if (status)
        snprintf(path->ending, sizeof path->ending, "the server refused: %u %s", status, reason);
    else
        snprintf(path->ending, sizeof path->ending, "the server cannot tunnel IP: %s", reason);
    carrier_close(carrier, H3_NO_ERROR, "refused");
}

static void on_closed(void *context, uint64_t code, const char *reason) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    (void)code;
    snprintf(path->ending, sizeof path->ending, "the server ended the tunnel: %s", reason);
    carrier_close(carrier, H3_NO_ERROR, "the tunnel was ended");
}

static void on_mtu(void *context) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    client_host_mtu(path->client);
    carrier_mark(carrier);
}

static void on_token(void *context, const uint8_t *token, size_t length) {
    struct client *client = ((struct client_path *)((struct carrier *)context)->owner)->client;
    if (length > sizeof client->token) return;
    memcpy(client->token, token, length);
    client->token_length = length;
}

static void on_handshake(void *context) {
    struct carrier *carrier = context;
    struct client_path *path = carrier->owner;
    struct worker *worker = path->client->worker;
    log_debug("path %s: handshake complete, %s", path->device, conn_cipher_name(leg_conn(carrier->leg)));
    timer_set(&worker->timers, &path->ask, loop_now(worker->loop) + ANSWER_WAIT);
}

static void on_path(void *context, const struct conn_path *path) {
    char text[SOCK_ADDR_TEXT_MAX];
    (void)context;
    log_info("now sending from %s", sock_addr_print(&path->local, text));
}

/* The best words there are for why the connection is over. */
static void explain_end(struct client_path *path, const struct conn *conn, char *out, size_t size) {
    const struct conn_error *error = conn_error(conn);
    const char *tls = conn_tls_reason(conn);
    if (path->ending[0])
        snprintf(out, size, "%s", path->ending);
    else if (tls[0])
        snprintf(out, size, "the server is not trusted: %s", tls);
    else if (error->stateless_reset)
        snprintf(out, size, "the server does not know this connection any more");
    else if (error->idle)
        snprintf(out, size, "%s", conn_is_ready(conn) ? "nothing heard from the server for too long" : "no answer from the server");
    else if (error->reason[0])
        snprintf(out, size, "%s: %s", error->remote ? "the server closed the connection" : "connection failed", error->reason);
    else
        snprintf(out, size, "connection %s (%s error 0x%llx)", error->remote ? "closed by the server" : "failed", error->application ? "HTTP/3" : "QUIC", (unsigned long long)error->code);
}

static void on_end(struct carrier *carrier, uint64_t now) {
    struct client_path *path = carrier->owner;
    char why[200];
    (void)now;
    explain_end(path, leg_conn(carrier->leg), why, sizeof why);
    drop_carrier(path);
    if (path->client->stopping) {
        set_state(path, PATH_DOWN);
        return;
    }
    wait_and_retry(path, "%s", why);
}

static const struct carrier_hooks client_hooks = {
    .leg = {.on_open = on_open, .on_refused = on_refused, .on_addresses = on_addresses, .on_address_request = on_address_request, .on_routes = on_routes, .on_closed = on_closed,
            .on_mtu = on_mtu, .on_token = on_token, .on_handshake = on_handshake, .on_path = on_path},
    .on_end = on_end,
};

/* what the kernel says */

/* Start over at once on a path that just became usable, or that lost what it stood on. */
static void reconnect(struct client_path *path, const char *reason) {
    if (path->carrier) {
        log_notice("path %s: %s", path->device, reason);
        carrier_close(path->carrier, H3_NO_ERROR, reason);
        snprintf(path->ending, sizeof path->ending, "%s", reason);
        return;
    }
    path->failures = 0;
    if (path->state == PATH_DOWN || path->state == PATH_WAITING) connect_now(path);
}

/* Keep the connection of a path that lost its link or address: often both are back within seconds. */
static void lose(struct client_path *path, const char *reason) {
    if (path->state != PATH_UP) return reconnect(path, reason);
    log_notice("path %s: down: %s", path->device, reason);
    snprintf(path->reason, sizeof path->reason, "%s", reason);
    set_state(path, PATH_LOST);
}

static void resume(struct client_path *path) {
    log_notice("path %s: back", path->device);
    path->reason[0] = '\0';
    set_state(path, PATH_UP);
    client_host_rule(path, true);
    conn_ping(leg_conn(path->carrier->leg));
    carrier_mark(path->carrier);
}

/* Let the connection go on from the path's new source address. */
static int migrate(struct client_path *path) {
    struct udp_socket *old = path->socket;
    union sock_addr local;
    char why[200];
    int error = open_socket(path, why, sizeof why);
    if (error) return error;
    local = udp_local(path->socket);
    error = carrier_move(path->carrier, path->socket, &local);
    if (error) {
        udp_close(path->socket);
        path->socket = old;
        return error;
    }
    udp_close(old);
    return 0;
}

/* Something came back: go on as before when link, route and source are as they were, migrate when there is another source, start over when neither works. */
static void recover(struct client_path *path) {
    struct ip_addr source = path->source, target = sock_addr_ip(&path->remote);
    char why[200];
    if (find_route(path, &target, why, sizeof why)) return;
    if (ip_addr_compare(&source, &path->source) && migrate(path)) return reconnect(path, "our address changed");
    resume(path);
}

void client_on_link(struct client *client, unsigned ifindex, bool present, bool up) {
    struct client_path *path = &client->path;
    if (ifindex == tun_ifindex(client->worker->tun)) return;
    if (present && up) {
        if (path->state == PATH_LOST) recover(path);
        else if (!path->carrier) reconnect(path, "a link came up");
    } else if (path->carrier && ifindex == path->ifindex) {
        lose(path, "the link is down");
    }
}

void client_on_address(struct client *client, unsigned ifindex, const struct ip_addr *addr, bool present) {
    struct client_path *path = &client->path;
    if (ifindex == tun_ifindex(client->worker->tun)) return;
    if (present) {
        if (path->state == PATH_LOST) recover(path);
        else if (!path->carrier) reconnect(path, "an address was added");
    } else if (path->carrier && ifindex == path->ifindex && !ip_addr_compare(addr, &path->source)) {
        lose(path, "our address went away");
        if (path->state == PATH_LOST) recover(path); /* the device may have another one already */
    }
}

void client_on_route(struct client *client) {
    struct client_path *path = &client->path;
    if (path->state == PATH_LOST) recover(path);
    else if (path->state == PATH_DOWN) reconnect(path, "a route changed");
}

/* life */

static int make_trust(const struct config *config, struct tls_context **out, char *why, size_t why_size) {
    struct tls_client_settings settings = {.ca_file = config->ca_file, .has_pin = config->has_pin};
    memcpy(settings.pin, config->pin, sizeof settings.pin);
    return tls_client_context_new(&settings, out, why, why_size);
}

/* Which address of the server the path leads to: its own, or that of all paths. @return 0; -ENOMEM: unchanged */
static int set_server(struct client_path *path, const struct config *config) {
    const struct config_path *section = config->path_count ? &config->path[0] : NULL;
    uint16_t port = config->server_port;
    char *host = NULL;
    int error = section && section->server ? config_split_host(section->server, &host, &port) : (host = strdup(config->server_host)) ? 0 : -ENOMEM;
    if (error) return error;
    free(path->host);
    path->host = host;
    path->port = port;
    path->config = section;
    return 0;
}

int client_start(struct client *client, struct worker *worker, struct netlink *netlink, const struct config *config, char *why, size_t why_size) {
    const struct ip_prefix everything[2] = {{.addr = {.version = 4}}, {.addr = {.version = 6}}};
    struct client_path *path = &client->path;
    int error;
    *client = (struct client){.worker = worker, .netlink = netlink, .config = config};
    path->client = client;
    if (set_server(path, config)) return snprintf(why, why_size, "no memory for the server's name"), -ENOMEM;
    path->retry = (struct timer){.on_due = on_retry, .context = path};
    path->ask = (struct timer){.on_due = on_ask, .context = path};
    if (path->config) memcpy(path->device, path->config->device, sizeof path->device);
    error = make_trust(config, &client->tls, why, why_size);
    if (error) return error;
    error = resolve_new(worker->loop, &client->resolve);
    if (error) return snprintf(why, why_size, "the name resolver could not be started: %s", strerror(-error)), error;
    client->session = worker_session_new(worker, "");
    if (!client->session || prefixmap_put(worker->targets, &everything[0], client->session) || prefixmap_put(worker->targets, &everything[1], client->session))
        return snprintf(why, why_size, "no memory for the session"), -ENOMEM;
    error = worker_open_tun(worker, config->device, why, why_size);
    if (error) return error;
    timer_set(&worker->timers, &path->retry, loop_now(worker->loop)); /* in the first turn: privileges are given up by then */
    return 0;
}

void client_close(struct client *client) {
    client->stopping = true;
    timer_set(&client->worker->timers, &client->path.retry, TIME_NEVER);
    if (client->path.carrier) carrier_close(client->path.carrier, H3_NO_ERROR, "the client is stopping");
}

void client_fini(struct client *client) {
    if (!client->worker) return;
    timer_set(&client->worker->timers, &client->path.retry, TIME_NEVER);
    if (client->session) drop_carrier(&client->path);
    resolve_free(client->resolve);
    session_free(client->session);
    tls_context_unref(client->tls);
    free(client->routed);
    free(client->path.host);
    *client = (struct client){0};
}

static bool differs(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") != 0; }

/* Whether the connection itself would be made otherwise. */
static bool connects_otherwise(const struct config *a, const struct config *b) {
    if (differs(a->server_host, b->server_host) || a->server_port != b->server_port || differs(a->token, b->token) || differs(a->ca_file, b->ca_file)) return true;
    if (differs(a->server_name, b->server_name) || differs(a->path_template, b->path_template)) return true;
    if (a->has_pin != b->has_pin || memcmp(a->pin, b->pin, sizeof a->pin) != 0 || a->path_count != b->path_count) return true;
    return a->path_count && (differs(a->path->device, b->path->device) || differs(a->path->server, b->path->server) || differs(a->path->congestion, b->path->congestion) || ip_addr_compare(&a->path->source, &b->path->source));
}

int client_reload(struct client *client, const struct config *config, char *why, size_t why_size) {
    struct client_path *path = &client->path;
    bool again = connects_otherwise(client->config, config);
    struct tls_context *tls;
    int error;
    if (strcmp(client->config->device, config->device) != 0) {
        snprintf(why, why_size, "%s: Device cannot change while running: restart the daemon", config->file);
        return -EBUSY;
    }
    error = make_trust(config, &tls, why, why_size);
    if (error) return error;
    error = set_server(path, config);
    if (error) {
        snprintf(why, why_size, "no memory for the server's name");
        tls_context_unref(tls);
        return error;
    }
    tls_context_unref(client->tls);
    client->tls = tls;
    client->config = config;
    client_host_update(client);
    client_host_mtu(client);
    if (!again) return 0;
    client->server_addr_count = 0;
    reconnect(path, "the configuration was reloaded");
    return 0;
}
