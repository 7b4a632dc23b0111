/* The mutator of fuzz_pickle: a stream and nothing else. */
#include "mutate.h"

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    return mutate_pickle(data, size, max_size, rng);
}
