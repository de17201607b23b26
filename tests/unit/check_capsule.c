/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_capsule: the capsule decoder against every cut of its bytes and every fault that RFC 9484 names, and the
 * encoders against the decoder. */
#include "masque/capsule.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "masque/h3.h"
#include "tests/unit/suite.h"

/** What a decoder handed over, as text-free values. */
struct heard {
    unsigned assigns, requests, routes, datagrams, unknowns; /**< calls */
    struct capsule_address addresses[CAPSULE_ADDRESSES_MAX]; /**< of the last list of addresses */
    size_t address_count;
    struct ip_range ranges[4]; /**< first ones of the last list of routes */
    size_t range_count;
    uint8_t bytes[2048]; /**< start of the last datagram or unknown value */
    size_t length;
    uint64_t type;   /**< of the last unknown */
    uint64_t answer; /**< what the datagram hook returns */
};

static uint64_t keep_addresses(struct heard *heard, const struct capsule_address *addresses, size_t count) {
    memcpy(heard->addresses, addresses, count * sizeof(*addresses));
    heard->address_count = count;
    return 0;
}

static uint64_t on_assign(void *context, const struct capsule_address *addresses, size_t count) {
    struct heard *heard = context;
    heard->assigns++;
    return keep_addresses(heard, addresses, count);
}

static uint64_t on_request(void *context, const struct capsule_address *addresses, size_t count) {
    struct heard *heard = context;
    heard->requests++;
    return keep_addresses(heard, addresses, count);
}

static uint64_t on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct heard *heard = context;
    heard->routes++;
    heard->range_count = count;
    for (size_t i = 0; i < count && i < 4; i++)
        heard->ranges[i] = ranges[i];
    return 0;
}

static uint64_t on_datagram(void *context, const uint8_t *payload, size_t length) {
    struct heard *heard = context;
    heard->datagrams++;
    heard->length = length;
    if (length > 0)
        memcpy(heard->bytes, payload, length < sizeof(heard->bytes) ? length : sizeof(heard->bytes));
    return heard->answer;
}

static uint64_t on_unknown(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct heard *heard = context;
    heard->unknowns++;
    heard->type = type;
    heard->length = length;
    if (length > 0)
        memcpy(heard->bytes, value, length < sizeof(heard->bytes) ? length : sizeof(heard->bytes));
    return 0;
}

static const struct capsule_hooks hooks = {on_assign, on_request, on_routes, on_datagram, on_unknown};

/** Decode a whole stream, in pieces of that many bytes. @return the first error */
static uint64_t decode_in(const uint8_t *data, size_t length, size_t piece, struct heard *heard) {
    struct capsule_decoder *decoder = capsule_decoder_new(&hooks, heard);
    uint64_t error = 0;
    for (size_t at = 0; at < length && error == 0; at += piece) {
        size_t n = length - at < piece ? length - at : piece;
        /* A copy of exactly its size: a sanitizer sees a byte read past the piece. */
        uint8_t *copy = malloc(n);
        memcpy(copy, data + at, n);
        error = capsule_decoder_feed(decoder, copy, n);
        free(copy);
    }
    if (error == 0)
        error = capsule_decoder_end(decoder);
    if (error != 0)
        ck_assert_str_ne(capsule_decoder_why(decoder), "");
    capsule_decoder_free(decoder);
    return error;
}

/** Decode whole and byte by byte; both must agree. */
static uint64_t decode(const uint8_t *data, size_t length, struct heard *heard) {
    struct heard other = *heard;
    uint64_t error = decode_in(data, length, length > 0 ? length : 1, heard);
    ck_assert_uint_eq(decode_in(data, length, 1, &other), error);
    ck_assert_uint_eq(heard->assigns + heard->requests + heard->routes, other.assigns + other.requests + other.routes);
    ck_assert_uint_eq(heard->datagrams + heard->unknowns, other.datagrams + other.unknowns);
    return error;
}

#define DECODE(heard, ...) decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), heard)

static struct ip_addr addr(const char *text) {
    struct ip_addr out;
    ck_assert_int_eq(ip_addr_parse(text, &out), 0);
    return out;
}

