/* A view: a tensor of the table, reduced to what moving its bytes needs: counts and steps in bytes.
 * Used by the writer (plan, gather); the comparer has its own. */
#ifndef CONVERTER_VIEW_H
#define CONVERTER_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "checkpoint.h"

#define VIEW_RANK 64

/* No dimension of 1, none that merely continues the one inside it. rank 0: one element. */
struct view {
    uint32_t rank;
    uint64_t count[VIEW_RANK];
    uint64_t step[VIEW_RANK]; /* bytes of the source from one index to the next */
    uint64_t each;            /* bytes of an element */
    uint64_t at;              /* offset in the source of the first element */
    uint8_t swap, signs;      /* as the tensor's */
    tv_dtype dtype;
};

/* Do the tensor's elements lie in its storage one after the other, outermost dimension first? Dimensions of 1 have any
 * stride; an empty tensor lies so. */
bool view_contiguous(const struct ck_tensor *tensor);

/* The view of a tensor that is not empty. TV_REJECTED with a finding where its rank is beyond VIEW_RANK or its dtype
 * has no whole bytes; TV_MISUSE where it leaves its storage, which the reader has excluded. */
TV_MUST_CHECK tv_status view_of(const struct ck_tensor *tensor, const struct storage *storage, struct view *view,
                                tv_findings *findings);

#endif
