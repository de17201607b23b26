/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_capsule: a request stream's bytes through the capsule decoder. The first byte says how they are cut; whatever
 * the cut, the same is heard; what is accepted can be encoded again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "masque/capsule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

/** A digest of what was heard. */
struct heard {
    uint64_t digest; /**< FNV-1a of everything */
};

static void note(struct heard *heard, const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++)
        heard->digest = (heard->digest ^ bytes[i]) * 0x100000001b3ull;
    heard->digest = (heard->digest ^ length) * 0x100000001b3ull;
}

static void note_addresses(struct heard *heard, uint64_t type, const struct capsule_address *addresses, size_t count) {
    uint8_t bytes[16 + CAPSULE_ADDRESSES_MAX * 26];
    size_t length = capsule_write_addresses(type, addresses, count, bytes, sizeof(bytes));
    check(length > 0);
    note(heard, bytes, length);
}

static uint64_t on_assign(void *context, const struct capsule_address *addresses, size_t count) {
    note_addresses(context, CAPSULE_ADDRESS_ASSIGN, addresses, count);
    return 0;
}

static uint64_t on_request(void *context, const struct capsule_address *addresses, size_t count) {
    check(count > 0);
    note_addresses(context, CAPSULE_ADDRESS_REQUEST, addresses, count);
    return 0;
}

static uint64_t on_routes(void *context, const struct ip_range *ranges, size_t count) {
    static uint8_t bytes[16 + CAPSULE_ROUTES_MAX * 34];
    size_t length = capsule_write_routes(ranges, count, bytes, sizeof(bytes));
    check(length > 0);
    note(context, bytes, length);
    return 0;
}

static uint64_t on_datagram(void *context, const uint8_t *payload, size_t length) {
    check(length <= CAPSULE_MAX);
    note(context, payload, length);
    return 0;
}

static uint64_t on_unknown(void *context, uint64_t type, const uint8_t *value, size_t length) {
    check(type > CAPSULE_ROUTE_ADVERTISEMENT && length <= 1024);
    note(context, &type, sizeof(type));
    note(context, value, length);
    return 0;
}

static const struct capsule_hooks hooks = {on_assign, on_request, on_routes, on_datagram, on_unknown};

/** Decode in pieces. @return the error, 0 if none */
static uint64_t decode(const uint8_t *data, size_t size, size_t piece, struct heard *heard) {
    struct capsule_decoder *decoder = capsule_decoder_new(&hooks, heard);
    uint64_t error = 0;
    check(decoder != NULL);
    for (size_t at = 0; at < size && error == 0; at += piece)
        error = capsule_decoder_feed(decoder, data + at, size - at < piece ? size - at : piece);
    if (error == 0)
        error = capsule_decoder_end(decoder);
    check((error != 0) == (capsule_decoder_why(decoder)[0] != '\0'));
    capsule_decoder_free(decoder);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct heard whole = {0}, cut = {0};
    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    uint64_t error = decode(data + 1, size - 1, size, &whole);
    check(decode(data + 1, size - 1, piece, &cut) == error);
    check(whole.digest == cut.digest);
    return 0;
}
