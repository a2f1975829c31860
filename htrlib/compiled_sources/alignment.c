/* The likeliest path through the states of labels: htrlib/decoding/alignment.py. */

#include "arrays.h"

#include <math.h>
#include <stdlib.h>

PyObject *best_states(PyObject *self, PyObject *args);

/* The moves, 0 to 2 states ahead, by which each state of each frame is reached most likely; returns
   the last state, -1 where none can be reached. */
static int64_t forward(const double *emissions, const double *may_skip, int64_t frames,
                       int64_t states, double *scores, uint8_t *moves)
{
    for (int64_t s = 0; s < states; s++)
        scores[s] = s < 2 ? emissions[s] : -INFINITY;
    for (int64_t t = 1; t < frames; t++)
        for (int64_t s = states - 1; s >= 0; s--) { /* those before are still of the frame before */
            double stayed = scores[s], entered = s > 0 ? scores[s - 1] : -INFINITY;
            double skipped = s > 1 ? scores[s - 2] + may_skip[s] : -INFINITY, most = stayed;
            uint8_t *move = &moves[t * states + s];
            *move = skipped > stayed && skipped > entered ? 2 : entered > stayed ? 1 : 0;
            most = entered > most ? entered : most;
            most = skipped > most ? skipped : most;
            scores[s] = most + emissions[t * states + s];
        }
    int64_t last = states - 1;
    if (states > 1 && scores[last - 1] > scores[last])
        last--;
    return scores[last] == -INFINITY ? -1 : last;
}

/* best_states(emissions: (T, S) float64, may_skip: (S,) float64) -> the state of each frame on the
   likeliest path, (T,) int64; None where no path reaches the end. */
PyObject *best_states(PyObject *self, PyObject *args)
{
    PyObject *emitting, *skipping, *found = NULL;
    Views views = {.count = 0};
    int64_t cells, states;
    const double *emissions, *may_skip;
    double *scores = NULL;
    uint8_t *moves = NULL;
    if (!PyArg_ParseTuple(args, "OO", &emitting, &skipping) ||
        !(emissions = items(&views, emitting, 8, &cells)) ||
        !(may_skip = items(&views, skipping, 8, &states)))
        goto end;
    if (!states || !cells || cells % states) {
        PyErr_SetString(PyExc_ValueError, "emissions are of one frame and one state at least");
        goto end;
    }
    int64_t frames = cells / states, state;
    scores = calloc((size_t)states, sizeof *scores);
    moves = malloc((size_t)cells);
    found = scores && moves ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(frames * 8))
                            : PyErr_NoMemory();
    if (!found)
        goto end;
    int64_t *path = (int64_t *)PyBytes_AsString(found);
    Py_BEGIN_ALLOW_THREADS
    state = forward(emissions, may_skip, frames, states, scores, moves);
    for (int64_t t = frames - 1; t >= 0 && state >= 0; t--) {
        path[t] = state;
        if (t) /* the first frame's moves are none */
            state -= moves[t * states + state];
    }
    Py_END_ALLOW_THREADS
    if (state < 0) {
        Py_DECREF(found);
        Py_INCREF(Py_None);
        found = Py_None;
    }
end:
    free(scores);
    free(moves);
    release(&views);
    return found;
}
