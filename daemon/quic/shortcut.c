/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shortcut: functions inside ngtcp2 that every packet calls, some several times, done in less time.
 *
 * How it works: as with the congestion controller's seam (ccseam.c), the linker lets calls within ngtcp2's archive come
 * here (--wrap), for a version whose inside is known only.
 *
 * - Connection IDs are compared by words instead of by memcmp(), which reads the bytes that were copied a moment ago by
 *   wider loads and so waits for the copies. The order stays ngtcp2's. Paths over IPv4 are compared by two words, too.
 * - Which of our own connection IDs a packet came to is looked for by equality among the few that there are, in place
 *   of ngtcp2's search by order, which calls a function that calls a function for each.
 * - The packet numbers that came are a list of gaps in a tree. Where the number is the next one, its gap is moved on in
 *   place instead of by a search, an intersection, a cut and another search. So is the range of numbers that are to be
 *   acknowledged. And the record of a packet that was sent goes to the front of the list of them, as it has the
 *   largest number.
 * - What is taken from a list of free memory was freed when packets were acknowledged, long ago for the processor's
 *   near caches: the next one is fetched while this one is used. So are the records of packets, and their frames, while
 *   an acknowledgement goes through them. And the record of a packet is cleared by plain stores: REP STOS takes longer
 *   to begin than they take.
 * - ngtcp2's log and its qlog, for which this daemon registers no functions, return before they touch the page of stack
 *   that they format in.
 *
 * What it relies on: the layouts below, those of ngtcp2 1.11.0 (ngtcp2_ksl.h, ngtcp2_gaptr.h, ngtcp2_acktr.h,
 * ngtcp2_rtb.h, ngtcp2_objalloc.h in its lib/). What it leaves out: cases that are not every packet's, which are
 * ngtcp2's. Invariant: with the same arguments, the same results as ngtcp2's own. */
#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>
#include <string.h>

_Static_assert(NGTCP2_VERSION_NUM == 0x010b00, "the layouts below are those of ngtcp2 1.11.0");

#define WORD sizeof(uint64_t) /**< bytes compared at a time */

/** ngtcp2_opl: free memory, the last freed first. */
struct opl_1_11 {
    struct opl_entry_1_11 {
        struct opl_entry_1_11 *next; /**< freed before */
    } * head;                        /**< NULL: none */
};

/** ngtcp2_objalloc: ngtcp2_balloc, and what was freed. */
struct objalloc_1_11 {
    uint64_t balloc[7];   /**< memory that was never used */
    struct opl_1_11 free; /**< and that was */
};

/** ngtcp2_ksl of ranges: a tree of blocks whose leaves are linked. */
struct ksl_1_11 {
    struct objalloc_1_11 blocks; /**< memory of the blocks */
    struct ksl_block_1_11 {
        struct ksl_block_1_11 *next, *prev; /**< of the leaves */
        uint32_t count, leaf;               /**< nodes; 1: it is a leaf */
        struct {
            void *data;          /**< a block, or what belongs to the key */
            uint64_t begin, end; /**< the key: a gap from here to before there; or a packet number and no more */
        } nodes[];               /**< in order, but that only the first is where it seems if keys are numbers */
    } * head, *front, *back;     /**< root, first and last leaf */
    void *compare, *search;      /**< functions */
    size_t count, key_bytes, node_bytes;
};

/** ngtcp2_ksl_it: a place in such a tree. */
struct place_1_11 {
    const struct ksl_1_11 *list;  /**< the tree */
    struct ksl_block_1_11 *block; /**< a leaf */
    size_t node;                  /**< its node */
};

/** ngtcp2_acktr: packets to be acknowledged. */
struct acktr_1_11 {
    uint64_t memory[78];    /**< of ranges, and what was acknowledged */
    struct ksl_1_11 ranges; /**< of struct range_1_11 by packet number, the largest first */
    void *log;              /**< ngtcp2's */
    uint16_t flags;         /**< what is wanted */
    uint64_t first_unacked; /**< ns; UINT64_MAX: none */
    uint64_t other;         /**< not looked at */
    int64_t largest;        /**< packet number */
    uint64_t largest_at;    /**< ns */
};

/** ngtcp2_acktr_entry: packet numbers in a row. */
struct range_1_11 {
    int64_t number; /**< the largest */
    size_t count;   /**< how many */
    uint64_t at;    /**< ns, when it came */
};

