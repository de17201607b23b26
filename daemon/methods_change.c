/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_change: the methods that change something: session.close, user.add, user.remove, reload, log.set.
 * A token exists in clear only in user.add's answer; it is never logged and never stored.
 * It leaves out who may call them: methods_check has seen to that.
 * Invariant: a method that failed has changed nothing.
 * Standards: JSON-RPC 2.0, RFC 6750 (bearer tokens). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "daemon.h"
#include "methods_handlers.h"
#include "users.h"

#define SERVER_TEXT_MAX 300 /* bytes of "HOST:PORT" with NUL */

int method_session_close(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                         struct jsonrpc_error *error) {
    json_int_t id = json_integer_value(json_object_get(params, "id"));

    (void)now;
    if (crew_close_session(&daemon->crew, (uint64_t)id, CONTROL_REMOVED) < 0) {
        return jsonrpc_fail(error, JSONRPC_NOT_FOUND, "there is no session %lld", (long long)id);
    }
    log_notice("session %lld closed by mpvpnctl", (long long)id);
    *result = json_pack("{s:I}", "id", id);
    return 0;
}

/* Which of our codes an -errno of users.c is. */
static enum jsonrpc_code users_code(int rc) {
    switch (rc) {
    case -EEXIST:
        return JSONRPC_EXISTS;
    case -ENOENT:
        return JSONRPC_NOT_FOUND;
    case -EPERM:
        return JSONRPC_BAD_VALUE;
    case -EINVAL:
        return JSONRPC_BAD_CONFIG;
    case -ENOMEM:
        return JSONRPC_INTERNAL;
    default:
        return JSONRPC_WRITE_FAILED;
    }
}

static int parse_user(const json_t *params, struct auth_user *user, struct jsonrpc_error *error) {
    const char *name = json_string_value(json_object_get(params, "name"));
    char why[CONFIG_WHY_MAX];
    const json_t *item;
    size_t i;

    if (!auth_name_is_valid(name)) {
        return jsonrpc_fail(error, JSONRPC_BAD_VALUE,
                            "\"%s\" cannot be a user's name: letters, digits, dot, dash and underscore, at most %u",
                            name, AUTH_NAME_MAX - 1);
    }
    snprintf(user->name, sizeof user->name, "%s", name);
    json_array_foreach(json_object_get(params, "address"), i, item) {
        struct config_value value = {.text = json_string_value(item), .base = user, .why = why, .why_size = sizeof why};

        if (config_parse_user_address(&value) < 0) {
            return jsonrpc_fail(error, JSONRPC_BAD_VALUE, "%s", why);
        }
    }
    return 0;
}

/* The address that we would send from to somewhere far away: what most servers are reached by. */
static struct ip_addr outward_address(struct netlink *netlink) {
    static const char *const far[] = {"192.0.2.1", "2001:db8::1"};
    struct netlink_route route = {0};

    for (size_t i = 0; netlink && i < 2; i++) {
        struct ip_addr target;

        ip_addr_parse(far[i], &target);
        if (netlink_route(netlink, &target, 0, &route) == 0 && route.source.version) {
            return route.source;
        }
    }
    return (struct ip_addr){0};
}

