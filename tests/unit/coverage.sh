#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints the share of lines that the tests ran, file by file: coverage.sh BUILDDIR, called by "make coverage".
set -euo pipefail
cd "$1"
find . -name '*.gcda' ! -path './tests/*' -print0 | xargs -0 gcov -n 2>/dev/null |
    awk -F"['%:]" '
        /^File / { file = $2; wanted = file ~ /(common|daemon|ctl)\/.*\.[ch]$/ }
        /^Lines executed/ && wanted {
            split($0, part, /[:% ]+/)
            percent = part[3]; lines = part[5]
            if (!(file in total) || percent > best[file]) { best[file] = percent; total[file] = lines }
            wanted = 0
        }
        END {
            for (file in total) { sum += total[file]; hit += total[file] * best[file] / 100 }
            for (file in total) printf "%6.1f %%  %5d lines  %s\n", best[file], total[file], file | "sort -k4"
            close("sort -k4")
            if (sum) printf "%6.1f %%  %5d lines  in all\n", 100 * hit / sum, sum
        }'
