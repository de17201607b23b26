/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_vnethdr: offload data to and from virtio_net_hdr, and headers that must not be believed. */
#include "os/vnethdr.h"

#include <check.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

#define USO 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */
#define LENGTH 3000u

static int decode(const struct virtio_net_hdr *header, size_t length, struct offload *out) {
    uint8_t bytes[VNETHDR_BYTES];

    memcpy(bytes, header, sizeof bytes);
    return vnethdr_decode(bytes, length, out);
}

static struct virtio_net_hdr tcp4(void) {
    return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                   .hdr_len = 40,
                                   .gso_size = 1400,
                                   .csum_start = 20,
                                   .csum_offset = 16};
}

START_TEST(plain_packet_has_no_offload) {
    struct virtio_net_hdr header = {0};
    struct offload out;

    ck_assert_int_eq(decode(&header, 1, &out), 0);
    ck_assert_int_eq(out.gso, OFFLOAD_NONE);
    ck_assert(!out.needs_checksum && !out.ecn);
    header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    header.hdr_len = 60000;
    ck_assert_int_eq(decode(&header, 1, &out), 0);
    ck_assert_uint_eq(out.header_bytes, 0);
}
END_TEST

START_TEST(every_kind_survives_encoding_and_decoding) {
    static const struct offload kinds[] = {
        {.gso = OFFLOAD_NONE, .needs_checksum = true, .checksum_start = 20, .checksum_offset = 6},
        {.gso = OFFLOAD_TCP4,
         .needs_checksum = true,
         .gso_size = 1400,
         .header_bytes = 40,
         .checksum_start = 20,
         .checksum_offset = 16},
        {.gso = OFFLOAD_TCP6,
         .ecn = true,
         .needs_checksum = true,
         .gso_size = 1220,
         .header_bytes = 60,
         .checksum_start = 40,
         .checksum_offset = 16},
        {.gso = OFFLOAD_UDP,
         .needs_checksum = true,
         .gso_size = 1,
         .header_bytes = 28,
         .checksum_start = 20,
         .checksum_offset = 6},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t bytes[VNETHDR_BYTES];
        struct offload out;

        vnethdr_encode(&kinds[i], bytes);
        ck_assert_int_eq(vnethdr_decode(bytes, LENGTH, &out), 0);
        ck_assert_int_eq(out.gso, kinds[i].gso);
        ck_assert(out.ecn == kinds[i].ecn && out.needs_checksum == kinds[i].needs_checksum);
        ck_assert_uint_eq(out.gso_size, kinds[i].gso_size);
        ck_assert_uint_eq(out.header_bytes, kinds[i].header_bytes);
        ck_assert_uint_eq(out.checksum_start, kinds[i].checksum_start);
        ck_assert_uint_eq(out.checksum_offset, kinds[i].checksum_offset);
    }
}
END_TEST

START_TEST(encoding_is_what_the_kernel_reads) {
    struct offload offload = {.gso = OFFLOAD_UDP,
                              .needs_checksum = true,
                              .gso_size = 1000,
                              .header_bytes = 28,
                              .checksum_start = 20,
                              .checksum_offset = 6};
    struct virtio_net_hdr header;
    uint8_t bytes[VNETHDR_BYTES];

    vnethdr_encode(&offload, bytes);
    memcpy(&header, bytes, sizeof header);
    ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    ck_assert_uint_eq(header.gso_type, USO);
    ck_assert_uint_eq(header.gso_size, 1000);
    ck_assert_uint_eq(header.csum_start, 20);
}
END_TEST

static void refuse(struct virtio_net_hdr header, size_t length) {
    struct offload out = {.gso_size = 77};

    ck_assert_int_eq(decode(&header, length, &out), -EINVAL);
    ck_assert_uint_eq(out.gso_size, 77);
}

START_TEST(kinds_not_agreed_are_refused) {
    for (unsigned type = 0; type < 256; type++) {
        unsigned kind = type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
        struct virtio_net_hdr header = tcp4();

        header.gso_type = (uint8_t)type;
        if (kind != VIRTIO_NET_HDR_GSO_NONE && kind != VIRTIO_NET_HDR_GSO_TCPV4 && kind != VIRTIO_NET_HDR_GSO_TCPV6 &&
            kind != USO) {
            refuse(header, LENGTH);
        }
    }
}
END_TEST

START_TEST(impossible_headers_are_refused) {
    struct virtio_net_hdr header = tcp4();

    header.gso_size = 0;
    refuse(header, LENGTH);
    header = tcp4();
    header.flags = 0;
    refuse(header, LENGTH);
    header = tcp4();
    header.hdr_len = LENGTH + 1;
    refuse(header, LENGTH);
    header = tcp4();
    refuse(header, 37);
    header.csum_start = 65535;
    header.csum_offset = 65535;
    refuse(header, LENGTH);
    header = tcp4();
    header.gso_type = USO | VIRTIO_NET_HDR_GSO_ECN;
    refuse(header, LENGTH);
    header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_ECN};
    refuse(header, LENGTH);
    header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 6};
    refuse(header, 27);
}
END_TEST

START_TEST(random_headers_never_give_offsets_outside_the_packet) {
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t bytes[VNETHDR_BYTES];
        size_t length = draw() % 65536;
        struct offload out;

        for (unsigned j = 0; j < VNETHDR_BYTES; j++) {
            bytes[j] = (uint8_t)draw();
        }
        bytes[1] = (uint8_t)(bytes[1] % 6);
        if (vnethdr_decode(bytes, length, &out) == 0) {
            ck_assert(!out.needs_checksum || (size_t)out.checksum_start + out.checksum_offset + 2 <= length);
            ck_assert(out.gso == OFFLOAD_NONE || (out.gso_size > 0 && out.header_bytes <= length));
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vnethdr");
    TCase *tc = tcase_create("vnethdr");

    tcase_add_test(tc, plain_packet_has_no_offload);
    tcase_add_test(tc, every_kind_survives_encoding_and_decoding);
    tcase_add_test(tc, encoding_is_what_the_kernel_reads);
    tcase_add_test(tc, kinds_not_agreed_are_refused);
    tcase_add_test(tc, impossible_headers_are_refused);
    tcase_add_test(tc, random_headers_never_give_offsets_outside_the_packet);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
