# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += \
	contrib/setup.sh \
	contrib/test.sh
