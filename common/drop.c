/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drop: names of the reasons, by expanding drop.def once more.
 * It leaves out counting by session or leg: whoever wants that embeds a struct drop_counters there.
 * Invariant: every reason has a name, unique. */
#include "common/drop.h"

static const char *const names[DROP_REASONS] = {
#define DROP(symbol, name, help) [DROP_##symbol] = name,
#include "common/drop.def"
#undef DROP
};

const char *drop_name(enum drop_reason reason) {
    return names[reason];
}
