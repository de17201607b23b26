/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf: the pool. One anonymous mapping holds, class after class, the struct bufs and then the bytes; address space is
 * reserved at once and pages come on first touch. A class hands out from its free list, last in first out, and carves
 * never-used buffers from its end only when the list is empty: memory that was never needed at once is never touched.
 *
 * It leaves out growing: a pool that is exhausted says so, and the caller drops with a counter.
 *
 * Invariants: a buffer on a free list has no reference; used + free list + never used = count, per class. Under
 * AddressSanitizer the bytes of a free buffer are poisoned, so that use after the last reference is found. */
#include "packet/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define PAGE 4096u /**< alignment of each class's bytes */

/** Buffers of one capacity. */
struct size_class {
    struct buf *bufs; /**< count of them */
    struct buf *free; /**< given back, last first */
    uint8_t *bytes;   /**< count × capacity */
    size_t count;     /**< buffers in all */
    size_t carved;    /**< buffers that were ever handed out */
    size_t used;      /**< buffers with a reference */
};

/** A pool; its mapping is separate. */
struct buf_pool {
    uint8_t *mapping;                       /**< everything */
    size_t mapping_bytes;                   /**< its size */
    struct size_class classes[BUF_CLASSES]; /**< by enum buf_class */
};

static const uint32_t capacities[BUF_CLASSES] = {256, 2048, 9216, 18432, 36864, BUF_LARGE_BYTES};

/** Round up to whole pages. */
static size_t pages(size_t bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

struct buf_pool *buf_pool_new(const struct buf_pool_settings *settings) {
    struct buf_pool *pool = calloc(1, sizeof *pool);
    uint8_t *at;

    if (!pool)
        return NULL;
    for (int i = 0; i < BUF_CLASSES; i++) {
        pool->classes[i].count = settings->count[i];
        pool->mapping_bytes +=
            pages(settings->count[i] * sizeof(struct buf)) + pages(settings->count[i] * capacities[i]);
    }
    if (pool->mapping_bytes == 0)
        pool->mapping_bytes = PAGE;
    pool->mapping =
        mmap(NULL, pool->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool->mapping == MAP_FAILED) {
        free(pool);
        return NULL;
    }
    at = pool->mapping;
    for (int i = 0; i < BUF_CLASSES; i++) {
        struct size_class *class = &pool->classes[i];

        class->bufs = (struct buf *)(void *)at;
        at += pages(class->count * sizeof(struct buf));
        class->bytes = at;
        POISON(at, class->count * capacities[i]);
        at += pages(class->count * capacities[i]);
    }
    return pool;
}

void buf_pool_free(struct buf_pool *pool) {
    if (!pool)
        return;
    for (int i = 0; i < BUF_CLASSES; i++)
        assert(pool->classes[i].used == 0);
    UNPOISON(pool->mapping, pool->mapping_bytes);
    munmap(pool->mapping, pool->mapping_bytes);
    free(pool);
}

/** A buffer that was never handed out. */
static struct buf *carve(struct buf_pool *pool, unsigned size_class) {
    struct size_class *class = &pool->classes[size_class];
    struct buf *buf = &class->bufs[class->carved];

    buf->pool = pool;
    buf->data = class->bytes + class->carved * capacities[size_class];
    buf->capacity = capacities[size_class];
    buf->size_class = (uint8_t)size_class;
    class->carved++;
    return buf;
}

struct buf *buf_get(struct buf_pool *pool, size_t capacity) {
    for (unsigned i = 0; i < BUF_CLASSES; i++) {
        struct size_class *class = &pool->classes[i];
        struct buf *buf = class->free;

        if (capacities[i] < capacity || (!buf && class->carved == class->count))
            continue;
        if (buf)
            class->free = buf->next_free;
        else
            buf = carve(pool, i);
        UNPOISON(buf->data, buf->capacity);
        buf->next_free = NULL;
        buf->references = 1;
        class->used++;
        return buf;
    }
    return NULL;
}

struct buf *buf_ref(struct buf *buf) {
    assert(buf->references > 0);
    buf->references++;
    return buf;
}

void buf_unref(struct buf *buf) {
    struct size_class *class;

    if (!buf)
        return;
    assert(buf->references > 0);
    if (--buf->references > 0)
        return;
    class = &buf->pool->classes[buf->size_class];
    buf->next_free = class->free;
    class->free = buf;
    class->used--;
    POISON(buf->data, buf->capacity);
}

struct buf *buf_fit(struct buf *buf, size_t used) {
    struct buf *smaller;

    if (buf->references > 1 || used > buf->capacity / 2)
        return buf;
    smaller = buf_get(buf->pool, used);
    if (!smaller || smaller->capacity >= buf->capacity) {
        buf_unref(smaller);
        return buf;
    }
    memcpy(smaller->data, buf->data, used);
    buf_unref(buf);
    return smaller;
}

size_t buf_pool_used(const struct buf_pool *pool, enum buf_class size_class) {
    return pool->classes[size_class].used;
}

size_t buf_pool_size(const struct buf_pool *pool, enum buf_class size_class) {
    return pool->classes[size_class].count;
}
