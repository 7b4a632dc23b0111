/* A bad writer: writes two tensors of one dtype and shape under each other's names. Linked with --wrap=plan_make. */
#include "bad_writer.h"

static bool alike(const struct ck_tensor *a, const struct ck_tensor *b)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank && a->bytes > 0 && a->storage != b->storage;
    for (uint32_t d = 0; same && d < a->rank; d++)
        same = a->shape[d] == b->shape[d];
    return same;
}

static bool swap_with_another(struct checkpoint *table, struct plan *plan, struct plan_item *item)
{
    for (uint64_t i = 0; i < plan->items.count; i++) {
        struct plan_item *other = vector_at(&plan->items, i);
        if (alike(vector_at(&table->tensors, item->tensor), vector_at(&table->tensors, other->tensor))) {
            uint32_t keep = item->tensor;
            item->tensor = other->tensor;
            other->tensor = keep;
            return true;
        }
    }
    return false;
}

tv_status __wrap_plan_make(struct checkpoint *table, const struct plan_options *options, struct plan *plan,
                           tv_findings *findings)
{
    tv_status status = __real_plan_make(table, options, plan, findings);
    for (uint64_t i = 0; status == TV_OK && i < plan->items.count; i++) {
        if (swap_with_another(table, plan, vector_at(&plan->items, i)))
            break;
    }
    return status;
}
