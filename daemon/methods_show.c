/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_show: the methods that only look: status, stats, session.list, user.list, version; path.list and the
 * schedulers' are in methods_paths.c. Each puts together what show.c makes of the hall's structs. It leaves out tables
 * for people: mpvpnctl makes them from the same JSON. Invariants: nothing here changes the daemon but for rates brought
 * up to date; names carry their unit; what is not known is null. Standards: JSON-RPC 2.0. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "build-config.h"
#include "daemon.h"
#include "drops.h"
#include "handover.h"
#include "methods_handlers.h"
#include "show.h"

static void add_meter(struct meter *sum, const struct meter *meter) {
    sum->packets += meter->packets;
    sum->bytes += meter->bytes;
    sum->rate_bps += meter->rate_bps;
}

/** What one worker has, as its thread shows it. */
struct part {
    struct worker *worker;    /**< datapath */
    struct session *sessions; /**< a client has one, on no list */
    struct server *server;    /**< NULL: a client's */
};

/** Something to be gathered from all workers. */
struct gathering {
    void (*fn)(const struct part *part, void *context); /**< adds what one has */
    void *context;                                      /**< to this */
};

static void gather_from(struct server *server, void *context) {
    const struct gathering *gathering = context;
    const struct part part = {server->worker, server->sessions, server};

    gathering->fn(&part, gathering->context);
}

static void gather(struct daemon *daemon, void (*fn)(const struct part *part, void *context), void *context) {
    struct gathering gathering = {fn, context};
    const struct part part = {&daemon->worker, daemon->client.session, NULL};

    if (daemon->config->role == CONFIG_SERVER) {
        crew_each(&daemon->crew, gather_from, &gathering);
    } else {
        fn(&part, context);
    }
}

static void gather_traffic(const struct part *part, void *context) {
    struct show_traffic *all = context;
    struct session *session = part->sessions;

    if (part->server) {
        add_meter(&all->down, &part->server->ended_sent);
        add_meter(&all->up, &part->server->ended_received);
    }
    for (; session; session = session->next) {
        session_roll(session, loop_now(part->worker->loop));
        add_meter(&all->down, part->server ? &session->sent : &session->received);
        add_meter(&all->up, part->server ? &session->received : &session->sent);
    }
}

/* Traffic of the client's session, or of all that a server has and had. */
static struct show_traffic all_traffic(struct daemon *daemon) {
    struct show_traffic all = {0};

    gather(daemon, gather_traffic, &all);
    return all;
}

static void gather_waits(const struct part *part, void *context) {
    const struct loop_waits *waits = loop_waits(part->worker->loop);
    struct loop_waits *sum = context;

    sum->slept += waits->slept;
    sum->polled += waits->polled;
}

/* How often those who carry traffic slept, and how often busy polling spared it. */
static json_t *show_wakeups(struct daemon *daemon) {
    struct loop_waits sum = {0};

    gather(daemon, gather_waits, &sum);
    return json_pack("{s:o, s:o}", "slept", show_number(sum.slept), "polled", show_number(sum.polled));
}

static void gather_bonding(const struct part *part, void *context) {
    for (const struct session *session = part->sessions; session; session = session->next) {
        show_bonding_add(context, session);
    }
}

static struct show_bonding all_bonding(struct daemon *daemon) {
    struct show_bonding sum = {0};

    gather(daemon, gather_bonding, &sum);
    return sum;
}

/* What the client may say of itself: the routes setting as it was written. */
static json_t *show_routes(const struct config *config) {
    if (config->routes == CONFIG_ROUTES_DEFAULT) {
        return json_string("default");
    }
    return config->routes == CONFIG_ROUTES_NONE ? json_string("none")
                                                : show_prefixes(config->route, config->route_count);
}

static json_t *show_tunnel(struct daemon *daemon) {
    const struct config *config = daemon->config;
    const struct tun *tun = daemon->crew.count ? crew_tun(&daemon->crew) : daemon->worker.tun;
    json_t *object = json_object();
    struct netlink_link link = {0};
    struct ip_prefix own[2];
    size_t count = 0;

    json_object_set_new(object, "device", json_string(tun ? tun_name(tun) : config->device));
    json_object_set_new(object, "elsewhere", json_boolean(tun && !tun_ifindex(tun)));
    if (config->role == CONFIG_CLIENT) {
        const struct client *client = &daemon->client;

        json_object_set_new(object, "addresses", show_prefixes(client->installed, client->installed_count));
        json_object_set_new(object, "mtu_bytes", client->mtu_bytes ? show_number(client->mtu_bytes) : json_null());
        json_object_set_new(object, "routes", show_routes(config));
        json_object_set_new(object, "manage_routes", json_boolean(config->manage_routes));
        json_object_set_new(object, "routes_set", show_prefixes(client->routed, client->routed_count));
        return object;
    }
    for (uint8_t version = 4; version <= 6; version = (uint8_t)(version + 2)) {
        if (crew_address(&daemon->crew, version, &own[count]) == 0) {
            count++;
        }
    }
    if (daemon->netlink && tun && tun_ifindex(tun)) {
        netlink_link(daemon->netlink, tun_name(tun), &link);
    }
    json_object_set_new(object, "addresses", show_prefixes(own, count));
    json_object_set_new(object, "mtu_bytes", link.mtu_bytes ? show_number(link.mtu_bytes) : json_null());
    json_object_set_new(object, "advertised", show_prefixes(config->advertise, config->advertise_count));
    return object;
}

