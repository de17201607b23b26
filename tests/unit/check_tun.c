/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_tun: a TUN device on the loop, in a network namespace of the test's own:
 *
 *   UDP socket 10.9.0.1 --- kernel --- tun0 (10.9.0.1/24) === the test, as everybody else in 10.9.0.0/24
 */
#include "os/tun.h"

#include <cap-ng.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/ring.h"
#include "os_env.h"

#define UDP_SEGMENT_OPTION 103 /* UDP_SEGMENT */
#define HEADERS 28u
#define PORT 7777

static struct env env;
static struct tun *tun;
static int sock;

/* What the kernel sent into the tunnel. Only UDP to PORT counts. */
struct seen {
    unsigned count;               /* packets */
    unsigned wanted;              /* env_run ends at so many */
    unsigned out_of_order;        /* number not one more than the one before */
    unsigned next;                /* number expected */
    struct superpacket kept[600]; /* held when keep */
    unsigned kept_count;
    bool keep;
    bool close;              /* close the device from the callback */
    struct superpacket last; /* buffer given back already */
    int failure;             /* on_failure */
};

static struct seen seen;

static bool is_ours(const struct superpacket *packet) {
    const uint8_t *ip = superpacket_data(packet);

    return packet->length >= HEADERS + 2 && ip[0] == 0x45 && ip[9] == IPPROTO_UDP && (ip[22] << 8 | ip[23]) == PORT;
}

static void on_packet(void *context, struct superpacket *packet) {
    const uint8_t *payload = superpacket_data(packet) + HEADERS;

    (void)context;
    if (!is_ours(packet)) {
        buf_unref(packet->buf);
        return;
    }
    seen.out_of_order += (unsigned)(payload[0] << 8 | payload[1]) != seen.next;
    seen.next = (unsigned)(payload[0] << 8 | payload[1]) + 1;
    seen.count++;
    seen.last = *packet;
    if (seen.keep) {
        seen.kept[seen.kept_count++] = *packet;
    } else {
        buf_unref(packet->buf);
    }
    if (seen.close) {
        tun_close(tun);
        tun = NULL;
    }
}

static void on_failure(void *context, int error) {
    (void)context;
    seen.failure = error;
}

static bool seen_enough(void *context) {
    (void)context;
    return seen.count >= seen.wanted;
}

static bool has_failed(void *context) {
    (void)context;
    return seen.failure != 0;
}

static bool all_written(void *context) {
    return tun_statistics(tun)->packets_written + tun_statistics(tun)->write_errors >= *(unsigned *)context;
}

static void expect(unsigned count) {
    seen.wanted = count;
    env_run(&env, seen_enough, NULL);
    ck_assert_uint_eq(seen.count, count);
    ck_assert_uint_eq(seen.out_of_order, 0);
}

static void open_tun(const char *name) {
    struct tun_settings settings = {.pool = env.pool, .read_buffers = 8};
    struct tun_hooks hooks = {on_packet, on_failure, NULL};
    char why[256] = "";

    snprintf(settings.name, sizeof settings.name, "%s", name);
    ck_assert_msg(tun_open(env.loop, &settings, &hooks, &tun, why, sizeof why) == 0, "%s", why);
    env_address(tun_name(tun), "10.9.0.1");
}

static void start(bool multishot) {
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct timeval patience = {.tv_sec = 5};

    memset(&seen, 0, sizeof seen);
    ck_assert(env_isolate());
    env_init(&env, 24);
    if (!multishot) {
        ring_forbid_read_multishot(env.loop);
    }
    open_tun("tun%d");
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(sock, (struct sockaddr *)&local, sizeof local), 0);
    ck_assert_int_eq(setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

static void setup(void) {
    start(true);
}

static void setup_chained(void) {
    start(false);
}

static void teardown(void) {
    close(sock);
    tun_close(tun);
    env_fini(&env);
}

/* The kernel sends a numbered datagram into the tunnel, in segments if asked. */
static void send_into(uint16_t number, size_t length, int segment) {
    static uint8_t data[65507];
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    ck_assert_int_eq(inet_pton(AF_INET, "10.9.0.2", &remote.sin_addr), 1);
    memset(data, 0x33, length);
    data[0] = (uint8_t)(number >> 8);
    data[1] = (uint8_t)number;
    ck_assert_int_eq(setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT_OPTION, &segment, sizeof segment), 0);
    ck_assert_int_eq(sendto(sock, data, length, 0, (struct sockaddr *)&remote, sizeof remote), (ssize_t)length);
}

