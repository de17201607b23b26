/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vnethdr: struct offload to and from the virtio_net_hdr in front of every TUN packet. Pure. */
#ifndef MPVPN_OS_VNETHDR_H
#define MPVPN_OS_VNETHDR_H

#include <stddef.h>
#include <stdint.h>

#include "packet/superpacket.h"

#define VNETHDR_BYTES 10u /**< size of the header without num_buffers, as TUNSETVNETHDRSZ is given it */

/**
 * Read a header.
 * @param bytes VNETHDR_BYTES bytes, any alignment
 * @param length bytes of the packet that follows
 * @return 0, or -EINVAL: a kind of offload that was not agreed, or offsets that do not fit in the packet
 */
int vnethdr_decode(const uint8_t *bytes, size_t length, struct offload *out);
/** Write a header. @param bytes room for VNETHDR_BYTES, any alignment */
void vnethdr_encode(const struct offload *offload, uint8_t *bytes);

#endif
