/* The structure as a container (structure.h): storages by number, sizes as announced. */
#include "structure.h"

#include "reading.h"

/* Digits without a leading zero, below the count: the number that a key is. */
static bool number_of(tv_span key, uint64_t count, uint64_t *number)
{
    *number = 0;
    for (uint64_t i = 0; i < key.size; i++) {
        int c = tv_span_byte(key, i);
        if (c < '0' || c > '9' || *number >= count)
            return false;
        *number = *number * 10 + (uint64_t)(c - '0'); /* count is below 2^32 */
    }
    return key.size > 0 && *number < count;
}

static tv_status find_announced(struct reading *r, tv_span key, struct place *place)
{
    const struct structure *structure = r->container;
    uint64_t number = 0;
    if (!number_of(key, structure->count, &number))
        return refuse(r->findings, (struct refusal){TV_FIND_STORAGE_MISSING, TV_NO_OFFSET, key, NULL, 0, 0});
    *place = (struct place){.at = number, .size = structure->storages[number].bytes, .slot = (uint32_t)number};
    return TV_OK;
}

tv_status read_structure(struct reading *r, const struct structure *structure)
{
    struct structure own = *structure;
    struct pickle_options options = {r->options->limits, &r->use, true};
    r->container = &own;
    r->find = find_announced;
    tv_status status = pickle_run(r->source, 0, r->source->size, &options, &r->pickle, r->findings);
    if (status == TV_OK && vector_extend(&r->slots, structure->count) == NULL)
        status = refuse_memory(r->findings);
    if (status == TV_OK)
        status = find_meanings(r);
    return status == TV_OK ? walk_tensors(r) : status;
}
