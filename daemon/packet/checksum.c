/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checksum: the internet checksum, which touches every byte of the tunnel in both directions.
 * It adds 64-bit words, their lower and upper halves apart so that no carry is lost, in vectors that the compiler maps
 * to what the processor has, two of them at a time to break the chain of dependent additions. At most 65,535 bytes come
 * at a time, so that a 64-bit lane (room for 2^32 halves) cannot overflow.
 *
 * It leaves out byte swapping: see checksum.h.
 *
 * Standards: RFC 1071, RFC 1624. */
#include "packet/checksum.h"

#include <stdbool.h>

/** Four 64-bit words added side by side: one vector with AVX2, two elsewhere. */
typedef uint64_t lanes __attribute__((vector_size(32)));

/** Compiled twice, for AVX2 and for any processor; the loader takes the one that fits. Not for sanitizers and coverage,
 * whose code would run before they are ready. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) &&  \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CLONES
#endif

#define BLOCK (2 * sizeof(lanes)) /**< bytes per turn of the fast loop */

/** Sum, and copy when `copy` (a constant at each use, so that either function is compiled on its own). */
static inline __attribute__((always_inline)) uint32_t sum_copy(uint8_t *restrict to, const uint8_t *restrict from,
                                                               size_t length, bool copy) {
    const lanes low = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    uint64_t sum;
    size_t at = 0;

    for (; length - at >= BLOCK; at += BLOCK) {
        lanes v, w;

        memcpy(&v, from + at, sizeof v);
        memcpy(&w, from + at + sizeof v, sizeof w);
        if (copy) {
            memcpy(to + at, &v, sizeof v);
            memcpy(to + at + sizeof v, &w, sizeof w);
        }
        a += v & low;
        b += v >> 32;
        c += w & low;
        d += w >> 32;
    }
    a += b + c + d;
    sum = a[0] + a[1] + a[2] + a[3];
    for (; length - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, from + at, sizeof word);
        if (copy)
            memcpy(to + at, &word, sizeof word);
        sum += (word & UINT32_MAX) + (word >> 32);
    }
    if (length - at >= 4) {
        uint32_t word;

        memcpy(&word, from + at, sizeof word);
        if (copy)
            memcpy(to + at, &word, sizeof word);
        sum += word;
        at += 4;
    }
    if (length - at) {
        uint32_t word = 0;

        memcpy(&word, from + at, length - at);
        if (copy)
            memcpy(to + at, from + at, length - at);
        sum += word;
    }
    return checksum_fold(sum);
}

CLONES uint32_t checksum_sum(const uint8_t *data, size_t length) {
    return sum_copy(NULL, data, length, false);
}

CLONES uint32_t checksum_copy(uint8_t *restrict to, const uint8_t *restrict from, size_t length) {
    return sum_copy(to, from, length, true);
}
