/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_check: two tables expanded from methods.def, methods and their parameters. What a handler gets to see has
 * passed all of this, so it looks only at values. It leaves out positional parameters: they must come by name.
 * Invariant: a call that passed has every required parameter, none that is unknown, and each of its declared type.
 * Standards: JSON-RPC 2.0 section 4.2. */
#include "methods_check.h"

#include <string.h>

enum { SERVER = 1 << CONFIG_SERVER, CLIENT = 1 << CONFIG_CLIENT, BOTH = SERVER | CLIENT };
enum access { READ, WRITE };
enum type { STRING, INTEGER, STRINGS };
enum use { OPTIONAL, REQUIRED };

static const struct method_row {
    const char *name;
    unsigned roles;
    enum access access;
} method_rows[METHODS] = {
#define METHOD(symbol, name, words, roles, access, help) [METHOD_##symbol] = {name, roles, access},
#include "common/methods.def"
};

static const struct param_row {
    enum method method;
    const char *name;
    enum type type;
    enum use use;
} param_rows[] = {
#define PARAM(symbol, name, type, use, value, help) {METHOD_##symbol, name, type, use},
#include "common/methods.def"
};

#define PARAMS (sizeof param_rows / sizeof *param_rows)

/* Whether value is of the type; what the type is called comes out for the message. */
static bool has_type(const json_t *value, enum type type, const char **called) {
    const json_t *item;
    size_t i;

    if (type == STRING) {
        *called = "a string";
        return json_is_string(value);
    }
    if (type == INTEGER) {
        *called = "a whole number, not negative";
        return json_is_integer(value) && json_integer_value(value) >= 0;
    }
    *called = "an array of strings";
    json_array_foreach(value, i, item) {
        if (!json_is_string(item)) {
            return false;
        }
    }
    return json_is_array(value);
}

static int check_known(enum method method, const json_t *params, struct jsonrpc_error *error) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)params, name, value) {
        size_t i = 0;

        while (i < PARAMS && (param_rows[i].method != method || strcmp(param_rows[i].name, name) != 0)) {
            i++;
        }
        if (i == PARAMS) {
            return jsonrpc_fail(error, JSONRPC_PARAMS, "%s has no parameter \"%s\"", method_rows[method].name, name);
        }
    }
    return 0;
}

static int check_params(enum method method, const json_t *params, struct jsonrpc_error *error) {
    if (json_is_array(params) && json_array_size(params) > 0) {
        return jsonrpc_fail(error, JSONRPC_PARAMS, "parameters must come by name");
    }
    for (size_t i = 0; i < PARAMS; i++) {
        const struct param_row *row = &param_rows[i];
        const json_t *value = row->method == method ? json_object_get(params, row->name) : NULL;
        const char *called;

        if (row->method != method || (!value && row->use == OPTIONAL)) {
            continue;
        }
        if (!value) {
            return jsonrpc_fail(error, JSONRPC_PARAMS, "the parameter \"%s\" is missing", row->name);
        }
        if (!has_type(value, row->type, &called)) {
            return jsonrpc_fail(error, JSONRPC_PARAMS, "the parameter \"%s\" must be %s", row->name, called);
        }
    }
    return check_known(method, params, error);
}

int methods_check(enum config_role role, bool may_write, const char *name, const json_t *params,
                  struct jsonrpc_error *error) {
    int method = 0;

    while (method < METHODS && strcmp(method_rows[method].name, name) != 0) {
        method++;
    }
    if (method == METHODS) {
        return jsonrpc_fail(error, JSONRPC_METHOD, "there is no method %s", name);
    }
    if (!(method_rows[method].roles & (1u << role))) {
        return jsonrpc_fail(error, JSONRPC_WRONG_ROLE, "%s is for a %s, and this is a %s", name,
                            role == CONFIG_SERVER ? "client" : "server", role == CONFIG_SERVER ? "server" : "client");
    }
    if (method_rows[method].access == WRITE && !may_write) {
        return jsonrpc_fail(error, JSONRPC_NOT_PERMITTED, "only root and the control group may do that");
    }
    return check_params((enum method)method, params, error) < 0 ? -1 : method;
}
