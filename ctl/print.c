/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print: one function a method makes its text; methods that have none of their own are told in one line.
 * It leaves out judging: a field that is missing or null is shown as "-" or 0, so that an older daemon can be looked
 * at. Invariants: tables are as mpvpnctl(8) shows them, since scripts cut them too; nothing is printed that is not in
 * the answer. Standards: none. */
#include "ctl/print.h"

#include <string.h>

#include "common/clock.h"
#include "common/units.h"
#include "ctl/table.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static json_int_t integer(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "-";
}

static const char *duration(json_int_t seconds, char *buffer) {
    return units_print_duration((uint64_t)seconds * NS_PER_SEC, buffer);
}

/* Microseconds as "11.2 ms", or "-" when it is not known. */
static const char *milliseconds(const json_t *object, const char *name, char *buffer) {
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? units_print_ms((uint64_t)json_integer_value(value), buffer) : "-";
}

/* Bits per second as Mbit/s: whole from 10 on. */
static const char *mbit(const json_t *object, const char *name, char *buffer) {
    double rate = (double)integer(object, name) / 1e6;

    snprintf(buffer, UNITS_TEXT_MAX, rate < 9.95 && rate > 0 ? "%.1f" : "%.0f", rate);
    return buffer;
}

/* Microseconds as people say them: "14 ms" from 10 on, "1.2 ms" below. */
static const char *short_ms(const json_t *object, const char *name, char *buffer) {
    double ms = (double)integer(object, name) / 1000;

    snprintf(buffer, UNITS_TEXT_MAX, ms < 9.95 ? "%.1f ms" : "%.0f ms", ms);
    return buffer;
}

static double real(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static const char *bytes(const json_t *object, const char *name, char *buffer) {
    return units_print_bytes((uint64_t)integer(object, name), buffer);
}

/* The strings of an array, with something between. */
static void join(const json_t *list, const char *between, char *out, size_t size) {
    const json_t *item;
    size_t i, n = 0;

    *out = '\0';
    json_array_foreach(list, i, item) {
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? between : "", json_string_value(item));
        if (n >= size) {
            return;
        }
    }
}

static void print_traffic(FILE *stream, const json_t *of) {
    char a[UNITS_TEXT_MAX], b[UNITS_TEXT_MAX], c[UNITS_TEXT_MAX], d[UNITS_TEXT_MAX];

    fprintf(stream, "traffic  now %s Mbit/s down, %s up;  %s down, %s up\n", mbit(of, "rate_down_bps", a),
            mbit(of, "rate_up_bps", b), bytes(of, "bytes_down", c), bytes(of, "bytes_up", d));
}

static void print_tunnel(FILE *stream, const json_t *tunnel) {
    const json_t *routes = json_object_get(tunnel, "routes");
    char list[512];

    join(json_object_get(tunnel, "addresses"), "  ", list, sizeof list);
    fprintf(stream, "tunnel   %s%s%s%s", text(tunnel, "device"),
            json_is_true(json_object_get(tunnel, "elsewhere")) ? " (in another network namespace)" : "",
            *list ? "  " : "", list);
    if (json_is_integer(json_object_get(tunnel, "mtu_bytes"))) {
        fprintf(stream, "  MTU %lld", (long long)integer(tunnel, "mtu_bytes"));
    }
    if (routes) {
        join(routes, ", ", list, sizeof list);
        fprintf(stream, "   routes: %s", json_is_string(routes) ? json_string_value(routes) : list);
    }
    fputc('\n', stream);
}

static void print_client(FILE *stream, const json_t *status) {
    json_int_t up = integer(status, "paths_up"), standby = integer(status, "paths_standby");
    char since[UNITS_TEXT_MAX];
    const char *reason = json_string_value(json_object_get(status, "reason"));

    fprintf(stream, "client   %s, %s %s", text(status, "server"), text(status, "state"),
            duration(integer(status, "since_s"), since));
    if (reason) {
        fprintf(stream, ": %s", reason);
    }
    fprintf(stream, ", %lld path%s up", (long long)up, up == 1 ? "" : "s");
    if (standby > 0) {
        fprintf(stream, ", %lld standby", (long long)standby);
    }
    fputc('\n', stream);
}

