/* From checkpoints to the tensor table: what torch writes is read, whatever else is refused by name. */
#include <stdlib.h>

#include "assemble.h"
#include "check.h"
#include "checkpoint.h"

/* A checkpoint read whole. */
struct reading {
    struct archive archive;
    struct checkpoint table;
    tv_limits limits;
    tv_findings *findings;
    tv_status status;
};

static void read_bytes(struct reading *r, tv_span bytes, tv_kind kind, const char *key, bool whole)
{
    struct source source = source_of_memory(bytes);
    r->limits = tv_limits_default();
    r->findings = calloc(1, sizeof *r->findings);
    CHECK(r->findings != NULL);
    struct ck_options options = {.limits = &r->limits, .key = key, .want_tensors = true, .whole = whole};
    r->status = checkpoint_read(&source, kind, &options, &r->table, r->findings);
}

static void read_zip(struct reading *r, const struct bytes *pickle, const void *storage, size_t size, const char *key)
{
    make_checkpoint(&r->archive, span_of(pickle), storage, size);
    read_bytes(r, span_of(&r->archive.bytes), TV_KIND_TORCH_ZIP, key, false);
}

static void end(struct reading *r)
{
    checkpoint_free(&r->table);
    CHECK(r->table.budget.bytes_left == r->limits.memory_bytes);
    free(r->findings);
    free_bytes(&r->archive.bytes);
}

static const struct ck_tensor *tensor_at(const struct reading *r, uint64_t index)
{
    return vector_at(&r->table.tensors, index);
}

static const struct ck_tensor *find_tensor(const struct reading *r, const char *name)
{
    for (uint64_t i = 0; i < r->table.tensors.count; i++)
        if (tv_span_is(tensor_at(r, i)->name, name))
            return tensor_at(r, i);
    return NULL;
}

/* Pieces of pickles. */
static void put_str(struct bytes *b, const char *text)
{
    put_text(b, "X");
    put_u32(b, strlen(text));
    put_text(b, text);
}

static void put_int(struct bytes *b, int64_t value)
{
    put(b, "\x8a\x08", 2);
    put_u64(b, (uint64_t)value);
}

static void put_global(struct bytes *b, const char *module, const char *name)
{
    put_text(b, "c");
    put_text(b, module);
    put_text(b, "\n");
    put_text(b, name);
    put_text(b, "\n");
}

static void put_ints(struct bytes *b, const int64_t *values, unsigned count)
{
    put_text(b, "(");
    for (unsigned i = 0; i < count; i++)
        put_int(b, values[i]);
    put_text(b, "t");
}

static void put_storage(struct bytes *b, const char *class_, const char *key, int64_t count)
{
    put_text(b, "(");
    put_str(b, "storage");
    put_global(b, "torch", class_);
    put_str(b, key);
    put_str(b, "cuda:0");
    put_int(b, count);
    put_text(b, "tQ");
}

/* A call of _rebuild_tensor_v2 on storage "0". */
struct view {
    const char *class_;
    int64_t count, offset;
    unsigned rank;
    int64_t shape[4], stride[4];
};

static void put_hooks(struct bytes *b)
{
    put_text(b, "\x89");
    put_global(b, "collections", "OrderedDict");
    put_text(b, ")R");
}

static void put_view(struct bytes *b, const struct view *v)
{
    put_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_text(b, "(");
    put_storage(b, v->class_, "0", v->count);
    put_int(b, v->offset);
    put_ints(b, v->shape, v->rank);
    put_ints(b, v->stride, v->rank);
    put_hooks(b);
    put_text(b, "tR");
}

static const struct view four_floats = {"FloatStorage", 4, 0, 1, {4}, {1}};

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
        end(&r);
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
    end(&r);
    free_bytes(&b);
}

/* A pickle written by hand around a call that makes four floats. */
static void put_around(struct bytes *b, const char *before, size_t before_size, const char *after, size_t after_size)
{
    put(b, before, before_size);
    put_view(b, &four_floats);
    put(b, after, after_size);
}
#define AROUND(b, before, after) put_around(b, before, sizeof(before) - 1, after, sizeof(after) - 1)

static void names_are(const struct bytes *b, const char *key, const char *name, const char *chosen)
{
    struct reading r = {0};
    read_zip(&r, b, "0123456789abcdef", 16, key);
    CHECK_MSG(r.status == TV_OK, "%s", first_error(r.findings));
    CHECK(r.table.tensors.count == 1);
    CHECK_MSG(tv_span_is(tensor_at(&r, 0)->name, name), "%.*s, not %s", (int)tensor_at(&r, 0)->name.size,
              (const char *)tensor_at(&r, 0)->name.data, name);
    CHECK(tv_span_is(r.table.chosen, chosen));
    end(&r);
}

