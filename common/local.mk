# SPDX-License-Identifier: GPL-2.0-or-later
libcommon_a_SOURCES += \
	common/account.c \
	common/account.h \
	common/addr.c \
	common/addr.h \
	common/be.h \
	common/clock.c \
	common/clock.h \
	common/drop.c \
	common/drop.def \
	common/drop.h \
	common/error.def \
	common/fetch.h \
	common/jsonrpc.c \
	common/jsonrpc.h \
	common/log.c \
	common/log.h \
	common/methods.def \
	common/output.c \
	common/output.h \
	common/random.c \
	common/random.h \
	common/reason.def \
	common/secret.h \
	common/statistics.def \
	common/suggest.c \
	common/suggest.h \
	common/units.c \
	common/units.h
unit_tests += tests/unit/check_addr tests/unit/check_jsonrpc tests/unit/check_units
