# SPDX-License-Identifier: GPL-2.0-or-later
# Everything of mpvpnctl but its main.c is in libctl.a, so that the unit tests link the same code.
noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	ctl/commands.c ctl/commands.h \
	ctl/connect.c ctl/connect.h \
	ctl/keygen.c ctl/keygen.h \
	ctl/openmetrics.c \
	ctl/options.def \
	ctl/print.c ctl/print.h \
	ctl/table.c ctl/table.h
bin_PROGRAMS += mpvpnctl
mpvpnctl_SOURCES = ctl/main.c
mpvpnctl_LDADD = libctl.a $(daemon_libs)
unit_tests += tests/unit/check_ctl
tests_unit_check_ctl_LDADD = libctl.a $(LDADD)

# The completion is what mpvpnctl itself knows.
nodist_bashcompletion_DATA = contrib/bash-completion/mpvpnctl
contrib/bash-completion/mpvpnctl: mpvpnctl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./mpvpnctl$(EXEEXT) completion >$@.tmp && mv $@.tmp $@
CLEANFILES += contrib/bash-completion/mpvpnctl
