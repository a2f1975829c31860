/* Prefix beam search: htrlib/decoding/prefix_search.py, which says why it does what it does. Products
   and sums stand in the order in which Python has them, so that both give the same numbers. */

#include "ngrams.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

PyObject *search(PyObject *self, PyObject *args);

static const double SMALL = 1e-100, LARGE = 1e100;

typedef struct {
    double total, by_blank, by_character;
    int64_t prefix; /* ~key of `children` for one that may not be in the tree yet */
} Candidate;

typedef struct {
    int32_t parent, label, context; /* context: -1 as long as it was not asked for */
    int32_t step, at; /* it was last in the beam before that step, in that place */
    double factor, score;
} Prefix;

typedef struct {
    int64_t classes, beam_width;
    double margin, highest;
    Model *model; /* NULL without one */
    const int32_t *symbols; /* of the labels in the model */
    int32_t unknown, before; /* the symbol of all that the model lacks, and that before the line */
    double weight, bonus, floor;
    const double *pairs; /* scores of labels after each label, and at the beginning; NULL: none */
    Prefix *prefixes;
    int64_t count, capacity;
    Table children; /* parent times classes plus label -> prefix */
    Candidate *beam, *candidates;
    int64_t in_beam, in_candidates, beam_capacity, candidate_capacity;
} Search;

typedef struct { /* what a search returns */
    int32_t *steps, *prefixes;
    int64_t *ends;
    double *totals, log_scale;
    int64_t recorded, step_capacity, end_capacity, count, prefix_capacity, total_capacity;
} History;

static int32_t context_of(Search *search, int64_t prefix)
{
    Prefix *one = &search->prefixes[prefix];
    if (one->context < 0)
        one->context = follow(search->model, search->prefixes[one->parent].context,
                              search->symbols[one->label]);
    return one->context;
}

/* What a scorer multiplies the probability by for a label; -1 where memory runs out. */
static double factor_of(Search *search, int64_t prefix, int64_t label)
{
    if (!search->model)
        return 1.0;
    int32_t context = context_of(search, prefix);
    if (context < 0)
        return -1.0;
    double score = search->floor;
    if (search->symbols[label] != search->unknown) {
        double known = log_prob(search->model, context, search->symbols[label]);
        score = known > score ? known : score;
    }
    score = search->weight * score + search->bonus;
    if (search->pairs) {
        int64_t before = prefix ? search->prefixes[prefix].label : search->classes;
        score += search->pairs[before * search->classes + label];
    }
    return exp(score);
}

/* The prefix of a key, entered into the tree unless it is there; -1 where memory runs out. */
static int64_t entered(Search *search, int64_t key)
{
    int32_t prefix = look_up(&search->children, key);
    if (prefix >= 0)
        return prefix;
    int64_t parent = key / search->classes, label = key % search->classes;
    double factor = factor_of(search, parent, label);
    if (factor < 0 || search->count == INT32_MAX ||
        grow(&search->prefixes, &search->capacity, search->count + 1, sizeof(Prefix)) ||
        enter(&search->children, key, (int32_t)search->count))
        return -1;
    search->prefixes[search->count] =
        (Prefix){(int32_t)parent, (int32_t)label, -1, -1, 0, factor,
                 search->prefixes[parent].score + log(factor)};
    return search->count++;
}

/* Put a candidate behind those at least as likely; the last of too many drops out. */
static int insert(Search *search, Candidate one)
{
    int64_t low = 0, high = search->in_candidates;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (search->candidates[middle].total < one.total)
            high = middle;
        else
            low = middle + 1;
    }
    if (low >= search->beam_width)
        return 0;
    if (search->in_candidates < search->beam_width) {
        if (grow(&search->candidates, &search->candidate_capacity,
                 search->in_candidates + 1, sizeof(Candidate)))
            return -1;
        search->in_candidates++;
    }
    memmove(&search->candidates[low + 1], &search->candidates[low],
            (size_t)(search->in_candidates - 1 - low) * sizeof(Candidate));
    search->candidates[low] = one;
    return 0;
}

/* The prefixes of the beam after one more frame: _stay. */
static int stay(Search *search, int32_t step, double blank, const double *shown)
{
    for (int64_t i = 0; i < search->in_beam; i++) {
        search->prefixes[search->beam[i].prefix].step = step;
        search->prefixes[search->beam[i].prefix].at = (int32_t)i;
    }
    search->in_candidates = 0;
    for (int64_t i = 0; i < search->in_beam; i++) {
        const Candidate *one = &search->beam[i];
        const Prefix *prefix = &search->prefixes[one->prefix];
        double by_blank = one->total * blank, grown = 0.0;
        if (prefix->label >= 0 && shown[prefix->label] >= 0) {
            double p = shown[prefix->label];
            grown = one->by_character * p;
            const Prefix *parent = &search->prefixes[prefix->parent];
            if (parent->step == step) {
                const Candidate *before = &search->beam[parent->at];
                double source = parent->label == prefix->label ? before->by_blank : before->total;
                grown += source * p * prefix->factor;
            }
        }
        if (insert(search, (Candidate){by_blank + grown, by_blank, grown, one->prefix}))
            return -1;
    }
    return 0;
}

