# SPDX-License-Identifier: GPL-2.0-or-later
# Everything of mpvpnctl but its main.c is in libctl.a, so that the unit tests link the same code.
