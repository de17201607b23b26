/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp: the error messages that a tunnel end owes to a sender (RFC 792, RFC 1191, RFC 4443, RFC 1812 section 4.3.2).
 * Never in answer to an ICMP error, a fragment but the first, a multicast or unspecified source. */
#ifndef MPVPN_PACKET_ICMP_H
#define MPVPN_PACKET_ICMP_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define ICMP_ERROR_MAX 1280u /**< bytes of the longest error packet (RFC 4443: IPv6's minimum MTU; IPv4's is 576) */

/** What went wrong, in words; icmp_error() turns it into type and code of either version. */
enum icmp_reason { ICMP_TOO_BIG, ICMP_NO_ROUTE, ICMP_PROHIBITED, ICMP_ADDRESS_UNREACHABLE, ICMP_TIME_EXCEEDED };

/**
 * Build an error packet about `packet`.
 * @param source address the error comes from (same version as the packet)
 * @param mtu_bytes for ICMP_TOO_BIG, else ignored
 * @param out at least ICMP_ERROR_MAX bytes
 * @return bytes written, or 0: no error may be sent about such a packet
 */
size_t icmp_error(enum icmp_reason reason, const uint8_t *packet, size_t length, const struct ip_addr *source,
                  uint32_t mtu_bytes, uint8_t *out);

/** Token bucket that bounds errors sent (RFC 4443 section 2.4 (f)): zeroed = full. */
struct icmp_limit {
    uint64_t last;   /**< ns when tokens was brought up to date */
    uint32_t tokens; /**< errors that may be sent at once */
};
/** Whether one more error may be sent now (100 a second, bursts of 50). */
int icmp_limit_allows(struct icmp_limit *limit, uint64_t now);

#endif
