/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_udp: UDP sockets and senders of the loop, on loopback. */
#include "os/udp.h"

#include <check.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/socket.h>

#include "os_env.h"

#define DATAGRAMS_MAX 8192u

static struct env env;

/* What came, in order. The first two bytes of every datagram are its number. */
struct inbox {
    unsigned count;                 /* datagrams */
    unsigned receives;              /* callbacks */
    unsigned wanted;                /* env_run ends at so many */
    uint16_t number[DATAGRAMS_MAX]; /* of each */
    size_t length[DATAGRAMS_MAX];   /* of each */
    struct udp_received last;       /* data is stale */
    int failure;                    /* on_failure */
};

static struct inbox inbox;

static void on_received(void *context, const struct udp_received *received) {
    struct inbox *in = context;

    in->receives++;
    in->last = *received;
    for (size_t at = 0; at < received->length; at += received->segment_bytes) {
        size_t left = received->length - at;

        ck_assert_uint_lt(in->count, DATAGRAMS_MAX);
        in->number[in->count] = (uint16_t)(received->data[at] << 8 | received->data[at + 1]);
        in->length[in->count++] = left < received->segment_bytes ? left : received->segment_bytes;
    }
}

static void on_failure(void *context, int error) {
    ((struct inbox *)context)->failure = error;
}

static bool inbox_has(void *context) {
    struct inbox *in = context;

    return in->count >= in->wanted;
}

static void expect(unsigned count) {
    inbox.wanted = count;
    env_run(&env, inbox_has, &inbox);
    ck_assert_uint_eq(inbox.count, count);
}

static void expect_in_order(unsigned count) {
    expect(count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(inbox.number[i], i);
    }
}

static union sock_addr endpoint(const char *text) {
    union sock_addr out;

    ck_assert_msg(sock_addr_parse(text, &out) == 0, "%s", text);
    return out;
}

static struct udp_socket *open_socket(const char *local, const char *device) {
    struct udp_settings settings = {.local = endpoint(local), .pool = env.pool, .read_buffers = 4};
    struct udp_hooks hooks = {on_received, on_failure, &inbox};
    struct udp_socket *out = NULL;
    char why[256] = "";

    snprintf(settings.device, sizeof settings.device, "%s", device);
    ck_assert_msg(udp_open(env.loop, &settings, &hooks, &out, why, sizeof why) == 0, "%s", why);
    return out;
}

/* A sender that counts on_writable. */
struct sender {
    struct udp_tx *tx;
    unsigned writable;
    union sock_addr local;
    union sock_addr remote;
    uint16_t next; /* number of the next datagram */
};

static void on_writable(void *context) {
    ((struct sender *)context)->writable++;
}

static bool is_writable(void *context) {
    return ((struct sender *)context)->writable > 0;
}

static void sender_init(struct sender *sender, struct udp_socket *from, const union sock_addr *to) {
    *sender = (struct sender){.remote = *to};
    sender->tx = udp_tx_new(from, on_writable, sender);
    ck_assert_ptr_nonnull(sender->tx);
}

static bool put(struct sender *sender, size_t length, uint8_t ecn, bool alone) {
    uint8_t *space = udp_tx_reserve(sender->tx, length);

    if (space == NULL) {
        return false;
    }
    memset(space, 0x5a, length);
    space[0] = (uint8_t)(sender->next >> 8);
    space[1] = (uint8_t)sender->next++;
    udp_tx_commit(sender->tx, length, &sender->local, &sender->remote, ecn, alone);
    return true;
}

/* As many as asked for, waiting where need be. */
static void put_many(struct sender *sender, unsigned count, size_t length) {
    for (unsigned i = 0; i < count; i++) {
        while (!put(sender, length, 0, false)) {
            sender->writable = 0;
            env_run(&env, is_writable, sender);
        }
    }
    udp_tx_flush(sender->tx);
}

static struct udp_socket *from, *to;
static struct sender sender;

static void open_pair(const char *from_text, const char *to_text, const char *target) {
    union sock_addr remote = endpoint(target);

    from = open_socket(from_text, "");
    to = open_socket(to_text, "");
    remote.in.sin_port = udp_local(to).in.sin_port;
    sender_init(&sender, from, &remote);
}

static void close_pair(void) {
    udp_tx_free(sender.tx);
    udp_close(from);
    udp_close(to);
}

