/* Views (view.h): contiguity, and dimensions merged where memory allows. */
#include "view.h"

#include <tensorvet/checked.h>

bool view_contiguous(const struct ck_tensor *tensor)
{
    uint64_t expected = 1;
    if (tensor->elements == 0)
        return true;
    if (tensor->pairs) /* the reader says so only where they are stepped over */
        return false;
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

static tv_status refuse(const struct ck_tensor *tensor, tv_finding_id id, uint64_t a, tv_findings *findings)
{
    tv_findings_add(findings, id, TV_NO_OFFSET, tensor->name, tv_span_of(NULL, 0))->a = a;
    return TV_REJECTED;
}

/* A dimension in bytes. Elements of less than a byte can be stepped where the innermost dimension packs whole bytes: it
 * is then a dimension of bytes. False where a step would end inside a byte. */
static bool in_bytes(uint64_t bits, bool innermost, uint64_t *count, uint64_t *step)
{
    if (*step % 8 == 0) {
        *step /= 8;
        return true;
    }
    if (!innermost || *step != bits || *count % 8 * bits % 8 != 0)
        return false;
    *count = *count / 8 * bits + *count % 8 * bits / 8;
    *step = 1;
    return true;
}

/* The innermost dimension that is not 1; the rank where there is none. */
static uint32_t innermost_of(const struct ck_tensor *tensor)
{
    uint32_t d = tensor->rank;
    while (d > 0 && tensor->shape[d - 1] == 1)
        d--;
    return d == 0 ? tensor->rank : d - 1;
}

/* How often the view steps along a dimension, and once more. */
static uint64_t steps_of(const struct ck_tensor *tensor, uint32_t d)
{
    return tensor->pairs && d + 1 == tensor->rank ? tensor->shape[d] / 2 : tensor->shape[d];
}

tv_status view_of(const struct ck_tensor *tensor, const struct storage *storage, struct view *view,
                  tv_findings *findings)
{
    uint64_t bits = (tensor->pairs ? UINT64_C(2) : UINT64_C(1)) * tv_dtype_bits(tensor->dtype), offset = 0;
    uint32_t innermost = innermost_of(tensor);
    if (tensor->rank > VIEW_RANK)
        return refuse(tensor, TV_FIND_RANK_TOO_LARGE, VIEW_RANK, findings);
    if (bits == 0)
        return TV_MISUSE;
    *view = (struct view){
        .each = bits < 8 ? 1 : bits / 8, .swap = tensor->swap, .signs = tensor->signs, .dtype = tensor->dtype};
    for (uint32_t d = 0; d < tensor->rank; d++) {
        uint64_t step = 0, count = steps_of(tensor, d);
        if (count == 1)
            continue;
        if (count == 0 || !tv_mul(tensor->stride[d], bits, &step))
            return TV_MISUSE;
        if (!in_bytes(bits, d == innermost, &count, &step))
            return refuse(tensor, TV_FIND_SUB_BYTE_MISALIGNED, bits, findings);
        if (count > 1 && step > storage->size / (count - 1))
            return TV_MISUSE;
        if (count > 1)
            add_dimension(view, count, step);
    }
    if (!tv_mul(tensor->offset, bits, &offset) || offset % 8 != 0 || !inside(view, offset / 8, storage->size))
        return TV_MISUSE;
    view->at = storage->at + offset / 8;
    return TV_OK;
}
