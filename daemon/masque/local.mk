# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/masque/answer.c daemon/masque/answer.h \
	daemon/masque/auth.c daemon/masque/auth.h \
	daemon/masque/capsule.c daemon/masque/capsule.h \
	daemon/masque/connect_ip.c daemon/masque/connect_ip.h \
	daemon/masque/h3.c daemon/masque/h3.h \
	daemon/masque/h3_body.c daemon/masque/h3_body.h \
	daemon/masque/h3_fields.c daemon/masque/h3_fields.h \
	daemon/masque/h3_settings.c daemon/masque/h3_settings.h \
	daemon/masque/held.c daemon/masque/held.h \
	daemon/masque/pool.c daemon/masque/pool.h \
	daemon/masque/template.c

unit_tests += \
	tests/unit/check_auth \
	tests/unit/check_capsule \
	tests/unit/check_connect_ip \
	tests/unit/check_h3 \
	tests/unit/check_pool \
	tests/unit/check_requests \
	tests/unit/check_template
# These have a conn of their own, ahead of the library's.
tests_unit_check_connect_ip_SOURCES = tests/unit/check_connect_ip.c tests/unit/fake_conn.c tests/unit/fake_conn.h tests/unit/tunnel_pair.h
tests_unit_check_requests_SOURCES = tests/unit/check_requests.c tests/unit/fake_conn.c tests/unit/fake_conn.h tests/unit/tunnel_pair.h
tests_unit_check_h3_SOURCES = tests/unit/check_h3.c tests/unit/fake_conn.c tests/unit/fake_conn.h

fuzz_targets += \
	tests/fuzz/fuzz_capsule \
	tests/fuzz/fuzz_http_datagram \
	tests/fuzz/fuzz_template
tests_fuzz_fuzz_capsule_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_datagram_SOURCES = tests/fuzz/fuzz_http_datagram.c tests/unit/fake_conn.c tests/unit/fake_conn.h
tests_fuzz_fuzz_http_datagram_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_template_LDADD = $(fuzz_ldadd)
