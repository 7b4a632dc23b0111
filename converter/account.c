/* The account of a conversion (account.h). */
#include "account.h"

#include <tensorvet/checked.h>

/* Bytes that are written of each storage: in the pool. */
static tv_status count_written(struct checkpoint *checkpoint, const struct plan *plan, uint64_t **written)
{
    *written = pool_take(&checkpoint->pool, checkpoint->storages.count + 1, sizeof **written);
    if (*written == NULL)
        return TV_NO_MEMORY;
    for (uint64_t i = 0; i < plan->items.count; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        const struct ck_tensor *tensor = vector_at(&checkpoint->tensors, item->tensor);
        if (tensor == NULL || tensor->storage >= checkpoint->storages.count)
            return TV_MISUSE;
        (*written)[tensor->storage] += item->end - item->begin; /* at most data_size in all */
    }
    return TV_OK;
}

tv_status account_make(struct checkpoint *checkpoint, const struct plan *plan, uint64_t source_size,
                       struct account *out)
{
    uint64_t *written = NULL;
    tv_status status = count_written(checkpoint, plan, &written);
    *out = (struct account){.source = source_size, .header = plan->header_size};
    for (uint64_t i = 0; i < checkpoint->storages.count && status == TV_OK; i++) {
        uint64_t size = ((const struct storage *)vector_at(&checkpoint->storages, i))->size;
        if (!tv_add(written[i] == 0 ? out->unused : out->used, size, written[i] == 0 ? &out->unused : &out->used))
            status = TV_MISUSE;
        if (written[i] != 0 && written[i] < size)
            out->hidden += size - written[i];
        if (written[i] > size)
            out->repeated += written[i] - size;
    }
    if (status != TV_OK)
        return status;
    uint64_t storages = 0;
    if (!tv_add(out->used, out->unused, &storages) || !tv_add(out->header, plan->data_size, &out->output))
        return TV_MISUSE;
    /* Deflated storages are larger than what they take of the file. */
    out->container = storages < source_size ? source_size - storages : 0;
    return TV_OK;
}
