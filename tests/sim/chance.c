/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chance: stands in for wolfSSL's generator and for time().
 *
 * How it works: the linker's --wrap sends every call of wc_RNG_GenerateBlock here, ours and wolfSSL's own; and every
 * call of time(), for signatures cover the dates of certificates.
 *
 * Invariants: one thread. */
#include "tests/sim/chance.h"

#include <time.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

#define START 0x9e3779b97f4a7c15ull
#define DATE 1790000000 /* some day in 2026 */

int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 size);
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

int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 size) {
    (void)rng;
    for (word32 i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = (byte)(state >> 32);
    }
    return 0;
}

time_t __wrap_time(time_t *out) {
    if (out)
        *out = date;
    return date;
}
