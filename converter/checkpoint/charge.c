/* Steps that reading a checkpoint takes, charged as operations (reading.h). */
#include "reading.h"

tv_status reading_charge(struct reading *r, uint64_t steps)
{
    uint64_t limit = r->options->limits->pickle_ops, *done = &r->use.operations;
    if (*done > limit || steps > limit - *done)
        return refuse(r->findings, (struct refusal){TV_FIND_LIMIT_PICKLE, TV_NO_OFFSET, {0}, "operations", limit, 0});
    *done += steps;
    return TV_OK;
}
