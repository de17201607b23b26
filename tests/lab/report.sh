#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The report that a site would write before it trusts a bond of two unequal lines: TCP both ways over one and over both, beside the bare lines; how much UDP passes with less
# than 1 % loss; a failure and a return under load; memory over a long time. "make bench-report" calls this as root. Prints Markdown, also written to doc/report.md.
#
#      server :443 ══╦═ emulator: line a, 700 up, 520 down Mbit/s, 15 ms each way ═╦══ client        tunnel 10.77.0.1 ─── 10.77.0.x
#                    ╚═ emulator: line b, 350 up, 260 down Mbit/s, 20 ms each way ═╝
#
# SECONDS_EACH (30) and SKIP (5): of a run, and of its beginning that is left out. STABILITY (60): minutes. ROUNDS (1). A line holds 8,000 packets.
SECONDS_EACH=${SECONDS_EACH:-30}
. "$(dirname "$0")/tunnel.sh"

rounds=${ROUNDS:-1}
minutes=${STABILITY:-60}
fails_at=18
returns_at=38
run_length=60
out=$build/report.md
document=$top/doc/report.md
memory=$dir/memory.txt

lines() {
    emulate 'set a up rate=700M delay=15ms packets=8000'
    emulate 'set a down rate=520M delay=15ms packets=8000'
    emulate 'set b up rate=350M delay=20ms packets=8000'
    emulate 'set b down rate=260M delay=20ms packets=8000'
}

# throughput: the bare lines, each line in the tunnel, both
throughput() {
    local direction
    for direction in up down; do
        measure 'direct a' cubic1 "$direction" 10.1.0.1 5201
        measure 'direct b' cubic1 "$direction" 10.2.0.1 5201
    done
    client_start a
    for direction in up down; do measure 'tunnel a' cubic1 "$direction" 10.77.0.1 5203; done
    client_stop
    client_start b
    for direction in up down; do measure 'tunnel b' cubic1 "$direction" 10.77.0.1 5203; done
    client_stop
    client_start a b
    for direction in up down; do measure 'tunnel both' cubic1 "$direction" 10.77.0.1 5203; done
    client_stop
}

# udp_sweep: UDP of rising rates over both lines
udp_sweep() {
    local direction share total
    client_start a b
    for direction in up down; do
        total=1050
        [ "$direction" = up ] || total=780
        for share in 50 70 80 90 95 100; do
            measure "sweep $share" "udp$(bound "$total" | awk -v share="$share" '{ printf "%.1f", $1 * share / 100 }')" "$direction" 10.77.0.1 5203
        done
    done
    client_stop
}

# failover: line a goes black at $fails_at s of a run and returns at $returns_at s
failover() {
    local stream ping_pid began ended before
    client_start a b
    before=$(processors)
    in_ns "$client" /usr/bin/python3 -B "$top/tests/lab/stream.py" send 10.77.0.1 5300 "$run_length" cubic &
    stream=$!
    in_ns "$client" ping -D -i 0.01 -c $((run_length * 100)) -W 2 10.77.0.1 >"$dir/ping.txt" 2>&1 &
    ping_pid=$!
    pids+=("$stream" "$ping_pid")
    sleep "$fails_at"
    began=$EPOCHREALTIME
    emulate 'set a both blackout=yes'
    sleep $((returns_at - fails_at))
    ended=$EPOCHREALTIME
    emulate 'set a both blackout=no'
    wait "$stream" "$ping_pid"
    : >"$dir/watch.txt"
    python gaps "$dir/stream.txt" "$dir/ping.txt" "$dir/watch.txt" "$began" "$ended" 0 "$before" "$(processors)" >"$dir/gaps.txt" || die 'no figures'
    record "failover - up $(cat "$dir/gaps.txt")"
    python report --seconds "$dir/stream.txt" >"$dir/seconds.txt"
    client_stop
}

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

# stability: four flows of TCP, half of the time each way; the daemons' memory each minute
stability() {
    local second direction flow
    client_start a b
    for direction in up down; do
        options_of cubic4 "$direction"
        in_ns "$client" iperf3 -c 10.77.0.1 -p 5203 -t $((minutes * 30)) "${options[@]}" >/dev/null 2>&1 &
        flow=$!
        pids+=("$flow")
        for ((second = 0; second < minutes * 30; second += 60)); do
            echo "$direction $(rss "$client_pid") $(rss "$server_pid")" >>"$memory"
            sleep $((minutes * 30 - second < 60 ? minutes * 30 - second : 60))
        done
        echo "$direction $(rss "$client_pid") $(rss "$server_pid")" >>"$memory"
        wait "$flow"
    done
    client_stop
}

emulator_start "${SEED:-1}" a b
buffers
lines
start "$server" iperf-plain iperf3 -s --forceflush -p 5201
server_start
start "$server" stream /usr/bin/python3 -B "$top/tests/lab/stream.py" serve 10.77.0.1 5300 "$dir/stream.txt"
until_true 5 grep -q listening "$dir/stream.log" || die 'the stream server does not listen'
client_start a b
mtu=$(tunnel_mtu)
client_stop
for ((number = 1; number <= rounds; number++)); do
    throughput
    udp_sweep
done
failover
stability
{
    cat <<END
# Two lines, one tunnel: a site's report

Made by \`sudo make -C build bench-report\` (tests/lab/report.sh). Line a carries 700 Mbit/s to the server and 520 to the client with 15 ms each way, line b 350 and 260 with 20 ms;
the server listens at UDP port 443. TCP is one flow of cubic, whose buffers may grow to 32 MB; runs of $seconds s after $skip s, medians of $rounds; a run with more than 2 % steal time was repeated ($(repeated) times).

$(machine)
END
    python report "$results" "$dir/seconds.txt" "$memory" "$mtu" "$fails_at" "$returns_at"
} >"$out"
cat "$out"
[ ! -w "$top/doc" ] || [ -n "${KEEP_DOCUMENT:-}" ] || cp "$out" "$document"
