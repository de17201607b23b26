/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_shortcut: what is put in place of functions inside ngtcp2 gives their results. */
#include <arpa/inet.h>
#include <check.h>
#include <ngtcp2/ngtcp2.h>
#include <stdbool.h>
#include <string.h>

#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

#define PAIRS 20000

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);

/* Few values, so that many begin alike. */
static void make(uint64_t *seed, ngtcp2_cid *cid) {
    uint8_t length;

    draw_bytes(seed, &length, 1);
    draw_bytes(seed, cid->data, sizeof cid->data);
    cid->datalen = length % (NGTCP2_MAX_CIDLEN + 1);
    for (size_t i = 0; i < sizeof cid->data; i++) {
        cid->data[i] = cid->data[i] < 16 ? 255 : cid->data[i] < 32;
    }
}

START_TEST(connection_ids_compare_as_in_ngtcp2) {
    uint64_t seed = 1;
    ngtcp2_cid one, other;

    for (unsigned i = 0; i < PAIRS; i++) {
        make(&seed, &one);
        make(&seed, &other);
        if (i % 4 == 0) {
            other = one;
        } else if (i % 4 == 1) {
            other.datalen = one.datalen;
        }
        if (i % 8 == 0 && other.datalen > 0) {
            other.data[i % other.datalen] ^= 0x80;
        }
        ck_assert_int_eq(__wrap_ngtcp2_cid_less(&one, &other), __real_ngtcp2_cid_less(&one, &other));
        ck_assert_int_eq(__wrap_ngtcp2_cid_less(&other, &one), __real_ngtcp2_cid_less(&other, &one));
        ck_assert_int_eq(__wrap_ngtcp2_cid_eq(&one, &other), __real_ngtcp2_cid_eq(&one, &other));
    }
}
END_TEST

/* Paths: IPv4 and IPv6, few addresses and ports, and what of a sockaddr does not count at random. */

int __wrap_ngtcp2_path_eq(const ngtcp2_path *one, const ngtcp2_path *other);
int __real_ngtcp2_path_eq(const ngtcp2_path *one, const ngtcp2_path *other);

static void make_address(uint64_t *seed, struct sockaddr_storage *storage, ngtcp2_addr *out) {
    struct sockaddr_in *in = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
    uint8_t random[4];

    draw_bytes(seed, random, sizeof random);
    draw_bytes(seed, (uint8_t *)storage, sizeof *storage);
    out->addr = (struct sockaddr *)storage;
    if (random[0] % 4 != 0) {
        in->sin_family = AF_INET;
        in->sin_port = htons(random[1] % 2);
        in->sin_addr.s_addr = htonl(random[2] % 2);
        out->addrlen = sizeof *in;
        return;
    }
    memset(&in6->sin6_addr, 0, sizeof in6->sin6_addr);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(random[1] % 2);
    in6->sin6_addr.s6_addr[random[2] % 2 ? 15 : 1] = random[3] % 2;
    out->addrlen = sizeof *in6;
}

START_TEST(paths_compare_as_in_ngtcp2) {
    uint64_t seed = 2;
    unsigned equal = 0;

    for (unsigned i = 0; i < PAIRS; i++) {
        struct sockaddr_storage storage[4];
        ngtcp2_path one, other;

        make_address(&seed, &storage[0], &one.local);
        make_address(&seed, &storage[1], &one.remote);
        make_address(&seed, &storage[2], &other.local);
        make_address(&seed, &storage[3], &other.remote);
        ck_assert_int_eq(__wrap_ngtcp2_path_eq(&one, &other), __real_ngtcp2_path_eq(&one, &other));
        equal += __real_ngtcp2_path_eq(&one, &other) != 0;
    }
    ck_assert_uint_gt(equal, PAIRS / 100);
    ck_assert_uint_lt(equal, PAIRS / 2);
}
END_TEST

/* Two records of the same packet numbers, one by ngtcp2 alone. Memory in place of its structures, whose beginnings only
 * are known here. */

