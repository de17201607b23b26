/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr: IP addresses, prefixes and socket addresses as values; parsing and printing of them. No name resolution here.
 */
#ifndef MPVPN_COMMON_ADDR_H
#define MPVPN_COMMON_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** An IPv4 or IPv6 address in network byte order; unused bytes are zero, so that memcmp of two values is a comparison.
 */
struct ip_addr {
    uint8_t version;   /**< 4, 6, or 0: no address */
    uint8_t bytes[16]; /**< network byte order; IPv4 uses the first four */
};

/** An address and a prefix length in bits; bits past the length may be set (a host within its network). */
struct ip_prefix {
    struct ip_addr addr; /**< the address */
    uint8_t length;      /**< 0–32 or 0–128 bits */
};

/** An inclusive range of addresses of one version, as RFC 9484's ROUTE_ADVERTISEMENT has it. */
struct ip_range {
    struct ip_addr first; /**< lowest address */
    struct ip_addr last;  /**< highest address, same version, not below first */
    uint8_t protocol;     /**< IP protocol it is limited to; 0: any */
};

/** A UDP endpoint. A zero family means none. */
union sock_addr {
    struct sockaddr sa;      /**< family */
    struct sockaddr_in in;   /**< IPv4 */
    struct sockaddr_in6 in6; /**< IPv6 */
};

#define IP_ADDR_TEXT_MAX 46   /**< bytes, with NUL: text form of an address */
#define IP_PREFIX_TEXT_MAX 50 /**< bytes, with NUL: text form of a prefix */
#define SOCK_ADDR_TEXT_MAX 56 /**< bytes, with NUL: "[address]:port" */

/** Bytes an address of this version has: 4 or 16; 0 for version 0. */
size_t ip_addr_size(const struct ip_addr *addr);
/** Bits an address of this version has: 32 or 128; 0 for version 0. */
unsigned ip_addr_bits(const struct ip_addr *addr);
/** Make an address from raw network-order bytes. @param version 4 or 6 */
struct ip_addr ip_addr_from_bytes(uint8_t version, const uint8_t *bytes);
/** Order by version, then numerically. @return <0, 0, >0 */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);
/** Parse dotted-quad or RFC 4291 text. @return 0, or -EINVAL: not an address (out untouched) */
int ip_addr_parse(const char *text, struct ip_addr *out);
/** Print into the caller's buffer. @param text at least IP_ADDR_TEXT_MAX bytes @return text */
const char *ip_addr_print(const struct ip_addr *addr, char *text);
/** Add a small number to an address (carry over all bytes). @return false when it overflowed */
bool ip_addr_add(struct ip_addr *addr, uint64_t n);

/** Parse "ADDR/LEN" (a bare address is a host prefix). @return 0, or -EINVAL */
int ip_prefix_parse(const char *text, struct ip_prefix *out);
/** Print "ADDR/LEN". @param text at least IP_PREFIX_TEXT_MAX bytes @return text */
const char *ip_prefix_print(const struct ip_prefix *prefix, char *text);
/** Whether addr lies in prefix (same version and leading bits). */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);
/** First (all host bits 0) and last (all host bits 1) address of a prefix. */
struct ip_addr ip_prefix_first(const struct ip_prefix *prefix);
struct ip_addr ip_prefix_last(const struct ip_prefix *prefix);
/** Whether addr lies in range (protocol is not looked at). */
bool ip_range_contains(const struct ip_range *range, const struct ip_addr *addr);
/**
 * Cover a range by the fewest prefixes.
 * @param out array of the caller's, at least 254 entries for any IPv6 range
 * @return how many were written
 */
size_t ip_range_to_prefixes(const struct ip_range *range, struct ip_prefix *out, size_t max);

/** Length of the sockaddr inside, 0 for none. */
socklen_t sock_addr_length(const union sock_addr *addr);
/** Whether family, address, port (and IPv6 scope) are equal. */
bool sock_addr_equal(const union sock_addr *a, const union sock_addr *b);
/** The IP address inside (IPv4-mapped IPv6 comes out as IPv4). */
struct ip_addr sock_addr_ip(const union sock_addr *addr);
/** Port in host byte order. */
uint16_t sock_addr_port(const union sock_addr *addr);
/** Build an endpoint. @param port host byte order */
union sock_addr sock_addr_make(const struct ip_addr *addr, uint16_t port);
/** Parse "ADDR:PORT" or "[V6]:PORT" (numeric only). @return 0, or -EINVAL */
int sock_addr_parse(const char *text, union sock_addr *out);
/** Print "ADDR:PORT" or "[V6]:PORT". @param text at least SOCK_ADDR_TEXT_MAX bytes @return text */
const char *sock_addr_print(const union sock_addr *addr, char *text);

#endif
