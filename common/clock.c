/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: reads the monotonic clock, nothing else. It leaves wall-clock time to the log. */
#include "common/clock.h"

#include <time.h>

uint64_t clock_now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}
