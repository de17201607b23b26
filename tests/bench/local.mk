# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += tests/bench doc/benchmarks.md
# The datapath without QUIC: make tests/bench/bench_datapath, then tests/bench/bench_datapath.sh as root.
EXTRA_PROGRAMS = tests/bench/bench_datapath
tests_bench_bench_datapath_LDADD = $(daemon_libs)
CLEANFILES += tests/bench/bench_datapath
