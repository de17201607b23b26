/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tun: a TUN device with IFF_VNET_HDR, TSO4/TSO6 and, where the kernel has it, USO, driven by the loop: superpackets
 * in, superpackets out. */
#ifndef MPVPN_OS_TUN_H
#define MPVPN_OS_TUN_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/loop.h"
#include "packet/superpacket.h"

struct tun;

/** What the owner hears. */
struct tun_hooks {
    /** A packet from the kernel; its buffer reference passes to the callee. A read shorter than 8 KiB comes in a small
     * buffer. */
    void (*on_packet)(void *context, struct superpacket *packet);
    /** The device is gone or broken (-errno); nothing more comes. */
    void (*on_failure)(void *context, int error);
    void *context; /**< handed to both */
};

/** How to make the device. */
struct tun_settings {
    char name[IFNAMSIZ];   /**< device name wanted ("mpvpn0"); "%d" allowed as the kernel has it */
    struct buf_pool *pool; /**< buffers for reading; borrowed */
    unsigned read_buffers; /**< large buffers kept in the ring (0: 16) */
    bool queues;           /**< the device may have several queues, each opened by a tun_open() of its own */
    bool join;             /**< a further queue of the device of this name, which is there */
};

/**
 * Create the device (not persistent: it vanishes with the descriptor), down, without addresses (os/netlink does that).
 * @param why on error: a sentence (no /dev/net/tun, no CAP_NET_ADMIN, name in use)
 * @return 0 or -errno
 */
int tun_open(struct loop *loop, const struct tun_settings *settings, const struct tun_hooks *hooks, struct tun **out,
             char *why, size_t why_size);
/** Agree with the kernel on a virtio_net_hdr and on batches, both ways; it cuts and sums what it does not know.
 * @param fd of a device with IFF_VNET_HDR @param uso whether it knows batches of datagrams, too @return 0 or -errno */
int tun_agree_offloads(int fd, bool *uso);
/** Close; pending reads and writes are cancelled, their buffers come back. NULL is fine. */
void tun_close(struct tun *tun);
/** Its name and interface index; that is 0 while tun_locate() says that the device is elsewhere. */
const char *tun_name(const struct tun *tun);
unsigned tun_ifindex(const struct tun *tun);
/** Look where it is: it may have been moved to another network namespace, and back, then perhaps with another index.
 * @param gone the kernel said that it is gone: if it cannot be asked for then, it is elsewhere
 * @return 0: here; -EXDEV: elsewhere; or -errno: it is not known where */
int tun_locate(struct tun *tun, bool gone);
/** Whether UDP superpackets (USO) may be written and will be read. */
bool tun_has_uso(const struct tun *tun);
/**
 * Write a superpacket; queued in the ring, submitted with this turn. The buffer reference passes to the callee in every
 * case. The packet needs BUF_HEADROOM bytes before it in its buffer, which are overwritten.
 * @return 0; -ENOBUFS: dropped, too many in flight; -EINVAL: no headroom, or empty
 */
int tun_write(struct tun *tun, struct superpacket *packet);
/** Stop (true) or go on (false) taking packets from the kernel: back-pressure when the queue is full. */
void tun_pause(struct tun *tun, bool pause);

/** Counters of the device. */
struct tun_statistics {
    uint64_t packets_read;    /**< superpackets from the kernel */
    uint64_t bytes_read;      /**< IP bytes in them */
    uint64_t packets_written; /**< superpackets to the kernel */
    uint64_t bytes_written;   /**< IP bytes in them */
    uint64_t malformed;       /**< reads with an impossible virtio_net_hdr, dropped */
    uint64_t write_errors;    /**< writes that the kernel refused */
    uint64_t no_buffer;       /**< reads dropped: pool exhausted */
};
const struct tun_statistics *tun_statistics(const struct tun *tun);

#endif