static json_t *listening(const struct config *config) {
    json_t *list = json_array();

    for (size_t i = 0; i < config->listen_count; i++) {
        json_array_append_new(list, show_endpoint(&config->listen[i]));
    }
    return list;
}

static json_t *server_text(const struct config *config) {
    bool bracket = strchr(config->server_host, ':');

    return json_sprintf(bracket ? "[%s]:%u" : "%s:%u", config->server_host, (unsigned)config->server_port);
}

/* How a path counts for the whole: the tunnel is as good as its best path. */
static int rank_of(const struct client_path *path) {
    static const char *const ranks[] = {"down", "waiting", "connecting", "suspect", "standby", "up"};
    const char *state = client_path_state(path);
    int rank = (int)(sizeof ranks / sizeof *ranks) - 1;

    while (rank > 0 && strcmp(ranks[rank], state) != 0) {
        rank--;
    }
    return rank;
}

/* State, reason and age of a client as a whole: those of its best path, of several equal ones the oldest. A standby
 * path with a leg carries the tunnel when no primary one does. */
static void show_client_state(json_t *object, const struct client *client, uint64_t now) {
    const struct client_path *path, *best = NULL;
    json_int_t up = 0, standby = 0;
    const char *state = "down";

    DL_FOREACH(client->paths, path) {
        const char *of = client_path_state(path);

        up += strcmp(of, "up") == 0;
        standby += strcmp(of, "standby") == 0;
        if (!best || rank_of(path) > rank_of(best) || (rank_of(path) == rank_of(best) && path->since < best->since)) {
            best = path;
        }
    }
    if (best) {
        state = client_path_state(best);
        state = strcmp(state, "standby") == 0 && client_path_leg(best) ? "up" : state;
    }
    json_object_set_new(object, "state", json_string(state));
    json_object_set_new(object, "reason", show_text(best && best->state != PATH_UP ? best->reason : ""));
    json_object_set_new(object, "since_s", best ? show_since(best->since, now) : json_null());
    json_object_set_new(object, "paths_up", json_integer(up));
    json_object_set_new(object, "paths_standby", json_integer(standby));
}

/* The longest average wait in a session's queue. */
static void gather_sojourn(const struct part *part, void *context) {
    uint64_t *longest = context;

    for (const struct session *session = part->sessions; session; session = session->next) {
        const struct queue_stats *stats = queue_stats(session->queue);

        *longest = stats->sojourn_average > *longest ? stats->sojourn_average : *longest;
    }
}

/* What the `bonding` line tells. bonded is null while it is not known, and false when the server does not bond. */
static json_t *show_bonding_line(struct daemon *daemon) {
    const struct show_bonding bonding = all_bonding(daemon);
    bool server = daemon->config->role == CONFIG_SERVER, plain = !server && daemon->client.bonding == BONDING_NO,
         any = bonding.sessions > 0;
    uint64_t sojourn = 0;

    gather(daemon, gather_sojourn, &sojourn);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "bonded",
                     any     ? json_true()
                     : plain ? json_false()
                             : json_null(),
                     "scheduler", json_string(sched_kind(show_scheduler(daemon))->name), "held_percent",
                     any ? show_percent(bonding.reorder.held, bonding.reorder.delivered + bonding.reorder.held_packets)
                         : json_null(),
                     "longest_hold_us", any ? show_us(bonding.reorder.longest_hold) : json_null(), "resent_percent",
                     any ? show_percent(bonding.repair.resent, bonding.repair.added) : json_null(), "queue_us",
                     show_us(sojourn));
}

