/* The mutator of formats in which one thing says where another is: bytes change in place; else libFuzzer's mutation. */
#include "mutate.h"

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    if (rng_one_in(rng, 3))
        return LLVMFuzzerMutate(data, size, max_size);
    change_in_place(data, size, rng);
    return size;
}