static void print_server(FILE *stream, const json_t *status) {
    json_int_t sessions = integer(status, "sessions");
    char since[UNITS_TEXT_MAX], listen[512];

    join(json_object_get(status, "listen"), " ", listen, sizeof listen);
    fprintf(stream, "server   %s, up %s, %lld session%s\n", listen, duration(integer(status, "uptime_s"), since),
            (long long)sessions, sessions == 1 ? "" : "s");
}

/* Nothing while it is not known whether the server bonds. */
static void print_bonding(FILE *stream, const json_t *bonding) {
    const json_t *bonded = json_object_get(bonding, "bonded");
    char longest[UNITS_TEXT_MAX], queue[UNITS_TEXT_MAX];

    if (json_is_true(bonded)) {
        fprintf(stream, "bonding  %s;  reorder held %.1f %%, longest %s;  resent %.2f %%;  queue %s\n",
                text(bonding, "scheduler"), real(bonding, "held_percent"),
                short_ms(bonding, "longest_hold_us", longest), real(bonding, "resent_percent"),
                short_ms(bonding, "queue_us", queue));
    } else if (json_is_false(bonded)) {
        fprintf(stream, "bonding  none: the server does not know it, one path is used at a time;  queue %s\n",
                short_ms(bonding, "queue_us", queue));
    }
}

static void print_status(FILE *stream, const json_t *status) {
    if (strcmp(text(status, "role"), "server") == 0) {
        print_server(stream, status);
    } else {
        print_client(stream, status);
    }
    print_tunnel(stream, json_object_get(status, "tunnel"));
    print_traffic(stream, json_object_get(status, "traffic"));
    print_bonding(stream, json_object_get(status, "bonding"));
}

static double loss(const json_t *of) {
    return real(of, "loss_percent");
}

/* "enp6s0: connecting (192.0.2.17 via 192.0.2.1)", with as much of it as is known */
static void print_path_state(FILE *stream, const json_t *path) {
    const char *source = json_string_value(json_object_get(path, "source"));
    const char *gateway = json_string_value(json_object_get(path, "gateway"));
    const char *reason = json_string_value(json_object_get(path, "reason"));

    fprintf(stream, "%s: %s", text(path, "path"), text(path, "state"));
    if (reason) {
        fprintf(stream, ": %s", reason);
    } else if (source) {
        fprintf(stream, gateway ? " (%s via %s)" : " (%s)", source, gateway);
    }
    fputc('\n', stream);
}

/* "wwan0: not used: a packet would arrive 16.3 ms later than on enp5s0 (…)", and under it what to do */
static void print_reasons(FILE *stream, const json_t *of) {
    const json_t *path;
    size_t i;

    json_array_foreach(json_object_get(of, "paths"), i, path) {
        fprintf(stream, "%s: %s: %s\n", text(path, "path"),
                json_is_true(json_object_get(path, "used")) ? "used" : "not used", text(path, "text"));
        if (json_is_string(json_object_get(path, "advice"))) {
            fprintf(stream, "  %s\n", text(path, "advice"));
        }
    }
}

/* A client's paths, or a server's sessions with theirs. */
static void print_explanation(FILE *stream, const json_t *result) {
    const json_t *session, *sessions = json_object_get(result, "sessions");
    size_t i;

    if (!sessions) {
        fprintf(stream, "scheduler: %s\n", text(result, "scheduler"));
        print_reasons(stream, result);
    } else if (json_array_size(sessions) == 0) {
        fprintf(stream, "no client is connected\n");
    }
    json_array_foreach(sessions, i, session) {
        fprintf(stream, "session %lld (%s): scheduler: %s\n", (long long)integer(session, "id"), text(session, "user"),
                text(session, "scheduler"));
        print_reasons(stream, session);
    }
}

