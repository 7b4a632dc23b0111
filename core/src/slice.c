/* Slices: subscripts to dimensions, dimensions to loops over runs of bytes. Trusts a shape that was accepted: the bits
 * of the tensor fit 64 bits, so nothing below that is inside it can overflow. */
#include <tensorvet/slice.h>

#include <string.h>

/* What is taken of one dimension. */
typedef struct part {
    uint64_t start, count, step;
    bool kept; /* in the result's shape: an index takes its dimension away */
} part;

/* How far a negative number is below zero. */
/*@ requires negative < 0;
  @ assigns \nothing;
  @ ensures \result == -negative; */
static uint64_t magnitude(int64_t negative)
{
    return (uint64_t)(-(negative + 1)) + 1;
}

/* NumPy's rule for a bound: from the end if negative, then cut to [0, size]. */
/*@ assigns \nothing;
  @ ensures \result == \max(0, \min(size, bound < 0 ? size + bound : bound)); */
static uint64_t clamp(int64_t bound, uint64_t size)
{
    if (bound >= 0)
        return (uint64_t)bound < size ? (uint64_t)bound : size;
    uint64_t back = magnitude(bound);
    return back < size ? size - back : 0;
}

/*@ requires \valid_read(s) && \valid(p) && \separated(s, p);
  @ assigns *p;
  @ ensures \result == TV_SLICE_GOOD <==> -size <= s->start < size;
  @ ensures \result == TV_SLICE_GOOD ==> p->start == (s->start < 0 ? size + s->start : s->start) && p->count == 1; */
static tv_slice_error take_index(const tv_subscript *s, uint64_t size, part *p)
{
    uint64_t back = s->start < 0 ? magnitude(s->start) : 0;
    if (s->start < 0 ? back > size : (uint64_t)s->start >= size)
        return TV_SLICE_INDEX_OUT_OF_RANGE;
    p->start = s->start < 0 ? size - back : (uint64_t)s->start;
    p->count = 1;
    p->step = 1;
    p->kept = false;
    return TV_SLICE_GOOD;
}

/*@ requires \valid_read(s) && \valid(p) && \separated(s, p);
  @ assigns *p;
  @ ensures \result == TV_SLICE_GOOD <==> (!s->has_step || s->step > 0);
  @ ensures \result == TV_SLICE_GOOD ==> p->step >= 1 && p->start <= size;
  @ ensures \result == TV_SLICE_GOOD && p->count > 0 ==> p->start + (p->count - 1) * p->step < size; */
static tv_slice_error take_range(const tv_subscript *s, uint64_t size, part *p)
{
    uint64_t stop = s->has_stop ? clamp(s->stop, size) : size;
    if (s->has_step && s->step <= 0)
        return TV_SLICE_STEP_NOT_POSITIVE;
    p->start = s->has_start ? clamp(s->start, size) : 0;
    p->step = s->has_step ? (uint64_t)s->step : 1;
    uint64_t steps = stop > p->start ? (stop - p->start - 1) / p->step : 0;
    /*@ assert stop > p->start ==> steps * p->step <= stop - p->start - 1; */
    p->count = stop > p->start ? steps + 1 : 0;
    /*@ assert p->count > 0 ==> stop > p->start && (p->count - 1) == steps; */
    /*@ assert p->count > 0 ==> (p->count - 1) * p->step <= stop - p->start - 1; */
    p->kept = true;
    return TV_SLICE_GOOD;
}

/* Gives each dimension its subscript; an ellipsis, or the end, stands for all that have none. */
static tv_slice_error take_parts(const uint64_t *shape, uint16_t rank, const tv_subscript *subscripts, uint16_t count,
                                 part *parts)
{
    unsigned ellipses = 0, dimension = 0;
    for (unsigned i = 0; i < count; i++)
        ellipses += subscripts[i].kind == TV_SUBSCRIPT_ELLIPSIS;
    if (ellipses > 1)
        return TV_SLICE_TWO_ELLIPSES;
    if (count - ellipses > rank)
        return TV_SLICE_TOO_MANY_SUBSCRIPTS;
    for (unsigned i = 0; i < count; i++) {
        if (subscripts[i].kind == TV_SUBSCRIPT_ELLIPSIS) {
            dimension += rank - (count - ellipses); /* those stay whole */
            continue;
        }
        tv_slice_error error = subscripts[i].kind == TV_SUBSCRIPT_INDEX
                                   ? take_index(&subscripts[i], shape[dimension], &parts[dimension])
                                   : take_range(&subscripts[i], shape[dimension], &parts[dimension]);
        if (error != TV_SLICE_GOOD)
            return error;
        dimension++;
    }
    return TV_SLICE_GOOD;
}