static void print_host(char *text, const char *host, uint16_t port) {
    snprintf(text, SERVER_TEXT_MAX, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

/* How clients may call this server: as asked, by its authority, by what it listens at, or by the address it sends from.
 */
static int name_server(const struct daemon *daemon, const char *wanted, char *text, struct jsonrpc_error *error) {
    const struct config *config = daemon->config;
    char *host, address[IP_ADDR_TEXT_MAX];
    uint16_t listening = sock_addr_port(&config->listen[0]), port = listening;
    struct ip_addr addr = sock_addr_ip(&config->listen[0]);

    wanted = wanted ? wanted : config->authority;
    if (wanted) {
        if (config_split_host(wanted, &host, &port) < 0) {
            return jsonrpc_fail(error, JSONRPC_BAD_VALUE, "\"%s\" is not HOST, HOST:PORT or [ADDRESS]:PORT", wanted);
        }
        print_host(text, host, port);
        free(host);
        return 0;
    }
    if (ip_addr_compare(&addr, &(struct ip_addr){.version = addr.version}) == 0) {
        addr = outward_address(daemon->netlink);
    }
    print_host(text, addr.version ? ip_addr_print(&addr, address) : "SERVER-NAME", listening);
    return 0;
}

/* A client's configuration, ready to copy. */
static json_t *client_configuration(const struct config *config, const char *server, const char *token) {
    char why[CONFIG_WHY_MAX], pin_text[72];
    uint8_t pin[32];

    if (tls_pin_of_certificate(config->certificate, pin, why, sizeof why) < 0) {
        log_warning("user add: the client's configuration has no pin: %s", why);
        return json_sprintf("[Client]\nServer = %s\nToken = %s\n", server, token);
    }
    auth_print_hash(pin, pin_text);
    return json_sprintf("[Client]\nServer = %s\nToken = %s\nServerPin = %s\n", server, token, pin_text);
}

int method_user_add(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                    struct jsonrpc_error *error) {
    struct auth_user user = {.has_token = true};
    char token[AUTH_TOKEN_MAX], server[SERVER_TEXT_MAX], why[CONFIG_WHY_MAX] = "";
    int rc;

    (void)now;
    if (parse_user(params, &user, error) < 0 ||
        name_server(daemon, json_string_value(json_object_get(params, "server")), server, error) < 0) {
        return -1;
    }
    auth_make_token(token, user.token_hash);
    rc = users_add(daemon->config, &user, why, sizeof why);
    if (rc < 0) {
        return jsonrpc_fail(error, users_code(rc), "%s", why);
    }
    rc = crew_reload_users(&daemon->crew, why, sizeof why);
    if (rc < 0) {
        char ignored[CONFIG_WHY_MAX];

        users_remove(daemon->config, user.name, ignored, sizeof ignored);
        return jsonrpc_fail(error, users_code(rc), "%s", why);
    }
    log_notice("user %s added", user.name);
    *result = json_pack("{s:s, s:s, s:o}", "name", user.name, "token", token, "client_configuration",
                        client_configuration(daemon->config, server, token));
    return 0;
}

int method_user_remove(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                       struct jsonrpc_error *error) {
    const char *name = json_string_value(json_object_get(params, "name"));
    char why[CONFIG_WHY_MAX] = "";
    int rc = users_remove(daemon->config, name, why, sizeof why);

    (void)now;
    if (rc == 0) {
        rc = crew_reload_users(&daemon->crew, why, sizeof why);
    }
    if (rc < 0) {
        return jsonrpc_fail(error, users_code(rc), "%s", why);
    }
    log_notice("user %s removed", name);
    *result = json_pack("{s:s}", "name", name);
    return 0;
}

int method_reload(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                  struct jsonrpc_error *error) {
    char why[CONFIG_WHY_MAX] = "";
    int rc = daemon_reload(daemon, why, sizeof why);

    (void)now;
    (void)params;
    if (rc < 0) {
        return jsonrpc_fail(error, rc == -EBUSY ? JSONRPC_NEEDS_RESTART : JSONRPC_BAD_CONFIG, "%s", why);
    }
    *result = json_pack("{s:s}", "file", daemon->config->file);
    return 0;
}

int method_log_set(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                   struct jsonrpc_error *error) {
    const char *name = json_string_value(json_object_get(params, "level"));
    enum log_level level, was = log_get_level();

    (void)daemon;
    (void)now;
    if (log_level_parse(name, &level) < 0) {
        return jsonrpc_fail(error, JSONRPC_BAD_VALUE, "\"%s\" is not one of error, warning, notice, info, debug", name);
    }
    log_set_level(level);
    *result = json_pack("{s:s, s:s}", "level", log_level_name(level), "was", log_level_name(was));
    return 0;
}
