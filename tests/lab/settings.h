/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings: what one direction of an emulated link does to packets, and how people write it: "rate=50M delay=20ms". */
#ifndef MPVPN_LAB_SETTINGS_H
#define MPVPN_LAB_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_PACKETS_MAX 30000u /**< packets that a link holds at most */

/** One direction. settings.def says what each is. */
struct linkmodel_settings {
    uint64_t rate_bps;     /**< bit/s; 0: no limit */
    uint64_t delay;        /**< ns */
    uint64_t jitter;       /**< ns */
    bool reorder;          /**< jitter may change the order */
    double loss;           /**< 0 to 1 */
    double burst_enter;    /**< 0 to 1 */
    double burst_leave;    /**< 0 to 1 */
    double burst_loss;     /**< 0 to 1 */
    uint64_t packets;      /**< held in all; 0: SETTINGS_PACKETS_MAX */
    uint64_t bytes;        /**< waiting for the transmitter; 0: no limit */
    uint64_t police_bps;   /**< bit/s; 0: none */
    uint64_t police_bytes; /**< bytes */
    uint64_t overhead;     /**< bytes a packet */
    bool blackout;         /**< nothing passes */
};

/** A wire without limits, 38 bytes of overhead, 1,000 packets. */
void settings_init(struct linkmodel_settings *settings);
/**
 * Take one "key=value".
 * @param settings changed on success only
 * @param problem out on failure: what is wrong, in words @param size bytes there
 * @return 0; -EINVAL: no such key, or not a value for it
 */
int settings_parse(struct linkmodel_settings *settings, const char *text, char *problem, size_t size);
/** Print a line for each key. */
void settings_help(FILE *file);

#endif