TEST(names_and_choices, "keys join with dots; state_dict is taken, twice where nested twice; --key finds the longest")
{
    static const struct {
        const char *before, *after, *key, *name, *chosen;
    } cases[] = {
        {"", ".", NULL, "tensor", ""},
        {"]", "a.", NULL, "0", ""},
        {"}K\7", "s.", NULL, "7", ""},
        {"}U\1a}U\1b", "ss.", NULL, "a.b", ""},
        {"}U\1a(K\1K\2", "ts.", NULL, "a.2", ""},
        {"}U\nstate_dict}U\1b", "ss.", NULL, "b", "state_dict"},
        {"}U\nstate_dict}U\nstate_dict}U\1b", "sss.", NULL, "b", "state_dict.state_dict"},
        {"}U\nstate_dict", "s.", NULL, "state_dict", ""},
        {"}U\nstate_dict}U\1b", "ss.", ".", "state_dict.b", ""},
        {"}U\1a}U\1b", "ss.", "a", "b", "a"},
        {"}U\1a}U\1b", "ss.", "a.b", "tensor", "a.b"},
        {"}U\3a.b}U\1c", "ss.", "a.b", "c", "a.b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = {0};
        put_around(&b, cases[i].before, strlen(cases[i].before), cases[i].after, strlen(cases[i].after));
        names_are(&b, cases[i].key, cases[i].name, cases[i].chosen);
        free_bytes(&b);
    }
}

TEST(objects_without_a_model, "where nothing else holds tensors, objects of any class give theirs under plain names")
{
    static const struct {
        const char *before, *after, *key, *name, *chosen;
    } cases[] = {
        {"cmy\nBox\n)\x81}U\1w", "sb.", NULL, "w", ""}, /* an attribute */
        {"cmy\nBox\n)\x81N}U\1w",
         "s\x86"
         "b.",
         NULL, "w", ""}, /* one in __slots__ */
        {"cmy\nBox\n)\x81",
         "\x85"
         "b.",
         NULL, "0", ""},                                                   /* a state of its own form */
        {"cmy\nDict\n)RU\1w", "s.", NULL, "w", ""},                        /* a dict of a class of its own */
        {"cmy\nList\n)R", "a.", NULL, "0", ""},                            /* a list of a class of its own */
        {"cmy\nBox\n", "\x85\x81.", NULL, "0", ""},                        /* an argument */
        {"cmy\nBox\n)}U\1w", "s\x92.", NULL, "w", ""},                     /* an argument with a name */
        {"}U\1acmy\nBox\n)\x81}U\1w", "sbs.", NULL, "a.w", ""},            /* under a mapping */
        {"cmy\nBox\n)\x81}U\1a}U\1w", "ssb.", "a", "w", "a"},              /* --key leads in */
        {"cmy\nBox\n)\x81}cmy\nKey\n)\x81}U\1w", "ssb.", NULL, "0.w", ""}, /* a key that is an object */
        {"cmy\nNet\n)\x81}(U\x0b_parameters}U\x08_buffers}U\x08_modules}U\1w", "ub.", NULL, "w", ""},
        {"}(K\1\x85}U\1xK\1sU\1w", "u.", NULL, "w", ""}, /* an odd key spoils the names below it alone */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = {0};
        put_around(&b, cases[i].before, strlen(cases[i].before), cases[i].after, strlen(cases[i].after));
        names_are(&b, cases[i].key, cases[i].name, cases[i].chosen);
        free_bytes(&b);
    }
}

TEST(objects_beside_a_model, "an object's tensors are left out beside others, and met once where they are all there is")
{
    struct bytes b = {0};
    AROUND(&b, "}(U\5model}U\1w", "q\1sU\toptimizercmy\nBox\n)\x81}U\1mh\1sbu.");
    names_are(&b, NULL, "model.w", "");
    names_are(&b, "optimizer", "m", "optimizer");
    free_bytes(&b);
    AROUND(&b, "](cmy\nBox\n)\x81q\2}(U\1w", "U\2meh\2ubh\2e.");
    names_are(&b, NULL, "0.w", "");
    free_bytes(&b);
}

TEST(printed_keys_work,
     "an ambiguous root names the keys that lead on, those of a module too, and none that a shell could read")
{
    struct reading r = {0};
    struct bytes b = {0};
    put_text(&b, "cmy\nNet\n)\x81}(U\x0b_parameters}U\x08_buffers}U\x08_modules}(U\3ema"
                 "cmy\nNet\n)\x81}(U\x0b_parameters}U\1w");
    put_view(&b, &four_floats);
    put_text(&b, "q\1sU\x08_buffers}U\x08_modules}ubq\2U\2$xh\2U\1.h\2U\4netsh\2uub.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_REJECTED);
    bool listed = false;
    for (uint32_t i = 0; i < r.findings->count; i++) {
        const tv_finding *f = &r.findings->items[i];
        listed = listed || (f->id == TV_FIND_AMBIGUOUS_ROOT &&
                            tv_span_is(tv_span_of(f->detail, f->detail_size), "--key ema, --key nets"));
    }
    CHECK(listed);
    end(&r);
    names_are(&b, "ema", "w", "ema");
    names_are(&b, "nets", "w", "nets");
    names_are(&b, "ema.w", "tensor", "ema.w");
    free_bytes(&b);
}

TEST(ordered_dict_of_pairs, "an OrderedDict whose pairs are arguments, as Python 2 pickles it, is read in full")
{
    struct bytes b = {0};
    AROUND(&b,
           "\x80\2"
           "ccollections\nOrderedDict\n](](U\1w",
           "ee"
           "\x85"
           "R.");
    names_are(&b, NULL, "w", "");
    free_bytes(&b);
}

static void refused(const struct bytes *b, const char *key, const char *id)
{
    struct reading r = {0};
    read_zip(&r, b, "0123456789abcdef", 16, key);
    CHECK_MSG(r.status == TV_REJECTED && strcmp(first_error(r.findings), id) == 0, "%s instead of %s",
              first_error(r.findings), id);
    end(&r);
}

TEST(choices_that_are_refused, "an ambiguous root, a wrong key, a clash of names and a bad name are refused")
{
    struct bytes b = {0};
    AROUND(&b, "}(U\5model}U\1w", "q\1sU\toptimizer}U\1mh\1su.");
    refused(&b, NULL, "ambiguous-root");
    names_are(&b, "model", "w", "model");
    refused(&b, "other", "key-not-found");
    refused(&b, "model.x", "key-not-found");
    free_bytes(&b);
    AROUND(&b, "}(U\3a.b", "q\1U\1a}U\1bh\1su.");
    refused(&b, NULL, "tensor-name-clash");
    free_bytes(&b);
    AROUND(&b, "}(K\1",
           "q\1U\1"
           "1h\1u.");
    refused(&b, NULL, "tensor-name-clash");
    free_bytes(&b);
    AROUND(&b, "}U\x0c__metadata__", "s.");
    refused(&b, NULL, "tensor-name-invalid");
    free_bytes(&b);
    AROUND(&b, "}N", "s.");
    refused(&b, NULL, "tensor-name-invalid");
    free_bytes(&b);
    put_text(&b, "}U\1aK\1s.");
    refused(&b, NULL, "no-tensors");
    free_bytes(&b);
}

TEST(cycles_and_sharing, "a dictionary that holds itself is cut there; a shared one gives its tensors under both names")
{
    struct reading r = {0};
    struct bytes b = {0};
    AROUND(&b, "}q\1(U\1w", "U\4selfh\1u.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_OK && r.table.tensors.count == 1 && r.table.dropped.count == 1);
    end(&r);
    free_bytes(&b);
    memset(&r, 0, sizeof r);
    AROUND(&b, "}(U\1a}q\1U\1w", "sU\1bh\1u.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_OK && r.table.tensors.count == 2);
    CHECK(find_tensor(&r, "a.w") != NULL && find_tensor(&r, "b.w") != NULL && r.table.storages.count == 1);
    end(&r);
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
    end(&r);
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
    end(&r);
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
    end(&r);
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

/* A legacy stream: five pickles, then the storages. */
static void put_legacy(struct bytes *b, const struct bytes *object, const char *keys, int64_t count, const char *data)
{
    put(b, "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    put(b, "\x80\2M\xe9\3.", 6);
    put_text(b, "}(U\x10protocol_versionM\xe9\3U\rlittle_endian\x88U\ntype_sizes}u.");
    put(b, object->data, object->size);
    put_text(b, "](");
    for (; *keys != 0; keys++) {
        char key[2] = {*keys, 0};
        put_str(b, key);
    }
    put_text(b, "e.");
    put_u64(b, (uint64_t)count);
    put_text(b, data);
}

/* {"w": [3, 4]}: a view of elements 1 to 3 of storage "0", and of that the elements from 1 on. */
static void put_legacy_object(struct bytes *b, int64_t view_count)
{
    const int64_t shape[] = {2}, stride[] = {1};
    put_text(b, "}U\1wctorch._utils\n_rebuild_tensor\n((U\7storagectorch\nFloatStorage\nU\1"
                "0U\3cpuK\4(U\1v");
    put_int(b, 1);
    put_int(b, view_count);
    put_text(b, "ttQK\1");
    put_ints(b, shape, 1);
    put_ints(b, stride, 1);
    put_text(b, "tRs.");
}

TEST(legacy_streams, "a legacy stream is read, views of storages included")
{
    struct reading r = {0};
    struct bytes b = {0}, object = {0};
    put_legacy_object(&object, 3);
    put_legacy(&b, &object, "0", 4, "0123456789abcdef");
    read_bytes(&r, span_of(&b), TV_KIND_TORCH_LEGACY, NULL, false);
    CHECK_MSG(r.status == TV_OK && r.table.tensors.count == 1, "%s", first_error(r.findings));
    const struct ck_tensor *t = tensor_at(&r, 0);
    const struct storage *s = vector_at(&r.table.storages, 0);
    CHECK(tv_span_is(t->name, "w") && t->offset == 2 && t->bytes == 8 && s->size == 16 && !s->has_crc);
    CHECK(memcmp(b.data + s->at, "0123456789abcdef", 16) == 0);
    end(&r);
    for (size_t size = 0; size < b.size; size++) {
        tv_span part = tv_span_of(b.data, size);
        read_bytes(&r, part, TV_KIND_TORCH_LEGACY, NULL, false);
        CHECK_MSG(r.status == TV_REJECTED, "cut at %zu", size);
        end(&r);
    }
    free_bytes(&b);
    free_bytes(&object);
}

TEST(nested_streams,
     "a tensor in a plain pickle brings its storage as a legacy stream in bytes, which is read in place")
{
    struct reading r = {0};
    struct bytes b = {0}, object = {0}, stream = {0};
    const int64_t shape[] = {4}, stride[] = {1};
    put_text(&object, "\x80\2(U\7storagectorch\nFloatStorage\nU\1"
                      "0U\3cpuK\4NtQ.");
    put_legacy(&stream, &object, "0", 4, "0123456789abcdef");
    for (unsigned lie = 0; lie < 2; lie++) {
        put_text(&b, "}U\1wctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\n(B");
        put_u32(&b, stream.size - lie);
        put(&b, stream.data, stream.size - lie);
        put(&b, "tRK\0", 4);
        put_ints(&b, shape, 1);
        put_ints(&b, stride, 1);
        put_hooks(&b);
        put_text(&b, "tRs.");
        read_bytes(&r, span_of(&b), TV_KIND_PICKLE, NULL, false);
        const char *id = first_error(r.findings);
        CHECK_MSG(strcmp(id, lie == 0 ? "" : "legacy-invalid") == 0, "%s", id);
        const struct storage *s = vector_at(&r.table.storages, 0);
        CHECK(lie != 0 || (r.table.tensors.count == 1 && memcmp(b.data + s->at, "0123456789abcdef", 16) == 0));
        end(&r);
        free_bytes(&b);
    }
    free_bytes(&object);
    free_bytes(&stream);
}

TEST(legacy_lies, "a legacy stream with a missing, unused or wrong storage, or with more behind it, is refused")
{
    static const struct {
        int64_t view;
        const char *keys;
        int64_t count;
        const char *data, *id;
    } cases[] = {
        {3, "", 4, "0123456789abcdef", "legacy-invalid"},
        {3, "1", 4, "0123456789abcdef", "legacy-invalid"},
        {3, "00", 4, "0123456789abcdef", "legacy-invalid"},
        {3, "0", 3, "0123456789ab", "storage-size-mismatch"},
        {3, "0", 5, "0123456789abcdef", "legacy-invalid"},
        {3, "0", -1, "0123456789abcdef", "legacy-invalid"},
        {3, "0", 4, "0123456789abcdefx", "legacy-invalid"},
        {4, "0", 4, "0123456789abcdef", "persistent-id-invalid"},
        {2, "0", 4, "0123456789abcdef", "tensor-out-of-bounds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading r = {0};
        struct bytes b = {0}, object = {0};
        put_legacy_object(&object, cases[i].view);
        put_legacy(&b, &object, cases[i].keys, cases[i].count, cases[i].data);
        read_bytes(&r, span_of(&b), TV_KIND_TORCH_LEGACY, NULL, false);
        CHECK_MSG(strcmp(first_error(r.findings), cases[i].id) == 0, "case %zu: %s", i, first_error(r.findings));
        end(&r);
        free_bytes(&b);
        free_bytes(&object);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
