/* Sixteen bfloat16 numbers (as uint16_t) as single precision, and back; with AVX-512 BF16. */

#ifndef PRETRAIN_BFLOAT16_H
#define PRETRAIN_BFLOAT16_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

INLINE __m512 load(const uint16_t *from) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE void store(uint16_t *to, __m512 value) {
    _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(value));
}

#endif
