/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_paths: the methods about paths and the schedulers that share packets out to them: path.list, path.add,
 * path.remove, path.set, scheduler.list, scheduler.get, scheduler.set. Values are parsed as the configuration's are, so
 * that the two take the same and say the same of what they do not take. It leaves out who may call them: methods_check
 * has seen to that. Invariant: a method that failed has changed nothing. Standards: JSON-RPC 2.0. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "client_path.h"
#include "config_values.h"
#include "methods_handlers.h"
#include "show.h"

int method_path_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                     struct jsonrpc_error *error) {
    (void)params;
    (void)error;
    *result = json_pack("{s:o}", "paths", show_paths(&daemon->client, now));
    return 0;
}

/* A parameter into its field, by the configuration's parser; one that is not given changes nothing. */
static int parse(const json_t *params, const char *name, config_parse_fn *parser, void *field,
                 struct jsonrpc_error *error) {
    const json_t *param = json_object_get(params, name);
    char why[CONFIG_WHY_MAX] = "", number[32];
    struct config_value value = {.text = json_string_value(param), .field = field, .why = why, .why_size = sizeof why};

    if (!param) {
        return 0;
    }
    if (json_is_integer(param)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(param));
        value.text = number;
    }
    return parser(&value) < 0 ? jsonrpc_fail(error, JSONRPC_BAD_VALUE, "%s %s", name, why) : 0;
}

static int parse_purpose(const json_t *params, struct config_path *settings, struct jsonrpc_error *error) {
    return parse(params, "role", config_parse_role, &settings->backup, error) < 0 ||
                   parse(params, "weight", config_parse_weight, &settings->weight, error) < 0 ||
                   parse(params, "backup_when", config_parse_backup_when, &settings->when_full, error) < 0 ||
                   parse(params, "rate_limit", config_parse_rate, &settings->rate_limit_bps, error) < 0
               ? -1
               : 0;
}

/* Begin at once, so that the answer can tell how. The name's lookup goes on in the background; another path knows the
 * server's address already, mostly. */
static void begin(struct client *client, struct client_path *path) {
    const struct client_path *other;
    struct netlink_link link = {0};
    struct netlink_route route;
    struct ip_addr target = {0};

    if (path->carrier || !client->netlink) {
        return;
    }
    if (netlink_link(client->netlink, path->settings.device, &link) < 0 || !link.up) {
        snprintf(path->reason, sizeof path->reason, link.ifindex ? "the link is down" : "there is no such device");
        return;
    }
    client_path_connect(path);
    DL_FOREACH(client->paths, other) {
        if (other->carrier && strcmp(other->host, path->host) == 0) {
            target = sock_addr_ip(&other->remote);
        }
    }
    if (!path->source.version && target.version && netlink_route(client->netlink, &target, link.ifindex, &route) == 0 &&
        route.ifindex == link.ifindex) {
        path->source = path->settings.source.version == target.version ? path->settings.source : route.source;
        path->gateway = route.gateway;
    }
}

/* @param settings its strings are the caller's to free, also after a failure */
static int parse_path(const json_t *params, struct config_path *settings, struct jsonrpc_error *error) {
    return parse(params, "device", config_parse_device, settings->device, error) < 0 ||
                   parse_purpose(params, settings, error) < 0 ||
                   parse(params, "source", config_parse_source, &settings->source, error) < 0 ||
                   parse(params, "server", config_parse_server_text, &settings->server, error) < 0 ||
                   parse(params, "congestion_control", config_parse_congestion, &settings->congestion, error) < 0
               ? -1
               : 0;
}

/* Devices that lead nowhere, whatever comes. @return why, or NULL */
static const char *no_path(const struct client *client, const char *device) {
    struct netlink_link link;

    if (!client->netlink || netlink_link(client->netlink, device, &link) < 0) {
        return NULL;
    }
    return link.ifindex == tun_ifindex(client->worker->tun) ? "is the tunnel itself"
           : link.loopback                                  ? "leads to this host alone"
                                                            : NULL;
}

static struct client_path *add(struct client *client, const struct config_path *settings, struct jsonrpc_error *error) {
    char why[CONFIG_WHY_MAX] = "";
    const char *refusal = no_path(client, settings->device);
    int rc;

    if (refusal) {
        jsonrpc_fail(error, JSONRPC_BAD_VALUE, "%s %s", settings->device, refusal);
        return NULL;
    }
    rc = client_add_path(client, settings, why, sizeof why);
    if (rc < 0) {
        jsonrpc_fail(error,
                     rc == -EEXIST   ? JSONRPC_EXISTS
                     : rc == -ENOSPC ? JSONRPC_TOO_MANY
                                     : JSONRPC_INTERNAL,
                     "%s", *why ? why : "no memory for a path");
        return NULL;
    }
    return client_find_path(client, settings->device);
}

