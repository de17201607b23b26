#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every file names its licence; every header stands alone and is guarded; clang agrees with the Doxygen comments.
# File names here have no spaces.
# shellcheck disable=SC2046,SC2086
. "$(dirname "$0")/lib.sh"

sources=$(project_files '*.c' '*.h' '*.def')
scripts=$(project_files '*.sh' '*.mk' 'Makefile.am' 'configure.ac' '*.service' '.ci/run')

bad=$(for file in $sources $scripts; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$file"
done)
clean 'every file names its licence' "$bad"

headers=$(project_files 'common/*.h' 'daemon/*.h' 'ctl/*.h')
bad=$(for file in $headers; do grep -q '^#ifndef MPVPN_' "$file" || echo "$file"; done)
clean 'every header has a guard that begins with MPVPN_' "$bad"

bad=$(awk 'FNR == 1 { lines[FILENAME] = 0 } { lines[FILENAME]++ } END { for (f in lines) if (lines[f] > 600) print f ": " lines[f] " lines" }' \
    $(project_files 'common/*.c' 'common/*.h' 'daemon/*.c' 'daemon/*.h' 'ctl/*.c' 'ctl/*.h') </dev/null)
clean 'no file is longer than 600 lines' "$bad"

bad=$(LC_ALL=C.UTF-8 grep -nHE '^.{121,}' $(grep -v '\.def$' <<<"$sources") </dev/null | cut -c 1-60)
clean 'no line is longer than 120 columns' "$bad"

if ! command -v clang >/dev/null; then
    skip 'every header compiles by itself' 'no clang'
    skip 'the Doxygen comments are sound' 'no clang'
else
    flags="-std=gnu11 -D_GNU_SOURCE= -Idaemon -I. -I${top_builddir:-build} -isystem /opt/mpvpn/wolfssl/include"
    flags="$flags $(pkg-config --cflags libngtcp2 libnghttp3 liburing jansson libnl-route-3.0 2>/dev/null)"
    said=$(for file in $headers; do
        printf '#include "%s"\n' "$file" | clang $flags -Wdocumentation -fsyntax-only -x c - 2>&1 || echo "broken: $file"
    done)
    clean 'every header compiles by itself' "$(sed -n 's/^broken: //p' <<<"$said")"
    clean 'the Doxygen comments are sound' "$(grep -E 'Wdocumentation' <<<"$said" | sort -u)"
fi
finish
