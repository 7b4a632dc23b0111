/* The table of dtypes. Pure. */
#include <tensorvet/dtype.h>

typedef struct dtype_row {
    const char *name;
    uint32_t size; /* bytes of the name */
    uint32_t bits;
} dtype_row;

static const dtype_row table[TV_DTYPE_COUNT] = {
#define TV_DTYPE(NAME, bits) {#NAME, sizeof #NAME - 1, bits},
#include <tensorvet/dtype.def>
#undef TV_DTYPE
};

const char *tv_dtype_name(tv_dtype dtype)
{
    return (unsigned)dtype < TV_DTYPE_COUNT ? table[dtype].name : "?";
}

/*@ assigns \nothing;
  @ ensures \result <= 64; */
uint32_t tv_dtype_bits(tv_dtype dtype)
{
    return (unsigned)dtype < TV_DTYPE_COUNT ? table[dtype].bits : 0;
}

tv_dtype tv_dtype_by_name(tv_span name)
{
    for (unsigned i = 0; i < TV_DTYPE_COUNT; i++)
        if (table[i].size == name.size && table[i].name[0] == (char)name.data[0] &&
            memcmp(table[i].name, name.data, name.size) == 0)
            return (tv_dtype)i;
    return TV_DTYPE_COUNT;
}
