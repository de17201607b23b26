/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: the unit of time, and the one place that reads the clock. Only os/, the hall and ctl call clock_now(); the
 * protocol rooms get `now` handed down. */
#ifndef MPVPN_COMMON_CLOCK_H
#define MPVPN_COMMON_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ull        /**< nanoseconds in a microsecond */
#define NS_PER_MS 1000000ull     /**< nanoseconds in a millisecond */
#define NS_PER_SEC 1000000000ull /**< nanoseconds in a second */
#define TIME_NEVER UINT64_MAX    /**< a deadline that never comes */

/** Monotonic time (CLOCK_MONOTONIC) in nanoseconds. */
uint64_t clock_now(void);

#endif