#define STATE_WORDS 256
#define NUMBERS 20000
#define ASKED_EVERY 37 /* numbers: then all near one are asked for */
#define ACKTR_TAIL 95  /* words of ngtcp2_acktr before its flags, times and largest number, and these */
#define ACKTR_TAIL_WORDS 11

void ngtcp2_gaptr_init(void *gaps, const ngtcp2_mem *mem);
void ngtcp2_gaptr_free(void *gaps);
int __wrap_ngtcp2_gaptr_push(void *gaps, uint64_t begin, uint64_t count);
int __real_ngtcp2_gaptr_push(void *gaps, uint64_t begin, uint64_t count);
int __wrap_ngtcp2_gaptr_is_pushed(void *gaps, uint64_t begin, uint64_t count);
int __real_ngtcp2_gaptr_is_pushed(void *gaps, uint64_t begin, uint64_t count);
void ngtcp2_acktr_init(void *acktr, void *log, const ngtcp2_mem *mem);
void ngtcp2_acktr_free(void *acktr);
int __wrap_ngtcp2_acktr_add(void *acktr, int64_t number, int active, uint64_t now);
int __real_ngtcp2_acktr_add(void *acktr, int64_t number, int active, uint64_t now);
void ngtcp2_acktr_commit_ack(void *acktr);
void *ngtcp2_acktr_create_ack_frame(void *acktr, void *frame, uint8_t type, uint64_t now, uint64_t delay,
                                    uint64_t exponent);
const ngtcp2_mem *ngtcp2_mem_default(void);

/* The next number mostly; some are skipped, and some of those come late, so that there are few gaps and then many. */
static uint64_t number_at(uint64_t *seed, unsigned i, uint64_t *next) {
    uint8_t random[2];

    draw_bytes(seed, random, sizeof random);
    if (i > NUMBERS / 2 && random[0] < 20)
        return *next > random[1] ? *next - random[1] : 0;
    *next += random[0] == 255 ? 2 : 1;
    return *next;
}

START_TEST(gaps_are_those_of_ngtcp2) {
    uint64_t quick[STATE_WORDS] = {0}, plain[STATE_WORDS] = {0}, seed = 3, next = 0;
    ngtcp2_mem mem = *ngtcp2_mem_default();

    ngtcp2_gaptr_init(quick, &mem);
    ngtcp2_gaptr_init(plain, &mem);
    for (unsigned i = 0; i < NUMBERS; i++) {
        uint64_t number = number_at(&seed, i, &next), count = i % 7 == 0 ? 3 : i % 11 == 0 ? 0 : 1;

        ck_assert_int_eq(__wrap_ngtcp2_gaptr_push(quick, number, count), 0);
        ck_assert_int_eq(__real_ngtcp2_gaptr_push(plain, number, count), 0);
        for (uint64_t at = number > 40 ? number - 40 : 0; i % ASKED_EVERY == 0 && at < number + 5; at++) {
            int real = __real_ngtcp2_gaptr_is_pushed(plain, at, 1 + at % 3);

            ck_assert_int_eq(__wrap_ngtcp2_gaptr_is_pushed(quick, at, 1 + at % 3), real);
            ck_assert_int_eq(__real_ngtcp2_gaptr_is_pushed(quick, at, 1 + at % 3), real);
        }
    }
    ngtcp2_gaptr_free(quick);
    ngtcp2_gaptr_free(plain);
}
END_TEST