static void print_path_set(FILE *stream, const json_t *path) {
    char limit[UNITS_TEXT_MAX];

    fprintf(stream, "%s: %s, weight %lld", text(path, "path"), text(path, "role"), (long long)integer(path, "weight"));
    if (strcmp(text(path, "backup_when"), "full") == 0) {
        fprintf(stream, ", used when the others are full");
    }
    if (integer(path, "rate_limit_bps") > 0) {
        fprintf(stream, ", at most %s", units_print_rate((uint64_t)integer(path, "rate_limit_bps"), limit));
    }
    fprintf(stream, " (was %s, weight %lld)\n", text(path, "was_role"), (long long)integer(path, "was_weight"));
}

static void print_schedulers(FILE *stream, const json_t *schedulers) {
    static const struct table_column columns[] = {
        {"SCHEDULER", 0, false}, {"IN USE", 0, false}, {"WHAT IT DOES", 0, false}};
    struct table *table = table_new(columns, COUNT(columns));
    const json_t *scheduler;
    size_t i;

    json_array_foreach(schedulers, i, scheduler) {
        table_row(table);
        table_cell(table, "%s", text(scheduler, "scheduler"));
        table_cell(table, "%s", json_is_true(json_object_get(scheduler, "in_use")) ? "yes" : "");
        table_cell(table, "%s", text(scheduler, "help"));
    }
    table_print(table, stream);
    table_free(table);
}

/* "scheduler: redundant (was minrtt), both directions" */
static void print_scheduler(FILE *stream, const json_t *result) {
    fprintf(stream, "scheduler: %s", text(result, "scheduler"));
    if (json_object_get(result, "was")) {
        fprintf(stream, " (was %s), %s directions", text(result, "was"), text(result, "directions"));
    }
    fputs(json_is_false(json_object_get(result, "bonded")) ? "; without effect: the server does not bond\n" : "\n",
          stream);
}

static void print_paths(FILE *stream, const json_t *paths) {
    static const struct table_column columns[] = {
        {"PATH", 0, false},   {"STATE", 7, false},  {"ROLE", 0, false},       {"RTT", 7, false},
        {"JITTER", 7, false}, {"LOSS", 6, false},   {"DOWN Mbit/s", 0, true}, {"UP Mbit/s", 0, true},
        {"CARRIES", 0, true}, {"ARRIVES", 0, true}, {"SHARE", 0, true},       {"SINCE", 0, false}};
    struct table *table = table_new(columns, COUNT(columns));
    const json_t *path;
    char buffer[UNITS_TEXT_MAX];
    size_t i;

    json_array_foreach(paths, i, path) {
        table_row(table);
        table_cell(table, "%s", text(path, "path"));
        table_cell(table, "%s", text(path, "state"));
        table_cell(table, "%s", text(path, "role"));
        table_cell(table, "%s", milliseconds(path, "rtt_us", buffer));
        table_cell(table, "%s", milliseconds(path, "jitter_us", buffer));
        table_cell(table, "%.1f %%", loss(path));
        table_cell(table, "%.1f", (double)integer(path, "rate_down_bps") / 1e6);
        table_cell(table, "%.1f", (double)integer(path, "rate_up_bps") / 1e6);
        table_cell(table, "%s", integer(path, "capacity_bps") ? mbit(path, "capacity_bps", buffer) : "-");
        table_cell(table, "%s", milliseconds(path, "arrival_us", buffer));
        table_cell(table, "%lld %%", (long long)integer(path, "share_percent"));
        table_cell(table, "%s", duration(integer(path, "since_s"), buffer));
    }
    table_fit(table, stream, (const char *const[]){"ARRIVES", "JITTER", "CARRIES", "SINCE", "LOSS", NULL});
    table_print(table, stream);
    table_free(table);
    json_array_foreach(paths, i, path) {
        if (json_is_string(json_object_get(path, "reason"))) {
            fprintf(stream, "%s: %s: %s\n", text(path, "path"), text(path, "state"), text(path, "reason"));
        }
    }
}

