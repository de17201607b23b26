/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emulator: what its main loop and its commands share: the emulated paths. */
#ifndef MPVPN_LAB_EMULATOR_H
#define MPVPN_LAB_EMULATOR_H

#include <stdint.h>
#include <stdio.h>

#include "tests/lab/direction.h"

#define EMULATOR_PATHS_MAX 16u /**< paths at most */
#define EMULATOR_NAME_MAX 16u  /**< bytes of a path's name, with NUL */

/** A path: a TUN device in each of two namespaces, and both directions between them. */
struct path {
    char name[EMULATOR_NAME_MAX]; /**< in commands */
    struct direction up, down;    /**< from the first namespace to the second, and back */
};

/** The whole. */
struct emulator {
    struct path path[EMULATOR_PATHS_MAX]; /**< the paths */
    unsigned count;                       /**< of them */
};

/**
 * Carry out a line: "set PATH up|down|both KEY=VALUE...", "stats PATH", "reset PATH", "quit".
 * @param line is cut into words @param now ns @param answer gets one line that begins with "ok" or "error"
 * @return 0; 1: quit; -EINVAL: the answer says why not
 */
int command_run(struct emulator *emulator, char *line, uint64_t now, FILE *answer);

#endif
