/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr: addresses as values. Parsing and printing go through inet_pton and inet_ntop; everything numeric works on the
 * network-order bytes, one algorithm for both versions.
 *
 * It leaves out name resolution, zone names of link-local addresses (the scope travels in sockaddr_in6 only) and host
 * routes' meaning.
 *
 * Invariant: unused bytes of a struct ip_addr are zero, so that two values can be compared as memory.
 *
 * Standards: RFC 4291 (text form), RFC 5952 (canonical text form, by inet_ntop). */
#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t ip_addr_size(const struct ip_addr *addr) {
    if (addr->version == 4)
        return 4;
    return addr->version == 6 ? 16 : 0;
}

unsigned ip_addr_bits(const struct ip_addr *addr) {
    return (unsigned)ip_addr_size(addr) * 8;
}

struct ip_addr ip_addr_from_bytes(uint8_t version, const uint8_t *bytes) {
    struct ip_addr addr = {.version = version};

    memcpy(addr.bytes, bytes, ip_addr_size(&addr));
    return addr;
}

int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b) {
    if (a->version != b->version)
        return a->version < b->version ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

int ip_addr_parse(const char *text, struct ip_addr *out) {
    struct ip_addr addr = {.version = strchr(text, ':') ? 6 : 4};

    if (inet_pton(addr.version == 6 ? AF_INET6 : AF_INET, text, addr.bytes) != 1)
        return -EINVAL;
    *out = addr;
    return 0;
}

const char *ip_addr_print(const struct ip_addr *addr, char *text) {
    if (addr->version != 4 && addr->version != 6)
        strcpy(text, "none");
    else if (!inet_ntop(addr->version == 6 ? AF_INET6 : AF_INET, addr->bytes, text, IP_ADDR_TEXT_MAX))
        text[0] = '\0';
    return text;
}

bool ip_addr_add(struct ip_addr *addr, uint64_t n) {
    uint64_t carry = n;

    for (size_t i = ip_addr_size(addr); i > 0 && carry; i--) {
        uint64_t sum = (carry & 0xff) + addr->bytes[i - 1];

        addr->bytes[i - 1] = (uint8_t)sum;
        carry = (carry >> 8) + (sum >> 8);
    }
    return carry == 0;
}

/** Parse a prefix length or a port: decimal digits, at most so many, and nothing else. @return the value, or -EINVAL */
static int number_parse(const char *text, size_t digits_max, unsigned max) {
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > digits_max || text[digits])
        return -EINVAL;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    return value <= max ? (int)value : -EINVAL;
}

int ip_prefix_parse(const char *text, struct ip_prefix *out) {
    const char *slash = strchr(text, '/');
    size_t bytes = slash ? (size_t)(slash - text) : strlen(text);
    char address[IP_ADDR_TEXT_MAX];
    struct ip_prefix prefix;
    int length;

    if (bytes >= sizeof address)
        return -EINVAL;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (ip_addr_parse(address, &prefix.addr))
        return -EINVAL;
    length = slash ? number_parse(slash + 1, 3, ip_addr_bits(&prefix.addr)) : (int)ip_addr_bits(&prefix.addr);
    if (length < 0)
        return -EINVAL;
    prefix.length = (uint8_t)length;
    *out = prefix;
    return 0;
}

const char *ip_prefix_print(const struct ip_prefix *prefix, char *text) {
    char address[IP_ADDR_TEXT_MAX];

    snprintf(text, IP_PREFIX_TEXT_MAX, "%s/%u", ip_addr_print(&prefix->addr, address), prefix->length);
    return text;
}

/** Mask for byte number i of a prefix of that many bits. */
static uint8_t mask_byte(unsigned length, size_t i) {
    if (length >= 8 * (i + 1))
        return 0xff;
    if (length <= 8 * i)
        return 0;
    return (uint8_t)(0xff << (8 * (i + 1) - length));
}

/** The number that an IPv4 address is: packets are judged by their addresses, and one comparison is quicker than a call
 * of memcmp(). */
static uint32_t number_of(const struct ip_addr *addr) {
    uint32_t number;

    memcpy(&number, addr->bytes, sizeof number);
    return ntohl(number);
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr) {
    size_t whole = prefix->length / 8u;

    if (prefix->addr.version != addr->version || prefix->length > ip_addr_bits(addr))
        return false;
    if (addr->version == 4)
        return (uint64_t)(number_of(&prefix->addr) ^ number_of(addr)) >> (32 - prefix->length) == 0;
    if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
        return false;
    if (prefix->length % 8 == 0)
        return true;
    return ((prefix->addr.bytes[whole] ^ addr->bytes[whole]) & mask_byte(prefix->length, whole)) == 0;
}

struct ip_addr ip_prefix_first(const struct ip_prefix *prefix) {
    struct ip_addr addr = prefix->addr;

    for (size_t i = 0; i < ip_addr_size(&addr); i++)
        addr.bytes[i] &= mask_byte(prefix->length, i);
    return addr;
}

