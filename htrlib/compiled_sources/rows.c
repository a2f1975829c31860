/* Sums and medians along the rows of a picture: htrlib/images/filters.py, orientation.py. */

#include "arrays.h"

#include <stdlib.h>
#include <string.h>

PyObject *band_sums(PyObject *self, PyObject *args);
PyObject *running_medians(PyObject *self, PyObject *args);

enum { BLOCK = 64, LARGEST_WINDOW = 255 };

static int ascending(const int64_t *edges, int64_t count, int64_t last)
{
    if (count < 2 || edges[0] < 0 || edges[count - 1] > last)
        return 0;
    for (int64_t i = 1; i < count; i++)
        if (edges[i] <= edges[i - 1])
            return 0;
    return 1;
}

static void add_rows(int32_t *sums, const uint8_t *rows, int64_t count, int64_t width)
{
    for (int64_t row = 0; row < count; row++, rows += width)
        for (int64_t x = 0; x < width; x++)
            sums[x] += rows[x];
}

/* band_sums(rows: (N, W) uint8, W, edges: (S + 1,) int64) -> (S, W) int32 */
PyObject *band_sums(PyObject *self, PyObject *args)
{
    PyObject *arrays[2], *found = NULL;
    Views views = {.count = 0};
    long long width;
    int64_t pixels, count;
    const uint8_t *rows;
    const int64_t *edges;
    if (!PyArg_ParseTuple(args, "OLO", &arrays[0], &width, &arrays[1]) ||
        !(rows = items(&views, arrays[0], 1, &pixels)) ||
        !(edges = items(&views, arrays[1], 8, &count)))
        goto end;
    if (width <= 0 || pixels % width || !ascending(edges, count, pixels / width)) {
        PyErr_SetString(PyExc_ValueError, "rows and edges do not fit each other");
        goto end;
    }
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)((count - 1) * width * 4));
    if (!found)
        goto end;
    int32_t *sums = (int32_t *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    memset(sums, 0, (size_t)((count - 1) * width) * sizeof *sums);
    for (int64_t band = 0; band + 1 < count; band++)
        add_rows(sums + band * width, rows + edges[band] * width, edges[band + 1] - edges[band],
                 width);
    Py_END_ALLOW_THREADS
end:
    release(&views);
    return found;
}

typedef struct {
    const int64_t *pairs; /* (count, 2): which places to exchange, in turn */
    int64_t count, size;
} Network;

static void exchange(float *restrict low, float *restrict high)
{
    for (int k = 0; k < BLOCK; k++) {
        float one = low[k], other = high[k];
        low[k] = one < other ? one : other;
        high[k] = one > other ? one : other; /* in this form, compilers do four at once */
    }
}

/* The medians of up to BLOCK windows, the first of which begins at `values`. */
static void block_medians(const Network *network, const float *values, int64_t windows,
                          float *medians)
{
    float places[LARGEST_WINDOW][BLOCK];
    for (int64_t i = 0; i < network->size; i++) {
        memset(places[i], 0, sizeof places[i]);
        memcpy(places[i], values + i, (size_t)windows * sizeof(float));
    }
    for (int64_t pair = 0; pair < network->count; pair++)
        exchange(places[network->pairs[2 * pair]], places[network->pairs[2 * pair + 1]]);
    memcpy(medians, places[network->size / 2], (size_t)windows * sizeof(float));
}

/* running_medians(values: (R, N) float32, N, size, pairs: (P, 2) int64) -> (R, N - size + 1) */
PyObject *running_medians(PyObject *self, PyObject *args)
{
    PyObject *arrays[2], *found = NULL;
    Views views = {.count = 0};
    long long width, size;
    int64_t count, places;
    const float *values;
    Network network;
    if (!PyArg_ParseTuple(args, "OLLO", &arrays[0], &width, &size, &arrays[1]) ||
        !(values = items(&views, arrays[0], 4, &count)) ||
        !(network.pairs = items(&views, arrays[1], 8, &places)))
        goto end;
    network.count = places / 2;
    network.size = size;
    int good = 0 < size && size <= LARGEST_WINDOW && size <= width && count % width == 0;
    for (int64_t i = 0; i < places && good; i++)
        good = network.pairs[i] >= 0 && network.pairs[i] < size;
    for (int64_t pair = 0; pair < network.count && good; pair++)
        good = network.pairs[2 * pair] != network.pairs[2 * pair + 1];
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "values, windows and pairs do not fit each other");
        goto end;
    }
    int64_t windows = width - size + 1, rows = count / width;
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(rows * windows * 4));
    if (!found)
        goto end;
    float *medians = (float *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    for (int64_t row = 0; row < rows; row++)
        for (int64_t first = 0; first < windows; first += BLOCK) {
            int64_t some = windows - first < BLOCK ? windows - first : BLOCK;
            block_medians(&network, values + row * width + first, some,
                          medians + row * windows + first);
        }
    Py_END_ALLOW_THREADS
end:
    release(&views);
    return found;
}
