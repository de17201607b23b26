# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the lab's scripts share: namespaces joined by the emulator, and its commands. Sourced, never run; sources tests/netns/lib.sh.
#
#      $server                         emulator                         $client
#      a   10.1.0.1  ───── TUN ─── up: to the server ─── TUN ─────  10.1.0.2  a
#      b   10.2.0.1  ───── TUN ── down: to the client ── TUN ─────  10.2.0.2  b
#      lo  203.0.113.1, which the client reaches by every path
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"
emulator=$build/tests/lab/emulator
lab_paths=()

# emulator_start SEED PATH...: the namespaces $server and $client, joined by paths of those names; the devices have the paths' names.
# The paths are wires without limits until they are set.
emulator_start() {
    local seed=$1 name specs=() number=0
    shift
    [ -x "$emulator" ] || die "$emulator is not built"
    ns_new server client
    for name in "$@"; do specs+=("$name=$client:$name,$server:$name"); done
    coproc emulator_process { exec "$emulator" -s "$seed" "${specs[@]}" 2>"$dir/emulator.log"; }
    emulator_pid=$emulator_process_PID
    pids+=("$emulator_pid")
    read -r answer <&"${emulator_process[0]}" || die "the emulator does not start: $(cat "$dir/emulator.log")"
    ip -n "$server" address add 203.0.113.1/32 dev lo
    for name in "$@"; do
        number=$((number + 1))
        path_address "$server" "$name" "10.$number.0.1"
        path_address "$client" "$name" "10.$number.0.2"
        lab_paths+=("$name")
        path_route "$name"
    done
}

# path_address NS PATH ADDRESS: one end of a path gets its address and is up
path_address() {
    ip -n "$1" address add "$3/24" dev "$2" && ip -n "$1" link set dev "$2" mtu 1500 up || die "cannot set up $2"
    in_ns "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1" 2>/dev/null
}

# path_number PATH: which of the paths it is, from 1
path_number() {
    local i
    for i in "${!lab_paths[@]}"; do [ "${lab_paths[i]}" != "$1" ] || echo $((i + 1)); done
}

# path_route PATH: the client's way to 203.0.113.1 by that path
path_route() {
    local number
    number=$(path_number "$1")
    ip -n "$client" route replace 203.0.113.1 via "10.$number.0.1" dev "$1" src "10.$number.0.2" metric "$number"
}

# emulator_ask COMMAND: its answer is in $answer; returns whether it begins with ok
emulator_ask() {
    echo "$*" >&"${emulator_process[1]}" && read -r -t 20 answer <&"${emulator_process[0]}" || die 'the emulator is gone'
    [[ $answer == ok* ]]
}

# emulate COMMAND: one that must succeed
emulate() { emulator_ask "$@" || die "emulator: $*: $answer"; }

# emulator_value KEY: a number of the last answer
emulator_value() {
    local word
    for word in $answer; do [[ $word != "$1="* ]] || echo "${word#*=}"; done
}

# set_links PATH SETTING...: both directions of a path
set_links() {
    local name=$1
    shift
    emulate "set $name both $*"
}