/* A numbered UDP datagram from 10.9.0.2 to 10.9.0.1, checksum left to the kernel; a USO superpacket if gso_size is not
 * 0. */
static struct superpacket make_packet(uint16_t number, uint16_t payload, uint16_t gso_size) {
    uint16_t length = (uint16_t)(HEADERS + payload), udp_length = (uint16_t)(8 + payload);
    struct superpacket packet = {
        .buf = buf_get(env.pool, BUF_HEADROOM + length), .offset = BUF_HEADROOM, .length = length};
    uint8_t header[HEADERS] = {0x45,
                               0,
                               (uint8_t)(length >> 8),
                               (uint8_t)length,
                               0,
                               0,
                               0x40,
                               0,
                               64,
                               IPPROTO_UDP,
                               0,
                               0,
                               10,
                               9,
                               0,
                               2,
                               10,
                               9,
                               0,
                               1,
                               PORT >> 8,
                               PORT & 0xff,
                               PORT >> 8,
                               PORT & 0xff,
                               (uint8_t)(udp_length >> 8),
                               (uint8_t)udp_length,
                               0,
                               0};
    uint32_t sum = 0;

    ck_assert_ptr_nonnull(packet.buf);
    for (unsigned i = 0; i < 20; i += 2) {
        sum += (uint32_t)(header[i] << 8 | header[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    header[10] = (uint8_t)(~sum >> 8);
    header[11] = (uint8_t)~sum;
    sum = 0x0a09u + 2 + 0x0a09u + 1 + IPPROTO_UDP + udp_length;
    header[26] = (uint8_t)(sum >> 8);
    header[27] = (uint8_t)sum;
    memcpy(superpacket_data(&packet), header, sizeof header);
    memset(superpacket_data(&packet) + HEADERS, 0x44, payload);
    superpacket_data(&packet)[HEADERS] = (uint8_t)(number >> 8);
    superpacket_data(&packet)[HEADERS + 1] = (uint8_t)number;
    packet.offload = (struct offload){.needs_checksum = true, .checksum_start = 20, .checksum_offset = 6};
    if (gso_size != 0) {
        packet.offload.gso = OFFLOAD_UDP;
        packet.offload.gso_size = gso_size;
        packet.offload.header_bytes = HEADERS;
    }
    return packet;
}

static void expect_received(unsigned count, size_t length) {
    uint8_t data[2048];

    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(recv(sock, data, sizeof data, 0), (ssize_t)length);
        ck_assert_uint_eq((unsigned)(data[0] << 8 | data[1]), i);
    }
}

START_TEST(small_packets_come_in_order_in_small_buffers) {
    for (uint16_t i = 0; i < 400; i++) {
        send_into(i, 100, 0);
    }
    expect(400);
    ck_assert_uint_eq(seen.last.buf->size_class, BUF_256);
    ck_assert_uint_eq(seen.last.offset, BUF_HEADROOM);
    ck_assert_uint_eq(seen.last.length, HEADERS + 100);
    ck_assert(seen.last.offload.needs_checksum);
    ck_assert_uint_ge(tun_statistics(tun)->packets_read, 400);
    ck_assert_uint_eq(tun_statistics(tun)->malformed, 0);
}
END_TEST

START_TEST(packets_arriving_between_turns_stay_in_order) {
    for (uint16_t i = 0; i < 300; i++) {
        send_into(i, (size_t)(40 + i * 4), 0);
        if (i % 7 == 0) {
            expect(i + 1u);
        }
    }
    expect(300);
}
END_TEST

START_TEST(burst_larger_than_the_default_queue_is_kept) {
    for (uint16_t i = 0; i < 1500; i++) {
        send_into(i, 20, 0);
    }
    expect(1500);
}
END_TEST

START_TEST(superpacket_comes_whole_in_the_buffer_it_was_read_into) {
    if (!tun_has_uso(tun)) {
        return;
    }
    send_into(0, 40000, 1000);
    expect(1);
    ck_assert_uint_eq(seen.last.buf->size_class, BUF_LARGE);
    ck_assert_uint_eq(seen.last.length, HEADERS + 40000);
    ck_assert_int_eq(seen.last.offload.gso, OFFLOAD_UDP);
    ck_assert_uint_eq(seen.last.offload.gso_size, 1000);
    ck_assert_uint_eq(seen.last.offload.checksum_start, 20);
}
END_TEST

static bool all_accounted_for(void *context) {
    (void)context;
    return seen.count + tun_statistics(tun)->no_buffer >= 40;
}

START_TEST(exhausted_pool_drops_counts_and_recovers) {
    if (!tun_has_uso(tun)) {
        return;
    }
    seen.keep = true;
    for (uint16_t i = 0; i < 40; i++) {
        send_into(i, 40000, 1000);
    }
    env_run(&env, all_accounted_for, NULL);
    ck_assert_uint_eq(seen.count, 16);
    ck_assert_uint_eq(tun_statistics(tun)->no_buffer, 24);
    while (seen.kept_count > 0) {
        buf_unref(seen.kept[--seen.kept_count].buf);
    }
    seen.keep = false;
    send_into(16, 40000, 1000);
    expect(17);
}
END_TEST

START_TEST(paused_device_is_not_read_and_goes_on_where_it_stopped) {
    send_into(0, 100, 0);
    expect(1);
    tun_pause(tun, true);
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    for (uint16_t i = 1; i < 100; i++) {
        send_into(i, 100, 0);
    }
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    ck_assert_uint_eq(seen.count, 1);
    tun_pause(tun, false);
    expect(100);
    tun_pause(tun, true);
    tun_pause(tun, false);
    send_into(100, 100, 0);
    expect(101);
}
END_TEST

START_TEST(packets_written_arrive_in_order) {
    unsigned count = 100;

    for (uint16_t i = 0; i < count; i++) {
        struct superpacket packet = make_packet(i, 500, 0);

        ck_assert_int_eq(tun_write(tun, &packet), 0);
    }
    env_run(&env, all_written, &count);
    expect_received(count, 500);
    ck_assert_uint_eq(tun_statistics(tun)->bytes_written, count * (500 + HEADERS));
}
END_TEST

/* More than fit in flight: half goes by the ring, half directly. */
START_TEST(packets_beyond_the_writes_in_flight_stay_in_order) {
    unsigned count = 900;

    for (uint16_t i = 0; i < count; i++) {
        struct superpacket packet = make_packet(i, 64, 0);

        ck_assert_int_eq(tun_write(tun, &packet), 0);
    }
    expect_received(200, 64);
    env_run(&env, all_written, &count);
    ck_assert_uint_eq(tun_statistics(tun)->packets_written, count);
}
END_TEST

START_TEST(superpacket_written_is_cut_by_the_kernel) {
    unsigned one = 1;
    uint8_t data[2048];

    if (!tun_has_uso(tun)) {
        return;
    }
    struct superpacket packet = make_packet(0, 30500, 1000);

    ck_assert_int_eq(tun_write(tun, &packet), 0);
    env_run(&env, all_written, &one);
    for (unsigned i = 0; i < 31; i++) {
        ck_assert_int_eq(recv(sock, data, sizeof data, 0), i < 30 ? 1000 : 500);
    }
}
END_TEST

START_TEST(superpacket_read_can_be_written_back_as_it_is) {
    unsigned one = 1;
    uint8_t data[2048];

    if (!tun_has_uso(tun)) {
        return;
    }
    seen.keep = true;
    send_into(0, 20000, 1000);
    expect(1);
    uint8_t *ip = superpacket_data(&seen.kept[0]);

    ip[15] = 2;
    ip[19] = 1;
    ck_assert_int_eq(tun_write(tun, &seen.kept[0]), 0);
    env_run(&env, all_written, &one);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(recv(sock, data, sizeof data, 0), 1000);
    }
}
END_TEST

START_TEST(packet_without_headroom_is_refused_and_given_back) {
    struct superpacket packet = make_packet(0, 100, 0);

    packet.offset = 9;
    ck_assert_int_eq(tun_write(tun, &packet), -EINVAL);
    packet = make_packet(0, 100, 0);
    packet.length = 0;
    ck_assert_int_eq(tun_write(tun, &packet), -EINVAL);
}
END_TEST

START_TEST(packet_the_kernel_refuses_is_counted) {
    struct superpacket packet = make_packet(0, 100, 0);
    unsigned one = 1;

    superpacket_data(&packet)[0] = 0x15;
    ck_assert_int_eq(tun_write(tun, &packet), 0);
    env_run(&env, all_written, &one);
    ck_assert_uint_eq(tun_statistics(tun)->write_errors, 1);
    ck_assert_int_eq(seen.failure, 0);
}
END_TEST

START_TEST(closing_with_writes_in_flight_gives_all_buffers_back) {
    for (uint16_t i = 0; i < 300; i++) {
        struct superpacket packet = make_packet(i, 100, 0);

        ck_assert_int_eq(tun_write(tun, &packet), 0);
    }
    tun_close(tun);
    tun = NULL;
    expect_received(200, 100);
}
END_TEST

START_TEST(closed_device_is_gone_at_once_and_its_name_free) {
    char name[IFNAMSIZ];

    ck_assert(!env_wait(&env, env_never, NULL, 2 * NS_PER_MS));
    snprintf(name, sizeof name, "%s", tun_name(tun));
    tun_close(tun);
    ck_assert_uint_eq(if_nametoindex(name), 0);
    open_tun(name);
    ck_assert_str_eq(tun_name(tun), name);
    ck_assert_uint_eq(tun_ifindex(tun), if_nametoindex(name));
    send_into(0, 100, 0);
    expect(1);
}
END_TEST

START_TEST(device_may_be_closed_in_on_packet) {
    seen.close = true;
    send_into(0, 100, 0);
    expect(1);
    ck_assert_ptr_null(tun);
}
END_TEST

START_TEST(name_in_use_is_refused_with_a_reason) {
    struct tun_settings settings = {.name = "lo", .pool = env.pool};
    struct tun_hooks hooks = {on_packet, on_failure, NULL};
    struct tun *second = NULL;
    char why[256] = "";

    snprintf(settings.name, sizeof settings.name, "%s", tun_name(tun));
    ck_assert_int_eq(tun_open(env.loop, &settings, &hooks, &second, why, sizeof why), -EBUSY);
    ck_assert_ptr_nonnull(strstr(why, tun_name(tun)));
    snprintf(settings.name, sizeof settings.name, "lo");
    ck_assert_int_ne(tun_open(env.loop, &settings, &hooks, &second, why, sizeof why), 0);
    tun_close(NULL);
}
END_TEST

static struct tun *open_queue(bool join) {
    struct tun_settings settings = {.name = "two", .pool = env.pool, .read_buffers = 4, .queues = true, .join = join};
    struct tun_hooks hooks = {on_packet, on_failure, NULL};
    struct tun *queue = NULL;
    char why[256] = "";

