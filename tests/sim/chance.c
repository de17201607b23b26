/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chance: stands in for our generator, for wolfSSL's, and for time().
 *
 * How it works: the linker's --wrap sends every call of random_fill() and wc_RNG_GenerateBlock() here; and every call
 * of time(), for signatures cover the dates of certificates.
 *
 * Invariants: one thread. */
#include "tests/sim/chance.h"

#include <time.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

#define START 0x9e3779b97f4a7c15ull
#define DATE 1790000000 /* some day in 2026 */

int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 size);
void __wrap_random_fill(void *out, size_t length);
time_t __wrap_time(time_t *out);

static uint64_t state = START;
static time_t date = DATE;

void chance_begin(uint64_t seed) {
    state = START ^ seed;
    date = DATE;
}

void chance_date(int64_t seconds) {
    date += seconds;
}

static void draw(uint8_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = (uint8_t)(state >> 32);
    }
}

int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 size) {
    (void)rng;
    draw(out, size);
    return 0;
}

void __wrap_random_fill(void *out, size_t length) {
    draw(out, length);
}

time_t __wrap_time(time_t *out) {
    if (out)
        *out = date;
    return date;
}
