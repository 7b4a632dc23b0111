/* Compares the bits of one tensor: a strided view of the source against contiguous bytes of the output.
 * A plain odometer over indices, made independently of the writer's gather: what both get wrong the same way must be in
 * the readers they share. Trusts: nothing of either file. */
#ifndef CONVERTER_COMPARE_BITS_H
#define CONVERTER_COMPARE_BITS_H

#include <stdbool.h>

#include "checkpoint.h"

/* A stretch of a file that was read lately. It reads ahead, more and more while its user goes forward in small steps.
 */
struct window {
    const struct source *source;
    uint8_t *bytes;
    uint64_t at, size; /* what it holds: [at, at + size) */
    uint64_t ahead;    /* bytes it reads at once */
    uint64_t each;     /* bytes of an element whose numbers are turned back (compare_undo.c), or 0 */
    uint8_t swap, signs;
    tv_dtype dtype;
};

struct bits {
    const struct source *file;
    struct window ours, theirs; /* the source or an unpacked part of it; the output */
    uint8_t *panel;
    void (*advance)(void *context, uint64_t bytes); /* of the output, compared since the last call; or NULL */
    void *context;
};

/* Turns whole elements of the output back into what the source has: the comparer's own inverse of what the writer did
 * with byte order and signs. */
void undo_numbers(const struct window *w, uint8_t *bytes, uint64_t size);

/* TV_NO_MEMORY where there is none; bits_close in any case. */
TV_MUST_CHECK tv_status bits_open(struct bits *bits, const struct source *source, const struct source *output);
void bits_close(struct bits *bits);

/* Compares the tensor with the tensor->bytes bytes of the output at `at`. TV_OK: both were read, and *same says whether
 * all bits are equal. TV_IO; TV_MISUSE where the tensor leaves its storage or either file. */
TV_MUST_CHECK tv_status bits_compare(struct bits *bits, const struct ck_tensor *tensor, const struct storage *storage,
                                     uint64_t at, bool *same);

#endif
