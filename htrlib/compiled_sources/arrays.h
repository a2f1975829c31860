/* Arrays: those of Python, those that grow, and a table. */

#ifndef HTRLIB_ARRAYS_H
#define HTRLIB_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { MOST_LEVELS = 32, MOST_VIEWS = 4 * MOST_LEVELS + 8 };

typedef struct {
    Py_buffer views[MOST_VIEWS];
    int count;
} Views;

/* Look at an array; NULL with an exception where it is none. The caller asks for no more than
   MOST_VIEWS, and releases all of them. */
const Py_buffer *look_at(Views *views, PyObject *array);

/* The items of an array, and how many it has; NULL with an exception where they are not of that
   size. */
const void *items(Views *views, PyObject *array, Py_ssize_t size, int64_t *count);

void release(Views *views);

/* Make room for so many items in an array, whose pointer `array` points to; -1 without memory. */
int grow(void *array, int64_t *capacity, int64_t needed, size_t size);

/* A hash table of whole numbers from 0, with linear probing. */
typedef struct {
    int64_t *keys; /* -1: free */
    int32_t *values;
    int64_t capacity, count;
} Table;

/* The value of a key, -1 where it has none. */
int32_t look_up(const Table *table, int64_t key);

/* Enter a key that is not there; -1 without memory. */
int enter(Table *table, int64_t key, int32_t value);

void free_table(Table *table);

#endif
