/* SPDX-License-Identifier: GPL-2.0-or-later */
/* join: the field mpvpn-bond, and the proof.
 *
 * How it works: one pass over the text with a cursor, as RFC 9651 section 4.2 describes it: a bare item, then
 * parameters, each of which is parsed to the end even when it is unknown, because a field that is no Item as a whole
 * does not exist. Values that this field has no use for (decimals, strings, dates, display strings) are checked and
 * forgotten.
 *
 * It leaves out who may join what, and comparing IDs: that is the session's.
 *
 * Invariants: a parsed field is either `new` or has an ID; what join_print() writes, join_parse() reads as the same.
 *
 * Standards: RFC 9651 sections 3.1.2, 3.3, 4.2; RFC 4648 section 4; RFC 2104. */
#include "bond/join.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "quic/tls.h"

#define VERSION 1 /**< of the extension */

/** What a bare item turned out to be. */
enum item_type { ITEM_INTEGER, ITEM_BOOLEAN, ITEM_TOKEN, ITEM_BYTES, ITEM_OTHER };

/** A bare item, as far as this field needs it. */
struct item {
    enum item_type type;              /**< which kind */
    int64_t integer;                  /**< ITEM_INTEGER: value; ITEM_BOOLEAN: 1 or 0 */
    const char *text;                 /**< ITEM_TOKEN: first character */
    size_t length;                    /**< ITEM_TOKEN: characters; ITEM_BYTES: bytes, also of those that had no room */
    uint8_t bytes[JOIN_SECRET_BYTES]; /**< ITEM_BYTES: the first of them */
};

/** Text not yet read. */
struct cursor {
    const char *at;  /**< next character */
    const char *end; /**< after the last */
};

/** The next character, -1 at the end. */
static int peek(const struct cursor *cursor) {
    return cursor->at < cursor->end ? (unsigned char)*cursor->at : -1;
}

/** Take the next character if it is this one. */
static bool take(struct cursor *cursor, char c) {
    if (peek(cursor) != (unsigned char)c)
        return false;
    cursor->at++;
    return true;
}

static void skip_spaces(struct cursor *cursor) {
    while (take(cursor, ' '))
        ;
}

static bool is_digit(int c) {
    return c >= '0' && c <= '9';
}

static bool is_lower(int c) {
    return c >= 'a' && c <= 'z';
}

static bool is_alpha(int c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/** Characters of a Token after its first: tchar of RFC 9110, ":" and "/". */
static bool is_token_char(int c) {
    return is_alpha(c) || is_digit(c) || (c > 0 && strchr("!#$%&'*+-.^_`|~:/", c) != NULL);
}

/** An Integer of up to 15 digits, or a Decimal of up to 12 and 3 (RFC 9651 section 4.2.4). */
static bool read_number(struct cursor *cursor, struct item *out) {
    bool negative = take(cursor, '-');
    unsigned digits = 0, fraction = 0;
    int64_t value = 0;

    for (; is_digit(peek(cursor)); digits++) {
        if (digits == 15)
            return false;
        value = value * 10 + (*cursor->at++ - '0');
    }
    if (digits == 0)
        return false;
    out->type = ITEM_INTEGER;
    out->integer = negative ? -value : value;
    if (!take(cursor, '.'))
        return true;
    out->type = ITEM_OTHER;
    for (; is_digit(peek(cursor)); fraction++)
        cursor->at++;
    return digits <= 12 && fraction >= 1 && fraction <= 3;
}

static bool read_token(struct cursor *cursor, struct item *out) {
    out->type = ITEM_TOKEN;
    out->text = cursor->at++;
    while (is_token_char(peek(cursor)))
        cursor->at++;
    out->length = (size_t)(cursor->at - out->text);
    return true;
}

/** A String (RFC 9651 section 4.2.5); its contents are of no use here. */
static bool read_string(struct cursor *cursor, struct item *out) {
    out->type = ITEM_OTHER;
    cursor->at++;
    for (;;) {
        int c = peek(cursor);

        if (c < 0x20 || c > 0x7e)
            return false;
        cursor->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !take(cursor, '"') && !take(cursor, '\\'))
            return false;
    }
}

