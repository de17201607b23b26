/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: encoding, decoding and order of the session's capsules.
 *
 * How it works: a reader and a writer with bounds, one function each way for each kind of contents. Serials are
 * compared as RFC 1982 has it, apart for each kind and leg, so that a capsule overtaken by one about another leg still
 * counts.
 *
 * It leaves out when to send them, and framing on the stream, which is masque/capsule's.
 *
 * Invariant: what control_encode() writes, control_decode() reads as the same.
 *
 * Standards: RFC 9297 section 3, RFC 9000 section 16 (variable-length integers), RFC 1982. */
#include "bond/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "masque/capsule.h"

#define ROLE_WHEN_FULL 1u /**< flag of a role */
#define VALUE_MAX 72u     /**< bytes: longest value that is written */

/* Types 0x29 * N + 0x17 are reserved for greasing (RFC 9297 section 5.4). */
_Static_assert((CONTROL_LEG_ROLE - 0x17) % 0x29 != 0, "capsule type is reserved");
_Static_assert((CONTROL_SCHEDULER - 0x17) % 0x29 != 0, "capsule type is reserved");
_Static_assert((CONTROL_LEG_REPORT - 0x17) % 0x29 != 0, "capsule type is reserved");
_Static_assert((CONTROL_CLOSE - 0x17) % 0x29 != 0, "capsule type is reserved");
_Static_assert((CONTROL_ARRIVED - 0x17) % 0x29 != 0, "capsule type is reserved");

/** Bytes not yet read; once too few, it stays empty and `short_read` set. */
struct reader {
    const uint8_t *at; /**< next byte */
    size_t left;       /**< bytes from there */
    bool short_read;   /**< something was missing */
};

/** Take bytes. @return NULL: not so many are left */
static const uint8_t *read_bytes(struct reader *reader, size_t count) {
    const uint8_t *bytes = reader->at;

    if (reader->left < count) {
        reader->left = 0;
        reader->short_read = true;
        return NULL;
    }
    reader->at += count;
    reader->left -= count;
    return bytes;
}

/** Take a number in network order; 0 when it is cut short. */
static uint32_t read_number(struct reader *reader, size_t count) {
    const uint8_t *bytes = read_bytes(reader, count);
    uint32_t value = 0;

    for (size_t i = 0; bytes && i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t read_varint(struct reader *reader) {
    uint64_t value = 0;
    size_t used = varint_read(reader->at, reader->left, &value);

    if (used == 0) {
        read_bytes(reader, reader->left + 1);
        return 0;
    }
    read_bytes(reader, used);
    return value;
}

static bool is_word(const char *text, size_t length) {
    if (length == 0 || length > CONTROL_WORD_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_' ||
              text[i] == '-'))
            return false;
    return true;
}

static bool read_role(struct reader *reader, struct control_leg_role *out) {
    uint32_t state = read_number(reader, 1);

    out->state = (enum control_leg_state)state;
    out->priority = (uint8_t)read_number(reader, 1);
    out->weight = (uint16_t)read_number(reader, 2);
    /* Both came later than the rest, and may be missing. */
    if (reader->left > 0)
        out->when_full = read_number(reader, 1) & ROLE_WHEN_FULL;
    if (reader->left > 0)
        out->rate_kbps = read_number(reader, 4);
    return state < CONTROL_STATES;
}

static void read_report(struct reader *reader, struct control_leg_report *out) {
    out->packets = read_varint(reader);
    out->bytes = read_varint(reader);
    out->duplicates = read_varint(reader);
    out->repaired = read_varint(reader);
    out->late = read_varint(reader);
}

static bool read_word(struct reader *reader, char out[CONTROL_WORD_MAX + 1]) {
    uint32_t length = read_number(reader, 1);
    const uint8_t *bytes = read_bytes(reader, length);

    if (!bytes || !is_word((const char *)bytes, length))
        return false;
    memcpy(out, bytes, length);
    out[length] = '\0';
    return true;
}

static bool is_run(uint64_t length, size_t at) {
    return length <= CONTROL_RUN_MAX && (length > 0 || at == 0);
}

static bool read_arrived(struct reader *reader, struct control_arrived *out) {
    out->first = read_number(reader, 4);
    out->count = (uint8_t)read_number(reader, 1);
    if (out->count > CONTROL_RUNS_MAX)
        return false;
    for (size_t i = 0; i < out->count; i++) {
        uint64_t run = read_varint(reader);

        if (!is_run(run, i))
            return false;
        out->runs[i] = (uint32_t)run;
    }
    return true;
}

/** Whether a capsule type is about the session and not about one leg. */
static bool is_about_session(uint64_t type) {
    return type == CONTROL_SCHEDULER || type == CONTROL_CLOSE || type == CONTROL_ARRIVED;
}

static bool is_of_ours(uint64_t type) {
    return type >= CONTROL_LEG_ROLE && type < CONTROL_LEG_ROLE + CONTROL_KINDS;
}

int control_decode(uint64_t type, const uint8_t *value, size_t length, struct control_capsule *out) {
    struct reader reader = {.at = value, .left = length};
    struct control_capsule capsule = {.type = type};
    bool right = true;

    if (!is_of_ours(type))
        return -ENOENT;
    capsule.leg = (uint8_t)read_number(&reader, 1);
    capsule.serial = read_number(&reader, 4);
    if (type == CONTROL_LEG_ROLE)
        right = read_role(&reader, &capsule.role);
    else if (type == CONTROL_LEG_REPORT)
        read_report(&reader, &capsule.report);
    else if (type == CONTROL_ARRIVED)
        right = read_arrived(&reader, &capsule.arrived);
    else
        right = read_word(&reader, capsule.word);
    if (!right || reader.short_read || is_about_session(type) != (capsule.leg == CONTROL_LEG_NONE))
        return -EBADMSG;
    *out = capsule;
    return 0;
}

/** Write a number in network order. @return bytes */
static size_t write_number(uint8_t *out, uint32_t value, size_t count) {
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    return count;
}

static size_t write_role(const struct control_leg_role *role, uint8_t *out) {
    size_t at = write_number(out, role->state, 1);

    if ((unsigned)role->state >= CONTROL_STATES)
        return 0;
    at += write_number(out + at, role->priority, 1);
    at += write_number(out + at, role->weight, 2);
    at += write_number(out + at, role->when_full ? ROLE_WHEN_FULL : 0, 1);
    return at + write_number(out + at, role->rate_kbps, 4);
}

static size_t write_varints(const uint64_t *values, size_t count, uint8_t *out, size_t size) {
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        size_t used = varint_write(values[i], out + at, size - at);

        if (used == 0)
            return 0;
        at += used;
    }
    return at;
}

