/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capsule: the capsule protocol on a request stream, as a decoder that takes its bytes cut anywhere, and as encoders.
 *
 * How it works: a capsule is type, length, value. The decoder gathers the two integers, then decides by the type: a
 * value that this room or its owner wants is handed over from the caller's bytes when it lies there whole, else
 * gathered in a buffer that grows only as bytes really come; any other value is counted past. Every list is checked
 * entry by entry before anyone sees it, and the encoders refuse to write a list that the decoder would refuse to read.
 * What it leaves out: what the addresses and routes mean (connect_ip's owner), and reuse of request IDs over several
 * capsules. Invariants: at most CAPSULE_MAX bytes are ever gathered; after an error nothing more is read. Standards:
 * RFC 9297 sections 3.2, 3.3 and 3.5, RFC 9484 section 4.7, RFC 9000 section 16. */
#include "masque/capsule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "masque/h3.h"

#define UNKNOWN_MAX 1024u   /* bytes: longest value of an unknown capsule that is handed over */
#define HEADER_MAX 16u      /* bytes: type and length, each at most 8 */
#define FIRST_ROOM 1024u    /* bytes: first size of the gathering buffer */
#define RANGE_BYTES_MIN 10u /* bytes: version 1, two IPv4 addresses 8, protocol 1 */

/** Where in a capsule the decoder stands. */
enum capsule_state {
    STATE_HEADER, /**< gathering type and length in header[] */
    STATE_VALUE,  /**< gathering a wanted value in value[] */
    STATE_SKIP,   /**< counting past an unwanted value */
    STATE_FAILED, /**< an error was returned; error and why are set */
};

/** The decoder of one stream. */
struct capsule_decoder {
    const struct capsule_hooks *hooks; /**< borrowed */
    void *context;                     /**< handed to the hooks */
    enum capsule_state state;          /**< see there */
    uint8_t header[HEADER_MAX];        /**< STATE_HEADER: bytes so far */
    size_t header_length;              /**< STATE_HEADER: how many */
    uint64_t type;                     /**< STATE_VALUE: capsule type */
    uint64_t left;                     /**< STATE_VALUE, STATE_SKIP: bytes of the value still to come */
    uint8_t *value;                    /**< gathered bytes; kept from capsule to capsule */
    size_t value_length;               /**< STATE_VALUE: how many */
    size_t value_room;                 /**< bytes allocated at value */
    uint64_t error;                    /**< STATE_FAILED: HTTP/3 error code */
    const char *why;                   /**< STATE_FAILED: what was wrong, for humans */
};

size_t varint_size(uint64_t value) {
    if (value < 1u << 6)
        return 1;
    if (value < 1u << 14)
        return 2;
    return value < 1u << 30 ? 4 : 8;
}

size_t varint_read(const uint8_t *data, size_t length, uint64_t *value) {
    if (length == 0)
        return 0;
    size_t size = (size_t)1 << (data[0] >> 6);
    if (length < size)
        return 0;
    uint64_t result = data[0] & 0x3f;
    for (size_t i = 1; i < size; i++)
        result = result << 8 | data[i];
    *value = result;
    return size;
}

size_t varint_write(uint64_t value, uint8_t *out, size_t size) {
    size_t bytes = varint_size(value);
    if (value >> 62 || size < bytes)
        return 0;
    for (size_t i = bytes; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    static const uint8_t marks[] = {[1] = 0x00, [2] = 0x40, [4] = 0x80, [8] = 0xc0};
    out[0] |= marks[bytes];
    return bytes;
}

struct capsule_decoder *capsule_decoder_new(const struct capsule_hooks *hooks, void *context) {
    struct capsule_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return NULL;
    decoder->hooks = hooks;
    decoder->context = context;
    return decoder;
}

void capsule_decoder_free(struct capsule_decoder *decoder) {
    if (decoder == NULL)
        return;
    free(decoder->value);
    free(decoder);
}

const char *capsule_decoder_why(const struct capsule_decoder *decoder) {
    return decoder->why != NULL ? decoder->why : "";
}

static uint64_t fail(struct capsule_decoder *decoder, uint64_t error, const char *why) {
    decoder->state = STATE_FAILED;
    decoder->error = error;
    decoder->why = why;
    return error;
}

/** An error that a hook returned. */
static uint64_t hook_result(struct capsule_decoder *decoder, uint64_t error) {
    return error != 0 ? fail(decoder, error, "refused by the receiver") : 0;
}

/** Whether all bits past the prefix's length are zero, as RFC 9484 demands on the wire. */
static bool host_bits_are_zero(const struct ip_prefix *prefix) {
    struct ip_addr first = ip_prefix_first(prefix);
    return ip_addr_compare(&first, &prefix->addr) == 0;
}

/** Read one IP address of the version. @return bytes used; 0: cut short */
static size_t read_addr(const uint8_t *data, size_t length, uint8_t version, struct ip_addr *out) {
    size_t size = version == 4 ? 4 : 16;
    if (length < size)
        return 0;
    *out = ip_addr_from_bytes(version, data);
    return size;
}

/** Read one entry of ADDRESS_ASSIGN or ADDRESS_REQUEST. @return bytes used; 0: malformed, why says how */
static size_t read_address(const uint8_t *data, size_t length, struct capsule_address *out, const char **why) {
    *why = "an address entry is cut short";
    size_t at = varint_read(data, length, &out->request_id);
    if (at == 0 || at == length)
        return 0;
    uint8_t version = data[at++];
    if (version != 4 && version != 6) {
        *why = "an address is of no IP version";
        return 0;
    }
    size_t used = read_addr(data + at, length - at, version, &out->prefix.addr);
    at += used;
    if (used == 0 || at == length)
        return 0;
    out->prefix.length = data[at++];
    if (out->prefix.length > ip_addr_bits(&out->prefix.addr)) {
        *why = "a prefix is longer than its address";
        return 0;
    }
    if (!host_bits_are_zero(&out->prefix)) {
        *why = "an address has bits set past its prefix";
        return 0;
    }
    return at;
}

/** Whether the ID of the last of count entries came before. */
static bool request_id_repeats(const struct capsule_address *addresses, size_t count) {
    for (size_t i = 0; i + 1 < count; i++) {
        if (addresses[i].request_id == addresses[count - 1].request_id)
            return true;
    }
    return false;
}

static uint64_t take_addresses(struct capsule_decoder *decoder, bool request, const uint8_t *data, size_t length) {
    struct capsule_address addresses[CAPSULE_ADDRESSES_MAX];
    size_t count = 0;
    const char *why;
    for (size_t at = 0; at < length;) {
        if (count == CAPSULE_ADDRESSES_MAX)
            return fail(decoder, H3_EXCESSIVE_LOAD, "more addresses than are kept");
        size_t used = read_address(data + at, length - at, &addresses[count], &why);
        if (used == 0)
            return fail(decoder, H3_MESSAGE_ERROR, why);
        at += used;
        count++;
        if (request && addresses[count - 1].request_id == 0) {
            return fail(decoder, H3_MESSAGE_ERROR, "an address request has the ID 0");
        }
        if (request && request_id_repeats(addresses, count)) {
            return fail(decoder, H3_MESSAGE_ERROR, "an address request's ID is used twice");
        }
    }
    if (request && count == 0)
        return fail(decoder, H3_MESSAGE_ERROR, "ADDRESS_REQUEST asks for nothing");
    if (request)
        return hook_result(decoder, decoder->hooks->on_address_request(decoder->context, addresses, count));
    return hook_result(decoder, decoder->hooks->on_address_assign(decoder->context, addresses, count));
}

/** Read one range. @return bytes used; 0: malformed, why says how */
static size_t read_range(const uint8_t *data, size_t length, struct ip_range *out, const char **why) {
    *why = "a range is cut short";
    uint8_t version = data[0];
    if (version != 4 && version != 6) {
        *why = "a range is of no IP version";
        return 0;
    }
    size_t at = 1;
    size_t used = read_addr(data + at, length - at, version, &out->first);
    if (used == 0)
        return 0;
    at += used;
    used = read_addr(data + at, length - at, version, &out->last);
    at += used;
    if (used == 0 || at == length)
        return 0;
    out->protocol = data[at++];
    return at;
}

/**
 * Check a range by itself and against the one before it (RFC 9484 section 4.7.3).
 * @param before NULL: it is the first
 * @return NULL, or what is wrong
 */
static const char *range_fault(const struct ip_range *before, const struct ip_range *range) {
    if (ip_addr_size(&range->first) == 0 || range->first.version != range->last.version)
        return "a range is of no IP version";
    if (ip_addr_compare(&range->first, &range->last) > 0)
        return "a range ends before it starts";
    if (before == NULL || before->first.version < range->first.version)
        return NULL;
    if (before->first.version > range->first.version)
        return "ranges are not ordered by IP version";
    if (before->protocol < range->protocol)
        return NULL;
    if (before->protocol > range->protocol)
        return "ranges are not ordered by protocol";
    if (ip_addr_compare(&before->last, &range->first) >= 0)
        return "ranges overlap or are not ordered by address";
    return NULL;
}

/** Whether a range for every protocol and one for a single protocol share an address. @param ranges in order */
static bool ranges_overlap_across_protocols(const struct ip_range *ranges, size_t count) {
    size_t any = 0, any_end = 0;
    for (size_t i = 0; i < count; i++) {
        bool first_of_run = i == 0 || ranges[i - 1].first.version != ranges[i].first.version ||
                            ranges[i - 1].protocol != ranges[i].protocol;
        if (ranges[i].protocol == 0) {
            if (first_of_run)
                any_end = i;
            any_end++;
            continue;
        }
        /* Both runs are sorted: one pass over the any-protocol ranges for each protocol. */
        if (first_of_run) {
            any = any_end;
            while (any > 0 && ranges[any - 1].protocol == 0 && ranges[any - 1].first.version == ranges[i].first.version)
                any--;
        }
        while (any < any_end && ip_addr_compare(&ranges[any].last, &ranges[i].first) < 0)
            any++;
        if (any < any_end && ip_addr_compare(&ranges[any].first, &ranges[i].last) <= 0)
            return true;
    }
    return false;
}

static uint64_t take_routes(struct capsule_decoder *decoder, const uint8_t *data, size_t length) {
    size_t most = length / RANGE_BYTES_MIN;
    if (most > CAPSULE_ROUTES_MAX)
        most = CAPSULE_ROUTES_MAX;
    struct ip_range *ranges = malloc((most + 1) * sizeof(*ranges));
    if (ranges == NULL)
        return fail(decoder, H3_INTERNAL_ERROR, "out of memory");
    uint64_t error = 0;
    size_t count = 0;
    for (size_t at = 0; at < length && error == 0;) {
        const char *why;
        size_t used = read_range(data + at, length - at, &ranges[count], &why);
        if (used != 0)
            why = range_fault(count > 0 ? &ranges[count - 1] : NULL, &ranges[count]);
        if (why != NULL) {
            error = fail(decoder, H3_MESSAGE_ERROR, why);
        } else if (count == CAPSULE_ROUTES_MAX) {
            error = fail(decoder, H3_EXCESSIVE_LOAD, "more ranges than are kept");
        }
        at += used;
        count++;
    }
    if (error == 0 && ranges_overlap_across_protocols(ranges, count)) {
        error = fail(decoder, H3_MESSAGE_ERROR, "a range for one protocol lies in one for all protocols");
    }
    if (error == 0)
        error = hook_result(decoder, decoder->hooks->on_routes(decoder->context, ranges, count));
    free(ranges);
    return error;
}

/** A whole value is there. */
static uint64_t take_value(struct capsule_decoder *decoder, const uint8_t *data, size_t length) {
    decoder->state = STATE_HEADER;
    decoder->header_length = 0;
    switch (decoder->type) {
    case CAPSULE_DATAGRAM:
        return hook_result(decoder, decoder->hooks->on_datagram(decoder->context, data, length));
    case CAPSULE_ADDRESS_ASSIGN:
        return take_addresses(decoder, false, data, length);
    case CAPSULE_ADDRESS_REQUEST:
        return take_addresses(decoder, true, data, length);
    case CAPSULE_ROUTE_ADVERTISEMENT:
        return take_routes(decoder, data, length);
    default:
        return hook_result(decoder, decoder->hooks->on_unknown(decoder->context, decoder->type, data, length));
    }
}

/** Type and length are known: choose what becomes of the value. */
static uint64_t take_header(struct capsule_decoder *decoder, uint64_t type, uint64_t length) {
    decoder->type = type;
    decoder->left = length;
    decoder->value_length = 0;
    decoder->state = STATE_VALUE;
    if (type > CAPSULE_ROUTE_ADVERTISEMENT) {
        if (decoder->hooks->on_unknown == NULL || length > UNKNOWN_MAX)
            decoder->state = STATE_SKIP;
    } else if (length > CAPSULE_MAX) {
        /* No IP packet is that long: such a datagram is passed over unread (RFC 9297 section 3.5). */
        if (type != CAPSULE_DATAGRAM)
            return fail(decoder, H3_EXCESSIVE_LOAD, "a capsule is too long");
        decoder->state = STATE_SKIP;
    }
    if (decoder->left > 0)
        return 0;
    if (decoder->state == STATE_VALUE)
        return take_value(decoder, decoder->header, 0);
    decoder->state = STATE_HEADER;
    decoder->header_length = 0;
    return 0;
}

/** Add bytes to the header. @return how many were used; *error is set when the capsule cannot be taken */
static size_t feed_header(struct capsule_decoder *decoder, const uint8_t *data, size_t length, uint64_t *error) {
    size_t used = 0;
    while (used < length) {
        decoder->header[decoder->header_length++] = data[used++];
        uint64_t type, value_length;
        size_t first = varint_read(decoder->header, decoder->header_length, &type);
        if (first == 0)
            continue;
        if (varint_read(decoder->header + first, decoder->header_length - first, &value_length) == 0)
            continue;
        *error = take_header(decoder, type, value_length);
        break;
    }
    return used;
}

/** Make room for that many bytes of the value. */
static bool value_reserve(struct capsule_decoder *decoder, size_t length) {
    if (length <= decoder->value_room)
        return true;
    size_t room = decoder->value_room > 0 ? decoder->value_room : FIRST_ROOM;
    while (room < length)
        room *= 2;
    uint8_t *value = realloc(decoder->value, room);
    if (value == NULL)
        return false;
    decoder->value = value;
    decoder->value_room = room;
    return true;
}

/** Add bytes to the value, or hand it over when it is whole. @return how many were used */
static size_t feed_value(struct capsule_decoder *decoder, const uint8_t *data, size_t length, uint64_t *error) {
    size_t used = length < decoder->left ? length : (size_t)decoder->left;
    if (decoder->value_length == 0 && used == decoder->left) {
        *error = take_value(decoder, data, used);
        return used;
    }
    if (!value_reserve(decoder, decoder->value_length + used)) {
        *error = fail(decoder, H3_INTERNAL_ERROR, "out of memory");
        return used;
    }
    memcpy(decoder->value + decoder->value_length, data, used);
    decoder->value_length += used;
    decoder->left -= used;
    if (decoder->left == 0)
        *error = take_value(decoder, decoder->value, decoder->value_length);
    return used;
}

static size_t feed_skip(struct capsule_decoder *decoder, size_t length) {
    size_t used = length < decoder->left ? length : (size_t)decoder->left;
    decoder->left -= used;
    if (decoder->left == 0) {
        decoder->state = STATE_HEADER;
        decoder->header_length = 0;
    }
    return used;
}

uint64_t capsule_decoder_feed(struct capsule_decoder *decoder, const uint8_t *data, size_t length) {
    uint64_t error = 0;
    for (size_t at = 0; at < length && error == 0;) {
        switch (decoder->state) {
        case STATE_HEADER:
            at += feed_header(decoder, data + at, length - at, &error);
            break;
        case STATE_VALUE:
            at += feed_value(decoder, data + at, length - at, &error);
            break;
        case STATE_SKIP:
            at += feed_skip(decoder, length - at);
            break;
        case STATE_FAILED:
            return decoder->error;
        }
    }
    return error;
}

uint64_t capsule_decoder_end(struct capsule_decoder *decoder) {
    if (decoder->state == STATE_FAILED)
        return decoder->error;
    if (decoder->state == STATE_HEADER && decoder->header_length == 0)
        return 0;
    return fail(decoder, H3_MESSAGE_ERROR, "the stream ended within a capsule");
}

size_t capsule_write_header(uint64_t type, uint64_t length, uint8_t *out, size_t size) {
    size_t first = varint_write(type, out, size);
    if (first == 0)
        return 0;
    size_t second = varint_write(length, out + first, size - first);
    return second == 0 ? 0 : first + second;
}

static size_t write_addr(const struct ip_addr *addr, uint8_t *out) {
    memcpy(out, addr->bytes, ip_addr_size(addr));
    return ip_addr_size(addr);
}

size_t capsule_write_addresses(uint64_t type, const struct capsule_address *addresses, size_t count, uint8_t *out,
                               size_t size) {
    size_t length = 0;
    if (count > CAPSULE_ADDRESSES_MAX || (type == CAPSULE_ADDRESS_REQUEST && count == 0))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct ip_prefix *prefix = &addresses[i].prefix;
        if (ip_addr_size(&prefix->addr) == 0 || prefix->length > ip_addr_bits(&prefix->addr) ||
            !host_bits_are_zero(prefix))
            return 0;
        if (type == CAPSULE_ADDRESS_REQUEST && (addresses[i].request_id == 0 || request_id_repeats(addresses, i + 1)))
            return 0;
        length += varint_size(addresses[i].request_id) + 2 + ip_addr_size(&prefix->addr);
    }
    size_t at = capsule_write_header(type, length, out, size);
    if (at == 0 || size - at < length)
        return 0;
    for (size_t i = 0; i < count; i++) {
        size_t used = varint_write(addresses[i].request_id, out + at, size - at);
        if (used == 0)
            return 0;
        at += used;
        out[at++] = addresses[i].prefix.addr.version;
        at += write_addr(&addresses[i].prefix.addr, out + at);
        out[at++] = addresses[i].prefix.length;
    }
    return at;
}

size_t capsule_write_routes(const struct ip_range *ranges, size_t count, uint8_t *out, size_t size) {
    size_t length = 0;
    if (count > CAPSULE_ROUTES_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (range_fault(i > 0 ? &ranges[i - 1] : NULL, &ranges[i]) != NULL)
            return 0;
        length += 2 + 2 * ip_addr_size(&ranges[i].first);
    }
    if (ranges_overlap_across_protocols(ranges, count))
        return 0;
    size_t at = capsule_write_header(CAPSULE_ROUTE_ADVERTISEMENT, length, out, size);
    if (at == 0 || size - at < length)
        return 0;
    for (size_t i = 0; i < count; i++) {
        out[at++] = ranges[i].first.version;
        at += write_addr(&ranges[i].first, out + at);
        at += write_addr(&ranges[i].last, out + at);
        out[at++] = ranges[i].protocol;
    }
    return at;
}
