# SPDX-License-Identifier: GPL-2.0-or-later
# What the lint scripts share: TAP, and the list of the project's own files. Sourced, never run.
# shellcheck shell=bash
set -u
top=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
cd "$top" || exit 1
tests=0

# ok NAME / not_ok NAME [DETAIL]: one result
ok() {
    tests=$((tests + 1))
    printf 'ok %d - %s\n' "$tests" "$1"
}

not_ok() {
    tests=$((tests + 1))
    printf 'not ok %d - %s\n' "$tests" "$1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
}

# clean NAME FINDINGS: passes when there are no findings
clean() {
    if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi
}

skip() {
    tests=$((tests + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

finish() { printf '1..%d\n' "$tests"; }

# The project's files, one a line: git's list, or in a tarball whatever lies in the project's directories.
project_files() {
    if [ -e .git ] && git ls-files >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard "$@"
    else
        local pattern wanted=()
        [ $# -gt 0 ] || set -- '*'
        for pattern in "$@"; do
            wanted+=(-o -path "$pattern")
        done
        find .ci Makefile.am README.md NEWS configure.ac common ctl contrib daemon man tests -type f \( -false "${wanted[@]}" \) -print
    fi | while read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}