int method_status(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                  struct jsonrpc_error *error) {
    const struct config *config = daemon->config;
    struct show_traffic traffic = all_traffic(daemon);
    json_t *object = json_object(), *part = json_object();

    (void)params;
    (void)error;
    json_object_set_new(object, "role", json_string(config->role == CONFIG_SERVER ? "server" : "client"));
    json_object_set_new(object, "name", json_string(config->name));
    json_object_set_new(object, "version", json_string(PACKAGE_VERSION));
    json_object_set_new(object, "uptime_s", show_since(daemon->started, now));
    if (config->role == CONFIG_CLIENT) {
        json_object_set_new(object, "server", server_text(config));
        show_client_state(object, &daemon->client, now);
    } else {
        json_object_set_new(object, "listen", listening(config));
        json_object_set_new(object, "workers", show_number(daemon->crew.count));
        json_object_set_new(object, "sessions", show_number(shared_count(&daemon->crew.shared, NULL)));
        json_object_set_new(object, "connections", show_number(daemon->crew.shared.connections));
    }
    json_object_set_new(object, "tunnel", show_tunnel(daemon));
    show_traffic(part, &traffic);
    json_object_set_new(object, "traffic", part);
    json_object_set_new(object, "bonding", show_bonding_line(daemon));
    json_object_set_new(object, "wakeups", show_wakeups(daemon));
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

/** All queues of a daemon. */
struct queues {
    struct queue_stats sum; /**< sums, and the longest of times */
    uint64_t bytes;         /**< waiting */
    uint64_t packets;       /**< waiting */
};

static void gather_queues(const struct part *part, void *context) {
    struct queues *queues = context;

    for (const struct session *session = part->sessions; session; session = session->next) {
        add_queue(&queues->sum, session->queue);
        queues->bytes += queue_bytes(session->queue);
        queues->packets += queue_packets(session->queue);
    }
}

static json_t *show_queue(struct daemon *daemon) {
    struct queues queues = {0};
    const struct queue_stats *sum = &queues.sum;

    gather(daemon, gather_queues, &queues);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "bytes", (json_int_t)queues.bytes, "packets",
                     (json_int_t)queues.packets, "sojourn_us", (json_int_t)(sum->sojourn_average / NS_PER_US),
                     "sojourn_last_us", (json_int_t)(sum->sojourn_last / NS_PER_US), "sojourn_max_us",
                     (json_int_t)(sum->sojourn_max / NS_PER_US), "sent_packets", (json_int_t)sum->sent_segments,
                     "sent_bytes", (json_int_t)sum->sent_bytes, "codel_drops", (json_int_t)sum->codel_drops,
                     "overflow_drops", (json_int_t)sum->overflow_drops, "ce_marks", (json_int_t)sum->ce_marks);
}

static void gather_drops(const struct part *part, void *context) {
    struct drop_counters *drops = context;
    const struct carrier *carrier;

    for (int i = 0; i < DROP_REASONS; i++) {
        drop_count(drops, (enum drop_reason)i, part->worker->drops.count[i]);
    }
    DL_FOREACH(part->worker->carriers, carrier) {
        drops_add_leg(drops, carrier->leg);
    }
    for (const struct session *session = part->sessions; session; session = session->next) {
        drops_add_session(drops, session);
    }
    for (size_t i = 0; part->server && i < part->server->listener_count; i++) {
        drops_add_socket(drops, part->server->listener[i].socket);
    }
    drops_add_tun(drops, part->worker->tun);
}

static json_t *show_drops(struct daemon *daemon) {
    struct drop_counters drops = {0};
    const struct client_path *path;
    json_t *object = json_object();

    gather(daemon, gather_drops, &drops);
    DL_FOREACH(daemon->client.paths, path) {
        drops_add_socket(&drops, path->socket);
    }
    for (int i = 0; i < DROP_REASONS; i++) {
        json_object_set_new(object, drop_name((enum drop_reason)i), show_number(drops.count[i]));
    }
    return object;
}

/* Every leg of every session. */
static void gather_legs(const struct part *part, void *context) {
    for (const struct session *session = part->sessions; session; session = session->next) {
        for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
            if (session->legs[i].leg) {
                json_array_append_new(context, show_leg(session, &session->legs[i], loop_now(part->worker->loop)));
            }
        }
    }
}

static json_t *show_legs(struct daemon *daemon) {
    json_t *list = json_array();

    gather(daemon, gather_legs, list);
    return list;
}

/** What a server's workers count of connections. */
struct counts {
    uint64_t handshakes;         /**< TLS handshakes completed */
    uint64_t resumed_handshakes; /**< of them, resumed */
    uint64_t retries;            /**< Retry packets */
    uint64_t resets;             /**< stateless resets */
    uint64_t handed_over;        /**< packets from the TUN handed to another worker */
};

static void gather_counts(const struct part *part, void *context) {
    struct counts *counts = context;

    if (!part->server) {
        return;
    }
    counts->handshakes += part->server->handshakes;
    counts->resumed_handshakes += part->server->resumed_handshakes;
    counts->retries += part->server->retries;
    counts->resets += part->server->resets;
    counts->handed_over += handover_count(part->worker->handover);
}

