# SPDX-License-Identifier: GPL-2.0-or-later
# The scripts need no registration: "make check-netns" runs every tests/netns/*.sh but lib.sh.
netns_programs =
EXTRA_DIST += tests/netns
