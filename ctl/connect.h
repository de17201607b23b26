/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect: finds the daemon's control socket and carries a request there and its answer back. Blocking. */
#ifndef MPVPN_CTL_CONNECT_H
#define MPVPN_CTL_CONNECT_H

#include <jansson.h>
#include <stddef.h>

#include "common/jsonrpc.h"

/** Exit statuses of mpvpnctl, as every script may rely on. */
enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3 };

/**
 * Find and connect to a daemon: by socket file, by instance name, or the only one that runs.
 * @param socket_file may be NULL @param name may be NULL
 * @param why filled on failure
 * @param status the exit status that a failure calls for
 * @return the socket, or -1
 */
int connect_daemon(const char *socket_file, const char *name, enum exit_status *status, char *why, size_t why_size);
/**
 * Call a method.
 * @param params may be NULL; borrowed
 * @param result out on EXIT_DONE: a new reference
 * @param error filled on EXIT_REFUSED and EXIT_NO_DAEMON
 */
enum exit_status connect_call(int fd, const char *method, json_t *params, json_t **result, struct jsonrpc_error *error);

#endif
