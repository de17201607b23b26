/* SPDX-License-Identifier: GPL-2.0-or-later */
/* suggest: Levenshtein distance without regard to case; near enough is at most a third of the word's letters (and
 * always one). It leaves out words longer than 31 bytes: nothing that is typed by hand is. Standards: none. */
#include "common/suggest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 31u

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[WORD_MAX + 1];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));

            diagonal = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

void suggest_offer(struct suggest *suggest, const char *typed, const char *word) {
    size_t a = strlen(typed), b = strlen(word), d;

    if (a > WORD_MAX || b > WORD_MAX)
        return;
    d = distance(typed, a, word, b);
    if (d > (b < 6 ? 1 : b / 3) || (suggest->best && d >= suggest->distance))
        return;
    suggest->best = word;
    suggest->distance = d;
}