static void print_session_row(struct table *table, const json_t *session) {
    const json_t *legs = json_object_get(session, "legs"), *first = json_array_get(legs, 0);
    char buffer[UNITS_TEXT_MAX], list[TABLE_CELL_MAX];

    table_row(table);
    table_cell(table, "%lld", (long long)integer(session, "id"));
    table_cell(table, "%s", text(session, "user"));
    join(json_object_get(session, "addresses"), " ", list, sizeof list);
    table_cell(table, "%s", *list ? list : "-");
    table_cell(table, "%s", json_is_true(json_object_get(session, "bonded")) ? text(session, "scheduler") : "-");
    table_cell(table, "%zu", json_array_size(legs));
    table_cell(table, "%s", text(first, "remote"));
    table_cell(table, "%s", milliseconds(first, "rtt_us", buffer));
    table_cell(table, "%.1f %%", loss(first));
    table_cell(table, "%.1f", (double)integer(session, "rate_down_bps") / 1e6);
    table_cell(table, "%.1f", (double)integer(session, "rate_up_bps") / 1e6);
    table_cell(table, "%s", duration(integer(session, "since_s"), buffer));
}

/* Further legs of a session have rows of their own, under the first one's. */
static void print_leg_row(struct table *table, const json_t *leg) {
    char buffer[UNITS_TEXT_MAX];

    table_row(table);
    for (int i = 0; i < 5; i++) {
        table_cell(table, "%s", "");
    }
    table_cell(table, "%s", text(leg, "remote"));
    table_cell(table, "%s", milliseconds(leg, "rtt_us", buffer));
    table_cell(table, "%.1f %%", loss(leg));
    table_cell(table, "%s", "");
    table_cell(table, "%s", "");
    table_cell(table, "%s", duration(integer(leg, "since_s"), buffer));
}

static void print_sessions(FILE *stream, const json_t *result) {
    static const struct table_column columns[] = {{"ID", 0, true},        {"USER", 0, false}, {"ADDRESSES", 0, false},
                                                  {"BONDING", 0, false},  {"LEGS", 0, true},  {"FROM", 0, false},
                                                  {"RTT", 7, false},      {"LOSS", 6, false}, {"DOWN Mbit/s", 0, true},
                                                  {"UP Mbit/s", 0, true}, {"SINCE", 0, false}};
    struct table *table = table_new(columns, COUNT(columns));
    const json_t *session;
    size_t i;

    json_array_foreach(json_object_get(result, "sessions"), i, session) {
        const json_t *legs = json_object_get(session, "legs");

        print_session_row(table, session);
        for (size_t j = 1; j < json_array_size(legs); j++) {
            print_leg_row(table, json_array_get(legs, j));
        }
    }
    table_fit(table, stream, (const char *const[]){"LOSS", "BONDING", "SINCE", "RTT", "LEGS", NULL});
    table_print(table, stream);
    table_free(table);
    if (json_is_true(json_object_get(result, "more"))) {
        fprintf(stream, "There are more: session list after=%lld\n",
                (long long)integer(json_array_get(json_object_get(result, "sessions"), i - 1), "id"));
    }
}

static void print_users(FILE *stream, const json_t *users) {
    static const struct table_column columns[] = {
        {"USER", 0, false}, {"STATE", 8, false}, {"SESSIONS", 0, true}, {"ADDRESSES", 0, false}, {"FROM", 0, false}};
    struct table *table = table_new(columns, COUNT(columns));
    const json_t *user;
    char list[TABLE_CELL_MAX];
    size_t i;

    json_array_foreach(users, i, user) {
        bool disabled = json_is_true(json_object_get(user, "disabled"));

        table_row(table);
        table_cell(table, "%s", text(user, "name"));
        table_cell(table, "%s",
                   disabled                                           ? "disabled"
                   : json_is_true(json_object_get(user, "has_token")) ? "enabled"
                                                                      : "no token");
        table_cell(table, "%lld", (long long)integer(user, "sessions"));
        join(json_object_get(user, "addresses"), " ", list, sizeof list);
        table_cell(table, "%s", *list ? list : "-");
        table_cell(table, "%s", text(user, "from"));
    }
    table_print(table, stream);
    table_free(table);
}

