/* The comparer's inverse of byte order and signs (compare_bits.h), made independently of the writer's finish.c: number
 * by number, as 64-bit integers. Each change is its own inverse, so that the order of undoing is the reverse. */
#include "compare_bits.h"

static uint64_t load(const uint8_t *bytes, uint64_t size)
{
    uint64_t number = 0;
    for (uint64_t i = size; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

static void store(uint8_t *bytes, uint64_t size, uint64_t number, bool big_endian)
{
    for (uint64_t i = 0; i < size; i++)
        bytes[big_endian ? size - 1 - i : i] = (uint8_t)(number >> (8 * i));
}

static bool is_floating(tv_dtype dtype)
{
    return dtype == TV_F64 || dtype == TV_F32 || dtype == TV_F16 || dtype == TV_BF16 || dtype == TV_C64;
}

void undo_numbers(const struct window *w, uint8_t *bytes, uint64_t size)
{
    uint64_t part = w->dtype == TV_C64 ? w->each / 2 : w->each, sign = UINT64_C(1) << (8 * part - 1);
    for (uint64_t i = 0; part != 0 && i + part <= size; i += part) {
        uint64_t number = load(bytes + i, part);
        bool imaginary = w->dtype == TV_C64 && i / part % 2 == 1;
        if ((w->signs & SIGN_CONJUGATED) != 0 && imaginary)
            number ^= sign;
        if ((w->signs & SIGN_NEGATED) != 0)
            number = is_floating(w->dtype) ? number ^ sign : 0 - number;
        store(bytes + i, part, number, w->swap != 0);
    }
}
