/* Files of any kind of checkpoint. */
#include "mutate.h"

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    return mutate_archive(data, size, max_size, rng);
}