int method_stats(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                 struct jsonrpc_error *error) {
    const bool server = daemon->config->role == CONFIG_SERVER;
    struct show_traffic traffic = all_traffic(daemon);
    const struct show_bonding bonding = all_bonding(daemon);
    json_t *object = json_object(), *session = json_object();
    struct counts counts = {0};

    (void)params;
    (void)error;
    gather(daemon, gather_counts, &counts);
    json_object_set_new(object, "role", json_string(server ? "server" : "client"));
    json_object_set_new(object, "name", json_string(daemon->config->name));
    json_object_set_new(session, "uptime_s", show_since(daemon->started, now));
    show_traffic(session, &traffic);
    json_object_set_new(session, "handshakes", show_number(server ? counts.handshakes : daemon->client.handshakes));
    json_object_set_new(session, "resumed_handshakes",
                        show_number(server ? counts.resumed_handshakes : daemon->client.resumed_handshakes));
    if (server) {
        json_object_set_new(session, "sessions", show_number(shared_count(&daemon->crew.shared, NULL)));
        json_object_set_new(session, "retries_sent", show_number(counts.retries));
        json_object_set_new(session, "resets_sent", show_number(counts.resets));
        json_object_set_new(session, "handed_over_packets", show_number(counts.handed_over));
    } else {
        json_object_set_new(session, "connects", show_number(daemon->client.connects));
    }
    json_object_set_new(object, "session", session);
    json_object_set_new(object, "paths", server ? show_legs(daemon) : show_paths(&daemon->client, now));
    json_object_set_new(object, "queue", show_queue(daemon));
    json_object_set_new(object, "reorder", show_reorder(&bonding));
    json_object_set_new(object, "repair", show_repair(&bonding));
    json_object_set_new(object, "drops", show_drops(daemon));
    *result = object;
    return 0;
}

/** A page of the list of sessions. */
struct page {
    uint64_t after; /**< sessions with a larger number … */
    uint64_t last;  /**< … up to this one */
    json_t **shown; /**< of each worker's in turn, as it is found; owned */
    size_t count;   /**< of them */
    size_t size;    /**< there is room for */
};

static void gather_page(const struct part *part, void *context) {
    struct page *page = context;

    for (struct session *session = part->sessions; session; session = session->next) {
        if (session->id > page->after && session->id <= page->last && page->count < page->size) {
            page->shown[page->count] = show_session(session, loop_now(part->worker->loop));
            json_object_set_new(page->shown[page->count++], "worker", show_number(part->worker->number));
        }
    }
}

static int by_id(const void *a, const void *b) {
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "id")),
               y = json_integer_value(json_object_get(*(json_t *const *)b, "id"));

    return x < y ? -1 : x > y;
}

int method_session_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                        struct jsonrpc_error *error) {
    const json_t *limit_param = json_object_get(params, "limit");
    size_t limit = limit_param ? (size_t)json_integer_value(limit_param) : SIZE_MAX;
    struct page page = {.after = (uint64_t)json_integer_value(json_object_get(params, "after"))};
    json_t *list;
    bool more;

    (void)now;
    if (limit == 0)
        return jsonrpc_fail(error, JSONRPC_BAD_VALUE, "limit must be 1 or more");
    more = shared_page(&daemon->crew.shared, page.after, limit, &page.last);
    list = json_array();
    page.size = (size_t)(page.last - page.after); /* numbers are not used again: more there cannot be */
    if (page.size > shared_count(&daemon->crew.shared, NULL)) {
        page.size = shared_count(&daemon->crew.shared, NULL);
    }
    page.shown = calloc(page.size + 1, sizeof(json_t *));
    if (!page.shown) {
        json_decref(list);
        return jsonrpc_fail(error, JSONRPC_INTERNAL, "no memory");
    }
    gather(daemon, gather_page, &page);
    qsort(page.shown, page.count, sizeof(json_t *), by_id);
    for (size_t i = 0; i < page.count; i++) {
        json_array_append_new(list, page.shown[i]);
    }
    free(page.shown);
    *result = json_pack("{s:o, s:b}", "sessions", list, "more", more);
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
    for (size_t i = 0; i < auth_count(daemon->crew.policy.auth); i++) {
        const struct auth_user *user = auth_at(daemon->crew.policy.auth, i);
        json_t *addresses = json_array();
        json_int_t sessions = (json_int_t)shared_count(&daemon->crew.shared, user->name);

        for (size_t j = 0; j < 2; j++) {
            if (user->address[j].version) {
                json_array_append_new(addresses, show_address(&user->address[j]));
            }
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