static void setup(void) {
    env_isolate();
    memset(&inbox, 0, sizeof inbox);
    env_init(&env, 32);
}

static void teardown(void) {
    env_fini(&env);
}

START_TEST(datagrams_of_one_size_go_by_one_send_and_come_by_few_receives) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    put_many(&sender, 45, 1400);
    expect_in_order(45);
    ck_assert_uint_eq(udp_statistics(from)->sends, 1);
    ck_assert_uint_eq(udp_statistics(from)->datagrams_sent, 45);
    ck_assert_uint_eq(udp_statistics(to)->datagrams_received, 45);
    ck_assert_uint_lt(udp_statistics(to)->receives, 45);
    ck_assert(udp_statistics(from)->gso && udp_statistics(to)->gro);
    close_pair();
}
END_TEST

START_TEST(full_batches_stay_whole) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    for (unsigned i = 0; i < 88; i++) {
        uint8_t *space = udp_tx_reserve(sender.tx, 1472);

        ck_assert_ptr_nonnull(space);
        memset(space, 0, 1470);
        space[0] = (uint8_t)(sender.next >> 8);
        space[1] = (uint8_t)sender.next++;
        udp_tx_commit(sender.tx, 1470, &sender.local, &sender.remote, 0, false);
    }
    udp_tx_flush(sender.tx);
    expect_in_order(88);
    ck_assert_uint_eq(udp_statistics(from)->sends, 2);
    close_pair();
}
END_TEST

START_TEST(batch_breaks_at_sizes_ecn_and_lone_datagrams_and_keeps_order) {
    static const size_t lengths[] = {1200, 1200, 700, 1200, 1300, 1300, 2, 2, 1000, 1000};

    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    for (unsigned i = 0; i < 10; i++) {
        ck_assert(put(&sender, lengths[i], i == 9 ? 2 : 0, i == 5));
    }
    udp_tx_flush(sender.tx);
    expect_in_order(10);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_eq(inbox.length[i], lengths[i]);
    }
    ck_assert_uint_eq(udp_statistics(from)->sends, 7);
    close_pair();
}
END_TEST

START_TEST(batch_of_tiny_datagrams_breaks_at_64_segments) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    put_many(&sender, 130, 40);
    expect_in_order(130);
    ck_assert_uint_eq(udp_statistics(from)->sends, 3);
    close_pair();
}
END_TEST

START_TEST(thousands_of_datagrams_pass_in_order_through_back_pressure) {
    open_pair("[::1]:0", "[::1]:0", "[::1]:1");
    put_many(&sender, 5000, 1350);
    expect_in_order(5000);
    ck_assert_uint_gt(sender.writable, 0);
    close_pair();
}
END_TEST

START_TEST(largest_datagram_passes_and_a_larger_one_finds_no_space) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    ck_assert_ptr_null(udp_tx_reserve(sender.tx, 65508));
    put_many(&sender, 3, 65507);
    expect_in_order(3);
    ck_assert_uint_eq(inbox.length[2], 65507);
    close_pair();
}
END_TEST

static void check_ecn(const char *from_text, const char *to_text, const char *target) {
    memset(&inbox, 0, sizeof inbox);
    open_pair(from_text, to_text, target);
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        ck_assert(put(&sender, 100, ecn, false));
        ck_assert(put(&sender, 100, ecn, false));
        udp_tx_flush(sender.tx);
        expect(2u * (ecn + 1u));
        ck_assert_uint_eq(inbox.last.ecn, ecn);
    }
    close_pair();
}

