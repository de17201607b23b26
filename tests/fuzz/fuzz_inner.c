/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_inner: any bytes as an inner packet. What parses lies within the bytes given, parses again after a change in
 * place, and an ICMP error about it is a well-formed packet. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** An error about the packet, if one may be sent, is a packet of its own with right checksums. */
static void check_icmp(const uint8_t *data, size_t size, uint8_t version) {
    struct ip_addr source = {.version = version, .bytes = {10, 0, 0, 1}};
    uint8_t *out = malloc(ICMP_ERROR_MAX);
    size_t length = icmp_error(ICMP_TOO_BIG, data, size, &source, 1280, out);
    struct inner inner;

    assert(length <= ICMP_ERROR_MAX);
    if (length > 0) {
        assert(inner_parse(out, length, false, &inner) == 0 && inner.total_bytes == length);
        if (version == 4)
            assert(checksum_fold(checksum_sum(out, 20)) == 0xffff &&
                   checksum_fold(checksum_sum(out + 20, length - 20)) == 0xffff);
        else
            assert(checksum_fold(checksum_pseudo(out, 58, (uint32_t)length - 40) +
                                 checksum_sum(out + 40, length - 40)) == 0xffff);
        /* Never an error about an error. */
        assert(icmp_error(ICMP_NO_ROUTE, out, length, &source, 0, (uint8_t[ICMP_ERROR_MAX]){0}) == 0);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t key[16] = {1, 2, 3};
    struct inner inner, again;
    uint8_t *copy;

    for (int superpacket = 0; superpacket < 2; superpacket++) {
        if (inner_parse(data, size, superpacket, &inner))
            continue;
        assert(inner.header_bytes <= inner.total_bytes && inner.total_bytes <= size);
        assert(inner.version == 4 || inner.version == 6);
        assert(inner.fragment || !inner.first_fragment);
        inner_flow_hash(&inner, key);
        copy = malloc(size);
        memcpy(copy, data, size);
        assert(inner_mark_ce(copy) == ((inner.traffic_class & 3) != 0));
        assert(inner_parse(copy, size, superpacket, &again) == 0);
        assert(again.hop_limit == inner.hop_limit);
        assert(inner_flow_hash(&again, key) == inner_flow_hash(&inner, key));
        if (inner.version == 4 && checksum_fold(checksum_sum(data, (data[0] & 15) * 4u)) == 0xffff)
            assert(checksum_fold(checksum_sum(copy, (copy[0] & 15) * 4u)) == 0xffff);
        free(copy);
        check_icmp(data, size, inner.version);
    }
    return 0;
}
