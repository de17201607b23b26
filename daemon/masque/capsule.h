/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capsule: the capsule protocol (RFC 9297 section 3) on a request stream: a streaming decoder that survives any cut of
 * the bytes, and encoders. Contents of ADDRESS_ASSIGN, ADDRESS_REQUEST and ROUTE_ADVERTISEMENT (RFC 9484 section 4.7)
 * as values. Lengths are bounded; unknown capsules are skipped without being kept. */
#ifndef MPVPN_MASQUE_CAPSULE_H
#define MPVPN_MASQUE_CAPSULE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define CAPSULE_DATAGRAM 0x00ull            /**< RFC 9297 section 3.5 */
#define CAPSULE_ADDRESS_ASSIGN 0x01ull      /**< RFC 9484 section 4.7.1 */
#define CAPSULE_ADDRESS_REQUEST 0x02ull     /**< RFC 9484 section 4.7.2 */
#define CAPSULE_ROUTE_ADVERTISEMENT 0x03ull /**< RFC 9484 section 4.7.3 */

#define CAPSULE_MAX                                                                                                    \
    66048u /**< bytes: longest known capsule value taken (a 65,535-byte packet and its context ID); a longer DATAGRAM  \
              is passed over, another is H3_EXCESSIVE_LOAD */
#define CAPSULE_ADDRESSES_MAX 64u /**< addresses in one capsule; more is H3_EXCESSIVE_LOAD */
#define CAPSULE_ROUTES_MAX 1024u  /**< ranges in one capsule; more is H3_EXCESSIVE_LOAD */
#define VARINT_MAX_BYTES 8u       /**< QUIC variable-length integer (RFC 9000 section 16) */

/** One entry of ADDRESS_ASSIGN or ADDRESS_REQUEST. */
struct capsule_address {
    uint64_t request_id;     /**< 0 in an assignment that nobody asked for; never 0 in a request */
    struct ip_prefix prefix; /**< an all-zero address in a request: any; in an assignment: refused */
};

/** What the decoder hands over. All pointers are valid in the call only. Each returns 0, or an HTTP/3 error code to
 * abort the stream with. */
struct capsule_hooks {
    uint64_t (*on_address_assign)(void *context, const struct capsule_address *addresses, size_t count);
    uint64_t (*on_address_request)(void *context, const struct capsule_address *addresses, size_t count);
    uint64_t (*on_routes)(void *context, const struct ip_range *ranges, size_t count);
    /** Payload of a DATAGRAM capsule: an HTTP Datagram (context ID and so on). */
    uint64_t (*on_datagram)(void *context, const uint8_t *payload, size_t length);
    /** A capsule type that this room does not know; NULL: skipped. Called with the whole value if it is ≤ 1024 bytes.
     */
    uint64_t (*on_unknown)(void *context, uint64_t type, const uint8_t *value, size_t length);
};

struct capsule_decoder;

struct capsule_decoder *capsule_decoder_new(const struct capsule_hooks *hooks, void *context);
void capsule_decoder_free(struct capsule_decoder *decoder);
/**
 * Feed stream bytes, cut anywhere.
 * @return 0; else the HTTP/3 error code to abort with: malformed contents (RFC 9484: addresses of no version, ranges
 * that overlap, are out of order or start after their end, request ID 0 or twice in a capsule …) are H3_MESSAGE_ERROR
 * (RFC 9297 section 3.3); why names the fault
 */
uint64_t capsule_decoder_feed(struct capsule_decoder *decoder, const uint8_t *data, size_t length);
/** The stream ended. @return 0, or an error code when it ended within a capsule */
uint64_t capsule_decoder_end(struct capsule_decoder *decoder);
/** What was wrong, after a non-zero return. */
const char *capsule_decoder_why(const struct capsule_decoder *decoder);

/* Encoders: @return bytes written, or 0: no room */
size_t capsule_write_addresses(uint64_t type, const struct capsule_address *addresses, size_t count, uint8_t *out,
                               size_t size);
size_t capsule_write_routes(const struct ip_range *ranges, size_t count, uint8_t *out, size_t size);
/** Type and length only; the value follows. */
size_t capsule_write_header(uint64_t type, uint64_t length, uint8_t *out, size_t size);

/** Variable-length integers. varint_read: @return bytes used, or 0: cut short. */
size_t varint_read(const uint8_t *data, size_t length, uint64_t *value);
size_t varint_write(uint64_t value, uint8_t *out, size_t size);
size_t varint_size(uint64_t value);

#endif
