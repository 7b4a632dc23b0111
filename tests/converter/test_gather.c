/* The gather against the definition of strides, element by element, and its promise of bounded, long reads. */
#include <check.h>
#include <gather.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table_support.h"

/* Gathers the tensor between two known bytes of output, and compares all of it with the naive reading. */
static void check_gather(struct made *made, const struct ck_tensor *tensor, const char *what)
{
    struct view view;
    struct sink sink;
    uint64_t size = 0;
    int fd = temporary_file();
    uint8_t *expected = naive_bytes(made, tensor);
    const struct storage *storage = vector_at(&made->table.storages, tensor->storage);
    CHECK(sink_open(&sink, fd) == TV_OK);
    CHECK(sink_put(&sink, "<", 1) == TV_OK);
    CHECK(view_of(tensor, storage, &view, &made->findings) == TV_OK);
    CHECK_MSG(gather_view(&made->source, &view, &sink, NULL, NULL) == TV_OK, "%s", what);
    CHECK(sink_put(&sink, ">", 1) == TV_OK);
    CHECK(sink_flush(&sink) == TV_OK && sink_end(&sink, sink_position(&sink)) == TV_OK);
    uint8_t *got = file_bytes(fd, &size);
    CHECK_MSG(size == tensor->bytes + 2, "%s: %llu bytes", what, (unsigned long long)size);
    CHECK_MSG(got[0] == '<' && got[size - 1] == '>', "%s: wrote outside its part", what);
    CHECK_MSG(memcmp(got + 1, expected, tensor->bytes) == 0, "%s: wrong bytes", what);
    free(expected);
    free(got);
    sink_close(&sink);
    close(fd);
}

static uint64_t extent(uint16_t rank, const uint64_t *shape, const uint64_t *stride)
{
    uint64_t last = 0;
    for (uint16_t d = 0; d < rank; d++)
        last += (shape[d] - 1) * stride[d];
    return last + 1;
}

static void check_view(tv_dtype dtype, uint64_t offset, uint16_t rank, const uint64_t *shape, const uint64_t *stride,
                       const char *what)
{
    struct made made;
    made_open(&made);
    uint32_t storage = made_storage(&made, (offset + extent(rank, shape, stride)) * tv_dtype_bits(dtype) / 8);
    made_tensor(&made, "t", dtype, storage, offset, rank, shape, stride);
    check_gather(&made, made_find(&made, "t"), what);
    made_close(&made);
}

#define STRIDE(...)                                                                                                    \
    (uint64_t[])                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

TEST(common_views, "transposes, slices, expansions, windows and channels_last come out element by element")
{
    check_view(TV_F32, 0, SHAPE(7, 5), STRIDE(1, 7), "transpose");
    check_view(TV_F16, 3, SHAPE(7, 5), STRIDE(11, 2), "every other column, offset");
    check_view(TV_I64, 0, SHAPE(4, 6), STRIDE(0, 1), "rows repeated");
    check_view(TV_U8, 1, SHAPE(4, 6), STRIDE(1, 0), "columns repeated");
    check_view(TV_F64, 2, SHAPE(5, 5, 5), STRIDE(0, 0, 0), "one element repeated");
    check_view(TV_BF16, 0, SHAPE(9, 4), STRIDE(1, 1), "overlapping windows");
    check_view(TV_F32, 0, SHAPE(2, 3, 4, 5), STRIDE(60, 1, 15, 3), "channels_last");
    check_view(TV_F32, 0, SHAPE(2, 1, 3), STRIDE(3, 99, 1), "a dimension of 1 has any stride");
    check_view(TV_C64, 0, SHAPE(3, 4, 5), STRIDE(1, 15, 3), "permuted");
    check_view(TV_I32, 4, SHAPE(1), STRIDE(77), "a single element");
}