static struct capsule_address entry(uint64_t id, const char *text) {
    struct capsule_address out = {.request_id = id};
    ck_assert_int_eq(ip_prefix_parse(text, &out.prefix), 0);
    return out;
}

static struct ip_range range(const char *first, const char *last, uint8_t protocol) {
    return (struct ip_range){.first = addr(first), .last = addr(last), .protocol = protocol};
}

START_TEST(varints_survive_writing_and_reading) {
    static const uint64_t values[] = {0, 63, 64, 16383, 16384, 1073741823, 1073741824, (1ull << 62) - 1};
    static const size_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8};
    for (size_t i = 0; i < 8; i++) {
        uint8_t bytes[8];
        uint64_t value;
        ck_assert_uint_eq(varint_write(values[i], bytes, 8), sizes[i]);
        ck_assert_uint_eq(varint_size(values[i]), sizes[i]);
        ck_assert_uint_eq(varint_write(values[i], bytes, sizes[i] - 1), 0);
        ck_assert_uint_eq(varint_read(bytes, sizes[i], &value), sizes[i]);
        ck_assert_uint_eq(value, values[i]);
        ck_assert_uint_eq(varint_read(bytes, sizes[i] - 1, &value), 0);
    }
    ck_assert_uint_eq(varint_write(1ull << 62, (uint8_t[8]){0}, 8), 0);
}
END_TEST

START_TEST(varints_read_as_in_rfc_9000) {
    static const uint8_t eight[] = {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, four[] = {0x9d, 0x7f, 0x3e, 0x7d},
                         two[] = {0x7b, 0xbd}, long_one[] = {0x40, 0x25};
    uint64_t value;
    ck_assert(varint_read(eight, 8, &value) == 8 && value == 151288809941952652ull);
    ck_assert(varint_read(four, 4, &value) == 4 && value == 494878333);
    ck_assert(varint_read(two, 2, &value) == 2 && value == 15293);
    ck_assert(varint_read(long_one, 2, &value) == 2 && value == 37);
}
END_TEST

START_TEST(an_assignment_is_read_as_rfc_9484_draws_it) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 0x01, 27, 0x40, 0x07, 4, 10, 77, 0, 10, 32, 0, 6, 0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0,
                             0, 0, 0, 0, 0, 0, 0, 64),
                      0);
    ck_assert_uint_eq(heard.assigns, 1);
    ck_assert_uint_eq(heard.address_count, 2);
    ck_assert_uint_eq(heard.addresses[0].request_id, 7);
    struct capsule_address four = entry(7, "10.77.0.10/32"), six = entry(0, "fd77::/64");
    ck_assert_mem_eq(&heard.addresses[0].prefix, &four.prefix, sizeof(four.prefix));
    ck_assert_mem_eq(&heard.addresses[1].prefix, &six.prefix, sizeof(six.prefix));
}
END_TEST

START_TEST(an_empty_assignment_takes_all_addresses_away) {
    struct heard heard = {.address_count = 9};
    ck_assert_uint_eq(DECODE(&heard, 0x01, 0), 0);
    ck_assert_uint_eq(heard.assigns, 1);
    ck_assert_uint_eq(heard.address_count, 0);
}
END_TEST

START_TEST(malformed_addresses_abort_the_stream) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 1, 7, 0, 5, 10, 0, 0, 1, 32), H3_MESSAGE_ERROR);    /* IP version 5 */
    ck_assert_uint_eq(DECODE(&heard, 1, 7, 0, 4, 10, 0, 0, 1, 33), H3_MESSAGE_ERROR);    /* prefix of 33 bits */
    ck_assert_uint_eq(DECODE(&heard, 1, 7, 0, 4, 10, 0, 0, 1, 24), H3_MESSAGE_ERROR);    /* host bits */
    ck_assert_uint_eq(DECODE(&heard, 1, 6, 0, 4, 10, 0, 0, 1), H3_MESSAGE_ERROR);        /* no prefix length */
    ck_assert_uint_eq(DECODE(&heard, 1, 8, 0, 4, 10, 0, 0, 1, 32, 0), H3_MESSAGE_ERROR); /* a byte too many */
    ck_assert_uint_eq(DECODE(&heard, 1, 8, 0, 6, 10, 0, 0, 1, 32, 0), H3_MESSAGE_ERROR); /* IPv6 cut short */
    ck_assert_uint_eq(DECODE(&heard, 1, 1, 0x40), H3_MESSAGE_ERROR);                     /* request ID cut short */
    ck_assert_uint_eq(DECODE(&heard, 1, 1, 0), H3_MESSAGE_ERROR);                        /* version missing */
    ck_assert_uint_eq(heard.assigns, 0);
}
END_TEST

