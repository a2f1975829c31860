/* LSTMs and products of 8-bit numbers, on x86 CPUs with AVX-512 VNNI: htrlib/engines/onnx/
   recurrent_layers.py.

   ONNX Runtime starts anew for each frame of a line; here, the weights of a direction stay in a
   core's cache while all frames pass, those of two lines at a time. */

#include "arrays.h"

#include <stdlib.h>
#include <string.h>

PyObject *knows_recurrence(PyObject *self, PyObject *args);
PyObject *multiplied(PyObject *self, PyObject *args);
PyObject *recurrence(PyObject *self, PyObject *args);

#if defined(__clang__)
#define KNOWS_VNNI (__clang_major__ >= 8)
#elif defined(__GNUC__)
#define KNOWS_VNNI (__GNUC__ >= 9)
#else
#define KNOWS_VNNI 0
#endif

#if defined(__x86_64__) && KNOWS_VNNI

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum {
    LANES = 16, /* outputs of a block */
    FOUR = 4,   /* inputs that are multiplied at once */
    MOST = 12,  /* blocks of a group */
    ROWS = 4,   /* inputs that are taken at once, at most */
    GATES = 4,
    CHUNK = 32, /* frames whose inputs are multiplied together */
    ZERO = 128  /* that stands for a state of 0 */
};
#define ONE 127.0f /* that a state of 1 is above ZERO */

/* Weights (R, D) int8 are packed as (R / (16 B), D / 4, B, 16, 4): groups of B blocks. */
typedef struct {
    const int8_t *weights;
    int64_t groups, blocks, depth;
} Packed;

/* The products of `rows` inputs (depth,) uint8 with some blocks of a group. They add up in registers:
   all loops over them are unrolled, and what is indexed otherwise is a copy. */
INLINE void multiply(const int blocks, const int some, const int rows, const uint8_t *const *inputs,
                     const int8_t *weights, int64_t depth, __m512i sums[][MOST])
{
    __m512i totals[ROWS][MOST];
    const uint8_t *row[ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        row[r] = inputs[r];
#pragma GCC unroll 12
        for (int b = 0; b < some; b++)
            totals[r][b] = _mm512_setzero_si512();
    }
    for (int64_t k = 0; k < depth; k += FOUR, weights += blocks * LANES * FOUR) {
        __m512i four[ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            int32_t bytes;
            memcpy(&bytes, row[r] + k, sizeof bytes);
            four[r] = _mm512_set1_epi32(bytes);
        }
#pragma GCC unroll 12
        for (int b = 0; b < some; b++) {
            __m512i weight = _mm512_loadu_si512(weights + b * LANES * FOUR);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
                totals[r][b] = _mm512_dpbusd_epi32(totals[r][b], four[r], weight);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 12
        for (int b = 0; b < some; b++)
            sums[r][b] = totals[r][b];
}

INLINE __m512 scaled(__m512i sums, const float *scales, float scale)
{
    __m512 factor = _mm512_mul_ps(_mm512_loadu_ps(scales), _mm512_set1_ps(scale));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(sums), factor);
}

/* Multiply `rows` rows, which are `step` bytes apart, `some` blocks of a group at a time. */
INLINE void project_rows(const int blocks, const int some, const int rows, const Packed *packed,
                         const uint8_t *inputs, int64_t step, const float *scales,
                         const float *biases, float scale, float *outputs)
{
    int64_t width = packed->groups * blocks * LANES;
    const uint8_t *each[ROWS];
    for (int r = 0; r < rows; r++)
        each[r] = inputs + r * step;
    for (int64_t block = 0; block < packed->groups * blocks; block += some) {
        __m512i sums[ROWS][MOST];
        const int8_t *group =
            packed->weights + block / blocks * blocks * LANES * packed->depth;
        multiply(blocks, some, rows, each, group + block % blocks * LANES * FOUR, packed->depth,
                 sums);
        for (int b = 0; b < some; b++) {
            int64_t at = (block + b) * LANES;
            for (int r = 0; r < rows; r++) {
                __m512 value = scaled(sums[r][b], scales + at, scale);
                value = _mm512_add_ps(value, _mm512_loadu_ps(biases + at));
                _mm512_storeu_ps(outputs + r * width + at, value);
            }
        }
    }
}

/* Multiply `count` rows, which are `step` bytes apart. */
INLINE void project(const int blocks, const Packed *packed, const uint8_t *inputs, int64_t step,
                    int64_t count, const float *scales, const float *biases, float scale,
                    float *outputs)
{
    int64_t width = packed->groups * blocks * LANES, row = 0;
    for (; row + ROWS <= count; row += ROWS)
        project_rows(blocks, blocks / 2, ROWS, packed, inputs + row * step, step, scales, biases,
                     scale, outputs + row * width);
    for (; row < count; row++)
        project_rows(blocks, blocks, 1, packed, inputs + row * step, step, scales, biases, scale,
                     outputs + row * width);
}

/* 1 / (1 + exp(-x)), to about 1e-6: exp by a polynomial of degree 5 of the fraction of a power of
   2. */
INLINE __m512 logistic(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f));
    y = _mm512_min_ps(_mm512_max_ps(y, _mm512_set1_ps(-80.0f)), _mm512_set1_ps(80.0f));
    __m512 whole = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 part = _mm512_sub_ps(y, whole);
    __m512 power = _mm512_set1_ps(1.3333558e-3f);
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(9.6181291e-3f));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(5.5504109e-2f));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(2.4022651e-1f));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(6.9314718e-1f));
    power = _mm512_fmadd_ps(power, part, one);
    __m512 sum = _mm512_add_ps(one, _mm512_scalef_ps(power, whole));
    __m512 inverse = _mm512_rcp14_ps(sum); /* and a step of Newton's, half as long as a division */
    return _mm512_mul_ps(inverse, _mm512_fnmadd_ps(sum, inverse, _mm512_set1_ps(2.0f)));
}

