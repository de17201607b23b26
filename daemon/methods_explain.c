/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_explain: the method explain: why each path of a client is used at this moment, or not, in a word for programs
 * and in words for people. The reason is the session's (session_explain), or the path's own while it has no leg. It
 * leaves out why a path fails, which is its reason in path.list. Standards: JSON-RPC 2.0. */
#include <stdio.h>
#include <utlist.h>

#include "client_path.h"
#include "methods_handlers.h"
#include "show.h"

static const char *const words[REASONS] = {
#define REASON(symbol, name, help) name,
#include "common/reason.def"
#undef REASON
};
static const char *const meanings[REASONS] = {
#define REASON(symbol, name, help) help,
#include "common/reason.def"
#undef REASON
};

static double ms(uint64_t ns) {
    return (double)ns / 1e6;
}

/* The path of the leg in a slot. */
static const struct client_path *path_in(const struct client *client, int slot) {
    const struct client_path *path;

    DL_FOREACH(client->paths, path) {
        const struct session_leg *leg = client_path_leg(path);

        if (slot >= 0 && leg == &client->session->legs[slot]) {
            return path;
        }
    }
    return NULL;
}

/* What there is to add to a reason's meaning. */
static void add_figures(const struct client *client, const struct session_leg *leg, const struct session_reason *why,
                        char *out, size_t size) {
    const struct client_path *other = path_in(client, why->than);

    *out = '\0';
    switch (why->reason) {
    case REASON_LATER:
        if (other && why->arrival + why->wait >= why->than_arrival && why->arrival != TIME_NEVER) {
            snprintf(out, size, ": %.1f ms later than on %s", ms(why->arrival + why->wait - why->than_arrival),
                     show_path_name(other));
        }
        break;
    case REASON_NEXT:
        snprintf(out, size, ": it arrives in %.1f ms", ms(why->arrival == TIME_NEVER ? 0 : why->arrival));
        break;
    case REASON_PASSED:
    case REASON_BACKUP:
        if (other) {
            snprintf(out, size, ": %s", show_path_name(other));
        }
        break;
    case REASON_PACED:
    case REASON_WINDOW:
        snprintf(out, size, ", in about %.1f ms", ms(why->wait));
        break;
    case REASON_NARROW:
        snprintf(out, size, ": at most %zu bytes", leg_packet_max(leg->leg));
        break;
    default:
        break;
    }
}

/* Why a path is as it is, without a bonded session's help. @return false: its leg is to be asked */
static bool explain_path(const struct client_path *path, struct session_reason *why, char *out, size_t size) {
    const struct session *session = path->client->session;

    *out = '\0';
    *why = (struct session_reason){.reason = REASON_OFF, .arrival = TIME_NEVER, .than = -1};
    if (client_path_leg(path) && session->bonded) {
        return false;
    }
    if (client_path_leg(path) || path->state == PATH_SPARE) {
        why->reason = client_path_leg(path) ? REASON_NEXT : REASON_ALONE;
        return true;
    }
    snprintf(out, size, " (%s%s%s)", client_path_state(path), *path->reason ? ": " : "", path->reason);
    return true;
}

static json_t *explain(struct client_path *path, uint64_t now) {
    struct session *session = path->client->session;
    const struct session_leg *leg = client_path_leg(path);
    json_t *object = show_path(path, now);
    struct session_reason why;
    char more[256], text[512];
    bool used;

    if (!explain_path(path, &why, more, sizeof more)) {
        session_explain(session, (unsigned)(leg - session->legs), &why, now);
        add_figures(path->client, leg, &why, more, sizeof more);
    }
    used = why.reason == REASON_NEXT || why.reason == REASON_WINDOW || why.reason == REASON_PACED ||
           why.reason == REASON_SOCKET;
    snprintf(text, sizeof text, "%s%s", meanings[why.reason], more);
    json_object_set_new(object, "used", json_boolean(used));
    json_object_set_new(object, "why", json_string(words[why.reason]));
    json_object_set_new(object, "text", json_string(text));
    return object;
}

int method_explain(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                   struct jsonrpc_error *error) {
    const struct session *session = daemon->client.session;
    json_t *list = json_array();
    struct client_path *path;

    (void)params;
    (void)error;
    DL_FOREACH(daemon->client.paths, path) {
        json_array_append_new(list, explain(path, now));
    }
    *result = json_pack("{s:o, s:o}", "scheduler",
                        session && session->bonded ? json_string(sched_kind(session->sched.id)->name) : json_null(),
                        "paths", list);
    return 0;
}
