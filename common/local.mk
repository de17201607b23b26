# SPDX-License-Identifier: GPL-2.0-or-later
libcommon_a_SOURCES += \
	common/addr.c \
	common/addr.h \
	common/clock.c \
	common/clock.h \
	common/log.h
unit_tests += tests/unit/check_addr
