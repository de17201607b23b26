/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_handlers: what each method of methods.def does: method_<symbol>(). Called by methods.c alone, with parameters
 * that passed methods_check(). */
#ifndef MPVPN_METHODS_HANDLERS_H
#define MPVPN_METHODS_HANDLERS_H

#include <stdint.h>

#include "common/jsonrpc.h"

struct daemon;

/**
 * A method.
 * @param now ns, monotonic
 * @param result out on 0: a new reference
 * @param error filled on failure
 * @return 0 or -1
 */
typedef int method_fn(struct daemon *daemon, uint64_t now, const json_t *params, json_t **result,
                      struct jsonrpc_error *error);

#define METHOD(symbol, name, words, roles, access, help) method_fn method_##symbol;
#include "common/methods.def"

#endif
