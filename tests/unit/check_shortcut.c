/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_shortcut: what is put in place of functions inside ngtcp2 gives their results. */
#include <arpa/inet.h>
#include <check.h>
#include <ngtcp2/ngtcp2.h>
#include <string.h>

#include "tests/unit/make_packet.h"
#include "tests/unit/suite.h"

#define PAIRS 20000

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);

/* Few values, so that many begin alike. */
static void make(uint64_t *seed, ngtcp2_cid *cid) {
    uint8_t length;

    made_fill(seed, &length, 1);
    made_fill(seed, cid->data, sizeof cid->data);
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

    made_fill(seed, random, sizeof random);
    made_fill(seed, (uint8_t *)storage, sizeof *storage);
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

    made_fill(seed, random, sizeof random);
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

        made_fill(&seed, random, sizeof random);
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

            made_fill(&seed, (uint8_t *)&header, sizeof header);
            made_fill(&seed, (uint8_t *)random, sizeof random);
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

int main(void) {
    TCase *tc = tcase_create("shortcut");
    Suite *suite = suite_create("shortcut");

    tcase_add_test(tc, connection_ids_compare_as_in_ngtcp2);
    tcase_add_test(tc, paths_compare_as_in_ngtcp2);
    tcase_add_test(tc, gaps_are_those_of_ngtcp2);
    tcase_add_test(tc, what_is_acknowledged_is_ngtcp2s);
    tcase_add_test(tc, records_of_packets_are_those_of_ngtcp2);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
