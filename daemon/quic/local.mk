# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/quic/cidtable.h \
	daemon/quic/conn.h \
	daemon/quic/tls.h \
	daemon/quic/token.h
