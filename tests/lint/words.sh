#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Unfinished business and things that belong to one machine have no place in the tree; scripts pass shellcheck.
. "$(dirname "$0")/lib.sh"

# in_project NAME PATTERN: no project file has a line that matches, this script excepted
in_project() {
    local bad
    bad=$(project_files | grep -vE '^(tests/lint/words\.sh|COPYING|tests/fuzz/corpus/.*)$' | tr '\n' '\0' | xargs -0 -r grep -nIE "$2" | head -n 20)
    clean "$1" "$bad"
}

in_project 'nothing is left to be done' '\b(TODO|FIXME|XXX|HACK)\b'
in_project 'nothing is there "for now"' '\b([Ff]or now|[Ss]implified version|[Ww]orkaround until|[Pp]laceholder)\b'
in_project 'nothing points at one machine' '(/work/(shared|main|wt)|/root/|deb\.debian\.org)'
in_project 'no line ends in white space' '[[:blank:]]+$'

if command -v shellcheck >/dev/null; then
    bad=$(project_files '*.sh' | tr '\n' '\0' | xargs -0 -r shellcheck -S warning -x -e SC1091,SC2034,SC2154 -f gcc 2>&1 | head -n 20)
    clean 'shellcheck has nothing to warn of' "$bad"
else
    skip 'shellcheck has nothing to warn of' 'no shellcheck'
fi
finish
