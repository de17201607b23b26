# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/quic/ccseam.h \
	daemon/quic/cidtable.c \
	daemon/quic/cidtable.h \
	daemon/quic/conn.c \
	daemon/quic/conn.h \
	daemon/quic/conn_callbacks.c \
	daemon/quic/conn_end.c \
	daemon/quic/conn_first.c \
	daemon/quic/conn_internal.h \
	daemon/quic/conn_io.c \
	daemon/quic/conn_mtu.c \
	daemon/quic/conn_stall.c \
	daemon/quic/crypt.c \
	daemon/quic/crypt.h \
	daemon/quic/gcm.h \
	daemon/quic/keygen.c \
	daemon/quic/knee.c \
	daemon/quic/knee.h \
	daemon/quic/knee_constants.h \
	daemon/quic/knee_crowded.c \
	daemon/quic/knee_silence.c \
	daemon/quic/knee_start.c \
	daemon/quic/knee_internal.h \
	daemon/quic/lostset.c \
	daemon/quic/lostset.h \
	daemon/quic/pacer.c \
	daemon/quic/pacer.h \
	daemon/quic/ticket.c \
	daemon/quic/ticket.h \
	daemon/quic/ticket_seal.c \
	daemon/quic/ticket_seal.h \
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
	daemon/quic/tls_verdict.c \
	daemon/quic/tls_verdict.h \
	daemon/quic/token.c \
	daemon/quic/token.h \
	daemon/quic/x509.c \
	daemon/quic/x509.h
if CCSEAM
libmpvpn_a_SOURCES += daemon/quic/ccseam.c daemon/quic/shortcut.c
unit_tests += tests/unit/check_shortcut
else
libmpvpn_a_SOURCES += daemon/quic/ccseam_none.c
endif
if IPSEC_MB
libmpvpn_a_SOURCES += daemon/quic/gcm_ipsec_mb.c
else
libmpvpn_a_SOURCES += daemon/quic/gcm_none.c
endif
unit_tests += tests/unit/check_gcm
long_tests += tests/unit/check_conn_traffic
unit_tests += tests/unit/check_cidtable tests/unit/check_conn tests/unit/check_lostset tests/unit/check_pacer tests/unit/check_knee
unit_tests += tests/unit/check_crypt tests/unit/check_resume tests/unit/check_tls tests/unit/check_token tests/unit/check_x509
EXTRA_DIST += tests/unit/conn_fixture.h tests/unit/quic_hello.h tests/unit/quic_pair.h tests/unit/data/chain.pem tests/unit/data/early.pem tests/unit/data/expired.pem tests/unit/data/leaf.key \
	tests/unit/data/root.crt
fuzz_targets += tests/fuzz/fuzz_tls_frame tests/fuzz/fuzz_x509
tests_fuzz_fuzz_tls_frame_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_x509_LDADD = $(fuzz_ldadd)
