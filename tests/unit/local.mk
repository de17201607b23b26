# SPDX-License-Identifier: GPL-2.0-or-later
# Unit tests are registered by the rooms they test: "unit_tests += tests/unit/check_<module>" in the room's local.mk.
EXTRA_DIST += tests/unit/valgrind.sh tests/unit/coverage.sh
