# SPDX-License-Identifier: GPL-2.0-or-later
# Two whole ends in virtual time. Programs are added to unit_tests: "make check" runs them.
check_LIBRARIES += libsim.a
libsim_a_SOURCES = \
	tests/sim/bottleneck.c \
	tests/sim/bottleneck.h \
	tests/sim/cc/flows.c \
	tests/sim/cc/flows.h \
	tests/sim/chance.c \
	tests/sim/chance.h \
	tests/sim/link.c \
	tests/sim/link.h \
	tests/sim/pair.c \
	tests/sim/pair.h \
	tests/sim/sort.h
testing_libs += libsim.a liblab.a
unit_tests += tests/sim/check_bottleneck
# The virtual network with whole ends on it. It stands before libmpvpn.a, whose os/ it takes the place of.
check_LIBRARIES += libworld.a
libworld_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/sim
libworld_a_SOURCES = \
	tests/sim/bonded.c \
	tests/sim/bonded.h \
	tests/sim/ends.c \
	tests/sim/ends.h \
	tests/sim/world.c \
	tests/sim/world.h \
	tests/sim/world_internal.h \
	tests/sim/world_os.c
world_libs = libworld.a $(LDADD)
# What makes runs repeat exactly (chance.c).
sim_wraps = -Wl,--wrap=wc_RNG_GenerateBlock -Wl,--wrap=random_fill -Wl,--wrap=time
inner_tcp_sources = \
	tests/sim/inner_quic.c \
	tests/sim/inner_tcp.c \
	tests/sim/inner_tcp.h \
	tests/sim/inner_tcp_cc.c \
	tests/sim/inner_tcp_internal.h \
	tests/sim/inner_tcp_send.c
long_tests += tests/sim/check_badday
tests_sim_check_badday_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_badday_LDADD = $(world_libs)
tests_sim_check_badday_SOURCES = tests/sim/check_badday.c $(inner_tcp_sources)
tests_sim_check_badday_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_bond
tests_sim_check_bond_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_bond_LDADD = $(world_libs)
tests_sim_check_bond_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_clients
tests_sim_check_clients_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_clients_LDADD = $(world_libs)
tests_sim_check_clients_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
long_tests += tests/sim/check_failover
tests_sim_check_failover_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_failover_LDADD = $(world_libs)
tests_sim_check_failover_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_names
tests_sim_check_names_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_names_LDADD = $(world_libs)
tests_sim_check_names_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_plain
tests_sim_check_plain_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_plain_LDADD = $(world_libs)
tests_sim_check_plain_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps) -Wl,--wrap=join_parse
unit_tests += tests/sim/check_repair
tests_sim_check_repair_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_repair_LDADD = $(world_libs)
tests_sim_check_repair_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_return
tests_sim_check_return_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_return_LDADD = $(world_libs)
tests_sim_check_return_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
unit_tests += tests/sim/check_sparse
tests_sim_check_sparse_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_sparse_LDADD = $(world_libs)
tests_sim_check_sparse_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps) -Wl,--wrap=session_pick -Wl,--wrap=egress_pump
unit_tests += tests/sim/check_tunnel
tests_sim_check_tunnel_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_tunnel_LDADD = $(world_libs)
tests_sim_check_tunnel_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
pairs_sources = \
	$(inner_tcp_sources) \
	tests/sim/pairs.c \
	tests/sim/pairs.h
goals_sources = \
	tests/sim/goals.c \
	tests/sim/goals.h \
	$(pairs_sources)
long_tests += tests/sim/check_pairs
tests_sim_check_pairs_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_pairs_LDADD = $(world_libs)
tests_sim_check_pairs_SOURCES = tests/sim/check_pairs.c $(goals_sources)
tests_sim_check_pairs_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
long_tests += tests/sim/check_flows
tests_sim_check_flows_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_flows_LDADD = $(world_libs)
tests_sim_check_flows_SOURCES = tests/sim/check_flows.c $(goals_sources)
tests_sim_check_flows_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
check_PROGRAMS += tests/sim/bench_pairs
tests_sim_bench_pairs_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_bench_pairs_LDADD = $(world_libs)
tests_sim_bench_pairs_SOURCES = tests/sim/bench_pairs.c $(goals_sources)
tests_sim_bench_pairs_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
if CCSEAM
long_tests += tests/sim/check_shared_link
tests_sim_check_shared_link_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_sim_check_shared_link_LDADD = $(world_libs)
tests_sim_check_shared_link_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
long_tests += tests/sim/cc/check_cc tests/sim/cc/check_conditions
check_PROGRAMS += tests/sim/cc/bench_cc
endif
EXTRA_DIST += tests/sim/cc/conditions.h tests/sim/cc/paced.h tests/sim/cc/rows.h
tests_sim_cc_check_cc_SOURCES = tests/sim/cc/check_cc.c
tests_sim_cc_check_cc_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
tests_sim_cc_check_conditions_SOURCES = tests/sim/cc/check_conditions.c
tests_sim_cc_check_conditions_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)
tests_sim_cc_bench_cc_SOURCES = tests/sim/cc/bench_cc.c tests/sim/cc/paced.c
tests_sim_cc_bench_cc_LDFLAGS = $(AM_LDFLAGS) $(sim_wraps)

# Our congestion controller beside ngtcp2's, in virtual time: median and worst of SEEDS runs; writes doc/congestion.md and its pictures.
.PHONY: bench-cc
SEEDS = 20
bench-cc: all tests/sim/cc/bench_cc
	SEEDS=$(SEEDS) top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' bash $(srcdir)/tests/sim/cc/bench.sh
EXTRA_DIST += tests/sim/cc/bench.sh tests/sim/cc/curves.py
EXTRA_DIST += \
	doc/congestion.md \
	doc/congestion-50m-20-20ms.svg \
	doc/congestion-50m-20-5ms.svg \
	doc/congestion-50m-20ms-0-5.svg \
	doc/congestion-50m-20ms.svg

# Pairs of paths, each alone and bonded, with an inner TCP flow and a ping, in virtual time.
.PHONY: bench-pairs-sim
bench-pairs-sim: tests/sim/bench_pairs
	./tests/sim/bench_pairs 2>/dev/null
