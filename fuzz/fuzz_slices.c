/* Slices: any subscripts on any small tensor, from a recipe.
 *
 * Oracle: the runs are, byte for byte and in order, what walking NumPy's rules element by element gives; no run leaves
 * the tensor, none is empty; what is refused, the rules refuse. */
#include <tensorvet/slice.h>

#include "front.h"
#include "oracle.h"

enum { RANK = 5, SUBSCRIPTS = 8, BITS_MOST = 1 << 16 };

struct recipe {
    uint64_t shape[RANK];
    tv_subscript subscripts[SUBSCRIPTS];
    uint16_t rank, count;
    tv_dtype dtype;
    uint64_t elements;
};

static int64_t take_number(struct front *f)
{
    uint8_t how = front_u8(f);
    return how < 224 ? (int64_t)(how % 32) - 16 : (int64_t)front_u64(f);
}

static void take_recipe(struct front *f, struct recipe *r)
{
    r->dtype = (tv_dtype)(front_u8(f) % TV_DTYPE_COUNT);
    r->rank = front_u8(f) % (RANK + 1);
    r->count = front_u8(f) % (SUBSCRIPTS + 1);
    r->elements = 1;
    for (uint16_t i = 0; i < r->rank; i++) {
        r->shape[i] = front_u8(f) % 7;
        r->elements *= r->shape[i];
    }
    for (uint16_t i = 0; i < r->count; i++) {
        uint8_t how = front_u8(f);
        tv_subscript *s = &r->subscripts[i];
        *s = (tv_subscript){.kind = (tv_subscript_kind)(how % 9 == 8 ? TV_SUBSCRIPT_ELLIPSIS : how & 1)};
        s->has_start = (how & 16) != 0;
        s->has_stop = (how & 32) != 0;
        s->has_step = (how & 64) != 0;
        s->start = take_number(f);
        s->stop = take_number(f);
        s->step = take_number(f);
    }
}

/* What one dimension becomes: `count` indices from `first`, `step` apart; gone: an index takes the dimension away. */
struct axis {
    uint64_t first, count, step;
    bool gone;
};

/* A bound of a range, as Python clips it. */
static uint64_t clip(int64_t bound, uint64_t size)
{
    if (bound < 0)
        return (uint64_t)(-(bound + 1)) >= size ? 0 : size - 1 - (uint64_t)(-(bound + 1));
    return (uint64_t)bound < size ? (uint64_t)bound : size;
}

static tv_slice_error take_axis(const tv_subscript *s, uint64_t size, struct axis *axis)
{
    *axis = (struct axis){0, size, 1, false};
    if (s->kind == TV_SUBSCRIPT_INDEX) {
        uint64_t back = 0 - (uint64_t)s->start; /* from the end */
        if (s->start < 0 ? back > size : (uint64_t)s->start >= size)
            return TV_SLICE_INDEX_OUT_OF_RANGE;
        *axis = (struct axis){s->start < 0 ? size - back : (uint64_t)s->start, 1, 1, true};
        return TV_SLICE_GOOD;
    }
    if (s->has_step && s->step <= 0)
        return TV_SLICE_STEP_NOT_POSITIVE;
    uint64_t start = s->has_start ? clip(s->start, size) : 0, stop = s->has_stop ? clip(s->stop, size) : size;
    uint64_t step = s->has_step ? (uint64_t)s->step : 1;
    axis->first = start;
    axis->step = step;
    axis->count = start < stop ? (stop - start - 1) / step + 1 : 0;
    return TV_SLICE_GOOD;
}

/* NumPy's rules for all subscripts. Which of several errors is named is not said: any of them will do. */
static bool take_axes(const struct recipe *r, struct axis axes[RANK])
{
    unsigned taken = 0, ellipses = 0, at = 0;
    bool good = true;
    for (uint16_t i = 0; i < r->count; i++) {
        if (r->subscripts[i].kind == TV_SUBSCRIPT_ELLIPSIS)
            ellipses++;
        else
            taken++;
    }
    if (ellipses > 1 || taken > r->rank)
        return false;
    for (uint16_t i = 0; i < r->count; i++) {
        if (r->subscripts[i].kind != TV_SUBSCRIPT_ELLIPSIS) {
            good = take_axis(&r->subscripts[i], r->shape[at], &axes[at]) == TV_SLICE_GOOD && good;
            at++;
            continue;
        }
        for (unsigned whole = r->rank - taken; whole > 0; whole--, at++)
            axes[at] = (struct axis){0, r->shape[at], 1, false};
    }
    for (; at < r->rank; at++)
        axes[at] = (struct axis){0, r->shape[at], 1, false};
    return good;
}

/* The element of the tensor that is the n-th of the result. */
static uint64_t element(const struct recipe *r, const struct axis axes[RANK], uint64_t n)
{
    uint64_t at = 0, scale = 1;
    for (uint16_t i = r->rank; i-- > 0;) {
        at += (axes[i].first + n % axes[i].count * axes[i].step) * scale;
        n /= axes[i].count;
        scale *= r->shape[i];
    }
    return at;
}

static void check_shape(const struct recipe *r, const struct axis axes[RANK], const tv_slice *slice)
{
    uint16_t rank = 0;
    for (uint16_t i = 0; i < r->rank; i++)
        if (!axes[i].gone) {
            PROMISE(rank < slice->rank && slice->shape[rank] == axes[i].count);
            rank++;
        }
    PROMISE(rank == slice->rank);
}

/* The runs, as bits of the tensor, against the elements. */
static void check_runs(const struct recipe *r, const struct axis axes[RANK], tv_slice *slice, uint64_t elements)
{
    uint64_t bits = tv_dtype_bits(r->dtype), n = 0, begin = 0, end = 0, total = 0;
    while (tv_slice_next(slice, &begin, &end)) {
        PROMISE(begin < end && end <= (r->elements * bits + 7) / 8);
        uint64_t at = begin * 8;
        for (; at + bits <= end * 8; at += bits, n++)
            PROMISE(n < elements && element(r, axes, n) * bits == at);
        PROMISE(at == end * 8);
        total += end - begin;
    }
    PROMISE(n == elements && total == slice->bytes && !tv_slice_next(slice, &begin, &end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct front front = front_of(data, size);
    struct recipe recipe;
    struct axis axes[RANK] = {{0}};
    tv_slice slice;
    oracle_ran(data, size);
    take_recipe(&front, &recipe);
    if (recipe.elements * tv_dtype_bits(recipe.dtype) % 8 != 0)
        return 0; /* no tensor: the reader refuses it */
    bool good = take_axes(&recipe, axes);
    tv_slice_error error =
        tv_slice_make(recipe.dtype, recipe.shape, recipe.rank, recipe.subscripts, recipe.count, &slice);
    PROMISE(tv_slice_error_text(error) != NULL);
    PROMISE(good ? error == TV_SLICE_GOOD || error == TV_SLICE_NOT_ON_BYTES : error != TV_SLICE_GOOD);
    PROMISE(error != TV_SLICE_NOT_ON_BYTES || tv_dtype_bits(recipe.dtype) < 8);
    if (error != TV_SLICE_GOOD)
        return 0;
    uint64_t elements = 1;
    for (uint16_t i = 0; i < recipe.rank; i++)
        elements *= axes[i].count;
    check_shape(&recipe, axes, &slice);
    check_runs(&recipe, axes, &slice, elements);
    oracle_accepted();
    return 0;
}
