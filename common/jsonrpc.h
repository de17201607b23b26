/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsonrpc: JSON-RPC 2.0, one object or batch a line, both sides of it. The text of a line goes in, the text of its
 * answer comes out; sockets and what the methods do are others' business.
 *
 * Standards: JSON-RPC 2.0, RFC 8259. */
#ifndef MPVPN_COMMON_JSONRPC_H
#define MPVPN_COMMON_JSONRPC_H

#include <jansson.h>
#include <stddef.h>

#define JSONRPC_MESSAGE_MAX 1024 /**< bytes of an error's message, with NUL */

/** Error codes, from error.def. */
enum jsonrpc_code {
    JSONRPC_OK = 0, /**< no error */
#define ERROR(symbol, code, reason, help) JSONRPC_##symbol = code,
#include "common/error.def"
#undef ERROR
};

/** Why a request failed. */
struct jsonrpc_error {
    enum jsonrpc_code code;            /**< what kind */
    char message[JSONRPC_MESSAGE_MAX]; /**< a sentence for people */
};

/** Set code and message. @return -1, to be returned from where it happened */
int jsonrpc_fail(struct jsonrpc_error *error, enum jsonrpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The data.reason word of a code. */
const char *jsonrpc_reason(enum jsonrpc_code code);

/**
 * Carry out one request.
 * @param params an object or array, or NULL: none came
 * @param result out on 0: a new reference
 * @param error out on failure
 * @return 0, or -1 with error filled
 */
typedef int jsonrpc_call_fn(void *context, const char *method, const json_t *params, json_t **result,
                            struct jsonrpc_error *error);

/**
 * Answer a line: parse it, check each request, call, build the answer.
 * @return the answer without newline, to be freed by the caller; NULL: nothing to answer (only notifications), or no
 * memory
 */
char *jsonrpc_answer(const char *line, size_t length, jsonrpc_call_fn *call, void *context);
/** An error that belongs to no request (id null). @return text to be freed by the caller, or NULL: no memory */
char *jsonrpc_error_line(const struct jsonrpc_error *error);

/** A request line. @param params may be NULL, borrowed @return text without newline, to be freed by the caller; NULL:
 * no memory */
char *jsonrpc_request_line(int id, const char *method, json_t *params);
/**
 * Read the answer to one request.
 * @param result out on 0: a new reference
 * @param error out on -1; the code is the peer's, which may be one that we do not know
 * @return 0; -1: the answer is an error; -EBADMSG: no JSON-RPC answer
 */
int jsonrpc_read_answer(const char *line, size_t length, json_t **result, struct jsonrpc_error *error);

#endif
