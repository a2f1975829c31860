/* Straightened strips of a page: htrlib/images/line_strips.py. As Pillow's Image.transform with a
   mesh and bilinear sampling, of which it takes a third of the time. */

#include "arrays.h"

#include <stdlib.h>
#include <string.h>

PyObject *straightened(PyObject *self, PyObject *args);

/* Where to look for a target's pixels: numbers of 1, x, y and x * y for both coordinates. */
typedef struct {
    double across[4], down[4];
} Place;

/* The corners are x and y of upper left, lower left, lower right and upper right. */
static Place place_of(const double *corners, int64_t width, int64_t height)
{
    Place place;
    double per_column = 1.0 / (double)width, per_row = 1.0 / (double)height;
    for (int axis = 0; axis < 2; axis++) {
        double *to = axis ? place.down : place.across;
        double nw = corners[axis], sw = corners[2 + axis], se = corners[4 + axis],
               ne = corners[6 + axis];
        to[0] = nw;
        to[1] = (ne - nw) * per_column;
        to[2] = (sw - nw) * per_row;
        to[3] = (se - sw - ne + nw) * per_column * per_row;
    }
    return place;
}

/* The four pixels around a point, and how far it is from the first. */
typedef struct {
    int64_t pixels[4];
    double right, below;
} Around;

/* -1 outside the picture; those beyond its edges are those of the edge. */
static inline int around(const Place *place, double x, double y, int32_t width, int32_t height,
                         Around *found)
{
    const double *a = place->across, *b = place->down;
    double at_x = a[0] + a[1] * x + a[2] * y + a[3] * x * y;
    double at_y = b[0] + b[1] * x + b[2] * y + b[3] * x * y;
    if (!(at_x >= 0.0 && at_x < (double)width && at_y >= 0.0 && at_y < (double)height))
        return -1;
    at_x -= 0.5;
    at_y -= 0.5;
    int32_t left = at_x < 0.0 ? -1 : (int32_t)at_x, top = at_y < 0.0 ? -1 : (int32_t)at_y;
    found->right = at_x - (double)left;
    found->below = at_y - (double)top;
    int32_t right = left + 1 < width ? left + 1 : width - 1;
    int32_t bottom = top + 1 < height ? top + 1 : height - 1;
    left = left < 0 ? 0 : left;
    int64_t upper = (int64_t)(top < 0 ? 0 : top) * width, lower = (int64_t)bottom * width;
    found->pixels[0] = upper + left;
    found->pixels[1] = upper + right;
    found->pixels[2] = lower + left;
    found->pixels[3] = lower + right;
    return 0;
}

static inline uint8_t between(const uint8_t *picture, const Around *point)
{
    int upper = picture[point->pixels[0]], lower = picture[point->pixels[2]];
    int upper_right = picture[point->pixels[1]], lower_right = picture[point->pixels[3]];
    if (upper == lower && upper == upper_right && lower == lower_right)
        return (uint8_t)upper; /* most of a mask */
    double above = upper + (upper_right - upper) * point->right;
    double below = lower + (lower_right - lower) * point->right;
    return (uint8_t)(above + (below - above) * point->below);
}

typedef struct {
    const uint8_t *pictures[2]; /* the second NULL where there is one only */
    int32_t width, height;      /* of the pictures */
    int64_t to_width, to_height;
    uint8_t *straight[2];
} Warp;

static void fill(const Warp *warp, int64_t start, int64_t end, const double *corners)
{
    Place place = place_of(corners, end - start, warp->to_height);
    Around point;
    for (int32_t y = 0; y < (int32_t)warp->to_height; y++) {
        uint8_t *gray = warp->straight[0] + y * warp->to_width + start;
        uint8_t *mask = warp->pictures[1] ? warp->straight[1] + y * warp->to_width + start : NULL;
        for (int32_t x = 0; x < (int32_t)(end - start); x++) {
            if (around(&place, x + 0.5, y + 0.5, warp->width, warp->height, &point))
                continue;
            gray[x] = between(warp->pictures[0], &point);
            if (mask)
                mask[x] = between(warp->pictures[1], &point);
        }
    }
}

static PyObject *blank(int64_t size)
{
    PyObject *found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (found)
        memset(PyBytes_AsString(found), 0, (size_t)size);
    return found;
}

/* straightened(picture: (H, W) uint8, mask: (H, W) uint8 or None, W, columns: (N, 2) int64,
                corners: (N, 8) float64, width, height)
   -> the picture and the mask, (height, width) uint8, the mask None where none is given.

   The columns from one to the other show what lies between the corners, in the order of Pillow. */
PyObject *straightened(PyObject *self, PyObject *args)
{
    PyObject *arrays[4], *gray = NULL, *mask = NULL, *found = NULL;
    Views views = {.count = 0};
    Warp warp = {.pictures = {NULL, NULL}};
    long long from, width, height;
    int64_t pixels, of_mask = 0, ends, numbers;
    const int64_t *columns;
    const double *corners;
    if (!PyArg_ParseTuple(args, "OOLOOLL", &arrays[0], &arrays[1], &from, &arrays[2], &arrays[3],
                          &width, &height) ||
        !(warp.pictures[0] = items(&views, arrays[0], 1, &pixels)) ||
        (arrays[1] != Py_None && !(warp.pictures[1] = items(&views, arrays[1], 1, &of_mask))) ||
        !(columns = items(&views, arrays[2], 8, &ends)) ||
        !(corners = items(&views, arrays[3], 8, &numbers)))
        goto end;
    int good = from > 0 && pixels && pixels % from == 0 && from < INT32_MAX &&
               pixels / from < INT32_MAX && (!of_mask || of_mask == pixels) &&
               width > 0 && width < INT32_MAX && height > 0 && height < INT16_MAX &&
               numbers == 4 * ends && ends % 2 == 0;
    for (int64_t i = 0; i < ends && good; i += 2)
        good = columns[i] >= 0 && columns[i] < columns[i + 1] && columns[i + 1] <= width;
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "mask, columns or corners do not fit their pictures");
        goto end;
    }
    gray = blank(width * height);
    if (arrays[1] == Py_None)
        Py_INCREF(mask = Py_None);
    else
        mask = blank(width * height);
    if (!gray || !mask)
        goto end;
    warp.width = (int32_t)from;
    warp.height = (int32_t)(pixels / from);
    warp.to_width = width;
    warp.to_height = height;
    warp.straight[0] = (uint8_t *)PyBytes_AsString(gray);
    warp.straight[1] = warp.pictures[1] ? (uint8_t *)PyBytes_AsString(mask) : NULL;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t i = 0; i < ends; i += 2)
        fill(&warp, columns[i], columns[i + 1], corners + 4 * i);
    Py_END_ALLOW_THREADS
    found = PyTuple_Pack(2, gray, mask);
end:
    Py_XDECREF(gray);
    Py_XDECREF(mask);
    release(&views);
    return found;
}
