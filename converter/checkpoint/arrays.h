/* NumPy arrays inside pickles, and what they share with .npy files. */
#ifndef CONVERTER_CHECKPOINT_ARRAYS_H
#define CONVERTER_CHECKPOINT_ARRAYS_H

#include "numpy_header.h"
#include "reading.h"

/* Row-major or column-major strides, in elements; elements and bytes. *fits is false where the shape overflows. */
TV_MUST_CHECK tv_status numpy_lay_out(struct reading *r, const struct numpy_header *header, struct ck_tensor *view,
                                      bool *fits);

/* The array that a record is: a view over a new storage. *why is NULL, or says (static) why it cannot be had. */
TV_MUST_CHECK tv_status read_array_record(struct reading *r, const struct record *record, struct ck_tensor *view,
                                          const char **why);
/* XLA's bfloat16 lies in files as float32: takes the upper halves, whose lower ones must be zero. */
TV_MUST_CHECK tv_status narrow_to_bfloat16(struct reading *r, struct ck_tensor *view, const char **why);

#endif
