/* Kinds come from bytes alone, and nothing passes as one kind that another loader takes for another. */
#include <stdlib.h>

#include "assemble.h"
#include "check.h"
#include "checkpoint.h"

static tv_kind kind_of(tv_span bytes)
{
    tv_kind kind = TV_KIND_UNKNOWN;
    tv_limits limits = tv_limits_default();
    struct source source = source_of_memory(bytes);
    CHECK(source_identify(&source, &limits, &kind) == TV_OK);
    return kind;
}

#define BYTES(text) (text), sizeof(text) - 1
static const struct sample {
    const char *data;
    size_t size;
    tv_kind kind;
} samples[] = {
    {BYTES(""), TV_KIND_EMPTY},
    {BYTES("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.rest"), TV_KIND_TORCH_LEGACY},
    {BYTES("\x80\4\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.rest"), TV_KIND_TORCH_LEGACY},
    {BYTES("L119547037146038801333356L\n.rest"), TV_KIND_TORCH_LEGACY},
    {BYTES("\x80\2]."), TV_KIND_PICKLE},
    {BYTES("\x80\4"), TV_KIND_PICKLE},
    {BYTES("(lp0\nI1\na."), TV_KIND_PICKLE},
    {BYTES("cos\nsystem\n(S'x'\ntR"), TV_KIND_PICKLE},
    {BYTES("Nothing of the kind"), TV_KIND_UNKNOWN},
    {BYTES("(some text in brackets)"), TV_KIND_UNKNOWN},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), TV_KIND_GIT_LFS_POINTER},
    {BYTES("<!DOCTYPE html><html>"), TV_KIND_HTML},
    {BYTES("GGUF\3\0\0\0"), TV_KIND_GGUF},
    {BYTES("\x1f\x8b\x08\0\0\0\0\0"), TV_KIND_GZIP},
};

TEST(kinds_by_bytes, "each kind is told by its bytes")
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        tv_kind kind = kind_of(tv_span_of(samples[i].data, samples[i].size));
        CHECK_MSG(kind == samples[i].kind, "sample %zu: %s", i, tv_kind_name(kind));
    }
}

static tv_kind kind_of_names(const char *first, const char *second, size_t cut)
{
    struct archive a = {0};
    add_entry(&a, first, "content", 7);
    add_entry(&a, second, "content", 7);
    finish_archive(&a);
    tv_kind kind = kind_of(tv_span_of(a.bytes.data, a.bytes.size - cut));
    free_bytes(&a.bytes);
    return kind;
}

TEST(zips_by_names, "zip archives are told apart by the names in their directory")
{
    CHECK(kind_of_names("m/data.pkl", "m/version", 0) == TV_KIND_TORCH_ZIP);
    CHECK(kind_of_names("m/data.pkl", "m/constants.pkl", 0) == TV_KIND_TORCHSCRIPT);
    CHECK(kind_of_names("m/model.json", "m/attributes.pkl", 0) == TV_KIND_TORCHSCRIPT);
    CHECK(kind_of_names("m/.data/extern_modules", "m/.data/version", 0) == TV_KIND_TORCH_PACKAGE);
    CHECK(kind_of_names("m/archive_format", "m/models/model.json", 0) == TV_KIND_PT2);
    CHECK(kind_of_names("MAR-INF/MANIFEST.json", "model.pt", 0) == TV_KIND_MAR);
    CHECK(kind_of_names("a.npy", "b.npy", 0) == TV_KIND_NPZ);
    CHECK(kind_of_names("a.txt", "b.npy", 0) == TV_KIND_ZIP);
    CHECK(kind_of_names("m/data.pkl", "m/version", 1) == TV_KIND_TORCH_ZIP);
    CHECK(kind_of_names("a.txt", "b.txt", 1) == TV_KIND_ZIP);
}

/* A safetensors file of one U8 tensor that holds those bytes, whose header is padded to that length. */
static void make_safetensors(struct bytes *b, uint64_t header_size, const void *data, size_t size)
{
    char header[128];
    int used = snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}",
                        size, size);
    put_u64(b, header_size);
    put(b, header, (size_t)used);
    while (b->size < 8 + header_size)
        put_text(b, " ");
    put(b, data, size);
}

static bool is_polyglot(const struct bytes *b)
{
    tv_limits limits = tv_limits_default();
    struct source source = source_of_memory(span_of(b));
    tv_findings *findings = calloc(1, sizeof *findings);
    CHECK(findings != NULL);
    tv_status status = source_polyglot(&source, &limits, findings);
    bool found = status == TV_REJECTED && strcmp(first_error(findings), "polyglot") == 0;
    CHECK(found || status == TV_OK);
    free(findings);
    return found;
}

TEST(polyglots, "a safetensors file that is a zip archive or a pickle too is told")
{
    struct bytes b = {0}, payload = {0};
    struct archive a = {0};
    make_safetensors(&b, 128, "harmless", 8);
    CHECK(kind_of(span_of(&b)) == TV_KIND_SAFETENSORS && !is_polyglot(&b));
    free_bytes(&b);
    add_entry(&a, "m/data.pkl", "N.", 2);
    finish_archive(&a);
    make_safetensors(&b, 128, a.bytes.data, a.bytes.size);
    CHECK(is_polyglot(&b));
    put_text(&b, "trailing");
    CHECK(is_polyglot(&b));
    free_bytes(&b);
    make_safetensors(&b, 0x04034b50, "x", 1);
    CHECK(is_polyglot(&b));
    free_bytes(&b);
    /* The header's length reads "U\x80": a string of 128 bytes, over which the machine jumps into the data. */
    put_text(&payload, "cos\nsystem\n(S'true'\ntR.");
    make_safetensors(&b, 0x8055, "", 0);
    memcpy(b.data + 2 + 0x80, payload.data, payload.size);
    CHECK(is_polyglot(&b));
    free_bytes(&b);
    free_bytes(&payload);
    free_bytes(&a.bytes);
}

/* An empty archive's record, after every string of up to five bytes that could be mistaken for its beginning. */
TEST(end_records_anywhere, "an end record is found wherever it begins, and whatever stands before it")
{
    static const unsigned char parts[] = {'P', 'K', 5, 6, 0, 'x'};
    static const char end[22] = "PK\5\6";
    for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6; n++) {
        struct bytes b = {0};
        make_safetensors(&b, 128, "12345678", n % 8);
        for (unsigned left = n, i = 0; i < 5; i++, left /= 6)
            put_u8(&b, parts[left % 6]);
        put(&b, end, sizeof end);
        CHECK_MSG(is_polyglot(&b), "before it: %u", n);
        free_bytes(&b);
    }
}

/* Bytes without PROTO that run for longer than a limit allows, before they name anything. */
TEST(limits_do_not_hide_pickles, "what a limit stops while it runs as a pickle is one; without memory, nobody knows")
{
    char text[] = "N0N0N0N0N0N0N0N0N0N0cos\nsystem\n(S'true'\ntR.";
    struct source source = source_of_memory(tv_span_str(text));
    tv_limits limits = tv_limits_default();
    tv_kind kind = TV_KIND_UNKNOWN;
    limits.pickle_ops = 10;
    CHECK(source_identify(&source, &limits, &kind) == TV_OK && kind == TV_KIND_PICKLE);
    limits = tv_limits_default();
    limits.memory_bytes = 16;
    CHECK(source_identify(&source, &limits, &kind) == TV_NO_MEMORY && kind == TV_KIND_PICKLE);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