/* The prefixes a label longer that may be among the best: _longer. */
static int lengthen(Search *search, int32_t step, int64_t label, double p)
{
    double best = search->candidates[0].total, least = 0.0;
    if (search->in_candidates >= search->beam_width)
        least = search->candidates[search->beam_width - 1].total;
    least = best * search->margin > least ? best * search->margin : least;
    double highest = p * search->highest;
    for (int64_t i = 0; i < search->in_beam; i++) {
        Candidate one = search->beam[i];
        if (one.total * highest <= least)
            break;
        double source = search->prefixes[one.prefix].label == label ? one.by_blank : one.total;
        if (source * highest <= least)
            continue;
        double factor = factor_of(search, one.prefix, label);
        if (factor < 0)
            return -1;
        double grown = source * p * factor;
        if (grown > least) {
            int64_t key = one.prefix * search->classes + label;
            int32_t child = look_up(&search->children, key);
            if (child >= 0 && search->prefixes[child].step == step)
                continue;
            if (insert(search, (Candidate){grown, 0.0, grown, ~key}))
                return -1;
            if (grown > best) {
                best = grown;
                least = best * search->margin > least ? best * search->margin : least;
            }
        }
    }
    return 0;
}

/* The candidates as the beam, which is recorded. */
static int keep(Search *search, History *history, int32_t step)
{
    double best = search->candidates[0].total, least = best * search->margin;
    while (search->in_candidates > 1 && search->candidates[search->in_candidates - 1].total < least)
        search->in_candidates--;
    if (best == 0.0)
        return 0;
    double scale = best < SMALL || best > LARGE ? best : 1.0;
    int64_t count = search->in_candidates, end = history->count + count;
    if (grow(&search->beam, &search->beam_capacity, count, sizeof(Candidate)) ||
        grow(&history->steps, &history->step_capacity, history->recorded + 1, 4) ||
        grow(&history->ends, &history->end_capacity, history->recorded + 1, 8) ||
        grow(&history->prefixes, &history->prefix_capacity, end, 4) ||
        grow(&history->totals, &history->total_capacity, end, 8))
        return -1;
    history->log_scale += log(scale);
    for (int64_t i = 0; i < count; i++) {
        Candidate one = search->candidates[i];
        int64_t prefix = one.prefix >= 0 ? one.prefix : entered(search, ~one.prefix);
        if (prefix < 0)
            return -1;
        search->beam[i] = (Candidate){one.total / scale, one.by_blank / scale,
                                      one.by_character / scale, prefix};
        history->prefixes[history->count] = (int32_t)prefix;
        history->totals[history->count++] = search->beam[i].total;
    }
    search->in_beam = count;
    history->steps[history->recorded] = step;
    history->ends[history->recorded++] = end;
    return 0;
}

static int run(Search *search, History *history, int64_t steps, const double *blanks,
               const int64_t *starts, const int32_t *labels, const double *probabilities)
{
    double *shown = malloc((size_t)(search->classes + 1) * sizeof *shown); /* by label; -1: not shown */
    if (!shown || grow(&search->beam, &search->beam_capacity, 1, sizeof(Candidate)) ||
        grow(&search->prefixes, &search->capacity, 1, sizeof(Prefix))) {
        free(shown);
        return -1;
    }
    for (int64_t i = 0; i < search->classes; i++)
        shown[i] = -1.0;
    search->prefixes[0] = (Prefix){-1, -1, 0, -1, 0, 1.0, 0.0};
    int failed = 0;
    if (search->model) {
        search->prefixes[0].context = follow(search->model, 0, search->before);
        failed = search->prefixes[0].context < 0;
    }
    search->beam[0] = (Candidate){1.0, 1.0, 0.0, 0};
    search->count = search->in_beam = 1;
    for (int32_t step = 0; step < steps && !failed; step++) {
        for (int64_t i = starts[step]; i < starts[step + 1]; i++)
            shown[labels[i]] = probabilities[i];
        failed = stay(search, step, blanks[step], shown);
        for (int64_t i = starts[step]; i < starts[step + 1] && !failed; i++)
            failed = lengthen(search, step, labels[i], probabilities[i]);
        failed = failed || keep(search, history, step);
        for (int64_t i = starts[step]; i < starts[step + 1]; i++)
            shown[labels[i]] = -1.0;
    }
    free(shown);
    return failed ? -1 : 0;
}

static PyObject *bytes(const void *array, int64_t count, size_t size)
{
    return PyBytes_FromStringAndSize(count ? array : "", (Py_ssize_t)((size_t)count * size));
}

