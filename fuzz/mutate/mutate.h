/* What structure-aware mutators share: a seeded generator, a growing buffer of fixed size, and their entry points.
 * Everything depends on the seed alone, so that a run with one seed is a run that can be repeated. */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's own mutation, at random, with its dictionary. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
struct rng {
    uint64_t state;
};

/* splitmix64. */
static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A number below `most`; 0 where that is 0. */
static inline size_t rng_below(struct rng *rng, size_t most)
{
    return most == 0 ? 0 : (size_t)(rng_next(rng) % most);
}

static inline bool rng_one_in(struct rng *rng, size_t many)
{
    return rng_below(rng, many) == 0;
}

/* A number that bounds are wrong about: small ones, powers of two and their neighbours, anything. */
static inline uint64_t rng_number(struct rng *rng)
{
    uint64_t shift = rng_below(rng, 64), near = rng_below(rng, 3);
    switch (rng_below(rng, 4)) {
    case 0: return rng_below(rng, 20);
    case 1: return ((uint64_t)1 << shift) + near - 1;
    case 2: return UINT64_MAX - near;
    default: return rng_next(rng) >> shift;
    }
}

/* What each mutator defines, and entry.c calls: changes the input in place and returns its new size. */
size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng);

/* Bytes that are being put together. What does not fit is left out, and `full` says so. */
struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
    bool full;
};

static inline void put(struct buffer *b, const void *bytes, size_t size)
{
    if (size > b->capacity - b->size) {
        b->full = true;
        return;
    }
    if (size > 0)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

static inline void put_text(struct buffer *b, const char *text)
{
    put(b, text, strlen(text));
}

/* The low `bytes` bytes of the number, little-endian. */
static inline void put_le(struct buffer *b, uint64_t number, unsigned bytes)
{
    uint8_t le[8];
    for (unsigned i = 0; i < 8; i++)
        le[i] = (uint8_t)(number >> (8 * i));
    put(b, le, bytes);
}

/* Reads `bytes` little-endian bytes; 0 beyond the end. */
static inline uint64_t get_le(const uint8_t *data, size_t size, size_t at, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes && at < size && i < size - at; i++)
        number |= (uint64_t)data[at + i] << (8 * i);
    return number;
}

/* A byte, now and then up to four, becomes another, one bit away or any: nothing moves, so that sizes and offsets stay
 * right. */
static inline void change_in_place(uint8_t *data, size_t size, struct rng *rng)
{
    for (size_t left = rng_one_in(rng, 6) ? 1 + rng_below(rng, 4) : 1; left > 0 && size > 0; left--) {
        size_t at = rng_below(rng, size);
        data[at] = rng_one_in(rng, 2) ? (uint8_t)(data[at] ^ 1u << rng_below(rng, 8)) : (uint8_t)rng_next(rng);
    }
}

/* The one mutation of a pickle stream, used by itself and inside archives. Returns the new size. */
size_t mutate_pickle(uint8_t *data, size_t size, size_t max_size, struct rng *rng);
/* The one mutation of a checkpoint: archives by entry, pickles by operation, all else as libFuzzer does. */
size_t mutate_archive(uint8_t *data, size_t size, size_t max_size, struct rng *rng);

#endif
