/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_body: body bytes to be sent.
 *
 * How it works: each append makes one chunk in a list. QUIC keeps pointers into the chunks while packets may be lost,
 * so a chunk is freed when its last byte is acknowledged, or with the stream. Invariants: at most SEND_MAX bytes are in
 * the list. */
#include "masque/h3_body.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEND_MAX (256u * 1024u) /* bytes appended and not acknowledged */

/** Bytes of one append. */
struct h3_chunk {
    struct h3_chunk *next; /**< later bytes */
    size_t length;         /**< bytes */
    uint8_t bytes[];       /**< contents */
};

int h3_body_append(struct h3_body *body, const struct iovec *vectors, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += vectors[i].iov_len;
    if (length == 0)
        return 0;
    if (length > SEND_MAX - body->unacked)
        return -ENOBUFS;
    struct h3_chunk *chunk = malloc(sizeof(*chunk) + length);
    if (chunk == NULL)
        return -ENOBUFS;
    *chunk = (struct h3_chunk){0};
    for (size_t i = 0; i < count; i++) {
        if (vectors[i].iov_len == 0)
            continue;
        memcpy(chunk->bytes + chunk->length, vectors[i].iov_base, vectors[i].iov_len);
        chunk->length += vectors[i].iov_len;
    }
    if (body->last != NULL) {
        body->last->next = chunk;
    } else {
        body->first = chunk;
    }
    body->last = chunk;
    if (body->offer == NULL)
        body->offer = chunk;
    body->unacked += length;
    return 0;
}

size_t h3_body_offer(struct h3_body *body, struct iovec *vectors, size_t count) {
    size_t used = 0;
    for (; used < count && body->offer != NULL; used++, body->offer = body->offer->next)
        vectors[used] = (struct iovec){.iov_base = body->offer->bytes, .iov_len = body->offer->length};
    return used;
}

bool h3_body_is_offered(const struct h3_body *body) {
    return body->offer == NULL;
}

void h3_body_acked(struct h3_body *body, size_t length) {
    body->unacked -= length;
    body->acked += length;
    while (body->first != NULL && body->acked >= body->first->length) {
        struct h3_chunk *chunk = body->first;
        body->acked -= chunk->length;
        body->first = chunk->next;
        free(chunk);
    }
    if (body->first == NULL)
        body->last = NULL;
}

void h3_body_clear(struct h3_body *body) {
    while (body->first != NULL) {
        struct h3_chunk *chunk = body->first;
        body->first = chunk->next;
        free(chunk);
    }
    *body = (struct h3_body){0};
}
