# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/bond/control.h \
	daemon/bond/duplicate.h \
	daemon/bond/frame.c \
	daemon/bond/frame.h \
	daemon/bond/join.h \
	daemon/bond/leg.c \
	daemon/bond/leg.h \
	daemon/bond/meter.h \
	daemon/bond/outstanding.h \
	daemon/bond/queue.c \
	daemon/bond/queue.h \
	daemon/bond/reorder.h \
	daemon/bond/sched.def \
	daemon/bond/sched.h \
	daemon/bond/session.c \
	daemon/bond/session.h
unit_tests += tests/unit/check_queue
unit_tests += tests/unit/check_frame
fuzz_targets += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_LDADD = $(fuzz_ldadd)
