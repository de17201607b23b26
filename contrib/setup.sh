#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs what mpvpn is built from and tested with, then builds it.
#
# How it works: Debian packages come from the machine's own mirror. Debian 12 lacks new enough ngtcp2, nghttp3 and liburing,
# so exactly those come from Debian 13 there, through an apt source that is pinned below everything else. wolfSSL is built from
# Debian's source package, because Debian's binary has no AES instructions; it goes to a private prefix as a static library.
# Everything that is there already is left alone: a second run costs next to nothing.
#
# What it leaves out: other distributions (see README.md for the list of libraries), and anything outside the Debian mirror.
set -euo pipefail

usage() {
    cat <<'END'
Usage: setup.sh [--deps | --build] [--builddir DIR] [-- CONFIGURE-OPTION...]

  (nothing)       install the dependencies, then configure and build
  --deps          only install the dependencies (as root)
  --build         only configure and build
  --builddir DIR  where to build (default: build/ at the top of the source tree)

Environment:
  MPVPN_WOLFSSL   prefix of the private wolfSSL (default /opt/mpvpn/wolfssl)
  MPVPN_JOBS      jobs for make (default: number of processors)
END
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prefix=${MPVPN_WOLFSSL:-/opt/mpvpn/wolfssl}
jobs=${MPVPN_JOBS:-$(nproc)}
builddir=$top/build
do_deps=1 do_build=1
configure_options=()
while [ $# -gt 0 ]; do
    case $1 in
    --deps) do_build=0 ;;
    --build) do_deps=0 ;;
    --builddir) [ $# -ge 2 ] || { usage >&2; exit 2; }; builddir=$2; shift ;;
    --help | -h) usage; exit 0 ;;
    --) shift; configure_options=("$@"); break ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

# What the build needs.
packages=(
    gcc libc6-dev make autoconf automake pkg-config autoconf-archive
    libjansson-dev libinih-dev libnl-3-dev libnl-route-3-dev uthash-dev libcap-ng-dev libseccomp-dev
    liburing-dev libngtcp2-dev libnghttp3-dev
    dpkg-dev libtool patch ca-certificates debian-archive-keyring
)
# What the tests, the benchmark and the checks of style need.
packages+=(
    check clang clang-format valgrind shellcheck python3 python3-cryptography python3-hpack
    iproute2 iputils-ping ethtool iperf3 openssl nftables procps util-linux bash-completion
    openvpn wireguard-go wireguard-tools mptcpize
    man-db groff mandoc
)
# On Debian 12 these, and nothing else, come from Debian 13.
from_trixie='libngtcp2* libnghttp3* liburing* wireguard-go'

# apt_get ARGUMENT...: never asks, waits for a lock, tries again when the mirror fails
apt_get() {
    local try
    for try in 1 2 3; do
        if DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -q -y \
            -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o APT::Install-Recommends=false \
            -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >&2; then
            return 0
        fi
        say "apt-get $1 failed (attempt $try of 3)"
        sleep $((try * 3))
    done
    return 1
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The address, component and keyring of the machine's own Debian mirror, as "URI|Sources-entry".
own_mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)|$(SOURCESENTRY)' 'Identifier: Packages' |
        awk -F'|' -v code="$1" '$1 == "Debian" && $2 == code && $3 == "main" { print $4 "|" $5; exit }'
}

# signed_by SOURCESENTRY: the Signed-By value in the file that the entry names, if any
signed_by() {
    local file=${1%:*}
    case $file in
    *.sources) awk -F': *' 'tolower($1) == "signed-by" && $2 ~ /^\// { print $2; exit }' "$file" ;;
    *) sed -n 's/^deb.*\[.*signed-by=\([^] ]*\).*/\1/p' "$file" | head -n 1 ;;
    esac
}

# write_if_new FILE: standard input to FILE; true when that changed something
write_if_new() {
    local new
    new=$(cat)
    [ -f "$1" ] && [ "$(cat "$1")" = "$new" ] && return 1
    printf '%s\n' "$new" >"$1"
}