START_TEST(ecn_arrives_over_ipv4) {
    check_ecn("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
}
END_TEST

START_TEST(ecn_arrives_over_ipv6) {
    check_ecn("[::1]:0", "[::1]:0", "[::1]:1");
}
END_TEST

START_TEST(ecn_arrives_between_ipv4_and_dual_stack_sockets) {
    check_ecn("127.0.0.1:0", "[::]:0", "127.0.0.1:1");
    check_ecn("[::]:0", "127.0.0.1:0", "127.0.0.1:1");
}
END_TEST

/* One datagram there, one back to where it came from, from where it went to. */
static void check_reply(const char *from_text, const char *to_text, const char *target) {
    union sock_addr target_address = endpoint(target);
    struct sender back;

    memset(&inbox, 0, sizeof inbox);
    open_pair(from_text, to_text, target);
    target_address.in.sin_port = udp_local(to).in.sin_port;
    put_many(&sender, 1, 50);
    expect(1);
    ck_assert(sock_addr_equal(&inbox.last.local, &target_address));
    ck_assert_int_eq(inbox.last.remote.sa.sa_family, target_address.sa.sa_family);
    ck_assert_uint_eq(sock_addr_port(&inbox.last.remote), sock_addr_port(&(union sock_addr){.in = udp_local(from).in}));
    ck_assert_uint_eq(inbox.last.ifindex, if_nametoindex("lo"));
    sender_init(&back, to, &inbox.last.remote);
    back.local = inbox.last.local;
    ck_assert(put(&back, 60, 1, false) && put(&back, 60, 1, false));
    udp_tx_flush(back.tx);
    expect(3);
    ck_assert(sock_addr_equal(&inbox.last.remote, &target_address));
    ck_assert_uint_eq(inbox.last.ecn, 1);
    ck_assert_uint_eq(inbox.last.segment_bytes, 60);
    udp_tx_free(back.tx);
    close_pair();
}

START_TEST(reply_leaves_from_the_address_the_question_went_to) {
    check_reply("127.0.0.1:0", "0.0.0.0:0", "127.0.0.7:1");
    check_reply("[::1]:0", "[::]:0", "[::1]:1");
}
END_TEST

START_TEST(dual_stack_socket_shows_ipv4_peers_as_ipv4) {
    check_reply("127.0.0.1:0", "[::]:0", "127.0.0.9:1");
    check_reply("[::]:0", "127.0.0.1:0", "127.0.0.1:1");
}
END_TEST

START_TEST(v6_only_socket_leaves_the_port_to_ipv4) {
    struct udp_settings settings = {.local = endpoint("[::]:0"), .v6_only = true, .pool = env.pool, .read_buffers = 2};
    struct udp_hooks hooks = {on_received, on_failure, &inbox};
    struct udp_socket *six = NULL, *four = NULL;
    char why[256];

    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &six, why, sizeof why), 0);
    settings.local = endpoint("0.0.0.0:0");
    settings.local.in.sin_port = udp_local(six).in6.sin6_port;
    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &four, why, sizeof why), 0);
    udp_close(six);
    udp_close(four);
}
END_TEST

START_TEST(socket_bound_to_a_device_receives_by_it) {
    struct udp_socket *bound = open_socket("127.0.0.1:0", "lo");
    union sock_addr address = udp_local(bound);

    from = open_socket("127.0.0.1:0", "");
    ck_assert_int_eq(udp_send(from, (const uint8_t *)"\0\0", 2, NULL, &address), 0);
    expect(1);
    udp_close(from);
    udp_close(bound);
}
END_TEST

START_TEST(what_cannot_be_opened_is_refused_with_a_reason) {
    struct udp_settings settings = {.local = endpoint("127.0.0.1:0"), .pool = env.pool, .device = "nosuchdev"};
    struct udp_hooks hooks = {on_received, on_failure, &inbox};
    struct udp_socket *out = NULL;
    char why[256] = "";

    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &out, why, sizeof why), -ENODEV);
    ck_assert_ptr_nonnull(strstr(why, "nosuchdev"));
    settings.device[0] = '\0';
    from = open_socket("127.0.0.1:0", "");
    settings.local = udp_local(from);
    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &out, why, sizeof why), -EADDRINUSE);
    settings.local = endpoint("192.0.2.1:0");
    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &out, why, sizeof why), -EADDRNOTAVAIL);
    udp_close(from);
    udp_close(NULL);
    udp_tx_free(NULL);
}
END_TEST

START_TEST(port_is_free_as_soon_as_the_socket_is_closed) {
    char text[SOCK_ADDR_TEXT_MAX];
    union sock_addr local;

    from = open_socket("127.0.0.1:0", "");
    ck_assert(!env_wait(&env, env_never, NULL, NS_PER_MS));
    local = udp_local(from);
    udp_close(from);
    from = open_socket(sock_addr_print(&local, text), "");
    udp_close(from);
}
END_TEST

START_TEST(closing_with_sends_in_flight_gives_all_buffers_back) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    while (put(&sender, 1400, 0, false)) {
    }
    ck_assert_uint_gt(buf_pool_used(env.pool, BUF_LARGE), 8);
    close_pair();
}
END_TEST

