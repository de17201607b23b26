/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_path: connects, and comes back.
 *
 * How it works: a path goes DOWN → RESOLVING → CONNECTING → UP, and on any failure to WAITING with a backoff (at once
 * after a leg that stood for a while, else 0.5 s doubling to 30 s, or to 5 s while no path works, with a quarter of
 * jitter), from where a change of links, addresses or routes wakes it early. When link or address go away under an open
 * leg, the connection is kept (LOST) until it would time out: it goes on when they come back, and migrates when the
 * device gets another address. The resolver takes one question at a time, so paths to a name wait their turn in
 * RESOLVING. Left out: what is asked for over the leg, and what it says (client_leg.c); the host's addresses and routes
 * (client_host.c). Invariants: carrier and socket are set exactly in CONNECTING, UP and LOST; the session has the leg
 * exactly in UP and LOST. Standards: RFC 9000 section 8.1.3 (tokens), section 9 (migration). */
#include "client_path.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "client_host.h"
#include "common/random.h"
#include "drops.h"
#include "ingress.h"

#define RETRY_MIN (NS_PER_SEC / 2)
#define RETRY_MAX (30 * NS_PER_SEC)
/* The same while no path works: nobody tells of a router that is back, and the tunnel is down until a try meets it. */
#define RETRY_MAX_DOWN (5 * NS_PER_SEC)
/* A link that changed its network has lost, say, its IPv4 address for good; one that was renewed has it back by then.
 */
#define ELSEWHERE_AFTER (3 * NS_PER_SEC)
/* A leg that stood so long worked: the next try is at once, unless others failed before it. */
#define WORKED_AFTER NS_PER_SEC
/* A leg that stood so long ends a row of failures: two clients that replace each other slow down. */
#define SETTLED_AFTER (10 * NS_PER_SEC)
#define REPLACED_WAIT (60 * NS_PER_SEC)         /* first wait of a client that was replaced, doubled each time … */
#define REPLACED_WAIT_MAX (3600 * NS_PER_SEC)   /* … up to this … */
#define REPLACED_FORGET (2 * REPLACED_WAIT_MAX) /* … and forgotten after so long */
#define KEEPALIVE (15 * NS_PER_SEC)             /* half of the idle time-out */
#define KEEPALIVE_BONDED NS_PER_SEC             /* idle legs of a bond are measured */
/* A first packet that is lost goes again after three round trips as they are taken for. The 333 ms of RFC 9002 would
 * have a start wait a second for that; where they are right, the packet goes once more than it must. */
#define RTT_UNKNOWN (100 * NS_PER_MS)
#define RTT_LEAST (25 * NS_PER_MS)
#define RTT_MOST (333 * NS_PER_MS)
/* While the server has other addresses, one that says nothing gets so long at first, doubled with each failure in a
 * row: a slow path must come to an end of its handshake, too. */
#define SILENT_ADDRESS (4 * NS_PER_SEC)
/* What fails as before is told so often, and with level debug each time: a server that is away for days would fill a
 * log. */
#define TOLD_AGAIN (600 * NS_PER_SEC)
#define TRIES_TOLD 4 /* of a row of failures the first so many tries are told */

static struct timers *timers_of(const struct client_path *path) {
    return &path->client->worker->timers;
}

static uint64_t now_of(const struct client_path *path) {
    return loop_now(path->client->worker->loop);
}

static const char *name_of(const struct client_path *path) {
    return path->device[0] ? path->device : path->settings.device[0] ? path->settings.device : "-";
}

void client_path_set_state(struct client_path *path, enum path_state state) {
    path->state = state;
    path->since = now_of(path);
}

/* failing and trying again */

/* The first wait, doubled with each failure in a row, spread by ± a quarter so that a restarted server does not meet
 * all its clients at once. */
static uint64_t backoff(unsigned failures, uint64_t first, uint64_t most) {
    uint64_t wait = first << (failures < 7 ? failures : 6);
    uint16_t noise;
    if (wait > most)
        wait = most;
    random_fill(&noise, sizeof noise);
    return wait - wait / 4 + (wait / 2) * noise / UINT16_MAX;
}

