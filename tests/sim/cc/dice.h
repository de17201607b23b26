/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dice: randomness of a program that must run alike by seed: keys, identifiers and nonces come from a generator of our
 * own. Programs that use it are linked with --wrap=wc_RNG_GenerateBlock,--wrap=time; never link it into anything but a
 * test. */
#ifndef MPVPN_SIM_DICE_H
#define MPVPN_SIM_DICE_H

#include <stdint.h>

/** Randomness begins anew. */
void dice_seed(uint64_t seed);

#endif
