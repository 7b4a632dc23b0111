/* The mutator of fuzz_pickle: a stream and nothing else. */
#include "mutate.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct rng rng = {seed};
    return mutate_pickle(data, size, max_size, &rng);
}
