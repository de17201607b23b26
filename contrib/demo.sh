#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shows mpvpn at work on one machine: builds it if need be, makes two network namespaces joined by two links of 200 and 100 Mbit/s,
# runs a server in one and a client in the other, sends pings and iperf3 through the tunnel over one path and then over both, cuts
# one of them in the middle, and lets mpvpnctl tell what happened. Nothing of it remains.
#
#      namespace server                                      namespace client
#    mpvpnd (server)  mpvpn0 10.77.0.1                     mpvpnd (client)  mpvpn0 10.77.0.x
#       203.0.113.1   fibre  192.0.2.1     ── 200 Mbit/s ──  fibre  192.0.2.2
#                     lte    198.51.100.1  ── 100 Mbit/s ──  lte    198.51.100.2
set -euo pipefail

usage() {
    cat <<'END'
Usage: demo.sh [--seconds N] [--keep]

  --seconds N  how long each iperf3 run takes (default 4)
  --keep       leave it running until Enter is pressed, to look around
END
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${MPVPN_BUILD:-$top/build}
seconds=4 keep=0
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) [ $# -ge 2 ] || { usage >&2; exit 2; }; seconds=$2; shift ;;
    --keep) keep=1 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

[ "$(id -u)" = 0 ] || { echo "the demo makes network namespaces: sudo $0" >&2; exit 1; }
echo "setting up and building (the first time that takes some minutes)"
if ! "$top/contrib/setup.sh" --builddir "$build" >"${TMPDIR:-/tmp}/mpvpn-setup.$$.log" 2>&1; then
    tail -n 40 "${TMPDIR:-/tmp}/mpvpn-setup.$$.log" >&2
    echo "the set-up failed; all it said is in ${TMPDIR:-/tmp}/mpvpn-setup.$$.log" >&2
    exit 1
fi
rm -f "${TMPDIR:-/tmp}/mpvpn-setup.$$.log"

tag=mpvdemo$$
server=$tag-server client=$tag-client
dir=$(mktemp -d "${TMPDIR:-/tmp}/$tag.XXXXXX")
pids=()

cleanup() {
    local pid
    set +e
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    ip netns del "$server" 2>/dev/null
    ip netns del "$client" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
on_client() { ip netns exec "$client" "$@"; }
# run NAMESPACE LOG COMMAND...: in the background; "ip netns exec" becomes the command, so the number is the command's own
run() {
    ip netns exec "$1" "${@:3}" >"$dir/$2.log" 2>&1 &
    pids+=($!)
}
ctl() { "$build/mpvpnctl" -s "/run/mpvpn/$1.sock" "${@:2}"; }

# until_true SECONDS WHAT COMMAND...: wait for it, or say what did not come and show the logs
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            echo "$what did not come; the daemons said:" >&2
            tail -n 30 "$dir"/*.log >&2
            exit 1
        fi
        sleep 0.1
    done
}

title 'Two namespaces, two links'
ip netns add "$server"
ip netns add "$client"
ip -n "$server" link set lo up
ip -n "$client" link set lo up
ip -n "$server" address add 203.0.113.1/32 dev lo
# join DEVICE NETWORK MBIT METRIC: one link, shaped both ways
join() {
    local ns
    ip -n "$server" link add "$1" type veth peer name "$1" netns "$client"
    ip -n "$server" address add "$2.1/24" dev "$1"
    ip -n "$client" address add "$2.2/24" dev "$1"
    for ns in "$server" "$client"; do
        ip -n "$ns" link set "$1" up
        tc -n "$ns" qdisc add dev "$1" root tbf rate "$3mbit" burst 64kb latency 50ms
    done
    ip -n "$client" route add 203.0.113.1 via "$2.1" dev "$1" metric "$4"
    echo "server 203.0.113.1  $2.1 ── $1, $3 Mbit/s ── $2.2  client"
}
join fibre 192.0.2 200 1
join lte 198.51.100 100 2

title 'Keys'
"$build/mpvpnctl" keygen "$dir" server | tee "$dir/keygen.txt"
pin=$(grep -o 'sha256:[0-9A-Za-z+/=_-]*' "$dir/keygen.txt" | head -n 1)
token=$(head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d '=')
hash=sha256:$(printf '%s' "$token" | sha256sum | cut -d' ' -f1)

cat >"$dir/$server.conf" <<END
[Server]
Listen = 203.0.113.1:443
Certificate = $dir/server.crt
PrivateKey = $dir/server.key
Pool = 10.77.0.0/24
Pool = fd77::/64
Users = $dir/users

[User alice]
TokenHash = $hash
END
cat >"$dir/$client.conf" <<END
[Client]
Server = 203.0.113.1:443
Token = $token
ServerPin = $pin

[Path fibre]
END

title 'Server and client'
run "$server" server "$build/mpvpnd" -c "$dir/$server.conf"
until_true 10 'the server' ctl "$server" version
run "$client" client "$build/mpvpnd" -c "$dir/$client.conf"
until_true 10 'the client' ctl "$client" version
until_true 15 'the tunnel' on_client ping -c 1 -W 1 10.77.0.1
ctl "$client" status

title 'Ping through the tunnel'
on_client ping -q -c 5 -i 0.2 10.77.0.1
on_client ping -6 -q -c 5 -i 0.2 fd77::1

title "iperf3 over one path, $seconds s each way"
run "$server" iperf3 iperf3 -s --forceflush -B 10.77.0.1
until_true 5 'the iperf3 server' grep -q listening "$dir/iperf3.log"
rates() { on_client iperf3 -c 10.77.0.1 -t "$seconds" -f m "$@" | grep receiver; }
echo 'client to server:'
rates
echo 'server to client:'
rates -R

title 'mpvpnctl path add lte'
ctl "$client" path add lte
both_up() { [ "$(ctl "$client" path list | grep -c ' up ')" = 2 ]; }
until_true 10 'the second path' both_up
ctl "$client" path list

title "iperf3 over both paths, $seconds s each way: one TCP connection"
echo 'client to server:'
rates
echo 'server to client:'
rates -R

title 'One path is cut after 3 s and mended after 6, with iperf3 going on'
on_client iperf3 -c 10.77.0.1 -t 10 -f m --forceflush >"$dir/cut.log" 2>&1 &
cut=$!
pids+=("$cut")
sleep 3
ip -n "$server" link set fibre down
sleep 1
ctl "$client" path list
sleep 2
ip -n "$server" link set fibre up
wait "$cut"
grep -E ' sec ' "$dir/cut.log"
until_true 20 'the path that was cut' both_up

title 'mpvpnctl status, path list, stats on the client'
ctl "$client" status
ctl "$client" path list
ctl "$client" stats
title 'mpvpnctl session list on the server'
ctl "$server" session list

if [ $keep = 1 ]; then
    title 'Left running'
    cat <<END
  ip netns exec $client bash
  $build/mpvpnctl -s /run/mpvpn/$client.sock status
  logs and configuration: $dir
END
    read -r -p 'Enter ends it. '
fi
