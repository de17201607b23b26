/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client: the session that a client's paths carry together, from start to end: which paths there are, what the kernel
 * says of them, and the configuration.
 *
 * How it works: the session and the TUN device live from start to end, so inner connections survive whatever the paths
 * do. With a server that does not bond, one path carries the tunnel and the others are spares that take its leg over by
 * QUIC migration when it is lost.
 * Left out: how a path connects (client_path.c), what its leg says (client_leg.c), the host's addresses and routes
 * (client_host.c). */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "client_host.h"
#include "client_path.h"
#include "common/random.h"

/* what the kernel says */

void client_on_link(struct client *client, unsigned ifindex, bool present, bool up) {
    const unsigned own = tun_ifindex(client->worker->tun);
    struct client_path *path, *next;
    if (present ? !own : ifindex == own)
        client_host_locate(client, !present);
    if (ifindex == own)
        return client_host_on_link(client, present && up);
    DL_FOREACH_SAFE(client->paths, path, next) {
        if (present && up) {
            if (path->state == PATH_LOST)
                client_path_recover(path);
            else if (!path->carrier)
                client_path_reconnect(path, "a link came up");
        } else if ((path->carrier || path->state == PATH_SPARE) && ifindex == path->ifindex) {
            client_path_lose(path, "the link is down");
        }
    }
    client_plain_settle(client);
}

void client_on_address(struct client *client, unsigned ifindex, const struct ip_addr *addr, bool present) {
    struct client_path *path, *next;
    if (ifindex == tun_ifindex(client->worker->tun))
        return;
    DL_FOREACH_SAFE(client->paths, path, next) {
        if (present) {
            if (path->state == PATH_LOST)
                client_path_recover(path);
            else if (!path->carrier)
                client_path_reconnect(path, "an address was added");
        } else if ((path->carrier || path->state == PATH_SPARE) && ifindex == path->ifindex &&
                   !ip_addr_compare(addr, &path->source)) {
            client_path_lose(path, "our address went away");
            if (path->state == PATH_LOST)
                client_path_recover(path); /* the device may have another one already */
        }
    }
    client_plain_settle(client);
}

void client_on_route(struct client *client) {
    struct client_path *path, *next;
    DL_FOREACH_SAFE(client->paths, path, next) {
        if (path->state == PATH_LOST)
            client_path_recover(path);
        else if (path->state == PATH_DOWN)
            client_path_reconnect(path, "a route changed");
        else if (path->carrier)
            client_path_reroute(path);
    }
    client_plain_settle(client);
}

/* paths */

struct session_leg *client_path_leg(const struct client_path *path) {
    return path->carrier && path->carrier->session ? session_find(path->client->session, path->carrier->leg) : NULL;
}

const char *client_path_state(const struct client_path *path) {
    const struct session_leg *leg = client_path_leg(path);
    switch (path->state) {
    case PATH_LOST:
    case PATH_DOWN:
        return "down";
    case PATH_RESOLVING:
    case PATH_CONNECTING:
        return "connecting";
    case PATH_UP:
        return leg && leg->suspect ? "suspect" : leg && leg->state == CONTROL_STANDBY ? "standby" : "up";
    case PATH_SPARE:
        return "standby";
    case PATH_WAITING:
        return "waiting";
    }
    return "unknown";
}

struct client_path *client_find_path(struct client *client, const char *device) {
    struct client_path *path;
    DL_FOREACH(client->paths, path)
    if (!strcmp(path->settings.device[0] ? path->settings.device : path->device, device))
        return path;
    return NULL;
}

static int add_path(struct client *client, const struct config_path *settings, bool added, char *why, size_t why_size) {
    struct client_path *path = client_find_path(client, settings->device);
    if (path)
        return snprintf(why, why_size, "there is a path %s already", settings->device), -EEXIST;
    if (client->path_count >= CLIENT_PATHS_MAX)
        return snprintf(why, why_size, "there are %u paths already", CLIENT_PATHS_MAX), -ENOSPC;
    path = client_path_new(client, settings, added);
    if (!path)
        return snprintf(why, why_size, "no memory for a path"), -ENOMEM;
    path->ask.on_due = client_leg_on_ask;
    DL_APPEND(client->paths, path);
    client->path_count++;
    timer_set(&client->worker->timers, &path->retry,
              loop_now(client->worker->loop)); /* in the next turn: at start, privileges are given up by then */
    return 0;
}

