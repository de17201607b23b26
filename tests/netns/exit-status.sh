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

around=() # a command that runs another
# ends WANTED OPTION...: mpvpnd, by $around, within ten seconds, with that status; what it said is in $said
ends() {
    local wanted=$1 status
    shift
    said=$(in_ns "$server" timeout 10 "${around[@]}" "$mpvpnd" "$@" 2>&1)
    status=$?
    [ $status = "$wanted" ] || { echo "$status, not $wanted: $said"; return 1; }
}

# lasts / fails / passes NAME REGEX: the configuration $file has a fault that --check finds, too / there is one that --check finds, too, but
# it is none of the configuration / only a start finds it
file=$dir/$tag-server.conf
each_ends() {
    local status=$1 options=$2 option
    shift 2
    for option in $options; do
        check "$1 ($option)" ends "$status" "$option" -c "$file"
        like 'and is told' "$said" "$2"
    done
}
lasts() { each_ends 6 '--check --verbose --daemon' "$@"; }
fails() { each_ends 1 '--check --verbose --daemon' "$@"; }
passes() { each_ends 1 '--verbose --daemon' "$@"; }

ns_new server
keys
user
for status in 2 6; do like "systemd leaves a unit alone that ended with $status" "$final" " $status "; done
is 'but not one that ended with 1' "$(grep -c ' 1 ' <<<"$final")" 0

check 'an option that there is not' ends 2 --frobnicate
check 'no configuration' ends 2 --check
check 'a word too many' ends 2 -c "$file" more

lasts 'a configuration that is missing' 'No such file'
server_config 'Pol = 10.0.0.0/24'
lasts 'a key that there is not' 'Pol: unknown key'
server_config
sed -i 's/^RunAs = .*/RunAs = no-such-user/' "$file"
lasts 'a user that there is not' '"no-such-user" is no user of this system'
server_config
sed -i "s|^Certificate = .*|Certificate = $dir/missing.crt|" "$file"
lasts 'a certificate that is missing' 'missing.crt'
"$mpvpnctl" keygen "$dir" other >"$dir/output" || die 'keygen failed'
sed -i "s|^Certificate = .*|Certificate = $dir/other.crt|" "$file"
lasts 'a certificate of another key' 'the private key does not belong to the certificate'
server_config
printf '[User alice]\nTokenHash = %s\n' "$token_hash" >"$dir/users"
lasts 'a users file that does not go with it' 'there is a user of this name already'
rm "$dir/users"
client_config server ServerPin=''
sed -i "s|^\[Tunnel\]|CertificateAuthority = $dir/keygen.txt\n&|" "$file"
lasts 'a file of authorities without one' 'no certificate of an authority in it'

server_config 'Listen = 192.0.2.77:443'
passes 'an address that it does not have' '192.0.2.77'
server_config
sed -i "s|^\[Server\]|[Tunnel]\nDevice = lo\n&|" "$file"
passes 'a device that is another' 'lo'
sed -i 's/^Device = .*/Device = mpvpn0/' "$file"
# Four are those of input and output and one to load libraries with, if a test's driver left none open.
in_ns "$server" bash -c 'for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
    ulimit -n 4; exec "$@"' - "$mpvpnd" -c "$file" >"$dir/output" 2>&1
is 'no descriptor to look its user up with' "$?" 1
like 'and is told' "$(cat "$dir/output")" 'Too many open files'

# The directory of a process that is gone answers as a disk may that is out of order for a while.
sleep 60 &
exec 9<"/proc/$!"
kill -9 "$!"
wait "$!" 2>/dev/null
server_config
sed -i 's|^Certificate = .*|Certificate = /proc/self/fd/9/status|' "$file"
fails 'a certificate on a disk that does not answer' '/proc/self/fd/9/status" cannot be read: No such process'

# FILE COMMAND...: for it the system's bundle of authorities is a link to that file, or missing where there is no name
with_roots=(unshare --mount --propagation private bash -c 'mount -t tmpfs tmpfs /etc/ssl && mkdir /etc/ssl/certs || exit 99
    [ ! -d /etc/pki/tls/certs ] || mount -t tmpfs tmpfs /etc/pki/tls/certs || exit 99
    [ -z "$1" ] || ln -s "$1" /etc/ssl/certs/ca-certificates.crt
    shift
    exec "$@"' -)
client_config client ServerPin=''
file=$dir/$tag-client.conf
around=("${with_roots[@]}" '')
lasts 'a system without authorities' 'the system has no bundle of certificate authorities'
around=("${with_roots[@]}" "$dir/keygen.txt")
lasts 'one whose bundle has none' '/etc/ssl/certs/ca-certificates.crt: no certificate of an authority in it'
around=("${with_roots[@]}" /proc/self/fd/9/status)
fails 'one whose bundle is on that disk' '/etc/ssl/certs/ca-certificates.crt: No such process'
exec 9<&-

# TLS draws from /dev/urandom unless wolfSSL was built to ask the kernel; whoever makes a key draws, too.
server_config
file=$dir/$tag-server.conf
around=(unshare --mount --propagation private bash -c 'mount -t tmpfs tmpfs /dev && exec "$@"' -)
if "${around[@]}" "$mpvpnctl" keygen "$dir" drawn >"$dir/output" 2>&1; then
    check 'wolfSSL needs no /dev to find randomness: the configuration is good' ends 0 --check -c "$file"
else
    like 'wolfSSL needs /dev to find randomness' "$(cat "$dir/output")" 'cannot make a key'
    fails 'without it it is a failure' 'TLS finds no randomness: /dev/urandom cannot be read'
fi
around=()

# What is not there yet does not end it.
client_config client Server=no-such-name.invalid:443
sed -i 's/^\[Path .*/[Path missing0]/' "$dir/$tag-client.conf"
check 'a client without its link and with a name that nobody knows runs' daemon "$server" client
stop "$last_pid"
is 'and ends as told' "$?" 0
finish
