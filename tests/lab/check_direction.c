/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_direction: batches of packets through an emulated link, in virtual time; socket pairs stand for the devices. */
#include "tests/lab/direction.h"

#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/vnethdr.h"
#include "packet/merge.h"
#include "tests/unit/draw.h"
#include "tests/unit/make_packet.h"
#include "tests/unit/suite.h"

#define COUNT 10u    /**< packets of a batch */
#define PAYLOAD 1000 /**< bytes of each but the last, which has one less */
#define BATCH_PAYLOAD (COUNT * PAYLOAD - 1)

static struct direction direction;
static int hosts[2][2]; /**< of the sending and of the receiving host: its end, ours */
static uint8_t payload[BATCH_PAYLOAD];

/** The packets of a batch as they are on a wire, and the batch, with its header, as a host gives it. */
static uint8_t packets[COUNT][2000], batch[BUF_LARGE_BYTES];
static size_t lengths[COUNT], batch_bytes;

static void setup(void) {
    uint64_t state = 3;

    draw_bytes(&state, payload, sizeof payload);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, hosts[i]), 0);
    ck_assert_int_eq(direction_init(&direction, hosts[0][1], hosts[1][1], 1), 0);
}

static void teardown(void) {
    direction_fini(&direction);
    for (unsigned i = 0; i < 4; i++)
        close(hosts[i / 2][i % 2]);
}

static void keep_batch(void *context, struct superpacket *packet) {
    (void)context;
    vnethdr_encode(&packet->offload, batch);
    memcpy(batch + VNETHDR_BYTES, superpacket_data(packet), packet->length);
    batch_bytes = VNETHDR_BYTES + packet->length;
    buf_unref(packet->buf);
}

/** Make packets and their batch. */
static void make(int version, int protocol) {
    struct made made = made_usual(version, protocol, 0x10, payload, PAYLOAD);
    const struct buf_pool_settings sizes = {.count = {[BUF_LARGE] = 2}};
    struct merge_settings settings = {.tcp = true, .udp = true, .pool = buf_pool_new(&sizes), .emit = keep_batch};
    struct merge *merge = merge_new(&settings);

    for (unsigned i = 0; i < COUNT; i++) {
        made.payload_bytes = i + 1 < COUNT ? PAYLOAD : PAYLOAD - 1;
        lengths[i] = made_write(&made, packets[i]);
        merge_push(merge, packets[i], lengths[i]);
        made.payload += PAYLOAD;
        made.sequence += PAYLOAD;
        made.id++;
    }
    merge_flush(merge);
    merge_free(merge);
    buf_pool_free(settings.pool);
    ck_assert_uint_gt(batch_bytes, BATCH_PAYLOAD);
}

static void set(uint64_t rate) {
    struct linkmodel_settings settings = direction.model.settings;

    settings.rate_bps = rate;
    settings.overhead = 0;
    linkmodel_set(&direction.model, &settings, 0);
}

static void send_bytes(const uint8_t *bytes, size_t length) {
    ck_assert_int_eq(write(hosts[0][0], bytes, length), (ssize_t)length);
}

/** What the other host gets next has so many bytes beside the header. */
static void receive(uint8_t got[BUF_LARGE_BYTES], size_t length) {
    ck_assert_int_eq(read(hosts[1][0], got, BUF_LARGE_BYTES), (ssize_t)(VNETHDR_BYTES + length));
}

/** The host sends the batch, and the link takes it at 0. */
static void send_batch(void) {
    send_bytes(batch, batch_bytes);
    ck_assert(!direction_read(&direction, 0));
    ck_assert_uint_eq(direction.model.statistics.in, COUNT);
}

/** What the other host gets next is that packet alone, byte for byte. */
static void got_packet(unsigned i) {
    uint8_t got[BUF_LARGE_BYTES], none[VNETHDR_BYTES] = {0};

    receive(got, lengths[i]);
    ck_assert_mem_eq(got, none, sizeof none);
    ck_assert_mem_eq(got + VNETHDR_BYTES, packets[i], lengths[i]);
}

static void got_nothing(void) {
    uint8_t got[BUF_LARGE_BYTES];

    ck_assert_int_lt(read(hosts[1][0], got, sizeof got), 0);
}

/** When the packets up to number last have come out. */
static uint64_t departure(unsigned last) {
    uint64_t bytes = 0;

    for (unsigned i = 0; i <= last; i++)
        bytes += lengths[i];
    return bytes * 8 * NS_PER_SEC / direction.model.settings.rate_bps + COUNT;
}

