/* torch's element types (dtypes.h). */
#include "dtypes.h"

const struct torch_dtype_info *torch_dtype_info_of(unsigned dtype)
{
    static const struct torch_dtype_info rows[TORCH_NONE + 1] = {
#define TORCH_DTYPE(NAME, name, storage, size, dtype) {name, size, TV_##dtype},
#include "dtypes.def"
#undef TORCH_DTYPE
        {"?", 0, TV_DTYPE_COUNT}};
    return &rows[dtype < TORCH_NONE ? dtype : TORCH_NONE];
}