START_TEST(what_is_acknowledged_is_ngtcp2s) {
    uint64_t quick[STATE_WORDS] = {0}, plain[STATE_WORDS] = {0}, seed = 4, next = 0;
    ngtcp2_mem mem = *ngtcp2_mem_default();
    unsigned frames = 0;

    ngtcp2_acktr_init(quick, NULL, &mem);
    ngtcp2_acktr_init(plain, NULL, &mem);
    for (unsigned i = 0; i < NUMBERS; i++) {
        uint64_t by_quick[STATE_WORDS] = {0}, by_plain[STATE_WORDS] = {0}; /* frames, as they lie in memory */
        const bool skips = i > NUMBERS / 2;                                /* then, more ranges than are kept */
        uint8_t random[2];
        void *quick_frame, *plain_frame;

        draw_bytes(&seed, random, sizeof random);
        next += random[0] > (skips ? 128 : 254) ? 2 : 1;
        ck_assert_int_eq(__wrap_ngtcp2_acktr_add(quick, (int64_t)next, random[0] % 3 != 0, i), 0);
        ck_assert_int_eq(__real_ngtcp2_acktr_add(plain, (int64_t)next, random[0] % 3 != 0, i), 0);
        ck_assert_mem_eq(quick + ACKTR_TAIL, plain + ACKTR_TAIL, ACKTR_TAIL_WORDS * sizeof *quick);
        quick_frame = ngtcp2_acktr_create_ack_frame(quick, by_quick, NGTCP2_PKT_1RTT, i, random[1], 3);
        plain_frame = ngtcp2_acktr_create_ack_frame(plain, by_plain, NGTCP2_PKT_1RTT, i, random[1], 3);
        ck_assert_int_eq(quick_frame != NULL, plain_frame != NULL);
        ck_assert_mem_eq(by_quick, by_plain, sizeof by_quick);
        frames += plain_frame != NULL;
        if (plain_frame != NULL) {
            ngtcp2_acktr_commit_ack(quick);
            ngtcp2_acktr_commit_ack(plain);
        }
    }
    ck_assert_uint_gt(frames, NUMBERS / 100);
    ngtcp2_acktr_free(quick);
    ngtcp2_acktr_free(plain);
}
END_TEST

/* Lists: trees of blocks of up to 31 nodes, of which the words below are known here. */

#define FRONT_WORD 9       /* of a list: its first leaf */
#define NODE_BYTES_WORD 15 /* of a list */
#define BLOCK_HEADER 0x18  /* bytes before a block's nodes */
#define BLOCK_COUNT 0x10   /* where a block has the number of its nodes, 32 bits */
#define NODE_KEY 8         /* where a node has its key */
#define LISTED_MAX 512     /* nodes of a list here */
#define CIDS 90            /* connection IDs: three blocks of them */

struct place {
    void *list, *block; /**< as in ngtcp2 */
    size_t node;        /**< likewise */
};

void ngtcp2_ksl_init(void *list, int (*compare)(const void *one, const void *other),
                     size_t (*search)(const void *list, const void *block, const void *key), size_t key_bytes,
                     const ngtcp2_mem *mem);
void ngtcp2_ksl_free(void *list);
int ngtcp2_ksl_remove(void *list, struct place *next, const void *key);
int __wrap_ngtcp2_ksl_remove_hint(void *list, struct place *next, const struct place *hint, const void *key);
int __real_ngtcp2_ksl_remove_hint(void *list, struct place *next, const struct place *hint, const void *key);
int ngtcp2_ksl_int64_greater(const void *one, const void *other);
size_t ngtcp2_ksl_int64_greater_search(const void *list, const void *block, const void *key);
int ngtcp2_ksl_uint64_less(const void *one, const void *other);
size_t ngtcp2_ksl_uint64_less_search(const void *list, const void *block, const void *key);
struct place __wrap_ngtcp2_ksl_lower_bound(const void *list, const void *key);
struct place __real_ngtcp2_ksl_lower_bound(const void *list, const void *key);
int __wrap_ngtcp2_ksl_insert(void *list, struct place *place, const void *key, void *data);
int __real_ngtcp2_ksl_insert(void *list, struct place *place, const void *key, void *data);

static const uint8_t *node_of(const uint64_t *list, const void *block, size_t node) {
    return (const uint8_t *)block + BLOCK_HEADER + node * list[NODE_BYTES_WORD];
}

static uint32_t nodes_of(const void *block) {
    uint32_t count;

    memcpy(&count, (const uint8_t *)block + BLOCK_COUNT, sizeof count);
    return count;
}

static int cid_less(const void *one, const void *other) {
    return __real_ngtcp2_cid_less(one, other);
}

static size_t search_cids(const void *list, const void *block, const void *key) {
    size_t node = 0;

    while (node < nodes_of(block) && cid_less(node_of(list, block, node) + NODE_KEY, key)) {
        node++;
    }
    return node;
}

