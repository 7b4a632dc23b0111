/* Reading what a tensor or a slice of it consists of, from a file or from memory. Pure of Python.
 *
 * Trusts that core has made the slice. Promises: no read outside the tensor; where the source ends before it,
 * SOURCE_CUT_OFF. */
#ifndef PYTHON_GATHER_H
#define PYTHON_GATHER_H

#include <stdint.h>

#include <tensorvet/slice.h>

/* A whole file: behind a descriptor, or in memory (then `memory` is not NULL). */
typedef struct source {
    int fd;
    const uint8_t *memory;
    uint64_t size; /* bytes */
} source;

enum { SOURCE_CUT_OFF = -1 };

/* `size` bytes at `at`. 0, an errno, or SOURCE_CUT_OFF. */
int source_read(const source *from, void *into, uint64_t size, uint64_t at);

/* All runs of the slice of the tensor whose bytes are [at, at + size), one behind the other. Results as source_read. */
int gather_slice(const source *from, uint64_t at, uint64_t size, tv_slice *slice, uint8_t *into);

#endif