/* The connections of `stats`: paths of a client, legs of a server's sessions. */
static void print_connections(FILE *stream, const json_t *paths) {
    static const struct table_column columns[] = {
        {"PATH", 0, false},     {"RTT", 7, false},        {"MIN", 7, false}, {"JITTER", 7, false},  {"CWND", 0, true},
        {"IN FLIGHT", 0, true}, {"RATE Mbit/s", 0, true}, {"SENT", 0, true}, {"RECEIVED", 0, true}, {"LOST", 0, true},
        {"RESENT", 0, true},    {"TWICE", 0, true},       {"MTU", 0, true}};
    struct table *table = table_new(columns, COUNT(columns));
    const json_t *path;
    char buffer[UNITS_TEXT_MAX];
    size_t i;

    json_array_foreach(paths, i, path) {
        table_row(table);
        if (json_object_get(path, "id")) {
            table_cell(table, "%lld/%lld %s", (long long)integer(path, "id"), (long long)integer(path, "leg"),
                       text(path, "user"));
        } else {
            table_cell(table, "%s", text(path, "path"));
        }
        table_cell(table, "%s", milliseconds(path, "rtt_us", buffer));
        table_cell(table, "%s", milliseconds(path, "rtt_min_us", buffer));
        table_cell(table, "%s", milliseconds(path, "jitter_us", buffer));
        table_cell(table, "%s", bytes(path, "cwnd_bytes", buffer));
        table_cell(table, "%s", bytes(path, "in_flight_bytes", buffer));
        table_cell(table, "%s", mbit(path, "delivery_rate_bps", buffer));
        table_cell(table, "%s", bytes(path, "sent_bytes", buffer));
        table_cell(table, "%s", bytes(path, "received_bytes", buffer));
        table_cell(table, "%lld", (long long)integer(path, "lost_packets"));
        table_cell(table, "%lld", (long long)integer(path, "resent_packets"));
        table_cell(table, "%lld", (long long)integer(path, "duplicate_packets"));
        table_cell(table, "%lld", (long long)integer(path, "mtu_bytes"));
    }
    table_fit(table, stream, (const char *const[]){"TWICE", "RESENT", "MIN", "IN FLIGHT", "JITTER", "MTU", NULL});
    table_print(table, stream);
    table_free(table);
}

static void print_queue(FILE *stream, const json_t *queue) {
    char a[UNITS_TEXT_MAX], b[UNITS_TEXT_MAX], c[UNITS_TEXT_MAX];

    fprintf(stream,
            "queue    %s, longest %s;  %s in %lld packets;  %lld dropped by CoDel, %lld by overflow, %lld marked\n",
            milliseconds(queue, "sojourn_us", a), milliseconds(queue, "sojourn_max_us", b), bytes(queue, "bytes", c),
            (long long)integer(queue, "packets"), (long long)integer(queue, "codel_drops"),
            (long long)integer(queue, "overflow_drops"), (long long)integer(queue, "ce_marks"));
}

static void print_order(FILE *stream, const json_t *reorder, const json_t *repair) {
    char longest[UNITS_TEXT_MAX], memory[UNITS_TEXT_MAX];

    if (json_is_object(reorder)) {
        fprintf(stream,
                "reorder  held %.1f %%, longest %s;  %lld missed, %lld repaired, %lld given up, %lld late;  "
                "%s in %lld packets wait\n",
                real(reorder, "held_percent"), short_ms(reorder, "longest_hold_us", longest),
                (long long)integer(reorder, "missed_packets"), (long long)integer(reorder, "repaired_packets"),
                (long long)integer(reorder, "given_up_packets"), (long long)integer(reorder, "late_packets"),
                bytes(reorder, "waiting_bytes", memory), (long long)integer(reorder, "waiting_packets"));
    }
    if (json_is_object(repair)) {
        fprintf(stream,
                "repair   resent %.2f %%;  %lld repaired, %lld given up, %lld spurious;  %s in %lld packets kept\n",
                real(repair, "resent_percent"), (long long)integer(repair, "repaired_packets"),
                (long long)integer(repair, "given_up_packets"), (long long)integer(repair, "spurious_copies"),
                bytes(repair, "outstanding_bytes", memory), (long long)integer(repair, "outstanding_packets"));
    }
}

