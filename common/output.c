/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: a full disk shows when the buffer of stdio is written out, at the latest at the program's end, where exit()
 * would say nothing of it. Standards: none. */
#include "common/output.h"

#include <stdio.h>

bool output_finish(const char *program) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "%s: standard output cannot be written\n", program);
    return false;
}
