/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rows: the links on which congestion controllers are compared, and what ours must reach on each in `make check`. */
#ifndef MPVPN_SIM_ROWS_H
#define MPVPN_SIM_ROWS_H

#include "tests/sim/cc/flows.h"

/** A link. */
struct row {
    const char *name; /**< for tables */
    double rate;      /**< Mbit/s */
    double delay;     /**< ms, one way */
    double jitter;    /**< ms, standard deviation */
    double loss;      /**< probability */
    double skip;      /**< s: start-up, left out */
    double seconds;   /**< s: a run of `make check` */
    double share;     /**< of the link that ours reaches at least */
    double queue;     /**< ms of delay above the base that ours costs at most */
    double drops;     /**< share that the queue drops at most */
};

/** @return a run over a row's link, with one flow */
static inline struct flows_settings row_run(const struct row *row, const char *controller, double seconds,
                                            uint64_t seed) {
    return (struct flows_settings){.path = {row->rate, row->delay, row->loss},
                                   .jitter = row->jitter,
                                   .skip = row->skip,
                                   .seconds = seconds,
                                   .seed = seed,
                                   .flow = {controller}};
}

static const struct row rows[] = {
    {"50M 20ms", 50, 20, 0, 0, 5, 15, 0.97, 8, 0},
    {"50M 20±5ms", 50, 20, 5, 0, 5, 20, 0.95, 28, 0},
    {"50M 20±20ms", 50, 20, 20, 0, 5, 20, 0.90, 75, 0},
    {"50M 20ms 0.5 %", 50, 20, 0, 0.005, 5, 15, 0.97, 8, 0},
    {"50M 20ms 2 %", 50, 20, 0, 0.02, 5, 15, 0.97, 8, 0},
    {"40M 30±5ms 0.5 %", 40, 30, 5, 0.005, 5, 20, 0.95, 28, 0},
    {"25M 45±8ms 0.5 %", 25, 45, 8, 0.005, 5, 20, 0.95, 40, 0},
    {"100M 50±25ms 1 %", 100, 50, 25, 0.01, 5, 15, 0.70, 75, 0.04},
    {"20M 50±20ms 2 %", 20, 50, 20, 0.02, 5, 20, 0.90, 70, 0},
    {"20M 320ms 0.5 %", 20, 320, 0, 0.005, 14, 30, 0.93, 25, 0.005},
    {"300M 10ms", 300, 10, 0, 0, 3, 6, 0.97, 6, 0},
    {"700M 15ms", 700, 15, 0, 0, 3, 5, 0.95, 6, 0.005},
};

#endif
