/* The 22 dtypes of safetensors, from one table (dtype.def), in the reference's order of increasing alignment:
 * its writer sorts tensors by it, descending. */
#ifndef TENSORVET_DTYPE_H
#define TENSORVET_DTYPE_H

#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/span.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tv_dtype {
#define TV_DTYPE(NAME, bits) TV_##NAME,
#include <tensorvet/dtype.def>
#undef TV_DTYPE
    TV_DTYPE_COUNT
} tv_dtype;

/* "F32"; "?" for a value outside the table. */
TV_API const char *tv_dtype_name(tv_dtype dtype);
/* Bits of one element: 4, 6, 8, 16, 32 or 64; 0 for a value outside the table. */
TV_API uint32_t tv_dtype_bits(tv_dtype dtype);
/* The dtype of exactly that name, or TV_DTYPE_COUNT. */
TV_API tv_dtype tv_dtype_by_name(tv_span name);

#ifdef __cplusplus
}
#endif
#endif