/** The value of a base64 digit, -1: it is none. */
static int base64_value(int c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (is_lower(c))
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/** A Byte Sequence. Missing padding and set pad bits are forgiven, as RFC 9651 section 4.2.7 wants it. */
static bool read_bytes(struct cursor *cursor, struct item *out) {
    unsigned bits = 0, characters = 0, padding = 0;
    uint32_t group = 0;
    int value;

    out->type = ITEM_BYTES;
    out->length = 0;
    cursor->at++;
    while ((value = base64_value(peek(cursor))) >= 0) {
        cursor->at++;
        characters++;
        group = (group << 6 | (uint32_t)value) & 0xffffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (out->length < sizeof out->bytes)
            out->bytes[out->length] = (uint8_t)(group >> bits);
        out->length++;
    }
    while (take(cursor, '='))
        padding++;
    if (characters % 4 == 1 || (padding != 0 && (characters % 4 == 0 || padding != 4 - characters % 4)))
        return false;
    return take(cursor, ':');
}

static bool read_boolean(struct cursor *cursor, struct item *out) {
    out->type = ITEM_BOOLEAN;
    cursor->at++;
    out->integer = peek(cursor) == '1';
    return take(cursor, '0') || take(cursor, '1');
}

static bool read_date(struct cursor *cursor, struct item *out) {
    cursor->at++;
    if (!read_number(cursor, out) || out->type != ITEM_INTEGER)
        return false;
    out->type = ITEM_OTHER;
    return true;
}

/** How many bytes follow the first of a UTF-8 sequence, and which the first of them may be; -1: it begins none. */
static int utf8_follow(unsigned first, unsigned *least, unsigned *most) {
    *least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80)
        return 0;
    if (first >= 0xc2 && first <= 0xdf)
        return 1;
    if (first >= 0xe0 && first <= 0xef)
        return 2;
    return first >= 0xf0 && first <= 0xf4 ? 3 : -1;
}

