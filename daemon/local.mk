# SPDX-License-Identifier: GPL-2.0-or-later
# The hall.
libmpvpn_a_SOURCES += \
	daemon/client.c \
	daemon/client.h \
	daemon/client_host.c \
	daemon/client_host.h \
	daemon/client_leg.c \
	daemon/client_path.c \
	daemon/client_path.h \
	daemon/client_plain.c \
	daemon/config.c \
	daemon/advice.def \
	daemon/config.def \
	daemon/config.h \
	daemon/config_values.c \
	daemon/config_values.h \
	daemon/crew.c \
	daemon/crew.h \
	daemon/daemon.c \
	daemon/daemon.h \
	daemon/drops.c \
	daemon/drops.h \
	daemon/egress.c \
	daemon/egress.h \
	daemon/handover.c \
	daemon/handover.h \
	daemon/ingress.c \
	daemon/ingress.h \
	daemon/methods.c \
	daemon/methods.h \
	daemon/methods_change.c \
	daemon/methods_check.c \
	daemon/methods_check.h \
	daemon/methods_handlers.h \
	daemon/methods_explain.c \
	daemon/methods_paths.c \
	daemon/methods_show.c \
	daemon/options.def \
	daemon/restore.c \
	daemon/restore.h \
	daemon/server.c \
	daemon/server.h \
	daemon/server_session.c \
	daemon/server_session.h \
	daemon/shared.c \
	daemon/shared.h \
	daemon/show.c \
	daemon/show.h \
	daemon/timers.c \
	daemon/timers.h \
	daemon/tunnel.c \
	daemon/tunnel.h \
	daemon/users.c \
	daemon/users.h \
	daemon/worker.c \
	daemon/worker.h
unit_tests += tests/unit/check_config tests/unit/check_methods tests/unit/check_restore tests/unit/check_shared tests/unit/check_timers tests/unit/check_users
tests_unit_check_restore_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=netlink_restore
fuzz_targets += tests/fuzz/fuzz_config tests/fuzz/fuzz_control
tests_fuzz_fuzz_config_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_control_LDADD = $(fuzz_ldadd)

sbin_PROGRAMS += mpvpnd
mpvpnd_SOURCES = daemon/main.c
mpvpnd_CFLAGS = $(lto_cflags)
mpvpnd_LDFLAGS = $(MPVPN_LDFLAGS)
mpvpnd_LDADD = $(daemon_libs)
