/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_show: the methods that only look: status, stats, path.list, session.list, user.list, version. Each builds its
 * JSON from the hall's structs. "Down" is towards the client and "up" towards the server on both ends, so that the two
 * tell the same of one tunnel. It leaves out tables for people: mpvpnctl makes them from the same JSON. Invariants:
 * nothing here changes the daemon but for rates brought up to date; names carry their unit; what is not known is null.
 * Standards: JSON-RPC 2.0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "build-config.h"
#include "daemon.h"
#include "drops.h"
#include "methods_handlers.h"

/* Traffic as the client sees it. */
struct traffic {
    struct meter down;
    struct meter up;
};

static json_t *number(uint64_t value) {
    return json_integer((json_int_t)value);
}

static json_t *microseconds(uint64_t ns) {
    return ns == TIME_NEVER ? json_null() : number(ns / NS_PER_US);
}

static json_t *seconds_since(uint64_t then, uint64_t now) {
    return number(now > then ? (now - then) / NS_PER_SEC : 0);
}

/* A text, or null for an empty one. */
static json_t *text_or_null(const char *text) {
    json_t *string = *text ? json_string(text) : json_null();

    return string ? string : json_null();
}

static json_t *address(const struct ip_addr *addr) {
    char text[IP_ADDR_TEXT_MAX];

    return addr->version ? json_string(ip_addr_print(addr, text)) : json_null();
}

static json_t *endpoint(const union sock_addr *addr) {
    char text[SOCK_ADDR_TEXT_MAX];

    return addr->sa.sa_family ? json_string(sock_addr_print(addr, text)) : json_null();
}

static json_t *prefixes(const struct ip_prefix *prefix, size_t count) {
    json_t *list = json_array();
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(ip_prefix_print(&prefix[i], text)));
    }
    return list;
}

static void add_meter(struct meter *sum, const struct meter *meter) {
    sum->packets += meter->packets;
    sum->bytes += meter->bytes;
    sum->rate_bps += meter->rate_bps;
}

static void add_traffic(json_t *object, const struct traffic *traffic) {
    json_object_set_new(object, "rate_down_bps", number(traffic->down.rate_bps));
    json_object_set_new(object, "rate_up_bps", number(traffic->up.rate_bps));
    json_object_set_new(object, "bytes_down", number(traffic->down.bytes));
    json_object_set_new(object, "bytes_up", number(traffic->up.bytes));
    json_object_set_new(object, "packets_down", number(traffic->down.packets));
    json_object_set_new(object, "packets_up", number(traffic->up.packets));
}

/* Traffic of one session, or of all that a server has and had. */
static struct traffic session_traffic(const struct session *session, bool server) {
    return server ? (struct traffic){session->sent, session->received}
                  : (struct traffic){session->received, session->sent};
}

static struct traffic all_traffic(struct daemon *daemon, uint64_t now) {
    struct traffic all = {0};
    struct session *session;

    if (daemon->config->role == CONFIG_CLIENT) {
        if (!daemon->client.session) {
            return all;
        }
        session_roll(daemon->client.session, now);
        return session_traffic(daemon->client.session, false);
    }
    all = (struct traffic){daemon->server.ended_sent, daemon->server.ended_received};
    DL_FOREACH(daemon->server.sessions, session) {
        struct traffic one;

        session_roll(session, now);
        one = session_traffic(session, true);
        add_meter(&all.down, &one.down);
        add_meter(&all.up, &one.up);
    }
    return all;
}

/* Lost QUIC packets in percent of those sent, three decimals. */
static json_t *loss_percent(const struct conn_statistics *of) {
    if (of->packets_sent == 0) {
        return json_real(0);
    }
    return json_real(round((double)of->packets_lost * 1e5 / (double)of->packets_sent) / 1e3);
}

