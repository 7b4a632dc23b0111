/* What libFuzzer calls, for every mutator: chooses what to start from, and hands it on.
 *
 * libFuzzer keeps an input for the new lines it reaches, and most of those refuse it: whatever is made of such an input
 * is refused for the same reason. So a third of the time an input that was accepted lately is the start. */
#include "mutate.h"
#include "oracle.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* FUZZ_PLAIN in the environment turns the structure off: how the gain of a mutator is measured. */
static bool plain_only(void)
{
    static int plain = -1;
    if (plain < 0)
        plain = getenv("FUZZ_PLAIN") != NULL;
    return plain == 1;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct rng rng = {seed};
    if (plain_only() || max_size < 64)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t kept = rng_one_in(&rng, 3) ? oracle_kept(rng_next(&rng), data, max_size) : 0;
    return mutate_input(data, kept > 0 ? kept : size, max_size, &rng);
}