/* How important it is that the path failed, for this reason. */
static enum log_level level_of_failure(struct client_path *path, const char *why) {
    if (path->failures && strcmp(path->reason, why) == 0 && now_of(path) - path->told < TOLD_AGAIN)
        return LOG_LEVEL_DEBUG;
    path->told = now_of(path);
    return LOG_LEVEL_WARNING;
}

/* The longest wait before the next try. Who was refused may be refused again, and is no reason to hurry. */
static uint64_t retry_max(const struct client_path *path) {
    return path->unheard && !path->client->session->leg_count ? RETRY_MAX_DOWN : RETRY_MAX;
}

void client_path_retry(struct client_path *path, const char *why) {
    enum log_level level = level_of_failure(path, why);
    uint64_t stood = path->state == PATH_UP || path->state == PATH_LOST ? now_of(path) - path->opened : 0;
    bool worked = stood >= SETTLED_AFTER || (stood >= WORKED_AFTER && !path->failures);
    uint64_t wait = worked ? 0 : backoff(path->failures, RETRY_MIN, retry_max(path));
    path->remote_failed = path->state == PATH_CONNECTING;
    if (now_of(path) + wait < path->client->held_until)
        wait = path->client->held_until - now_of(path);
    path->failures = stood >= SETTLED_AFTER ? 0 : path->failures + 1;
    snprintf(path->reason, sizeof path->reason, "%s", why);
    client_path_set_state(path, PATH_WAITING);
    if (path->client->stopping)
        return;
    log_write(level, "path %s: %s; trying again in %.1f s", name_of(path), path->reason, (double)wait / 1e9);
    timer_set(timers_of(path), &path->retry, now_of(path) + wait);
}

/* The link, address or route is missing: nothing to try before the kernel tells of a change. */
static void go_down(struct client_path *path, const char *reason) {
    if (strcmp(path->reason, reason) != 0)
        log_warning("path %s: down: %s", name_of(path), reason);
    snprintf(path->reason, sizeof path->reason, "%s", reason);
    client_path_set_state(path, PATH_DOWN);
    timer_set(timers_of(path), &path->retry, now_of(path) + RETRY_MAX);
}

/* The round trip of a path's connection, smoothed; 0: none was measured. */
static uint64_t rtt_of(const struct client_path *path) {
    struct conn_statistics s;
    if (!path->carrier || !path->carrier->leg)
        return 0;
    conn_statistics(leg_conn(path->carrier->leg), &s);
    return s.rtt_min == TIME_NEVER ? 0 : s.rtt_smoothed;
}

void client_path_drop(struct client_path *path) {
    struct client *client = path->client;
    uint64_t rtt = rtt_of(path);
    if (rtt)
        path->rtt = rtt;
    timer_set(timers_of(path), &path->ask, TIME_NEVER);
    if (path->carrier && path->carrier->session)
        tunnel_detach(client->tunnel, path->carrier);
    if (client->opener == path)
        client->opener = NULL;
    carrier_free(path->carrier);
    drops_add_socket(&client->worker->drops, path->socket);
    udp_close(path->socket);
    path->carrier = NULL;
    path->socket = NULL;
    path->requested = false;
}

/* connecting */

static void on_received(void *context, const struct udp_received *received) {
    struct client_path *path = context;
    /* Every datagram of this socket is the carrier's, also a stateless reset, which bears a random connection ID. */
    for (size_t offset = 0; path->carrier && offset < received->length; offset += received->segment_bytes) {
        size_t left = received->length - offset;
        ingress_deliver(path->carrier, received, received->data + offset,
                        left < received->segment_bytes ? left : received->segment_bytes);
    }
}

static void on_failure(void *context, int error) {
    struct client_path *path = context;
    log_warning("path %s: the socket failed: %s", name_of(path), strerror(-error));
}

static int open_socket(struct client_path *path, char *why, size_t why_size) {
    struct udp_settings settings = {.local = sock_addr_make(&path->source, 0), .pool = path->client->worker->buffers};
    const struct udp_hooks hooks = {.on_received = on_received, .on_failure = on_failure, .context = path};
    memcpy(settings.device, path->device, sizeof settings.device);
    return udp_open(path->client->worker->loop, &settings, &hooks, &path->socket, why, why_size);
}

