/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random: the kernel's generator, by the system call that needs neither a file nor a descriptor: wolfCrypt's opens
 * /dev/urandom at first, and again after some time, when there may be none (chroot) or no descriptor left. It leaves
 * out TLS, which draws from wolfCrypt's. Invariant: it does not fail; where the kernel has no such call nothing can go
 * on safely. Standards: getrandom(2). */
#include "common/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

void random_fill(void *out, size_t length) {
    uint8_t *at = out;

    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);

        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}