INLINE __m512 hyperbolic(__m512 x) /* tanh */
{
    __m512 half = logistic(_mm512_add_ps(x, x));
    return _mm512_sub_ps(_mm512_add_ps(half, half), _mm512_set1_ps(1.0f));
}

/* One direction of a layer. */
typedef struct {
    Packed inputs, states; /* weights */
    const float *input_scales, *state_scales, *biases;
    int64_t hidden;
    int backward;
} Layer;

/* One of the lines: `frames` rows of `layer->inputs.depth` bytes, and of `layer->hidden`. */
typedef struct {
    const uint8_t *inputs;
    uint8_t *states;
    int64_t frames;
    float scale;
    float *gates; /* (CHUNK, 4 * hidden) */
    float *cells; /* (hidden,) */
} Line;

INLINE int64_t frame_of(const Layer *layer, const Line *line, int64_t step)
{
    return layer->backward ? line->frames - 1 - step : step;
}

/* Multiply the inputs of the next frames; they stand in the order of steps. */
INLINE void multiply_inputs(const int blocks, const Layer *layer, Line *line, int64_t step)
{
    int64_t left = line->frames - step, depth = layer->inputs.depth;
    project(blocks, &layer->inputs, line->inputs + frame_of(layer, line, step) * depth,
            layer->backward ? -depth : depth, left < CHUNK ? left : CHUNK, layer->input_scales,
            layer->biases, line->scale, line->gates);
}

/* One frame of one or two lines, each at its own place. */
INLINE void take_step(const int units, const int rows, const Layer *layer, Line *const *lines,
                      const uint8_t *nothing, int64_t step)
{
    const int blocks = GATES * units;
    const uint8_t *before[2];
    uint8_t *states[2];
    for (int r = 0; r < rows; r++) {
        int64_t frame = frame_of(layer, lines[r], step);
        int64_t last = layer->backward ? frame + 1 : frame - 1;
        before[r] = step ? lines[r]->states + last * layer->hidden : nothing;
        states[r] = lines[r]->states + frame * layer->hidden;
    }
    for (int64_t group = 0; group < layer->states.groups; group++) {
        __m512i sums[ROWS][MOST];
        int64_t first = group * blocks * LANES;
        multiply(blocks, blocks, rows, before, layer->states.weights + first * layer->hidden,
                 layer->hidden, sums);
        for (int r = 0; r < rows; r++)
            for (int u = 0; u < units; u++) {
                __m512 value[GATES];
#pragma GCC unroll 4
                for (int g = 0; g < GATES; g++) {
                    int64_t at = first + (g * units + u) * LANES;
                    const float *gates = lines[r]->gates + step % CHUNK * GATES * layer->hidden;
                    __m512 sum = scaled(sums[r][g * units + u], layer->state_scales + at, 1.0f);
                    sum = _mm512_add_ps(sum, _mm512_loadu_ps(gates + at));
                    value[g] = g == 2 ? hyperbolic(sum) : logistic(sum);
                }
                int64_t unit = (group * units + u) * LANES;
                __m512 cell = _mm512_mul_ps(value[1], _mm512_loadu_ps(lines[r]->cells + unit));
                cell = _mm512_fmadd_ps(value[0], value[2], cell);
                _mm512_storeu_ps(lines[r]->cells + unit, cell);
                __m512 state = _mm512_mul_ps(value[3], hyperbolic(cell));
                __m512i number = _mm512_cvtps_epi32(_mm512_mul_ps(state, _mm512_set1_ps(ONE)));
                number = _mm512_add_epi32(number, _mm512_set1_epi32(ZERO));
                _mm_storeu_si128((__m128i *)(states[r] + unit), _mm512_cvtepi32_epi8(number));
            }
    }
}

