# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/quic/cidtable.h \
	daemon/quic/conn.h \
	daemon/quic/crypt.c \
	daemon/quic/crypt.h \
	daemon/quic/keygen.c \
	daemon/quic/tls.c \
	daemon/quic/tls.h \
	daemon/quic/tls_context.h \
	daemon/quic/tls_file.c \
	daemon/quic/tls_file.h \
	daemon/quic/tls_frame.c \
	daemon/quic/tls_frame.h \
	daemon/quic/tls_hash.c \
	daemon/quic/tls_session.c \
	daemon/quic/tls_session.h \
	daemon/quic/token.c \
	daemon/quic/token.h \
	daemon/quic/x509.c \
	daemon/quic/x509.h
