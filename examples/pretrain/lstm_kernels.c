/* The recurrence of an LSTM layer on one core, by AMX or AVX-512: forward, and back through time.
 *
 * What has no recurrence (inputs times weights, gradients of weights) is left to PyTorch, whose
 * matrix products are fast; only its step from one frame to the next is slow. Gates stand in
 * PyTorch's order: input, forget, cell, output. Arrays are bfloat16 (as uint16_t) in row-major
 * order; N is a multiple of 16 (pad with zeros), H one of 64.
 */
#include "bfloat16.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROWS 16        /* of a tile */
#define DEPTH 32       /* bfloat16 numbers in a row of a tile */
#define TILE 512       /* numbers of a tile of weights */
#define BLOCK 8        /* rows that AVX-512 multiplies at once */

/* Lay out a (depth, width) matrix as `multiply` takes it: tiles of 32 x 16, pairs of rows side
 * by side. `row` and `column` are the steps between its rows and columns. */
static void pack(const uint16_t *matrix, int depth, int width, int row, int column, uint16_t *out) {
    for (int n = 0; n < width; n += ROWS)
        for (int k = 0; k < depth; k += DEPTH)
            for (int r = 0; r < ROWS; r++)
                for (int c = 0; c < ROWS; c++)
                    for (int p = 0; p < 2; p++)
                        *out++ = matrix[(k + 2 * r + p) * row + (n + c) * column];
}

#ifdef __AMX_BF16__
#define REQUEST 0x1023 /* ARCH_REQ_XCOMP_PERM */
#define TILE_DATA 18   /* XFEATURE_XTILEDATA */

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t columns[16]; /* in bytes */
    uint8_t rows[16];
} __attribute__((packed)) Configuration;

/* Ask Linux for AMX. Returns 0 if the kernels may be used. */
int lstm_request(void) {
    return (int)syscall(SYS_arch_prctl, REQUEST, TILE_DATA);
}

static void configure(void) {
    Configuration configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        configuration.columns[tile] = 64;
        configuration.rows[tile] = ROWS;
    }
    _tile_loadconfig(&configuration);
}

static void release(void) {
    _tile_release();
}

/* (16, depth) times a packed (depth, width): (16, width) float. */
static void multiply(const uint16_t *a, int stride, const uint16_t *packed, int depth, int width,
                     float *out) {
    int column = depth / DEPTH * TILE; /* numbers of a column of tiles */
    for (int n = 0; n < width; n += 4 * ROWS) {
        const uint16_t *b = packed + n / ROWS * column;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int k = 0; k < depth / DEPTH; k++) {
            _tile_loadd(4, a + k * DEPTH, stride * 2);
            _tile_loadd(5, b + k * TILE, 64);
            _tile_dpbf16ps(0, 4, 5);
            _tile_loadd(6, b + column + k * TILE, 64);
            _tile_dpbf16ps(1, 4, 6);
            _tile_loadd(7, b + 2 * column + k * TILE, 64);
            _tile_dpbf16ps(2, 4, 7);
            _tile_loadd(5, b + 3 * column + k * TILE, 64);
            _tile_dpbf16ps(3, 4, 5);
        }
        _tile_stored(0, out + n, width * 4);
        _tile_stored(1, out + n + ROWS, width * 4);
        _tile_stored(2, out + n + 2 * ROWS, width * 4);
        _tile_stored(3, out + n + 3 * ROWS, width * 4);
    }
}

#else /* AVX-512 multiplies, which takes no preparation */

int lstm_request(void) {
    return 0;
}

static void configure(void) {}

static void release(void) {}

/* (16, depth) times a packed (depth, width): (16, width) float. Eight rows times two columns of
 * tiles keep sixteen sums in registers, and the weights of a pass in the first cache. */