START_TEST(flushed_datagrams_of_a_freed_sender_still_go) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    ck_assert(put(&sender, 100, 0, false));
    udp_tx_flush(sender.tx);
    ck_assert(put(&sender, 200, 0, false));
    udp_tx_flush(sender.tx);
    ck_assert(put(&sender, 300, 0, false));
    udp_tx_flush(sender.tx);
    udp_tx_free(sender.tx);
    udp_close(from);
    expect_in_order(3);
    udp_close(to);
}
END_TEST

static void on_writable_frees(void *context) {
    struct sender *freeing = context;

    freeing->writable++;
    udp_tx_free(freeing->tx);
    freeing->tx = NULL;
}

START_TEST(sender_with_nothing_to_send_holds_no_buffer) {
    size_t before;

    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0");
    before = buf_pool_used(env.pool, BUF_LARGE);
    ck_assert_ptr_nonnull(udp_tx_reserve(sender.tx, 1200));
    udp_tx_flush(sender.tx);
    ck_assert_uint_eq(buf_pool_used(env.pool, BUF_LARGE), before);
    put_many(&sender, 3, 1200);
    expect_in_order(3);
    close_pair();
}
END_TEST

START_TEST(sender_may_be_freed_in_on_writable) {
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    udp_tx_free(sender.tx);
    sender.tx = udp_tx_new(from, on_writable_frees, &sender);
    while (put(&sender, 1400, 0, false)) {
    }
    env_run(&env, is_writable, &sender);
    close_pair();
}
END_TEST

START_TEST(sender_without_a_buffer_is_told_when_there_is_one) {
    struct buf *all[64];
    unsigned count = 0;

    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    while ((all[count] = buf_get(env.pool, BUF_LARGE_BYTES)) != NULL) {
        count++;
    }
    ck_assert(!put(&sender, 100, 0, false));
    buf_unref(all[--count]);
    env_run(&env, is_writable, &sender);
    put_many(&sender, 1, 100);
    expect(1);
    while (count > 0) {
        buf_unref(all[--count]);
    }
    close_pair();
}
END_TEST

START_TEST(receiving_survives_a_dry_ring) {
    union sock_addr address;

    from = open_socket("127.0.0.1:0", "");
    to = open_socket("127.0.0.1:0", "");
    address = udp_local(to);
    for (unsigned i = 0; i < 100; i++) {
        uint8_t data[] = {0, (uint8_t)i, 1};

        ck_assert_int_eq(udp_send(from, data, sizeof data, NULL, &address), 0);
    }
    expect_in_order(100);
    ck_assert_uint_gt(udp_statistics(to)->no_buffer, 0);
    udp_close(from);
    udp_close(to);
}
END_TEST

START_TEST(empty_datagrams_are_passed_over) {
    union sock_addr address;

    from = open_socket("127.0.0.1:0", "");
    to = open_socket("127.0.0.1:0", "");
    address = udp_local(to);
    ck_assert_int_eq(udp_send(from, (const uint8_t *)"", 0, NULL, &address), 0);
    ck_assert_int_eq(udp_send(from, (const uint8_t *)"\0\0", 2, NULL, &address), 0);
    expect_in_order(1);
    udp_close(from);
    udp_close(to);
}
END_TEST

/* The descriptor of a socket, found by its address. */
static int descriptor_of(const struct udp_socket *socket) {
    union sock_addr want = udp_local(socket);

    for (int fd = 3; fd < 256; fd++) {
        union sock_addr have = {0};
        socklen_t length = sizeof have;

        if (getsockname(fd, &have.sa, &length) == 0 && sock_addr_equal(&have, &want)) {
            return fd;
        }
    }
    return -1;
}

/* Without checksums the kernel refuses to segment, as it does for a device that cannot compute them. */
START_TEST(refused_segmentation_makes_the_sender_go_one_by_one) {
    int one = 1;

    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    ck_assert_int_eq(setsockopt(descriptor_of(from), SOL_SOCKET, SO_NO_CHECK, &one, sizeof one), 0);
    put_many(&sender, 300, 1200);
    expect_in_order(300);
    ck_assert(!udp_statistics(from)->gso);
    ck_assert_uint_eq(udp_statistics(from)->send_errors, 0);
    put_many(&sender, 100, 1000);
    expect_in_order(400);
    close_pair();
}
END_TEST