/* What the round trip of a new connection is taken for: what it was on this path, or else twice that of the quickest
 * leg. When it is longer the first packet goes twice or three times, as the time-outs double, and that does no harm. */
static uint64_t likely_rtt(const struct client_path *path) {
    uint64_t quickest = TIME_NEVER, likely, rtt;
    const struct client_path *other;
    DL_FOREACH(path->client->paths, other) {
        rtt = other == path || other->state != PATH_UP ? 0 : rtt_of(other);
        if (rtt && rtt < quickest)
            quickest = rtt;
    }
    if (!path->rtt && quickest == TIME_NEVER)
        return RTT_UNKNOWN;
    likely = path->rtt ? path->rtt : 2 * quickest;
    return likely < RTT_LEAST ? RTT_LEAST : likely > RTT_MOST ? RTT_MOST : likely;
}

/* How long to wait for the handshake; 0: as long as ever. */
static uint64_t patience(const struct client_path *path) {
    return path->server_addr_count > 1 && path->failures < 2 ? SILENT_ADDRESS << path->failures : 0;
}

static int open_leg(struct client_path *path) {
    struct client *client = path->client;
    const struct config *config = client->config;
    struct leg_settings settings = {.uri_template = config->path_template, .hooks = carrier_leg_hooks()};
    struct conn_client_settings peer = {.server_name = config->server_name ? config->server_name : config->server_host,
                                        .token = client->token,
                                        .token_length = client->token_length,
                                        .first_dcid_worker = client->server_worker,
                                        .initial_rtt = likely_rtt(path),
                                        .handshake_timeout = patience(path)};

    path->carrier = carrier_new(client->worker, path->socket, &client_carrier_hooks, path);
    if (!path->carrier)
        return -ENOMEM;
    path->carrier->path.local = udp_local(path->socket);
    path->carrier->path.remote = path->remote;
    settings.context = path->carrier;
    settings.conn = (struct conn_settings){.tls = client->tls,
                                           .path = path->carrier->path,
                                           .congestion = path->settings.congestion,
                                           .keepalive = client->path_count > 1 ? KEEPALIVE_BONDED : KEEPALIVE};
    random_fill(settings.conn.reset_key, sizeof settings.conn.reset_key);
    client->token_length = 0; /* a token is used once: RFC 9000 section 8.1.3 */
    return leg_client_new(&settings, &peer, now_of(path), &path->carrier->leg);
}

/* Whether an address is one of this host's: asked for a way by lo, the kernel has one to any address. */
static bool is_here(struct client *client, const struct ip_addr *target, const struct netlink_link *loopback) {
    struct netlink_route route;
    return !netlink_route(client->netlink, target, 0, &route) && route.ifindex == loopback->ifindex;
}

/* Find device, source and gateway for the server's address. */
static int find_route(struct client_path *path, const struct ip_addr *target, char *why, size_t why_size) {
    struct client *client = path->client;
    const struct config_path *settings = &path->settings;
    struct netlink_route route;
    struct netlink_link link = {0};
    int error;

    if (settings->device[0]) {
        if (netlink_link(client->netlink, settings->device, &link))
            return snprintf(why, why_size, "there is no such device"), -ENODEV;
        if (link.ifindex == tun_ifindex(client->worker->tun))
            return snprintf(why, why_size, "it is the tunnel itself"), -ELOOP;
        if (!link.up)
            return snprintf(why, why_size, "the link is down"), -ENETDOWN;
        if (link.loopback && !is_here(client, target, &link))
            return snprintf(why, why_size, "it leads to this host alone"), -ENETUNREACH;
    }
    error = netlink_route(client->netlink, target, link.ifindex, &route);
    if (!error && route.ifindex == tun_ifindex(client->worker->tun)) {
        /* Without a [Path] section the way is known from before the tunnel's own routes covered it. */
        bool known = path->device[0] && !netlink_link(client->netlink, path->device, &link) && link.up;
        error = known ? netlink_route(client->netlink, target, link.ifindex, &route) : -ENETUNREACH;
    }
    if (error) {
        char text[IP_ADDR_TEXT_MAX];
        snprintf(why, why_size, "no route to %s", ip_addr_print(target, text));
        return error;
    }
    if (settings->source.version == target->version)
        route.source = settings->source;
    else if (!client_host_may_be_source(client, &route.source))
        return snprintf(why, why_size, "%s has no IPv%u address", route.device, target->version), -EADDRNOTAVAIL;
    path->ifindex = route.ifindex;
    memcpy(path->device, route.device, sizeof path->device);
    path->gateway = route.gateway;
    path->source = route.source;
    return 0;
}

