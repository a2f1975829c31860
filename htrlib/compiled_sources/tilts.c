/* How sharply lines and gaps differ at each tilt: htrlib/images/orientation.py. */

#include "arrays.h"

#include <stdlib.h>
#include <string.h>

PyObject *contrasts(PyObject *self, PyObject *args);

typedef struct {
    const int32_t *sums; /* (strips, height): ink of the rows of each strip */
    int64_t strips, height, group;
} Strips;

static void add_shifted(int64_t *leveled, const int32_t *strip, int64_t height, int64_t shift)
{
    int64_t first = shift < 0 ? -shift : 0, last = shift > 0 ? height - shift : height;
    for (int64_t y = first; y < last; y++)
        leveled[y] += strip[y + shift];
}

/* The squared differences of rows two apart, in groups of strips that are shifted to level them. */
static int64_t contrast(const Strips *of, const int64_t *shifts, int64_t *leveled)
{
    int64_t total = 0;
    for (int64_t first = 0; first < of->strips; first += of->group) {
        int64_t end = first + of->group < of->strips ? first + of->group : of->strips;
        memset(leveled, 0, (size_t)of->height * sizeof *leveled);
        for (int64_t strip = first; strip < end; strip++)
            add_shifted(leveled, of->sums + strip * of->height, of->height, shifts[strip]);
        for (int64_t y = 2; y < of->height; y++) {
            uint64_t step = (uint64_t)(leveled[y] - leveled[y - 2]);
            total += (int64_t)(step * step);
        }
    }
    return total;
}

/* contrasts(sums: (S, H) int32, shifts: (A, S) int64, H, strips of a group) -> (A,) int64 */
PyObject *contrasts(PyObject *self, PyObject *args)
{
    PyObject *arrays[2], *found = NULL;
    Views views = {.count = 0};
    Strips strips;
    long long height, group;
    int64_t numbers, places;
    const int64_t *shifts;
    int64_t *leveled = NULL;
    if (!PyArg_ParseTuple(args, "OOLL", &arrays[0], &arrays[1], &height, &group) ||
        !(strips.sums = items(&views, arrays[0], 4, &numbers)) ||
        !(shifts = items(&views, arrays[1], 8, &places)))
        goto end;
    strips.height = height;
    strips.group = group;
    strips.strips = height > 0 ? numbers / height : 0;
    int good = strips.strips > 0 && group > 0 && numbers % height == 0 && height < INT32_MAX &&
               group < INT32_MAX && places % strips.strips == 0;
    for (int64_t i = 0; i < places && good; i++)
        good = shifts[i] >= -height && shifts[i] <= height;
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "sums and shifts do not fit each other");
        goto end;
    }
    int64_t angles = places / strips.strips;
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(angles * 8));
    leveled = malloc((size_t)height * sizeof *leveled);
    if (!found || !leveled) {
        Py_CLEAR(found);
        PyErr_NoMemory();
        goto end;
    }
    int64_t *totals = (int64_t *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    for (int64_t angle = 0; angle < angles; angle++)
        totals[angle] = contrast(&strips, shifts + angle * strips.strips, leveled);
    Py_END_ALLOW_THREADS
end:
    free(leveled);
    release(&views);
    return found;
}
