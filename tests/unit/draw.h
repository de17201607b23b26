/* SPDX-License-Identifier: GPL-2.0-or-later */
/* draw: small seeded random numbers for tests (xorshift64*): the same ones on every machine. Models of links and paths
 * (tests/sim, tests/lab) have generators of their own, as their results hang on the very numbers. */
#ifndef MPVPN_TESTS_DRAW_H
#define MPVPN_TESTS_DRAW_H

#include <stddef.h>
#include <stdint.h>

/** The next number of a series. @param state where it has come to; the seed at first, not 0 */
static inline uint32_t draw_from(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545f4914f6cdd1dull) >> 32);
}

/** The next number of the one series that a test program without seeds has. */
static inline uint32_t draw(void) {
    static uint64_t state = 88172645463325252ull;

    return draw_from(&state);
}

/** Fill bytes from a series. */
static inline void draw_bytes(uint64_t *state, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)draw_from(state);
}

#endif
