#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs every test: installs what is missing, builds, and goes through the stages below. The last line is the sum,
# "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed.
#
# How it works: each stage is a build directory and a make target. The tests speak TAP, so automake's result files
# (*.trs) name every single one, and "make fuzz" writes the same; this adds them up. A build that breaks counts as one
# failure.
set -uo pipefail

usage() {
    cat <<'END'
Usage: test.sh [STAGE...]

Stages, all of them by default:
  build      build with warnings as errors; unit tests, corpus of the fuzz targets, lint
  sanitize   the same tests with ASan and UBSan
  netns      the daemons in network namespaces (root)
  valgrind   the unit tests under valgrind
  fuzz       each fuzz target for a short time (MPVPN_FUZZ_TIME seconds, default 10)

Environment: MPVPN_TEST_DIR, where to build (default build-test/ at the top of the source tree); MPVPN_JOBS.
END
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${MPVPN_TEST_DIR:-$top/build-test}
jobs=${MPVPN_JOBS:-$(nproc)}
fuzz_time=${MPVPN_FUZZ_TIME:-10}
prefix=${MPVPN_WOLFSSL:-/opt/mpvpn/wolfssl}
passed=0 failed=0 skipped=0
failures=()

case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(build sanitize netns valgrind fuzz)

say() { printf '\n== %s\n' "$*"; }

fail() {
    failed=$((failed + 1))
    failures+=("$1")
}

# add_up DIRECTORY STAGE: count the results of the tests that wrote a *.trs file in this run
add_up() {
    local file result
    while read -r file; do
        while read -r result; do
            case $result in
            PASS* | XFAIL*) passed=$((passed + 1)) ;;
            SKIP*) skipped=$((skipped + 1)) ;;
            *) fail "$2: ${file#"$1"/}" ;;
            esac
        done < <(sed -n 's/^:test-result: //p' "$file")
        sed -n 's/^\(not ok\|Bail out!\|ERROR:\|SUMMARY:\)/    &/p' "${file%.trs}.log" 2>/dev/null >>"$work/failed.txt"
    done < <(find "$1" -name '*.trs' -type f)
    find "$1" -name '*.trs' -type f -delete
}

# make_in DIRECTORY STAGE TARGET...: run make, count its results; a target that wrote none and failed is itself a failure
make_in() {
    local directory=$1 stage=$2 before=$failed
    shift 2
    find "$directory" -name '*.trs' -type f -delete
    if make -C "$directory" -j"$jobs" -k "$@"; then
        add_up "$directory" "$stage"
        return 0
    fi
    add_up "$directory" "$stage"
    [ "$failed" != "$before" ] || fail "$stage: make $*"
    return 1
}

# configured DIRECTORY STAGE OPTION...: configure and build once, make again after
configured() {
    local directory=$1 stage=$2
    shift 2
    mkdir -p "$directory"
    if ! { [ -f "$directory/Makefile" ] || (cd "$directory" && "$top/configure" -q --with-wolfssl="$prefix" "$@"); }; then
        fail "$stage: configure"
        return 1
    fi
    make -C "$directory" -j"$jobs" || { fail "$stage: build"; return 1; }
}

stage_build() {
    configured "$work/plain" build --enable-werror || return 1
    make_in "$work/plain" build check
    make_in "$work/plain" lint lint
}

stage_sanitize() {
    configured "$work/sanitize" sanitize --enable-werror --enable-sanitizers &&
        make_in "$work/sanitize" sanitize check
}

stage_netns() {
    if [ "$(id -u)" != 0 ]; then
        echo 'not root: the netns tests are skipped'
        skipped=$((skipped + $(find "$top/tests/netns" -name '*.sh' ! -name lib.sh | wc -l)))
        return 0
    fi
    configured "$work/sanitize" netns --enable-werror --enable-sanitizers && make_in "$work/sanitize" netns check-netns
}

stage_valgrind() {
    configured "$work/plain" valgrind --enable-werror && make_in "$work/plain" valgrind check-valgrind
}

stage_fuzz() {
    configured "$work/fuzz" fuzz --enable-fuzzer && make_in "$work/fuzz" fuzz fuzz FUZZ_TIME="$fuzz_time"
}

"$top/contrib/setup.sh" --deps || { echo 'the set-up failed' >&2; echo '0 passed, 1 failed, 0 skipped'; exit 1; }
if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
    (cd "$top" && autoreconf -fi) || { echo '0 passed, 1 failed, 0 skipped'; exit 1; }
fi
mkdir -p "$work"
: >"$work/failed.txt"
for stage in "${stages[@]}"; do
    declare -F "stage_$stage" >/dev/null || { usage >&2; exit 2; }
    say "$stage"
    "stage_$stage"
done
if [ ${#failures[@]} -gt 0 ]; then
    say 'failed'
    printf '%s\n' "${failures[@]}" | sort | uniq -c
    cat "$work/failed.txt"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
