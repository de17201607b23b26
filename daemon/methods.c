/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods: a line of the control socket goes through jsonrpc (parsing, batches, answers), methods_check (may it be
 * called so?) and one of the handlers (what is shown: methods_show.c, methods_explain.c; what is changed:
 * methods_change.c, methods_paths.c). It leaves out events: a daemon speaks only when asked. Invariant: every line is
 * answered, or passed, in the call that brought it. Standards: JSON-RPC 2.0. */
#include "methods.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonrpc.h"
#include "common/log.h"
#include "daemon.h"
#include "methods_check.h"
#include "methods_handlers.h"

static method_fn *const handlers[METHODS] = {
#define METHOD(symbol, name, words, roles, access, help) [METHOD_##symbol] = method_##symbol,
#include "common/methods.def"
};

/* One line's way through jsonrpc. */
struct call {
    struct daemon *daemon;
    struct ctlsock_client *client;
};

static int on_call(void *context, const char *name, const json_t *params, json_t **result,
                   struct jsonrpc_error *error) {
    const struct call *call = context;
    struct daemon *daemon = call->daemon;
    int method = methods_check(daemon->config->role, ctlsock_may_write(call->client), name, params, error);

    if (method < 0) {
        log_debug("control: %s of uid %u refused: %s", name, (unsigned)ctlsock_uid(call->client), error->message);
        return -1;
    }
    log_debug("control: %s of uid %u", name, (unsigned)ctlsock_uid(call->client));
    return handlers[method](daemon, loop_now(daemon->worker.loop), params, result, error);
}

static void send_text(struct ctlsock_client *client, char *text) {
    if (text) {
        ctlsock_send(client, text, strlen(text));
    } else {
        ctlsock_pass(client); /* notifications */
    }
    free(text);
}

static void on_line(void *context, struct ctlsock_client *client, const char *line, size_t length) {
    struct call call = {context, client};

    send_text(client, jsonrpc_answer(line, length, on_call, &call));
}

static void on_oversize(void *context, struct ctlsock_client *client) {
    struct jsonrpc_error error;

    (void)context;
    jsonrpc_fail(&error, JSONRPC_REQUEST, "a request may not be longer than 64 KiB");
    send_text(client, jsonrpc_error_line(&error));
}

static void on_closed(void *context, struct ctlsock_client *client) {
    (void)context;
    (void)client;
}

struct ctlsock_hooks methods_hooks(struct daemon *daemon) {
    return (struct ctlsock_hooks){
        .on_line = on_line, .on_oversize = on_oversize, .on_closed = on_closed, .context = daemon};
}
