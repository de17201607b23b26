/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emulator: what its main loop and its commands share: the emulated paths. */
#ifndef MPVPN_LAB_EMULATOR_H
#define MPVPN_LAB_EMULATOR_H

#include <stdint.h>
#include <stdio.h>

#include "tests/lab/linkmodel.h"

#define EMULATOR_PATHS_MAX 16u    /**< paths at most */
#define EMULATOR_NAME_MAX 16u     /**< bytes of a path's name, with NUL */
#define EMULATOR_PACKET_MAX 2048u /**< bytes: a longer packet is dropped and counted */

/** One direction of a path. */
struct direction {
    struct linkmodel model;      /**< what happens to packets */
    int in, out;                 /**< TUN: packets come from there and go there */
    uint8_t *packets;            /**< SETTINGS_PACKETS_MAX + 1 buffers of EMULATOR_PACKET_MAX bytes */
    uint16_t *lengths;           /**< bytes in each */
    uint32_t *spare;             /**< numbers of unused buffers, a stack */
    uint32_t spare_count;        /**< of them */
    uint64_t written;            /**< packets given to the kernel since the statistics were reset */
    uint64_t written_bytes;      /**< bytes of IP of all but the first of them */
    uint64_t first, last;        /**< ns: when the first and the last of them were written */
    uint64_t late_sum, late_max; /**< ns: how much later than the model says */
    uint64_t refused;            /**< packets that the kernel did not take, or that were too long */
};

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