/* All frames of two lines, of which the second has at least as many as the first. */
INLINE void run(const int units, const Layer *layer, Line *shorter, Line *longer,
                const uint8_t *nothing)
{
    Line *both[2] = {longer, shorter};
    for (int64_t step = 0; step < longer->frames; step++) {
        if (step % CHUNK == 0) {
            multiply_inputs(GATES * units, layer, longer, step);
            if (step < shorter->frames)
                multiply_inputs(GATES * units, layer, shorter, step);
        }
        if (step < shorter->frames)
            take_step(units, 2, layer, both, nothing, step);
        else
            take_step(units, 1, layer, both, nothing, step);
    }
}

TARGET static void run_1(const Layer *layer, Line *shorter, Line *longer, const uint8_t *nothing)
{
    run(1, layer, shorter, longer, nothing);
}

TARGET static void run_2(const Layer *layer, Line *shorter, Line *longer, const uint8_t *nothing)
{
    run(2, layer, shorter, longer, nothing);
}

TARGET static void run_3(const Layer *layer, Line *shorter, Line *longer, const uint8_t *nothing)
{
    run(3, layer, shorter, longer, nothing);
}

TARGET static void project_all(const Packed *packed, const uint8_t *inputs, int64_t count,
                               const float *scales, const float *biases, float *outputs)
{
    project(MOST, packed, inputs, packed->depth, count, scales, biases, 1.0f, outputs);
}

static int supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

/* Room for the states of both lines, or -1 without memory. */
static int run_lines(const Layer *layer, Line *lines, int64_t units)
{
    size_t gates = (size_t)(CHUNK * GATES * layer->hidden), hidden = (size_t)layer->hidden;
    float *room = malloc(2 * (gates + hidden) * sizeof *room);
    uint8_t *nothing = malloc(hidden);
    if (room && nothing) {
        memset(nothing, ZERO, hidden);
        for (int n = 0; n < 2; n++) {
            lines[n].gates = room + (size_t)n * gates;
            lines[n].cells = room + 2 * gates + (size_t)n * hidden;
            memset(lines[n].cells, 0, hidden * sizeof *room);
        }
        Line *shorter = &lines[lines[0].frames > lines[1].frames];
        Line *longer = &lines[lines[0].frames <= lines[1].frames];
        (units == 3 ? run_3 : units == 2 ? run_2 : run_1)(layer, shorter, longer, nothing);
    }
    int failed = !room || !nothing;
    free(room);
    free(nothing);
    return failed ? -1 : 0;
}

/* recurrence(inputs: (A + B, D) uint8, A, input_weights, state_weights: packed int8,
   input_scales, state_scales, biases: (4 H,) float32, scales of the inputs of either line, H,
   units: blocks of a gate in a group, backward) -> (A + B, H) uint8 */