/* Which of the server's addresses to try: the one that worked last, after a failure the one behind it, or the next that
 * a route leads to. @return NULL: none does, with the reason in why */
static const struct ip_addr *choose_address(struct client_path *path, char *why, size_t why_size) {
    const struct ip_addr last = sock_addr_ip(&path->remote);
    const size_t count = path->server_addr_count;
    size_t first = 0;
    for (size_t i = 0; i < count; i++)
        if (!ip_addr_compare(&path->server_addr[i], &last))
            first = i + path->remote_failed;
    for (size_t i = 0; i < count; i++) {
        const struct ip_addr *target = &path->server_addr[(first + i) % count];
        if (!find_route(path, target, why, why_size))
            return target;
    }
    return NULL;
}

static void connect_somewhere(struct client_path *path) {
    char why[200], text[SOCK_ADDR_TEXT_MAX];
    const struct ip_addr *target = choose_address(path, why, sizeof why);
    struct ip_addr before;
    int error;
    if (!target)
        return go_down(path, why);
    before = sock_addr_ip(&path->remote);
    path->was_reset = path->was_reset && !ip_addr_compare(&before, target);
    path->remote = sock_addr_make(target, path->port);
    path->remote_failed = false;
    path->ending[0] = '\0';
    client_host_rule(path, true);
    error = open_socket(path, why, sizeof why);
    if (!error) {
        error = open_leg(path);
        if (error)
            snprintf(why, sizeof why, "connection could not be made: %s", strerror(-error));
    }
    client_path_set_state(path, PATH_CONNECTING);
    if (error) {
        client_path_drop(path);
        return client_path_retry(path, why);
    }
    log_write(path->failures < TRIES_TOLD ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "path %s: connecting to %s",
              name_of(path), sock_addr_print(&path->remote, text));
    carrier_mark(path->carrier);
}

/* resolving, one path after another */

static void resolve_next(struct client *client);

static void on_answer(void *context, int error, const struct ip_addr *addresses, size_t count) {
    struct client *client = context;
    struct client_path *path = client->resolving;
    client->resolving = NULL;
    if (path && path->state == PATH_RESOLVING) {
        if (!error && count) {
            path->server_addr_count = count < RESOLVE_MAX ? count : RESOLVE_MAX;
            memcpy(path->server_addr, addresses, path->server_addr_count * sizeof *addresses);
        } else if (path->server_addr_count) {
            log_info("%s could not be resolved (%s): using the address known before", path->host, gai_strerror(error));
        }
        if (path->server_addr_count) {
            connect_somewhere(path);
        } else {
            char why[300];
            snprintf(why, sizeof why, "%s could not be resolved: %s", path->host, gai_strerror(error));
            client_path_retry(path, why);
        }
    }
    resolve_next(client);
}

/* Where the server is given by an address there is nothing to ask. @return whether it is */
static bool connect_address(struct client_path *path) {
    struct ip_addr addr;
    if (ip_addr_parse(path->host, &addr))
        return false;
    path->server_addr[0] = addr;
    path->server_addr_count = 1;
    connect_somewhere(path);
    return true;
}

static void resolve_next(struct client *client) {
    struct client_path *path, *next;
    int error;
    DL_FOREACH_SAFE(client->paths, path, next) {
        /* An address waits for nobody: the answer to another path's question may take half a minute. */
        if (path->state != PATH_RESOLVING || path == client->resolving || connect_address(path))
            continue;
        if (client->resolving)
            continue;
        client->resolving = path;
        error = resolve_query(client->resolve, path->host, on_answer, client);
        if (!error)
            continue;
        client->resolving = NULL;
        /* Busy means with the question of a path that is gone: its answer comes here. */
        if (error != -EBUSY)
            client_path_retry(path, "the name resolver is not available");
    }
}