int client_add_path(struct client *client, const struct config_path *settings, char *why, size_t why_size) {
    struct client_path *automatic = client_find_path(client, settings->device);
    if (automatic && !automatic->settings.device[0])
        return client_path_configure(automatic, settings); /* the one found by itself is now one by name */
    return add_path(client, settings, true, why, why_size);
}

static void remove_path(struct client *client, struct client_path *path) {
    path->removing = true;
    client_path_tell(path);
    client_plain_move(path, "");
    if (path->carrier) {
        client_path_reconnect(path, "the path was removed");
        return;
    }
    DL_DELETE(client->paths, path);
    client->path_count--;
    client_path_free(path);
}

int client_remove_path(struct client *client, const char *device) {
    struct client_path *path = client_find_path(client, device);
    if (!path || path->removing)
        return -ENOENT;
    remove_path(client, path);
    return 0;
}

int client_set_path(struct client *client, const char *device, const struct config_path *settings) {
    struct client_path *path = client_find_path(client, device);
    if (!path)
        return -ENOENT;
    path->settings.backup = settings->backup;
    path->settings.weight = settings->weight;
    path->settings.when_full = settings->when_full;
    path->settings.rate_limit_bps = settings->rate_limit_bps;
    client_path_tell(path);
    tunnel_mark(client->tunnel);
    return 0;
}

void client_set_scheduler(struct client *client, enum sched_id id) {
    session_set_scheduler(client->session, id);
    tunnel_mark(client->tunnel);
}

/* life */

static int make_trust(const struct config *config, struct tls_context **out, char *why, size_t why_size) {
    struct tls_client_settings settings = {.ca_file = config->ca_file, .has_pin = config->has_pin};
    memcpy(settings.pin, config->pin, sizeof settings.pin);
    return tls_client_context_new(&settings, out, why, why_size);
}

static void apply_scheduler(struct client *client) {
    enum sched_id id = config_scheduler(client->config);
    if (id != client->session->sched.id)
        client_set_scheduler(client, id);
}

int client_load(struct client *client, const struct config *config, char *why, size_t why_size) {
    *client = (struct client){.config = config};
    return make_trust(config, &client->tls, why, why_size);
}

int client_start(struct client *client, struct worker *worker, struct netlink *netlink, char *why, size_t why_size) {
    const struct config *config = client->config;
    const struct ip_prefix everything[2] = {{.addr = {.version = 4}}, {.addr = {.version = 6}}};
    const struct config_path automatic = {.weight = 1};
    int error;
    client->worker = worker;
    client->netlink = netlink;
    client->watch = (struct timer){.on_due = client_plain_on_watch, .context = client};
    error = resolve_new(worker->loop, &client->resolve);
    if (error)
        return snprintf(why, why_size, "the name resolver could not be started: %s", strerror(-error)), error;
    random_fill(&client->server_worker, sizeof client->server_worker);
    client->tunnel = tunnel_new(worker, 1, "", client);
    if (!client->tunnel)
        return snprintf(why, why_size, "no memory for the session"), -ENOMEM;
    client->session = client->tunnel->session;
    if (prefixmap_put(worker->targets, &everything[0], client->session) ||
        prefixmap_put(worker->targets, &everything[1], client->session))
        return snprintf(why, why_size, "no memory for the session"), -ENOMEM;
    error = worker_open_tun(worker, config->device, 1, why, why_size);
    if (error)
        return error;
    client->table = tun_ifindex(worker->tun);
    loop_set_busy_poll(worker->loop, config->busy_poll);
    apply_scheduler(client);
    for (size_t i = 0; !error && i < config->path_count; i++)
        error = add_path(client, &config->path[i], false, why, why_size);
    if (!config->path_count)
        error = add_path(client, &automatic, false, why, why_size);
    return error;
}

void client_close(struct client *client) {
    struct control_capsule capsule = {.type = CONTROL_CLOSE, .leg = CONTROL_LEG_NONE, .word = CONTROL_DONE};
    struct client_path *path;
    client->stopping = true;
    if (client->session->bonded)
        session_tell(client->session, &capsule);
    DL_FOREACH(client->paths, path) {
        timer_set(&client->worker->timers, &path->retry, TIME_NEVER);
        if (path->carrier)
            carrier_close(path->carrier, H3_NO_ERROR, "the client is stopping");
    }
}

