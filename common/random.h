/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random: numbers that nobody can guess. */
#ifndef MPVPN_COMMON_RANDOM_H
#define MPVPN_COMMON_RANDOM_H

#include <stddef.h>

/** Fill with cryptographically strong random bytes. @param out length bytes */
void random_fill(void *out, size_t length);

#endif
