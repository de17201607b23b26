# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/bond/codel.c \
	daemon/bond/codel.h \
	daemon/bond/control.c \
	daemon/bond/control.h \
	daemon/bond/duplicate.c \
	daemon/bond/duplicate.h \
	daemon/bond/frame.c \
	daemon/bond/frame.h \
	daemon/bond/join.c \
	daemon/bond/join.h \
	daemon/bond/kept.c \
	daemon/bond/kept.h \
	daemon/bond/leg.c \
	daemon/bond/leg.h \
	daemon/bond/legset.c \
	daemon/bond/legset.h \
	daemon/bond/loose.c \
	daemon/bond/loose.h \
	daemon/bond/meter.h \
	daemon/bond/outstanding.c \
	daemon/bond/outstanding.h \
	daemon/bond/outstanding_internal.h \
	daemon/bond/outstanding_leg.c \
	daemon/bond/queue.c \
	daemon/bond/queue.h \
	daemon/bond/reorder.c \
	daemon/bond/reorder.h \
	daemon/bond/sched.c \
	daemon/bond/sched.def \
	daemon/bond/sched.h \
	daemon/bond/sched_backup.c \
	daemon/bond/sched_ecf.c \
	daemon/bond/sched_flow.c \
	daemon/bond/sched_minrtt.c \
	daemon/bond/sched_redundant.c \
	daemon/bond/sched_wrr.c \
	daemon/bond/session.c \
	daemon/bond/session.h \
	daemon/bond/session_copy.c \
	daemon/bond/session_explain.c \
	daemon/bond/session_internal.h \
	daemon/bond/session_probe.c \
	daemon/bond/session_receive.c \
	daemon/bond/session_send.c \
	daemon/bond/session_tell.c \
	daemon/bond/sparse.c \
	daemon/bond/sparse.h \
	daemon/bond/thin.c \
	daemon/bond/thin.h \
	daemon/bond/trial.c \
	daemon/bond/trial.h
unit_tests += tests/unit/check_codel tests/unit/check_control tests/unit/check_duplicate tests/unit/check_frame \
	tests/unit/check_join tests/unit/check_legset tests/unit/check_loose tests/unit/check_outage \
	tests/unit/check_outstanding tests/unit/check_queue tests/unit/check_reorder tests/unit/check_reorder_sim \
	tests/unit/check_sched tests/unit/check_thin tests/unit/check_trial
EXTRA_DIST += tests/unit/outstanding_env.h tests/unit/queue_env.h
fuzz_targets += tests/fuzz/fuzz_control_capsule tests/fuzz/fuzz_frame tests/fuzz/fuzz_join tests/fuzz/fuzz_reorder
tests_fuzz_fuzz_control_capsule_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_frame_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_join_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_reorder_LDADD = $(fuzz_ldadd)
