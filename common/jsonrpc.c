/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsonrpc: a line is parsed by jansson (duplicate keys refused, nesting bounded by it), each request in it is checked,
 * called and answered in order. A notification is carried out but never answered, not even with an error. It leaves out
 * answers given later: every call answers before it returns. Invariant: whatever the line is, the answer is one line of
 * valid JSON, or nothing. Standards: JSON-RPC 2.0 sections 4 to 6. */
#include "common/jsonrpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BATCH_MAX 64 /* requests: who is asked does nothing else until all are answered */

static const struct {
    enum jsonrpc_code code;
    const char *reason;
} errors[] = {
#define ERROR(symbol, code, reason, help) {JSONRPC_##symbol, reason},
#include "common/error.def"
#undef ERROR
};

int jsonrpc_fail(struct jsonrpc_error *error, enum jsonrpc_code code, const char *format, ...) {
    va_list args;

    error->code = code;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return -1;
}

const char *jsonrpc_reason(enum jsonrpc_code code) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].code == code)
            return errors[i].reason;
    }
    return "unknown";
}

/* A message may quote bytes that are no UTF-8. */
static json_t *message_string(const char *message) {
    char ascii[JSONRPC_MESSAGE_MAX];
    json_t *string = json_string(message);

    if (string)
        return string;
    snprintf(ascii, sizeof ascii, "%s", message);
    for (char *p = ascii; *p; p++) {
        if ((unsigned char)*p > '~')
            *p = '?';
    }
    return json_string(ascii);
}

static json_t *error_answer(const struct jsonrpc_error *error, json_t *id) {
    json_t *message = message_string(error->message);

    return json_pack("{s:s, s:{s:i, s:o, s:{s:s}}, s:O}", "jsonrpc", "2.0", "error", "code", (int)error->code,
                     "message", message, "data", "reason", jsonrpc_reason(error->code), "id", id);
}

/* The faults of one request. @return 0, or -1 with error filled */
static int check_request(const json_t *request, struct jsonrpc_error *error) {
    const json_t *version = json_object_get(request, "jsonrpc"), *id = json_object_get(request, "id"),
                 *params = json_object_get(request, "params");

    if (!json_is_object(request))
        return jsonrpc_fail(error, JSONRPC_REQUEST, "a request must be an object");
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0) {
        return jsonrpc_fail(error, JSONRPC_REQUEST, "\"jsonrpc\" must be \"2.0\"");
    }
    if (!json_is_string(json_object_get(request, "method")))
        return jsonrpc_fail(error, JSONRPC_REQUEST, "\"method\" must be a string");
    if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id)) {
        return jsonrpc_fail(error, JSONRPC_REQUEST, "\"id\" must be a string, a number or null");
    }
    if (params && !json_is_object(params) && !json_is_array(params)) {
        return jsonrpc_fail(error, JSONRPC_REQUEST, "\"params\" must be an object or an array");
    }
    return 0;
}

/* Check, call and answer one request. @return the answer, or NULL: none is due */
static json_t *answer_one(const json_t *request, jsonrpc_call_fn *call, void *context) {
    struct jsonrpc_error error = {JSONRPC_INTERNAL, "no result"};
    json_t *id = json_object_get(request, "id"), *null = json_null(), *result = NULL;

    if (check_request(request, &error) < 0) {
        return error_answer(&error, json_is_string(id) || json_is_number(id) ? id : null);
    }
    if (call(context, json_string_value(json_object_get(request, "method")), json_object_get(request, "params"),
             &result, &error) < 0) {
        return id ? error_answer(&error, id) : NULL;
    }
    if (!id) {
        json_decref(result);
        return NULL;
    }
    if (!result)
        return error_answer(&error, id);
    return json_pack("{s:s, s:o, s:O}", "jsonrpc", "2.0", "result", result, "id", id);
}

static json_t *answer_batch(const json_t *batch, jsonrpc_call_fn *call, void *context) {
    json_t *answers = json_array(), *request;
    size_t i;

    json_array_foreach(batch, i, request) {
        json_t *answer = answer_one(request, call, context);

        if (answer)
            json_array_append_new(answers, answer);
    }
    if (json_array_size(answers) == 0) {
        json_decref(answers);
        return NULL;
    }
    return answers;
}

static char *take_text(json_t *answer) {
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

    json_decref(answer);
    return text;
}

char *jsonrpc_answer(const char *line, size_t length, jsonrpc_call_fn *call, void *context) {
    struct jsonrpc_error error;
    json_error_t fault;
    json_t *document = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault), *answer;

    if (!document) {
        jsonrpc_fail(&error, JSONRPC_PARSE, "no JSON: %s, at character %d", fault.text, fault.column);
        return jsonrpc_error_line(&error);
    }
    if (!json_is_array(document)) {
        answer = answer_one(document, call, context);
    } else if (json_array_size(document) > BATCH_MAX) {
        jsonrpc_fail(&error, JSONRPC_REQUEST, "a batch may not have more than %d requests", BATCH_MAX);
        answer = error_answer(&error, json_null());
    } else if (json_array_size(document) > 0) {
        answer = answer_batch(document, call, context);
    } else {
        jsonrpc_fail(&error, JSONRPC_REQUEST, "the batch is empty");
        answer = error_answer(&error, json_null());
    }
    json_decref(document);
    return take_text(answer);
}

char *jsonrpc_error_line(const struct jsonrpc_error *error) {
    return take_text(error_answer(error, json_null()));
}

char *jsonrpc_request_line(int id, const char *method, json_t *params) {
    json_t *request = json_pack("{s:s, s:s, s:i}", "jsonrpc", "2.0", "method", method, "id", id);

    if (request && params)
        json_object_set(request, "params", params);
    return take_text(request);
}

int jsonrpc_read_answer(const char *line, size_t length, json_t **result, struct jsonrpc_error *error) {
    json_error_t fault;
    json_t *answer = json_loadb(line, length, 0, &fault), *value;
    int rc = -EBADMSG;

    if ((value = json_object_get(answer, "result"))) {
        *result = json_incref(value);
        rc = 0;
    } else if ((value = json_object_get(answer, "error"))) {
        const char *message = json_string_value(json_object_get(value, "message"));

        rc = jsonrpc_fail(error, (enum jsonrpc_code)json_integer_value(json_object_get(value, "code")), "%s",
                          message ? message : "no reason given");
    }
    json_decref(answer);
    return rc;
}
