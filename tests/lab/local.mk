# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: emulated links between namespaces, and what the real daemon makes of them. The emulator is built by "make check" and by the benches.
check_LIBRARIES += liblab.a
liblab_a_SOURCES = \
	tests/lab/command.c \
	tests/lab/direction.c \
	tests/lab/direction.h \
	tests/lab/emulator.h \
	tests/lab/linkmodel.c \
	tests/lab/linkmodel.h \
	tests/lab/settings.c \
	tests/lab/settings.def \
	tests/lab/settings.h
check_PROGRAMS += tests/lab/emulator tests/lab/datagrams
netns_programs += tests/lab/emulator
tests_lab_datagrams_LDADD = libcommon.a
lab_programs = tests/lab/emulator tests/lab/datagrams
tests_lab_emulator_LDADD = liblab.a $(daemon_libs)
unit_tests += tests/lab/check_direction tests/lab/check_linkmodel
tests_lab_check_direction_LDADD = liblab.a $(LDADD)
tests_lab_check_linkmodel_LDADD = liblab.a $(LDADD)
if CCSEAM
check_PROGRAMS += tests/lab/simulated
endif
tests_lab_simulated_SOURCES = tests/lab/simulated.c
tests_lab_simulated_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=wc_RNG_GenerateBlock,--wrap=random_fill,--wrap=time
EXTRA_DIST += tests/lab/lib.sh
EXTRA_DIST += \
	tests/lab/congestion.py \
	tests/lab/congestion.sh \
	tests/lab/failover.py \
	tests/lab/failover.sh \
	tests/lab/figures.py \
	tests/lab/gaps.py \
	tests/lab/pairs.def \
	tests/lab/paths.py \
	tests/lab/paths.sh \
	tests/lab/report.py \
	tests/lab/report.sh \
	tests/lab/stream.py \
	tests/lab/svg.py \
	tests/lab/tunnel.sh

# The real daemon on emulated links; root. Each script says at its top what narrows it down.
.PHONY: bench-failover bench-lab bench-paths bench-report
lab_environment = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)'
bench-lab: all $(lab_programs)
	$(MAKE) $(AM_MAKEFLAGS) -i tests/lab/simulated
	$(lab_environment) bash $(srcdir)/tests/lab/congestion.sh
# Real-time priority where it is allowed: what else the machine does shall not show.
lab_priority = $$(chrt -r 1 true 2>/dev/null && echo chrt -r 1)
bench-paths: all $(lab_programs)
	$(lab_environment) $(lab_priority) bash $(srcdir)/tests/lab/paths.sh
bench-failover: all $(lab_programs)
	$(lab_environment) $(lab_priority) bash $(srcdir)/tests/lab/failover.sh
bench-report: all $(lab_programs)
	$(lab_environment) bash $(srcdir)/tests/lab/report.sh
EXTRA_DIST += doc/congestion-lab.md doc/failover.md doc/paths-bbr1-up-ping.svg doc/paths-bbr1-up.svg doc/paths-cubic1-up-ping.svg doc/paths-cubic1-up.svg doc/paths.md
