/* SPDX-License-Identifier: GPL-2.0-or-later */
/* suggest: "did you mean": how far apart two words are. */
#ifndef MPVPN_COMMON_SUGGEST_H
#define MPVPN_COMMON_SUGGEST_H

#include <stddef.h>

/** The best word so far. Zeroed = none. */
struct suggest {
    const char *best; /**< nearest word offered yet, borrowed; NULL: none was near enough */
    size_t distance;  /**< its distance */
};

/** Offer a word of the vocabulary as what may have been meant by typed. */
void suggest_offer(struct suggest *suggest, const char *typed, const char *word);

#endif