void client_fini(struct client *client) {
    while (client->paths) {
        struct client_path *path = client->paths;
        DL_DELETE(client->paths, path);
        client_path_free(path);
    }
    if (client->worker)
        timer_set(&client->worker->timers, &client->watch, TIME_NEVER);
    resolve_free(client->resolve);
    tunnel_free(client->tunnel);
    tls_context_unref(client->tls);
    free(client->routed);
    *client = (struct client){0};
}

static bool differs(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") != 0;
}

/* Whether every connection would be made otherwise. */
static bool connects_otherwise(const struct config *a, const struct config *b) {
    if (differs(a->server_host, b->server_host) || a->server_port != b->server_port || differs(a->token, b->token) ||
        differs(a->ca_file, b->ca_file))
        return true;
    if (differs(a->server_name, b->server_name) || differs(a->path_template, b->path_template))
        return true;
    return a->has_pin != b->has_pin || memcmp(a->pin, b->pin, sizeof a->pin) != 0;
}

static bool path_connects_otherwise(const struct config_path *a, const struct config_path *b) {
    return strcmp(a->device, b->device) || differs(a->server, b->server) || differs(a->congestion, b->congestion) ||
           ip_addr_compare(&a->source, &b->source);
}

static const struct config_path *section_of(const struct config *config, const char *device) {
    for (size_t i = 0; i < config->path_count; i++)
        if (!strcmp(config->path[i].device, device))
            return &config->path[i];
    return NULL;
}

/* Paths of the file come, change and go; those of `path add` stay unless a section takes them over. */
static int reload_paths(struct client *client, const struct config *config, bool all, char *why, size_t why_size) {
    const struct config_path automatic = {.weight = 1};
    struct client_path *path, *next;
    int error = 0;
    DL_FOREACH_SAFE(client->paths, path, next) {
        const struct config_path *section = section_of(config, path->settings.device);
        bool again = section && path_connects_otherwise(section, &path->settings);
        if (!section && !path->settings.device[0] && !config->path_count)
            section = &automatic;
        if (!section && !path->added) {
            remove_path(client, path);
            continue;
        }
        if (section)
            path->added = false;
        if (section && client_path_configure(path, section))
            error = -ENOMEM;
        if (section)
            client_set_path(client, section->device, section);
        path->server_addr_count = all ? 0 : path->server_addr_count;
        if (again || all)
            client_path_reconnect(path, "the configuration was reloaded");
    }
    for (size_t i = 0; !error && i < config->path_count; i++)
        if (!client_find_path(client, config->path[i].device))
            error = add_path(client, &config->path[i], false, why, why_size);
    if (!error && !client->path_count)
        error = add_path(client, &automatic, false, why, why_size);
    return error;
}

int client_reload(struct client *client, const struct config *config, char *why, size_t why_size) {
    bool all = connects_otherwise(client->config, config);
    bool reschedule = config_scheduler(client->config) != config_scheduler(config);
    struct tls_context *tls;
    int error;
    if (strcmp(client->config->device, config->device) != 0) {
        snprintf(why, why_size, "%s: Device cannot change while running: restart the daemon", config->file);
        return -EBUSY;
    }
    error = make_trust(config, &tls, why, why_size);
    if (error)
        return error;
    if (all || !tls_context_trusts_alike(client->tls, tls)) {
        tls_context_unref(client->tls); /* with the tickets of sessions that were verified under it */
        client->tls = tls;
    } else {
        tls_context_unref(tls);
    }
    client->config = config;
    if (all) {
        client_forget_session(client);
        client->held_until = client->replaced = 0;
    }
    if (reload_paths(client, config, all, why, why_size))
        log_error("reload: %s", why);
    loop_set_busy_poll(client->worker->loop, config->busy_poll);
    if (reschedule)
        apply_scheduler(client); /* else what mpvpnctl set stays */
    client_host_rules(client);   /* before routes that could catch what they keep out */
    client_host_update(client);
    client_host_mtu(client);
    return 0;
}