/* Turns parts into loops, innermost dimension first: dimensions taken whole join the run, the first that is not joins
 * too if its elements are neighbours, and what is outside of that is walked. All in bits. Fills the loops from the
 * back of the arrays. */
static void make_loops(tv_slice *slice, const part *parts, const uint64_t *shape, uint16_t rank, uint64_t bits)
{
    uint64_t stride = bits;
    bool joined = true; /* all dimensions so far are in the run, whole */
    slice->run = bits;
    for (unsigned i = rank; i > 0; i--) {
        const part *p = &parts[i - 1];
        bool whole = p->start == 0 && p->count == shape[i - 1] && p->step == 1;
        slice->at += p->start * stride;
        if (joined && (p->step == 1 || p->count == 1)) {
            slice->run *= p->count;
        } else if (p->count > 1) {
            unsigned place = TV_SLICE_RANK - ++slice->loops;
            slice->count[place] = p->count;
            slice->stride[place] = p->step * stride;
        }
        joined = joined && whole;
        stride *= shape[i - 1];
    }
}

/* Bits to bytes. False where a run starts or ends inside a byte. */
static bool to_bytes(tv_slice *slice)
{
    bool good = slice->at % 8 == 0 && slice->run % 8 == 0;
    for (unsigned i = TV_SLICE_RANK - slice->loops; i < TV_SLICE_RANK; i++) {
        good = good && slice->stride[i] % 8 == 0;
        slice->stride[i] /= 8;
    }
    slice->at /= 8;
    slice->run /= 8;
    return good;
}

tv_slice_error tv_slice_make(tv_dtype dtype, const uint64_t *shape, uint16_t rank, const tv_subscript *subscripts,
                             uint16_t count, tv_slice *slice)
{
    part parts[TV_SLICE_RANK];
    memset(slice, 0, sizeof *slice);
    if (rank > TV_SLICE_RANK)
        return TV_SLICE_RANK_TOO_LARGE;
    for (unsigned i = 0; i < rank; i++) {
        part all = {0, shape[i], 1, true};
        parts[i] = all;
    }
    tv_slice_error error = take_parts(shape, rank, subscripts, count, parts);
    if (error != TV_SLICE_GOOD)
        return error;
    for (unsigned i = 0; i < rank; i++) {
        slice->over = slice->over || parts[i].count == 0;
        if (parts[i].kept)
            slice->shape[slice->rank++] = parts[i].count;
    }
    if (slice->over)
        return TV_SLICE_GOOD; /* nothing of it: not a run, and dimensions that need not fit anything */
    make_loops(slice, parts, shape, rank, tv_dtype_bits(dtype));
    if (!to_bytes(slice))
        return TV_SLICE_NOT_ON_BYTES;
    slice->bytes = slice->run;
    for (unsigned i = TV_SLICE_RANK - slice->loops; i < TV_SLICE_RANK; i++)
        slice->bytes *= slice->count[i];
    return TV_SLICE_GOOD;
}

bool tv_slice_next(tv_slice *slice, uint64_t *begin, uint64_t *end)
{
    if (slice->over)
        return false;
    *begin = slice->at;
    *end = slice->at + slice->run;
    unsigned i = TV_SLICE_RANK;
    for (; i > TV_SLICE_RANK - slice->loops; i--) {
        slice->at += slice->stride[i - 1];
        if (++slice->done[i - 1] < slice->count[i - 1])
            return true;
        slice->at -= slice->stride[i - 1] * slice->count[i - 1];
        slice->done[i - 1] = 0;
    }
    slice->over = true;
    return true;
}

const char *tv_slice_error_text(tv_slice_error error)
{
    static const char *const texts[] = {"good",
                                        "too many subscripts",
                                        "more than one ellipsis",
                                        "index out of range",
                                        "the step must be positive",
                                        "the slice does not fall on whole bytes",
                                        "too many dimensions"};
    return (unsigned)error < sizeof texts / sizeof texts[0] ? texts[error] : "?";
}