int method_path_add(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                    struct jsonrpc_error *error) {
    struct config_path settings = {.weight = 1, .congestion = strdup("auto")};
    struct client_path *path = NULL;

    if (!settings.congestion) {
        return jsonrpc_fail(error, JSONRPC_INTERNAL, "no memory for a path");
    }
    if (parse_path(params, &settings, error) == 0) {
        path = add(&daemon->client, &settings, error);
    }
    free(settings.server);
    free(settings.congestion);
    if (!path) {
        return -1;
    }
    log_notice("path %s added by mpvpnctl", path->settings.device);
    begin(&daemon->client, path);
    *result = show_path(path, now);
    return 0;
}

static struct client_path *find(struct client *client, const json_t *params, struct jsonrpc_error *error) {
    const char *device = json_string_value(json_object_get(params, "device"));
    struct client_path *path = client_find_path(client, device);

    if (path && !path->removing) {
        return path;
    }
    jsonrpc_fail(error, JSONRPC_NOT_FOUND, "there is no path %s", device);
    return NULL;
}

int method_path_remove(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                       struct jsonrpc_error *error) {
    const char *device = json_string_value(json_object_get(params, "device"));

    (void)now;
    if (!find(&daemon->client, params, error)) {
        return -1;
    }
    client_remove_path(&daemon->client, device);
    log_notice("path %s removed by mpvpnctl", device);
    *result = json_pack("{s:s, s:s}", "path", device, "state", "removed");
    return 0;
}

int method_path_set(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                    struct jsonrpc_error *error) {
    struct client_path *path = find(&daemon->client, params, error);
    struct config_path settings;
    struct config_path was;

    if (!path) {
        return -1;
    }
    if (json_object_size(params) < 2) {
        return jsonrpc_fail(error, JSONRPC_PARAMS, "none of role, weight, backup_when and rate_limit is given");
    }
    settings = was = path->settings;
    if (parse_purpose(params, &settings, error) < 0) {
        return -1;
    }
    client_set_path(&daemon->client, json_string_value(json_object_get(params, "device")), &settings);
    *result = show_path(path, now);
    json_object_set_new(*result, "was_role", json_string(was.backup ? "backup" : "primary"));
    json_object_set_new(*result, "was_weight", show_number(was.weight));
    return 0;
}

/* schedulers */

/* Whether it has anything to choose from: null while that is not known. */
static json_t *is_bonded(const struct daemon *daemon) {
    if (daemon->config->role == CONFIG_SERVER || daemon->client.bonding == BONDING_YES) {
        return json_true();
    }
    return daemon->client.bonding == BONDING_NO ? json_false() : json_null();
}

int method_scheduler_list(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                          struct jsonrpc_error *error) {
    json_t *list = json_array();

    (void)now;
    (void)params;
    (void)error;
    for (int i = 0; i < SCHED_COUNT; i++) {
        const struct sched_kind *kind = sched_kind((enum sched_id)i);

        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "scheduler", kind->name, "help", kind->help, "in_use",
                                              (enum sched_id)i == show_scheduler(daemon)));
    }
    *result = json_pack("{s:o}", "schedulers", list);
    return 0;
}

int method_scheduler_get(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                         struct jsonrpc_error *error) {
    (void)now;
    (void)params;
    (void)error;
    *result =
        json_pack("{s:s, s:o}", "scheduler", sched_kind(show_scheduler(daemon))->name, "bonded", is_bonded(daemon));
    return 0;
}

int method_scheduler_set(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                         struct jsonrpc_error *error) {
    const char *name = json_string_value(json_object_get(params, "name"));
    enum sched_id id = sched_find(name, strlen(name)), was = show_scheduler(daemon);

    (void)now;
    if (id == SCHED_COUNT) {
        return jsonrpc_fail(error, JSONRPC_NOT_FOUND, "there is no scheduler %s; see scheduler list", name);
    }
    if (daemon->config->role == CONFIG_CLIENT) {
        client_set_scheduler(&daemon->client, id);
    } else {
        crew_set_scheduler(&daemon->crew, id);
    }
    log_notice("scheduler: %s (was %s)", sched_kind(id)->name, sched_kind(was)->name);
    *result = json_pack("{s:s, s:s, s:s, s:o}", "scheduler", sched_kind(id)->name, "was", sched_kind(was)->name,
                        "directions", "both", "bonded", is_bonded(daemon));
    return 0;
}
