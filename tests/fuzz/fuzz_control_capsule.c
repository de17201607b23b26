/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_control_capsule: the session's capsules, as a request stream's bytes through the capsule decoder. What is
 * accepted can be encoded and is then the same bytes but for what a later version added. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bond/control.h"
#include "masque/capsule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

static uint64_t on_addresses(void *context, const struct capsule_address *addresses, size_t count) {
    (void)context, (void)addresses, (void)count;
    return 0;
}

static uint64_t on_routes(void *context, const struct ip_range *ranges, size_t count) {
    (void)context, (void)ranges, (void)count;
    return 0;
}

static uint64_t on_datagram(void *context, const uint8_t *payload, size_t length) {
    (void)context, (void)payload, (void)length;
    return 0;
}

static uint64_t on_unknown(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct control_capsule capsule, again;
    uint8_t bytes[CONTROL_MAX];
    uint64_t number;
    size_t total, header;
    int error = control_decode(type, value, length, &capsule);

    check((error == -ENOENT) == (type < CONTROL_LEG_ROLE || type >= CONTROL_LEG_ROLE + CONTROL_KINDS));
    if (error)
        return 0;
    total = control_encode(&capsule, bytes, sizeof bytes);
    check(total > 0);
    header = varint_read(bytes, total, &number);
    check(number == type);
    header += varint_read(bytes + header, total - header, &number);
    check(total - header == number);
    check(control_decode(type, bytes + header, total - header, &again) == 0);
    check(again.leg == capsule.leg && again.serial == capsule.serial);
    if (type == CONTROL_LEG_REPORT)
        check(memcmp(&again.report, &capsule.report, sizeof again.report) == 0);
    else if (type == CONTROL_ARRIVED) /* whose runs may have been written longer than need be */
        check(again.arrived.first == capsule.arrived.first && again.arrived.count == capsule.arrived.count &&
              memcmp(again.arrived.runs, capsule.arrived.runs, capsule.arrived.count * sizeof *again.arrived.runs) ==
                  0);
    else if (type == CONTROL_LEG_ROLE) /* which may have come without its last fields */
        check(again.role.state == capsule.role.state && again.role.priority == capsule.role.priority &&
              again.role.weight == capsule.role.weight && again.role.when_full == capsule.role.when_full &&
              again.role.rate_kbps == capsule.role.rate_kbps);
    else
        check(total - header <= length && memcmp(bytes + header, value, total - header) == 0);
    if (control_is_news(context, &capsule))
        check(!control_is_news(context, &capsule));
    return 0;
}

static const struct capsule_hooks hooks = {on_addresses, on_addresses, on_routes, on_datagram, on_unknown};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct control_serials serials = {0};
    struct capsule_decoder *decoder;

    decoder = capsule_decoder_new(&hooks, &serials);
    check(decoder != NULL);
    capsule_decoder_feed(decoder, data, size);
    capsule_decoder_free(decoder);
    control_serials_fini(&serials);
    return 0;
}
