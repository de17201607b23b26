/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openmetrics: the answer of `stats` by the rows of statistics.def: one metric family a row, one sample for each path
 * or leg of a session. It leaves out what is no number, but for the state of a path (mpvpn_path_up), and samples that
 * are null. Invariant: the families' names are mpvpn_<scope>_<JSON name>, so a metric can be looked up in mpvpnctl(8).
 * Standards: OpenMetrics 1.0. */
#include <string.h>

#include "common/drop.h"
#include "ctl/print.h"

enum scope { SESSION, QUEUE, REORDER, REPAIR, PATH };
enum kind { COUNTER, GAUGE };

static const struct statistic {
    enum scope scope;
    const char *name;
    enum kind kind;
    const char *help;
} statistics[] = {
#define STATISTIC(scope, name, kind, help) {scope, name, kind, help},
#include "common/statistics.def"
#undef STATISTIC
};

static const char *const scope_names[] = {
    [SESSION] = "session", [QUEUE] = "queue", [REORDER] = "reorder", [REPAIR] = "repair", [PATH] = "path"};

/* A label's value with what must be escaped. */
static void print_label(FILE *stream, const char *name, const char *value) {
    fprintf(stream, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", stream);
        } else {
            fprintf(stream, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
        }
    }
    fputc('"', stream);
}

static void print_labels(FILE *stream, const json_t *stats, const json_t *path) {
    const char *name = json_string_value(json_object_get(stats, "name"));
    const char *device = json_string_value(json_object_get(path, "path"));
    const char *user = json_string_value(json_object_get(path, "user"));

    fputc('{', stream);
    print_label(stream, "instance", name ? name : "");
    if (device) {
        fputc(',', stream);
        print_label(stream, "path", device);
    }
    if (json_object_get(path, "id")) {
        fprintf(stream, ",session=\"%lld\",", (long long)json_integer_value(json_object_get(path, "id")));
        print_label(stream, "user", user ? user : "");
        fprintf(stream, ",leg=\"%lld\"", (long long)json_integer_value(json_object_get(path, "leg")));
    }
    fputs("} ", stream);
}

static void print_family(FILE *stream, const char *name, enum kind kind, const char *help) {
    fprintf(stream, "# TYPE %s %s\n# HELP %s %s\n", name, kind == COUNTER ? "counter" : "gauge", name, help);
}

static void print_sample(FILE *stream, const struct statistic *s, const char *family, const json_t *stats,
                         const json_t *object) {
    const json_t *value = json_object_get(object, s->name);

    if (!json_is_number(value)) {
        return;
    }
    fprintf(stream, "%s%s", family, s->kind == COUNTER ? "_total" : "");
    print_labels(stream, stats, s->scope == PATH ? object : NULL);
    if (json_is_integer(value)) {
        fprintf(stream, "%lld\n", (long long)json_integer_value(value));
    } else {
        fprintf(stream, "%.9g\n", json_real_value(value));
    }
}

static void print_statistic(FILE *stream, const struct statistic *s, const json_t *stats) {
    const json_t *paths = json_object_get(stats, "paths"), *path;
    char family[96];
    size_t i;

    snprintf(family, sizeof family, "mpvpn_%s_%s", scope_names[s->scope], s->name);
    print_family(stream, family, s->kind, s->help);
    if (s->scope != PATH) {
        print_sample(stream, s, family, stats, json_object_get(stats, scope_names[s->scope]));
        return;
    }
    json_array_foreach(paths, i, path) {
        print_sample(stream, s, family, stats, path);
    }
}

static void print_path_states(FILE *stream, const json_t *stats) {
    const json_t *path;
    size_t i;

    print_family(stream, "mpvpn_path_up", GAUGE, "1: the path is up; 0: it is not");
    json_array_foreach(json_object_get(stats, "paths"), i, path) {
        const char *state = json_string_value(json_object_get(path, "state"));

        fputs("mpvpn_path_up", stream);
        print_labels(stream, stats, path);
        fprintf(stream, "%d\n", !state || strcmp(state, "up") == 0);
    }
}

static void print_drop_family(FILE *stream, const json_t *stats) {
    const char *instance = json_string_value(json_object_get(stats, "name"));
    const json_t *drops = json_object_get(stats, "drops");

    print_family(stream, "mpvpn_dropped_packets", COUNTER, "packets dropped, by reason");
    for (int i = 0; i < DROP_REASONS; i++) {
        const char *name = drop_name((enum drop_reason)i);

        fputs("mpvpn_dropped_packets_total{", stream);
        print_label(stream, "instance", instance ? instance : "");
        fprintf(stream, ",reason=\"%s\"} %lld\n", name, (long long)json_integer_value(json_object_get(drops, name)));
    }
}

void print_openmetrics(FILE *stream, const json_t *result) {
    for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++) {
        print_statistic(stream, &statistics[i], result);
    }
    print_path_states(stream, result);
    print_drop_family(stream, result);
    fputs("# EOF\n", stream);
}