PyObject *recurrence(PyObject *self, PyObject *args)
{
    PyObject *arrays[6], *found = NULL;
    Views views = {.count = 0};
    Line lines[2];
    Layer layer;
    long long first, hidden, units;
    int64_t sizes[6];
    const void *given[6];
    static const Py_ssize_t widths[6] = {1, 1, 1, 4, 4, 4};
    if (!PyArg_ParseTuple(args, "OLOOOOOffLLp", &arrays[0], &first, &arrays[1], &arrays[2],
                          &arrays[3], &arrays[4], &arrays[5], &lines[0].scale, &lines[1].scale,
                          &hidden, &units, &layer.backward))
        return NULL;
    for (int n = 0; n < 6; n++)
        if (!(given[n] = items(&views, arrays[n], widths[n], &sizes[n])))
            goto end;
    int good = 0 < units && units <= 3 && 0 < hidden && hidden % (units * LANES) == 0 &&
               sizes[3] == GATES * hidden && sizes[4] == sizes[3] && sizes[5] == sizes[3] &&
               sizes[2] == GATES * hidden * hidden && sizes[1] > 0 &&
               sizes[1] % (GATES * hidden * FOUR) == 0;
    int64_t depth = good ? sizes[1] / (GATES * hidden) : 1, frames = sizes[0] / depth;
    if (!good || sizes[0] % depth || first < 0 || first > frames || !supported()) {
        PyErr_SetString(PyExc_ValueError, "inputs and weights do not fit each other");
        goto end;
    }
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(frames * hidden));
    if (!found)
        goto end;
    uint8_t *states = (uint8_t *)PyBytes_AsString(found);
    int64_t groups = hidden / (units * LANES);
    layer.inputs = (Packed){given[1], groups, GATES * units, depth};
    layer.states = (Packed){given[2], groups, GATES * units, hidden};
    layer.input_scales = given[3];
    layer.state_scales = given[4];
    layer.biases = given[5];
    layer.hidden = hidden;
    for (int n = 0; n < 2; n++) {
        int64_t from = n ? first : 0;
        lines[n].inputs = (const uint8_t *)given[0] + from * depth;
        lines[n].states = states + from * hidden;
        lines[n].frames = n ? frames - first : first;
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = run_lines(&layer, lines, units);
    Py_END_ALLOW_THREADS
    if (failed) {
        PyErr_NoMemory();
        Py_CLEAR(found);
    }
end:
    release(&views);
    return found;
}

/* multiplied(inputs: (T, D) uint8, weights: packed int8 in groups of 12 blocks, scales, biases:
   (R,) float32) -> (T, R) float32 */
PyObject *multiplied(PyObject *self, PyObject *args)
{
    PyObject *arrays[4], *found = NULL;
    Views views = {.count = 0};
    int64_t sizes[4];
    const void *given[4];
    static const Py_ssize_t widths[4] = {1, 1, 4, 4};
    if (!PyArg_ParseTuple(args, "OOOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3]))
        return NULL;
    for (int n = 0; n < 4; n++)
        if (!(given[n] = items(&views, arrays[n], widths[n], &sizes[n])))
            goto end;
    int64_t outputs = sizes[2];
    int good = outputs > 0 && outputs % (MOST * LANES) == 0 && sizes[3] == outputs &&
               sizes[1] > 0 && sizes[1] % (outputs * FOUR) == 0;
    int64_t depth = good ? sizes[1] / outputs : 1, count = sizes[0] / depth;
    if (!good || sizes[0] % depth || !supported()) {
        PyErr_SetString(PyExc_ValueError, "inputs and weights do not fit each other");
        goto end;
    }
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * outputs * 4));
    if (!found)
        goto end;
    float *to = (float *)PyBytes_AsString(found);
    Packed packed = {given[1], outputs / (MOST * LANES), MOST, depth};
    Py_BEGIN_ALLOW_THREADS
    project_all(&packed, given[0], count, given[2], given[3], to);
    Py_END_ALLOW_THREADS
end:
    release(&views);
    return found;
}

#else /* not one of these CPUs, or a compiler that does not know them */

static int supported(void) { return 0; }

PyObject *recurrence(PyObject *self, PyObject *args)
{
    PyErr_SetString(PyExc_NotImplementedError, "this CPU lacks AVX-512 VNNI");
    return NULL;
}

PyObject *multiplied(PyObject *self, PyObject *args)
{
    return recurrence(self, args);
}

#endif

/* knows_recurrence() -> whether this CPU has what the functions here need */
PyObject *knows_recurrence(PyObject *self, PyObject *args)
{
    return PyBool_FromLong(supported());
}