static void multiply(const uint16_t *a, int stride, const uint16_t *packed, int depth, int width,
                     float *out) {
    int column = depth / DEPTH * TILE; /* numbers of a column of tiles */
    for (int n = 0; n < width; n += 2 * ROWS)
        for (int first = 0; first < ROWS; first += BLOCK) {
            const uint16_t *b = packed + n / ROWS * column;
            const uint16_t *row = a + (long)first * stride;
            __m512 sums[BLOCK][2];
            for (int r = 0; r < BLOCK; r++)
                sums[r][0] = sums[r][1] = _mm512_setzero_ps();
            for (int k = 0; k < depth; k += 2, b += 2 * ROWS) {
                __m512bh left = (__m512bh)_mm512_loadu_si512(b);
                __m512bh right = (__m512bh)_mm512_loadu_si512(b + column);
                for (int r = 0; r < BLOCK; r++) {
                    int pair;
                    memcpy(&pair, row + r * stride + k, sizeof pair);
                    __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
                    sums[r][0] = _mm512_dpbf16_ps(sums[r][0], both, left);
                    sums[r][1] = _mm512_dpbf16_ps(sums[r][1], both, right);
                }
            }
            for (int r = 0; r < BLOCK; r++) {
                _mm512_store_ps(out + (first + r) * width + n, sums[r][0]);
                _mm512_store_ps(out + (first + r) * width + n + ROWS, sums[r][1]);
            }
        }
}

#endif

/* 1 / (1 + exp(-x)), to about 1e-6: exp by a polynomial of degree 5 of the fraction of a power of 2. */
static inline __m512 logistic(__m512 x) {
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f));
    y = _mm512_min_ps(_mm512_max_ps(y, _mm512_set1_ps(-80.0f)), _mm512_set1_ps(80.0f));
    __m512 whole = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 f = _mm512_sub_ps(y, whole);
    __m512 p = _mm512_set1_ps(1.3333558e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.6181291e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, f, one);
    return _mm512_div_ps(one, _mm512_add_ps(one, _mm512_scalef_ps(p, whole)));
}

static inline __m512 hyperbolic(__m512 x) { /* tanh */
    __m512 s = logistic(_mm512_add_ps(x, x));
    return _mm512_sub_ps(_mm512_add_ps(s, s), _mm512_set1_ps(1.0f));
}

static inline __m512 less_square(__m512 x) { /* 1 - x^2 */
    return _mm512_fnmadd_ps(x, x, _mm512_set1_ps(1.0f));
}

static inline __m512 slope(__m512 s) { /* of the logistic function where it is s */
    return _mm512_fnmadd_ps(s, s, s);
}

/* Run one direction over the frames.
 *
 * gates: (T, N, *) inputs times weights and biases; becomes what the gates let through. A row
 *     begins `gates_row` numbers after another.
 * weights: (4H, H) hidden to hidden.
 * cells: (T, N, H) float, written.
 * out: (T, N, *), written; a row begins `out_row` numbers after another.
 * backward: from the last frame to the first.
 * Returns 0, or 1 without memory.
 */
int lstm_forward(uint16_t *gates, long gates_row, const uint16_t *weights, float *cells,
                 uint16_t *out, long out_row, int frames, int rows, int hidden, int backward) {
    int width = 4 * hidden;
    uint16_t *packed = aligned_alloc(64, sizeof(uint16_t) * width * hidden);
    float *sums = aligned_alloc(64, sizeof(float) * ROWS * width);
    if (!packed || !sums) {
        free(packed);
        free(sums);
        return 1;
    }
    pack(weights, hidden, width, 1, hidden, packed);
    configure();
    for (int step = 0; step < frames; step++) {
        long t = backward ? frames - 1 - step : step;
        long before = backward ? t + 1 : t - 1;
        for (int first = 0; first < rows; first += ROWS) {
            if (step)
                multiply(out + (before * rows + first) * out_row, out_row, packed, hidden, width, sums);
            else
                memset(sums, 0, sizeof(float) * ROWS * width);
            for (int r = 0; r < ROWS; r++) {
                uint16_t *gate = gates + (t * rows + first + r) * gates_row;
                const float *sum = sums + r * width;
                float *cell = cells + (t * rows + first + r) * hidden;
                const float *last = cells + (before * rows + first + r) * hidden;
                uint16_t *to = out + (t * rows + first + r) * out_row;
                for (int n = 0; n < hidden; n += 16) {
                    __m512 value[4];
                    for (int g = 0; g < 4; g++) {
                        int at = g * hidden + n;
                        __m512 x = _mm512_add_ps(load(gate + at), _mm512_load_ps(sum + at));
                        value[g] = g == 2 ? hyperbolic(x) : logistic(x);
                        store(gate + at, value[g]);
                    }
                    __m512 c = _mm512_mul_ps(value[0], value[2]);
                    if (step) c = _mm512_fmadd_ps(value[1], _mm512_loadu_ps(last + n), c);
                    _mm512_storeu_ps(cell + n, c);
                    store(to + n, _mm512_mul_ps(value[3], hyperbolic(c)));
                }
            }
        }
    }
    release();
    free(packed);
    free(sums);
    return 0;
}

