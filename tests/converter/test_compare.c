/* The comparer accepts what is right and refuses everything else: every byte, name, type, alias and length counts. */
#include <check.h>
#include <compare.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table_support.h"
#include "view.h"

#define STRIDE(...)                                                                                                    \
    (uint64_t[])                                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* Writes the table with our own writer, and returns the file's bytes. */
static uint8_t *write_table(struct made *made, struct plan_options options, uint64_t *size)
{
    struct plan plan;
    const struct plan_writing how = {0};
    int fd = temporary_file();
    options.limits = &made->limits;
    CHECK(plan_make(&made->table, &options, &plan, &made->findings) == TV_OK);
    CHECK(plan_write(&made->source, &made->table, &plan, fd, &how, &made->findings) == TV_OK);
    uint8_t *bytes = file_bytes(fd, size);
    plan_free(&plan);
    close(fd);
    return bytes;
}

static tv_status compare_with(struct made *made, struct compare_options options, const uint8_t *file, uint64_t size)
{
    struct source output = source_of_memory(tv_span_of(file, size));
    options.limits = &made->limits;
    made_forget(made);
    return compare_output(&made->source, &made->table, &output, &options, NULL, NULL, &made->findings);
}

static tv_status compare(struct made *made, const uint8_t *file, uint64_t size)
{
    return compare_with(made, (struct compare_options){0}, file, size);
}

static void make_small(struct made *made)
{
    made_open(made);
    uint32_t s = made_storage(made, 96);
    made_tensor(made, "a", TV_F32, s, 0, SHAPE(2, 3), NULL);
    made_tensor(made, "b", TV_F32, s, 6, SHAPE(2, 3), STRIDE(1, 2));
    made_tensor(made, "c", TV_F32, s, 0, SHAPE(2, 3), NULL);
    made_tensor(made, "d", TV_U8, s, 3, SHAPE(2, 2), STRIDE(0, 5));
    made_tensor(made, "e", TV_I64, s, 1, SHAPE(4, 0), NULL);
}

/* What the small table's right output is. */
struct small {
    struct made made;
    uint8_t *file;
    uint64_t size;
};

static void begin(struct small *small)
{
    make_small(&small->made);
    small->file = write_table(&small->made, (struct plan_options){0}, &small->size);
}

static void end(struct small *small)
{
    free(small->file);
    made_close(&small->made);
}

TEST(right_output, "the right output is accepted, also with its ties copied")
{
    struct small s;
    begin(&s);
    CHECK(compare(&s.made, s.file, s.size) == TV_OK && s.made.findings.count == 0);
    free(s.file);
    s.file = write_table(&s.made, (struct plan_options){.copy_ties = true}, &s.size);
    CHECK(compare_with(&s.made, (struct compare_options){.copy_ties = true}, s.file, s.size) == TV_OK);
    end(&s);
}