    ck_assert_msg(tun_open(env.loop, &settings, &hooks, &queue, why, sizeof why) == 0, "%s", why);
    return queue;
}

START_TEST(flow_comes_back_by_the_queue_that_wrote_it) {
    struct tun *queue[2];

    tun_close(tun);
    queue[0] = open_queue(false);
    queue[1] = open_queue(true);
    env_address("two", "10.9.0.1");
    ck_assert_uint_eq(tun_ifindex(queue[0]), tun_ifindex(queue[1]));
    for (unsigned i = 0; i < 4; i++) {
        struct superpacket packet = make_packet((uint16_t)i, 100, 0);
        unsigned written = i / 2 + 1;

        tun = queue[i % 2];
        ck_assert_int_eq(tun_write(tun, &packet), 0);
        env_run(&env, all_written, &written);
        send_into((uint16_t)i, 100, 0);
        expect(i + 1);
        ck_assert_uint_ge(tun_statistics(tun)->packets_read, written);
    }
    tun_close(queue[0]);
    tun = queue[1];
}
END_TEST

START_TEST(device_that_is_taken_down_comes_back) {
    env_link_flags(tun_name(tun), 0, IFF_UP);
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    env_address(tun_name(tun), "10.9.0.1");
    send_into(0, 100, 0);
    expect(1);
    ck_assert_int_eq(seen.failure, 0);
}
END_TEST

START_TEST(device_that_is_deleted_is_reported) {
    char command[64];

    snprintf(command, sizeof command, "ip link del %s", tun_name(tun));
    if (system(command) != 0) {
        return;
    }
    env_run(&env, has_failed, NULL);
    ck_assert_int_lt(seen.failure, 0);
}
END_TEST

/** Take CAP_NET_ADMIN, without which the kernel tells no device's namespace, out of the effective set or back into it.
 */
static void administer(capng_act_t act) {
    capng_get_caps_process();
    ck_assert_int_eq(capng_update(act, CAPNG_EFFECTIVE, CAP_NET_ADMIN), 0);
    ck_assert_int_eq(capng_apply(CAPNG_SELECT_CAPS), 0);
}

START_TEST(device_that_cannot_be_asked_for_is_where_it_was_unless_it_is_gone) {
    const unsigned ifindex = tun_ifindex(tun);

    ck_assert_uint_ne(ifindex, 0);
    ck_assert_int_eq(tun_locate(tun, false), 0);
    administer(CAPNG_DROP);
    ck_assert_int_eq(tun_locate(tun, false), -EPERM);
    ck_assert_uint_eq(tun_ifindex(tun), ifindex);
    ck_assert_int_eq(tun_locate(tun, true), -EXDEV);
    ck_assert_uint_eq(tun_ifindex(tun), 0);
    administer(CAPNG_ADD);
    ck_assert_int_eq(tun_locate(tun, false), 0);
    ck_assert_uint_eq(tun_ifindex(tun), ifindex);
}
END_TEST

static TCase *make_tcase(const char *name, void (*set_up)(void)) {
    TCase *tc = tcase_create(name);

    tcase_add_checked_fixture(tc, set_up, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, small_packets_come_in_order_in_small_buffers);
    tcase_add_test(tc, packets_arriving_between_turns_stay_in_order);
    tcase_add_test(tc, burst_larger_than_the_default_queue_is_kept);
    tcase_add_test(tc, superpacket_comes_whole_in_the_buffer_it_was_read_into);
    tcase_add_test(tc, exhausted_pool_drops_counts_and_recovers);
    tcase_add_test(tc, paused_device_is_not_read_and_goes_on_where_it_stopped);
    tcase_add_test(tc, closed_device_is_gone_at_once_and_its_name_free);
    tcase_add_test(tc, device_may_be_closed_in_on_packet);
    tcase_add_test(tc, device_that_is_taken_down_comes_back);
    tcase_add_test(tc, device_that_is_deleted_is_reported);
    tcase_add_test(tc, device_that_cannot_be_asked_for_is_where_it_was_unless_it_is_gone);
    return tc;
}

int main(void) {
    Suite *suite = suite_create("tun");
    TCase *tc = make_tcase("multishot reads", setup);

    tcase_add_test(tc, packets_written_arrive_in_order);
    tcase_add_test(tc, packets_beyond_the_writes_in_flight_stay_in_order);
    tcase_add_test(tc, superpacket_written_is_cut_by_the_kernel);
    tcase_add_test(tc, superpacket_read_can_be_written_back_as_it_is);
    tcase_add_test(tc, packet_without_headroom_is_refused_and_given_back);
    tcase_add_test(tc, packet_the_kernel_refuses_is_counted);
    tcase_add_test(tc, closing_with_writes_in_flight_gives_all_buffers_back);
    tcase_add_test(tc, name_in_use_is_refused_with_a_reason);
    tcase_add_test(tc, flow_comes_back_by_the_queue_that_wrote_it);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, make_tcase("chained reads", setup_chained));
    return env_main(suite, true);
}
