#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages are well formed.
. "$(dirname "$0")/lib.sh"

for page in $(project_files 'man/*.[1-8]'); do
    if ! command -v mandoc >/dev/null; then
        skip "$page is well formed" 'no mandoc'
        continue
    fi
    clean "$page is well formed" "$(mandoc -T lint -W warning "$page" 2>&1 | grep -vE 'referenced manual not found|missing date|cannot parse date')"
done
finish