/* What is known of a connection: the same names for a client's path and a server's session. */
static void add_connection(json_t *object, struct leg *leg, const struct conn_path *path) {
    struct conn_statistics s = {
        .rtt_smoothed = TIME_NEVER, .rtt_min = TIME_NEVER, .rtt_latest = TIME_NEVER, .rtt_variation = TIME_NEVER};

    if (leg && conn_is_ready(leg_conn(leg))) {
        conn_statistics(leg_conn(leg), &s);
    }
    json_object_set_new(object, "local", path ? endpoint(&path->local) : json_null());
    json_object_set_new(object, "remote", path ? endpoint(&path->remote) : json_null());
    json_object_set_new(object, "rtt_us", microseconds(s.rtt_smoothed));
    json_object_set_new(object, "rtt_min_us", microseconds(s.rtt_min));
    json_object_set_new(object, "rtt_latest_us", microseconds(s.rtt_latest));
    json_object_set_new(object, "jitter_us", microseconds(s.rtt_variation));
    json_object_set_new(object, "loss_percent", loss_percent(&s));
    json_object_set_new(object, "lost_packets", number(s.packets_lost));
    json_object_set_new(object, "sent_packets", number(s.packets_sent));
    json_object_set_new(object, "received_packets", number(s.packets_received));
    json_object_set_new(object, "sent_bytes", number(s.bytes_sent));
    json_object_set_new(object, "received_bytes", number(s.bytes_received));
    json_object_set_new(object, "lost_datagrams", number(s.datagrams_lost));
    json_object_set_new(object, "spurious_datagrams", number(s.datagrams_spurious));
    json_object_set_new(object, "cwnd_bytes", number(s.cwnd_bytes));
    json_object_set_new(object, "in_flight_bytes", number(s.in_flight_bytes));
    json_object_set_new(object, "delivery_rate_bps", number(s.delivery_rate_bps));
    json_object_set_new(object, "udp_payload_bytes", number(s.udp_payload_bytes));
    json_object_set_new(object, "mtu_bytes", leg ? number(leg_packet_max(leg)) : json_null());
    json_object_set_new(object, "capsules_sent", number(leg ? leg_counters(leg)->capsules_sent : 0));
    json_object_set_new(object, "key_updates", number(s.key_updates));
}

/* The client's path. */
static json_t *show_path(const struct client *client, uint64_t now) {
    const struct client_path *path = &client->path;
    const struct carrier *carrier = path->carrier;
    struct leg *leg = carrier ? carrier->leg : NULL;
    struct traffic traffic = {0};
    const char *device = *path->device ? path->device : path->config ? path->config->device : "auto";
    json_t *object = json_object();

    json_object_set_new(object, "path", json_string(device));
    json_object_set_new(object, "state", json_string(path_state_name(path->state)));
    json_object_set_new(object, "reason", text_or_null(path->state == PATH_UP ? "" : path->reason));
    json_object_set_new(object, "role", json_string("primary"));
    json_object_set_new(object, "since_s", seconds_since(path->since, now));
    json_object_set_new(object, "source", address(&path->source));
    json_object_set_new(object, "gateway", address(&path->gateway));
    json_object_set_new(object, "share_percent", json_integer(path->state == PATH_UP ? 100 : 0));
    if (leg) {
        leg_roll(leg, now);
        traffic = (struct traffic){leg_counters(leg)->received, leg_counters(leg)->sent};
    }
    add_traffic(object, &traffic);
    add_connection(object, leg, carrier ? &carrier->path : NULL);
    return object;
}

/* A server's session, with the connection that carries it. */
static json_t *show_session(struct session *session, uint64_t now) {
    const struct carrier *carrier = session_carrier(session);
    struct traffic traffic;
    json_t *object = json_object();

    session_roll(session, now);
    traffic = session_traffic(session, true);
    json_object_set_new(object, "id", number(session->id));
    json_object_set_new(object, "user", text_or_null(session->user));
    json_object_set_new(object, "addresses", prefixes(session->address, session->address_count));
    json_object_set_new(object, "since_s", seconds_since(session->since, now));
    add_traffic(object, &traffic);
    add_connection(object, session->leg, carrier ? &carrier->path : NULL);
    return object;
}

/* What the client may say of itself: the routes setting as it was written. */
static json_t *show_routes(const struct config *config) {
    if (config->routes == CONFIG_ROUTES_DEFAULT) {
        return json_string("default");
    }
    return config->routes == CONFIG_ROUTES_NONE ? json_string("none") : prefixes(config->route, config->route_count);
}

static json_t *show_tunnel(struct daemon *daemon) {
    const struct config *config = daemon->config;
    json_t *object = json_object();
    struct netlink_link link = {0};
    struct ip_prefix own[2];
    size_t count = 0;

    json_object_set_new(object, "device",
                        json_string(daemon->worker.tun ? tun_name(daemon->worker.tun) : config->device));
    if (config->role == CONFIG_CLIENT) {
        const struct client *client = &daemon->client;

        json_object_set_new(object, "addresses", prefixes(client->installed, client->installed_count));
        json_object_set_new(object, "mtu_bytes", client->mtu_bytes ? number(client->mtu_bytes) : json_null());
        json_object_set_new(object, "routes", show_routes(config));
        json_object_set_new(object, "manage_routes", json_boolean(config->manage_routes));
        json_object_set_new(object, "routes_set", prefixes(client->routed, client->routed_count));
        return object;
    }
    for (uint8_t version = 4; version <= 6 && daemon->server.pool; version = (uint8_t)(version + 2)) {
        if (pool_server_address(daemon->server.pool, version, &own[count]) == 0) {
            count++;
        }
    }
    if (daemon->netlink && daemon->worker.tun) {
        netlink_link(daemon->netlink, tun_name(daemon->worker.tun), &link);
    }
    json_object_set_new(object, "addresses", prefixes(own, count));
    json_object_set_new(object, "mtu_bytes", link.mtu_bytes ? number(link.mtu_bytes) : json_null());
    json_object_set_new(object, "advertised", prefixes(config->advertise, config->advertise_count));
    return object;
}