void client_hold_back(struct client *client) {
    uint64_t now = loop_now(client->worker->loop);
    if (now < client->held_until)
        return;
    if (now - client->replaced_at > REPLACED_FORGET)
        client->replaced = 0;
    client->replaced_at = now;
    client->held_until = now + backoff(client->replaced++, REPLACED_WAIT, REPLACED_WAIT_MAX);
}

/* Another client took this user's place. @return whether the path waits for that */
static bool held_back(struct client_path *path) {
    if (now_of(path) >= path->client->held_until)
        return false;
    if (path->state != PATH_WAITING) {
        snprintf(path->reason, sizeof path->reason, CLIENT_REPLACED);
        client_path_set_state(path, PATH_WAITING);
    }
    timer_set(timers_of(path), &path->retry, path->client->held_until);
    return true;
}

void client_path_connect(struct client_path *path) {
    timer_set(timers_of(path), &path->retry, TIME_NEVER);
    if (path->client->stopping || path->state == PATH_RESOLVING || path->carrier || held_back(path))
        return;
    client_path_set_state(path, PATH_RESOLVING);
    resolve_next(path->client);
}

static void on_retry(void *context, uint64_t now) {
    struct client_path *path = context;
    char why[200];
    (void)now;
    if (path->state == PATH_LOST)
        client_path_recover(path);
    if (path->state == PATH_LOST && !path->carrier->closing && choose_address(path, why, sizeof why)) {
        path->again = true; /* it is no failure, and the next may be as soon */
        return client_path_reconnect(path, "the way to the server is by another of its addresses now");
    }
    client_path_connect(path);
}

/* losing it and coming back */

void client_path_reconnect(struct client_path *path, const char *reason) {
    if (path->carrier) {
        log_notice("path %s: %s", name_of(path), reason);
        carrier_close(path->carrier, H3_NO_ERROR, reason);
        snprintf(path->ending, sizeof path->ending, "%s", reason);
        return;
    }
    path->failures = 0;
    if (path->state == PATH_DOWN || path->state == PATH_WAITING)
        client_path_connect(path);
}

/* What this end knows of a leg goes to the peer on the others. */
void client_path_tell(struct client_path *path) {
    struct session_leg *leg = client_path_leg(path);
    const struct config_path *settings = &path->settings;
    uint64_t kbps = settings->rate_limit_bps / 1000;
    const struct control_leg_role role = {.state = path->state == PATH_LOST ? CONTROL_DOWN
                                                   : path->removing         ? CONTROL_DRAINING
                                                   : settings->backup       ? CONTROL_STANDBY
                                                                            : CONTROL_UP,
                                          .priority = settings->backup,
                                          .weight = (uint16_t)settings->weight,
                                          .when_full = settings->when_full,
                                          .rate_kbps = kbps < UINT32_MAX ? (uint32_t)kbps : UINT32_MAX};
    if (leg && path->client->session->bonded)
        session_set_role(path->client->session, leg, &role);
    else if (leg)
        conn_set_rate_limit(leg_conn(leg->leg), settings->rate_limit_bps);
}

void client_path_lose(struct client_path *path, const char *reason) {
    if (path->state == PATH_SPARE)
        return client_path_retry(path, reason);
    if (path->state != PATH_UP)
        return client_path_reconnect(path, reason);
    log_notice("path %s: down: %s", name_of(path), reason);
    snprintf(path->reason, sizeof path->reason, "%s", reason);
    client_path_set_state(path, PATH_LOST);
    client_path_tell(path);
    if (path->client->session->bonded)
        session_suspect(path->client->session, path->carrier->leg, now_of(path));
    tunnel_mark(path->client->tunnel);
}

static void resume(struct client_path *path) {
    log_notice("path %s: back", name_of(path));
    path->reason[0] = '\0';
    timer_set(timers_of(path), &path->retry, TIME_NEVER);
    client_path_set_state(path, PATH_UP);
    client_host_rule(path, true);
    client_path_tell(path);
    conn_ping(leg_conn(path->carrier->leg));
    carrier_mark(path->carrier);
}