START_TEST(malformed_address_requests_abort_the_stream) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 2, 0), H3_MESSAGE_ERROR);                       /* none */
    ck_assert_uint_eq(DECODE(&heard, 2, 7, 0, 4, 0, 0, 0, 0, 32), H3_MESSAGE_ERROR); /* ID 0 */
    ck_assert_uint_eq(DECODE(&heard, 2, 14, 3, 4, 0, 0, 0, 0, 32, 3, 4, 0, 0, 0, 0, 32),
                      H3_MESSAGE_ERROR);                                             /* ID twice */
    ck_assert_uint_eq(DECODE(&heard, 2, 7, 1, 4, 10, 0, 0, 1, 8), H3_MESSAGE_ERROR); /* host bits */
    ck_assert_uint_eq(heard.requests, 0);
    ck_assert_uint_eq(DECODE(&heard, 2, 14, 3, 4, 0, 0, 0, 0, 32, 4, 4, 0, 0, 0, 0, 24), 0);
    ck_assert_uint_eq(heard.requests, 1);
    ck_assert_uint_eq(heard.address_count, 2);
}
END_TEST

START_TEST(routes_are_read_in_order) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 3, 20, 4, 10, 0, 0, 0, 10, 0, 0, 255, 0, 4, 10, 0, 1, 0, 10, 0, 1, 255, 0), 0);
    ck_assert_uint_eq(heard.routes, 1);
    ck_assert_uint_eq(heard.range_count, 2);
    struct ip_range second = range("10.0.1.0", "10.0.1.255", 0);
    ck_assert_mem_eq(&heard.ranges[1], &second, sizeof(second));
    ck_assert_uint_eq(DECODE(&heard, 3, 0), 0);
    ck_assert_uint_eq(heard.range_count, 0);
}
END_TEST

START_TEST(malformed_routes_abort_the_stream) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 3, 10, 7, 10, 0, 0, 0, 10, 0, 0, 255, 0), H3_MESSAGE_ERROR); /* IP version 7 */
    ck_assert_uint_eq(DECODE(&heard, 3, 10, 4, 10, 0, 0, 9, 10, 0, 0, 8, 0),
                      H3_MESSAGE_ERROR); /* ends before it starts */
    ck_assert_uint_eq(DECODE(&heard, 3, 9, 4, 10, 0, 0, 0, 10, 0, 0, 255), H3_MESSAGE_ERROR); /* no protocol */
    ck_assert_uint_eq(DECODE(&heard, 3, 11, 4, 10, 0, 0, 0, 10, 0, 0, 255, 0, 4), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(DECODE(&heard, 3, 1, 6), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(heard.routes, 0);
}
END_TEST

/** Encode ranges without the encoder's own checks and decode them. */
static uint64_t decode_ranges(const struct ip_range *ranges, size_t count) {
    static uint8_t bytes[40 * (CAPSULE_ROUTES_MAX + 2)];
    struct heard heard = {0};
    size_t value = 0;
    for (size_t i = 0; i < count; i++)
        value += 2 + 2 * ip_addr_size(&ranges[i].first);
    size_t at = capsule_write_header(CAPSULE_ROUTE_ADVERTISEMENT, value, bytes, sizeof(bytes));
    for (size_t i = 0; i < count; i++) {
        size_t size = ip_addr_size(&ranges[i].first);
        bytes[at++] = ranges[i].first.version;
        memcpy(bytes + at, ranges[i].first.bytes, size);
        memcpy(bytes + at + size, ranges[i].last.bytes, size);
        at += 2 * size;
        bytes[at++] = ranges[i].protocol;
    }
    uint64_t error = decode_in(bytes, at, 4096, &heard);
    ck_assert_uint_eq(heard.routes, error == 0);
    return error;
}

START_TEST(routes_out_of_order_or_overlapping_abort_the_stream) {
    struct ip_range a = range("10.0.0.0", "10.0.0.255", 0), b = range("10.0.1.0", "10.0.1.255", 0),
                    six = range("::", "::ffff", 0);
    struct ip_range touching = range("10.0.0.255", "10.0.2.0", 0), udp = range("10.9.0.0", "10.9.0.1", 17),
                    tcp = range("10.9.0.0", "10.9.0.1", 6);
    struct ip_range tcp_in_a = range("10.0.0.9", "10.0.0.9", 6), tcp_around_b = range("10.0.0.0", "11.0.0.0", 6),
                    tcp_six = range("::1", "::1", 6);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, b, tcp, udp, six}, 5), 0);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){b, a}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, a}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, touching}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){six, a}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){udp, tcp}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, tcp_in_a}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){b, tcp_around_b}, 2), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, six, tcp_six}, 3), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode_ranges((struct ip_range[]){a, tcp_six}, 2), 0);
}
END_TEST

