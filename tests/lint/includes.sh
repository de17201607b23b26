#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Holds the rule of which room may include which: a room sees its own headers, common/'s, and those named here.
. "$(dirname "$0")/lib.sh"

# room and the rooms that it may include, besides itself and common/
rules='
common
packet
os packet
quic packet
masque packet quic
bond packet quic masque
ctl quic
'

# includes_of ROOM-DIRECTORY: "file:line:header" of every include in quotes
includes_of() {
    local file
    project_files "$1/*.c" "$1/*.h" | while read -r file; do
        sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file" | sed "s|^|$file includes |"
    done
}

while read -r room allowed; do
    [ -n "$room" ] || continue
    case $room in
    common | ctl) directory=$room ;;
    *) directory=daemon/$room ;;
    esac
    bad=$(includes_of "$directory" | awk -v room="$room" -v allowed="$allowed" '
        BEGIN { count = split(allowed, list, " "); for (i = 1; i <= count; i++) may[list[i]] = 1; may[room] = may["common"] = 1 }
        {
            if ($3 == "build-config.h") next
            slash = index($3, "/")
            target = slash ? substr($3, 1, slash - 1) : "."
            if (!(target in may)) print
        }')
    clean "$room includes only ${allowed:+$allowed, }itself and common" "$bad"
done <<<"$rules"

# The protocol rooms get time as an argument and make no system call.
bad=$(project_files 'daemon/packet/*.[ch]' 'daemon/quic/*.[ch]' 'daemon/masque/*.[ch]' 'daemon/bond/*.[ch]' |
    xargs -r grep -nE '\b(clock_gettime|gettimeofday|time\(NULL\)|clock_now|socket|sendmsg|recvmsg|io_uring_[a-z_]+|usleep|nanosleep)[[:space:]]*\(' |
    grep -vE '^[^:]*:[0-9]*:[[:space:]]*(\*|/\*|//)')
clean 'the protocol rooms read no clock and make no system call' "$bad"
finish
