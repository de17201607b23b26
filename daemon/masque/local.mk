# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/masque/auth.h \
	daemon/masque/capsule.h \
	daemon/masque/connect_ip.h \
	daemon/masque/h3.h \
	daemon/masque/pool.h
