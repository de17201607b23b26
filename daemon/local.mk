# SPDX-License-Identifier: GPL-2.0-or-later
# The hall.
libmpvpn_a_SOURCES += \
	daemon/client.c \
	daemon/client.h \
	daemon/client_host.c \
	daemon/client_host.h \
	daemon/config.c \
	daemon/config.def \
	daemon/config.h \
	daemon/config_values.c \
	daemon/config_values.h \
	daemon/daemon.h \
	daemon/egress.c \
	daemon/egress.h \
	daemon/ingress.c \
	daemon/ingress.h \
	daemon/options.def \
	daemon/server.h \
	daemon/timers.c \
	daemon/timers.h \
	daemon/users.c \
	daemon/users.h \
	daemon/worker.c \
	daemon/worker.h
unit_tests += tests/unit/check_timers
