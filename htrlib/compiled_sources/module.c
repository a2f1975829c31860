/* `htrlib._compiled`: the inner loops of reading, for which Python takes up to ten times as long.

   Each function does what a module of Python names, and gives the very same numbers; those of
   recurrence.c, which only some CPUs can run, do what ONNX Runtime does otherwise. Arguments are
   arrays of the types that each function lists. Sizes and indices are checked, so that none leads
   outside an array. Python's lock is released meanwhile. */

#include "ngrams.h"

PyObject *band_sums(PyObject *self, PyObject *args);
PyObject *best_states(PyObject *self, PyObject *args);
PyObject *cheapest_seams(PyObject *self, PyObject *args);
PyObject *contrasts(PyObject *self, PyObject *args);
PyObject *knows_recurrence(PyObject *self, PyObject *args);
PyObject *multiplied(PyObject *self, PyObject *args);
PyObject *recurrence(PyObject *self, PyObject *args);
PyObject *running_medians(PyObject *self, PyObject *args);
PyObject *search(PyObject *self, PyObject *args);
PyObject *simplified(PyObject *self, PyObject *args);
PyObject *straightened(PyObject *self, PyObject *args);

static PyMethodDef methods[] = {
    {"search", search, METH_VARARGS, "Search a line for its likeliest readings."},
    {"band_sums", band_sums, METH_VARARGS, "Add up bands of rows."},
    {"best_states", best_states, METH_VARARGS, "Align labels with frames."},
    {"cheapest_seams", cheapest_seams, METH_VARARGS, "Separate lines where there is least ink."},
    {"contrasts", contrasts, METH_VARARGS, "Tell how sharp lines are at each tilt."},
    {"knows_recurrence", knows_recurrence, METH_NOARGS, "Tell whether this CPU can run LSTMs here."},
    {"multiplied", multiplied, METH_VARARGS, "Multiply 8-bit numbers."},
    {"recurrence", recurrence, METH_VARARGS, "Run one direction of an LSTM over one or two lines."},
    {"running_medians", running_medians, METH_VARARGS, "Find the median of each window."},
    {"simplified", simplified, METH_VARARGS, "Choose the points of a simpler outline."},
    {"straightened", straightened, METH_VARARGS, "Straighten a strip of a page."},
    {"text_scores", text_scores, METH_VARARGS, "Score the symbols of a text."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_compiled", NULL, -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__compiled(void)
{
    return PyModule_Create(&module);
}
