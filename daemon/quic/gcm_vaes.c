/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcm_vaes: AES-GCM on 256-bit vectors, two blocks in each.
 *
 * How it works: a packet goes in chunks of 16 blocks, so that eight vectors of counters are on their way through the
 * AES units at a time, which hides their latency. Between the rounds of one chunk the ciphertext of another is hashed
 * (the one before when sealing, the same when opening), since AES and carry-less products wait on different results. A
 * chunk is hashed with the powers H^16 to H^1 and reduced once. What is left, less than a chunk, goes through a padded
 * buffer, with the block of lengths behind it in the same sum.
 *
 * GHASH's bits run the wrong way round: blocks are reversed byte by byte, and powers carry one factor x more, which
 * makes the reduction of a reflected product two folds with one constant.
 *
 * Leaves out: nonces that are not 96 bits, tags that are not 128, lengths beyond 2^32 blocks.
 * Invariants: no branch and no address depends on key or plaintext; tags are compared in constant time.
 * Standards: NIST SP 800-38D, FIPS 197. */
#include "quic/gcm.h"

#include <immintrin.h>
#include <string.h>

#define VAES __attribute__((target("avx2,aes,pclmul,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) VAES

#define BLOCK 16u
#define LANES 8u                       /* vectors in a chunk */
#define CHUNK (LANES * 32u)            /* bytes of a chunk */
#define CHUNK_BLOCKS (CHUNK / BLOCK)   /* blocks of a chunk */
#define POLYNOMIAL 0xc200000000000000u /* x^128 + x^7 + x^2 + x + 1, reflected, without its ends */

/* The products of a sum, before the reduction: low, middle and high 128 bits, in both halves. */
struct products {
    __m256i low;
    __m256i middle;
    __m256i high;
};

bool gcm_available(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
}

/* --- bytes --- */

