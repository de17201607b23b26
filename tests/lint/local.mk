# SPDX-License-Identifier: GPL-2.0-or-later
script_tests += \
	tests/lint/headers.sh \
	tests/lint/includes.sh \
	tests/lint/manual.sh \
	tests/lint/tables.sh \
	tests/lint/words.sh
EXTRA_DIST += $(script_tests) tests/lint/lib.sh
