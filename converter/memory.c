/* Growing arrays and a bump allocator under one budget (memory.h).
 * Trusts: its callers' element sizes. Promises: sizes are multiplied and added checked; the budget is charged before
 * memory is asked for, and credited when it is given back. */
#include "memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <tensorvet/checked.h>

enum { VECTOR_START = 16, POOL_CHUNK = 64 * 1024, POOL_ALIGN = 16 };

struct pool_chunk {
    struct pool_chunk *before;
    uint64_t used, size; /* of bytes */
    alignas(POOL_ALIGN) uint8_t bytes[];
};

static bool charge(struct budget *budget, uint64_t size)
{
    if (size > budget->bytes_left)
        return false;
    budget->bytes_left -= size;
    return true;
}

/* The capacity that holds `needed` elements: doubled, so that growing stays linear in all; 0 on overflow. */
static uint64_t next_capacity(const struct vector *v, uint64_t needed)
{
    uint64_t doubled = v->capacity < VECTOR_START ? VECTOR_START : v->capacity;
    uint64_t bytes = 0;
    if (doubled < needed && !tv_mul(doubled, 2, &doubled))
        return 0;
    if (doubled < needed)
        doubled = needed;
    return tv_mul(doubled, v->each, &bytes) && bytes <= SIZE_MAX / 2 ? doubled : 0;
}

static bool grow(struct vector *v, uint64_t needed)
{
    uint64_t capacity = next_capacity(v, needed);
    uint64_t more = (capacity - v->capacity) * v->each;
    if (capacity == 0 || !charge(v->budget, more))
        return false;
    void *data = realloc(v->data, (size_t)(capacity * v->each));
    if (data == NULL) {
        v->budget->bytes_left += more;
        return false;
    }
    v->data = data;
    v->capacity = capacity;
    return true;
}

void *vector_extend(struct vector *v, uint64_t count)
{
    uint64_t needed = 0;
    if (!tv_add(v->count, count, &needed))
        return NULL;
    if ((needed > v->capacity || v->data == NULL) && !grow(v, needed))
        return NULL;
    uint8_t *first = (uint8_t *)v->data + v->count * v->each;
    memset(first, 0, (size_t)(count * v->each));
    v->count = needed;
    return first;
}

void *vector_push(struct vector *v)
{
    return vector_extend(v, 1);
}

void *vector_at(const struct vector *v, uint64_t index)
{
    return index < v->count ? (uint8_t *)v->data + index * v->each : NULL;
}

void vector_free(struct vector *v)
{
    free(v->data);
    if (v->budget != NULL)
        v->budget->bytes_left += v->capacity * v->each;
    v->data = NULL;
    v->count = v->capacity = 0;
}

static struct pool_chunk *new_chunk(struct pool *pool, uint64_t least)
{
    uint64_t size = least < POOL_CHUNK ? POOL_CHUNK : least;
    uint64_t whole = 0;
    if (!tv_add(size, sizeof(struct pool_chunk), &whole) || !charge(pool->budget, whole))
        return NULL;
    struct pool_chunk *chunk = calloc(1, (size_t)whole);
    if (chunk == NULL) {
        pool->budget->bytes_left += whole;
        return NULL;
    }
    chunk->size = size;
    chunk->before = pool->last;
    pool->last = chunk;
    return chunk;
}

void *pool_take(struct pool *pool, uint64_t count, uint64_t each)
{
    uint64_t size = 0;
    if (!tv_mul(count, each, &size) || !tv_add(size, POOL_ALIGN - 1, &size))
        return NULL;
    size -= size % POOL_ALIGN;
    struct pool_chunk *chunk = pool->last;
    if (chunk == NULL || size > chunk->size - chunk->used)
        chunk = new_chunk(pool, size);
    if (chunk == NULL)
        return NULL;
    void *taken = chunk->bytes + chunk->used;
    chunk->used += size;
    return taken;
}

tv_span pool_copy(struct pool *pool, tv_span bytes)
{
    uint8_t *copy = pool_take(pool, bytes.size == 0 ? 1 : bytes.size, 1);
    if (copy == NULL)
        return tv_span_of(NULL, 0);
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return tv_span_of(copy, bytes.size);
}

void pool_free(struct pool *pool)
{
    while (pool->last != NULL) {
        struct pool_chunk *chunk = pool->last;
        pool->last = chunk->before;
        pool->budget->bytes_left += chunk->size + sizeof(struct pool_chunk);
        free(chunk);
    }
}
