#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whether the daemons grow: a bonded client and a server under a mixed load with everything that happens to a tunnel in a long time, minute after minute.
#
#      server ══╦═ fibre ═╦══ client      guest ─── server: comes and goes
#               ╚═ wifi ══╝
#
# Each minute: TCP and UDP of a kind that changes (one to sixteen flows, both directions, packets of 64 to 8,000 bytes) at $RATE Mbit/s (30) in all; a path is down for ten
# seconds, the other one in the next minute; both daemons reload; a guest connects, pings and leaves, killed without a word each third time; somebody asks
# with a wrong token; each list and count is read. Then the memory, descriptors and threads of both daemons are written down.
#
# "make bench-soak" calls this as root. MINUTES (60), RATE (30, Mbit/s). Prints Markdown, also written to doc/soak.md (not with KEEP_DOCUMENT=1). Fails when a daemon ends,
# or has more descriptors or a megabyte more of memory at the end than after a sixth of the time.
. "$(dirname "$0")/../netns/lib.sh"
command -v iperf3 >/dev/null || die 'iperf3 is missing; contrib/setup.sh installs it'
minutes=${MINUTES:-60}
rate=${RATE:-30}
out=$build/soak.md
document=$top/doc/soak.md
table=$dir/soak.txt

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
descriptors() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
threads() { awk '/^Threads/ { print $2 }' "/proc/$1/status"; }
state() { echo "$(rss "$1") $(descriptors "$1") $(threads "$1")"; }

# load MINUTE: 50 s of traffic in the background
load() {
    local options
    case $(($1 % 6)) in
    0) options="-b ${rate}M" ;;
    1) options="-R -P 4 -b $((rate * 1000 / 4))K" ;;
    2) options="--bidir -b $((rate * 1000 / 2))K" ;;
    3) options="-u -l 64 -b $((rate * 1000 / 10))K" ;;
    4) options="-u -R -l 8000 -b ${rate}M" ;;
    5) options="-P 16 -b $((rate * 1000 / 16))K" ;;
    esac
    # shellcheck disable=SC2086
    start "$client" load iperf3 -c 10.77.0.1 -t 50 $options
}

# guest MINUTE: one more client comes and goes; then one with a wrong token is refused
guest() {
    local pid
    daemon "$guest" guest || die "the guest does not start: $(tail -n 3 "$dir/guest.log")"
    pid=$last_pid
    pings "$guest" 10.77.0.1 || die 'the guest has no tunnel'
    stop "$pid" "$([ $(($1 % 3)) = 0 ] && echo KILL || echo TERM)"
    start "$guest" stranger timeout 3 "$mpvpnd" -c "$dir/$tag-stranger.conf"
}

# minute NUMBER: what happens in it
minute() {
    local device name list
    device=$([ $(($1 % 2)) = 0 ] && echo fibre || echo wifi)
    load "$1"
    sleep 8
    guest "$1"
    ip -n "$client" link set "$device" down
    sleep 10
    ip -n "$client" link set "$device" up
    until_true 5 link_is_up "$client" "$device" && three_routes
    kill -HUP "$server_pid" "$client_pid"
    for name in server client; do
        for list in stats 'session list' 'path list' 'user list' explain; do
            # shellcheck disable=SC2086
            ctl "$name" $list >/dev/null 2>&1
        done
    done
}

three_links
ns_new guest
link "$server" office 10.9.0.1/24 "$guest" veth 10.9.0.2/24
server_config
bonded_config client fibre wifi
client_config guest Server=10.9.0.1:443
client_config stranger Server=10.9.0.1:443 Token=no-such-token-as-this-one-000000
daemon "$server" server || die 'the server does not start'
server_pid=$last_pid
daemon "$client" client || die 'the client does not start'
client_pid=$last_pid
pings "$client" 10.77.0.1 || die 'there is no tunnel'
iperf_server
echo "0 $(state "$client_pid") $(state "$server_pid")" >"$table"
for ((number = 1; number <= minutes; number++)); do
    began=$SECONDS
    minute "$number"
    while [ $((SECONDS - began)) -lt 60 ]; do sleep 0.5; done
    kill -0 "$server_pid" "$client_pid" || die "a daemon has ended in minute $number"
    echo "$number $(state "$client_pid") $(state "$server_pid")" >>"$table"
    # What the daemons and iperf3 say shall not fill this machine's disk.
    for log in "$dir"/*.log; do [ "$(stat -c %s "$log")" -lt 10000000 ] || : >"$log"; done
done
bytes=$(value client 'round((j["session"]["bytes_up"] + j["session"]["bytes_down"]) / 1e9, 1)' stats)
connects=$(value client 'j["session"]["connects"]' stats)

# grown COLUMN: how much more a figure is at the end than after a sixth of the time
grown() {
    awk -v column="$1" -v from=$((minutes / 6)) 'NR == from + 1 { first = $column } { last = $column } END { print last - first }' "$table"
}

{
    cat <<END
# Whether the daemons grow

Made by \`sudo make -C build bench-soak\` (tests/bench/soak.sh): a bonded client and a server under a mixed load at $rate Mbit/s, each minute of another kind, with a path that goes down
for ten seconds, reloads, a client that comes and goes, and one with a wrong token.

$(date -u +%Y-%m-%d), $(nproc) processors ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $("$mpvpnd" --version | head -n 1); $minutes minutes, $bytes GB through the tunnel, connected $connects time(s).

| minute | client: RSS, KB | descriptors | threads | server: RSS, KB | descriptors | threads |
|---|---|---|---|---|---|---|
$(awk -v every=$((minutes > 12 ? 5 : 1)) '$1 % every == 0 { printf "|"; for (i = 1; i <= NF; i++) printf " %s |", $i; print "" }' "$table")

Since minute $((minutes / 6)): client $(grown 2) KB and $(grown 3) descriptors more, server $(grown 5) KB and $(grown 6).
END
} >"$out"
cat "$out"
[ ! -w "$top/doc" ] || [ -n "${KEEP_DOCUMENT:-}" ] || cp "$out" "$document"
for column in 2 5; do [ "$(grown $column)" -le 1024 ] || failures=1; done
for column in 3 6; do [ "$(grown $column)" -le 0 ] || failures=1; done
exit $failures
