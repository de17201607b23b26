#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a second worker brings: clients, each in a namespace of its own, download and upload at once by TCP through one server, with one
# worker and with several, interleaved.
# Needs root and iperf3. usage: workers.sh [CLIENTS [SECONDS [ROUNDS [WORKERS...]]]]
. "$(dirname "$0")/../netns/lib.sh"
clients=${1:-4} seconds=${2:-5} rounds=${3:-3}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- 1 2
ticks=$(getconf CLK_TCK)

ns_new server
keys
user
names=()
for ((i = 1; i <= clients; i++)); do
    ns_new "c$i"
    ns="c$i"
    link "$server" "v$i" "10.9.$i.1/24" "${!ns}" veth "10.9.$i.2/24"
    client_config "c$i" "Server=10.9.$i.1:443"
    names+=("c$i")
done
for ((i = 1; i <= clients; i++)); do start "$server" iperf iperf3 -s -p $((5200 + i)); done

# sum of the rates that the clients' iperf3 say, Mbit/s
total() { /usr/bin/python3 -c 'import json, sys; print(round(sum(json.load(open(n))["end"]["sum_received"]["bits_per_second"] for n in sys.argv[1:]) / 1e6))' "$@"; }

round() { # OPTION...: one measurement of all clients at once
    local i ns pid_list=()
    for ((i = 1; i <= clients; i++)); do
        ns="c$i"
        ip netns exec "${!ns}" iperf3 -c 10.77.0.1 -p $((5200 + i)) -t "$seconds" -J "$@" >"$dir/run$i.json" 2>&1 &
        pid_list+=($!)
    done
    wait "${pid_list[@]}"
    total "$dir"/run*.json
}

echo "workers sessions_per_worker down_mbit up_mbit server_cpu_s_per_gb handed_over"
for ((r = 0; r < rounds; r++)); do
    for workers in "$@"; do
        server_config "Workers = $workers" "MaxSessionsPerUser = 100"
        daemon "$server" server || die 'the server does not start'
        server_pid=$last_pid
        started=()
        for name in "${names[@]}"; do daemon "${!name}" "$name" && pings "${!name}" 10.77.0.1 && started+=("$last_pid"); done
        spread=$(value server '"+".join(str(sum(s["worker"] == w for s in j["sessions"])) for w in range('"$workers"'))' session list)
        cpu=$(awk '{ print $14 + $15 }' "/proc/$server_pid/stat")
        down=$(round -R) up=$(round)
        cpu=$(($(awk '{ print $14 + $15 }' "/proc/$server_pid/stat") - cpu))
        handed=$(value server 'j["session"]["handed_over_packets"]' stats)
        echo "$workers $spread $down $up $(awk -v c="$cpu" -v t="$ticks" -v m="$((down + up))" -v s="$seconds" 'BEGIN { printf "%.2f", c / t / (m * s / 8000) }') $handed"
        for pid in "${started[@]}" "$server_pid"; do stop "$pid"; done
    done
done
