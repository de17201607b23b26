/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drop: names of the reasons, by expanding drop.def once more.
 * It leaves out counting by session or leg: whoever wants that embeds a struct drop_counters there.
 * Invariant: every reason has a name, unique. */
#include "common/drop.h"

static const struct {
    const char *name;
    const char *help;
} reasons[DROP_REASONS] = {
#define DROP(symbol, name, help) [DROP_##symbol] = {name, help},
#include "common/drop.def"
#undef DROP
};

const char *drop_name(enum drop_reason reason) {
    return reasons[reason].name;
}

const char *drop_help(enum drop_reason reason) {
    return reasons[reason].help;
}
