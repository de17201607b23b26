#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The vocabularies (.def files) and the manual pages name the same things, both ways. Each list is brought to one line an entry
# from either side; a line of the difference beginning with "<" is missing in the manual, one with ">" in the table.
. "$(dirname "$0")/lib.sh"

# same NAME TABLE-LIST MANUAL-LIST
same() {
    local table manual
    table=$(sort <<<"$2")
    manual=$(sort <<<"$3")
    if [ -z "$2" ]; then
        not_ok "$1" 'the table is empty'
    else
        clean "$1" "$(diff <(echo "$table") <(echo "$manual") | grep '^[<>]')"
    fi
}

# rows FILE MACRO: the arguments of each row of a table, tabs between, quotes off
rows() {
    sed -n "s/^$2(\(.*\))\$/\1/p" "$1" | awk '{
        out = ""; quoted = 0
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            if (c == "\"") quoted = !quoted
            else if (c == "," && !quoted) { out = out "\t"; while (substr($0, i + 1, 1) == " ") i++ }
            else out = out c
        }
        print out
    }'
}

# items PAGE FROM TO: the list heads of a manual page between two lines, macros off
items() {
    awk -v from="$2" -v to="$3" 'index($0, from) == 1 { on = 1 } on && /^\.It / { print } on && index($0, to) == 1 { exit }' "$1" |
        sed -E 's/^\.It //; s/\b(Cm|Ar|Oo|Oc|Op|No|Va|Er)\b ?//g; s/ ?\bNs\b ?//g; s/\.\.\.//g; s/\bFl -/--/g; s/\bFl /-/g; s/  +/ /g; s/ +$//'
}

options() {
    rows "$1" OPTION | awk -F '\t' '{
        gsub(/\047/, "", $1); gsub(/_/, "-", $2); argument = $3 == "NULL" ? "" : " " $3
        print "-" $1 argument " , --" $2 argument
    }'
}
same 'the options of mpvpnd' "$(options daemon/options.def)" "$(items man/mpvpnd.8 'The options are' .El)"
same 'the options of mpvpnctl' "$(options ctl/options.def)" "$(items man/mpvpnctl.8 'The options stand' '.El')"

# What each command takes: its words, required parameters, the others as NAME=VALUE, flags.
commands() {
    { rows common/methods.def METHOD | awk -F '\t' '{ print "C\t" $1 "\t" $3 }'
      rows common/methods.def LOCAL | awk -F '\t' '{ print "C\t" $1 "\t" $2 ($3 == "" ? "" : " " $3) }'
      rows common/methods.def PARAM | awk -F '\t' '{ print "P\t" $1 "\t" ($4 == "REQUIRED" ? $5 : $2 "=" $5) }'
      rows common/methods.def FLAG | awk -F '\t' '{ print "P\t" $1 "\t--" $2 ($3 == "" ? "" : " " $3) }'
    } | awk -F '\t' '$1 == "C" { text[$2] = $3 } $1 == "P" { text[$2] = text[$2] " " $3 } END { for (c in text) print text[c] }' | tr -d '[]'
}
same 'the commands of mpvpnctl and what they take' "$(commands)" "$(items man/mpvpnctl.8 '.Ss Commands' '.Sh STATISTICS' | sed 's/ : /:/')"

for scope in session queue reorder repair path; do
    from=".Va $scope"
    [ $scope = path ] && from=.Va\ paths
    same "the statistics of $scope" "$(rows common/statistics.def STATISTIC | awk -F '\t' -v s="${scope^^}" '$1 == s { print $2 }')" \
        "$(items <(sed -n '/^\.Sh STATISTICS/,$p' man/mpvpnctl.8) "$from" .El)"
done
same 'the reasons of drops' "$(rows common/drop.def DROP | cut -f2)" "$(items man/mpvpnctl.8 '.Va drops' .El)"
same 'the reasons of explain' "$(rows common/reason.def REASON | cut -f2)" "$(items man/mpvpnctl.8 '.Sh REASONS' .El)"
same 'the errors of the control protocol' "$(rows common/error.def ERROR | awk -F '\t' '{ print $2, $3 }')" "$(items man/mpvpnctl.8 '.Va data.reason' .El)"

# Sections, keys and defaults; a default told in words is "-".
keys() {
    { rows daemon/config.def SECTION | awk -F '\t' '{ print "S\t" $1 "\t[" $2 ($3 == "" ? "" : " " $3) "]" }'
      { rows daemon/config.def KEY; rows daemon/config.def LIST; } | awk -F '\t' '{ print "K\t" $1 "\t" $2 "\t" ($8 ~ /^\(|^$/ ? "-" : $8) }'
    } | awk -F '\t' '$1 == "S" { title[$2] = $3 } $1 == "K" { print title[$2], $3, $4 }'
}
keys_in_manual() {
    awk '/^\.Ss / { section = substr($0, 5) }
         /^\.It Cm .* No = / { if (key) print key, value; key = section " " $3; value = "-" }
         /^\.Sh / && key { print key, value; key = "" }
         fallback && /^\.Ql / { value = substr($0, 5); sub(/ \.$/, "", value) } { fallback = /^Default:$/ }' man/mpvpnd.conf.5
}
same 'the keys of the configuration and their defaults' "$(keys)" "$(keys_in_manual)"
finish
