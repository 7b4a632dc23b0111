/* Views (view.h): contiguity, and dimensions merged where memory allows. */
#include "view.h"

#include <tensorvet/checked.h>

bool view_contiguous(const struct ck_tensor *tensor)
{
    uint64_t expected = 1;
    if (tensor->elements == 0)
        return true;
    for (uint32_t d = tensor->rank; d > 0; d--) {
        uint64_t count = tensor->shape[d - 1];
        if (count == 1)
            continue;
        if (tensor->stride[d - 1] != expected)
            return false;
        expected *= count; /* at most tensor->elements */
    }
    return true;
}

/* Adds a dimension inside those there are, or merges it into the last of them. */
static void add_dimension(struct view *view, uint64_t count, uint64_t step)
{
    uint32_t last = view->rank;
    if (last > 0 && view->step[last - 1] == count * step) { /* both inside the storage: no overflow */
        view->count[last - 1] *= count;
        view->step[last - 1] = step;
        return;
    }
    view->count[last] = count;
    view->step[last] = step;
    view->rank++;
}

/* Is [at, end of the last element] inside the storage? The same rule as the reader's, checked again where it counts. */
static bool inside(const struct view *view, uint64_t offset, uint64_t size)
{
    uint64_t end = 0;
    if (!tv_add(offset, view->each, &end))
        return false;
    for (uint32_t d = 0; d < view->rank; d++) {
        uint64_t reach = 0;
        if (!tv_mul(view->count[d] - 1, view->step[d], &reach) || !tv_add(end, reach, &end))
            return false;
    }
    return end <= size;
}

tv_status view_of(const struct ck_tensor *tensor, const struct storage *storage, struct view *view,
                  tv_findings *findings)
{
    uint32_t bits = tv_dtype_bits(tensor->dtype);
    uint64_t offset = 0;
    if (tensor->rank > VIEW_RANK) {
        tv_findings_add(findings, TV_FIND_RANK_TOO_LARGE, TV_NO_OFFSET, tensor->name, tv_span_of(NULL, 0));
        return TV_REJECTED;
    }
    if (bits == 0 || bits % 8 != 0) {
        tv_findings_add(findings, TV_FIND_SUB_BYTE_MISALIGNED, TV_NO_OFFSET, tensor->name, tv_span_of(NULL, 0));
        return TV_REJECTED;
    }
    *view = (struct view){.each = bits / 8};
    for (uint32_t d = 0; d < tensor->rank; d++) {
        uint64_t step = 0;
        if (tensor->shape[d] == 1)
            continue;
        if (tensor->shape[d] == 0 || !tv_mul(tensor->stride[d], view->each, &step) ||
            step > storage->size / (tensor->shape[d] - 1))
            return TV_MISUSE;
        add_dimension(view, tensor->shape[d], step);
    }
    if (!tv_mul(tensor->offset, view->each, &offset) || !inside(view, offset, storage->size))
        return TV_MISUSE;
    view->at = storage->at + offset;
    return TV_OK;
}
