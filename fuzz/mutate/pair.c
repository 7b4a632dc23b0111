/* Two files, one after the other, and the size of the second: each is mutated as a checkpoint, and the second may
 * become a copy of the first. */
#include "mutate.h"

enum { MOST = 65535 };

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    static uint8_t files[2][MOST];
    size_t sizes[2], most = (max_size - 2) / 2 < MOST ? (max_size - 2) / 2 : MOST;
    if (size < 2 || size > MOST)
        return LLVMFuzzerMutate(data, size, max_size);
    sizes[1] = (size_t)get_le(data, size, size - 2, 2);
    if (sizes[1] > size - 2 || sizes[1] > most || size - 2 - sizes[1] > most)
        return LLVMFuzzerMutate(data, size, max_size);
    sizes[0] = size - 2 - sizes[1];
    memcpy(files[0], data, sizes[0]);
    memcpy(files[1], data + sizes[0], sizes[1]);
    if (rng_one_in(rng, 4) && sizes[0] > 0) {
        memcpy(files[1], files[0], sizes[0]);
        sizes[1] = sizes[0];
    }
    size_t which = rng_below(rng, 2);
    sizes[which] = mutate_archive(files[which], sizes[which], most, rng);
    struct buffer out = {data, 0, max_size, false};
    put(&out, files[0], sizes[0]);
    put(&out, files[1], sizes[1]);
    put_le(&out, sizes[1], 2);
    return out.size;
}