static void print_drops(FILE *stream, const json_t *drops) {
    static const struct table_column columns[] = {{"DROPPED BECAUSE", 0, false}, {"PACKETS", 0, true}};
    struct table *table = table_new(columns, COUNT(columns));
    const char *name;
    json_t *value;
    size_t rows = 0;

    json_object_foreach((json_t *)drops, name, value) {
        if (json_integer_value(value) > 0) {
            table_row(table);
            table_cell(table, "%s", name);
            table_cell(table, "%lld", (long long)json_integer_value(value));
            rows++;
        }
    }
    if (rows > 0) {
        fputc('\n', stream);
        table_print(table, stream);
    }
    table_free(table);
}

static void print_stats(FILE *stream, const json_t *stats) {
    print_traffic(stream, json_object_get(stats, "session"));
    print_queue(stream, json_object_get(stats, "queue"));
    print_order(stream, json_object_get(stats, "reorder"), json_object_get(stats, "repair"));
    fputc('\n', stream);
    print_connections(stream, json_object_get(stats, "paths"));
    print_drops(stream, json_object_get(stats, "drops"));
}

static void print_new_user(FILE *stream, const json_t *user) {
    fprintf(stream,
            "# user %s: the token is shown this once; the server keeps only its hash\n%s"
            "# One section for each link; without any, the device is used that leads to the server.\n"
            "#[Path eth0]\n#[Path wwan0]\n#Role = backup\n",
            text(user, "name"), text(user, "client_configuration"));
}

void print_text(FILE *stream, enum command_id command, const json_t *result) {
    switch (command) {
    case COMMAND_status:
        print_status(stream, result);
        break;
    case COMMAND_stats:
        print_stats(stream, result);
        break;
    case COMMAND_path_list:
        print_paths(stream, json_object_get(result, "paths"));
        break;
    case COMMAND_path_add:
    case COMMAND_path_remove:
        print_path_state(stream, result);
        break;
    case COMMAND_path_set:
        print_path_set(stream, result);
        break;
    case COMMAND_explain:
        print_explanation(stream, result);
        break;
    case COMMAND_scheduler_list:
        print_schedulers(stream, json_object_get(result, "schedulers"));
        break;
    case COMMAND_scheduler_get:
    case COMMAND_scheduler_set:
        print_scheduler(stream, result);
        break;
    case COMMAND_session_list:
        print_sessions(stream, result);
        break;
    case COMMAND_session_close:
        fprintf(stream, "session %lld: closed\n", (long long)integer(result, "id"));
        break;
    case COMMAND_user_list:
        print_users(stream, json_object_get(result, "users"));
        break;
    case COMMAND_user_add:
        print_new_user(stream, result);
        break;
    case COMMAND_user_remove:
        fprintf(stream, "user %s: removed\n", text(result, "name"));
        break;
    case COMMAND_reload:
        fprintf(stream, "reloaded %s\n", text(result, "file"));
        break;
    case COMMAND_log_set:
        fprintf(stream, "log: %s (was %s)\n", text(result, "level"), text(result, "was"));
        break;
    case COMMAND_version:
        fprintf(stream, "%s %s (%s)\n", text(result, "program"), text(result, "version"), text(result, "name"));
        break;
    case COMMAND_keygen:
    case COMMAND_completion:
    case COMMANDS:
        break;
    }
}

void print_json(FILE *stream, const json_t *result) {
    json_dumpf(result, stream, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', stream);
}
