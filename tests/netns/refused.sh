#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A wrong token, pin or certificate is refused, with a reason at the client, and at the server where it is the server that refuses.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
. "$(dirname "$0")/lib.sh"

pair
server_config
check 'the server starts' daemon "$server" server

# says REGEX: the client's path list or log says so
says() { { ctl client path list; ctl client status; cat "$dir/client.log"; } 2>/dev/null | grep -qiE -- "$1"; }

# refused WHAT REGEX [KEY=VALUE...]: a client configured so gets no tunnel, and says why
refused() {
    local what=$1 regex=$2
    shift 2
    : >"$dir/client.log"
    client_config client "$@"
    check "$what: the client runs" daemon "$client" client
    check "$what: the client says why" until_true 10 says "$regex"
    like "$what: and what to do" "$(ctl client explain)" '^  .*(Token|ServerPin)'
    refuses "$what: no ping comes back" in_ns "$client" ping -c 1 -W 1 10.77.0.1
    stop "$last_pid"
}

refused 'a wrong token' '401' Token=bm90LXRoZS10b2tlbi1vZi1hbnlib2R5LWF0LWFsbA
like 'a wrong token: the server says why' "$(cat "$dir/server.log")" 'refused: 401'
sleep 1.5
refused 'no token' '401' Token=
# The server tells of refusals once a second at most.
sleep 1.5
refused 'a wrong pin' 'pin|certificate' "ServerPin=sha256:$(head -c 32 /dev/zero | sha256sum | cut -d' ' -f1)"
like 'a wrong pin: the server is told' "$(cat "$dir/server.log")" 'handshake failed: [^ ]'
refused 'a certificate that no authority signed' 'certificate|authority|self-signed|signer' ServerPin=

client_config client
check 'the right token and pin: the client runs' daemon "$client" client
check 'the right token and pin: a ping comes back' pings "$client" 10.77.0.1
finish
