/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units: sizes, durations and rates as people write and read them: "64K", "5 s", "3 h 12 min", "20 Mbit/s", "12.4 GB".
 */
#ifndef MPVPN_COMMON_UNITS_H
#define MPVPN_COMMON_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_MAX 32 /**< bytes, with NUL: any text printed here */

/**
 * Parse a size: bytes, or with K, M, G, T (or KiB …) in powers of 1024; "64K", "1.5 M".
 * @param bytes out, untouched on failure
 * @return 0; -EINVAL: not a size; -ERANGE: more than 64 bits hold
 */
int units_parse_size(const char *text, uint64_t *bytes);
/**
 * Parse a duration: numbers with us, ms, s, min, h, d, added up ("3 h 12 min"); a bare number is seconds.
 * @param ns out, nanoseconds, untouched on failure
 * @return 0; -EINVAL: not a duration; -ERANGE: more than 64 bits hold
 */
int units_parse_duration(const char *text, uint64_t *ns);
/**
 * Parse a rate: bits per second, or with k, M, G (or kbit/s …) in powers of 1000; "20 Mbit/s".
 * @param bps out, bits per second, untouched on failure
 * @return 0; -EINVAL: not a rate; -ERANGE: more than 64 bits hold
 */
int units_parse_rate(const char *text, uint64_t *bps);

/** Print a time span by its two largest units: "41 min", "3 h 12 min", "2 d 5 h", "7 s". @param text UNITS_TEXT_MAX
 * bytes @return text */
const char *units_print_duration(uint64_t ns, char *text);
/** Print microseconds as milliseconds with one decimal: "11.2 ms". @param text UNITS_TEXT_MAX bytes @return text */
const char *units_print_ms(uint64_t us, char *text);
/** Print bytes in powers of 1000: "512 B", "12.4 GB". @param text UNITS_TEXT_MAX bytes @return text */
const char *units_print_bytes(uint64_t bytes, char *text);
/** Print bits per second in powers of 1000: "64 kbit/s", "1.5 Mbit/s". @param text UNITS_TEXT_MAX bytes @return text */
const char *units_print_rate(uint64_t bps, char *text);

#endif
