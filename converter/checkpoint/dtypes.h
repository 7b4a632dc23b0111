/* torch's element types, from one table (dtypes.def). */
#ifndef CONVERTER_CHECKPOINT_DTYPES_H
#define CONVERTER_CHECKPOINT_DTYPES_H

#include <tensorvet/dtype.h>

enum torch_dtype {
#define TORCH_DTYPE(NAME, name, storage, size, dtype) TORCH_##NAME,
#include "dtypes.def"
#undef TORCH_DTYPE
    TORCH_NONE
};

struct torch_dtype_info {
    const char *name; /* "float32" */
    uint8_t size;     /* bytes an element */
    tv_dtype dtype;   /* TV_DTYPE_COUNT where safetensors has none */
};

/* The row; a row of size 0 for TORCH_NONE. */
const struct torch_dtype_info *torch_dtype_info_of(unsigned dtype);

#endif