START_TEST(connection_ids_are_found_as_by_ngtcp2) {
    uint64_t list[STATE_WORDS] = {0}, seed = 6;
    ngtcp2_mem mem = *ngtcp2_mem_default();
    ngtcp2_cid cids[CIDS];
    unsigned found = 0;

    ngtcp2_ksl_init(list, cid_less, search_cids, sizeof(ngtcp2_cid), &mem);
    for (unsigned i = 0; i < CIDS; i++) {
        make(&seed, &cids[i]);
        /* One that is there already is refused. */
        __real_ngtcp2_ksl_insert(list, NULL, &cids[i], &cids[i]);
        if (i % 3 == 0) {
            ngtcp2_ksl_remove(list, NULL, &cids[i / 2]);
        }
        for (unsigned j = 0; j <= i; j++) {
            struct place quick = __wrap_ngtcp2_ksl_lower_bound(list, &cids[j]),
                         plain = __real_ngtcp2_ksl_lower_bound(list, &cids[j]);

            ck_assert_ptr_eq(quick.list, plain.list);
            ck_assert_ptr_eq(quick.block, plain.block);
            ck_assert_uint_eq(quick.node, plain.node);
            found += plain.node < nodes_of(plain.block) &&
                     __real_ngtcp2_cid_eq((const void *)(node_of(list, plain.block, plain.node) + NODE_KEY), &cids[j]);
        }
    }
    ck_assert_uint_gt(found, CIDS);
    ck_assert_uint_lt(found, CIDS * CIDS / 2);
    ngtcp2_ksl_free(list);
}
END_TEST

/* All numbers of a list of them, with their data, in order. @return how many */
static size_t list_all(const uint64_t *list, uint64_t out[LISTED_MAX][2]) {
    const void *block = (const void *)(uintptr_t)list[FRONT_WORD];
    size_t count = 0;

    while (block != NULL) {
        uint32_t nodes = nodes_of(block);

        ck_assert_uint_le(count + nodes, LISTED_MAX);
        for (size_t node = 0; node < nodes; node++, count++) {
            memcpy(out[count], node_of(list, block, node), sizeof out[count]);
        }
        memcpy(&block, block, sizeof block);
    }
    return count;
}

static void insert_into_both(uint64_t *quick, uint64_t *plain, uint64_t number) {
    struct place by_quick, by_plain;
    int rv = __real_ngtcp2_ksl_insert(plain, &by_plain, &number, (void *)(uintptr_t)(number + 1));

    ck_assert_int_eq(__wrap_ngtcp2_ksl_insert(quick, &by_quick, &number, (void *)(uintptr_t)(number + 1)), rv);
    if (rv == 0) {
        ck_assert_ptr_eq(by_quick.list, quick);
        ck_assert_mem_eq(node_of(quick, by_quick.block, by_quick.node) + NODE_KEY, &number, sizeof number);
    }
}

static void remove_from_both(uint64_t *quick, uint64_t *plain, uint64_t number) {
    struct place in_quick = __real_ngtcp2_ksl_lower_bound(quick, &number),
                 in_plain = __real_ngtcp2_ksl_lower_bound(plain, &number), next_quick, next_plain;

    ck_assert_int_eq(__wrap_ngtcp2_ksl_remove_hint(quick, &next_quick, &in_quick, &number), 0);
    ck_assert_int_eq(__real_ngtcp2_ksl_remove_hint(plain, &next_plain, &in_plain, &number), 0);
    ck_assert_ptr_eq(next_quick.list, quick);
    ck_assert_int_eq(next_quick.node == nodes_of(next_quick.block), next_plain.node == nodes_of(next_plain.block));
    if (next_plain.node < nodes_of(next_plain.block))
        ck_assert_mem_eq(node_of(quick, next_quick.block, next_quick.node),
                         node_of(plain, next_plain.block, next_plain.node), 2 * sizeof number);
}

