/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner_tcp: one bulk TCP flow between the kernels of two hosts of a world, through their TUNs, modelled after Linux:
 * CUBIC with HyStart, or BBR; SACK, RACK with a growing reordering window, tail-loss probes, proportional rate
 * reduction, undo by timestamps and DSACK; delayed and compressed acknowledgements; a receive window that grows with
 * what is read. All segments are full; sender and receiver are one object, but talk by packets alone. Or a QUIC flow as
 * RFC 9002 has it, with the same CUBIC, whose loss threshold of three packets is fixed (inner_quic.c). */
#ifndef MPVPN_SIM_INNER_TCP_H
#define MPVPN_SIM_INNER_TCP_H

#include "common/addr.h"
#include "world.h"

#define INNER_TCP_HEADERS 52u  /**< bytes of a data packet's IPv4 and TCP headers, with timestamps */
#define INNER_QUIC_HEADERS 68u /**< likewise IPv4, UDP and QUIC, with the tag */

enum inner_cc { INNER_CUBIC, INNER_BBR };

/** A flow to be. */
struct inner_tcp_settings {
    struct host *from, *to;        /**< who sends data, who receives */
    struct ip_addr source, target; /**< IPv4 addresses of the data packets */
    uint16_t port;                 /**< of the receiver, and of the sender too; QUIC: of the sender, to port 443 */
    uint32_t mtu_bytes;            /**< of data packets */
    enum inner_cc cc;              /**< congestion control; QUIC: CUBIC */
    bool quic;                     /**< QUIC, not TCP */
    bool paced;                    /**< CUBIC: it paces, as a host with fq does */
    double limit_bps;              /**< what its sender sends at most, bits per second; 0: no such limit */
    bool foreign;                  /**< the sender is another host's, forwarded: no kernel here knows it */
    uint32_t buffer_bytes;         /**< to which both ends' buffers may grow, less than 16 MiB; 0: Linux' 4 MiB */
};

/** What became of a flow so far. */
struct inner_tcp_statistics {
    uint64_t read_bytes;  /**< payload that the receiver got in order */
    uint64_t retransmits; /**< segments sent again */
    uint64_t recoveries;  /**< times the sender took a loss for congestion */
    uint64_t undone;      /**< of these, taken back: nothing was lost */
    uint64_t timeouts;    /**< retransmission time-outs */
    uint64_t disordered;  /**< segments that came out of order */
    uint64_t spurious;    /**< QUIC: packets that came after they were taken for lost */
    uint64_t longest_gap; /**< ns: the longest time without anything read */
    double cwnd;          /**< segments now */
    double srtt;          /**< ns now */
    bool recovering;      /**< from a loss, now */
};

struct inner_tcp;

/** Make a flow; it begins to send now. */
struct inner_tcp *inner_tcp_new(const struct inner_tcp_settings *settings);
/** Free; the world must not run any more. */
void inner_tcp_free(struct inner_tcp *tcp);
/** Whether an IPv4 packet out of a host's TUN is of this flow; if so, it was taken. Superpackets are fine. */
bool inner_tcp_take(struct inner_tcp *tcp, const struct host *at, const uint8_t *packet, size_t length);
struct inner_tcp_statistics inner_tcp_statistics(const struct inner_tcp *tcp);
/** The longest gap is that of what comes from now on. */
void inner_tcp_forget_gaps(struct inner_tcp *tcp);

#endif