static const int kinds[][2] = {{4, IPPROTO_UDP}, {6, IPPROTO_UDP}, {4, IPPROTO_TCP}, {6, IPPROTO_TCP}};

START_TEST(a_slow_link_carries_the_packets_of_a_batch_one_by_one) {
    make(kinds[_i][0], kinds[_i][1]);
    set(100000000);
    send_batch();
    for (unsigned i = 0; i < COUNT; i++) {
        direction_write(&direction, departure(i) - COUNT - 1);
        got_nothing();
        direction_write(&direction, departure(i));
        got_packet(i);
    }
}
END_TEST

START_TEST(late_packets_of_a_slow_link_stay_single) {
    make(kinds[_i][0], kinds[_i][1]);
    set(100000000);
    send_batch();
    direction_write(&direction, NS_PER_SEC);
    for (unsigned i = 0; i < COUNT; i++)
        got_packet(i);
    got_nothing();
}
END_TEST

START_TEST(what_leaves_a_fast_link_together_is_one_batch) {
    uint8_t got[BUF_LARGE_BYTES];

    make(kinds[_i][0], kinds[_i][1]);
    set(700000000);
    send_batch();
    direction_write(&direction, departure(0));
    got_packet(0);
    direction_write(&direction, departure(4));
    receive(got, lengths[1] + 3 * PAYLOAD);
    direction_write(&direction, departure(COUNT - 1));
    receive(got, lengths[1] + 4 * PAYLOAD - 1);
    got_nothing();
    ck_assert_uint_eq(direction.written, COUNT);
    ck_assert_uint_eq(direction.refused, 0);
}
END_TEST

START_TEST(a_batch_that_passes_whole_is_what_it_was) {
    uint8_t got[BUF_LARGE_BYTES];

    make(kinds[_i][0], kinds[_i][1]);
    set(700000000);
    send_batch();
    direction_write(&direction, NS_PER_SEC);
    receive(got, batch_bytes - VNETHDR_BYTES);
    ck_assert_mem_eq(got, batch, batch_bytes);
}
END_TEST

START_TEST(a_queue_refuses_packets_of_a_batch_and_not_the_batch) {
    struct linkmodel_settings settings;

    make(4, IPPROTO_UDP);
    set(100000000);
    settings = direction.model.settings;
    settings.packets = 3;
    linkmodel_set(&direction.model, &settings, 0);
    send_batch();
    ck_assert_uint_eq(direction.model.statistics.dropped, COUNT - 3);
    direction_write(&direction, NS_PER_SEC);
    for (unsigned i = 0; i < 3; i++)
        got_packet(i);
    got_nothing();
}
END_TEST

START_TEST(what_is_not_a_batch_passes_as_it_is) {
    static const uint8_t odd[VNETHDR_BYTES + 21] = {[VNETHDR_BYTES] = 0x4f, [VNETHDR_BYTES + 20] = 9};
    uint8_t got[BUF_LARGE_BYTES];

    set(700000000);
    send_bytes(odd, sizeof odd);
    direction_read(&direction, 0);
    direction_write(&direction, NS_PER_SEC);
    receive(got, sizeof odd - VNETHDR_BYTES);
    ck_assert_mem_eq(got, odd, sizeof odd);
}
END_TEST

START_TEST(what_is_too_long_or_no_packet_is_counted) {
    static const uint8_t zero[VNETHDR_BYTES + DIRECTION_PACKET_MAX + 1];

    send_bytes(zero, sizeof zero);
    send_bytes(zero, VNETHDR_BYTES);
    direction_read(&direction, 0);
    ck_assert_uint_eq(direction.refused, 2);
    ck_assert_uint_eq(direction.model.statistics.in, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("direction");
    TCase *tcase = tcase_create("core");
    const int count = sizeof kinds / sizeof *kinds;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_slow_link_carries_the_packets_of_a_batch_one_by_one, 0, count);
    tcase_add_loop_test(tcase, late_packets_of_a_slow_link_stay_single, 0, count);
    tcase_add_loop_test(tcase, what_leaves_a_fast_link_together_is_one_batch, 0, count);
    tcase_add_loop_test(tcase, a_batch_that_passes_whole_is_what_it_was, 0, count);
    tcase_add_test(tcase, a_queue_refuses_packets_of_a_batch_and_not_the_batch);
    tcase_add_test(tcase, what_is_not_a_batch_passes_as_it_is);
    tcase_add_test(tcase, what_is_too_long_or_no_packet_is_counted);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