struct ip_addr ip_prefix_last(const struct ip_prefix *prefix) {
    struct ip_addr addr = prefix->addr;

    for (size_t i = 0; i < ip_addr_size(&addr); i++)
        addr.bytes[i] |= (uint8_t)~mask_byte(prefix->length, i);
    return addr;
}

bool ip_range_contains(const struct ip_range *range, const struct ip_addr *addr) {
    if (range->first.version == 4 && range->last.version == 4 && addr->version == 4)
        return number_of(&range->first) <= number_of(addr) && number_of(addr) <= number_of(&range->last);
    return range->first.version == addr->version && ip_addr_compare(&range->first, addr) <= 0 &&
           ip_addr_compare(addr, &range->last) <= 0;
}

size_t ip_range_to_prefixes(const struct ip_range *range, struct ip_prefix *out, size_t max) {
    struct ip_addr at = range->first;
    size_t count = 0;

    if (at.version != range->last.version || ip_addr_size(&at) == 0)
        return 0;
    while (count < max && ip_addr_compare(&at, &range->last) <= 0) {
        struct ip_prefix prefix = {.addr = at, .length = (uint8_t)ip_addr_bits(&at)};

        /* The largest block that begins here (aligned) and does not run past the end. */
        while (prefix.length > 0) {
            struct ip_prefix wider = {.addr = at, .length = (uint8_t)(prefix.length - 1)};
            struct ip_addr first = ip_prefix_first(&wider), last = ip_prefix_last(&wider);

            if (ip_addr_compare(&first, &at) != 0 || ip_addr_compare(&last, &range->last) > 0)
                break;
            prefix = wider;
        }
        out[count++] = prefix;
        at = ip_prefix_last(&prefix);
        if (!ip_addr_add(&at, 1))
            break;
    }
    return count;
}

socklen_t sock_addr_length(const union sock_addr *addr) {
    if (addr->sa.sa_family == AF_INET)
        return sizeof addr->in;
    return addr->sa.sa_family == AF_INET6 ? sizeof addr->in6 : 0;
}

bool sock_addr_equal(const union sock_addr *a, const union sock_addr *b) {
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6)
        return a->in6.sin6_port == b->in6.sin6_port && a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
    return true;
}

struct ip_addr sock_addr_ip(const union sock_addr *addr) {
    const uint8_t *bytes = (const uint8_t *)&addr->in6.sin6_addr;

    if (addr->sa.sa_family == AF_INET)
        return ip_addr_from_bytes(4, (const uint8_t *)&addr->in.sin_addr);
    if (addr->sa.sa_family != AF_INET6)
        return (struct ip_addr){0};
    if (IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
        return ip_addr_from_bytes(4, bytes + 12);
    return ip_addr_from_bytes(6, bytes);
}

uint16_t sock_addr_port(const union sock_addr *addr) {
    if (addr->sa.sa_family == AF_INET)
        return ntohs(addr->in.sin_port);
    return addr->sa.sa_family == AF_INET6 ? ntohs(addr->in6.sin6_port) : 0;
}

union sock_addr sock_addr_make(const struct ip_addr *addr, uint16_t port) {
    union sock_addr out;

    memset(&out, 0, sizeof out);
    if (addr->version == 4) {
        out.in.sin_family = AF_INET;
        out.in.sin_port = htons(port);
        memcpy(&out.in.sin_addr, addr->bytes, 4);
    } else if (addr->version == 6) {
        out.in6.sin6_family = AF_INET6;
        out.in6.sin6_port = htons(port);
        memcpy(&out.in6.sin6_addr, addr->bytes, 16);
    }
    return out;
}

int sock_addr_parse(const char *text, union sock_addr *out) {
    bool bracket = text[0] == '[';
    const char *begin = text + bracket;
    const char *end = bracket ? strstr(begin, "]:") : strchr(begin, ':');
    char address[IP_ADDR_TEXT_MAX];
    struct ip_addr ip;
    int port;

    if (!end || (size_t)(end - begin) >= sizeof address)
        return -EINVAL;
    memcpy(address, begin, (size_t)(end - begin));
    address[end - begin] = '\0';
    port = number_parse(end + 1 + bracket, 5, UINT16_MAX);
    if (port < 0 || ip_addr_parse(address, &ip) || (ip.version == 6) != bracket)
        return -EINVAL;
    *out = sock_addr_make(&ip, (uint16_t)port);
    return 0;
}

const char *sock_addr_print(const union sock_addr *addr, char *text) {
    char address[IP_ADDR_TEXT_MAX];
    struct ip_addr ip = sock_addr_ip(addr);

    ip_addr_print(&ip, address);
    if (ip.version == 0)
        strcpy(text, address);
    else
        snprintf(text, SOCK_ADDR_TEXT_MAX, ip.version == 6 ? "[%s]:%u" : "%s:%u", address, sock_addr_port(addr));
    return text;
}
