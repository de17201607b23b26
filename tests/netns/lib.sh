# SPDX-License-Identifier: GPL-2.0-or-later
# What the netns tests share: namespaces with names of their own, daemons in them, TAP. Sourced, never run.
#
# A test sources this, builds its network with ns_new and link, starts daemons with start (or server and client), and reports
# with ok, is and check. Everything made is gone at exit, also after a failure: namespaces by name, processes by their
# number, files with the directory $dir.
# shellcheck shell=bash
set -u
top=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
build=${top_builddir:-$top/build}
mpvpnd=$build/mpvpnd
mpvpnctl=$build/mpvpnctl
# A leak check at the end traces the process, which the daemon's system-call filter forbids; tests/sim looks for leaks.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
tests=0
failures=0
namespaces=()
pids=()

die() {
    echo "Bail out! $*"
    exit 99
}

[ "$(id -u)" = 0 ] || die 'network namespaces need root'
for tool in ip ping ethtool; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/mpvpn-test.XXXXXX") || die 'no temporary directory'
tag=mpv$$x$((RANDOM % 1000))

# is_ours PID: it runs, and this shell started it; a number may be somebody else's when its process ended long ago
is_ours() { [ "$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$1/stat" 2>/dev/null)" = $$ ]; }

cleanup() {
    local status=$? pid ns
    set +e
    for pid in "${pids[@]}"; do ! is_ours "$pid" || kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            is_ours "$pid" || break
            sleep 0.1
        done
        ! is_ours "$pid" || kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    for ns in "${namespaces[@]}"; do ip netns del "$ns" 2>/dev/null; done
    if [ $status != 0 ] || [ $failures != 0 ]; then
        for log in "$dir"/*.log; do
            [ ! -f "$log" ] || { echo "# ${log##*/}:"; tail -n 40 "$log" | sed 's/^/#   /'; }
        done
    fi
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# --- reporting -----------------------------------------------------------------------------------------------------------

# ok NAME / not_ok NAME [DETAIL]
ok() {
    tests=$((tests + 1))
    echo "ok $tests - $1"
}

not_ok() {
    tests=$((tests + 1))
    failures=$((failures + 1))
    echo "not ok $tests - $1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
}

# check NAME COMMAND...: passes when the command succeeds; its output is shown when it does not
check() {
    local name=$1
    shift
    # No subshell: what the command starts and sets must stay known.
    if "$@" >"$dir/output" 2>&1; then ok "$name"; else not_ok "$name" "$(cat "$dir/output")"; fi
}

# refuses NAME COMMAND...: passes when the command fails
refuses() {
    local name=$1
    shift
    if "$@" >"$dir/output" 2>&1; then not_ok "$name" "$(cat "$dir/output")"; else ok "$name"; fi
}

# is NAME GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got: $2
wanted: $3"; fi
}

# like NAME TEXT REGEX
like() {
    if grep -qE -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no match for $3 in: $2"; fi
}

# finish: the plan; the last line of every test
finish() {
    echo "1..$tests"
    [ $failures = 0 ]
    exit
}

# until_true SECONDS COMMAND...: run the command until it succeeds or the time is over
until_true() {
    local end=$((SECONDS + $1 + 1)) # SECONDS counts whole ones
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt "$end" ] || return 1
        sleep 0.1
    done
}

# --- the network ---------------------------------------------------------------------------------------------------------

# ns_new NAME...: make namespaces; $NAME becomes the name that the kernel knows it by
ns_new() {
    local name ns
    for name in "$@"; do
        ns=$tag-$name
        ip netns add "$ns" || die "cannot make the namespace $ns"
        namespaces+=("$ns")
        printf -v "$name" '%s' "$ns"
        ip -n "$ns" link set lo up
        in_ns "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 2>/dev/null
    done
}

# in_ns NS COMMAND...
in_ns() {
    local ns=$1
    shift
    ip netns exec "$ns" "$@"
}

