/* Memory of the converter: growing arrays and text, charged to one budget, so that no input can push beyond it. */
#ifndef CONVERTER_MEMORY_H
#define CONVERTER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/span.h>

/* What one file may still take. Every growing thing holds a pointer to the file's one budget. */
struct budget {
    uint64_t bytes_left;
};

/* A growing array of elements of one size. Start: {.each = sizeof(T), .budget = b}. Pointers into it are valid until
 * the next growth. */
struct vector {
    void *data;
    uint64_t count, capacity; /* elements */
    size_t each;              /* bytes */
    struct budget *budget;
};

/* Makes room for one more zeroed element and returns it, or NULL where budget or memory end (nothing changed). */
void *vector_push(struct vector *v);
/* The same for `count` elements in a row; for none of them, a pointer that must not be used, and not NULL. */
void *vector_extend(struct vector *v, uint64_t count);
/* The element, or NULL beyond the end. */
void *vector_at(const struct vector *v, uint64_t index);
/* Gives the memory back to machine and budget; the vector is empty and usable again. */
void vector_free(struct vector *v);

/* A bump allocator in chunks of malloc: addresses stay. Freed as a whole. Start: {.budget = b}. */
struct pool {
    struct pool_chunk *last;
    struct budget *budget;
};
/* Zeroed, aligned to 16; NULL where budget or memory end. */
void *pool_take(struct pool *pool, uint64_t count, uint64_t each);
/* A copy of those bytes; an empty span with NULL data where memory ends. An empty copy has data too. */
tv_span pool_copy(struct pool *pool, tv_span bytes);
void pool_free(struct pool *pool);

#endif
