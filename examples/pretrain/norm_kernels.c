/* Batch normalization with what follows it, on one core with AVX-512: a sum, and ReLU.
 *
 * Arrays are bfloat16 (as uint16_t) with the channels last: C numbers of one place, then those of
 * the next. They are taken in periods, the shortest stretches that are whole places and whole
 * vectors of 16 numbers; a period has `vectors` vectors, and the arrays have `periods` periods.
 */
#include "bfloat16.h"

#include <string.h>

#define WIDTH 16  /* numbers of a vector */
#define MOST 12   /* vectors of a period */
#define BLOCK 256 /* periods that are summed in single precision */

/* Call a function with the number of vectors known to the compiler, so that it unrolls its loops.
 * Returns from the caller: 0, or 1 for a number that is not here. */
#define DISPATCH(function, vectors, ...)                     \
    switch (vectors) {                                       \
        case 1: function(1, __VA_ARGS__); return 0;          \
        case 2: function(2, __VA_ARGS__); return 0;          \
        case 3: function(3, __VA_ARGS__); return 0;          \
        case 4: function(4, __VA_ARGS__); return 0;          \
        case 5: function(5, __VA_ARGS__); return 0;          \
        case 8: function(8, __VA_ARGS__); return 0;          \
        case 12: function(12, __VA_ARGS__); return 0;        \
        default: return 1;                                   \
    }

/* dy where ReLU let y through; all of it where there was no ReLU (y is NULL). */
INLINE __m512 passed(const uint16_t *dy, const uint16_t *y, long at) {
    __m512 value = load(dy + at);
    if (!y) return value;
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(load(y + at), _mm512_setzero_ps(), _CMP_GT_OQ), value);
}

INLINE void add_to(double *total, __m512 values) {
    float block[WIDTH];
    _mm512_storeu_ps(block, values);
    for (int n = 0; n < WIDTH; n++) total[n] += block[n];
}

INLINE void sums(const int vectors, const uint16_t *x, const uint16_t *dy, const uint16_t *y,
                 long periods, double *totals) {
    memset(totals, 0, sizeof(double) * 2 * vectors * WIDTH);
    for (long from = 0; from < periods; from += BLOCK) {
        long to = from + BLOCK < periods ? from + BLOCK : periods;
        __m512 first[MOST], second[MOST];
        for (int v = 0; v < vectors; v++) first[v] = second[v] = _mm512_setzero_ps();
        for (long period = from; period < to; period++)
#pragma GCC unroll 12
            for (int v = 0; v < vectors; v++) {
                long at = (period * vectors + v) * WIDTH;
                __m512 value = load(x + at), weight = dy ? passed(dy, y, at) : value;
                first[v] = _mm512_add_ps(first[v], weight);
                second[v] = _mm512_fmadd_ps(weight, value, second[v]);
            }
        for (int v = 0; v < vectors; v++) {
            add_to(totals + v * WIDTH, first[v]);
            add_to(totals + (vectors + v) * WIDTH, second[v]);
        }
    }
}

/* Per number of a period, sums over the periods: of x and x^2; or, with gradients `dy` of the
 * output, of them and their products with x, where ReLU let the output `y` through.
 * totals: (2, vectors * 16). */
int norm_sums(const uint16_t *x, const uint16_t *dy, const uint16_t *y, long periods, int vectors,
              double *totals) {
    DISPATCH(sums, vectors, x, dy, y, periods, totals)
}

INLINE void apply(const int vectors, const uint16_t *x, const uint16_t *added, const float *scale,
                  const float *shift, long periods, int relu, uint16_t *y) {
    __m512 floor = _mm512_set1_ps(relu ? 0.0f : -__builtin_inff());
    for (long period = 0; period < periods; period++)
#pragma GCC unroll 12
        for (int v = 0; v < vectors; v++) {
            long at = (period * vectors + v) * WIDTH;
            __m512 value = _mm512_fmadd_ps(load(x + at), _mm512_loadu_ps(scale + v * WIDTH),
                                           _mm512_loadu_ps(shift + v * WIDTH));
            if (added) value = _mm512_add_ps(value, load(added + at));
            store(y + at, _mm512_max_ps(value, floor));
        }
}

/* y = x * scale + shift, plus `added` (or NULL), with ReLU or without; `scale` and `shift` have one
 * number for each of a period. */
int norm_apply(const uint16_t *x, const uint16_t *added, const float *scale, const float *shift,
               long periods, int vectors, int relu, uint16_t *y) {
    DISPATCH(apply, vectors, x, added, scale, shift, periods, relu, y)
}

INLINE void gradient(const int vectors, const uint16_t *x, const uint16_t *dy, const uint16_t *y,
                     const float *factors, long periods, uint16_t *dx, uint16_t *dadded) {
    for (long period = 0; period < periods; period++)
#pragma GCC unroll 12
        for (int v = 0; v < vectors; v++) {
            long at = (period * vectors + v) * WIDTH;
            const float *factor = factors + v * WIDTH;
            __m512 given = passed(dy, y, at);
            if (dadded) store(dadded + at, given);
            __m512 value = _mm512_fmadd_ps(given, _mm512_loadu_ps(factor),
                                           _mm512_loadu_ps(factor + 2 * vectors * WIDTH));
            value = _mm512_fmadd_ps(load(x + at), _mm512_loadu_ps(factor + vectors * WIDTH), value);
            store(dx + at, value);
        }
}

/* dx = f0 * g + f1 * x + f2, where g is `dy` where ReLU let `y` through (all of it if `y` is NULL);
 * g itself goes to `dadded`, if that is not NULL. factors: (3, vectors * 16). */
int norm_gradient(const uint16_t *x, const uint16_t *dy, const uint16_t *y, const float *factors,
                  long periods, int vectors, uint16_t *dx, uint16_t *dadded) {
    DISPATCH(gradient, vectors, x, dy, y, factors, periods, dx, dadded)
}
