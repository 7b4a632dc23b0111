/* Slices: against a plain enumeration of NumPy's rules, for every shape and subscript of a small universe. */
#include <stdlib.h>

#include "vet.h"

/* NumPy's rules said another way: which coordinates of one dimension a subscript takes, one by one. Returns how many,
 * or -1 for an index out of range. */
static int coordinates(const tv_subscript *s, int64_t size, int64_t *out)
{
    int count = 0;
    if (s->kind == TV_SUBSCRIPT_INDEX) {
        int64_t at = s->start < 0 ? s->start + size : s->start;
        out[0] = at;
        return at >= 0 && at < size ? 1 : -1;
    }
    int64_t start = s->has_start ? s->start : 0, stop = s->has_stop ? s->stop : size, step = s->has_step ? s->step : 1;
    start += start < 0 ? size : 0;
    stop += stop < 0 ? size : 0;
    for (int64_t at = start < 0 ? 0 : start; at < size && at < stop; at += step)
        out[count++] = at;
    return count;
}

static tv_subscript random_subscript(uint64_t *random, bool index_allowed)
{
    tv_subscript s = {TV_SUBSCRIPT_RANGE, false, false, false, 0, 0, 0};
    s.start = (int64_t)(next_random(random) % 13) - 6;
    s.stop = (int64_t)(next_random(random) % 13) - 6;
    s.step = (int64_t)(next_random(random) % 3) + 1;
    s.has_start = next_random(random) % 2 == 0;
    s.has_stop = next_random(random) % 2 == 0;
    s.has_step = next_random(random) % 2 == 0;
    if (index_allowed && next_random(random) % 3 == 0)
        s.kind = TV_SUBSCRIPT_INDEX;
    return s;
}

enum { RANK = 3 };

/* Compares the runs, byte by byte, with the elements that coordinates() says, in row-major order. */
static void compare(const uint64_t *shape, const tv_subscript *subscripts, tv_slice *slice)
{
    int64_t at[RANK][8];
    int count[RANK];
    uint64_t begin = 0, end = 0;
    for (unsigned d = 0; d < RANK; d++)
        count[d] = coordinates(&subscripts[d], (int64_t)shape[d], at[d]);
    for (int i = 0; i < count[0]; i++)
        for (int j = 0; j < count[1]; j++)
            for (int k = 0; k < count[2]; k++) {
                uint64_t element = ((uint64_t)at[0][i] * shape[1] + (uint64_t)at[1][j]) * shape[2] + (uint64_t)at[2][k];
                for (uint64_t byte = element * 2; byte < element * 2 + 2; byte++) {
                    if (begin == end)
                        CHECK(tv_slice_next(slice, &begin, &end) && begin < end);
                    CHECK(begin == byte);
                    begin++;
                }
            }
    CHECK(begin == end && !tv_slice_next(slice, &begin, &end));
}

TEST(as_numpy, "random subscripts of random shapes give NumPy's elements in NumPy's order")
{
    uint64_t random = 17;
    for (unsigned round = 0; round < 200000; round++) {
        uint64_t shape[RANK], kept = 0, bytes = 2;
        tv_subscript subscripts[RANK];
        int64_t scratch[8];
        bool bad = false;
        tv_slice slice;
        for (unsigned d = 0; d < RANK; d++) {
            shape[d] = next_random(&random) % 5;
            subscripts[d] = random_subscript(&random, true);
            int count = coordinates(&subscripts[d], (int64_t)shape[d], scratch);
            bad = bad || count < 0;
            bytes *= count < 0 ? 0 : (uint64_t)count;
            kept += subscripts[d].kind == TV_SUBSCRIPT_RANGE;
        }
        tv_slice_error error = tv_slice_make(TV_F16, shape, RANK, subscripts, RANK, &slice);
        CHECK(error == (bad ? TV_SLICE_INDEX_OUT_OF_RANGE : TV_SLICE_GOOD));
        if (bad)
            continue;
        CHECK(slice.rank == kept && slice.bytes == bytes);
        compare(shape, subscripts, &slice);
    }
}

TEST(error_texts, "every error has a text of its own")
{
    for (int i = TV_SLICE_GOOD; i <= TV_SLICE_RANK_TOO_LARGE; i++)
        for (int j = TV_SLICE_GOOD; j < i; j++)
            CHECK(strcmp(tv_slice_error_text((tv_slice_error)i), tv_slice_error_text((tv_slice_error)j)) != 0);
    CHECK(tv_slice_error_text((tv_slice_error)(TV_SLICE_RANK_TOO_LARGE + 1))[0] == '?');
}

