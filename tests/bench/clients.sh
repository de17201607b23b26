#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What many connected clients cost a server: handshakes a second, memory, and processor time while nothing is sent.
#
#      bench_clients (COUNT clients) ────────── mpvpnd, Workers = N
# Needs root, and "make tests/bench/bench_clients". usage: clients.sh [COUNT [WORKERS...]]
. "$(dirname "$0")/../netns/lib.sh"
count=${1:-1000}
[ $# = 0 ] || shift
program=$build/tests/bench/bench_clients
[ -x "$program" ] || die "$program is not built"
idle=${IDLE:-10}
ticks=$(getconf CLK_TCK)

pair
used() { awk '{ print $14 + $15 }' "/proc/$server_pid/stat"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$server_pid/status"; }

echo "workers clients handshakes_per_s cpu_ms_per_handshake rss_before_kb rss_kb kb_per_client idle_cpu_percent"
for workers in "${@:-1}"; do
    server_config "Workers = $workers" "MaxSessions = $((count + 10))" "MaxSessionsPerUser = $((count + 10))"
    sed -i 's|^Pool = 10.77.0.0/24|Pool = 10.64.0.0/14|; s|^\[User alice\]|[Log]\nLevel = warning\n&|' "$dir/$tag-server.conf"
    start "$server" server "$mpvpnd" -c "$dir/$tag-server.conf"
    server_pid=$last_pid
    until_true 10 ctl server version
    before=$(rss) cpu=$(used)
    mkfifo "$dir/input.$workers"
    : >"$dir/clients.log"
    ip netns exec "$client" bash -c "ulimit -n \$(ulimit -Hn); exec '$program' 192.0.2.1:443 '$dir/server.crt' server '$token' $count 32" \
        <"$dir/input.$workers" >>"$dir/clients.log" 2>&1 &
    clients=$!
    pids+=("$clients")
    exec 7>"$dir/input.$workers"
    until_true 120 grep -q 'a second' "$dir/clients.log" || die "$(cat "$dir/clients.log")"
    cpu=$(($(used) - cpu))
    sleep 3
    after=$(rss) quiet=$(used)
    sleep "$idle"
    quiet=$(($(used) - quiet))
    read -r up _ failed _ _ _ rate _ <"$dir/clients.log"
    [ "$failed" = 0 ] || cat "$dir/clients.log"
    awk -v w="$workers" -v up="$up" -v rate="$rate" -v cpu="$cpu" -v t="$ticks" -v b="$before" -v a="$after" -v q="$quiet" -v i="$idle" \
        'BEGIN { printf "%d %d %d %.2f %d %d %.1f %.1f\n", w, up, rate, cpu * 1000 / t / up, b, a, (a - b) / up, q * 100 / t / i }'
    exec 7>&-
    wait "$clients"
    stop "$server_pid"
done
