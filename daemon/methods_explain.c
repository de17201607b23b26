/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_explain: the method explain: why each path of a client, or each leg of a server's sessions, is used at this
 * moment, or not, in a word for programs and in words for people. The reason is the session's (session_explain), or the
 * path's own while it has no leg. It leaves out why a path fails, which is its reason in path.list. Standards: JSON-RPC
 * 2.0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "client_path.h"
#include "common/units.h"
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

static const struct {
    const char *begins;
    const char *advice;
} advice[] = {
#define ADVICE(begins, advice) {begins, advice},
#include "advice.def"
#undef ADVICE
};

/* What to do about a path that has no connection for this reason. @return NULL: nothing is known */
static const char *advice_on(const char *reason) {
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        const char *begins = advice[i].begins;

        if (*begins == '*' ? strstr(reason, begins + 1) != NULL : strncmp(reason, begins, strlen(begins)) == 0) {
            return advice[i].advice;
        }
    }
    return NULL;
}

static double ms(uint64_t ns) {
    return (double)ns / 1e6;
}

/** Room for what a leg is called: a device, or an address and port. */
#define NAME_MAX_BYTES SOCK_ADDR_TEXT_MAX

/* What the leg in a slot is called: at a client its path's device, at a server (client is NULL) where it comes from.
 * @return false: there is none */
static bool leg_name(const struct session *session, const struct client *client, int slot, char *out) {
    const struct session_leg *leg = slot >= 0 ? &session->legs[slot] : NULL;
    const struct carrier *carrier = leg ? leg->owner : NULL;
    const struct client_path *path;

    if (!client) {
        return carrier && sock_addr_print(&carrier->path.remote, out);
    }
    DL_FOREACH(client->paths, path) {
        if (leg && client_path_leg(path) == leg) {
            snprintf(out, NAME_MAX_BYTES, "%s", show_path_name(path));
            return true;
        }
    }
    return false;
}

