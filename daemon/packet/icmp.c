/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp: errors about packets that the tunnel cannot carry. The offending packet is quoted as far as the version allows,
 * so that the sender's socket is found by it.
 *
 * It leaves out redirects and every message that is no error.
 *
 * Standards: RFC 792, RFC 1122 section 3.2.2, RFC 1191, RFC 1812 section 4.3.2, RFC 4443 section 2.4. */
#include "packet/icmp.h"

#include <stdbool.h>
#include <string.h>

#include "common/be.h"
#include "common/clock.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/inner.h"

/** Sizes in bytes. */
enum { ICMP_HEADER = 8, IP4_ERROR_MAX = 576 };
/** Hop limit of an error, and IPv4's precedence "internetwork control" (RFC 1812 section 4.3.2.5). */
enum { ERROR_HOP_LIMIT = 64, ERROR_TOS = 0xc0 };

/** Type and code of a reason, by version. */
struct kind {
    uint8_t type4, code4; /**< ICMP */
    uint8_t type6, code6; /**< ICMPv6 */
};

static const struct kind kinds[] = {
    [ICMP_TOO_BIG] = {3, 4, 2, 0},        [ICMP_NO_ROUTE] = {3, 0, 1, 0},
    [ICMP_PROHIBITED] = {3, 13, 1, 1},    [ICMP_ADDRESS_UNREACHABLE] = {3, 1, 1, 3},
    [ICMP_TIME_EXCEEDED] = {11, 0, 3, 0},
};

/** Whether an address can be a single host's, to which an error may be sent. */
static bool is_host(const struct ip_addr *addr) {
    static const uint8_t zero[16];

    if (memcmp(addr->bytes, zero, sizeof zero) == 0)
        return false;
    if (addr->version == 6)
        return addr->bytes[0] != 0xff;
    return addr->bytes[0] != 0 && addr->bytes[0] != 127 && addr->bytes[0] < 224;
}

/** Whether an address is one that many hosts listen to. */
static bool is_group(const struct ip_addr *addr) {
    return addr->version == 6 ? addr->bytes[0] == 0xff : addr->bytes[0] >= 224;
}

/** Whether the packet is itself an ICMP error (or redirect), or may be one as far as it can be seen. */
static bool is_error(const uint8_t *packet, const struct inner *inner) {
    bool has_type = inner->total_bytes > inner->header_bytes;
    uint8_t type = has_type ? packet[inner->header_bytes] : 0;

    if (inner->version == 6)
        return inner->protocol == IPPROTO_ICMPV6 && (!has_type || type < 128 || type == 137);
    return inner->protocol == IPPROTO_ICMP &&
           (!has_type || type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

/** Whether an error may be sent about this packet at all. */
static bool may_answer(enum icmp_reason reason, const uint8_t *packet, const struct inner *inner) {
    if (inner->fragment && !inner->first_fragment)
        return false;
    if (!is_host(&inner->source) || is_error(packet, inner))
        return false;
    /* Path MTU discovery works for IPv6 multicast too: RFC 4443 section 2.4 (e.3). */
    return !is_group(&inner->target) || (inner->version == 6 && reason == ICMP_TOO_BIG);
}

/** Write the IPv4 header. */
static void header4(uint8_t *out, size_t total, const struct ip_addr *source, const struct ip_addr *target) {
    memset(out, 0, IP4_HEADER);
    out[0] = 0x45;
    out[1] = ERROR_TOS;
    be16_put(out + 2, total);
    out[8] = ERROR_HOP_LIMIT;
    out[9] = IPPROTO_ICMP;
    memcpy(out + 12, source->bytes, 4);
    memcpy(out + 16, target->bytes, 4);
    checksum_store(out + 10, checksum_finish(checksum_sum(out, IP4_HEADER)));
}

/** Write the IPv6 header. */
static void header6(uint8_t *out, size_t total, const struct ip_addr *source, const struct ip_addr *target) {
    memset(out, 0, 8);
    out[0] = 0x60;
    be16_put(out + 4, total - IP6_HEADER);
    out[6] = IPPROTO_ICMPV6;
    out[7] = ERROR_HOP_LIMIT;
    memcpy(out + 8, source->bytes, 16);
    memcpy(out + 24, target->bytes, 16);
}

size_t icmp_error(enum icmp_reason reason, const uint8_t *packet, size_t length, const struct ip_addr *source,
                  uint32_t mtu_bytes, uint8_t *out) {
    struct inner inner;
    size_t head, quote, room;
    uint8_t *icmp;
    bool v4;

    /* A superpacket is refused as a whole, its length field may say anything: the length given is the truth. */
    if (inner_parse(packet, length, true, &inner))
        return 0;
    if (source->version != inner.version || !may_answer(reason, packet, &inner))
        return 0;
    v4 = inner.version == 4;
    head = (v4 ? IP4_HEADER : IP6_HEADER) + ICMP_HEADER;
    room = (v4 ? (size_t)IP4_ERROR_MAX : ICMP_ERROR_MAX) - head;
    quote = inner.total_bytes < room ? inner.total_bytes : room;
    icmp = out + head - ICMP_HEADER;
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = v4 ? kinds[reason].type4 : kinds[reason].type6;
    icmp[1] = v4 ? kinds[reason].code4 : kinds[reason].code6;
    if (reason == ICMP_TOO_BIG) {
        if (!v4)
            be16_put(icmp + 4, mtu_bytes >> 16);
        be16_put(icmp + 6, v4 && mtu_bytes > UINT16_MAX ? UINT16_MAX : mtu_bytes);
    }
    memcpy(icmp + ICMP_HEADER, packet, quote);
    (v4 ? header4 : header6)(out, head + quote, source, &inner.source);
    checksum_store(icmp + 2,
                   checksum_finish(checksum_sum(icmp, ICMP_HEADER + quote) +
                                   (v4 ? 0 : checksum_pseudo(out, IPPROTO_ICMPV6, (uint32_t)(ICMP_HEADER + quote)))));
    return head + quote;
}

#define TOKEN_EVERY (10 * NS_PER_MS) /**< ns between two new tokens */
#define TOKENS_MAX 50u               /**< burst */

int icmp_limit_allows(struct icmp_limit *limit, uint64_t now) {
    uint64_t earned;

    if (limit->last == 0)
        *limit = (struct icmp_limit){.last = now ? now : 1, .tokens = TOKENS_MAX};
    earned = now > limit->last ? (now - limit->last) / TOKEN_EVERY : 0;
    limit->last += earned * TOKEN_EVERY;
    limit->tokens = earned >= TOKENS_MAX - limit->tokens ? TOKENS_MAX : limit->tokens + (uint32_t)earned;
    if (limit->tokens == 0)
        return 0;
    limit->tokens--;
    return 1;
}
