/* From checkpoints to the tensor table: what torch writes is read, whatever else is refused by name. */
#include <stdlib.h>

#include "check.h"
#include "reading.h"

/* {"w": view} as a whole pickle. */
static void put_dict_of(struct bytes *b, const struct view *v)
{
    put(b, "\x80\2}", 3);
    put_str(b, "w");
    put_view(b, v);
    put_text(b, "s.");
}

static const struct bounds {
    struct view view;
    const char *id; /* "" where it fits the 16 bytes of the storage */
} bounds[] = {
    {{"FloatStorage", 4, 0, 1, {4}, {1}}, ""},
    {{"FloatStorage", 4, 3, 0, {0}, {0}}, ""},
    {{"FloatStorage", 4, 0, 2, {2, 2}, {1, 2}}, ""},
    {{"FloatStorage", 4, 0, 2, {100, 4}, {0, 1}}, ""},
    {{"FloatStorage", 4, 9, 2, {0, 5}, {7, 1}}, ""},
    {{"FloatStorage", 4, 0, 2, {1, 4}, {1000000, 1}}, ""},
    {{"DoubleStorage", 2, 0, 1, {2}, {1}}, ""},
    {{"ComplexFloatStorage", 2, 0, 1, {2}, {1}}, ""},
    {{"ByteStorage", 16, 0, 1, {16}, {1}}, ""},
    {{"FloatStorage", 4, 0, 1, {5}, {1}}, "tensor-out-of-bounds"},
    {{"FloatStorage", 4, 1, 1, {4}, {1}}, "tensor-out-of-bounds"},
    {{"FloatStorage", 4, 4, 0, {0}, {0}}, "tensor-out-of-bounds"},
    {{"FloatStorage", 4, 0, 2, {2, 2}, {3, 1}}, "tensor-out-of-bounds"},
    {{"FloatStorage", 4, INT64_MAX, 0, {0}, {0}}, "tensor-out-of-bounds"},
    {{"FloatStorage", 4, 0, 2, {INT64_MAX, INT64_MAX}, {0, 0}}, "tensor-too-large"},
    {{"FloatStorage", 4, 0, 2, {3, 2}, {INT64_MAX, INT64_MAX}}, "tensor-too-large"},
    {{"FloatStorage", 4, 0, 2, {0, INT64_MAX}, {1, 1}}, ""},
    {{"FloatStorage", 4, 0, 3, {0, INT64_MAX, INT64_MAX}, {1, 1, 1}}, "tensor-too-large"},
    {{"FloatStorage", 4, 0, 2, {1 << 20, 1 << 20}, {0, 0}}, "tensor-expanded"},
    {{"FloatStorage", 4, -1, 1, {4}, {1}}, "tensor-malformed"},
    {{"FloatStorage", 4, 0, 1, {-4}, {1}}, "tensor-malformed"},
    {{"FloatStorage", 4, 3, 1, {4}, {-1}}, "tensor-malformed"},
    {{"FloatStorage", 5, 0, 1, {4}, {1}}, "storage-size-mismatch"},
    {{"FloatStorage", 3, 0, 1, {3}, {1}}, "storage-size-mismatch"},
    {{"FloatStorage", INT64_MAX, 0, 1, {3}, {1}}, "persistent-id-invalid"},
    {{"FloatStorage", -4, 0, 1, {3}, {1}}, "persistent-id-invalid"},
    {{"NoStorage", 4, 0, 1, {4}, {1}}, "unknown-global"},
};

TEST(views_stay_inside, "a view that reaches one element beyond its storage is refused, one that just fits is not")
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct reading r = {0};
        struct bytes b = {0};
        put_dict_of(&b, &bounds[i].view);
        read_zip(&r, &b, "0123456789abcdef", 16, NULL);
        const char *id = first_error(r.findings);
        CHECK_MSG(strcmp(id, bounds[i].id) == 0, "view %zu: '%s' instead of '%s'", i, id, bounds[i].id);
        CHECK((r.status == TV_OK) == (id[0] == 0));
        end_reading(&r);
        free_bytes(&b);
    }
}

TEST(table_says_what_torch_says, "name, dtype, shape, stride, offset and place of a tensor come out as they went in")
{
    struct reading r = {0};
    struct bytes b = {0};
    const struct view v = {"HalfStorage", 8, 1, 2, {3, 2}, {1, 3}};
    put_dict_of(&b, &v);
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK_MSG(r.status == TV_OK && r.table.tensors.count == 1, "%s", first_error(r.findings));
    const struct ck_tensor *t = tensor_at(&r, 0);
    const struct storage *s = vector_at(&r.table.storages, t->storage);
    CHECK(tv_span_is(t->name, "w") && t->dtype == TV_F16 && strcmp(t->source_dtype, "float16") == 0);
    CHECK(t->rank == 2 && t->shape[0] == 3 && t->shape[1] == 2 && t->stride[0] == 1 && t->stride[1] == 3);
    CHECK(t->offset == 1 && t->elements == 6 && t->bytes == 12);
    CHECK(s->size == 16 && s->has_crc && memcmp(r.archive.bytes.data + s->at, "0123456789abcdef", 16) == 0);
    CHECK(r.table.globals.count == 3 && r.table.dropped.count == 0);
    end_reading(&r);
    free_bytes(&b);
}