INLINE __m128i load(const uint8_t *from) {
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

INLINE void store(uint8_t *to, __m128i value) {
    _mm_storeu_si128((__m128i *)(void *)to, value);
}

INLINE __m256i load_two(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

INLINE void store_two(uint8_t *to, __m256i value) {
    _mm256_storeu_si256((__m256i *)(void *)to, value);
}

INLINE __m128i reverse(__m128i block) {
    return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m256i reverse_two(__m256i blocks) {
    return _mm256_shuffle_epi8(
        blocks, _mm256_broadcastsi128_si256(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

/* --- GHASH --- */

INLINE struct products no_products(void) {
    return (struct products){_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
}

/* Add two blocks times two powers. */
INLINE void multiply_two(struct products *sum, __m256i blocks, __m256i powers) {
    sum->low = _mm256_xor_si256(sum->low, _mm256_clmulepi64_epi128(blocks, powers, 0x00));
    sum->high = _mm256_xor_si256(sum->high, _mm256_clmulepi64_epi128(blocks, powers, 0x11));
    sum->middle = _mm256_xor_si256(sum->middle, _mm256_clmulepi64_epi128(blocks, powers, 0x01));
    sum->middle = _mm256_xor_si256(sum->middle, _mm256_clmulepi64_epi128(blocks, powers, 0x10));
}

INLINE __m128i both_halves(__m256i value) {
    return _mm_xor_si128(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
}

INLINE __m128i fold(__m128i value) {
    __m128i folded = _mm_clmulepi64_si128(value, _mm_set_epi64x(0, (long long)POLYNOMIAL), 0x00);

    return _mm_xor_si128(_mm_shuffle_epi32(value, 0x4e), folded);
}

INLINE __m128i reduce(const struct products *sum) {
    __m128i low = both_halves(sum->low), middle = both_halves(sum->middle), high = both_halves(sum->high);

    low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    return _mm_xor_si128(fold(fold(low)), high);
}

INLINE __m128i multiply(__m128i a, __m128i b) {
    struct products sum = no_products();

    multiply_two(&sum, _mm256_zextsi128_si256(a), _mm256_zextsi128_si256(b));
    return reduce(&sum);
}

/* Hash so many blocks that stand one after the other, followed by zeros up to a whole vector. */
INLINE __m128i hash_blocks(const struct gcm_key *key, __m128i hash, const uint8_t *blocks, size_t count) {
    struct products sum = no_products();
    const uint8_t *powers = key->powers[GCM_POWERS - count];

    for (size_t i = 0; i < count; i += 2) {
        __m256i two = reverse_two(load_two(blocks + i * BLOCK));

        if (i == 0)
            two = _mm256_xor_si256(two, _mm256_zextsi128_si256(hash));
        multiply_two(&sum, two, load_two(powers + i * BLOCK));
    }
    return reduce(&sum);
}

INLINE __m128i hash_aad(const struct gcm_key *key, const uint8_t *aad, size_t length) {
    __m128i hash = _mm_setzero_si128();

    for (size_t at = 0; at < length; at += BLOCK) {
        uint8_t block[BLOCK] = {0};

        memcpy(block, aad + at, length - at < BLOCK ? length - at : BLOCK);
        hash = multiply(_mm_xor_si128(hash, reverse(load(block))), load(key->powers[GCM_POWERS - 1]));
    }
    return hash;
}

/* --- AES --- */

INLINE __m256i round_key(const struct gcm_key *key, unsigned round) {
    return _mm256_broadcastsi128_si256(load(key->rounds[round]));
}

INLINE __m128i encrypt_block(const struct gcm_key *key, __m128i block) {
    block = _mm_xor_si128(block, load(key->rounds[0]));
    for (unsigned round = 1; round < key->round_count; round++)
        block = _mm_aesenc_si128(block, load(key->rounds[round]));
    return _mm_aesenclast_si128(block, load(key->rounds[key->round_count]));
}

/* The next vectors of counters, whitened; the counter is kept reversed, so that its number can be added to. */
INLINE void next_counters(const struct gcm_key *key, __m256i *counter, __m256i *out, unsigned vectors) {
    const __m256i step = _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 2);
    const __m256i first = round_key(key, 0);

#pragma GCC unroll 8
    for (unsigned i = 0; i < vectors; i++) {
        out[i] = _mm256_xor_si256(reverse_two(*counter), first);
        *counter = _mm256_add_epi32(*counter, step);
    }
}

INLINE void one_round(__m256i *state, __m256i round, unsigned vectors) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < vectors; i++)
        state[i] = _mm256_aesenc_epi128(state[i], round);
}

/* The compiler keeps the order written here, which is made for the processor; it would gather all products at the end,
 * and spill them. */
#define IN_ORDER(sum) __asm__("" : "+x"((sum).low), "+x"((sum).middle), "+x"((sum).high))

/* A chunk's keystream; in its first eight rounds a chunk of ciphertext is hashed (NULL, a constant: none is).
 * @return the new hash */
INLINE __m128i keystream_chunk(const struct gcm_key *key, __m256i *counter, __m256i *state, const uint8_t *hashed,
                               __m128i hash) {
    const uint8_t *powers = key->powers[GCM_POWERS - CHUNK_BLOCKS];
    struct products sum = no_products();
    __m256i last;

    next_counters(key, counter, state, LANES);
#pragma GCC unroll 8
    for (unsigned i = 0; i < LANES; i++) {
        one_round(state, round_key(key, i + 1), LANES);
        if (hashed) {
            __m256i two = reverse_two(load_two(hashed + i * 32));

            if (i == 0)
                two = _mm256_xor_si256(two, _mm256_zextsi128_si256(hash));
            multiply_two(&sum, two, load_two(powers + i * 32));
            IN_ORDER(sum);
        }
    }
    for (unsigned round = LANES + 1; round < key->round_count; round++)
        one_round(state, round_key(key, round), LANES);
    last = round_key(key, key->round_count);
#pragma GCC unroll 8
    for (unsigned i = 0; i < LANES; i++)
        state[i] = _mm256_aesenclast_epi128(state[i], last);
    return hashed ? reduce(&sum) : hash;
}

INLINE void xor_chunk(const __m256i *state, const uint8_t *in, uint8_t *out) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < LANES; i++)
        store_two(out + i * 32, _mm256_xor_si256(state[i], load_two(in + i * 32)));
}

/* Keystream for the end of a packet, four vectors at a time. */
INLINE void xor_tail(const struct gcm_key *key, __m256i counter, uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length; at += 4 * 32) {
        __m256i state[4];

        next_counters(key, &counter, state, 4);
        for (unsigned round = 1; round < key->round_count; round++)
            one_round(state, round_key(key, round), 4);
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++) {
            state[i] = _mm256_aesenclast_epi128(state[i], round_key(key, key->round_count));
            store_two(bytes + at + i * 32, _mm256_xor_si256(state[i], load_two(bytes + at + i * 32)));
        }
    }
}

static void put_bits(uint8_t *out, uint64_t bytes) {
    uint64_t bits = __builtin_bswap64(bytes * 8);

    memcpy(out, &bits, sizeof bits);
}

/* --- the whole --- */

/* Seal or open (a constant at each use, so that either is compiled on its own). @return the tag */
INLINE __m128i crypt(const struct gcm_key *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
                     const uint8_t *in, size_t length, uint8_t *out, bool seal) {
    _Alignas(32) uint8_t tail[CHUNK + 2 * 32];
    uint8_t first[BLOCK] = {[BLOCK - 1] = 1};
    __m128i hash = hash_aad(key, aad, aad_length), mask, start;
    __m256i counter, state[LANES];
    size_t at = 0, left, blocks;

    memcpy(first, nonce, GCM_NONCE_BYTES);
    mask = encrypt_block(key, load(first));
    start = reverse(load(first));
    counter = _mm256_add_epi32(_mm256_broadcastsi128_si256(start), _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 1));
    if (seal && length >= CHUNK) {
        keystream_chunk(key, &counter, state, NULL, hash);
        xor_chunk(state, in, out);
        at = CHUNK;
    }
    for (; length - at >= CHUNK; at += CHUNK) {
        hash = keystream_chunk(key, &counter, state, seal ? out + at - CHUNK : in + at, hash);
        xor_chunk(state, in + at, out + at);
    }
    if (seal && at > 0)
        hash = hash_blocks(key, hash, out + at - CHUNK, CHUNK_BLOCKS);
    left = length - at;
    blocks = (left + BLOCK - 1) / BLOCK;
    memset(tail, 0, sizeof tail);
    memcpy(tail, in + at, left);
    if (seal) {
        xor_tail(key, counter, tail, left);
        memcpy(out + at, tail, left);
        memset(tail + left, 0, sizeof tail - left);
    }
    put_bits(tail + blocks * BLOCK, aad_length);
    put_bits(tail + blocks * BLOCK + 8, length);
    hash = hash_blocks(key, hash, tail, blocks + 1);
    if (!seal) {
        xor_tail(key, counter, tail, left);
        memcpy(out + at, tail, left);
    }
    return _mm_xor_si128(reverse(hash), mask);
}

