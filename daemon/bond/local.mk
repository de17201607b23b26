# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/bond/queue.c \
	daemon/bond/queue.h
unit_tests += tests/unit/check_queue