TEST(large_views, "views larger than a box come out right at the edges of boxes")
{
    check_view(TV_F32, 1, SHAPE(3001, 1999), STRIDE(1, 3001), "large transpose");
    check_view(TV_U8, 0, SHAPE(4099, 4100), STRIDE(1, 4099), "large transpose of bytes");
    check_view(TV_F16, 0, SHAPE(2, 300, 70, 211), STRIDE(4431000, 1, 300 * 211, 300), "large channels_last");
    check_view(TV_I64, 0, SHAPE(5, 400000), STRIDE(0, 1), "large expansion of rows");
    check_view(TV_I64, 0, SHAPE(400000, 5), STRIDE(1, 0), "large expansion of columns");
    check_view(TV_F32, 5, SHAPE(3000), STRIDE(2500), "a column with wide gaps");
    check_view(TV_F32, 0, SHAPE(3000, 1000), STRIDE(1500, 1), "a slice of columns");
    check_view(TV_F32, 0, SHAPE(1000, 3000), STRIDE(1, 1), "large overlapping windows");
    check_view(TV_U16, 0, SHAPE(60, 300, 300), STRIDE(1, 60, 18000), "reversed");
    check_view(TV_F32, 0, SHAPE(3, 900, 900), STRIDE(1, 2700, 3), "an image, channels first");
    check_view(TV_F64, 0, SHAPE(2, 1500000), STRIDE(1, 2), "two rows interleaved");
}

/* A permutation of random dimensions, some repeated, some sliced, over storages of every element size. */
static void check_random(uint64_t *state)
{
    static const tv_dtype dtypes[] = {TV_U8, TV_BOOL, TV_F16, TV_BF16, TV_F32, TV_I64, TV_C64};
    uint64_t shape[6], stride[6];
    uint16_t rank = (uint16_t)(next_random(state) % 7), order[6] = {0, 1, 2, 3, 4, 5};
    uint64_t running = 1;
    for (uint16_t d = 0; d < rank; d++) {
        uint16_t other = (uint16_t)(next_random(state) % rank), keep = order[d];
        while (order[other] >= rank)
            other = (uint16_t)((other + 1) % rank);
        order[d] = order[other];
        order[other] = keep;
    }
    for (uint16_t i = 0; i < rank; i++) {
        uint16_t d = order[i];
        uint64_t kind = next_random(state) % 8;
        shape[d] = 1 + next_random(state) % 9;
        stride[d] = kind == 0 ? 0 : kind == 1 ? 1 + next_random(state) % 9 : running;
        running *= kind == 2 ? shape[d] + 1 + next_random(state) % 3 : shape[d];
    }
    check_view(dtypes[next_random(state) % 7], next_random(state) % 5, rank, shape, stride, "random view");
}

TEST(random_views, "thousands of random views equal their naive reading")
{
    uint64_t state = 20250101;
    for (int i = 0; i < 4000; i++)
        check_random(&state);
}

TEST(out_of_storage, "a view that leaves its storage is never read, whatever the table says")
{
    struct made made;
    struct view view;
    made_open(&made);
    uint32_t storage = made_storage(&made, 40);
    const struct storage *of = vector_at(&made.table.storages, storage);
    made_tensor(&made, "end", TV_F32, storage, 1, SHAPE(10), STRIDE(1));
    made_tensor(&made, "wide", TV_F32, storage, 0, SHAPE(2, 2), STRIDE(1, 9));
    made_tensor(&made, "huge", TV_F32, storage, 0, SHAPE(2), STRIDE(UINT64_MAX / 4 + 1));
    made_tensor(&made, "far", TV_F32, storage, UINT64_MAX / 4 + 1, SHAPE(1), STRIDE(1));
    for (uint64_t i = 0; i < made.table.tensors.count; i++) {
        const struct ck_tensor *tensor = vector_at(&made.table.tensors, i);
        CHECK_MSG(view_of(tensor, of, &view, &made.findings) == TV_MISUSE, "%s", (const char *)tensor->name.data);
    }
    made_close(&made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
