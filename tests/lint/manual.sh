#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages are well formed, and say what the vocabularies (*.def) say: nothing is missing from a page, and a page has
# nothing that the program has not.
. "$(dirname "$0")/lib.sh"

for page in man/mpvpnd.8 man/mpvpnctl.8 man/mpvpnd.conf.5 man/mpvpn-protocol.7; do
    if ! command -v mandoc >/dev/null; then
        skip "$page is well formed" 'no mandoc'
        continue
    fi
    clean "$page is well formed" "$(mandoc -T lint -W warning "$page" 2>&1 | grep -vE 'referenced manual not found|missing date|cannot parse date')"
done

# same NAME PAGE VOCABULARY TEXT-OF-PAGE TEXT-OF-VOCABULARY: the same lines, in any order; and there are some
same() {
    local difference
    difference=$(diff <(sort <<<"$4") <(sort <<<"$5") | sed -n "s|^< |only in $2: |p; s|^> |only in $3: |p")
    [ -n "$4" ] || difference="$2: nothing found"
    clean "$1" "$difference"
}

# part FILE FIRST LAST: the lines from one that matches FIRST to the next that matches LAST
part() { awk -v first="$2" -v last="$3" '!on && $0 ~ first { on = 1; next } on && $0 ~ last { exit } on' "$1"; }

# options_of DEFINITION / PAGE: "-c --config", one a line
options_of() {
    case $1 in
    *.def) sed -n "s/^OPTION('\(.\)', \([a-z_]*\),.*/-\1 --\2/p" "$1" | tr _ - ;;
    *) sed -n 's/^\.It Fl \(.\)[ ,].*Fl -\([a-z-]*\).*/-\1 --\2/p' "$1" ;;
    esac
}
for program in mpvpnd mpvpnctl; do
    case $program in
    mpvpnd) def=daemon/options.def ;;
    *) def=ctl/options.def ;;
    esac
    same "$program's options are those of $program(8)" man/$program.8 $def "$(options_of man/$program.8)" "$(options_of $def)"
done

same 'the configuration keys are those of mpvpnd.conf(5)' man/mpvpnd.conf.5 daemon/config.def \
    "$(awk '/^\.S[hs] \[/ { section = $2; gsub(/[][]/, "", section) } /^\.Sh [A-Z]/ { section = "" } /^\.It Cm/ && section { print section, $3 }' man/mpvpnd.conf.5)" \
    "$(awk -F'"' '
        /^SECTION\(/ { symbol = $1; gsub(/SECTION\(|,.*/, "", symbol); name[symbol] = $2 }
        /^(KEY|LIST)\(/ { symbol = $1; gsub(/(KEY|LIST)\(|,.*/, "", symbol); print name[symbol], $2 }' daemon/config.def)"

same 'the commands are those of mpvpnctl(8)' man/mpvpnctl.8 common/methods.def \
    "$(part man/mpvpnctl.8 '^\.Ss Commands' '^\.Sh' | sed -n 's/^\.It Cm //p' | sed 's/ \(Ar\|Oo\|Op\|Fl\) .*//')" \
    "$(awk -F'"' '/^METHOD\(/ { print $4 } /^LOCAL\(/ { print $2 }' common/methods.def)"

# Each parameter and flag is in its command's line.
missing=$(awk -F'"' '
    /^METHOD\(/ { symbol = $1; gsub(/METHOD\(|,.*/, "", symbol); words[symbol] = $4 }
    /^PARAM\(/ { symbol = $1; gsub(/PARAM\(|,.*/, "", symbol); print words[symbol] "\t" ($3 ~ /REQUIRED/ ? "Ar " $4 : "Cm " $2 " Ns =") }
    /^FLAG\(/ { symbol = $1; gsub(/FLAG\(|,.*/, "", symbol); print words[symbol] "\tFl -" $2 }' common/methods.def |
    while IFS=$'\t' read -r words wanted; do
        grep -E "^\.It Cm $words( |\$)" man/mpvpnctl.8 | grep -qF -- "$wanted" || echo "man/mpvpnctl.8: $words: no \"$wanted\""
    done)
clean 'mpvpnctl(8) names every parameter of every command' "$missing"

# told: lines "NAME TAB TEXT" with the text as both a vocabulary and a page may have it: neither capital at the front nor full stop
told() { awk -F'\t' '{ text = $2; sub(/\.$/, "", text); print $1 ": " tolower(substr(text, 1, 1)) substr(text, 2) }'; }

# items MACRO: of a part of a page, each item of a list as "NAME TAB TEXT"; with SCOPE in front where the page has sub-lists
items() {
    awk -v macro="$1" '
        name && /^\./ { print scope name "\t" text; name = text = "" }
        /^\.Va (queue|reorder|repair|paths)/ { scope = ($2 == "paths" ? "PATH" : toupper($2)) " " }
        $1 == ".It" && $2 == macro { name = $3; for (i = 4; i <= NF; i++) if ($i != "Cm") name = name " " $i; next }
        name { text = text (text ? " " : "") $0 }'
}

same 'the statistics, and what they mean, are those of mpvpnctl(8)' man/mpvpnctl.8 common/statistics.def \
    "$(part man/mpvpnctl.8 '^\.Sh STATISTICS' '^\.Va drops' | items Va | told)" \
    "$(sed -n 's/^STATISTIC(\([A-Z]*\), "\([^"]*\)", [A-Z]*, "\(.*\)")$/\1 \2\t\3/p' common/statistics.def | sed 's/^SESSION //' | told)"

same 'the reasons of drops, and what they mean, are those of mpvpnctl(8)' man/mpvpnctl.8 common/drop.def \
    "$(part man/mpvpnctl.8 '^\.Va drops' '^\.Sh' | items Cm | told)" \
    "$(sed -n 's/^DROP([A-Z_0-9]*, "\([^"]*\)", "\(.*\)")$/\1\t\2/p' common/drop.def | told)"

same 'the reasons of explain, and what they mean, are those of mpvpnctl(8)' man/mpvpnctl.8 common/reason.def \
    "$(part man/mpvpnctl.8 '^\.Sh REASONS' '^\.Sh' | items Cm | told)" \
    "$(sed -n 's/^REASON([A-Z]*, "\([^"]*\)", "\(.*\)")$/\1\t\2/p' common/reason.def | told)"

same 'the errors, and what they mean, are those of mpvpnctl(8)' man/mpvpnctl.8 common/error.def \
    "$(part man/mpvpnctl.8 '^\.Sh PROTOCOL' '^\.Sh' | items Er | told)" \
    "$(sed -n 's/^ERROR([A-Z_]*, \(-*[0-9]*\), "\([^"]*\)", "\(.*\)")$/\1 \2\t\3/p' common/error.def | told)"
finish
