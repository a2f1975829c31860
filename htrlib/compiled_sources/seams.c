/* The seams between lines that cross the least ink: htrlib/layout/seams.py. */

#include "arrays.h"

#include <math.h>
#include <stdlib.h>

PyObject *cheapest_seams(PyObject *self, PyObject *args);

/* The space between the lower edge of a line and the upper edge of the next, at each column. */
typedef struct {
    const uint8_t *ink;
    int64_t rows, width;
    const double *shares, *penalties; /* where the sampled rows lie in it, and what each costs */
    int64_t samples;
    double step; /* what it costs to change to a neighboring row */
} Gap;

static double height(const Gap *gap, double upper, double lower, int64_t sample)
{
    double deep = lower - upper;
    return upper + gap->shares[sample] * (deep > 1.0 ? deep : 1.0);
}

static double cost(const Gap *gap, double upper, double lower, int64_t sample, int64_t column)
{
    double row = rint(height(gap, upper, lower, sample)), last = (double)(gap->rows - 1);
    int64_t at = row > 0.0 ? (int64_t)(row < last ? row : last) : 0; /* NaN is the first */
    return (double)gap->ink[at * gap->width + column] / 255.0 + gap->penalties[sample];
}

/* The cost of the cheapest path to each sample of each column, (W, S + 2): infinite at both ends. */
static void add_up(const Gap *gap, const double *upper, const double *lower, double *totals)
{
    int64_t pitch = gap->samples + 2;
    for (int64_t x = 0; x < gap->width; x++) {
        double *now = totals + x * pitch;
        const double *before = now - pitch;
        now[0] = now[pitch - 1] = INFINITY;
        for (int64_t s = 0; s < gap->samples; s++) {
            double most = 0.0;
            if (x) {
                double beside = before[s] < before[s + 2] ? before[s] : before[s + 2];
                beside += gap->step;
                most = before[s + 1] < beside ? before[s + 1] : beside;
            }
            now[s + 1] = cost(gap, upper[x], lower[x], s, x) + most;
        }
    }
}

static void trace_back(const Gap *gap, const double *upper, const double *lower,
                       const double *totals, double *seam)
{
    int64_t pitch = gap->samples + 2, at = 0;
    const double *last = totals + (gap->width - 1) * pitch + 1;
    for (int64_t s = 1; s < gap->samples; s++)
        at = last[s] < last[at] ? s : at;
    for (int64_t x = gap->width - 1; x >= 0; x--) {
        const double *total = totals + x * pitch + 1;
        if (x < gap->width - 1) {
            double above = total[at - 1] + gap->step, below = total[at + 1] + gap->step;
            int64_t next = above < total[at] ? at - 1 : at;
            at = below < (next == at ? total[at] : above) ? at + 1 : next;
        }
        seam[x] = height(gap, upper[x], lower[x], at);
    }
}

/* cheapest_seams(ink: (H, W) uint8, upper: (P, W) float64, lower: (P, W) float64,
                  shares: (S,) float64, penalties: (S,) float64, width, step)
   -> the height of each seam at each column, (P, W) float64. */
PyObject *cheapest_seams(PyObject *self, PyObject *args)
{
    PyObject *arrays[5], *found = NULL;
    Views views = {.count = 0};
    Gap gap;
    long long width;
    int64_t pixels, edges, of_lower, of_penalties;
    const double *upper, *lower;
    double *totals = NULL;
    if (!PyArg_ParseTuple(args, "OOOOOLd", &arrays[0], &arrays[1], &arrays[2], &arrays[3],
                          &arrays[4], &width, &gap.step) ||
        !(gap.ink = items(&views, arrays[0], 1, &pixels)) ||
        !(upper = items(&views, arrays[1], 8, &edges)) ||
        !(lower = items(&views, arrays[2], 8, &of_lower)) ||
        !(gap.shares = items(&views, arrays[3], 8, &gap.samples)) ||
        !(gap.penalties = items(&views, arrays[4], 8, &of_penalties)))
        goto end;
    if (width < 1 || !pixels || pixels % width || edges % width || edges != of_lower ||
        !gap.samples || gap.samples != of_penalties) {
        PyErr_SetString(PyExc_ValueError, "edges or samples do not fit the ink");
        goto end;
    }
    gap.width = width;
    gap.rows = pixels / width;
    totals = malloc((size_t)((gap.samples + 2) * gap.width) * sizeof *totals);
    found = totals ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(edges * 8)) : PyErr_NoMemory();
    if (!found)
        goto end;
    double *seams = (double *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    for (int64_t first = 0; first < edges; first += gap.width) {
        add_up(&gap, upper + first, lower + first, totals);
        trace_back(&gap, upper + first, lower + first, totals, seams + first);
    }
    Py_END_ALLOW_THREADS
end:
    free(totals);
    release(&views);
    return found;
}
