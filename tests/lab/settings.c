/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings: what one direction of an emulated link does to packets, as people write it.
 *
 * How it works: settings.def expands into a table of keys, each with the parser of its type and the field's place.
 * What it leaves out: settings that only make sense together are not checked against each other; a policer without a
 * burst, or a burst of losses that is never entered, does what its numbers say. */
#include "tests/lab/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/units.h"

#define SIZE_LARGEST (1024ull * 1024 * 1024) /**< bytes: with more the model's sums could overflow */

static int parse_rate(const char *text, void *field) {
    return units_parse_rate(text, field);
}

static int parse_duration(const char *text, void *field) {
    return units_parse_duration(text, field);
}

static int parse_size(const char *text, void *field) {
    uint64_t value;

    if (units_parse_size(text, &value) != 0 || value > SIZE_LARGEST)
        return -EINVAL;
    *(uint64_t *)field = value;
    return 0;
}

static int parse_flag(const char *text, void *field) {
    bool yes = strcmp(text, "yes") == 0;

    if (!yes && strcmp(text, "no") != 0)
        return -EINVAL;
    *(bool *)field = yes;
    return 0;
}

/** A share of one, or with % of a hundred. */
static int parse_share(const char *text, void *field) {
    char *end;
    double value = strtod(text, &end);

    if (end == text)
        return -EINVAL;
    if (*end == '%') {
        value /= 100;
        end++;
    }
    if (*end != 0 || !(value >= 0 && value <= 1))
        return -EINVAL;
    *(double *)field = value;
    return 0;
}

static int parse_count(const char *text, void *field) {
    char *end;
    unsigned long value;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (*end != 0 || errno != 0 || value > SETTINGS_PACKETS_MAX)
        return -EINVAL;
    *(uint64_t *)field = value;
    return 0;
}

/** A key. */
struct setting {
    const char *key;                             /**< as typed */
    const char *argument;                        /**< for people */
    const char *help;                            /**< one line */
    size_t offset;                               /**< of the field */
    int (*parse)(const char *text, void *field); /**< 0 or -errno; the field is written on success only */
};

static const struct setting settings_table[] = {
#define SETTING(key, type, field, argument, help)                                                                      \
    {key, argument, help, offsetof(struct linkmodel_settings, field), parse_##type},
#include "tests/lab/settings.def"
};

#define SETTINGS_COUNT (sizeof settings_table / sizeof *settings_table)

void settings_init(struct linkmodel_settings *settings) {
    *settings = (struct linkmodel_settings){.packets = 1000, .overhead = 38, .police_bytes = 64 * 1024};
}

int settings_parse(struct linkmodel_settings *settings, const char *text, char *problem, size_t size) {
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : 0;

    if (equals == NULL) {
        snprintf(problem, size, "%s is not KEY=VALUE", text);
        return -EINVAL;
    }
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *s = &settings_table[i];

        if (strlen(s->key) != length || memcmp(s->key, text, length) != 0)
            continue;
        if (s->parse(equals + 1, (char *)settings + s->offset) == 0)
            return 0;
        snprintf(problem, size, "%s takes %s (%s), not %s", s->key, s->argument, s->help, equals + 1);
        return -EINVAL;
    }
    snprintf(problem, size, "there is no setting %.*s", (int)length, text);
    return -EINVAL;
}

void settings_help(FILE *file) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        fprintf(file, "  %s=%s\t%s\n", settings_table[i].key, settings_table[i].argument, settings_table[i].help);
}
