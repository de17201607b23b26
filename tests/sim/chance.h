/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chance: what would differ from run to run, made the same: the randomness of TLS, of QUIC and of keys for hashes
 * (which decides the lengths of signatures, hence the times of packets, and which flows share a queue) and the date in
 * certificates. A byte more or less changes everything after it. Takes effect in programs linked with $(sim_wraps), as
 * far as wolfSSL is a static library; never link it into anything but a test. */
#ifndef MPVPN_SIM_CHANCE_H
#define MPVPN_SIM_CHANCE_H

#include <stdint.h>

/** Begin anew. Until this is called it is as with seed 0. */
void chance_begin(uint64_t seed);
/** The date jumps by so many seconds, until chance_begin(). */
void chance_date(int64_t seconds);

#endif
