# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/bond/leg.c \
	daemon/bond/leg.h \
	daemon/bond/meter.h \
	daemon/bond/queue.c \
	daemon/bond/queue.h \
	daemon/bond/session.c \
	daemon/bond/session.h
unit_tests += tests/unit/check_queue