/* Each number of a list is found in its tree, where the list has it. */
static void check_tree(const uint64_t *list, uint64_t numbers[LISTED_MAX][2], size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct place place = __real_ngtcp2_ksl_lower_bound(list, &numbers[i][1]);

        ck_assert_mem_eq(node_of(list, place.block, place.node), numbers[i], sizeof numbers[i]);
    }
}

static void compare_lists(int (*compare)(const void *one, const void *other),
                          size_t (*search)(const void *list, const void *block, const void *key), unsigned most) {
    static uint64_t by_quick[LISTED_MAX][2], by_plain[LISTED_MAX][2];
    uint64_t quick[STATE_WORDS] = {0}, plain[STATE_WORDS] = {0}, seed = 7, next = 0;
    ngtcp2_mem mem = *ngtcp2_mem_default();

    ngtcp2_ksl_init(quick, compare, search, sizeof(int64_t), &mem);
    ngtcp2_ksl_init(plain, compare, search, sizeof(int64_t), &mem);
    for (unsigned i = 0; i < NUMBERS / 2; i++) {
        size_t count, left;

        insert_into_both(quick, plain, number_at(&seed, 2 * i, &next));
        if (i % 7 != 0)
            continue;
        count = list_all(plain, by_plain);
        /* Packets are acknowledged many at a time, and then and now all of them. */
        for (left = count >= most ? (i % 5 == 0 ? 0 : most / 2) : count; count > left; count--) {
            remove_from_both(quick, plain, by_plain[count - 1][1]);
        }
        ck_assert_uint_eq(list_all(quick, by_quick), count);
        ck_assert_mem_eq(by_quick, by_plain, count * sizeof by_plain[0]);
        check_tree(quick, by_quick, i % (7 * ASKED_EVERY) == 0 ? count : 0);
    }
    ngtcp2_ksl_free(quick);
    ngtcp2_ksl_free(plain);
}

START_TEST(lists_of_numbers_are_those_of_ngtcp2) {
    compare_lists(ngtcp2_ksl_int64_greater, ngtcp2_ksl_int64_greater_search, 20);
    compare_lists(ngtcp2_ksl_int64_greater, ngtcp2_ksl_int64_greater_search, 500);
    compare_lists(ngtcp2_ksl_uint64_less, ngtcp2_ksl_uint64_less_search, 200); /* of no interest to us */
}
END_TEST

/* Memory for the record of a packet sent: new at first, then what was freed. */

struct entry {
    uint64_t words[15]; /**< as ngtcp2 has it */
};

void ngtcp2_objalloc_init(void *memory, size_t bytes, const ngtcp2_mem *mem);
void ngtcp2_objalloc_free(void *memory);
void ngtcp2_opl_push(void *list, void *entry);
void *__wrap_ngtcp2_opl_pop(void *list);
int __wrap_ngtcp2_rtb_entry_objalloc_new(struct entry **out, const ngtcp2_pkt_hd *header, void *frames, uint64_t now,
                                         size_t bytes, uint16_t flags, void *memory);
int __real_ngtcp2_rtb_entry_objalloc_new(struct entry **out, const ngtcp2_pkt_hd *header, void *frames, uint64_t now,
                                         size_t bytes, uint16_t flags, void *memory);

