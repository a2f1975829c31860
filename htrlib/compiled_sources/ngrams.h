/* Character n-gram models: htrlib/language/ngram.py. */

#ifndef HTRLIB_NGRAMS_H
#define HTRLIB_NGRAMS_H

#include "arrays.h"

typedef struct {
    const void *symbols;
    Py_ssize_t width; /* bytes of a symbol */
    const int64_t *first_child;
    const float *log_probs, *backoffs;
    int64_t count;
} Level;

typedef struct {
    int32_t length, shorter; /* shorter: -1 for the empty context */
    int64_t start, end;
    double backoff;
} Context;

typedef struct {
    Level levels[MOST_LEVELS];
    int32_t order;
    Context *contexts; /* 0 is the empty one */
    int64_t count, capacity;
    Table followers; /* context and symbol -> context */
} Model;

/* Take a tuple of levels, each (symbols: uint8, uint16 or uint32, first_child: int64, log_probs:
   float32, backoffs: float32); -1 with an exception where they do not fit. */
int open_model(Model *model, Views *views, PyObject *levels);

void close_model(Model *model);

/* Natural log of P(symbol | context), of a symbol that the first level has. */
double log_prob(const Model *model, int32_t context, int64_t symbol);

/* The context after one more symbol, which the first level has; -1 without memory. */
int32_t follow(Model *model, int32_t context, int64_t symbol);

PyObject *text_scores(PyObject *self, PyObject *args);

#endif
