/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner: what the tunnel needs to know of an inner IP packet: addresses, ports, where headers end, hop limit, ECN.
 * Everything is checked against the length; extension headers of IPv6 are walked to the upper layer. */
#ifndef MPVPN_PACKET_INNER_H
#define MPVPN_PACKET_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/** A parsed view; offsets are from the first byte of the packet. */
struct inner {
    uint8_t version;       /**< 4 or 6 */
    uint8_t protocol;      /**< upper-layer protocol after all extension headers */
    uint8_t traffic_class; /**< TOS / traffic class byte, ECN in the low two bits */
    uint8_t hop_limit;     /**< TTL / hop limit */
    bool fragment;         /**< any fragment (also the first): ports may be absent */
    bool first_fragment;   /**< offset 0 of a fragmented packet */
    bool dont_fragment;    /**< IPv4 DF; always true for IPv6 */
    uint16_t header_bytes; /**< IP header with options and extension headers: where layer 4 begins */
    uint16_t total_bytes;  /**< what the IP header says, ≤ the length given */
    uint16_t source_port;  /**< TCP/UDP/SCTP, host order; 0 when there is none */
    uint16_t target_port;  /**< likewise */
    struct ip_addr source; /**< address */
    struct ip_addr target; /**< address */
};

/**
 * Parse a packet. A longer buffer than the IP header says is accepted for version 4 and 6 (total_bytes tells); GSO
 * superpackets whose length field is short or zero are parsed when length is the truth (pass superpacket = true).
 * @return 0; -EINVAL: version, length or header chain is wrong; -EMSGSIZE: shorter than its header says
 */
int inner_parse(const uint8_t *packet, size_t length, bool superpacket, struct inner *out);
/** Keyed hash over addresses, protocol and ports (addresses and fragment id-less for fragments): the same for all
 * packets of a flow. */
uint32_t inner_flow_hash(const struct inner *inner, const uint8_t key[16]);
/** Whether a packet of TCP is an acknowledgement and nothing else: no data, and neither SYN, RST nor FIN.
 * @param packet what was parsed, no superpacket */
bool inner_is_bare_ack(const struct inner *inner, const uint8_t *packet);
/** Whether a packet of TCP has a SYN, and nothing or little of data. @param packet what was parsed */
bool inner_opens_flow(const struct inner *inner, const uint8_t *packet);
/** The data of a packet or superpacket of TCP. @param packet what was parsed @param length bytes, all segments'
 * @param number out: sequence number of their first byte @return how many bytes; 0: none, or it is no TCP, or a
 * fragment */
uint32_t inner_tcp_data(const struct inner *inner, const uint8_t *packet, size_t length, uint32_t *number);
/** The number that all fragments of a datagram share, besides addresses and protocol. @param packet one that
 * inner_parse() took, and told to be a fragment @param inner what it told @return the identification of version 4 or of
 * version 6's fragment header, host order */
uint32_t inner_datagram(const uint8_t *packet, const struct inner *inner);
/** Set ECN to CE in place (RFC 3168), mending IPv4's header checksum. @return false: not ECN-capable, nothing done */
bool inner_mark_ce(uint8_t *packet);

#endif
