# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/packet/buf.h \
	daemon/packet/checksum.h \
	daemon/packet/icmp.h \
	daemon/packet/inner.h \
	daemon/packet/merge.h \
	daemon/packet/split.h \
	daemon/packet/superpacket.h
