/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dice: a generator in the place of wolfCrypt's, so that a simulation with real handshakes is the same to the bit for
 * the same seed: the lengths of signatures vary with the keys, and a byte more or less changes everything after it.
 *
 * How it works: the linker's --wrap sends every call of wc_RNG_GenerateBlock here, ours and wolfSSL's own; and every
 * call of time(), for signatures cover the dates of certificates.
 *
 * Invariants: one thread. */
#include "tests/sim/cc/dice.h"

#include <time.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

#define EPOCH 1900000000 /* s: the wall clock stands still here */

time_t __wrap_time(time_t *out);
int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 length);

static uint64_t state = 1;

void dice_seed(uint64_t seed) {
    state = seed * 2 + 1;
}

int __wrap_wc_RNG_GenerateBlock(WC_RNG *rng, byte *out, word32 length) {
    (void)rng;
    for (word32 i = 0; i < length; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out[i] = (byte)(state * 0x2545f4914f6cdd1dull >> 56);
    }
    return 0;
}

time_t __wrap_time(time_t *out) {
    if (out != NULL)
        *out = EPOCH;
    return EPOCH;
}
