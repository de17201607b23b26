/* SPDX-License-Identifier: GPL-2.0-or-later */
/* patience: what a killed daemon held (TUN device, UDP address, control socket) stays taken for a moment after its end,
 * until the kernel has taken back what its ring had under way. Who is started at once waits for that. At the start
 * only: it blocks. */
#ifndef MPVPN_OS_PATIENCE_H
#define MPVPN_OS_PATIENCE_H

#include <stdbool.h>
#include <time.h>

#define PATIENCE_TRIES 50u      /**< so often … */
#define PATIENCE_PAUSE 20000000 /**< ns: … after this long */

/** Wait a little before the next try. @param tries counts them, from 0 @return false: it was tried long enough */
static inline bool patience(unsigned *tries) {
    const struct timespec pause = {.tv_nsec = PATIENCE_PAUSE};

    if (*tries == PATIENCE_TRIES)
        return false;
    ++*tries;
    nanosleep(&pause, NULL);
    return true;
}

#endif
