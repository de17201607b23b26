/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template: the URI template of CONNECT-IP: what may be one, expanding it for a request, and matching a request's path
 * with it.
 *
 * How it works: a template is literal text and expressions in braces. One walk over it serves all three: an expression
 * is cut into its operator (none, "?" or "&") and its variables. "target" and "ipproto" have a value, every other
 * variable is undefined. Matching reads each value up to the literal that follows in the template; in a query the
 * variables may come in any order and others are passed over. What it leaves out: scheme and authority (the template
 * given here is the path and query), the operators that RFC 9484 forbids, and the value modifiers of level 4. "*" is
 * written as it is, as all of RFC 9484's examples have it. Invariants: a scope that came from a path holds either a
 * prefix without host bits, or a host name, or neither. Standards: RFC 6570 level 3, RFC 9484 sections 3 and 4.6. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "masque/connect_ip.h"

#define VALUE_MAX 256u /* bytes, with NUL: longest value of a variable, decoded */

/** An expression of a template. */
struct expression {
    char operator;     /**< 0, '?' or '&' */
    const char *names; /**< variable names, separated by commas */
    size_t length;     /**< bytes of names */
    const char *after; /**< what follows the closing brace */
};

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/** Cut the expression that begins at the brace. @return NULL, or what is wrong with it */
static const char *expression_cut(const char *text, struct expression *out) {
    const char *end = strchr(text, '}');
    if (end == NULL)
        return "an opening brace is never closed";
    text++;
    out->operator= 0;
    if (*text == '?' || *text == '&') {
        out->operator= * text++;
    } else if (*text != '\0' && strchr("+#./;=,!@|", *text) != NULL) {
        return "only the operators ? and & may be used";
    }
    out->names = text;
    out->length = (size_t)(end - text);
    out->after = end + 1;
    bool empty = true;
    for (; text < end; text++) {
        if (*text == ',') {
            if (empty)
                break;
            empty = true;
        } else if ((is_unreserved(*text) && *text != '-' && *text != '~') || *text == '%') {
            empty = false;
        } else {
            return "a variable's name has a character that is not allowed";
        }
    }
    return empty ? "an expression has no name" : NULL;
}

/** Take the next name off an expression. @return false: there is none left */
static bool expression_next(struct expression *expression, const char **name, size_t *length) {
    if (expression->length == 0)
        return false;
    const char *comma = memchr(expression->names, ',', expression->length);
    *name = expression->names;
    *length = comma != NULL ? (size_t)(comma - expression->names) : expression->length;
    size_t used = *length + (comma != NULL);
    expression->names += used;
    expression->length -= used;
    return true;
}

static bool name_is(const char *name, size_t length, const char *text) {
    return strlen(text) == length && memcmp(name, text, length) == 0;
}

const char *connect_ip_template_fault(const char *uri_template) {
    if (uri_template[0] != '/')
        return "it does not start with /";
    for (const char *at = uri_template; *at != '\0';) {
        if (*at < 0x21 || *at > 0x7e)
            return "it has a character that is not printable ASCII";
        if (*at == '}')
            return "a closing brace was never opened";
        if (*at == '#')
            return "it has a fragment";
        if (*at != '{') {
            at++;
            continue;
        }
        struct expression expression;
        const char *fault = expression_cut(at, &expression);
        if (fault != NULL)
            return fault;
        at = expression.after;
    }
    return NULL;
}

/** Text being written, with a NUL kept after it. */
struct writer {
    char *out;   /**< the caller's buffer */
    size_t size; /**< bytes there */
    size_t used; /**< bytes written */
    bool full;   /**< something did not fit */
};

static void put(struct writer *writer, char c) {
    if (writer->used + 1 >= writer->size) {
        writer->full = true;
        return;
    }
    writer->out[writer->used++] = c;
    writer->out[writer->used] = '\0';
}

static void put_text(struct writer *writer, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        put(writer, text[i]);
}

/** Write a value, percent-encoded where it must be. */
static void put_value(struct writer *writer, const char *value) {
    for (; *value != '\0'; value++) {
        if (is_unreserved(*value) || *value == '*') {
            put(writer, *value);
            continue;
        }
        char code[4];
        snprintf(code, sizeof(code), "%%%02X", (unsigned)(unsigned char)*value);
        put_text(writer, code, 3);
    }
}

/** The values of a scope as text. */
struct values {
    char target[VALUE_MAX + 1]; /**< "*", prefix or host name */
    char protocol[16];          /**< "*" or a number */
};

static void values_of(const struct connect_ip_scope *scope, struct values *out) {
    if (scope->any_target) {
        strcpy(out->target, "*");
    } else if (scope->host[0] != '\0') {
        snprintf(out->target, sizeof(out->target), "%s", scope->host);
    } else if (scope->target.length == ip_addr_bits(&scope->target.addr)) {
        ip_addr_print(&scope->target.addr, out->target);
    } else {
        ip_prefix_print(&scope->target, out->target);
    }
    if (scope->protocol < 0) {
        strcpy(out->protocol, "*");
    } else {
        snprintf(out->protocol, sizeof(out->protocol), "%d", scope->protocol);
    }
}

static const char *value_of(const struct values *values, const char *name, size_t length) {
    if (name_is(name, length, "target"))
        return values->target;
    return name_is(name, length, "ipproto") ? values->protocol : NULL;
}

static void expand_expression(struct writer *writer, struct expression expression, const struct values *values) {
    char separator = expression.operator;
    const char *name;
    size_t length;
    while (expression_next(&expression, &name, &length)) {
        const char *value = value_of(values, name, length);
        if (value == NULL)
            continue;
        if (separator != 0)
            put(writer, separator);
        if (expression.operator!= 0) {
            put_text(writer, name, length);
            put(writer, '=');
        }
        put_value(writer, value);
        separator = expression.operator!= 0 ? '&' : ',';
    }
}

