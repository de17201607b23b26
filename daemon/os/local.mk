# SPDX-License-Identifier: GPL-2.0-or-later
libmpvpn_a_SOURCES += \
	daemon/os/ctlsock.c \
	daemon/os/ctlsock.h \
	daemon/os/loop.c \
	daemon/os/loop.h \
	daemon/os/mailbox.c \
	daemon/os/mailbox.h \
	daemon/os/netlink.c \
	daemon/os/netlink.h \
	daemon/os/netlink_build.c \
	daemon/os/netlink_change.c \
	daemon/os/netlink_internal.h \
	daemon/os/netlink_journal.c \
	daemon/os/netlink_message.c \
	daemon/os/netlink_monitor.c \
	daemon/os/privs.c \
	daemon/os/privs.h \
	daemon/os/privs_daemon.c \
	daemon/os/privs_filter.c \
	daemon/os/patience.h \
	daemon/os/privs_internal.h \
	daemon/os/resolve.c \
	daemon/os/resolve.h \
	daemon/os/ring.c \
	daemon/os/ring.h \
	daemon/os/sockdiag.c \
	daemon/os/sockdiag.h \
	daemon/os/tun.c \
	daemon/os/tun.h \
	daemon/os/udp.c \
	daemon/os/udp.h \
	daemon/os/udp_private.h \
	daemon/os/udp_steer.c \
	daemon/os/udp_tx.c \
	daemon/os/vnethdr.c \
	daemon/os/vnethdr.h
unit_tests += tests/unit/check_ctlsock tests/unit/check_loop tests/unit/check_mailbox tests/unit/check_netlink tests/unit/check_netlink_journal tests/unit/check_netlink_restore tests/unit/check_privs tests/unit/check_resolve tests/unit/check_sockdiag tests/unit/check_tun tests/unit/check_udp tests/unit/check_vnethdr
EXTRA_DIST += tests/unit/netlink_env.h tests/unit/os_env.h
