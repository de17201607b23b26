/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_body: the body bytes of one stream that are to be sent, kept until they are acknowledged. Only h3 uses it. */
#ifndef MPVPN_MASQUE_H3_BODY_H
#define MPVPN_MASQUE_H3_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct h3_chunk;

/** The bytes of a stream. Zeroed: none. */
struct h3_body {
    struct h3_chunk *first; /**< oldest chunk with unacknowledged bytes */
    struct h3_chunk *last;  /**< newest chunk */
    struct h3_chunk *offer; /**< next chunk to be offered; NULL: all were */
    size_t acked;           /**< bytes of first that are acknowledged */
    size_t unacked;         /**< bytes appended and not acknowledged */
};

/** Append a copy of these bytes. @return 0; -ENOBUFS: more than 256 KiB would be unacknowledged, or out of memory */
int h3_body_append(struct h3_body *body, const struct iovec *vectors, size_t count);
/** Offer the bytes that follow what was offered before. @return vectors filled, at most count */
size_t h3_body_offer(struct h3_body *body, struct iovec *vectors, size_t count);
/** Whether everything was offered. */
bool h3_body_is_offered(const struct h3_body *body);
/** The oldest length bytes were acknowledged. */
void h3_body_acked(struct h3_body *body, size_t length);
/** Free everything. */
void h3_body_clear(struct h3_body *body);

#endif
