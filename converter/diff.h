/* Compares two tensor tables, tensor by tensor: names, dtypes, shapes and bits (NaN payloads count), wherever and
 * however the two files keep them. Trusts: nothing of either file. */
#ifndef CONVERTER_DIFF_H
#define CONVERTER_DIFF_H

#include "checkpoint.h"

struct diff_side {
    const struct source *source;
    const struct checkpoint *table;
    tv_findings *findings; /* where a tensor cannot be walked */
};

enum diff_what { DIFF_ONLY_IN_A, DIFF_ONLY_IN_B, DIFF_DTYPE, DIFF_SHAPE, DIFF_BITS, DIFF_KINDS };

struct diff_listener {
    void *context;
    /* a or b is NULL where that side has no such tensor */
    void (*differs)(void *context, enum diff_what what, const struct ck_tensor *a, const struct ck_tensor *b);
    void (*progress)(void *context, uint64_t done, uint64_t total);
};

/* Tells of every difference, in the order of the names. TV_OK: all was compared; *same counts the tensors that are the
 * same. TV_REJECTED with a finding, TV_IO, TV_NO_MEMORY, TV_MISUSE. */
TV_MUST_CHECK tv_status diff_tables(const struct diff_side *a, const struct diff_side *b,
                                    const struct diff_listener *listener, uint64_t *same);

#endif