TEST(ellipsis, "an ellipsis, or the end, stands for all dimensions without a subscript")
{
    uint64_t shape[] = {2, 3, 4}, begin = 0, end = 0;
    tv_subscript dots = {TV_SUBSCRIPT_ELLIPSIS, false, false, false, 0, 0, 0};
    tv_subscript one = {TV_SUBSCRIPT_INDEX, true, false, false, 1, 0, 0};
    tv_subscript last[] = {dots, one}, first[] = {one, dots}, both[] = {one, dots, one}, full[] = {one, one, one, dots};
    tv_subscript two[] = {dots, dots}, many[] = {one, one, one, one};
    tv_slice slice;
    CHECK(tv_slice_make(TV_U8, shape, 3, last, 2, &slice) == TV_SLICE_GOOD);
    CHECK(slice.rank == 2 && slice.shape[0] == 2 && slice.shape[1] == 3 && slice.bytes == 6);
    CHECK(tv_slice_make(TV_U8, shape, 3, first, 2, &slice) == TV_SLICE_GOOD);
    CHECK(tv_slice_next(&slice, &begin, &end) && begin == 12 && end == 24 && !tv_slice_next(&slice, &begin, &end));
    CHECK(tv_slice_make(TV_U8, shape, 3, both, 3, &slice) == TV_SLICE_GOOD && slice.rank == 1 && slice.shape[0] == 3);
    CHECK(tv_slice_make(TV_U8, shape, 3, full, 4, &slice) == TV_SLICE_GOOD && slice.rank == 0 && slice.bytes == 1);
    CHECK(tv_slice_make(TV_U8, shape, 3, NULL, 0, &slice) == TV_SLICE_GOOD && slice.bytes == 24 && slice.run == 24);
    CHECK(tv_slice_make(TV_U8, shape, 3, two, 2, &slice) == TV_SLICE_TWO_ELLIPSES);
    CHECK(tv_slice_make(TV_U8, shape, 3, many, 4, &slice) == TV_SLICE_TOO_MANY_SUBSCRIPTS);
    CHECK(tv_slice_make(TV_U8, shape, 0, many, 1, &slice) == TV_SLICE_TOO_MANY_SUBSCRIPTS);
    CHECK(tv_slice_make(TV_U8, shape, 65, NULL, 0, &slice) == TV_SLICE_RANK_TOO_LARGE);
}

TEST(extremes, "bounds at the ends of 64 bits are clamped, steps must be positive")
{
    uint64_t shape[] = {1ull << 40}, begin = 0, end = 0;
    tv_subscript s = {TV_SUBSCRIPT_RANGE, true, true, true, INT64_MIN, INT64_MAX, INT64_MAX};
    tv_slice slice;
    CHECK(tv_slice_make(TV_F64, shape, 1, &s, 1, &slice) == TV_SLICE_GOOD && slice.shape[0] == 1 && slice.bytes == 8);
    CHECK(tv_slice_next(&slice, &begin, &end) && begin == 0 && end == 8);
    s.step = 0;
    CHECK(tv_slice_make(TV_F64, shape, 1, &s, 1, &slice) == TV_SLICE_STEP_NOT_POSITIVE);
    s.step = -1;
    CHECK(tv_slice_make(TV_F64, shape, 1, &s, 1, &slice) == TV_SLICE_STEP_NOT_POSITIVE);
    s.kind = TV_SUBSCRIPT_INDEX;
    CHECK(tv_slice_make(TV_F64, shape, 1, &s, 1, &slice) == TV_SLICE_INDEX_OUT_OF_RANGE);
    s.start = INT64_MAX;
    CHECK(tv_slice_make(TV_F64, shape, 1, &s, 1, &slice) == TV_SLICE_INDEX_OUT_OF_RANGE);
    uint64_t empty[] = {0, UINT64_MAX};
    CHECK(tv_slice_make(TV_F64, empty, 2, NULL, 0, &slice) == TV_SLICE_GOOD && slice.bytes == 0);
    CHECK(slice.rank == 2 && slice.shape[1] == UINT64_MAX && !tv_slice_next(&slice, &begin, &end));
}

TEST(sub_bytes, "a slice of a sub-byte dtype is given where all of its runs fall on bytes, and refused where not")
{
    uint64_t shape[] = {4, 8}, begin = 0, end = 0;
    tv_subscript all = {TV_SUBSCRIPT_RANGE, false, false, false, 0, 0, 0};
    tv_subscript row = {TV_SUBSCRIPT_INDEX, true, false, false, 3, 0, 0};
    tv_subscript half = {TV_SUBSCRIPT_RANGE, true, false, false, 4, 0, 0};
    tv_subscript odd = {TV_SUBSCRIPT_RANGE, true, false, false, 3, 0, 0};
    tv_subscript even = {TV_SUBSCRIPT_RANGE, false, false, true, 0, 0, 2};
    tv_subscript columns[] = {all, half}, odds[] = {all, odd}, evens[] = {all, even}, rows[] = {even};
    tv_slice slice;
    CHECK(tv_slice_make(TV_F4, shape, 2, &row, 1, &slice) == TV_SLICE_GOOD);
    CHECK(tv_slice_next(&slice, &begin, &end) && begin == 12 && end == 16);
    CHECK(tv_slice_make(TV_F4, shape, 2, columns, 2, &slice) == TV_SLICE_GOOD && slice.bytes == 8);
    CHECK(tv_slice_next(&slice, &begin, &end) && begin == 2 && end == 4);
    CHECK(tv_slice_next(&slice, &begin, &end) && begin == 6 && end == 8);
    CHECK(tv_slice_make(TV_F4, shape, 2, odds, 2, &slice) == TV_SLICE_NOT_ON_BYTES);
    CHECK(tv_slice_make(TV_F4, shape, 2, evens, 2, &slice) == TV_SLICE_NOT_ON_BYTES);
    CHECK(tv_slice_make(TV_F6_E2M3, shape, 2, rows, 1, &slice) == TV_SLICE_GOOD && slice.bytes == 12);
    CHECK(tv_slice_make(TV_F6_E2M3, shape, 2, columns, 2, &slice) == TV_SLICE_GOOD && slice.bytes == 12);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
