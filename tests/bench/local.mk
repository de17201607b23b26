# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += doc \
	tests/bench/bench.sh \
	tests/bench/bench_cost.sh \
	tests/bench/bench_datapath.sh \
	tests/bench/bond.sh \
	tests/bench/clients.sh \
	tests/bench/report.py \
	tests/bench/soak.sh \
	tests/bench/turns.sh \
	tests/bench/workers.sh
# The datapath without QUIC: make tests/bench/bench_datapath, then tests/bench/bench_datapath.sh as root.
EXTRA_PROGRAMS = tests/bench/bench_datapath
tests_bench_bench_datapath_LDADD = $(daemon_libs)
CLEANFILES += tests/bench/bench_datapath
# What a packet costs in our own code: instructions, both ends together (tests/bench/bench_cost.sh).
EXTRA_PROGRAMS += tests/bench/bench_cost
tests_bench_bench_cost_CPPFLAGS = $(libworld_a_CPPFLAGS)
tests_bench_bench_cost_LDADD = $(world_libs)
CLEANFILES += tests/bench/bench_cost
# What the packet room costs a segment, in nanoseconds; run by hand.
EXTRA_PROGRAMS += tests/bench/bench_packet
tests_bench_bench_packet_LDADD = $(daemon_libs)
CLEANFILES += tests/bench/bench_packet
# UDP packets a second with less than 1 % loss, for bench.sh.
EXTRA_PROGRAMS += tests/bench/bench_udp
tests_bench_bench_udp_SOURCES = tests/bench/bench_udp.c
CLEANFILES += tests/bench/bench_udp
# The least that a tunnel can be, for bench.sh.
EXTRA_PROGRAMS += tests/bench/bench_relay
tests_bench_bench_relay_SOURCES = tests/bench/bench_relay.c
CLEANFILES += tests/bench/bench_relay
# Many clients in one process, for tests/bench/clients.sh.
EXTRA_PROGRAMS += tests/bench/bench_clients
tests_bench_bench_clients_SOURCES = tests/bench/bench_clients.c
tests_bench_bench_clients_LDADD = $(daemon_libs)
CLEANFILES += tests/bench/bench_clients