static size_t write_report(const struct control_leg_report *report, uint8_t *out, size_t size) {
    const uint64_t values[] = {report->packets, report->bytes, report->duplicates, report->repaired, report->late};

    return write_varints(values, sizeof values / sizeof *values, out, size);
}

static size_t write_arrived(const struct control_arrived *arrived, uint8_t *out, size_t size) {
    uint64_t runs[CONTROL_RUNS_MAX];
    size_t at = write_number(out, arrived->first, 4);

    if (arrived->count > CONTROL_RUNS_MAX)
        return 0;
    at += write_number(out + at, arrived->count, 1);
    for (size_t i = 0; i < arrived->count; i++) {
        if (!is_run(arrived->runs[i], i))
            return 0;
        runs[i] = arrived->runs[i];
    }
    return at + write_varints(runs, arrived->count, out + at, size - at);
}

static size_t write_word(const char word[CONTROL_WORD_MAX + 1], uint8_t *out) {
    size_t length = strnlen(word, CONTROL_WORD_MAX + 1);

    if (!is_word(word, length))
        return 0;
    write_number(out, (uint32_t)length, 1);
    memcpy(out + 1, word, length);
    return 1 + length;
}

size_t control_encode(const struct control_capsule *capsule, uint8_t *out, size_t size) {
    uint8_t value[VALUE_MAX];
    size_t contents, header, at = 0;

    if (!is_of_ours(capsule->type) || is_about_session(capsule->type) != (capsule->leg == CONTROL_LEG_NONE))
        return 0;
    at += write_number(value, capsule->leg, 1);
    at += write_number(value + at, capsule->serial, 4);
    if (capsule->type == CONTROL_LEG_ROLE)
        contents = write_role(&capsule->role, value + at);
    else if (capsule->type == CONTROL_LEG_REPORT)
        contents = write_report(&capsule->report, value + at, sizeof value - at);
    else if (capsule->type == CONTROL_ARRIVED)
        contents = write_arrived(&capsule->arrived, value + at, sizeof value - at);
    else
        contents = write_word(capsule->word, value + at);
    if (contents == 0)
        return 0;
    at += contents;
    header = capsule_write_header(capsule->type, at, out, size);
    if (header == 0 || size - header < at)
        return 0;
    memcpy(out + header, value, at);
    return header + at;
}

bool control_is_news(struct control_serials *serials, const struct control_capsule *capsule) {
    uint64_t kind = capsule->type - CONTROL_LEG_ROLE;
    unsigned leg = capsule->leg % CONTROL_SERIALS_LEGS;
    struct control_serials_part **part = &serials->parts[capsule->leg / CONTROL_SERIALS_LEGS];
    uint16_t bit = (uint16_t)(1u << leg);

    if (kind >= CONTROL_KINDS)
        return false;
    if (!*part)
        *part = calloc(1, sizeof **part);
    if (!*part || (((*part)->known[kind] & bit) && (int32_t)(capsule->serial - (*part)->newest[kind][leg]) <= 0))
        return false;
    (*part)->known[kind] |= bit;
    (*part)->newest[kind][leg] = capsule->serial;
    return true;
}

void control_serials_fini(struct control_serials *serials) {
    for (size_t i = 0; i < sizeof serials->parts / sizeof serials->parts[0]; i++)
        free(serials->parts[i]);
    *serials = (struct control_serials){0};
}

const char *control_leg_state_name(enum control_leg_state state) {
    static const char *const names[CONTROL_STATES] = {"up", "standby", "draining", "down"};

    return (unsigned)state < CONTROL_STATES ? names[state] : "unknown";
}