#define FETCHED_AHEAD 6u       /**< nodes from the one that leaves to the one that is fetched */
#define NODES_MAX 31u          /**< in a block: one more splits it */
#define ACKTR_ACTIVE 0x02u     /**< flag: something is to be acknowledged */
#define ACKTR_RANGES_MAX 0x21u /**< ranges that are kept, and one: then the oldest goes */

/** ngtcp2_rtb_entry: a packet that was sent. */
struct rtb_entry_1_11 {
    struct rtb_entry_1_11 *next; /**< in several lists */
    int64_t number;              /**< packet number */
    uint8_t type, flags;         /**< of the header */
    void *frames;                /**< in it */
    uint64_t sent, lost;         /**< ns */
    size_t bytes;                /**< of the packet */
    uint64_t rate[7];            /**< for the delivery rate */
    uint16_t entry_flags;        /**< of the record */
};
_Static_assert(sizeof(struct rtb_entry_1_11) == 0x78 && offsetof(struct rtb_entry_1_11, entry_flags) == 0x70 &&
                   offsetof(struct ksl_1_11, count) == 0x68 && offsetof(struct ksl_block_1_11, nodes) == 0x18 &&
                   offsetof(struct objalloc_1_11, free) == 0x38 && offsetof(struct acktr_1_11, ranges) == 0x270 &&
                   offsetof(struct acktr_1_11, flags) == 0x2f8 && offsetof(struct acktr_1_11, first_unacked) == 0x300 &&
                   offsetof(struct acktr_1_11, largest) == 0x310,
               "as ngtcp2's code has them");

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_path_eq(const ngtcp2_path *one, const ngtcp2_path *other);
int __real_ngtcp2_path_eq(const ngtcp2_path *one, const ngtcp2_path *other);
struct place_1_11 __wrap_ngtcp2_ksl_lower_bound(const struct ksl_1_11 *list, const void *key);
struct place_1_11 __real_ngtcp2_ksl_lower_bound(const struct ksl_1_11 *list, const void *key);
int __wrap_ngtcp2_ksl_insert(struct ksl_1_11 *list, struct place_1_11 *place, const void *key, void *data);
int __real_ngtcp2_ksl_insert(struct ksl_1_11 *list, struct place_1_11 *place, const void *key, void *data);
int __wrap_ngtcp2_ksl_remove_hint(struct ksl_1_11 *list, struct place_1_11 *next, const struct place_1_11 *hint,
                                  const void *key);
int __real_ngtcp2_ksl_remove_hint(struct ksl_1_11 *list, struct place_1_11 *next, const struct place_1_11 *hint,
                                  const void *key);
void __wrap_ngtcp2_rst_update_rate_sample(void *rst, const struct rtb_entry_1_11 *entry, uint64_t now);
void __real_ngtcp2_rst_update_rate_sample(void *rst, const struct rtb_entry_1_11 *entry, uint64_t now);
int ngtcp2_ksl_int64_greater(const void *one, const void *other);
int __wrap_ngtcp2_gaptr_push(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count);
int __real_ngtcp2_gaptr_push(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count);
int __wrap_ngtcp2_gaptr_is_pushed(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count);
int __real_ngtcp2_gaptr_is_pushed(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count);
int __wrap_ngtcp2_acktr_add(struct acktr_1_11 *acktr, int64_t number, int active, uint64_t now);
int __real_ngtcp2_acktr_add(struct acktr_1_11 *acktr, int64_t number, int active, uint64_t now);
struct opl_entry_1_11 *__wrap_ngtcp2_opl_pop(struct opl_1_11 *list);
int __wrap_ngtcp2_rtb_entry_objalloc_new(struct rtb_entry_1_11 **out, const ngtcp2_pkt_hd *header, void *frames,
                                         uint64_t now, size_t bytes, uint16_t flags, struct objalloc_1_11 *memory);
int __real_ngtcp2_rtb_entry_objalloc_new(struct rtb_entry_1_11 **out, const ngtcp2_pkt_hd *header, void *frames,
                                         uint64_t now, size_t bytes, uint16_t flags, struct objalloc_1_11 *memory);
void __wrap_ngtcp2_log_info(void *log, int event, const char *format, ...);
void __wrap_ngtcp2_qlog_metrics_updated(void *qlog, const void *stat);