/** One byte of a Display String, percent-encoded or as it is. @return -1: malformed; -2: the closing quote */
static int read_display_byte(struct cursor *cursor) {
    unsigned value = 0;
    int c = peek(cursor);

    if (c < 0x20 || c > 0x7e)
        return -1;
    cursor->at++;
    if (c == '"')
        return -2;
    if (c != '%')
        return c;
    for (int i = 0; i < 2; i++, cursor->at++) {
        c = peek(cursor);
        if (!is_digit(c) && !(c >= 'a' && c <= 'f'))
            return -1;
        value = value << 4 | (unsigned)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return (int)value;
}

/** A Display String (RFC 9651 section 4.2.10); it must be UTF-8. */
static bool read_display_string(struct cursor *cursor, struct item *out) {
    unsigned least = 0x80, most = 0xbf;
    int follow = 0;

    out->type = ITEM_OTHER;
    cursor->at++;
    if (!take(cursor, '"'))
        return false;
    for (;;) {
        int value = read_display_byte(cursor);

        if (value < 0)
            return value == -2 && follow == 0;
        if (follow == 0) {
            follow = utf8_follow((unsigned)value, &least, &most);
            if (follow < 0)
                return false;
        } else {
            if ((unsigned)value < least || (unsigned)value > most)
                return false;
            least = 0x80;
            most = 0xbf;
            follow--;
        }
    }
}

static bool read_item(struct cursor *cursor, struct item *out) {
    int c = peek(cursor);

    if (c == '-' || is_digit(c))
        return read_number(cursor, out);
    if (c == '*' || is_alpha(c))
        return read_token(cursor, out);
    switch (c) {
    case '"':
        return read_string(cursor, out);
    case ':':
        return read_bytes(cursor, out);
    case '?':
        return read_boolean(cursor, out);
    case '@':
        return read_date(cursor, out);
    case '%':
        return read_display_string(cursor, out);
    default:
        return false;
    }
}

/** A parameter's key (RFC 9651 section 4.2.3.3). @return its length; 0: malformed */
static size_t read_key(struct cursor *cursor, const char **key) {
    *key = cursor->at;
    if (peek(cursor) != '*' && !is_lower(peek(cursor)))
        return 0;
    while (is_lower(peek(cursor)) || is_digit(peek(cursor)) || (peek(cursor) > 0 && strchr("_-.*", peek(cursor))))
        cursor->at++;
    return (size_t)(cursor->at - *key);
}

static bool word_is(const char *text, size_t length, const char *word) {
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/** What has been found; each of a parameter's values replaces the one before (RFC 9651 section 4.2.3.2). */
struct found {
    struct join_field field; /**< what is right */
    bool version_right, proof_right, leg_right, worker_right,
        or_new_right; /**< the last of this name was; none: right but for version */
};

static bool integer_within(const struct item *item, int64_t most) {
    return item->type == ITEM_INTEGER && item->integer >= 0 && item->integer <= most;
}

static void take_parameter(struct found *found, const char *key, size_t length, const struct item *item) {
    struct join_field *field = &found->field;

    if (word_is(key, length, "v")) {
        found->version_right = item->type == ITEM_INTEGER && item->integer == VERSION;
    } else if (word_is(key, length, "proof")) {
        found->proof_right = item->type == ITEM_BYTES && item->length == JOIN_SECRET_BYTES;
        field->has_proof = found->proof_right;
        if (found->proof_right)
            memcpy(field->proof, item->bytes, JOIN_SECRET_BYTES);
    } else if (word_is(key, length, "leg")) {
        found->leg_right = integer_within(item, JOIN_LEG_MAX);
        field->leg = found->leg_right ? (int16_t)item->integer : -1;
    } else if (word_is(key, length, "w")) {
        found->worker_right = integer_within(item, UINT8_MAX);
        field->worker = found->worker_right ? (int16_t)item->integer : -1;
    } else if (word_is(key, length, "new")) {
        found->or_new_right = item->type == ITEM_BOOLEAN;
        field->or_new = found->or_new_right && item->integer;
    }
}

/** Parameters up to the end of the text or what cannot be one. */
static bool read_parameters(struct cursor *cursor, struct found *found) {
    while (take(cursor, ';')) {
        struct item item = {.type = ITEM_BOOLEAN, .integer = 1}; /* a key alone: RFC 9651 section 3.1.2 */
        const char *key;
        size_t length;

        skip_spaces(cursor);
        length = read_key(cursor, &key);
        if (length == 0 || (take(cursor, '=') && !read_item(cursor, &item)))
            return false;
        take_parameter(found, key, length, &item);
    }
    return true;
}

int join_parse(const char *text, size_t length, struct join_field *out) {
    struct found found = {.field = {.leg = -1, .worker = -1},
                          .proof_right = true,
                          .leg_right = true,
                          .worker_right = true,
                          .or_new_right = true};
    struct cursor cursor = {text, text + length};
    struct item item;

    skip_spaces(&cursor);
    if (!read_item(&cursor, &item) || !read_parameters(&cursor, &found))
        return -EBADMSG;
    skip_spaces(&cursor);
    if (cursor.at != cursor.end)
        return -EBADMSG;
    if (item.type == ITEM_TOKEN && word_is(item.text, item.length, "new"))
        found.field.is_new = true;
    else if (item.type == ITEM_BYTES && item.length == JOIN_ID_BYTES)
        memcpy(found.field.session_id, item.bytes, JOIN_ID_BYTES);
    else
        return -EBADMSG;
    if (!found.version_right || !found.proof_right || !found.leg_right || !found.worker_right || !found.or_new_right)
        return -EBADMSG;
    *out = found.field;
    return 0;
}

/** Text being written. */
struct writer {
    char *out;   /**< the caller's buffer */
    size_t size; /**< bytes there */
    size_t used; /**< characters that it takes, also if they have no room */
};

static void put(struct writer *writer, char c) {
    if (writer->used + 1 < writer->size)
        writer->out[writer->used] = c;
    writer->used++;
}

static void put_text(struct writer *writer, const char *text) {
    while (*text)
        put(writer, *text++);
}

/** A Byte Sequence, padded. */
static void put_bytes(struct writer *writer, const uint8_t *bytes, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    put(writer, ':');
    for (size_t at = 0; at < length; at += 3) {
        size_t left = length - at;
        uint32_t group =
            (uint32_t)bytes[at] << 16 | (left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0) | (left > 2 ? bytes[at + 2] : 0);

        put(writer, digits[group >> 18]);
        put(writer, digits[group >> 12 & 63]);
        put(writer, left > 1 ? digits[group >> 6 & 63] : '=');
        put(writer, left > 2 ? digits[group & 63] : '=');
    }
    put(writer, ':');
}

static void put_number(struct writer *writer, const char *key, int value) {
    char text[24];

    snprintf(text, sizeof text, ";%s=%d", key, value);
    put_text(writer, text);
}

size_t join_print(const struct join_field *field, char *out, size_t size) {
    struct writer writer = {out, size, 0};

    if (field->leg > (int)JOIN_LEG_MAX || field->worker > UINT8_MAX)
        return 0;
    if (field->is_new)
        put_text(&writer, "new");
    else
        put_bytes(&writer, field->session_id, JOIN_ID_BYTES);
    put_number(&writer, "v", VERSION);
    if (field->has_proof) {
        put_text(&writer, ";proof=");
        put_bytes(&writer, field->proof, JOIN_SECRET_BYTES);
    }
    if (field->leg >= 0)
        put_number(&writer, "leg", field->leg);
    if (field->worker >= 0)
        put_number(&writer, "w", field->worker);
    if (field->or_new)
        put_text(&writer, ";new");
    if (writer.used >= size)
        return 0;
    out[writer.used] = '\0';
    return writer.used;
}

void join_proof(const uint8_t secret[JOIN_SECRET_BYTES], const uint8_t exporter[JOIN_SECRET_BYTES], uint64_t stream_id,
                uint8_t out[JOIN_SECRET_BYTES]) {
    uint8_t message[JOIN_SECRET_BYTES + 8];

    memcpy(message, exporter, JOIN_SECRET_BYTES);
    for (unsigned i = 0; i < 8; i++)
        message[JOIN_SECRET_BYTES + i] = (uint8_t)(stream_id >> (56 - 8 * i));
    tls_hmac_sha256(secret, JOIN_SECRET_BYTES, message, sizeof message, out);
}
