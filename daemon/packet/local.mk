# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/packet/buf.c \
	daemon/packet/buf.h \
	daemon/packet/checksum.c \
	daemon/packet/checksum.h \
	daemon/packet/headers.h \
	daemon/packet/icmp.c \
	daemon/packet/icmp.h \
	daemon/packet/inner.c \
	daemon/packet/inner.h \
	daemon/packet/merge.c \
	daemon/packet/merge.h \
	daemon/packet/prefixmap.c \
	daemon/packet/prefixmap.h \
	daemon/packet/split.c \
	daemon/packet/split.h \
	daemon/packet/superpacket.h
unit_tests += \
	tests/unit/check_buf \
	tests/unit/check_checksum \
	tests/unit/check_icmp \
	tests/unit/check_inner \
	tests/unit/check_merge \
	tests/unit/check_split
EXTRA_DIST += tests/unit/draw.h tests/unit/make_packet.h
fuzz_targets += tests/fuzz/fuzz_inner tests/fuzz/fuzz_merge tests/fuzz/fuzz_split
tests_fuzz_fuzz_inner_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_merge_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_split_LDADD = $(fuzz_ldadd)