START_TEST(records_of_packets_are_those_of_ngtcp2) {
    enum { FREE_LIST_WORD = 7, ENTRIES = 200 };
    uint64_t quick[FREE_LIST_WORD + 1] = {0}, plain[FREE_LIST_WORD + 1] = {0}, seed = 5;
    struct entry *by_quick[ENTRIES], *by_plain[ENTRIES];
    ngtcp2_mem mem = *ngtcp2_mem_default();

    ngtcp2_objalloc_init(quick, 16 * sizeof(struct entry), &mem);
    ngtcp2_objalloc_init(plain, 16 * sizeof(struct entry), &mem);
    for (unsigned turn = 0; turn < 20; turn++) {
        unsigned count = 1 + turn * 37 % ENTRIES;

        for (unsigned i = 0; i < count; i++) {
            ngtcp2_pkt_hd header;
            uint64_t random[4];

            draw_bytes(&seed, (uint8_t *)&header, sizeof header);
            draw_bytes(&seed, (uint8_t *)random, sizeof random);
            ck_assert_int_eq(__wrap_ngtcp2_rtb_entry_objalloc_new(&by_quick[i], &header, (void *)random[0], random[1],
                                                                  random[2], (uint16_t)random[3], quick),
                             0);
            ck_assert_int_eq(__real_ngtcp2_rtb_entry_objalloc_new(&by_plain[i], &header, (void *)random[0], random[1],
                                                                  random[2], (uint16_t)random[3], plain),
                             0);
            /* Type and flags share a word with bytes that nobody sets. */
            by_quick[i]->words[2] &= 0xffff;
            by_plain[i]->words[2] &= 0xffff;
            by_quick[i]->words[14] &= 0xffff;
            by_plain[i]->words[14] &= 0xffff;
            ck_assert_mem_eq(by_quick[i], by_plain[i], sizeof(struct entry));
        }
        for (unsigned i = 0; i < count; i++) {
            ngtcp2_opl_push(&quick[FREE_LIST_WORD], by_quick[i]);
            ngtcp2_opl_push(&plain[FREE_LIST_WORD], by_plain[i]);
        }
    }
    /* What was freed comes back, the last first. */
    ngtcp2_opl_push(&quick[FREE_LIST_WORD], by_quick[0]);
    ck_assert_ptr_eq(__wrap_ngtcp2_opl_pop(&quick[FREE_LIST_WORD]), by_quick[0]);
    memset(&quick[FREE_LIST_WORD], 0, sizeof quick[FREE_LIST_WORD]);
    ck_assert_ptr_null(__wrap_ngtcp2_opl_pop(&quick[FREE_LIST_WORD]));
    ngtcp2_objalloc_free(quick);
    ngtcp2_objalloc_free(plain);
}
END_TEST

/* What is told of packets that were acknowledged, in a list of them. */

void ngtcp2_rst_init(void *rst);
void __wrap_ngtcp2_rst_update_rate_sample(void *rst, const struct entry *entry, uint64_t now);
void __real_ngtcp2_rst_update_rate_sample(void *rst, const struct entry *entry, uint64_t now);

START_TEST(delivery_is_told_as_to_ngtcp2) {
    enum { ENTRIES = 40 };
    uint64_t quick[STATE_WORDS] = {0}, plain[STATE_WORDS] = {0}, seed = 8;
    struct entry entries[ENTRIES] = {0};

    ngtcp2_rst_init(quick);
    ngtcp2_rst_init(plain);
    for (unsigned i = 0; i < ENTRIES; i++) {
        for (unsigned word = 0; word < sizeof entries[i].words / sizeof entries[i].words[0]; word++) {
            draw_bytes(&seed, (uint8_t *)&entries[i].words[word], 3);
        }
        entries[i].words[0] = i + 1 < ENTRIES ? (uint64_t)(uintptr_t)&entries[i + 1] : 0;
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        __wrap_ngtcp2_rst_update_rate_sample(quick, &entries[i], i);
        __real_ngtcp2_rst_update_rate_sample(plain, &entries[i], i);
        ck_assert_mem_eq(quick, plain, sizeof quick);
    }
    ck_assert_uint_ne(quick[0x58 / sizeof quick[0]], 0); /* bytes delivered */
}
END_TEST

int main(void) {
    TCase *tc = tcase_create("shortcut");
    Suite *suite = suite_create("shortcut");

    tcase_add_test(tc, connection_ids_compare_as_in_ngtcp2);
    tcase_add_test(tc, paths_compare_as_in_ngtcp2);
    tcase_add_test(tc, gaps_are_those_of_ngtcp2);
    tcase_add_test(tc, what_is_acknowledged_is_ngtcp2s);
    tcase_add_test(tc, connection_ids_are_found_as_by_ngtcp2);
    tcase_add_test(tc, lists_of_numbers_are_those_of_ngtcp2);
    tcase_add_test(tc, records_of_packets_are_those_of_ngtcp2);
    tcase_add_test(tc, delivery_is_told_as_to_ngtcp2);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