/** Whether the template has this variable. @param uri_template without fault */
static bool template_has(const char *uri_template, const char *variable) {
    for (const char *brace = strchr(uri_template, '{'); brace != NULL;) {
        struct expression expression;
        if (expression_cut(brace, &expression) != NULL)
            return false;
        brace = strchr(expression.after, '{');
        const char *name;
        size_t length;
        while (expression_next(&expression, &name, &length)) {
            if (name_is(name, length, variable))
                return true;
        }
    }
    return false;
}

int connect_ip_expand(const char *uri_template, const struct connect_ip_scope *scope, char *out, size_t size) {
    if (connect_ip_template_fault(uri_template) != NULL || size == 0)
        return -EINVAL;
    if (!scope->any_target && !template_has(uri_template, "target"))
        return -EINVAL;
    if (scope->protocol >= 0 && !template_has(uri_template, "ipproto"))
        return -EINVAL;
    struct values values;
    values_of(scope, &values);
    struct writer writer = {.out = out, .size = size};
    out[0] = '\0';
    for (const char *at = uri_template; *at != '\0';) {
        if (*at != '{') {
            put(&writer, *at++);
            continue;
        }
        struct expression expression;
        expression_cut(at, &expression);
        expand_expression(&writer, expression, &values);
        at = expression.after;
    }
    return writer.full ? -ENOSPC : (int)writer.used;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Decode percent-encoding. @return false: malformed, too long, or a NUL inside */
static bool decode(const char *text, size_t length, char out[VALUE_MAX]) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || used + 1 >= VALUE_MAX)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool host_is_valid(const char *host) {
    size_t length = strlen(host);
    if (length == 0 || length > 253 || host[0] == '.' || strstr(host, "..") != NULL)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_unreserved(host[i]) || host[i] == '~')
            return false;
    }
    return true;
}

/** Understand a target (RFC 9484 section 4.6). */
static int parse_target(const char *text, struct connect_ip_scope *out) {
    struct ip_prefix prefix;
    out->any_target = strcmp(text, "*") == 0;
    if (out->any_target)
        return 0;
    if (ip_prefix_parse(text, &prefix) == 0) {
        struct ip_addr first = ip_prefix_first(&prefix);
        if (ip_addr_compare(&first, &prefix.addr) != 0)
            return -EINVAL;
        out->target = prefix;
        return 0;
    }
    if (!host_is_valid(text))
        return -EINVAL;
    strcpy(out->host, text);
    return 0;
}

/** Understand an IP protocol: 0 to 255, or "*". */
static int parse_protocol(const char *text, struct connect_ip_scope *out) {
    if (strcmp(text, "*") == 0)
        return 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0' || atoi(text) > 255)
        return -EINVAL;
    out->protocol = atoi(text);
    return 0;
}

/** A variable's value was found. */
static int take_variable(const char *name, size_t name_length, const char *text, size_t length,
                         struct connect_ip_scope *out) {
    char value[VALUE_MAX];
    bool target = name_is(name, name_length, "target");
    if (!target && !name_is(name, name_length, "ipproto"))
        return 0;
    if (!decode(text, length, value))
        return -EINVAL;
    return target ? parse_target(value, out) : parse_protocol(value, out);
}

/** Match an expression without operator. @param stop what ends the last value (0: the end of the path) */
static void match_simple(struct expression expression, char stop, const char **path, struct connect_ip_scope *out,
                         int *fault) {
    const char *name;
    size_t name_length;
    while (expression_next(&expression, &name, &name_length)) {
        char ends[] = {'/', '?', '&', expression.length > 0 ? ',' : stop, '\0'};
        size_t length = strcspn(*path, ends);
        int error = take_variable(name, name_length, *path, length, out);
        if (error != 0)
            *fault = error;
        *path += length;
        if (expression.length > 0 && **path == ',')
            (*path)++;
    }
}

/** Match an expression of a query: its variables in any order, others passed over. */
static void match_query(struct expression expression, const char **path, struct connect_ip_scope *out, int *fault) {
    if (**path != expression.operator)
        return;
    do {
        const char *key = *path + 1;
        size_t length = strcspn(key, "&");
        const char *equals = memchr(key, '=', length);
        *path = key + length;
        if (equals == NULL)
            continue;
        struct expression names = expression;
        const char *name;
        size_t name_length;
        while (expression_next(&names, &name, &name_length)) {
            if (name_length != (size_t)(equals - key) || memcmp(name, key, name_length) != 0)
                continue;
            int error = take_variable(name, name_length, equals + 1, length - name_length - 1, out);
            if (error != 0)
                *fault = error;
        }
    } while (**path == '&');
}

int connect_ip_match(const char *uri_template, const char *path, struct connect_ip_scope *out) {
    struct connect_ip_scope scope = {.any_target = true, .protocol = -1};
    /* A value that is wrong is told only of a path that is ours, so matching goes on after one. */
    int fault = 0;
    for (const char *at = uri_template; *at != '\0';) {
        if (*at != '{') {
            if (*path++ != *at++)
                return -ENOENT;
            continue;
        }
        struct expression expression;
        if (expression_cut(at, &expression) != NULL)
            return -ENOENT;
        at = expression.after;
        if (expression.operator!= 0) {
            match_query(expression, &path, &scope, &fault);
        } else {
            match_simple(expression, *at, &path, &scope, &fault);
        }
    }
    if (*path != '\0')
        return -ENOENT;
    if (fault != 0)
        return fault;
    *out = scope;
    return 0;
}
