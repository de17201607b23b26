# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/os/ctlsock.h \
	daemon/os/loop.h \
	daemon/os/netlink.h \
	daemon/os/privs.h \
	daemon/os/resolve.h \
	daemon/os/tun.h \
	daemon/os/udp.h
