/* Slices: NumPy's basic indexing of a tensor, as the byte runs that hold the result, in its order.
 *
 * Trusts: that the shape is one that tv_index_parse has accepted; an index may be anything. Promises: exactly NumPy's
 * result or an error; no run outside the tensor; nothing is allocated, runs are made one at a time. Pure. */
#ifndef TENSORVET_SLICE_H
#define TENSORVET_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TV_SLICE_RANK 64u /* the most dimensions; NumPy's own bound */

typedef enum tv_subscript_kind {
    TV_SUBSCRIPT_INDEX,   /* t[start] */
    TV_SUBSCRIPT_RANGE,   /* t[start:stop:step], each with has_ */
    TV_SUBSCRIPT_ELLIPSIS /* t[...] */
} tv_subscript_kind;

/* One of the things between the brackets. */
typedef struct tv_subscript {
    tv_subscript_kind kind;
    bool has_start, has_stop, has_step;
    int64_t start, stop, step; /* an INDEX is in start */
} tv_subscript;

typedef enum tv_slice_error {
    TV_SLICE_GOOD = 0,
    TV_SLICE_TOO_MANY_SUBSCRIPTS, /* more than the tensor has dimensions */
    TV_SLICE_TWO_ELLIPSES,
    TV_SLICE_INDEX_OUT_OF_RANGE,
    TV_SLICE_STEP_NOT_POSITIVE,
    TV_SLICE_NOT_ON_BYTES,  /* a sub-byte dtype, and a run would start or end inside a byte */
    TV_SLICE_RANK_TOO_LARGE /* more than TV_SLICE_RANK dimensions */
} tv_slice_error;

/* A slice of one tensor. shape and rank are the result's; the rest is for tv_slice_next alone. */
typedef struct tv_slice {
    uint64_t shape[TV_SLICE_RANK];
    uint16_t rank;
    uint64_t bytes; /* of the result */
    uint16_t loops; /* dimensions that are walked, outermost first */
    uint64_t count[TV_SLICE_RANK], stride[TV_SLICE_RANK], done[TV_SLICE_RANK];
    uint64_t at, run; /* bytes in the tensor of the next run; bytes of each run */
    bool over;
} tv_slice;

/* Makes the slice of a tensor of that dtype and shape. Dimensions without a subscript are taken whole. */
TV_API tv_slice_error tv_slice_make(tv_dtype dtype, const uint64_t *shape, uint16_t rank,
                                    const tv_subscript *subscripts, uint16_t count, tv_slice *slice);

/* The next run of bytes, [*begin, *end) counted from the tensor's first byte; false when there is no more. */
TV_API bool tv_slice_next(tv_slice *slice, uint64_t *begin, uint64_t *end);

/* "index out of range", for messages. */
TV_API const char *tv_slice_error_text(tv_slice_error error);

#ifdef __cplusplus
}
#endif
#endif
