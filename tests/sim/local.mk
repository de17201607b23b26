# SPDX-License-Identifier: GPL-2.0-or-later
# Two whole ends in virtual time. Programs are added to unit_tests: "make check" runs them.
