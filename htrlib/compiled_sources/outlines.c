/* Outlines with fewer points: htrlib/reading/tidying.py. */

#include "arrays.h"

#include <math.h>
#include <stdlib.h>

PyObject *simplified(PyObject *self, PyObject *args);

static double distance(const double *point, const double *start, const double *end)
{
    double along_x = end[0] - start[0], along_y = end[1] - start[1];
    double away_x = point[0] - start[0], away_y = point[1] - start[1];
    double length = along_x * along_x + along_y * along_y;
    double share = (away_x * along_x + away_y * along_y) / (length > 0.0 ? length : 1.0);
    share = share < 0.0 ? 0.0 : share > 1.0 ? 1.0 : share;
    return hypot(away_x - share * along_x, away_y - share * along_y);
}

/* Mark the points to keep between two that are kept; `pairs` has room for as many as points. */
static void keep(const double *points, int64_t first, int64_t last, int64_t count, double tolerance,
                 uint8_t *kept, int64_t (*pairs)[2])
{
    int64_t waiting = 0;
    pairs[waiting][0] = first;
    pairs[waiting++][1] = last;
    while (waiting) {
        int64_t start = pairs[--waiting][0], end = pairs[waiting][1], farthest = start;
        double most = 0.0;
        for (int64_t i = start + 1; i < end; i++) {
            double away = distance(&points[2 * i], &points[2 * start], &points[2 * (end % count)]);
            if (away > most) {
                most = away;
                farthest = i;
            }
        }
        if (farthest > start && most > tolerance) {
            kept[farthest] = 1;
            pairs[waiting][0] = start;
            pairs[waiting++][1] = farthest;
            pairs[waiting][0] = farthest;
            pairs[waiting++][1] = end;
        }
    }
}

/* simplified(points: (N, 2) float64, tolerance) -> whether to keep each point of the closed
   outline, (N,) uint8. */
PyObject *simplified(PyObject *self, PyObject *args)
{
    PyObject *outline, *found = NULL;
    Views views = {.count = 0};
    int64_t numbers;
    double tolerance;
    const double *points;
    int64_t(*pairs)[2] = NULL;
    if (!PyArg_ParseTuple(args, "Od", &outline, &tolerance) ||
        !(points = items(&views, outline, 8, &numbers)))
        goto end;
    int64_t count = numbers / 2, far = 0;
    if (!count || numbers % 2) {
        PyErr_SetString(PyExc_ValueError, "an outline is of points, one at least");
        goto end;
    }
    pairs = malloc((size_t)(count + 1) * sizeof *pairs);
    found = pairs ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count) : PyErr_NoMemory();
    if (!found)
        goto end;
    uint8_t *kept = (uint8_t *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    double most = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double away = hypot(points[2 * i] - points[0], points[2 * i + 1] - points[1]);
        kept[i] = 0;
        if (away > most) {
            most = away;
            far = i;
        }
    }
    kept[0] = kept[far] = 1;
    keep(points, 0, far, count, tolerance, kept, pairs);
    keep(points, far, count, count, tolerance, kept, pairs);
    Py_END_ALLOW_THREADS
end:
    free(pairs);
    release(&views);
    return found;
}
