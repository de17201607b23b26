#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab's link emulator against its own settings, as its counters and the kernel's tell: rate, delay, spread of the jitter, order, loss, a blackout,
# changes while packets pass, a path's independence of another, commands that are refused.
#
#      server  a 10.1.0.1 ═══ emulator ═══ 10.1.0.2 a  client
#              b 10.2.0.1 ═══ emulator ═══ 10.2.0.2 b
. "$(dirname "$0")/../lab/lib.sh"

emulator_start 7 a b

# send PATH COUNT BYTES MICROSECONDS: so many UDP packets of so many bytes of IP from the client, one each interval, to a port where nobody listens;
# wait until the link is empty. The answer is the path's statistics; $arrived is how many the server's kernel counted.
send() {
    local number before
    number=$(path_number "$1")
    before=$(no_ports)
    emulate "reset $1"
    in_ns "$client" /usr/bin/python3 - "10.$number.0.1" "$2" "$3" "$4" <<'END'
import socket, sys, time
address, count, size, interval = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]) * 1e-6
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
start = time.monotonic()
for i in range(count):
    wait = start + i * interval - time.monotonic()
    if wait > 0.0005:
        time.sleep(wait)
    while True:
        try:
            s.sendto(bytes(size - 28), (address, 4242))
            break
        except ConnectionRefusedError:
            pass
END
    until_true 20 link_is_empty "$1"
    emulate "stats $1"
    arrived=$(($(no_ports) - before))
}

no_ports() { in_ns "$server" awk '/^Udp:/ { n = $3 } END { print n }' /proc/net/snmp; }

link_is_empty() {
    emulate "stats $1"
    [ "$(emulator_value up_in)" = $(($(emulator_value up_out) + $(emulator_value up_lost) + $(emulator_value up_dropped) +
        $(emulator_value up_policed) + $(emulator_value up_blacked))) ]
}

# near NAME KEY WANTED TOLERANCE: a number of the answer is so close
near() {
    local got
    got=$(emulator_value "$2")
    check "$1: $2=$got is $3 ± $4" awk -v got="$got" -v wanted="$3" -v tolerance="$4" \
        'BEGIN { d = got - wanted; exit !(got != "" && d <= tolerance && d >= -tolerance) }'
}

check 'pings pass by both paths' pings "$client" 10.1.0.1 10.2.0.1

# --- rate ---
# More than the link holds at once: it never waits for the sender.
emulate 'set a up rate=20M packets=3000'
send a 5000 1462 0
near 'a packet of 1462 bytes costs 1500: the model' up_rate_bps 20000000 400000
near 'and the clock' up_written_bps 20000000 400000
check 'what exceeds the rate is dropped' test "$(emulator_value up_dropped)" -gt 1000
is 'the kernel got what came out' "$arrived" "$(emulator_value up_out)"
emulate 'set a up rate=5M'
send a 1500 1462 0
near 'another rate, set while the path is up' up_written_bps 5000000 100000

# --- delay ---
emulate 'set a both rate=0 delay=20ms packets=1000'
emulate 'reset a'
rtt=$(in_ns "$client" ping -q -c 30 -i 0.02 10.1.0.1 | sed -n 's|^rtt min[^=]*= \([0-9.]*\)/.*|\1|p')
emulate 'stats a'
near 'the delay of the model' up_delay_us 20000 10
near 'the other way too' down_delay_us 20000 10
check "the shortest round trip is 40 to 45 ms: $rtt" awk -v rtt="$rtt" 'BEGIN { exit !(rtt >= 40 && rtt < 45) }'

# --- jitter ---
emulate 'set a up delay=40ms jitter=5ms reorder=yes'
send a 4000 100 250
near 'jitter that may reorder: mean' up_delay_us 40000 500
near 'jitter that may reorder: deviation' up_deviation_us 5000 300
check 'it reorders' test "$(emulator_value up_reordered)" -gt 1000
emulate 'set a up reorder=no'
send a 4000 100 250
is 'jitter that keeps the order' "$(emulator_value up_reordered)" 0
check 'costs more delay' test "$(emulator_value up_delay_us)" -gt 45000

# --- loss ---
emulate 'set a up delay=0 jitter=0 loss=2%'
send a 20000 100 50
near '2 % are lost' up_lost 400 100
is 'the others arrive' "$arrived" "$(emulator_value up_out)"
emulate 'set a up loss=0 burst-enter=1% burst-leave=20% burst-loss=100%'
send a 20000 100 50
near 'bursts of losses' up_lost 952 250
emulate 'set a up burst-enter=0 burst-leave=100%'

# --- blackout ---
emulate 'set a both blackout=yes'
refuses 'nothing passes in a blackout' in_ns "$client" ping -c 3 -i 0.1 -W 0.3 10.1.0.1
check 'the other path does not mind' pings "$client" 10.2.0.1
emulate 'set a both blackout=no'
check 'it ends' pings "$client" 10.1.0.1

# --- a policer ---
emulate 'set a up police=4M police-burst=15000'
send a 4000 462 500
near 'of 8 Mbit/s 4 are let through, and a burst' up_rate_bps 4060000 100000
emulate 'set a up police=0'

# --- commands ---
refused() {
    refuses "refused: $*" emulator_ask "$*"
    like 'with a reason' "$answer" '^error .'
}
refused 'set c up rate=5M'
refused 'set a sideways rate=5M'
refused 'set a up rate=fast'
refused 'set a up rate=1M color=red'
refused 'jump'
refused 'stats'
refused ''
emulate 'set b up delay=30ms'
emulate 'reset b'
check 'a refused line has changed nothing' pings "$client" 10.2.0.1
refuses 'a path needs two devices' "$emulator" "x=$server:x"
refuses 'and a namespace' "$emulator" "x=nowhere:x,$server:x"

emulate 'quit'
check 'it ends when told' until_true 5 eval "! kill -0 $emulator_pid"
finish