START_TEST(wrong_source_address_costs_the_datagrams_but_not_segmentation) {
    open_pair("0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:1");
    sender.local = endpoint("192.0.2.77:0");
    put_many(&sender, 3, 500);
    sender.local = (union sock_addr){0};
    sender.next = 0;
    put_many(&sender, 3, 500);
    expect_in_order(3);
    ck_assert_uint_eq(udp_statistics(from)->send_errors, 3);
    ck_assert(udp_statistics(from)->gso);
    close_pair();
}
END_TEST

START_TEST(datagram_above_the_mtu_is_lost_and_the_rest_goes) {
    struct ifreq ifreq = {.ifr_name = "lo", .ifr_mtu = 1500};

    env_ioctl(SIOCSIFMTU, &ifreq);
    open_pair("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1");
    ck_assert(put(&sender, 1473, 0, true));
    sender.next = 0;
    ck_assert(put(&sender, 1472, 0, true));
    ck_assert(put(&sender, 1000, 0, false));
    udp_tx_flush(sender.tx);
    expect_in_order(2);
    ck_assert_uint_eq(udp_statistics(from)->send_errors, 1);
    close_pair();
}
END_TEST

/* A TAP whose neighbours never answer ARP holds what is sent by it, until it goes. */
static int make_tap(void) {
    struct ifreq ifreq = {.ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifreq), 0);
    env_address("tap0", "10.77.0.1");
    return fd;
}

/* A socket that is full for as long as its TAP is there, and its sender. @return the TAP */
static int open_full(void) {
    struct udp_settings settings = {
        .local = endpoint("10.77.0.1:0"), .pool = env.pool, .read_buffers = 1, .kernel_buffer_bytes = 8192};
    struct udp_hooks hooks = {on_received, on_failure, &inbox};
    union sock_addr silent = endpoint("10.77.0.2:9");
    char why[256];
    int tap = make_tap();

    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &from, why, sizeof why), 0);
    sender_init(&sender, from, &silent);
    while (udp_statistics(from)->would_block == 0) {
        while (put(&sender, 1000, 0, false)) {
        }
        ck_assert(!env_wait(&env, env_never, NULL, 2 * NS_PER_MS));
    }
    return tap;
}

START_TEST(full_socket_keeps_the_batch_until_it_is_writable) {
    int tap = open_full();

    sender.writable = 0;
    ck_assert(!put(&sender, 1000, 0, false));
    ck_assert(!env_wait(&env, is_writable, &sender, 5 * NS_PER_MS));
    close(tap);
    env_run(&env, is_writable, &sender);
    ck_assert(put(&sender, 1000, 0, false));
    udp_tx_free(sender.tx);
    udp_close(from);
}
END_TEST

START_TEST(sender_of_a_full_socket_can_be_freed) {
    int tap = open_full();

    udp_tx_free(sender.tx);
    udp_close(from);
    close(tap);
}
END_TEST

/* sockets that share an address */

#define SHARING 3u

static struct inbox shared_inbox[SHARING];
static struct udp_socket *sharing[SHARING];

static void share(const char *text) {
    struct udp_settings settings = {
        .local = endpoint(text), .pool = env.pool, .read_buffers = 4, .share_count = SHARING};
    char why[256] = "";

    memset(shared_inbox, 0, sizeof shared_inbox);
    for (unsigned i = 0; i < SHARING; i++) {
        struct udp_hooks hooks = {on_received, on_failure, &shared_inbox[i]};

        settings.share_number = i;
        ck_assert_msg(udp_open(env.loop, &settings, &hooks, &sharing[i], why, sizeof why) == 0, "%s", why);
        settings.local = udp_local(sharing[0]);
    }
}

static bool all_shared(void *context) {
    unsigned count = 0;

    for (unsigned i = 0; i < SHARING; i++) {
        count += shared_inbox[i].count;
    }
    return count >= *(unsigned *)context;
}

