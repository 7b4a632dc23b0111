/* Legacy streams: five pickles and their storages, alone or nested in a pickle. */
#include "check.h"
#include "reading.h"

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
    end_reading(&r);
    for (size_t size = 0; size < b.size; size++) {
        tv_span part = tv_span_of(b.data, size);
        read_bytes(&r, part, TV_KIND_TORCH_LEGACY, NULL, false);
        CHECK_MSG(r.status == TV_REJECTED, "cut at %zu", size);
        end_reading(&r);
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
        end_reading(&r);
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
        end_reading(&r);
        free_bytes(&b);
        free_bytes(&object);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
