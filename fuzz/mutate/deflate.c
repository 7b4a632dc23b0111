/* The mutator of fuzz_inflate: whole streams of runs, copies and noise, packed at any of libdeflate's levels (0
 * stores), of which the right size is claimed most of the time; or bytes changed in place; else libFuzzer's own
 * mutation. */
#include "mutate.h"

#include <libdeflate.h>

enum { PLAIN_MOST = 1 << 14, LEVELS = 13, CLAIM = 4 };

/* One more piece: a byte many times, what was there before, or noise. Returns the size with it. */
static size_t add_piece(uint8_t *plain, size_t size, struct rng *rng)
{
    size_t left = PLAIN_MOST - size, most = rng_one_in(rng, 4) ? 2000 : 20;
    size_t piece = 1 + rng_below(rng, most < left ? most : left), kind = rng_below(rng, 3);
    size_t back = size == 0 ? 0 : 1 + rng_below(rng, size);
    uint8_t byte = (uint8_t)rng_next(rng);
    for (size_t i = size; i < size + piece; i++)
        plain[i] = kind == 0 ? byte : kind == 1 && back > 0 ? plain[i - back] : (uint8_t)rng_next(rng);
    return size + piece;
}

/* The size of the input, or 0 where it does not fit. */
static size_t make(uint8_t *data, size_t max_size, struct rng *rng)
{
    static struct libdeflate_compressor *packers[LEVELS];
    static uint8_t plain[PLAIN_MOST];
    size_t size = 0, level = rng_below(rng, LEVELS);
    for (size_t pieces = rng_below(rng, 12); pieces > 0 && size < PLAIN_MOST; pieces--)
        size = add_piece(plain, size, rng);
    if (packers[level] == NULL)
        packers[level] = libdeflate_alloc_compressor((int)level);
    if (packers[level] == NULL)
        return 0;
    size_t packed = libdeflate_deflate_compress(packers[level], plain, size, data + CLAIM, max_size - CLAIM);
    struct buffer claim = {.bytes = data, .capacity = CLAIM};
    put_le(&claim, rng_one_in(rng, 8) ? rng_number(rng) : size, CLAIM);
    return packed == 0 ? 0 : CLAIM + packed;
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    size_t made = rng_one_in(rng, 3) ? make(data, max_size, rng) : 0;
    if (made > 0 || size == 0)
        size = made;
    if (size == 0 || (made == 0 && rng_one_in(rng, 2)))
        return LLVMFuzzerMutate(data, size, max_size);
    if (made == 0 || rng_one_in(rng, 4))
        change_in_place(data, size, rng);
    return size;
}