START_TEST(more_entries_than_are_kept_are_excessive) {
    static struct ip_range ranges[CAPSULE_ROUTES_MAX + 1];
    for (size_t i = 0; i <= CAPSULE_ROUTES_MAX; i++) {
        ranges[i] = range("10.0.0.0", "10.0.0.0", 0);
        ip_addr_add(&ranges[i].first, i);
        ranges[i].last = ranges[i].first;
    }
    ck_assert_uint_eq(decode_ranges(ranges, CAPSULE_ROUTES_MAX), 0);
    ck_assert_uint_eq(decode_ranges(ranges, CAPSULE_ROUTES_MAX + 1), H3_EXCESSIVE_LOAD);
    uint8_t bytes[2000];
    struct heard heard = {0};
    size_t at = capsule_write_header(CAPSULE_ADDRESS_ASSIGN, 7 * (CAPSULE_ADDRESSES_MAX + 1), bytes, sizeof(bytes));
    for (size_t i = 0; i <= CAPSULE_ADDRESSES_MAX; i++, at += 7)
        memcpy(bytes + at, (const uint8_t[]){0, 4, 10, 0, 0, (uint8_t)i, 32}, 7);
    ck_assert_uint_eq(decode(bytes, at, &heard), H3_EXCESSIVE_LOAD);
}
END_TEST

START_TEST(datagrams_of_any_length_are_handed_over) {
    static uint8_t bytes[CAPSULE_MAX + 16];
    for (size_t length = 0; length <= CAPSULE_MAX; length = length < 3 ? length + 1 : length * 8) {
        struct heard heard = {0};
        size_t at = capsule_write_header(CAPSULE_DATAGRAM, length, bytes, sizeof(bytes));
        memset(bytes + at, 0x5a, length);
        ck_assert_uint_eq(decode(bytes, at + length, &heard), 0);
        ck_assert_uint_eq(heard.datagrams, 1);
        ck_assert_uint_eq(heard.length, length);
    }
}
END_TEST

START_TEST(a_datagram_too_long_for_ip_is_passed_over_unread) {
    size_t length = CAPSULE_MAX + 1;
    uint8_t *bytes = calloc(1, length + 64);
    struct heard heard = {0};
    size_t at = capsule_write_header(CAPSULE_DATAGRAM, length, bytes, 16) + length;
    at += capsule_write_header(CAPSULE_DATAGRAM, 3, bytes + at, 16) + 3;
    ck_assert_uint_eq(decode(bytes, at, &heard), 0);
    ck_assert_uint_eq(heard.datagrams, 1);
    ck_assert_uint_eq(heard.length, 3);
    free(bytes);
}
END_TEST