VAES void gcm_seal(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out) {
    store(out + length, crypt(key, nonce, aad, aad_length, in, length, out, true));
}

VAES bool gcm_open(const struct gcm_key *key, const uint8_t nonce[GCM_NONCE_BYTES], const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out) {
    __m128i wanted = load(in + length);
    __m128i tag = crypt(key, nonce, aad, aad_length, in, length, out, false);
    __m128i difference = _mm_xor_si128(tag, wanted);

    return _mm_testz_si128(difference, difference) != 0;
}

VAES void gcm_block(const struct gcm_key *key, const uint8_t in[16], uint8_t out[16]) {
    store(out, encrypt_block(key, load(in)));
}

/* --- keys --- */

/* The S-box on each byte of a word. */
INLINE uint32_t substitute(uint32_t word) {
    return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0));
}

INLINE void expand(struct gcm_key *key, const uint8_t *secret, size_t bytes) {
    uint32_t words[60], previous, constant = 1;
    const size_t count = bytes / 4, total = (count + 7) * 4;

    memcpy(words, secret, bytes);
    for (size_t i = count; i < total; i++) {
        previous = words[i - 1];
        if (i % count == 0) {
            previous = substitute(previous >> 8 | previous << 24) ^ constant;
            constant = constant << 1 ^ (constant >> 7) * 0x11b;
        } else if (count > 6 && i % count == 4) {
            previous = substitute(previous);
        }
        words[i] = words[i - count] ^ previous;
    }
    key->round_count = (unsigned)count + 6;
    memcpy(key->rounds, words, total * 4);
    explicit_bzero(words, sizeof words);
}

VAES void gcm_key_init(struct gcm_key *key, const uint8_t *secret, size_t bytes) {
    uint64_t half[2], carry;
    __m128i h, power;

    memset(key, 0, sizeof *key);
    expand(key, secret, bytes);
    store((uint8_t *)half, reverse(encrypt_block(key, _mm_setzero_si128())));
    /* Times x: one bit to the left, and what falls out at the top comes in as the polynomial. */
    carry = 0 - (half[1] >> 63);
    half[1] = half[1] << 1 | half[0] >> 63;
    half[0] = half[0] << 1;
    half[1] ^= carry & POLYNOMIAL;
    half[0] ^= carry & 1;
    h = power = load((const uint8_t *)half);
    for (size_t i = GCM_POWERS; i-- > 0;) {
        store(key->powers[i], power);
        power = multiply(power, h);
    }
    explicit_bzero(half, sizeof half);
}
