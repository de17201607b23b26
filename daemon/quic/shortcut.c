/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shortcut: functions inside ngtcp2 that every packet calls several times, done in fewer instructions.
 *
 * How it works: as with the congestion controller's seam (ccseam.c), the linker lets calls within ngtcp2's archive come
 * here (--wrap), for a version whose inside is known only. Connection IDs are compared by words instead of by memcmp(),
 * which reads the bytes that were copied a moment ago by wider loads and so waits for the copies. The order stays
 * ngtcp2's. And its log, for which this daemon registers no function, returns before it touches the page of stack that
 * it formats in.
 *
 * What it leaves out: whatever a version that is not known would need to keep. Invariant: with the same arguments, the
 * same results as ngtcp2's own. */
#include <ngtcp2/ngtcp2.h>
#include <string.h>

#define WORD sizeof(uint64_t) /**< bytes compared at a time */

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
void __wrap_ngtcp2_log_info(void *log, int event, const char *format, ...);

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

void __wrap_ngtcp2_log_info(void *log, int event, const char *format, ...) {
    (void)log, (void)event, (void)format;
}