static json_t *listening(const struct config *config) {
    json_t *list = json_array();

    for (size_t i = 0; i < config->listen_count; i++) {
        json_array_append_new(list, endpoint(&config->listen[i]));
    }
    return list;
}

static json_t *server_text(const struct config *config) {
    bool bracket = strchr(config->server_host, ':');

    return json_sprintf(bracket ? "[%s]:%u" : "%s:%u", config->server_host, (unsigned)config->server_port);
}

int method_status(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                  struct jsonrpc_error *error) {
    const struct config *config = daemon->config;
    struct traffic traffic = all_traffic(daemon, now);
    json_t *object = json_object(), *part = json_object();

    (void)params;
    (void)error;
    json_object_set_new(object, "role", json_string(config->role == CONFIG_SERVER ? "server" : "client"));
    json_object_set_new(object, "name", json_string(config->name));
    json_object_set_new(object, "version", json_string(PACKAGE_VERSION));
    json_object_set_new(object, "uptime_s", seconds_since(daemon->started, now));
    if (config->role == CONFIG_CLIENT) {
        const struct client_path *path = &daemon->client.path;

        json_object_set_new(object, "server", server_text(config));
        json_object_set_new(object, "state", json_string(path_state_name(path->state)));
        json_object_set_new(object, "reason", text_or_null(path->state == PATH_UP ? "" : path->reason));
        json_object_set_new(object, "since_s", seconds_since(path->since, now));
        json_object_set_new(object, "paths_up", json_integer(path->state == PATH_UP));
        json_object_set_new(object, "paths_standby", json_integer(0));
    } else {
        json_object_set_new(object, "listen", listening(config));
        json_object_set_new(object, "sessions", number(daemon->server.session_count));
        json_object_set_new(object, "connections", number(daemon->server.connection_count));
    }
    json_object_set_new(object, "tunnel", show_tunnel(daemon));
    add_traffic(part, &traffic);
    json_object_set_new(object, "traffic", part);
    *result = object;
    return 0;
}

/* Queues of all sessions together: sums, and the longest of times. */
static void add_queue(struct queue_stats *sum, const struct queue *queue) {
    const struct queue_stats *from = queue_stats(queue);

    sum->put_packets += from->put_packets;
    sum->sent_segments += from->sent_segments;
    sum->sent_bytes += from->sent_bytes;
    sum->codel_drops += from->codel_drops;
    sum->overflow_drops += from->overflow_drops;
    sum->refused += from->refused;
    sum->ce_marks += from->ce_marks;
    sum->sojourn_last = from->sojourn_last > sum->sojourn_last ? from->sojourn_last : sum->sojourn_last;
    sum->sojourn_max = from->sojourn_max > sum->sojourn_max ? from->sojourn_max : sum->sojourn_max;
    sum->sojourn_average = from->sojourn_average > sum->sojourn_average ? from->sojourn_average : sum->sojourn_average;
}

static json_t *show_queue(const struct daemon *daemon) {
    struct queue_stats sum = {0};
    uint64_t bytes = 0, packets = 0;
    const struct session *session =
        daemon->config->role == CONFIG_SERVER ? daemon->server.sessions : daemon->client.session;

    for (; session; session = session->next) {
        add_queue(&sum, session->queue);
        bytes += queue_bytes(session->queue);
        packets += queue_packets(session->queue);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "bytes", (json_int_t)bytes, "packets",
                     (json_int_t)packets, "sojourn_us", (json_int_t)(sum.sojourn_average / NS_PER_US),
                     "sojourn_last_us", (json_int_t)(sum.sojourn_last / NS_PER_US), "sojourn_max_us",
                     (json_int_t)(sum.sojourn_max / NS_PER_US), "sent_packets", (json_int_t)sum.sent_segments,
                     "sent_bytes", (json_int_t)sum.sent_bytes, "codel_drops", (json_int_t)sum.codel_drops,
                     "overflow_drops", (json_int_t)sum.overflow_drops, "ce_marks", (json_int_t)sum.ce_marks);
}

