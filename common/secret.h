/* SPDX-License-Identifier: GPL-2.0-or-later */
/* secret: bytes that a stranger may try to guess. */
#ifndef MPVPN_COMMON_SECRET_H
#define MPVPN_COMMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether two secrets are equal, in a time that does not depend on where they differ. */
static inline bool secret_equal(const uint8_t *a, const uint8_t *b, size_t bytes) {
    uint8_t difference = 0;

    for (size_t i = 0; i < bytes; i++)
        difference |= (uint8_t)(a[i] ^ b[i]);
    return difference == 0;
}

#endif
