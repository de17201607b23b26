#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long traffic stops when one of two paths fails, and how soon the path is used again: every scheduler, every way to fail, with a TCP flow to the server
# and one to the client. "make bench-failover" calls this as root. Prints Markdown, also written to doc/failover.md.
#
#      server ══╦═ emulator: path a, 150 Mbit/s, 10 ms ═╦══ client        tunnel 10.77.0.1 ─── 10.77.0.x
#               ╚═ emulator: path b, 150 Mbit/s, 10 ms ═╝
#
# How it works: one TCP flow (cubic) whose receiver writes down when bytes came, and a hundred pings a second. After $before s the path that carries more
# fails, for $away s, and returns; then $after s more. The longest wait for a ping's answer and for bytes is looked for from the event to
# its end. A path is used again when it carries half of what it carried before, for 100 ms, as the emulator counts.
#
# SCHEDULERS (all), EVENTS (all, see event_begin), DIRECTIONS (up down), ROUNDS (1), LANES (1). DELAY (10), RATE (150), JITTER (0): of both paths.
# KEEP_RUNS: a directory that gets what each run saw.
LANES=${LANES:-1}
. "$(dirname "$0")/tunnel.sh"

delay=${DELAY:-10}
rate=${RATE:-150}
jitter=${JITTER:-0}
before=3
away=2
after=2.5
rounds=${ROUNDS:-1}
out=$build/failover.md
document=$top/doc/failover.md

events=(hole hole-up hole-down client-link server-link client-address client-flap rebinding server-restart)

schedulers() { sed -n 's/^SCHEDULER([A-Z]*, \([a-z]*\),.*/\1/p' "$top/daemon/bond/sched.def"; }

# event_begin EVENT PATH / event_end EVENT PATH
event_begin() {
    case $1 in
    hole) emulate "set $2 both blackout=yes" ;;
    hole-up) emulate "set $2 up blackout=yes" ;;
    hole-down) emulate "set $2 down blackout=yes" ;;
    client-link) ip -n "$client" link set dev "$2" down ;;
    server-link) ip -n "$server" link set dev "$2" down ;;
    client-address) ip -n "$client" address del "10.$(path_number "$2").0.2/24" dev "$2" ;;
    client-flap) flap "$2" ;;
    rebinding) rebind "$2" ;;
    server-restart) restart ;;
    *) die "there is no event $1" ;;
    esac
}

event_end() {
    case $1 in
    hole*) emulate "set $2 both blackout=no" ;;
    client-link | client-flap) ip -n "$client" link set dev "$2" up && path_route "$2" ;;
    server-link) ip -n "$server" link set dev "$2" up ;;
    client-address) ip -n "$client" address add "10.$(path_number "$2").0.2/24" dev "$2" && path_route "$2" ;;
    rebinding) in_ns "$server" nft delete table ip rebinding ;;
    esac
}

# flap PATH: the client's device goes down and up five times a second, down last
flap() {
    local end=$((${EPOCHREALTIME/./} + away * 1000000))
    while [ "${EPOCHREALTIME/./}" -lt "$end" ]; do
        ip -n "$client" link set dev "$1" up && path_route "$1"
        sleep 0.1
        ip -n "$client" link set dev "$1" down
        sleep 0.1
    done
}

# rebind PATH: the server sees the client at another address of that path, and what it sends to the old one is lost
rebind() {
    local net
    net=10.$(path_number "$1").0
    in_ns "$server" nft -f - <<END || die 'nft cannot translate addresses'
table ip rebinding {
    chain in { type filter hook prerouting priority -300; iifname "$1" ip saddr $net.2 ip saddr set $net.77; }
    chain out {
        type filter hook postrouting priority 300
        oifname "$1" ip daddr $net.2 drop
        oifname "$1" ip daddr $net.77 ip daddr set $net.2
    }
}
END
}

# restart: the server is killed without a word, and another started
restart() {
    kill -KILL "$server_pid"
    wait "$server_pid" 2>/dev/null
    start "$server" server "$mpvpnd" -v -c "$dir/$tag-server.conf"
    server_pid=$last_pid
}

# watch PATH DIRECTION SECONDS: a line "unix-time bytes" each 20 ms or so in $dir/watch.txt
watch() {
    local end
    end=$(awk -v now="$EPOCHREALTIME" -v seconds="$3" 'BEGIN { printf "%.0f", (now + seconds) * 1e6 }')
    : >"$dir/watch.txt"
    while [ "${EPOCHREALTIME/./}" -lt "$end" ]; do
        emulate "stats $1"
        echo "$EPOCHREALTIME $(emulator_value "$2_out_bytes")" >>"$dir/watch.txt"
        sleep 0.02
    done
}

# busier DIRECTION: the path that carries more now, in $busy, and what it carries, in bit/s, in $busy_bps
busier() {
    local name start bits
    start=$EPOCHREALTIME
    emulate 'reset a'
    emulate 'reset b'
    sleep 1
    busy_bps=0
    for name in a b; do
        emulate "stats $name"
        bits=$(awk -v bytes="$(emulator_value "$1_out_bytes")" -v start="$start" -v now="$EPOCHREALTIME" 'BEGIN { printf "%d", bytes * 8 / (now - start) }')
        if [ "$bits" -gt "$busy_bps" ]; then busy=$name busy_bps=$bits; fi
    done
    [ "$busy_bps" -gt 0 ] || die 'no path carries anything'
}