/* Run one direction back through time.
 *
 * gates: (T, N, *) as `lstm_forward` left it; becomes the gradients of its inputs.
 * cells: as `lstm_forward` left it.
 * gradients: (T, N, *) of `out`.
 * backward: of the direction, as for `lstm_forward`.
 * Returns 0, or 1 without memory.
 */
int lstm_backward(uint16_t *gates, long gates_row, const uint16_t *weights, const float *cells,
                  const uint16_t *gradients, long gradients_row, int frames, int rows, int hidden,
                  int backward) {
    int width = 4 * hidden;
    uint16_t *packed = aligned_alloc(64, sizeof(uint16_t) * width * hidden);
    float *sums = aligned_alloc(64, sizeof(float) * ROWS * hidden);
    float *carried = aligned_alloc(64, sizeof(float) * rows * hidden); /* gradients of the cells */
    if (!packed || !sums || !carried) {
        free(packed);
        free(sums);
        free(carried);
        return 1;
    }
    pack(weights, width, hidden, hidden, 1, packed);
    memset(carried, 0, sizeof(float) * rows * hidden);
    configure();
    for (int step = frames - 1; step >= 0; step--) {
        long t = backward ? frames - 1 - step : step;
        long before = backward ? t + 1 : t - 1;
        long after = backward ? t - 1 : t + 1;
        for (int first = 0; first < rows; first += ROWS) {
            if (step < frames - 1)
                multiply(gates + (after * rows + first) * gates_row, gates_row, packed, width, hidden,
                         sums);
            else
                memset(sums, 0, sizeof(float) * ROWS * hidden);
            for (int r = 0; r < ROWS; r++) {
                uint16_t *gate = gates + (t * rows + first + r) * gates_row;
                const float *sum = sums + r * hidden;
                const float *cell = cells + (t * rows + first + r) * hidden;
                const float *last = cells + (before * rows + first + r) * hidden;
                const uint16_t *given = gradients + (t * rows + first + r) * gradients_row;
                float *carry = carried + (first + r) * hidden;
                for (int n = 0; n < hidden; n += 16) {
                    __m512 i = load(gate + n), f = load(gate + hidden + n);
                    __m512 g = load(gate + 2 * hidden + n), o = load(gate + 3 * hidden + n);
                    __m512 squashed = hyperbolic(_mm512_loadu_ps(cell + n));
                    __m512 dh = _mm512_add_ps(load(given + n), _mm512_load_ps(sum + n));
                    __m512 dc = _mm512_mul_ps(_mm512_mul_ps(dh, o), less_square(squashed));
                    dc = _mm512_add_ps(dc, _mm512_loadu_ps(carry + n));
                    __m512 previous = step ? _mm512_loadu_ps(last + n) : _mm512_setzero_ps();
                    store(gate + n, _mm512_mul_ps(_mm512_mul_ps(dc, g), slope(i)));
                    store(gate + hidden + n, _mm512_mul_ps(_mm512_mul_ps(dc, previous), slope(f)));
                    store(gate + 2 * hidden + n, _mm512_mul_ps(_mm512_mul_ps(dc, i), less_square(g)));
                    store(gate + 3 * hidden + n, _mm512_mul_ps(_mm512_mul_ps(dh, squashed), slope(o)));
                    _mm512_storeu_ps(carry + n, _mm512_mul_ps(dc, f));
                }
            }
        }
    }
    release();
    free(packed);
    free(sums);
    free(carried);
    return 0;
}