release_of_machine() {
    [ -r /etc/os-release ] || die "no /etc/os-release: this script knows Debian only"
    # shellcheck disable=SC1091
    . /etc/os-release
    [ "${ID:-}" = debian ] || die "this is ${ID:-unknown}, not Debian: install the libraries of README.md by hand"
    [ -n "${VERSION_CODENAME:-}" ] || die "cannot tell which Debian this is"
    codename=$VERSION_CODENAME
    [ "${VERSION_ID:-99}" -ge 12 ] || die "Debian ${VERSION_ID} is too old: 12 or later is needed"
}

add_apt_source() {
    local found keyring changed=0 types suite
    found=$(own_mirror "$codename")
    if [ -z "$found" ]; then
        apt_get update || say "apt-get update reported errors; going on with what it fetched"
        found=$(own_mirror "$codename")
    fi
    [ -n "$found" ] || die "apt knows no Debian $codename mirror on this machine"
    keyring=$(signed_by "${found#*|}")
    [ -n "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ "$codename" = bookworm ]; then suite=trixie types='deb deb-src'; else suite=$codename types=deb-src; fi
    write_if_new /etc/apt/sources.list.d/mpvpn.sources <<END && changed=1
# Written by mpvpn's contrib/setup.sh.
Types: $types
URIs: ${found%%|*}
Suites: $suite
Components: main
Signed-By: $keyring
END
    if [ "$codename" = bookworm ]; then
        write_if_new /etc/apt/preferences.d/mpvpn.pref <<END && changed=1
Explanation: written by mpvpn's contrib/setup.sh: Debian 13 is there for a few libraries only.
Package: *
Pin: release n=trixie
Pin-Priority: 1

Package: $from_trixie
Pin: release n=trixie
Pin-Priority: 990
END
        write_if_new /etc/apt/sources.list.d/mpvpn-fallback.sources <<END && changed=1
# Written by mpvpn's contrib/setup.sh: the source of wolfSSL, should Debian 13's not be had.
Types: deb-src
URIs: ${found%%|*}
Suites: $codename
Components: main
Signed-By: $keyring
END
    fi
    if [ $changed = 1 ] || ! apt-get indextargets --format '$(CODENAME)' 'Identifier: Sources' | grep -qx "$suite"; then
        # A keyring older than Debian 13 cannot verify it.
        apt_get install debian-archive-keyring || true
        apt_get update || say "apt-get update reported errors; going on with what it fetched"
    fi
}

# The compiler runtime that clang's sanitizers need is named after clang's version.
clang_runtime() {
    local version
    version=$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
    [ -z "$version" ] || echo "libclang-rt-$version-dev"
}

new_enough() {
    local version
    version=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) && dpkg --compare-versions "$version" ge "$2"
}

