/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_bottleneck: packets of links through the lab's model. What the model does to them is check_linkmodel's. */
#include "tests/sim/bottleneck.h"

#include <check.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define BYTES 1000u

static struct bottleneck bottleneck;
static struct link one, other; /* both through it */
static const struct conn_path path;

static void setup(void) {
    struct link_settings settings = {.bottleneck = &bottleneck};
    struct linkmodel_settings model = {.rate_bps = 8000000, .delay = 10 * NS_PER_MS, .packets = 20};

    bottleneck_init(&bottleneck, 1);
    linkmodel_set(&bottleneck.model, &model, 0);
    link_init(&one, &settings);
    link_init(&other, &settings);
}

static void teardown(void) {
    link_fini(&one);
    link_fini(&other);
    bottleneck_fini(&bottleneck);
}

static void send_one(struct link *link, uint8_t first, uint8_t ecn, uint64_t now) {
    uint8_t data[BYTES] = {first};

    link_send(link, &path, ecn, data, sizeof data, now);
}

START_TEST(links_share_rate_and_order) {
    struct link_packet *packet;

    send_one(&one, 1, 0, 0);
    send_one(&other, 2, 0, 0);
    send_one(&one, 3, 0, 0);
    bottleneck_run(&bottleneck, 11 * NS_PER_MS);
    packet = link_receive(&one, 11 * NS_PER_MS);
    ck_assert_ptr_nonnull(packet);
    ck_assert_uint_eq(packet->data[0], 1);
    ck_assert_uint_eq(packet->at, 11 * NS_PER_MS);
    ck_assert_uint_eq(link_next(&other), TIME_NEVER);
    ck_assert_uint_eq(bottleneck_next(&bottleneck), 12 * NS_PER_MS);
    bottleneck_run(&bottleneck, 13 * NS_PER_MS);
    ck_assert_uint_eq(link_next(&other), 12 * NS_PER_MS);
    packet = link_receive(&one, 13 * NS_PER_MS);
    ck_assert_uint_eq(packet->data[0], 3);
    ck_assert_uint_eq(packet->sent, 0);
    ck_assert_uint_eq(bottleneck_next(&bottleneck), TIME_NEVER);
}
END_TEST

START_TEST(drops_and_losses_are_counted_at_the_link) {
    struct linkmodel_settings model = bottleneck.model.settings;

    for (unsigned i = 0; i < 20; i++)
        send_one(&one, 1, 0, 0);
    send_one(&other, 1, 0, 0);
    ck_assert_uint_eq(one.dropped, 0);
    ck_assert_uint_eq(other.dropped, 1);
    model.loss = 1;
    linkmodel_set(&bottleneck.model, &model, NS_PER_SEC);
    send_one(&other, 1, 0, NS_PER_SEC);
    ck_assert_uint_eq(other.lost, 1);
    ck_assert_uint_eq(other.sent, 2);
    ck_assert_uint_eq(one.count, 20);
}
END_TEST

START_TEST(some_packets_are_overtaken) {
    const uint8_t order[] = {1, 4, 5, 2, 6, 3};
    struct link_packet *packet;

    bottleneck.late = (struct bottleneck_late){
        .delay = 3 * NS_PER_MS + NS_PER_US, .next = 12 * NS_PER_MS, .every = 5 * NS_PER_MS, .packets = 2};
    for (uint8_t i = 1; i <= 8; i++)
        send_one(&one, i, 0, 0);
    bottleneck_run(&bottleneck, 15 * NS_PER_MS);
    ck_assert_uint_eq(bottleneck_next(&bottleneck), 15 * NS_PER_MS + NS_PER_US);
    bottleneck_run(&bottleneck, 18 * NS_PER_MS);
    for (size_t i = 0; i < sizeof order; i++) {
        packet = link_receive(&one, 18 * NS_PER_MS);
        ck_assert_ptr_nonnull(packet);
        ck_assert_uint_eq(packet->data[0], order[i]);
    }
    ck_assert_ptr_null(link_receive(&one, 18 * NS_PER_MS));
    bottleneck_run(&bottleneck, NS_PER_SEC);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(packet = link_receive(&one, NS_PER_SEC));
    ck_assert_uint_eq(packet->at, 21 * NS_PER_MS + NS_PER_US);
    ck_assert_uint_eq(bottleneck_next(&bottleneck), TIME_NEVER);
}
END_TEST

START_TEST(packets_that_waited_are_marked_if_they_may_be) {
    bottleneck.mark = 3 * NS_PER_MS;
    for (uint8_t i = 0; i < 6; i++)
        send_one(&one, i, i == 4 ? 0 : 2, 0);
    bottleneck_run(&bottleneck, NS_PER_SEC);
    for (uint8_t i = 0; i < 6; i++)
        ck_assert_uint_eq(link_receive(&one, NS_PER_SEC)->ecn, i < 3 ? 2 : i == 4 ? 0 : 3);
}
END_TEST

START_TEST(packets_come_in_bursts) {
    bottleneck.burst = 5 * NS_PER_MS;
    for (uint8_t i = 0; i < 6; i++)
        send_one(&one, i, 0, 0);
    bottleneck_run(&bottleneck, NS_PER_SEC);
    for (uint8_t i = 0; i < 6; i++)
        ck_assert_uint_eq(link_receive(&one, NS_PER_SEC)->at, (i < 5 ? 15 : 20) * NS_PER_MS);
    ck_assert_ptr_null(link_receive(&one, NS_PER_SEC));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bottleneck");
    TCase *tc = tcase_create("bottleneck");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, links_share_rate_and_order);
    tcase_add_test(tc, drops_and_losses_are_counted_at_the_link);
    tcase_add_test(tc, some_packets_are_overtaken);
    tcase_add_test(tc, packets_that_waited_are_marked_if_they_may_be);
    tcase_add_test(tc, packets_come_in_bursts);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
