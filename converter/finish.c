/* Finishing numbers (finish.h). Signs: as IEEE 754's negate, which changes the sign bit of NaNs too; whole numbers in
 * two's complement, as torch.neg does. */
#include "finish.h"

#include <string.h>

bool finish_has_signs(tv_dtype dtype)
{
    static const tv_dtype signed_types[] = {TV_F64, TV_F32, TV_F16, TV_BF16, TV_C64,
                                            TV_I64, TV_I32, TV_I16, TV_I8,   TV_U8};
    for (size_t i = 0; i < sizeof signed_types / sizeof signed_types[0]; i++)
        if (signed_types[i] == dtype)
            return true;
    return false;
}

/* SWAP(uint32_t, __builtin_bswap32): each number of so many bytes. */
#define DEFINE_SWAP(TYPE, SWAP)                                                                                        \
    static void swap_##TYPE(uint8_t *bytes, uint64_t size)                                                             \
    {                                                                                                                  \
        for (uint64_t i = 0; i + sizeof(TYPE) <= size; i += sizeof(TYPE)) {                                            \
            TYPE number;                                                                                               \
            memcpy(&number, bytes + i, sizeof number);                                                                 \
            number = SWAP(number);                                                                                     \
            memcpy(bytes + i, &number, sizeof number);                                                                 \
        }                                                                                                              \
    }

DEFINE_SWAP(uint16_t, __builtin_bswap16)
DEFINE_SWAP(uint32_t, __builtin_bswap32)
DEFINE_SWAP(uint64_t, __builtin_bswap64)

static void swap(uint8_t each, uint8_t *bytes, uint64_t size)
{
    if (each == 2)
        swap_uint16_t(bytes, size);
    else if (each == 4)
        swap_uint32_t(bytes, size);
    else if (each == 8)
        swap_uint64_t(bytes, size);
}

/* Every `step` bytes, the sign bit of the number whose last byte is at `top`. */
static void flip_signs(uint8_t *bytes, uint64_t size, uint64_t top, uint64_t step)
{
    for (uint64_t i = top; i < size; i += step)
        bytes[i] ^= 0x80;
}

/* Two's complement of little-endian numbers of that many bytes. */
static void negate_integers(uint8_t *bytes, uint64_t size, uint64_t each)
{
    for (uint64_t i = 0; i + each <= size; i += each) {
        unsigned carry = 1;
        for (uint64_t j = 0; j < each; j++) {
            unsigned sum = (uint8_t)~bytes[i + j] + carry;
            bytes[i + j] = (uint8_t)sum;
            carry = sum >> 8;
        }
    }
}

void finish_numbers(const struct view *view, uint8_t *bytes, uint64_t size)
{
    const uint64_t half = 4, pair = 8; /* of complex64 */
    bool complex = view->dtype == TV_C64;
    bool floating = view->dtype == TV_F64 || view->dtype == TV_F32 || view->dtype == TV_F16 || view->dtype == TV_BF16;
    swap(view->swap, bytes, size);
    if ((view->signs & SIGN_NEGATED) != 0 && complex)
        flip_signs(bytes, size, half - 1, half);
    else if ((view->signs & SIGN_NEGATED) != 0 && floating)
        flip_signs(bytes, size, view->each - 1, view->each);
    else if ((view->signs & SIGN_NEGATED) != 0)
        negate_integers(bytes, size, view->each);
    if ((view->signs & SIGN_CONJUGATED) != 0 && complex)
        flip_signs(bytes, size, pair - 1, pair);
}
