#include "ngrams.h"

#include <stdlib.h>
#include <string.h>

int open_model(Model *model, Views *views, PyObject *levels)
{
    Py_ssize_t order = PyTuple_Size(levels);
    if (order < 1 || order > MOST_LEVELS) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "1 to %d levels, found %zd", MOST_LEVELS, order);
        return -1;
    }
    for (Py_ssize_t n = 0; n < order; n++) {
        Level *level = &model->levels[n];
        PyObject *symbols, *children, *log_probs, *backoffs;
        const Py_buffer *view;
        int64_t of_children, of_scores, of_backoffs;
        if (!PyArg_ParseTuple(PyTuple_GetItem(levels, n), "OOOO", &symbols, &children, &log_probs,
                              &backoffs) ||
            !(view = look_at(views, symbols)) ||
            !(level->first_child = items(views, children, 8, &of_children)) ||
            !(level->log_probs = items(views, log_probs, 4, &of_scores)) ||
            !(level->backoffs = items(views, backoffs, 4, &of_backoffs)))
            return -1;
        level->symbols = view->buf;
        level->width = view->itemsize;
        if (level->width != 1 && level->width != 2 && level->width != 4) {
            PyErr_Format(PyExc_ValueError, "symbols of %zd bytes", level->width);
            return -1;
        }
        level->count = view->len / level->width;
        if (of_children != level->count + 1 || of_scores != level->count ||
            of_backoffs != level->count) {
            PyErr_Format(PyExc_ValueError, "the arrays of level %zd differ in length", n + 1);
            return -1;
        }
    }
    model->order = (int32_t)order;
    if (grow(&model->contexts, &model->capacity, 1, sizeof(Context))) {
        PyErr_NoMemory();
        return -1;
    }
    model->contexts[0] = (Context){0, -1, 0, model->levels[0].count, 0.0};
    model->count = 1;
    return 0;
}

void close_model(Model *model)
{
    free(model->contexts);
    free_table(&model->followers);
}

static int64_t find(const Model *model, const Context *context, int64_t symbol)
{
    const Level *level = &model->levels[context->length];
    int64_t at = context->start;
    if (level->width == 1) {
        const uint8_t *symbols = level->symbols;
        const uint8_t *found = symbol > UINT8_MAX || at == context->end
                                   ? NULL
                                   : memchr(symbols + at, (int)symbol, (size_t)(context->end - at));
        return found ? found - symbols : -1;
    }
    for (; at < context->end; at++)
        if (level->width == 2 ? ((const uint16_t *)level->symbols)[at] == symbol
                              : ((const uint32_t *)level->symbols)[at] == symbol)
            return at;
    return -1;
}

double log_prob(const Model *model, int32_t number, int64_t symbol)
{
    const Context *context = &model->contexts[number];
    double backoffs = 0.0;
    while (context->shorter >= 0) {
        int64_t at = find(model, context, symbol);
        if (at >= 0)
            return backoffs + model->levels[context->length].log_probs[at];
        backoffs += context->backoff;
        context = &model->contexts[context->shorter];
    }
    return backoffs + model->levels[0].log_probs[symbol];
}

int32_t follow(Model *model, int32_t number, int64_t symbol)
{
    int64_t key = (int64_t)number * model->levels[0].count + symbol;
    int32_t follower = look_up(&model->followers, key);
    if (follower >= 0)
        return follower;
    Context context = model->contexts[number];
    follower = context.shorter < 0 ? 0 : follow(model, context.shorter, symbol);
    if (follower >= 0 && context.length + 1 < model->order) {
        const Level *level = &model->levels[context.length];
        int64_t at = find(model, &context, symbol);
        if (at >= 0) {
            int64_t start = level->first_child[at], end = level->first_child[at + 1];
            double backoff = level->backoffs[at];
            if (start < 0 || start > end || end > model->levels[context.length + 1].count)
                start = end = 0;
            if (start != end || backoff != 0.0) {
                if (model->count == INT32_MAX ||
                    grow(&model->contexts, &model->capacity, model->count + 1,
                         sizeof(Context)))
                    return -1;
                model->contexts[model->count] =
                    (Context){context.length + 1, follower, start, end, backoff};
                follower = (int32_t)model->count++;
            }
        }
    }
    if (follower >= 0 && enter(&model->followers, key, follower))
        return -1;
    return follower;
}

/* text_scores(levels, symbols: int32, skip) -> natural-log probabilities, float64, of the symbols
   from `skip` on, each after those before it. */
PyObject *text_scores(PyObject *self, PyObject *args)
{
    PyObject *levels, *array, *found = NULL;
    Py_ssize_t skip;
    Views views = {.count = 0};
    Model model = {.count = 0};
    int64_t count;
    const int32_t *symbols;
    if (!PyArg_ParseTuple(args, "OOn", &levels, &array, &skip) ||
        open_model(&model, &views, levels) || !(symbols = items(&views, array, 4, &count)))
        goto end;
    for (int64_t i = 0; i < count; i++)
        if (symbols[i] < 0 || symbols[i] >= model.levels[0].count) {
            PyErr_Format(PyExc_ValueError, "no symbol %d in the model", (int)symbols[i]);
            goto end;
        }
    if (skip < 0 || skip > count) {
        PyErr_SetString(PyExc_ValueError, "more symbols are skipped than there are");
        goto end;
    }
    found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)((count - skip) * sizeof(double)));
    if (!found)
        goto end;
    double *scores = (double *)PyBytes_AsString(found);
    int32_t context = 0;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t i = 0; i < count && context >= 0; i++) {
        if (i >= skip)
            scores[i - skip] = log_prob(&model, context, symbols[i]);
        context = follow(&model, context, symbols[i]);
    }
    Py_END_ALLOW_THREADS
    if (context < 0) {
        Py_DECREF(found);
        found = PyErr_NoMemory();
    }
end:
    close_model(&model);
    release(&views);
    return found;
}
