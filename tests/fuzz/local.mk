# SPDX-License-Identifier: GPL-2.0-or-later
# One program per target, registered by the room whose parser it feeds:
#   fuzz_targets += tests/fuzz/fuzz_<target>
#   tests_fuzz_fuzz_<target>_LDADD = $(fuzz_ldadd)
# Built with --enable-fuzzer it is libFuzzer's; else it replays tests/fuzz/corpus/<target>/ and "make check" runs it.
if FUZZER
fuzz_ldadd = $(FUZZ_ENGINE) $(LDADD)
else
fuzz_ldadd = tests/fuzz/libreplay.a $(LDADD)
endif
check_LIBRARIES += tests/fuzz/libreplay.a
tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay.c
EXTRA_DIST += tests/fuzz/corpus
# The engine is a word of configure's, which automake cannot follow.
