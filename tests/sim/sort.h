/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sort: figures of several seeds in order, so that median, worst and quartiles have their places. */
#ifndef MPVPN_SIM_SORT_H
#define MPVPN_SIM_SORT_H

#include <stddef.h>
#include <stdlib.h>

static inline int sort_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/** Put figures into order, the least first. */
static inline void sort_figures(double *figures, size_t count) {
    qsort(figures, count, sizeof *figures, sort_compare);
}

#endif
