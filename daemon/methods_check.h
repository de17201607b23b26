/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods_check: whether a call of the control protocol is in order: known, for this role, permitted, with the right
 * parameters. Pure. */
#ifndef MPVPN_METHODS_CHECK_H
#define MPVPN_METHODS_CHECK_H

#include <stdbool.h>

#include "common/jsonrpc.h"
#include "config.h"

/** Every method, from methods.def. */
enum method {
#define METHOD(symbol, name, words, roles, access, help) METHOD_##symbol,
#include "common/methods.def"
    METHODS /**< how many there are */
};

/**
 * Find a method and check its call.
 * @param may_write the peer may change things
 * @param params the request's; NULL: none
 * @param error filled on failure
 * @return the method, or -1: refused
 */
int methods_check(enum config_role role, bool may_write, const char *name, const json_t *params,
                  struct jsonrpc_error *error);

#endif
