/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp: UDP sockets on the loop: multishot recvmsg with UDP_GRO into provided buffers, sendmsg with UDP_SEGMENT; packet
 * info, ECN both ways, don't-fragment. Knows nothing of QUIC. A udp_tx is the sending side of one leg: it gathers
 * datagrams into GSO batches with at most one sendmsg in flight, so that nothing overtakes. */
#ifndef MPVPN_OS_UDP_H
#define MPVPN_OS_UDP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "os/loop.h"
#include "packet/buf.h"

struct udp_socket;
struct udp_tx;

/** One receive: one or several datagrams of one sender, as UDP_GRO gives them. */
struct udp_received {
    uint8_t *data;          /**< first datagram; valid, and writable, during the call only */
    size_t length;          /**< bytes in all */
    size_t segment_bytes;   /**< bytes per datagram (the last may be shorter); = length without GRO */
    union sock_addr local;  /**< address it was sent to, our port */
    union sock_addr remote; /**< who sent it */
    unsigned ifindex;       /**< interface it came in by */
    uint8_t ecn;            /**< IP ECN bits, 0–3 */
};

/** What the owner hears. */
struct udp_hooks {
    void (*on_received)(void *context, const struct udp_received *received);
    /** An error of the socket itself (ENETDOWN, ENODEV …); ICMP errors are not reported (RFC 9000 section 14.2.1 lets
     * us ignore them). */
    void (*on_failure)(void *context, int error);
    void *context; /**< handed to both */
};

/** How to make a socket. */
struct udp_settings {
    union sock_addr local;   /**< address and port to bind (0: any); an IPv6 any-address also takes IPv4 (dual stack)
                                unless v6_only */
    char device[IFNAMSIZ];   /**< SO_BINDTODEVICE; empty: none */
    bool v6_only;            /**< IPV6_V6ONLY */
    struct buf_pool *pool;   /**< large buffers for receiving; borrowed */
    unsigned read_buffers;   /**< large buffers kept in the ring (0: 16; ≤ 64) */
    int kernel_buffer_bytes; /**< SO_RCVBUF/SO_SNDBUF asked for, forced where permitted (0: 4 MiB) */
    unsigned share_count;    /**< sockets that share this address, 2 to 256, all opened in the order of their numbers:
                                each gets the QUIC packets whose DCID begins with its number (modulo share_count); 0:
                                the address is this socket's alone */
    unsigned share_number;   /**< number of this one */
};

/**
 * Open a socket and begin to receive.
 * @param why on error: a sentence naming address and device
 * @return 0 or -errno (-EADDRINUSE, -ENODEV, -EPERM …)
 */
int udp_open(struct loop *loop, const struct udp_settings *settings, const struct udp_hooks *hooks,
             struct udp_socket **out, char *why, size_t why_size);
/** Close. Every udp_tx on it must be freed before. NULL is fine. */
void udp_close(struct udp_socket *socket);
/** Address and port it is bound to (the address may be the any-address). */
union sock_addr udp_local(const struct udp_socket *socket);

/**
 * A sender on a socket.
 * @param on_writable called in the loop when udp_tx_reserve() may succeed again after it returned NULL
 * @return the sender, or NULL: no memory
 */
struct udp_tx *udp_tx_new(struct udp_socket *socket, void (*on_writable)(void *context), void *context);
/** Free; datagrams not handed to the kernel yet are dropped, one in flight is waited out by the loop. NULL is fine. */
void udp_tx_free(struct udp_tx *tx);
/**
 * Space for the next datagram.
 * @param length most bytes it may have, ≤ 65,507
 * @return where to write it, or NULL: a batch is in flight and the next is full; wait for on_writable
 */
uint8_t *udp_tx_reserve(struct udp_tx *tx, size_t length);
/**
 * The datagram written there is complete; it joins the batch, or closes it and begins the next one (another path or
 * ECN, a larger size, after a shorter one, 64 segments, 65,507 bytes).
 * @param length its bytes, > 0
 * @param local source address to send from (family 0: the kernel's choice); copied
 * @param remote where to; copied
 * @param alone do not batch with what follows (a path-MTU probe)
 */
void udp_tx_commit(struct udp_tx *tx, size_t length, const union sock_addr *local, const union sock_addr *remote,
                   uint8_t ecn, bool alone);
/** Hand what is gathered to the kernel with this turn's submission (unless a send is in flight: then when it ends). */
void udp_tx_flush(struct udp_tx *tx);
/** A single datagram outside any leg (Retry, version negotiation, stateless reset); copied and sent now, dropped when
 * it would block.
 * @return 0 or -errno */
int udp_send(struct udp_socket *socket, const uint8_t *data, size_t length, const union sock_addr *local,
             const union sock_addr *remote);

/** Counters of a socket. */
struct udp_statistics {
    uint64_t datagrams_received; /**< after cutting by GRO's segment size */
    uint64_t receives;           /**< completions they came in */
    uint64_t datagrams_sent;     /**< handed to the kernel */
    uint64_t sends;              /**< sendmsg operations */
    uint64_t truncated;          /**< receives larger than a buffer, dropped */
    uint64_t no_buffer;          /**< times the provided ring ran dry */
    uint64_t send_errors;        /**< sends refused by the kernel, datagrams lost */
    uint64_t would_block;        /**< sends that met a full socket and waited */
    bool gso;                    /**< UDP_SEGMENT works on this path (else one by one) */
    bool gro;                    /**< UDP_GRO is on */
};
const struct udp_statistics *udp_statistics(const struct udp_socket *socket);

#endif