# keep_run NAME FILE BEGAN ENDED: what a run saw goes to $KEEP_RUNS
keep_run() {
    local to
    to=$KEEP_RUNS/$number-$1
    mkdir -p "$to" && ctl server --json stats >"$to/server-stats.json"
    ctl client --json stats >"$to/client-stats.json"
    in_ns "$server" nstat -asz 'Tcp*' >"$to/server-nstat.txt"
    in_ns "$client" nstat -asz 'Tcp*' >"$to/client-nstat.txt"
    cp "$2" "$dir/ping.txt" "$dir/watch.txt" "$dir"/*.log "$to" && echo "$3 $4 $busy" >"$to/event.txt"
}

# rest SECONDS SINCE: sleep until so long after a time (of $EPOCHREALTIME)
rest() { sleep "$(awk -v seconds="$1" -v since="$2" -v now="$EPOCHREALTIME" 'BEGIN { left = since + seconds - now; print (left > 0 ? left : 0) }')"; }

# fail SCHEDULER EVENT DIRECTION: one run; a line of the results
fail() {
    local stream ping_pid length began ended file processors_before
    length=$(awk -v a="$before" -v b="$away" -v c="$after" 'BEGIN { print a + b + c + 1 }')
    processors_before=$(processors)
    if [ "$3" = up ]; then
        in_ns "$client" timeout 60 /usr/bin/python3 -B "$top/tests/lab/stream.py" send 10.77.0.1 5300 "$length" cubic &
        file=$dir/stream-server.txt
    else
        file=$dir/stream-client.txt
        in_ns "$client" timeout 60 /usr/bin/python3 -B "$top/tests/lab/stream.py" receive 10.77.0.1 5300 "$length" cubic "$file" &
    fi
    stream=$!
    in_ns "$client" ping -D -i 0.01 -c "$(awk -v seconds="$length" 'BEGIN { print int(seconds * 100) }')" -W 2 10.77.0.1 >"$dir/ping.txt" 2>&1 &
    ping_pid=$!
    pids+=("$stream" "$ping_pid")
    sleep $((before - 1))
    busier "$3"
    began=$EPOCHREALTIME
    event_begin "$2" "$busy"
    rest "$away" "$began"
    ended=$EPOCHREALTIME
    event_end "$2" "$busy"
    watch "$busy" "$3" "$after"
    wait "$stream" "$ping_pid"
    kill -0 "$server_pid" "$client_pid" || die "a daemon is gone after $2 with $1"
    python gaps "$file" "$dir/ping.txt" "$dir/watch.txt" "$began" "$ended" "$busy_bps" "$processors_before" "$(processors)" >"$dir/gaps.txt" || die 'no figures'
    record "$1 $2 $3 $(cat "$dir/gaps.txt")"
    [ -z "${KEEP_RUNS:-}" ] || keep_run "$1-$2-$3" "$file" "$began" "$ended"
    until_true 20 paths_up 2 || die "after $2 with $1 the path does not come back"
}

# lane: every scheduler, with this lane's events
lane() {
    local path number scheduler event direction
    emulator_start "$((${SEED:-1} + LANE))" a b
    for path in a b; do set_links "$path" "rate=${rate}M delay=${delay}ms jitter=${jitter}ms packets=1000"; done
    server_start
    start "$server" stream /usr/bin/python3 -B "$top/tests/lab/stream.py" serve 10.77.0.1 5300 "$dir/stream-server.txt"
    until_true 5 grep -q listening "$dir/stream.log" || die 'the stream server does not listen'
    client_start a b
    for ((number = 1; number <= rounds; number++)); do
        for scheduler in ${SCHEDULERS:-$(schedulers)}; do
            ctl client scheduler set "$scheduler" >/dev/null || die "no scheduler $scheduler"
            for event in ${EVENTS:-${events[@]}}; do
                my_turn || continue
                for direction in ${DIRECTIONS:-up down}; do fail "$scheduler" "$event" "$direction"; done
            done
        done
    done
}

in_lanes
{
    cat <<END
# Failover

Made by \`sudo make -C build bench-failover\` (tests/lab/failover.sh), which says how it measures. Two paths of $rate Mbit/s, $delay ms each way${JITTER:+ ± $JITTER ms}; one TCP
flow of cubic and a hundred pings a second. The longest wait for an answer of a ping, and for bytes of the flow, ms: in the $before seconds before the path that carries more
fails, while it is away, and after its return; how many pings had no answer; and how long after its return the path carried half of what it did before, s. Worst of $rounds run(s), $lanes measured at once.
The goal is 100 ms + RTT + 4 × jitter = $((100 + 2 * delay + 4 * jitter)) ms (a ping's wait has its own 10 ms in it), in use within 1 s, and no ping lost with redundant.

hole: nothing passes, without any event; hole-up, hole-down: to the server, to the client only; client-link, server-link: the device is down at that end;
client-address: the client's address is removed; client-flap: the device goes down and up five times a second; rebinding: a NAT gives the client another address, and the
former one back; server-restart: it is killed without a word and started again, where no ping shall wait longer than a second (the flow's own time-outs decide when bytes follow).

$(machine)
END
    python failover "$results" "$((100 + 2 * delay + 4 * jitter))"
} >"$out"
cat "$out"
[ ! -w "$top/doc" ] || [ -n "${KEEP_DOCUMENT:-}" ] || cp "$out" "$document"