TEST(every_bit, "no single bit of the output can change unseen")
{
    struct small s;
    begin(&s);
    for (uint64_t i = 0; i < s.size * 8; i++) {
        s.file[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK_MSG(compare(&s.made, s.file, s.size) == TV_REJECTED, "bit %llu", (unsigned long long)i);
        CHECK(tv_findings_first_error(&s.made.findings) != NULL);
        s.file[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    end(&s);
}

/* Types whose numbers can be swapped or change signs, contiguous and transposed. */
TEST(unfinished_numbers,
     "byte order and signs are finished by the writer, and undone by the comparer: none passes for another")
{
    static const struct {
        tv_dtype dtype;
        uint8_t swap, signs;
    } kinds[] = {{TV_F32, 4, 0},
                 {TV_I16, 2, 0},
                 {TV_C64, 4, 0},
                 {TV_F64, 8, SIGN_NEGATED},
                 {TV_BF16, 0, SIGN_NEGATED},
                 {TV_I32, 4, SIGN_NEGATED},
                 {TV_C64, 0, SIGN_CONJUGATED},
                 {TV_C64, 4, SIGN_NEGATED | SIGN_CONJUGATED}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct made made;
        uint64_t size = 0;
        made_open(&made);
        uint32_t s = made_storage(&made, 8 * 40);
        made_tensor(&made, "plain", kinds[i].dtype, s, 0, SHAPE(4, 5), NULL);
        made_tensor(&made, "row", kinds[i].dtype, s, 0, SHAPE(4, 5), NULL);
        made_tensor(&made, "turned", kinds[i].dtype, s, 0, SHAPE(5, 4), STRIDE(1, 5));
        struct ck_tensor *row = made_find(&made, "row"), *turned = made_find(&made, "turned");
        row->swap = turned->swap = kinds[i].swap;
        row->signs = turned->signs = kinds[i].signs;
        uint8_t *file = write_table(&made, (struct plan_options){0}, &size);
        CHECK(compare(&made, file, size) == TV_OK);
        row->swap = row->signs = 0;
        CHECK(compare(&made, file, size) == TV_REJECTED);
        row->swap = kinds[i].swap;
        row->signs = kinds[i].signs;
        turned->swap = turned->signs = 0;
        CHECK(compare(&made, file, size) == TV_REJECTED);
        free(file);
        made_close(&made);
    }
}

TEST(every_length, "no output is accepted that is cut or has a byte more")
{
    struct small s;
    begin(&s);
    uint8_t *more = calloc(1, s.size + 1);
    CHECK(more != NULL);
    memcpy(more, s.file, s.size);
    for (uint64_t i = 0; i < s.size; i++)
        CHECK(compare(&s.made, s.file, i) == TV_REJECTED);
    CHECK(compare(&s.made, more, s.size + 1) == TV_REJECTED);
    free(more);
    end(&s);
}

/* A file of that header and data. */
static uint8_t *assemble(const char *json, tv_span data, uint64_t *size)
{
    uint64_t length = (strlen(json) + 7) / 8 * 8;
    uint8_t *file = malloc(8 + length + data.size);
    CHECK(file != NULL);
    memset(file, ' ', 8 + length);
    for (unsigned i = 0; i < 8; i++)
        file[i] = (uint8_t)(length >> (8 * i));
    memcpy(file + 8, json, strlen(json));
    if (data.size > 0)
        memcpy(file + 8 + length, data.data, data.size);
    *size = 8 + length + data.size;
    return file;
}

/* Two names of one view of 8 bytes, and another view of the same bytes. */
static void make_aliased(struct made *made)
{
    made_open(made);
    uint32_t s = made_storage(made, 16);
    made_tensor(made, "a", TV_F32, s, 0, SHAPE(2), NULL);
    made_tensor(made, "b", TV_F32, s, 0, SHAPE(2), NULL);
    made_tensor(made, "i", TV_I32, s, 0, SHAPE(2), NULL);
}

#define ENTRY_A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define ENTRY_I "\"i\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[8,16]}"

static void check_json(const char *json, bool right, struct compare_options options)
{
    struct made made;
    uint64_t size = 0;
    uint8_t data[64];
    make_aliased(&made);
    const struct storage *storage = vector_at(&made.table.storages, 0);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = made.bytes[storage->at + i % 8];
    size_t bytes = strstr(json, ",24]") != NULL ? 24 : strstr(json, ",16]") != NULL ? 16 : 8;
    uint8_t *file = assemble(json, tv_span_of(data, bytes), &size);
    CHECK_MSG(compare_with(&made, options, file, size) == (right ? TV_OK : TV_REJECTED), "%s", json);
    CHECK_MSG(right || found_first(&made, TV_FIND_VERIFY_FAILED), "%s", json);
    free(file);
    made_close(&made);
}

TEST(metadata, "the metadata holds the format and true aliases, and nothing else")
{
    static const struct compare_options plain = {0}, copied = {.copy_ties = true};
    check_json("{\"__metadata__\":{\"b\":\"a\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", true, plain);
    check_json("{\"__metadata__\":{\"format\":\"pt\",\"b\":\"a\"}," ENTRY_I "," ENTRY_A "}", true, plain);
    check_json("{\"__metadata__\":{\"b\":\"a\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, copied);
    check_json("{\"__metadata__\":{\"b\":\"a\",\"format\":\"np\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"a\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{" ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"i\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"b\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"x\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"a\",\"format\":\"pt\",\"x\":\"a\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"a\":\"a\",\"b\":\"a\",\"format\":\"pt\"}," ENTRY_A "," ENTRY_I "}", false, plain);
    check_json("{\"__metadata__\":{\"b\":\"a\",\"format\":\"pt\",\"i\":\"a\"}," ENTRY_A "}", false, plain);
}

TEST(tensors, "a tensor too many, missing, of another dtype, rank or shape is refused")
{
    static const struct compare_options plain = {0};
#define META "{\"__metadata__\":{\"b\":\"a\",\"format\":\"pt\"},"
    check_json(META ENTRY_A "}", false, plain);
    check_json(META ENTRY_A "," ENTRY_I ",\"x\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[16,24]}}", false,
               plain);
    check_json(META ENTRY_A ",\"i\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", false, plain);
    check_json(META ENTRY_A ",\"i\":{\"dtype\":\"I32\",\"shape\":[2,1],\"data_offsets\":[8,16]}}", false, plain);
    check_json(META ENTRY_A ",\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]}}", false, plain);
    check_json(META ENTRY_A ",\"j\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[8,16]}}", false, plain);
    check_json(META ENTRY_A ",\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                            "\"x\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[12,24]}}",
               false, plain);
    check_json(META ENTRY_I ",\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", true, plain);
}

/* The right output of one view is accepted, and refused with any one of some bytes changed. */
static void check_view(tv_dtype dtype, uint16_t rank, const uint64_t *shape, const uint64_t *stride, const char *what)
{
    struct made made;
    uint64_t size = 0, extent = 0, state = 99;
    for (uint16_t d = 0; d < rank; d++)
        extent += (shape[d] - 1) * stride[d];
    made_open(&made);
    made.limits.expansion = 1000000;
    uint32_t s = made_storage(&made, (extent + 3) * tv_dtype_bits(dtype) / 8);
    made_tensor(&made, "t", dtype, s, 2, rank, shape, stride);
    const struct ck_tensor *tensor = made_find(&made, "t");
    uint8_t *file = write_table(&made, (struct plan_options){0}, &size);
    uint8_t *expected = naive_bytes(&made, tensor);
    uint64_t start = size - tensor->bytes;
    CHECK_MSG(memcmp(file + start, expected, tensor->bytes) == 0, "%s: the writer is wrong", what);
    CHECK_MSG(compare(&made, file, size) == TV_OK, "%s", what);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t at = i == 0 ? start : i == 1 ? size - 1 : start + next_random(&state) % tensor->bytes;
        file[at] ^= 128;
        CHECK_MSG(compare(&made, file, size) == TV_REJECTED, "%s: byte %llu", what, (unsigned long long)(at - start));
        CHECK(found_first(&made, TV_FIND_VERIFY_FAILED));
        file[at] ^= 128;
    }
    free(expected);
    free(file);
    made_close(&made);
}

TEST(views, "views of every kind, larger than a panel too, are compared whole")
{
    check_view(TV_F32, SHAPE(3001, 1999), STRIDE(1, 3001), "large transpose");
    check_view(TV_U8, SHAPE(4099, 4100), STRIDE(1, 4099), "large transpose of bytes");
    check_view(TV_F16, SHAPE(2, 300, 70, 211), STRIDE(4431000, 1, 300 * 211, 300), "large channels_last");
    check_view(TV_I64, SHAPE(5, 400000), STRIDE(0, 1), "large expansion of rows");
    check_view(TV_I64, SHAPE(400000, 5), STRIDE(1, 0), "large expansion of columns");
    check_view(TV_F32, SHAPE(3000), STRIDE(2500), "a column with wide gaps");
    check_view(TV_F32, SHAPE(3000, 1000), STRIDE(1500, 1), "a slice of columns");
    check_view(TV_F32, SHAPE(1000, 3000), STRIDE(1, 1), "large overlapping windows");
    check_view(TV_U16, SHAPE(60, 300, 300), STRIDE(1, 60, 18000), "reversed");
    check_view(TV_F32, SHAPE(3, 900, 900), STRIDE(1, 2700, 3), "an image, channels first");
    check_view(TV_F64, SHAPE(2, 1500000), STRIDE(1, 2), "two rows interleaved");
    check_view(TV_F64, SHAPE(300, 2, 700), STRIDE(2000, 1, 600000), "far columns of pairs");
    check_view(TV_U8, SHAPE(40, 30, 5000), STRIDE(5000, 200000, 1), "long runs in another order");
}

TEST(random_views, "thousands of random views are accepted as written and refused when changed")
{
    uint64_t state = 4;
    for (int i = 0; i < 1500; i++) {
        uint64_t shape[5], stride[5], running = 1;
        uint16_t rank = (uint16_t)(1 + next_random(&state) % 5), turn = (uint16_t)(next_random(&state) % rank);
        for (uint16_t j = 0; j < rank; j++) {
            uint16_t d = (uint16_t)((j + turn) % rank);
            shape[d] = 1 + next_random(&state) % 7;
            stride[d] = next_random(&state) % 6 == 0 ? next_random(&state) % 4 : running;
            running *= shape[d] + next_random(&state) % 2;
        }
        check_view(next_random(&state) % 2 == 0 ? TV_F32 : TV_BF16, rank, shape, stride, "random view");
    }
}

TEST(half_bytes, "elements of half a byte are moved and compared where rows are whole bytes, and refused where not")
{
    struct made made;
    uint64_t size = 0;
    struct view view;
    made_open(&made);
    uint32_t s = made_storage(&made, 32);
    made_tensor(&made, "pairs", TV_F4, s, 2, SHAPE(3, 4), STRIDE(16, 1));
    made_tensor(&made, "same", TV_U8, s, 1, SHAPE(3, 2), STRIDE(8, 1));
    uint8_t *file = write_table(&made, (struct plan_options){0}, &size);
    CHECK(memcmp(file + size - 12, file + size - 6, 6) == 0);
    CHECK(compare(&made, file, size) == TV_OK);
    for (uint64_t i = size - 6; i < size; i++) {
        file[i] ^= 16;
        CHECK(compare(&made, file, size) == TV_REJECTED);
        file[i] ^= 16;
    }
    made_tensor(&made, "turned", TV_F4, s, 0, SHAPE(4, 4), STRIDE(1, 4));
    made_tensor(&made, "odd", TV_F4, s, 0, SHAPE(2, 4), STRIDE(5, 1));
    CHECK(view_of(made_find(&made, "turned"), vector_at(&made.table.storages, s), &view, &made.findings) ==
          TV_REJECTED);
    CHECK(view_of(made_find(&made, "odd"), vector_at(&made.table.storages, s), &view, &made.findings) == TV_REJECTED);
    free(file);
    made_close(&made);
}

TEST(nan_payloads, "two NaNs of other bits are not the same")
{
    struct made made;
    uint64_t size = 0;
    made_open(&made);
    uint32_t s = made_storage(&made, 8);
    struct storage *storage = vector_at(&made.table.storages, s);
    storage->has_crc = false;
    memset(made.bytes + storage->at, 0xff, 8);
    made_tensor(&made, "t", TV_F32, s, 0, SHAPE(2), NULL);
    uint8_t *file = write_table(&made, (struct plan_options){0}, &size);
    CHECK(compare(&made, file, size) == TV_OK);
    file[size - 4] = 0xfe;
    CHECK(compare(&made, file, size) == TV_REJECTED);
    free(file);
    made_close(&made);
}

TEST(kept_metadata, "of a safetensors source all metadata must be there, unchanged")
{
    struct made made;
    uint64_t size = 0;
    tv_pair pairs[] = {{tv_span_str("a"), tv_span_str("1")}, {tv_span_str("b"), tv_span_str("2")}};
    struct compare_options options = {.metadata = pairs, .pairs = 2};
    make_small(&made);
    made.table.tensors.count = 2;
    uint8_t *file = write_table(&made, (struct plan_options){.metadata = pairs, .pairs = 2}, &size);
    CHECK(compare_with(&made, options, file, size) == TV_OK);
    options.pairs = 1;
    CHECK(compare_with(&made, options, file, size) == TV_REJECTED);
    options.pairs = 2;
    pairs[1].value = tv_span_str("3");
    CHECK(compare_with(&made, options, file, size) == TV_REJECTED);
    CHECK(compare_with(&made, (struct compare_options){.no_metadata = true}, file, size) == TV_REJECTED);
    free(file);
    file = write_table(&made, (struct plan_options){.no_metadata = true}, &size);
    CHECK(compare_with(&made, (struct compare_options){.no_metadata = true}, file, size) == TV_OK);
    CHECK(compare_with(&made, (struct compare_options){.metadata = pairs}, file, size) == TV_REJECTED);
    free(file);
    made_close(&made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
