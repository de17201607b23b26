#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs one test program under valgrind: "make check-valgrind" calls it. An error or a leak is a failure of the program.
# MPVPN_BRIEF leaves tests with many seeds but two of them (suite.h).
# Threads that wait for each other by io_uring cannot: valgrind runs one at a time, and lets no other run while one waits in the ring.
case $1 in
*/check_mailbox) exec env CK_FORK=no "$@" ;;
esac
export MPVPN_BRIEF=1
exec env CK_FORK=no valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect "$@"
