# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/masque/answer.c daemon/masque/answer.h \
	daemon/masque/auth.c daemon/masque/auth.h \
	daemon/masque/capsule.c daemon/masque/capsule.h \
	daemon/masque/connect_ip.c daemon/masque/connect_ip.h \
	daemon/masque/h3.c daemon/masque/h3.h \
	daemon/masque/h3_fields.c daemon/masque/h3_fields.h \
	daemon/masque/h3_settings.c daemon/masque/h3_settings.h \
	daemon/masque/pool.c daemon/masque/pool.h \
	daemon/masque/template.c
