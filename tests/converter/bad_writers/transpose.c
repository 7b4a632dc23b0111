/* A bad writer: writes the first square matrix transposed. Linked with --wrap=plan_make. */
#include "bad_writer.h"

static bool turn(struct checkpoint *table, struct plan_item *item)
{
    struct ck_tensor *tensor = vector_at(&table->tensors, item->tensor);
    uint64_t *stride = pool_take(&table->pool, 2, sizeof *stride);
    if (stride == NULL || tensor->rank != 2 || tensor->shape[0] != tensor->shape[1] || tensor->shape[0] < 2)
        return false;
    stride[0] = tensor->stride[1];
    stride[1] = tensor->stride[0];
    tensor->stride = stride;
    item->contiguous = false;
    return true;
}

tv_status __wrap_plan_make(struct checkpoint *table, const struct plan_options *options, struct plan *plan,
                           tv_findings *findings)
{
    tv_status status = __real_plan_make(table, options, plan, findings);
    for (uint64_t i = 0; status == TV_OK && i < plan->items.count; i++) {
        if (turn(table, vector_at(&plan->items, i)))
            break;
    }
    return status;
}