# link NS1 DEV1 ADDRESS1 NS2 DEV2 ADDRESS2 [MTU]: join two namespaces; ADDRESS is a list with commas, each with its length
link() {
    local mtu=${7:-1500} address
    ip -n "$1" link add "$2" mtu "$mtu" type veth peer name "$5" mtu "$mtu" netns "$4" || die "cannot make the link $2"
    for address in ${3//,/ }; do ip -n "$1" address add "$address" dev "$2" nodad 2>/dev/null || ip -n "$1" address add "$address" dev "$2"; done
    for address in ${6//,/ }; do ip -n "$4" address add "$address" dev "$5" nodad 2>/dev/null || ip -n "$4" address add "$address" dev "$5"; done
    ip -n "$1" link set "$2" up
    ip -n "$4" link set "$5" up
    # The kernel tells of carrier up to a second late.
    until_true 5 link_is_up "$1" "$2" && until_true 5 link_is_up "$4" "$5" || die "the link $2 does not come up"
}

link_is_up() { ip -n "$1" link show "$2" | grep -q 'state UP'; }

# --- processes -----------------------------------------------------------------------------------------------------------

# start NS LOGNAME COMMAND...: run in the background; its output goes to $dir/LOGNAME.log, its number to $last_pid
start() {
    local ns=$1 log=$2
    shift 2
    ip netns exec "$ns" "$@" >>"$dir/$log.log" 2>&1 &
    last_pid=$!
    pids+=("$last_pid")
}

# stop PID [SIGNAL]: end one process that start made; returns its exit status
stop() {
    local i
    kill "-${2:-TERM}" "$1" 2>/dev/null
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    wait "$1" 2>/dev/null
}

# keys: make the server's key and certificate in $dir; $pin is the pin that clients check
keys() {
    "$mpvpnctl" keygen "$dir" server >"$dir/keygen.txt" 2>&1 || die "keygen failed: $(cat "$dir/keygen.txt")"
    pin=$(grep -o 'sha256:[0-9A-Za-z+/=_-]*' "$dir/keygen.txt" | head -n 1)
}

# user: a random token in $token, and its hash as the configuration wants it in $token_hash. It begins with "-", as one in 64 that
# mpvpnd makes does: what takes it for an option fails each time.
user() {
    token=-$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
    token_hash=sha256:$(printf '%s' "$token" | sha256sum | cut -d' ' -f1)
}

# another_user NAME [LINE]: a user beside alice, for server_config, with a line of its section; the token is in $NAME, and alice's stays
# in $token
another_users=
another_user() {
    local token token_hash
    user
    printf -v "$1" '%s' "$token"
    printf -v another_users '%s[User %s]\nTokenHash = %s\n%s\n' "$another_users" "$1" "$token_hash" "${2:-}"
}

# config NAME: standard input becomes the configuration of the daemon NAME. It stays root, so that the tests see the same whether the
# machine has the user mpvpn or not; privileges.sh has daemons that become somebody else.
config() { { printf '[Daemon]\nRunAs = root\n' && cat; } >"$dir/$tag-$1.conf"; }

# daemon NS NAME: start mpvpnd with the configuration NAME and wait until it answers; its number is in $last_pid.
# Instances carry the test's tag in their names, so that tests do not meet in /run/mpvpn.
daemon() {
    start "$1" "$2" "$mpvpnd" -v -c "$dir/$tag-$2.conf"
    until_true 10 ctl "$2" version
}

# ctl NAME COMMAND...: mpvpnctl for the daemon of that name
ctl() {
    local name=$1
    shift
    "$mpvpnctl" -s "/run/mpvpn/$tag-$name.sock" "$@"
}

# --- the usual pair ------------------------------------------------------------------------------------------------------

# pair [MTU]: the namespaces $server and $client, joined by veth, 192.0.2.1 and 2001:db8::1 to 192.0.2.2 and 2001:db8::2; keys and a user
pair() {
    ns_new server client
    link "$server" veth 192.0.2.1/24,2001:db8::1/64 "$client" veth 192.0.2.2/24,2001:db8::2/64 "${1:-1500}"
    keys
    user
}

# server_config [LINE...]: a server at port 443 for the user alice with $token and those of another_user; the lines are added to [Server]
server_config() {
    {
        cat <<END
[Server]
Listen = [::]:443
Certificate = $dir/server.crt
PrivateKey = $dir/server.key
Pool = 10.77.0.0/24
Pool = fd77::/64
Users = $dir/users
END
        [ $# = 0 ] || printf '%s\n' "$@"
        printf '[User alice]\nTokenHash = %s\n%s' "$token_hash" "$another_users"
    } | config server
}

# client_config NAME [KEY=VALUE...]: a client of that server by 192.0.2.1 with the routes of its pools; Server, Token, ServerPin,
# Routes and Device can be given, an empty value leaves the key out
client_config() {
    local name=$1 Server=192.0.2.1:443 Token=$token ServerPin=$pin Routes='10.77.0.0/24 fd77::/64' Device='' key
    shift
    for key in "$@"; do local "$key"; done
    {
        echo '[Client]'
        for key in Server Token ServerPin; do [ -z "${!key}" ] || echo "$key = ${!key}"; done
        echo '[Tunnel]'
        for key in Routes Device; do [ -z "${!key}" ] || echo "$key = ${!key}"; done
        echo '[Path veth]'
    } | config "$name"
}

# both_start: the daemons of server_config and client_config; their numbers are in $server_pid and $client_pid
both_start() {
    check 'the server starts' daemon "$server" server
    server_pid=$last_pid
    check 'the client starts' daemon "$client" client
    client_pid=$last_pid
}

# none_lost LOG: ping -i 0.05 had answers without a gap until at most a second before it was ended; the last may have been on their way
none_lost() {
    local sent
    sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$dir/$1.log")
    awk -F 'icmp_seq=' -v sent="${sent:-0}" 'NF > 1 { count++; if ($2 + 0 > last) last = $2 + 0 } END { exit !(count > 0 && count == last && last > sent - 20) }' "$dir/$1.log"
}

# pings NS ADDRESS...: each answers within ten seconds
pings() {
    local ns=$1 address
    shift
    for address in "$@"; do until_true 10 in_ns "$ns" ping -c 1 -W 1 "$address" || return 1; done
}

# --- plain RFC 9484 peers ------------------------------------------------------------------------------------------------

# peer NS NAME OPTION...: start the hand-written peer; what it says goes to $dir/NAME.log, its number to $last_pid
peer() {
    local ns=$1 name=$2
    shift 2
    [ -p "$dir/$name.fifo" ] || mkfifo "$dir/$name.fifo"
    : >"$dir/$name.log"
    start "$ns" "$name" /usr/bin/python3 -B "$top/tests/netns/peer/peer.py" --commands "$dir/$name.fifo" "$@"
}

# tell NAME COMMAND...: have the peer of that name do something
tell() {
    local name=$1
    shift
    echo "$*" >"$dir/$name.fifo"
}

# said NAME REGEX: the peer, or daemon, of that name has said so
said() { grep -qE -- "$2" "$dir/$1.log"; }

# soon NAME REGEX: it says so within five seconds
soon() { until_true 5 said "$@"; }

# dropped NAME REASON: how many packets the daemon has dropped for that reason
dropped() { ctl "$1" stats --json | tr -d ' \n' | grep -o "\"$2\":[0-9]*" | head -n 1 | cut -d: -f2; }

# has_dropped NAME REASON COUNT: at least so many
has_dropped() { [ "$(dropped "$1" "$2")" -ge "$3" ]; }

# --- several paths -------------------------------------------------------------------------------------------------------

# three_links: the namespaces $server and $client, joined by fibre and wifi (IPv4, 203.0.113.1 behind both) and lte (IPv6); keys and a user
three_links() {
    ns_new server client
    link "$server" fibre 192.0.2.1/24 "$client" fibre 192.0.2.2/24
    link "$server" lte 2001:db8::1/64 "$client" lte 2001:db8::2/64
    link "$server" wifi 198.51.100.1/24 "$client" wifi 198.51.100.2/24
    ip -n "$server" address add 203.0.113.1/32 dev lo
    three_routes
    keys
    user
}

# three_routes: the client's ways to the server, which go with their link
three_routes() {
    ip -n "$client" route replace 203.0.113.1 via 192.0.2.1 dev fibre metric 1
    ip -n "$client" route replace 203.0.113.1 via 198.51.100.1 dev wifi metric 2
}

# shape MBIT DEVICE...: so much and no more goes over those links, either way
shape() {
    local rate=$1 device ns
    shift
    for device in "$@"; do
        for ns in "$server" "$client"; do
            tc -n "$ns" qdisc replace dev "$device" root tbf rate "${rate}mbit" burst 64kb latency 50ms || die 'links cannot be shaped'
        done
    done
}

# bonded_config NAME DEVICE...: a client of that server by those links
bonded_config() {
    local name=$1 device
    shift
    client_config "$name" Server=203.0.113.1:443
    sed -i '/^\[Path/d' "$dir/$tag-$name.conf"
    for device in "$@"; do
        echo "[Path $device]"
        [ "$device" != lte ] || echo 'Server = [2001:db8::1]:443'
    done >>"$dir/$tag-$name.conf"
}

# value NAME EXPRESSION COMMAND...: a Python expression over j, the daemon's answer to the command
value() {
    local name=$1 expression=$2
    shift 2
    ctl "$name" --json "$@" | /usr/bin/python3 -c 'import json, sys; j = json.load(sys.stdin); print(eval(sys.argv[1]))' "$expression"
}

# paths NAME: the client's paths with their states, by name
paths() { value "$1" '" ".join(sorted(p["path"] + "=" + p["state"] for p in j["paths"]))' path list; }

# path_value DEVICE KEY: a number of one path of the client
path_value() { value client "[p['$2'] for p in j['paths'] if p['path'] == '$1'][0]" path list; }

# paths_are WANTED / legs_are WANTED: the client's paths; how many legs each session of the server has
paths_are() { [ "$(paths client)" = "$1" ]; }
legs_are() { [ "$(value server '" ".join(str(len(s["legs"])) for s in j["sessions"])' session list)" = "$1" ]; }

# iperf_server: an iperf3 at the server's end of the tunnel
iperf_server() {
    start "$server" iperf iperf3 -s -B 10.77.0.1 --forceflush
    until_true 5 grep -q listening "$dir/iperf.log"
}

# iperf NAME OPTION...: an iperf3 run in the background from the client's end; its number is in $last_pid
iperf() {
    local name=$1
    shift
    rm -f "$dir/$name.log"
    start "$client" "$name" iperf3 -c 10.77.0.1 -J "$@"
}

# iperf_went_on NAME PID: it ends without an error, data came through each way, and the last two seconds were not empty
iperf_went_on() {
    wait "$2" || { tail -n 3 "$dir/$1.log"; return 1; }
    /usr/bin/python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
bits = [v["bits_per_second"] for k, v in j["end"].items() if k.startswith("sum_received")]
last = sum(i["sum"]["bytes"] for i in j["intervals"][-2:])
print(bits, [i["sum"]["bytes"] for i in j["intervals"]], j.get("error"))
sys.exit("error" in j or not bits or min(bits) < 1e5 or last == 0)' "$dir/$1.log"
}