/* What there is to add to a reason's meaning. @param than another leg's name, NULL: there is none */
static void add_figures(const struct session_leg *leg, const struct session_reason *why, const char *than, char *out,
                        size_t size) {
    *out = '\0';
    switch (why->reason) {
    case REASON_LATER:
        if (than && why->arrival + why->wait >= why->than_arrival && why->arrival != TIME_NEVER) {
            snprintf(out, size, ": %.1f ms later than on %s", ms(why->arrival + why->wait - why->than_arrival), than);
        }
        break;
    case REASON_NEXT:
        snprintf(out, size, ": it arrives in %.1f ms", ms(why->arrival == TIME_NEVER ? 0 : why->arrival));
        break;
    case REASON_PASSED:
    case REASON_BACKUP:
        if (than) {
            snprintf(out, size, ": %s", than);
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
    bool works = client_path_leg(path) && path->state != PATH_LOST;

    *out = '\0';
    *why = (struct session_reason){.reason = REASON_OFF, .arrival = TIME_NEVER, .than = -1};
    if (works && session->bonded) {
        return false;
    }
    if (works || path->state == PATH_SPARE) {
        why->reason = works ? REASON_NEXT : REASON_ALONE;
        return true;
    }
    snprintf(out, size, " (%s%s%s)", client_path_state(path), *path->reason ? ": " : "", path->reason);
    return true;
}

/* Why a leg of a bonded session is as it is. @param client NULL: a server's session */
static void explain_leg(const struct session *session, const struct session_leg *leg, const struct client *client,
                        struct session_reason *why, char *out, size_t size, uint64_t now) {
    char than[NAME_MAX_BYTES];

    session_explain(session, (unsigned)(leg - session->legs), why, now);
    add_figures(leg, why, leg_name(session, client, why->than, than) ? than : NULL, out, size);
}

/* Put the reason into what a path or a leg is shown as. */
static json_t *with_reason(json_t *object, enum reason reason, const char *more) {
    bool used = reason == REASON_NEXT || reason == REASON_WINDOW || reason == REASON_PACED || reason == REASON_SOCKET;
    json_int_t limit = json_integer_value(json_object_get(object, "rate_limit_bps"));
    char rate[UNITS_TEXT_MAX], limited[UNITS_TEXT_MAX + 32] = "";

    if (reason == REASON_PACED && limit > 0) {
        snprintf(limited, sizeof limited, "; its RateLimit is %s", units_print_rate((uint64_t)limit, rate));
    }
    json_object_set_new(object, "used", json_boolean(used));
    json_object_set_new(object, "why", json_string(words[reason]));
    json_object_set_new(object, "text", json_sprintf("%s%s%s", meanings[reason], more, limited));
    return object;
}

static json_t *scheduler_of(const struct session *session) {
    return session && session->bonded ? json_string(sched_kind(session->sched.id)->name) : json_null();
}

/* a client */

static json_t *show_client_path(struct client_path *path, uint64_t now) {
    const struct session *session = path->client->session;
    struct session_reason why;
    const char *hint;
    json_t *object;
    char more[256];

    if (!explain_path(path, &why, more, sizeof more)) {
        explain_leg(session, client_path_leg(path), path->client, &why, more, sizeof more, now);
    }
    object = with_reason(show_path(path, now), why.reason, more);
    hint = why.reason == REASON_OFF ? advice_on(path->reason) : NULL;
    json_object_set_new(object, "advice", hint ? json_string(hint) : json_null());
    return object;
}

static json_t *explain_client(const struct client *client, uint64_t now) {
    json_t *list = json_array();
    struct client_path *path;

    DL_FOREACH(client->paths, path) {
        json_array_append_new(list, show_client_path(path, now));
    }
    return json_pack("{s:o, s:o}", "scheduler", scheduler_of(client->session), "paths", list);
}

/* a server */

/** Which sessions are asked about. */
struct question {
    bool all;     /**< of them */
    uint64_t id;  /**< or of this one */
    json_t *list; /**< what they say */
};

static json_t *show_server_leg(const struct session *session, const struct session_leg *leg, uint64_t now) {
    struct session_reason why = {.reason = REASON_NEXT};
    char more[256] = "", name[NAME_MAX_BYTES] = "";
    json_t *object = show_leg(session, leg, now);

    if (session->bonded) {
        explain_leg(session, leg, NULL, &why, more, sizeof more, now);
    }
    leg_name(session, NULL, (int)(leg - session->legs), name);
    json_object_set_new(object, "path", json_string(name));
    return with_reason(object, why.reason, more);
}

/* In the thread of each worker. */
static void explain_sessions(struct server *server, void *context) {
    struct question *question = context;
    const struct session *session;
    uint64_t now = loop_now(server->worker->loop);

    DL_FOREACH(server->sessions, session) {
        json_t *legs = json_array();

        if (!question->all && session->id != question->id) {
            json_decref(legs);
            continue;
        }
        for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
            if (session->legs[i].leg) {
                json_array_append_new(legs, show_server_leg(session, &session->legs[i], now));
            }
        }
        json_array_append_new(question->list,
                              json_pack("{s:I, s:o, s:o, s:o}", "id", (json_int_t)session->id, "user",
                                        show_text(session->user), "scheduler", scheduler_of(session), "paths", legs));
    }
}

int method_explain(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                   struct jsonrpc_error *error) {
    const json_t *id = json_object_get(params, "session");
    struct question question = {.all = !id, .id = (uint64_t)json_integer_value(id)};

    if (daemon->config->role == CONFIG_CLIENT) {
        if (id) {
            return jsonrpc_fail(error, JSONRPC_BAD_VALUE, "a client has one session: \"session\" is for a server");
        }
        *result = explain_client(&daemon->client, now);
        return 0;
    }
    question.list = json_array();
    crew_each(&daemon->crew, explain_sessions, &question);
    if (id && json_array_size(question.list) == 0) {
        json_decref(question.list);
        return jsonrpc_fail(error, JSONRPC_NOT_FOUND, "there is no session %lld", (long long)json_integer_value(id));
    }
    *result = json_pack("{s:o}", "sessions", question.list);
    return 0;
}