/* Let a carrier go on from this path's source address. */
static int move_carrier(struct client_path *path, struct carrier *carrier) {
    struct udp_socket *old = path->socket;
    union sock_addr local;
    char why[200];
    int error = open_socket(path, why, sizeof why);
    if (error)
        return error;
    local = udp_local(path->socket);
    error = carrier_move(carrier, path->socket, &local);
    if (error) {
        udp_close(path->socket);
        path->socket = old;
        return error;
    }
    drops_add_socket(&path->client->worker->drops, old);
    udp_close(old);
    return 0;
}

/* Go on as before when link, route and source are as they were, migrate when there is another source, start over when
 * neither works, or after a while by another address of the server's. */
void client_path_recover(struct client_path *path) {
    struct ip_addr source = path->source, target = sock_addr_ip(&path->remote);
    char why[200];
    if (find_route(path, &target, why, sizeof why)) {
        if (path->client->bonding == BONDING_YES && !path->retry.place)
            timer_set(timers_of(path), &path->retry, now_of(path) + ELSEWHERE_AFTER);
        return;
    }
    if (ip_addr_compare(&source, &path->source) && move_carrier(path, path->carrier))
        return client_path_reconnect(path, "our address changed");
    resume(path);
}

void client_path_reroute(struct client_path *path) {
    struct ip_addr target = sock_addr_ip(&path->remote);
    struct netlink_route route;
    char text[IP_ADDR_TEXT_MAX];
    if (!path->ruled || netlink_route(path->client->netlink, &target, path->ifindex, &route) ||
        !ip_addr_compare(&route.gateway, &path->gateway))
        return;
    path->gateway = route.gateway;
    if (route.gateway.version)
        log_notice("path %s: by way of %s now", name_of(path), ip_addr_print(&route.gateway, text));
    client_host_rule(path, true);
}

int client_path_adopt(struct client_path *path, struct client_path *from) {
    struct ip_addr target = sock_addr_ip(&from->remote);
    struct carrier *carrier = from->carrier;
    char why[200];
    int error = find_route(path, &target, why, sizeof why);
    if (error)
        return error;
    path->remote = from->remote;
    client_host_rule(path, true);
    error = move_carrier(path, carrier);
    if (error)
        return error;
    drops_add_socket(&path->client->worker->drops, from->socket);
    udp_close(from->socket);
    from->socket = NULL;
    from->carrier = NULL;
    from->requested = false;
    timer_set(timers_of(from), &from->ask, TIME_NEVER);
    path->carrier = carrier;
    path->requested = true;
    path->opened = from->opened;
    path->failures = 0;
    carrier->owner = path;
    log_notice("path %s: carries the tunnel now, in place of %s", name_of(path), name_of(from));
    resume(path);
    return 0;
}

/* life */

static void free_settings(struct config_path *settings) {
    free(settings->server);
    free(settings->congestion);
}

int client_path_configure(struct client_path *path, const struct config_path *settings) {
    const struct config *config = path->client->config;
    struct config_path copy = *settings;
    uint16_t port = config->server_port;
    char *host = NULL;
    copy.server = settings->server ? strdup(settings->server) : NULL;
    copy.congestion = settings->congestion ? strdup(settings->congestion) : NULL;
    if (settings->server ? config_split_host(settings->server, &host, &port) : !(host = strdup(config->server_host))) {
        free_settings(&copy);
        return -ENOMEM;
    }
    free_settings(&path->settings);
    free(path->host);
    path->settings = copy;
    path->host = host;
    path->port = port;
    client_path_tell(path);
    return 0;
}

struct client_path *client_path_new(struct client *client, const struct config_path *settings, bool added) {
    struct client_path *path = calloc(1, sizeof *path);
    if (!path)
        return NULL;
    path->client = client;
    path->added = added;
    path->retry = (struct timer){.on_due = on_retry, .context = path};
    path->ask = (struct timer){.context = path};
    memcpy(path->device, settings->device, sizeof path->device);
    if (!client_path_configure(path, settings))
        return path;
    free(path);
    return NULL;
}

void client_path_free(struct client_path *path) {
    timer_set(timers_of(path), &path->retry, TIME_NEVER);
    client_path_drop(path);
    client_host_rule(path, false);
    if (path->client->resolving == path)
        path->client->resolving = NULL;
    free_settings(&path->settings);
    free(path->host);
    free(path);
}