/* One member of all prefixes. */
static PyObject *column(const Search *search, size_t offset, size_t size)
{
    PyObject *found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)((size_t)search->count * size));
    char *to = found ? PyBytes_AsString(found) : NULL;
    for (int64_t i = 0; to && i < search->count; i++, to += size)
        memcpy(to, (const char *)&search->prefixes[i] + offset, size);
    return found;
}

/* Whether the steps lie within their arrays, and labels among the classes; else an exception. */
static int sound(int64_t steps, const int64_t *starts, int64_t shown, const int32_t *labels,
                 int64_t classes)
{
    int good = classes >= 0 && classes < INT32_MAX && steps < INT32_MAX && starts[0] == 0 &&
               starts[steps] == shown;
    for (int64_t i = 0; i < steps && good; i++)
        good = starts[i] <= starts[i + 1];
    for (int64_t i = 0; i < shown && good; i++)
        good = labels[i] >= 0 && labels[i] < classes;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "steps or labels do not fit their arrays");
    return good;
}

static int open_scorer(Search *search, Model *model, Views *views, PyObject *scorer)
{
    PyObject *levels, *symbols, *pairs;
    int64_t count, of_pairs = 0;
    if (scorer == Py_None)
        return 0;
    if (!PyArg_ParseTuple(scorer, "OOiidddO", &levels, &symbols, &search->before, &search->unknown,
                          &search->weight, &search->bonus, &search->floor, &pairs) ||
        (pairs != Py_None && !(search->pairs = items(views, pairs, 8, &of_pairs))) ||
        open_model(model, views, levels) || !(search->symbols = items(views, symbols, 4, &count)))
        return -1;
    int good = count >= search->classes && search->before >= 0 &&
               search->before < model->levels[0].count;
    for (int64_t i = 0; i < count && good; i++)
        good = search->symbols[i] >= 0 && search->symbols[i] < model->levels[0].count;
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "labels without a symbol of the model");
        return -1;
    }
    if (search->pairs && of_pairs != (search->classes + 1) * search->classes) {
        PyErr_SetString(PyExc_ValueError, "pairs of labels that are not all scored");
        return -1;
    }
    search->model = model;
    return 0;
}

/* search(starts: int64, labels: int32, probabilities: float64, blanks: float64, classes,
          beam_width, margin, highest, log_scale, scorer)
   -> the prefixes' (parents: int32, labels: int32, scores: float64), of each beam recorded the
      (steps: int32, ends: int64) in the (prefixes: int32, totals: float64), the log of the scale.

   Step i shows the blank and the labels from starts[i] to starts[i + 1]; `classes` are the labels
   without the blank. A scorer is None or (levels, symbols: int32 of each label, symbol before the
   line, symbol of what is unknown, weight, bonus, floor, scores of labels after each label and at
   the beginning: float64, or None). */
PyObject *search(PyObject *self, PyObject *args)
{
    PyObject *arrays[4], *scorer, *found = NULL;
    Views views = {.count = 0};
    Model model = {.count = 0};
    History history = {.count = 0};
    Search one = {.model = NULL};
    long long classes, beam_width;
    int64_t of_starts, of_labels, of_probabilities, steps;
    const int64_t *starts;
    const int32_t *labels;
    const double *probabilities, *blanks;
    if (!PyArg_ParseTuple(args, "OOOOLLdddO", &arrays[0], &arrays[1], &arrays[2], &arrays[3],
                          &classes, &beam_width, &one.margin, &one.highest, &history.log_scale,
                          &scorer))
        return NULL;
    one.classes = classes;
    one.beam_width = beam_width;
    if (!(starts = items(&views, arrays[0], 8, &of_starts)) ||
        !(labels = items(&views, arrays[1], 4, &of_labels)) ||
        !(probabilities = items(&views, arrays[2], 8, &of_probabilities)) ||
        !(blanks = items(&views, arrays[3], 8, &steps)))
        goto end;
    if (of_starts != steps + 1 || of_labels != of_probabilities || beam_width < 1) {
        PyErr_SetString(PyExc_ValueError, "arrays of steps differ in length, or the beam is empty");
        goto end;
    }
    if (!sound(steps, starts, of_labels, labels, classes) ||
        open_scorer(&one, &model, &views, scorer))
        goto end;
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = run(&one, &history, steps, blanks, starts, labels, probabilities);
    Py_END_ALLOW_THREADS
    found = failed ? PyErr_NoMemory()
                   : Py_BuildValue("NNNNNNNd", column(&one, offsetof(Prefix, parent), 4),
                                   column(&one, offsetof(Prefix, label), 4),
                                   column(&one, offsetof(Prefix, score), 8),
                                   bytes(history.steps, history.recorded, 4),
                                   bytes(history.ends, history.recorded, 8),
                                   bytes(history.prefixes, history.count, 4),
                                   bytes(history.totals, history.count, 8), history.log_scale);
end:
    free(one.prefixes);
    free(one.beam);
    free(one.candidates);
    free_table(&one.children);
    free(history.steps);
    free(history.ends);
    free(history.prefixes);
    free(history.totals);
    close_model(&model);
    release(&views);
    return found;
}