/** Eight bytes of a connection ID, in the byte order that makes words compare as bytes do. */
static uint64_t word(const ngtcp2_cid *cid, size_t at) {
    uint64_t value;

    memcpy(&value, cid->data + at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other) {
    if (one->datalen >= WORD && other->datalen >= WORD) {
        const uint64_t a = word(one, 0), b = word(other, 0);

        if (a != b)
            return a < b;
    }
    return __real_ngtcp2_cid_less(one, other);
}

int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other) {
    const size_t length = one->datalen;

    if (length != other->datalen)
        return 0;
    if (length < WORD || length > 2 * WORD)
        return __real_ngtcp2_cid_eq(one, other);
    return word(one, 0) == word(other, 0) && word(one, length - WORD) == word(other, length - WORD);
}

/* Keys are unique, so the first that is not less than one that is there is that one. Of the lists only that of our own
 * connection IDs has keys of their size. */
struct place_1_11 __wrap_ngtcp2_ksl_lower_bound(const struct ksl_1_11 *list, const void *key) {
    struct ksl_block_1_11 *block = list->head;

    if (list->key_bytes == sizeof(ngtcp2_cid) && list->count > 0 && block->leaf) {
        const uint8_t *node = (const uint8_t *)block->nodes;

        for (size_t i = 0; i < block->count; i++, node += list->node_bytes) {
            if (__wrap_ngtcp2_cid_eq((const ngtcp2_cid *)(const void *)(node + sizeof(void *)), key))
                return (struct place_1_11){list, block, i};
        }
    }
    return __real_ngtcp2_ksl_lower_bound(list, key);
}

/** Family, port and address of IPv4, which are all that counts. */
static uint64_t address_word(const ngtcp2_addr *addr) {
    uint64_t value;

    _Static_assert(offsetof(struct sockaddr_in, sin_family) == 0 && offsetof(struct sockaddr_in, sin_port) == 2 &&
                       offsetof(struct sockaddr_in, sin_addr) == 4,
                   "one word has them");
    memcpy(&value, addr->addr, sizeof value);
    return value;
}

int __wrap_ngtcp2_path_eq(const ngtcp2_path *one, const ngtcp2_path *other) {
    if (one->local.addr->sa_family != AF_INET || one->remote.addr->sa_family != AF_INET)
        return __real_ngtcp2_path_eq(one, other);
    return address_word(&one->local) == address_word(&other->local) &&
           address_word(&one->remote) == address_word(&other->remote);
}

/* Before the first one of a list of numbers, the largest first, where a node is free: no key above it changes. */
int __wrap_ngtcp2_ksl_insert(struct ksl_1_11 *list, struct place_1_11 *place, const void *key, void *data) {
    struct ksl_block_1_11 *block = list->front;
    int64_t number;

    if (list->compare != (void *)ngtcp2_ksl_int64_greater || list->count == 0 || block->count >= NODES_MAX)
        return __real_ngtcp2_ksl_insert(list, place, key, data);
    memcpy(&number, key, sizeof number);
    if (number <= (int64_t)block->nodes[0].begin)
        return __real_ngtcp2_ksl_insert(list, place, key, data);
    memmove((uint8_t *)block->nodes + list->node_bytes, block->nodes, block->count * list->node_bytes);
    block->nodes[0].data = data;
    block->nodes[0].begin = (uint64_t)number;
    block->count++;
    list->count++;
    if (place != NULL)
        *place = (struct place_1_11){list, block, 0};
    return 0;
}

/* An acknowledgement takes many out of the list of packets sent, one after the other; a record has up to three lines of
 * the cache. Other lists of numbers have less behind them, and fetching too much does no harm. */
int __wrap_ngtcp2_ksl_remove_hint(struct ksl_1_11 *list, struct place_1_11 *next, const struct place_1_11 *hint,
                                  const void *key) {
    const struct ksl_block_1_11 *block = hint->block;
    size_t ahead = hint->node + FETCHED_AHEAD;

    if (ahead >= block->count && block->next != NULL) {
        ahead -= block->count;
        block = block->next;
    }
    if (list->compare == (void *)ngtcp2_ksl_int64_greater && ahead < block->count) {
        const uint8_t *data = block->nodes[0].data;

        memcpy(&data, (const uint8_t *)block->nodes + ahead * list->node_bytes, sizeof data);
        __builtin_prefetch(data);
        __builtin_prefetch(data + offsetof(struct rtb_entry_1_11, bytes));
        __builtin_prefetch(data + offsetof(struct rtb_entry_1_11, entry_flags));
    }
    return __real_ngtcp2_ksl_remove_hint(list, next, hint, key);
}