START_TEST(a_list_too_long_is_refused_before_it_comes) {
    uint8_t bytes[16];
    struct heard heard = {0};
    size_t length = capsule_write_header(CAPSULE_ADDRESS_ASSIGN, CAPSULE_MAX + 1, bytes, sizeof(bytes));
    ck_assert_uint_eq(decode(bytes, length, &heard), H3_EXCESSIVE_LOAD);
    length = capsule_write_header(CAPSULE_ROUTE_ADVERTISEMENT, (1ull << 62) - 1, bytes, sizeof(bytes));
    ck_assert_uint_eq(decode(bytes, length, &heard), H3_EXCESSIVE_LOAD);
}
END_TEST

START_TEST(unknown_capsules_are_handed_over_when_short_and_skipped_when_long) {
    static uint8_t bytes[5000];
    struct heard heard = {0};
    size_t at = capsule_write_header(0x2b7f, 4, bytes, sizeof(bytes));
    memcpy(bytes + at, "abcd", 4);
    at += 4;
    at += capsule_write_header(0x1234567890, 1025, bytes + at, sizeof(bytes) - at) + 1025;
    at += capsule_write_header(0x17, 0, bytes + at, sizeof(bytes) - at);
    ck_assert_uint_eq(decode(bytes, at, &heard), 0);
    ck_assert_uint_eq(heard.unknowns, 2);
    ck_assert_uint_eq(heard.type, 0x17);
    heard.unknowns = 0;
    ck_assert_uint_eq(decode(bytes, 7 /* the first capsule */, &heard), 0);
    ck_assert_uint_eq(heard.unknowns, 1);
    ck_assert_mem_eq(heard.bytes, "abcd", 4);
}
END_TEST

