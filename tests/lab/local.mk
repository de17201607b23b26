# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: emulated links between namespaces, and what the real daemon makes of them. The emulator is built by "make check" and by the benches.
check_LIBRARIES += liblab.a
liblab_a_SOURCES = \
	tests/lab/command.c \
	tests/lab/emulator.h \
	tests/lab/linkmodel.c \
	tests/lab/linkmodel.h \
	tests/lab/settings.c \
	tests/lab/settings.def \
	tests/lab/settings.h
check_PROGRAMS += tests/lab/emulator
netns_programs += tests/lab/emulator
tests_lab_emulator_LDADD = liblab.a libcommon.a
unit_tests += tests/lab/check_linkmodel
tests_lab_check_linkmodel_LDADD = liblab.a $(LDADD)
EXTRA_DIST += tests/lab/lib.sh
