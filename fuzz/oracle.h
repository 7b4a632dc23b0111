/* What a fuzz target asserts with: a broken promise is a crash, so that every engine notices. */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <tensorvet/span.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Every target calls oracle_ran for each input, and oracle_accepted where it reached acceptance: the share is printed
 * at exit where FUZZ_SHARE is set in the environment. A target below 5 % needs a mutator. The latest of the accepted
 * inputs are kept for the mutators (mutate/entry.c). */
void oracle_ran(const uint8_t *data, size_t size);
void oracle_accepted(void);
/* Copies one of the kept inputs, chosen by `which`, to `into`; returns its size, or 0 where there is none that fits. */
size_t oracle_kept(uint64_t which, uint8_t *into, size_t capacity);

/* A number that depends on every byte: where a target needs a choice that must not cost bytes of the input. FNV-1a. */
static inline uint64_t oracle_hash(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* Takes choices from the end of an input, so that what is at its start stays a file of its format. */
struct tail {
    tv_span rest;
};

/* The last byte, or 0 where none is left. */
static inline uint8_t tail_u8(struct tail *t)
{
    int byte = t->rest.size == 0 ? -1 : tv_span_byte(t->rest, t->rest.size - 1);
    if (byte < 0)
        return 0;
    t->rest.size--;
    return (uint8_t)byte;
}

#endif
