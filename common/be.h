/* SPDX-License-Identifier: GPL-2.0-or-later */
/* be: numbers in network byte order (big-endian) in bytes of any alignment. */
#ifndef MPVPN_COMMON_BE_H
#define MPVPN_COMMON_BE_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t be16_get(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be24_get(const uint8_t *p) {
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t be32_get(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** Write the lowest bits of a value, as all of these. */
static inline void be16_put(uint8_t *p, size_t value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void be24_put(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 16);
    be16_put(p + 1, value);
}

static inline void be32_put(uint8_t *p, uint32_t value) {
    be16_put(p, value >> 16);
    be16_put(p + 2, value);
}

#endif
