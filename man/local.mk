# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS += \
	man/mpvpn-protocol.7 \
	man/mpvpnctl.8 \
	man/mpvpnd.8 \
	man/mpvpnd.conf.5
