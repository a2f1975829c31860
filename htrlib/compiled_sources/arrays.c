#include "arrays.h"

#include <stdlib.h>
#include <string.h>

void release(Views *views)
{
    while (views->count)
        PyBuffer_Release(&views->views[--views->count]);
}

const Py_buffer *look_at(Views *views, PyObject *array)
{
    Py_buffer *view = &views->views[views->count];
    if (PyObject_GetBuffer(array, view, PyBUF_ND)) /* which no more than MOST_VIEWS are asked for */
        return NULL;
    views->count++;
    return view;
}

const void *items(Views *views, PyObject *array, Py_ssize_t size, int64_t *count)
{
    const Py_buffer *view = look_at(views, array);
    if (!view)
        return NULL;
    if (view->itemsize != size) {
        PyErr_Format(PyExc_ValueError, "expected items of %zd bytes, found %zd", size,
                     view->itemsize);
        return NULL;
    }
    *count = view->len / size;
    return view->buf;
}

int grow(void *array, int64_t *capacity, int64_t needed, size_t size)
{
    void *items;
    if (needed <= *capacity)
        return 0;
    int64_t wanted = *capacity ? *capacity : 64;
    while (wanted < needed)
        wanted *= 2;
    memcpy(&items, array, sizeof items); /* whatever it points to */
    items = realloc(items, (size_t)wanted * size);
    if (!items)
        return -1;
    memcpy(array, &items, sizeof items);
    *capacity = wanted;
    return 0;
}

static int64_t place(const Table *table, int64_t key)
{
    uint64_t hash = (uint64_t)key * UINT64_C(0x9E3779B97F4A7C15);
    int64_t at = (int64_t)((hash ^ hash >> 32) & (uint64_t)(table->capacity - 1));
    while (table->keys[at] != -1 && table->keys[at] != key)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

int32_t look_up(const Table *table, int64_t key)
{
    if (!table->capacity)
        return -1;
    int64_t at = place(table, key);
    return table->keys[at] == key ? table->values[at] : -1;
}

int enter(Table *table, int64_t key, int32_t value)
{
    if (2 * (table->count + 1) > table->capacity) {
        Table larger = {NULL, NULL, table->capacity ? 2 * table->capacity : 256, table->count};
        larger.keys = malloc((size_t)larger.capacity * sizeof *larger.keys);
        larger.values = malloc((size_t)larger.capacity * sizeof *larger.values);
        if (!larger.keys || !larger.values) {
            free(larger.keys);
            free(larger.values);
            return -1;
        }
        memset(larger.keys, 0xff, (size_t)larger.capacity * sizeof *larger.keys);
        for (int64_t i = 0; i < table->capacity; i++)
            if (table->keys[i] != -1) {
                int64_t at = place(&larger, table->keys[i]);
                larger.keys[at] = table->keys[i];
                larger.values[at] = table->values[i];
            }
        free(table->keys);
        free(table->values);
        *table = larger;
    }
    int64_t at = place(table, key);
    table->keys[at] = key;
    table->values[at] = value;
    table->count++;
    return 0;
}

void free_table(Table *table)
{
    free(table->keys);
    free(table->values);
}
