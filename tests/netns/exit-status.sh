#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What mpvpnd ends with: a fault that stays until somebody mends it is told from one that may pass, so that systemd does not start the
# daemon again for the first and does for the second.
#
#      server  (lo)
. "$(dirname "$0")/lib.sh"

# Statuses after which systemd leaves each unit alone.
units=$(cat "$top"/contrib/systemd/*.service.in)
is 'both units name the same statuses' "$(sed -n 's/^RestartPreventExitStatus=//p' <<<"$units" | sort | uniq -c | awk '{ print $1 }')" 2
final=" $(sed -n 's/^RestartPreventExitStatus=//p' <<<"$units" | head -n 1) "

# ends WANTED OPTION...: mpvpnd, within ten seconds, with that status; what it said is in $said
ends() {
    local wanted=$1 status
    shift
    said=$(in_ns "$server" timeout 10 "$mpvpnd" "$@" 2>&1)
    status=$?
    [ $status = "$wanted" ] || { echo "$status, not $wanted: $said"; return 1; }
}

# lasts / passes NAME REGEX: the server's configuration has a fault that --check finds, too / that only a start finds
lasts() {
    for option in --check --verbose --daemon; do
        check "$1 ($option)" ends 6 $option -c "$dir/$tag-server.conf"
        like 'and is told' "$said" "$2"
    done
}
passes() {
    for option in --verbose --daemon; do
        check "$1 ($option)" ends 1 $option -c "$dir/$tag-server.conf"
        like 'and is told' "$said" "$2"
    done
}

ns_new server
keys
user
for status in 2 6; do like "systemd leaves a unit alone that ended with $status" "$final" " $status "; done
is 'but not one that ended with 1' "$(grep -c ' 1 ' <<<"$final")" 0

check 'an option that there is not' ends 2 --frobnicate
check 'no configuration' ends 2 --check
check 'a word too many' ends 2 -c "$dir/$tag-server.conf" more

lasts 'a configuration that is missing' 'No such file'
server_config 'Pol = 10.0.0.0/24'
lasts 'a key that there is not' 'Pol: unknown key'
server_config
sed -i 's/^RunAs = .*/RunAs = no-such-user/' "$dir/$tag-server.conf"
lasts 'a user that there is not' '"no-such-user" is no user of this system'
server_config
sed -i "s|^Certificate = .*|Certificate = $dir/missing.crt|" "$dir/$tag-server.conf"
lasts 'a certificate that is missing' 'missing.crt'
"$mpvpnctl" keygen "$dir" other >"$dir/output" || die 'keygen failed'
sed -i "s|^Certificate = .*|Certificate = $dir/other.crt|" "$dir/$tag-server.conf"
lasts 'a certificate of another key' 'the private key does not belong to the certificate'
server_config
printf '[User alice]\nTokenHash = %s\n' "$token_hash" >"$dir/users"
lasts 'a users file that does not go with it' 'there is a user of this name already'
rm "$dir/users"
client_config server ServerPin=''
sed -i "s|^\[Tunnel\]|CertificateAuthority = $dir/keygen.txt\n&|" "$dir/$tag-server.conf"
lasts 'a file of authorities without one' 'no certificate of an authority in it'

server_config 'Listen = 192.0.2.77:443'
passes 'an address that it does not have' '192.0.2.77'
server_config
sed -i "s|^\[Server\]|[Tunnel]\nDevice = lo\n&|" "$dir/$tag-server.conf"
passes 'a device that is another' 'lo'
sed -i 's/^Device = .*/Device = mpvpn0/' "$dir/$tag-server.conf"
in_ns "$server" bash -c 'ulimit -n 4; exec "$@"' - "$mpvpnd" -c "$dir/$tag-server.conf" >"$dir/output" 2>&1
is 'no descriptor to look its user up with' "$?" 1
like 'and is told' "$(cat "$dir/output")" 'Too many open files'

# TLS draws from /dev/urandom unless wolfSSL was built to ask the kernel.
server_config
without_devices() { unshare --mount --propagation private bash -c 'mount -t tmpfs tmpfs /dev && exec "$@"' - "$@"; }
said=$(without_devices "$mpvpnd" --check -c "$dir/$tag-server.conf" 2>&1)
is 'without a source of randomness it is a failure, or there is one' "$? $said" "$(case $said in *good) echo "0 $said" ;; *) echo '1 TLS finds no randomness: /dev/urandom cannot be read' ;; esac)"

# What is not there yet does not end it.
client_config client Server=no-such-name.invalid:443
sed -i 's/^\[Path .*/[Path missing0]/' "$dir/$tag-client.conf"
check 'a client without its link and with a name that nobody knows runs' daemon "$server" client
stop "$last_pid"
is 'and ends as told' "$?" 0
finish