START_TEST(unknown_capsules_are_skipped_when_nobody_asks_for_them) {
    struct capsule_hooks quiet = hooks;
    struct heard heard = {0};
    quiet.on_unknown = NULL;
    struct capsule_decoder *decoder = capsule_decoder_new(&quiet, &heard);
    static const uint8_t bytes[] = {0x2a, 3, 1, 2, 3, 0x2a, 0, 0x00, 1, 0};
    ck_assert_uint_eq(capsule_decoder_feed(decoder, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_decoder_end(decoder), 0);
    ck_assert_uint_eq(heard.datagrams, 1);
    capsule_decoder_free(decoder);
}
END_TEST

START_TEST(a_stream_that_ends_within_a_capsule_is_malformed) {
    struct heard heard = {0};
    ck_assert_uint_eq(DECODE(&heard, 0x40), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(DECODE(&heard, 0x00), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(DECODE(&heard, 0x00, 2, 0), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(DECODE(&heard, 0x7f, 0xff, 0x48, 0x00, 0), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(decode(NULL, 0, &heard), 0);
}
END_TEST

START_TEST(after_an_error_nothing_more_is_read) {
    struct heard heard = {0};
    struct capsule_decoder *decoder = capsule_decoder_new(&hooks, &heard);
    static const uint8_t bad[] = {2, 0}, good[] = {0, 1, 0};
    ck_assert_uint_eq(capsule_decoder_feed(decoder, bad, sizeof(bad)), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(capsule_decoder_feed(decoder, good, sizeof(good)), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(capsule_decoder_end(decoder), H3_MESSAGE_ERROR);
    ck_assert_uint_eq(heard.datagrams, 0);
    capsule_decoder_free(decoder);
}
END_TEST

START_TEST(an_error_of_the_receiver_aborts_the_stream) {
    struct heard heard = {.answer = H3_EXCESSIVE_LOAD};
    ck_assert_uint_eq(DECODE(&heard, 0, 1, 0, 0, 1, 0), H3_EXCESSIVE_LOAD);
    ck_assert_uint_eq(heard.datagrams, 1);
}
END_TEST

START_TEST(what_the_encoders_write_the_decoder_reads) {
    uint8_t bytes[256];
    struct heard heard = {0};
    struct capsule_address addresses[] = {entry(5, "10.77.0.10/32"), entry(70, "fd77::10/128"),
                                          entry(0, "192.168.0.0/16")};
    size_t length = capsule_write_addresses(CAPSULE_ADDRESS_ASSIGN, addresses, 3, bytes, sizeof(bytes));
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_eq(decode(bytes, length, &heard), 0);
    ck_assert_uint_eq(heard.address_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(heard.addresses[i].request_id, addresses[i].request_id);
        ck_assert_mem_eq(&heard.addresses[i].prefix, &addresses[i].prefix, sizeof(addresses[i].prefix));
    }
    struct ip_range ranges[] = {range("0.0.0.0", "255.255.255.255", 0),
                                range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0)};
    size_t routes = capsule_write_routes(ranges, 2, bytes, sizeof(bytes));
    ck_assert_uint_gt(routes, 0);
    ck_assert_uint_eq(decode(bytes, routes, &heard), 0);
    ck_assert_mem_eq(heard.ranges, ranges, sizeof(ranges));
    for (size_t size = 0; size < length; size++)
        ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_ASSIGN, addresses, 3, bytes, size), 0);
    for (size_t size = 0; size < routes; size++)
        ck_assert_uint_eq(capsule_write_routes(ranges, 2, bytes, size), 0);
}
END_TEST

START_TEST(the_encoders_refuse_what_the_decoder_would) {
    uint8_t bytes[256];
    struct capsule_address host_bits = entry(1, "10.0.0.1/24"), none = {.request_id = 1},
                           zero_id = entry(0, "10.0.0.1/32");
    struct capsule_address twice[] = {entry(1, "10.0.0.1/32"), entry(1, "10.0.0.2/32")};
    struct ip_range backwards[] = {range("10.0.0.2", "10.0.0.1", 0)},
                    overlap[] = {range("10.0.0.0", "10.0.0.9", 0), range("10.0.0.9", "10.0.0.9", 0)};
    struct ip_range across[] = {range("10.0.0.0", "10.0.0.9", 0), range("10.0.0.3", "10.0.0.3", 6)},
                    mixed[] = {{.first = addr("10.0.0.1"), .last = addr("::1")}};
    ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_ASSIGN, &host_bits, 1, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_ASSIGN, &none, 1, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_REQUEST, &zero_id, 1, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_REQUEST, twice, 2, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_addresses(CAPSULE_ADDRESS_REQUEST, NULL, 0, bytes, sizeof(bytes)), 0);
    ck_assert_uint_gt(capsule_write_addresses(CAPSULE_ADDRESS_ASSIGN, NULL, 0, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_routes(backwards, 1, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_routes(overlap, 2, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_routes(across, 2, bytes, sizeof(bytes)), 0);
    ck_assert_uint_eq(capsule_write_routes(mixed, 1, bytes, sizeof(bytes)), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("capsule");
    TCase *tcase = tcase_create("capsule");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, varints_survive_writing_and_reading);
    tcase_add_test(tcase, varints_read_as_in_rfc_9000);
    tcase_add_test(tcase, an_assignment_is_read_as_rfc_9484_draws_it);
    tcase_add_test(tcase, an_empty_assignment_takes_all_addresses_away);
    tcase_add_test(tcase, malformed_addresses_abort_the_stream);
    tcase_add_test(tcase, malformed_address_requests_abort_the_stream);
    tcase_add_test(tcase, routes_are_read_in_order);
    tcase_add_test(tcase, malformed_routes_abort_the_stream);
    tcase_add_test(tcase, routes_out_of_order_or_overlapping_abort_the_stream);
    tcase_add_test(tcase, more_entries_than_are_kept_are_excessive);
    tcase_add_test(tcase, datagrams_of_any_length_are_handed_over);
    tcase_add_test(tcase, a_datagram_too_long_for_ip_is_passed_over_unread);
    tcase_add_test(tcase, a_list_too_long_is_refused_before_it_comes);
    tcase_add_test(tcase, unknown_capsules_are_handed_over_when_short_and_skipped_when_long);
    tcase_add_test(tcase, unknown_capsules_are_skipped_when_nobody_asks_for_them);
    tcase_add_test(tcase, a_stream_that_ends_within_a_capsule_is_malformed);
    tcase_add_test(tcase, after_an_error_nothing_more_is_read);
    tcase_add_test(tcase, an_error_of_the_receiver_aborts_the_stream);
    tcase_add_test(tcase, what_the_encoders_write_the_decoder_reads);
    tcase_add_test(tcase, the_encoders_refuse_what_the_decoder_would);
    return suite_run(suite);
}
