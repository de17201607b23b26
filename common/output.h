/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: whether what a program said on standard output was taken. */
#ifndef MPVPN_COMMON_OUTPUT_H
#define MPVPN_COMMON_OUTPUT_H

#include <stdbool.h>

/**
 * The last to be called before a program ends: write out what standard output holds, and complain on standard error
 * where nobody could take it.
 * @param program its name, before the complaint
 * @return whether all of it was taken
 */
bool output_finish(const char *program);

#endif