static json_t *show_drops(const struct daemon *daemon) {
    struct drop_counters drops = daemon->worker.drops;
    json_t *object = json_object();
    const struct carrier *carrier;
    const struct session *session =
        daemon->config->role == CONFIG_SERVER ? daemon->server.sessions : daemon->client.session;

    DL_FOREACH(daemon->worker.carriers, carrier) {
        drops_add_leg(&drops, carrier->leg);
    }
    for (; session; session = session->next) {
        drops_add_queue(&drops, session->queue);
    }
    for (size_t i = 0; i < daemon->server.listener_count; i++) {
        drops_add_socket(&drops, daemon->server.listener[i].socket);
    }
    drops_add_socket(&drops, daemon->client.path.socket);
    drops_add_tun(&drops, daemon->worker.tun);
    for (int i = 0; i < DROP_REASONS; i++) {
        json_object_set_new(object, drop_name((enum drop_reason)i), number(drops.count[i]));
    }
    return object;
}

int method_stats(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                 struct jsonrpc_error *error) {
    struct traffic traffic = all_traffic(daemon, now);
    json_t *object = json_object(), *session = json_object(), *paths = json_array();
    struct session *one;

    (void)params;
    (void)error;
    json_object_set_new(object, "role", json_string(daemon->config->role == CONFIG_SERVER ? "server" : "client"));
    json_object_set_new(object, "name", json_string(daemon->config->name));
    json_object_set_new(session, "uptime_s", seconds_since(daemon->started, now));
    add_traffic(session, &traffic);
    if (daemon->config->role == CONFIG_SERVER) {
        json_object_set_new(session, "sessions", number(daemon->server.session_count));
        json_object_set_new(session, "retries_sent", number(daemon->server.retries));
        json_object_set_new(session, "resets_sent", number(daemon->server.resets));
        DL_FOREACH(daemon->server.sessions, one) {
            json_array_append_new(paths, show_session(one, now));
        }
    } else {
        json_object_set_new(session, "connects", number(daemon->client.connects));
        json_array_append_new(paths, show_path(&daemon->client, now));
    }
    json_object_set_new(object, "session", session);
    json_object_set_new(object, "paths", paths);
    json_object_set_new(object, "queue", show_queue(daemon));
    json_object_set_new(object, "drops", show_drops(daemon));
    *result = object;
    return 0;
}

int method_path_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                     struct jsonrpc_error *error) {
    (void)params;
    (void)error;
    *result = json_pack("{s:[o]}", "paths", show_path(&daemon->client, now));
    return 0;
}

static int by_id(const void *a, const void *b) {
    const struct session *const *x = a, *const *y = b;

    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

int method_session_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                        struct jsonrpc_error *error) {
    const json_t *limit_param = json_object_get(params, "limit");
    uint64_t after = (uint64_t)json_integer_value(json_object_get(params, "after"));
    size_t limit = limit_param ? (size_t)json_integer_value(limit_param) : SIZE_MAX, count = 0;
    struct session **sorted = calloc(daemon->server.session_count + 1, sizeof *sorted), *session;
    json_t *list = json_array();

    if (!sorted) {
        json_decref(list);
        return jsonrpc_fail(error, JSONRPC_INTERNAL, "no memory");
    }
    DL_FOREACH(daemon->server.sessions, session) {
        if (session->id > after) {
            sorted[count++] = session;
        }
    }
    qsort(sorted, count, sizeof *sorted, by_id);
    for (size_t i = 0; i < count && i < limit; i++) {
        json_array_append_new(list, show_session(sorted[i], now));
    }
    free(sorted);
    *result = json_pack("{s:o, s:b}", "sessions", list, "more", count > limit);
    return 0;
}

static bool is_configured(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->user_count; i++) {
        if (strcmp(config->user[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int method_user_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                     struct jsonrpc_error *error) {
    json_t *list = json_array();

    (void)now;
    (void)params;
    (void)error;
    for (size_t i = 0; i < auth_count(daemon->server.auth); i++) {
        const struct auth_user *user = auth_at(daemon->server.auth, i);
        const struct session *session;
        json_t *addresses = json_array();
        json_int_t sessions = 0;

        for (size_t j = 0; j < 2; j++) {
            if (user->address[j].version) {
                json_array_append_new(addresses, address(&user->address[j]));
            }
        }
        DL_FOREACH(daemon->server.sessions, session) {
            sessions += strcmp(session->user, user->name) == 0;
        }
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:b, s:b, s:I, s:s}", "name", user->name, "addresses", addresses, "has_token",
                            user->has_token, "disabled", user->disabled, "sessions", sessions, "from",
                            is_configured(daemon->config, user->name) ? "configuration" : "users file"));
    }
    *result = json_pack("{s:o}", "users", list);
    return 0;
}

int method_version(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                   struct jsonrpc_error *error) {
    (void)now;
    (void)params;
    (void)error;
    *result =
        json_pack("{s:s, s:s, s:s}", "program", "mpvpnd", "version", PACKAGE_VERSION, "name", daemon->config->name);
    return 0;
}