/* ngtcp2 tells this of each packet acknowledged before it looks at the frames of the next one. */
void __wrap_ngtcp2_rst_update_rate_sample(void *rst, const struct rtb_entry_1_11 *entry, uint64_t now) {
    if (entry->next != NULL && entry->next->next != NULL)
        __builtin_prefetch(entry->next->next->frames);
    __real_ngtcp2_rst_update_rate_sample(rst, entry, now);
}

/** The last gap, the one without an end, where all gaps lie in one block. @return NULL: they do not, or there is none
 * yet */
static uint64_t *last_gap(struct ksl_1_11 *gaps, uint64_t **end) {
    struct ksl_block_1_11 *block = gaps->head;

    if (gaps->count == 0 || !block->leaf)
        return NULL;
    *end = &block->nodes[block->count - 1].end;
    return &block->nodes[block->count - 1].begin;
}

int __wrap_ngtcp2_gaptr_push(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count) {
    uint64_t *end, *gap = last_gap(gaps, &end);

    if (gap == NULL || *gap != begin || *end - begin <= count)
        return __real_ngtcp2_gaptr_push(gaps, begin, count);
    *gap += count;
    return 0;
}

int __wrap_ngtcp2_gaptr_is_pushed(struct ksl_1_11 *gaps, uint64_t begin, uint64_t count) {
    uint64_t *end, *gap = last_gap(gaps, &end);

    if (gap == NULL || begin < *gap || *end <= begin || *end - begin < count || count == 0)
        return __real_ngtcp2_gaptr_is_pushed(gaps, begin, count);
    return 0;
}

/* The packet after the largest one of all: its range grows. */
int __wrap_ngtcp2_acktr_add(struct acktr_1_11 *acktr, int64_t number, int active, uint64_t now) {
    struct ksl_1_11 *ranges = &acktr->ranges;
    struct range_1_11 *newest;

    if (ranges->count == 0 || ranges->count > ACKTR_RANGES_MAX || !ranges->head->leaf)
        return __real_ngtcp2_acktr_add(acktr, number, active, now);
    newest = ranges->head->nodes[0].data;
    if (newest->number + 1 != number)
        return __real_ngtcp2_acktr_add(acktr, number, active, now);
    ranges->head->nodes[0].begin = (uint64_t)number;
    newest->number = number;
    newest->count++;
    newest->at = now;
    if (active) {
        acktr->flags |= ACKTR_ACTIVE;
        if (acktr->first_unacked == UINT64_MAX)
            acktr->first_unacked = now;
    }
    if (acktr->largest < number) {
        acktr->largest = number;
        acktr->largest_at = now;
    }
    return 0;
}

struct opl_entry_1_11 *__wrap_ngtcp2_opl_pop(struct opl_1_11 *list) {
    struct opl_entry_1_11 *entry = list->head;

    if (entry == NULL)
        return NULL;
    list->head = entry->next;
    __builtin_prefetch(entry->next, 1);
    return entry;
}

int __wrap_ngtcp2_rtb_entry_objalloc_new(struct rtb_entry_1_11 **out, const ngtcp2_pkt_hd *header, void *frames,
                                         uint64_t now, size_t bytes, uint16_t flags, struct objalloc_1_11 *memory) {
    struct rtb_entry_1_11 *entry = (struct rtb_entry_1_11 *)(void *)__wrap_ngtcp2_opl_pop(&memory->free);

    if (entry == NULL)
        return __real_ngtcp2_rtb_entry_objalloc_new(out, header, frames, now, bytes, flags, memory);
    entry->next = NULL;
    entry->number = header->pkt_num;
    entry->type = header->type;
    entry->flags = header->flags;
    entry->frames = frames;
    entry->sent = now;
    entry->lost = UINT64_MAX;
    entry->bytes = bytes;
    memset(entry->rate, 0, sizeof entry->rate);
    entry->entry_flags = flags;
    *out = entry;
    return 0;
}

void __wrap_ngtcp2_log_info(void *log, int event, const char *format, ...) {
    (void)log, (void)event, (void)format;
}

void __wrap_ngtcp2_qlog_metrics_updated(void *qlog, const void *stat) {
    (void)qlog, (void)stat;
}
