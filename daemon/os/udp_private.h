/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_private: what udp.c (sockets, receiving) and udp_tx.c (batches, sending) share. */
#ifndef MPVPN_OS_UDP_PRIVATE_H
#define MPVPN_OS_UDP_PRIVATE_H

#include "os/ring.h"
#include "os/udp.h"

#define UDP_DATAGRAM_MAX 65507u /**< bytes of payload, most that UDP over IPv4 and one GSO send carry */
#define UDP_CONTROL_BYTES 96u   /**< packet info, ECN and segment size of one send */

struct udp_batch;

/** A socket in the ring. */
struct udp_socket {
    struct loop *loop;                            /**< borrowed */
    struct udp_hooks hooks;                       /**< the owner's */
    struct udp_statistics statistics;             /**< counters */
    union sock_addr local;                        /**< bound to */
    char name[SOCK_ADDR_TEXT_MAX + IFNAMSIZ + 8]; /**< for messages: address and device */
    struct ring_file file;                        /**< the descriptor */
    struct ring_buffers buffers;                  /**< for receiving */
    struct ring_op receive;                       /**< the multishot recvmsg */
    struct ring_later later;                      /**< reports an error and receives again */
    struct msghdr layout;                         /**< room for names and control data in each received buffer */
    unsigned senders;                             /**< udp_tx not freed yet */
    struct udp_batch *spare_batches;              /**< that no sender has now */
    unsigned running;                             /**< our frames on the stack that will still touch this struct */
    bool closed;                                  /**< udp_close() was called */
    bool failed;                                  /**< an error was seen and nothing went well since */
    int error;                                    /**< -errno to be reported, or 0 */
};

/** A message to send, with all that its msghdr points to. */
struct udp_message {
    struct msghdr header;                                        /**< for sendmsg */
    struct iovec iov;                                            /**< the payload */
    union sock_addr name;                                        /**< where to, as the socket's family wants it */
    _Alignas(struct cmsghdr) uint8_t control[UDP_CONTROL_BYTES]; /**< control messages */
};

/**
 * Fill in a message; it must not move afterwards.
 * @param local source address, family 0: the kernel's choice
 * @param segment_bytes bytes per datagram, 0: the payload is one datagram
 */
void udp_message_make(struct udp_message *message, const struct udp_socket *socket, const union sock_addr *local,
                      const union sock_addr *remote, uint8_t ecn, uint16_t segment_bytes);
/** Set the payload of a message. */
void udp_message_payload(struct udp_message *message, uint8_t *data, size_t length);
/** An operation failed; the owner hears of errors of the socket itself in the next turn, once until something goes
 * well. */
void udp_socket_failed(struct udp_socket *socket, int error);
/** Before bind: let a socket share its address with the others of its group (udp_steer.c). @return 0; -EADDRINUSE: the
 * address is somebody else's; other -errno */
int udp_share(int fd, const struct udp_settings *settings);
/** After the first socket of a group was bound: which of them gets a packet. @return 0 or -errno */
int udp_steer(int fd, unsigned count);
/** Free the spare batches: the last sender is gone. */
void udp_batches_free(struct udp_socket *socket);
/** A sender is gone; frees a closed socket that nothing uses any more. */
void udp_socket_release(struct udp_socket *socket);

#endif