install_packages() {
    local package missing=()
    packages+=("$(clang_runtime)")
    for package in "${packages[@]}"; do
        [ -z "$package" ] || installed "$package" || missing+=("$package")
    done
    new_enough liburing-dev 2.6 || missing+=(liburing-dev)
    new_enough libngtcp2-dev 1.6 || missing+=(libngtcp2-dev)
    new_enough libnghttp3-dev 1.4 || missing+=(libnghttp3-dev)
    new_enough wireguard-go 0.0.20231211 || missing+=(wireguard-go)
    if [ ${#missing[@]} = 0 ]; then
        say "all Debian packages are installed"
        return 0
    fi
    [ "$(id -u)" = 0 ] || die "to install packages this must run as root: sudo $0"
    add_apt_source
    say "installing: ${missing[*]}"
    apt_get install "${missing[@]}" || {
        apt_get update && apt_get install "${missing[@]}"
    } || die "apt could not install the packages; its messages are above"
}

# What makes it faster where it is to be had: AES-GCM by vectors (x86-64). Nothing fails without it.
install_optional() {
    [ "$(dpkg --print-architecture)" = amd64 ] && [ "$(id -u)" = 0 ] && ! installed libipsec-mb-dev || return 0
    say "installing: libipsec-mb-dev"
    apt_get install libipsec-mb-dev || say "no libipsec-mb-dev: wolfCrypt will do AES-GCM, at less speed"
}

# The flags of the private wolfSSL. QUIC brings the OpenSSL layer's callbacks; certgen and keygen are for "mpvpnctl keygen".
wolfssl_flags=(
    --enable-quic --enable-keying-material --enable-session-ticket --enable-alpn --enable-sni
    --enable-curve25519 --enable-ed25519 --enable-sp --enable-sp-asm --disable-oldtls
    --enable-aesctr --enable-certgen --enable-certext --enable-keygen
    --enable-static --disable-shared --with-pic --disable-examples --disable-crypttests
)
case $(uname -m) in
x86_64) wolfssl_flags+=(--enable-intelasm) ;;
aarch64) wolfssl_flags+=(--enable-armasm) ;;
esac
wolfssl_cflags='-O3 -g -DWOLFSSL_AES_DIRECT -DHAVE_AES_ECB -DWOLFSSL_ALT_NAMES -DKEEP_PEER_CERT -DWOLFSSL_ALWAYS_VERIFY_CB'
wolfssl_cflags+=' -DWOLFSSL_GETRANDOM' # its seed from the kernel, which needs no /dev

wolfssl_stamp() {
    printf '%s\n' "${wolfssl_flags[@]}" "$wolfssl_cflags"
}

fetch_wolfssl() {
    local source=wolfssl/trixie
    [ "$codename" = bookworm ] || source=wolfssl/$codename
    apt_get source --only-source "$source" && return 0
    say "no source of wolfSSL from ${source#*/}; trying $codename"
    apt_get source --only-source "wolfssl/$codename" || die "apt could not fetch the source of wolfSSL"
}

build_wolfssl() {
    local stamp=$prefix/share/mpvpn-flags work log
    if [ -f "$prefix/lib/libwolfssl.a" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(wolfssl_stamp)" ]; then
        say "wolfSSL is in $prefix"
        return 0
    fi
    mkdir -p "$prefix" 2>/dev/null && [ -w "$prefix" ] || die "cannot write to $prefix: run this as root: sudo $0"
    if [ "$(id -u)" = 0 ]; then add_apt_source; fi
    work=$(mktemp -d "${TMPDIR:-/tmp}/mpvpn-wolfssl.XXXXXX")
    log=$work/log
    # apt's own user downloads into it
    chmod 755 "$work"
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    say "building wolfSSL into $prefix (about a minute)"
    cd "$work"
    fetch_wolfssl
    cd "$work"/wolfssl-*/
    {
        autoreconf -fi &&
            ./configure --prefix="$prefix" "${wolfssl_flags[@]}" CFLAGS="$wolfssl_cflags" &&
            make -j"$jobs" &&
            make install
    } >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "wolfSSL did not build; the end of its log is above"; }
    cd "$top"
    mkdir -p "$prefix/share"
    wolfssl_stamp >"$stamp"
    rm -rf "$work"
    trap - EXIT
    say "wolfSSL $(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --modversion wolfssl) is in $prefix"
}

build_mpvpn() {
    [ -x "$top/configure" ] && [ ! "$top/configure.ac" -nt "$top/configure" ] || (cd "$top" && autoreconf -fi)
    mkdir -p "$builddir"
    cd "$builddir"
    [ -f Makefile ] || "$top/configure" --with-wolfssl="$prefix" "${configure_options[@]}"
    make -j"$jobs"
}

if [ $do_deps = 1 ]; then
    release_of_machine
    install_packages
    install_optional
    build_wolfssl
fi
if [ $do_build = 1 ]; then
    build_mpvpn
fi
