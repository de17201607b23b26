# SPDX-License-Identifier: GPL-2.0-or-later
# The hall.
libmpvpn_a_SOURCES += \
	daemon/config.h