/* From many ports, so that a spread by addresses would show. */
START_TEST(sharing_sockets_get_what_their_connection_ids_say) {
    static const uint8_t bytes[] = {0, 1, 2, 3, 4, 128, 254, 255};
    unsigned wanted[SHARING] = {0}, sent = 0;

    share(_i == 0 ? "127.0.0.1:0" : "[::1]:0");
    union sock_addr remote = udp_local(sharing[0]);

    for (unsigned i = 0; i < 20 * sizeof bytes; i++) {
        uint8_t byte = bytes[i % sizeof bytes], packet[40] = {0x40, byte, (uint8_t)(byte + 1)};
        int fd = socket(remote.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (i % 3 != 0) { /* a long header: flags, version, length of the DCID, DCID */
            const uint8_t initial[] = {0xc0, 0, 0, 0, 1, 12, byte, (uint8_t)(byte + 1)};

            memcpy(packet, initial, sizeof initial);
        }
        ck_assert_int_eq(sendto(fd, packet, sizeof packet, 0, &remote.sa, sock_addr_length(&remote)), sizeof packet);
        close(fd);
        wanted[byte % SHARING]++;
        sent++;
    }
    env_run(&env, all_shared, &sent);
    for (unsigned i = 0; i < SHARING; i++) {
        ck_assert_uint_eq(shared_inbox[i].count, wanted[i]);
        udp_close(sharing[i]);
    }
}
END_TEST

START_TEST(address_that_others_share_is_in_use) {
    struct udp_settings settings = {.pool = env.pool, .share_count = 2};
    struct udp_hooks hooks = {on_received, on_failure, &inbox};
    struct udp_socket *out = NULL;
    char why[256] = "";

    share("127.0.0.1:0");
    settings.local = udp_local(sharing[0]);
    ck_assert_int_eq(udp_open(env.loop, &settings, &hooks, &out, why, sizeof why), -EADDRINUSE);
    for (unsigned i = 0; i < SHARING; i++) {
        udp_close(sharing[i]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("udp");
    TCase *tc = tcase_create("loopback");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, datagrams_of_one_size_go_by_one_send_and_come_by_few_receives);
    tcase_add_test(tc, full_batches_stay_whole);
    tcase_add_test(tc, batch_breaks_at_sizes_ecn_and_lone_datagrams_and_keeps_order);
    tcase_add_test(tc, batch_of_tiny_datagrams_breaks_at_64_segments);
    tcase_add_test(tc, thousands_of_datagrams_pass_in_order_through_back_pressure);
    tcase_add_test(tc, largest_datagram_passes_and_a_larger_one_finds_no_space);
    tcase_add_test(tc, ecn_arrives_over_ipv4);
    tcase_add_test(tc, ecn_arrives_over_ipv6);
    tcase_add_test(tc, ecn_arrives_between_ipv4_and_dual_stack_sockets);
    tcase_add_test(tc, reply_leaves_from_the_address_the_question_went_to);
    tcase_add_test(tc, dual_stack_socket_shows_ipv4_peers_as_ipv4);
    tcase_add_test(tc, v6_only_socket_leaves_the_port_to_ipv4);
    tcase_add_test(tc, socket_bound_to_a_device_receives_by_it);
    tcase_add_test(tc, what_cannot_be_opened_is_refused_with_a_reason);
    tcase_add_test(tc, port_is_free_as_soon_as_the_socket_is_closed);
    tcase_add_test(tc, closing_with_sends_in_flight_gives_all_buffers_back);
    tcase_add_test(tc, flushed_datagrams_of_a_freed_sender_still_go);
    tcase_add_test(tc, sender_with_nothing_to_send_holds_no_buffer);
    tcase_add_test(tc, sender_may_be_freed_in_on_writable);
    tcase_add_test(tc, sender_without_a_buffer_is_told_when_there_is_one);
    tcase_add_test(tc, receiving_survives_a_dry_ring);
    tcase_add_test(tc, empty_datagrams_are_passed_over);
    tcase_add_test(tc, refused_segmentation_makes_the_sender_go_one_by_one);
    tcase_add_test(tc, wrong_source_address_costs_the_datagrams_but_not_segmentation);
    tcase_add_loop_test(tc, sharing_sockets_get_what_their_connection_ids_say, 0, 2);
    tcase_add_test(tc, address_that_others_share_is_in_use);
    if (env_missing(true) == NULL) {
        tcase_add_test(tc, datagram_above_the_mtu_is_lost_and_the_rest_goes);
        tcase_add_test(tc, full_socket_keeps_the_batch_until_it_is_writable);
        tcase_add_test(tc, sender_of_a_full_socket_can_be_freed);
    }
    suite_add_tcase(suite, tc);
    return env_main(suite, false);
}
