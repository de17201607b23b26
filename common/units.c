/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units: every quantity is a decimal number and a unit from a table; parsing walks number and unit pairs, printing
 * picks the largest unit that fits. It leaves out locales: the decimal sign is always a full stop. Invariant: outputs
 * are written only on success. Standards: SI prefixes for rates and printed byte counts, IEC 80000-13 powers of 1024
 * for sizes given to us. */
#include "common/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define FRACTION_DIGITS 9 /* decimals looked at; more change nothing */

struct unit {
    const char *name;
    uint64_t scale;
};

static const struct unit size_units[] = {{"", 1},           {"B", 1},
                                         {"K", 1ull << 10}, {"KiB", 1ull << 10},
                                         {"M", 1ull << 20}, {"MiB", 1ull << 20},
                                         {"G", 1ull << 30}, {"GiB", 1ull << 30},
                                         {"T", 1ull << 40}, {"TiB", 1ull << 40},
                                         {NULL, 0}};
static const struct unit duration_units[] = {
    {"", NS_PER_SEC},         {"us", NS_PER_US},        {"ms", NS_PER_MS},         {"s", NS_PER_SEC},
    {"min", 60 * NS_PER_SEC}, {"h", 3600 * NS_PER_SEC}, {"d", 86400 * NS_PER_SEC}, {NULL, 0}};
static const struct unit rate_units[] = {{"", 1},           {"bit/s", 1},           {"k", 1000},
                                         {"kbit/s", 1000},  {"M", 1000000},         {"Mbit/s", 1000000},
                                         {"G", 1000000000}, {"Gbit/s", 1000000000}, {NULL, 0}};

static const char *skip_spaces(const char *p) {
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* Read "12" or "1.5"; the fraction comes as billionths. */
static int read_number(const char **at, uint64_t *whole, uint32_t *billionths) {
    const char *p = *at;
    uint64_t value = 0;
    uint32_t fraction = 0;
    unsigned digits = 0;

    if (!isdigit((unsigned char)*p))
        return -EINVAL;
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return -ERANGE;
    }
    if (*p == '.') {
        if (!isdigit((unsigned char)*++p))
            return -EINVAL;
        for (; isdigit((unsigned char)*p); p++) {
            if (digits++ < FRACTION_DIGITS)
                fraction = fraction * 10 + (uint32_t)(*p - '0');
        }
        for (; digits < FRACTION_DIGITS; digits++)
            fraction *= 10;
    }
    *whole = value;
    *billionths = fraction;
    *at = p;
    return 0;
}

/* The unit at *at, up to a space, a digit or the end. */
static const struct unit *read_unit(const char **at, const struct unit *units) {
    size_t length = strcspn(*at, " \t0123456789.");

    for (const struct unit *u = units; u->name; u++) {
        if (strlen(u->name) == length && strncmp(u->name, *at, length) == 0) {
            *at += length;
            return u;
        }
    }
    return NULL;
}

static int parse(const char *text, const struct unit *units, bool several, uint64_t *out) {
    const char *p = skip_spaces(text);
    uint64_t total = 0;

    do {
        uint64_t whole, part;
        uint32_t billionths;
        const struct unit *unit;
        int rc = read_number(&p, &whole, &billionths);

        if (rc < 0)
            return rc;
        p = skip_spaces(p);
        unit = read_unit(&p, units);
        if (!unit)
            return -EINVAL;
        if (__builtin_mul_overflow(whole, unit->scale, &part) || __builtin_add_overflow(total, part, &total))
            return -ERANGE;
        part = unit->scale / 1000000000u * billionths + unit->scale % 1000000000u * billionths / 1000000000u;
        if (__builtin_add_overflow(total, part, &total))
            return -ERANGE;
        p = skip_spaces(p);
    } while (several && *p);
    if (*p)
        return -EINVAL;
    *out = total;
    return 0;
}

int units_parse_size(const char *text, uint64_t *bytes) {
    return parse(text, size_units, false, bytes);
}

int units_parse_duration(const char *text, uint64_t *ns) {
    return parse(text, duration_units, true, ns);
}

int units_parse_rate(const char *text, uint64_t *bps) {
    return parse(text, rate_units, false, bps);
}

const char *units_print_duration(uint64_t ns, char *text) {
    static const struct {
        const char *name;
        uint64_t seconds;
    } steps[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    uint64_t seconds = ns / NS_PER_SEC;
    size_t i = 0;

    while (i < 3 && seconds < steps[i].seconds)
        i++;
    /* Seconds beside minutes are noise, so minutes stand alone. */
    if (i >= 2 || seconds % steps[i].seconds / steps[i + 1].seconds == 0) {
        snprintf(text, UNITS_TEXT_MAX, "%llu %s", (unsigned long long)(seconds / steps[i].seconds), steps[i].name);
    } else {
        snprintf(text, UNITS_TEXT_MAX, "%llu %s %llu %s", (unsigned long long)(seconds / steps[i].seconds),
                 steps[i].name, (unsigned long long)(seconds % steps[i].seconds / steps[i + 1].seconds),
                 steps[i + 1].name);
    }
    return text;
}

const char *units_print_ms(uint64_t us, char *text) {
    snprintf(text, UNITS_TEXT_MAX, "%.1f ms", (double)us / 1000);
    return text;
}

/* The prefix that fits. @param v in: the value; out: how many of that */
static const char *prefix_for(double *v) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    unsigned i = 0;

    /* A step early, so that no rounding prints "1000". */
    while (i < 6 && *v >= 999.95) {
        *v /= 1000;
        i++;
    }
    return prefixes[i];
}

const char *units_print_bytes(uint64_t bytes, char *text) {
    double v = (double)bytes;
    const char *prefix = prefix_for(&v);

    snprintf(text, UNITS_TEXT_MAX, "%.*f %sB", *prefix ? 1 : 0, v, prefix);
    return text;
}

const char *units_print_rate(uint64_t bps, char *text) {
    double v = (double)bps;
    const char *prefix = prefix_for(&v);

    snprintf(text, UNITS_TEXT_MAX, "%.4g %sbit/s", v, prefix);
    return text;
}
