/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer: what a request deserves.
 *
 * How it works: a request is looked at from the outside in: method, :protocol, the rest of the pseudo-headers, the
 * path, the fields that the capsule protocol forbids. What is no CONNECT-IP request gets the status that HTTP has for
 * it. What it leaves out: users, addresses, limits (the owner's), name resolution. Invariants: a reason is one line of
 * printable ASCII, whatever the peer sent. Standards: RFC 9110 section 15, RFC 9220 section 3, RFC 9297 section 3.2,
 * RFC 9484 section 4.4, RFC 9209 (Proxy-Status). */
#include "masque/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct answer refuse(unsigned status, const char *reason) {
    return (struct answer){.status = status, .reason = reason};
}

static bool is_empty(const char *text) {
    return text == NULL || text[0] == '\0';
}

/** Name of a field that a message using the capsule protocol must not have, or NULL. */
static const char *forbidden_field(const struct h3_message *message) {
    static const char *const names[] = {"content-length", "content-type", "transfer-encoding"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (h3_message_field(message, names[i], NULL) != NULL)
            return names[i];
    }
    return NULL;
}

/** A request of another method than CONNECT. */
static struct answer judge_other(const char *uri_template, const struct h3_message *request) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"};
    struct connect_ip_scope scope;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (is_empty(request->method) || strcmp(request->method, known[i]) != 0)
            continue;
        if (is_empty(request->path) || connect_ip_match(uri_template, request->path, &scope) == -ENOENT) {
            return refuse(404, "there is nothing here");
        }
        return (struct answer){.status = 405, .reason = "this is for CONNECT with :protocol connect-ip", .allow = true};
    }
    return refuse(501, "this method is not supported");
}

struct answer answer_judge(const char *uri_template, const struct h3_message *request, struct connect_ip_scope *scope) {
    bool again;
    if (is_empty(request->method) || strcmp(request->method, "CONNECT") != 0)
        return judge_other(uri_template, request);
    if (request->protocol == NULL)
        return refuse(501, "CONNECT is supported with :protocol connect-ip only");
    if (strcmp(request->protocol, "connect-ip") != 0)
        return refuse(501, "this :protocol is not supported");
    if (is_empty(request->scheme) || strcmp(request->scheme, "https") != 0)
        return refuse(400, "the scheme is not https");
    if (is_empty(request->authority))
        return refuse(400, "there is no authority");
    if (is_empty(request->path))
        return refuse(400, "there is no path");
    switch (connect_ip_match(uri_template, request->path, scope)) {
    case 0:
        break;
    case -ENOENT:
        return refuse(404, "there is nothing here");
    default:
        return refuse(400, "target or ipproto is malformed");
    }
    if (forbidden_field(request) != NULL)
        return refuse(400, "a request with capsules has no content");
    h3_message_field(request, "authorization", &again);
    return again ? refuse(400, "authorization was sent twice") : (struct answer){0};
}

const char *answer_fault(const struct h3_message *response) {
    if (response->status >= 204 && response->status <= 206)
        return "the answer is malformed: its status forbids a tunnel";
    return forbidden_field(response) != NULL ? "the answer is malformed: it has content" : NULL;
}

void answer_print_proxy_status(const char *reason, char *out) {
    char *at = stpcpy(out, "mpvpn; error=http_request_denied; details=\"");
    for (size_t i = 0; reason[i] != '\0' && i + 1 < ANSWER_REASON_MAX; i++) {
        if (reason[i] < 0x20 || reason[i] > 0x7e)
            continue;
        if (reason[i] == '"' || reason[i] == '\\')
            *at++ = '\\';
        *at++ = reason[i];
    }
    strcpy(at, "\"");
}

/** Copy the string that follows the opening quote. @return false: it does not end */
static bool copy_string(const char *text, char *out) {
    size_t used = 0;
    for (; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (*text < 0x20 || *text > 0x7e)
            return false;
        if (used + 1 < ANSWER_REASON_MAX)
            out[used++] = *text;
    }
    out[used] = '\0';
    return used > 0;
}

static const char *status_words(unsigned status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 421:
        return "Misdirected Request";
    case 425:
        return "Too Early";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "refused";
    }
}

void answer_reason(const struct h3_message *response, char *out) {
    static const char key[] = "details=\"";
    const struct h3_field *field = h3_message_field(response, "proxy-status", NULL);
    const char *details = field != NULL ? strstr(field->value, key) : NULL;
    if (details != NULL && copy_string(details + sizeof(key) - 1, out))
        return;
    snprintf(out, ANSWER_REASON_MAX, "%u %s", response->status, status_words(response->status));
}