TEST(cycles_and_sharing, "a dictionary that holds itself is cut there; a shared one gives its tensors under both names")
{
    struct reading r = {0};
    struct bytes b = {0};
    AROUND(&b, "}q\1(U\1w", "U\4selfh\1u.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_OK && r.table.tensors.count == 1 && r.table.dropped.count == 1);
    end_reading(&r);
    free_bytes(&b);
    memset(&r, 0, sizeof r);
    AROUND(&b, "}(U\1a}q\1U\1w", "sU\1bh\1u.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_OK && r.table.tensors.count == 2);
    CHECK(find_tensor(&r, "a.w") != NULL && find_tensor(&r, "b.w") != NULL && r.table.storages.count == 1);
    end_reading(&r);
    free_bytes(&b);
}

TEST(walk_is_bounded, "a graph with 2^64 paths to nothing is given up at the limit, in little memory")
{
    struct reading r = {0};
    struct bytes b = {0};
    put_text(&b, ")");
    for (unsigned i = 0; i < 64; i++)
        put_text(&b, "2\x86");
    put_text(&b, ".");
    make_checkpoint(&r.archive, span_of(&b), "", 0);
    struct source source = source_of_memory(span_of(&r.archive.bytes));
    r.limits = tv_limits_default();
    r.limits.pickle_ops = 100000;
    r.limits.memory_bytes = 1u << 20;
    r.findings = calloc(1, sizeof *r.findings);
    struct ck_options options = {.limits = &r.limits, .want_tensors = true, .whole = true};
    r.status = checkpoint_read(&source, TV_KIND_TORCH_ZIP, &options, &r.table, r.findings);
    CHECK_MSG(strcmp(first_error(r.findings), "limit-pickle") == 0, "%s", first_error(r.findings));
    end_reading(&r);
    free_bytes(&b);
}

TEST(modules_are_walked, "an object with parameters, buffers and modules gives what its state_dict() would")
{
    struct reading r = {0};
    struct bytes b = {0};
    put_text(&b, "cmy\nNet\n)\x81}(U\x0b_parameters}(U\1w");
    put_view(&b, &four_floats);
    put_text(&b, "q\1U\4biasNuU\x08_buffers}(U\1bh\1U\4temph\1uU\x1b_non_persistent_buffers_set"
                 "c__builtin__\nset\n](U\4tempe\x85RU\x08_modules}U\3sub"
                 "cmy\nSub\n)\x81}(U\x0b_parameters}U\1vh\1sU\x08_buffers}U\x08_modules}ubsU\x08trainingI01\nub.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK_MSG(r.status == TV_OK, "%s", first_error(r.findings));
    CHECK(r.table.tensors.count == 3 && find_tensor(&r, "w") != NULL && find_tensor(&r, "b") != NULL);
    CHECK(find_tensor(&r, "sub.v") != NULL && strcmp(first_error(r.findings), "unknown-global") == 0);
    end_reading(&r);
    free_bytes(&b);
}

TEST(torchscript_is_data, "the modules of a TorchScript archive give their attributes; its code is not looked at")
{
    struct reading r = {0};
    struct bytes b = {0};
    put(&b, "\x80\2", 2);
    put_text(&b, "c__torch__\nNet\n)\x81}(U\1w");
    put_view(&b, &four_floats);
    put_text(&b, "U\x08trainingI01\nU\3subc__torch__.nn\nLinear\n)\x81}U\1v");
    put_view(&b, &four_floats);
    put_text(&b, "sbub.");
    add_entry(&r.archive, "m/data/0", "0123456789abcdef", 16);
    add_entry(&r.archive, "m/data.pkl", b.data, b.size);
    add_entry(&r.archive, "m/code/__torch__.py", "import os", 9);
    add_entry(&r.archive, "m/constants.pkl", "not even a pickle", 17);
    add_entry(&r.archive, "m/version", "3\n", 2);
    finish_archive(&r.archive);
    read_bytes(&r, span_of(&r.archive.bytes), TV_KIND_TORCHSCRIPT, NULL, false);
    CHECK_MSG(r.status == TV_OK, "%s", first_error(r.findings));
    CHECK(r.table.tensors.count == 2 && find_tensor(&r, "w") != NULL && find_tensor(&r, "sub.v") != NULL);
    checkpoint_free(&r.table);
    free(r.findings);
    read_bytes(&r, span_of(&r.archive.bytes), TV_KIND_TORCH_ZIP, NULL, false);
    CHECK_MSG(strcmp(first_error(r.findings), "zip-extra-entry") == 0, "%s", first_error(r.findings));
    end_reading(&r);
    free_bytes(&b);
}

TEST(storages_are_consistent, "one key used with two types, sizes or nothing behind it is refused")
{
    struct bytes b = {0};
    const struct view ints = {"IntStorage", 4, 0, 1, {4}, {1}};
    AROUND(&b, "](", "");
    put_view(&b, &ints);
    put_text(&b, "e.");
    refused(&b, NULL, "storage-inconsistent");
    free_bytes(&b);
    put_storage(&b, "FloatStorage", "7", 4);
    put_text(&b, ".");
    refused(&b, NULL, "storage-missing");
    free_bytes(&b);
    put_storage(&b, "FloatStorage", "../version", 4);
    put_text(&b, ".");
    refused(&b, NULL, "storage-missing");
    free_bytes(&b);
    put_text(&b, "U\7storageQ.");
    refused(&b, NULL, "persistent-id-invalid");
    free_bytes(&b);
}

TEST(calls_count_where_made, "a malformed tensor that nothing refers to is refused all the same")
{
    struct bytes b = {0};
    const struct view beyond = {"FloatStorage", 4, 4, 1, {4}, {1}};
    AROUND(&b, "}U\1w", "s");
    put_view(&b, &beyond);
    put_text(&b, "0.");
    refused(&b, NULL, "tensor-out-of-bounds");
    free_bytes(&b);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
