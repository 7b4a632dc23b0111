/* Properties of the reader that hold for every input: it never crashes, never changes its mind, never takes more memory
 * than it says, never more time than n log n. */
#include "vet.h"

#include <inttypes.h>
#include <stdlib.h>

/* A file with everything in it: metadata, escapes, other orders, sub-byte and empty tensors. */
static const char rich[] = "{\"__metadata__\":{\"format\":\"pt\",\"\\u006b\":\"v\\ud83d\\ude00\"},"
                           "\"z\\\"q\":{\"shape\":[2,3],\"dtype\":\"F32\",\"data_offsets\":[2,26]},"
                           "\"\xc3\xa9\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]},"
                           "\"empty\" : {\"dtype\":\"I64\",\"shape\":[0,99999],\"data_offsets\":[2,2]},"
                           "\"scalar\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[26,28]}}   ";
enum { RICH_DATA = 28 };

static char *outcome_of(const struct file *file, const tv_limits *limits, uint64_t seed)
{
    struct vetted *v = vet(file, limits, seed);
    const char *text = outcome_text(v->status, &v->findings, &v->index);
    char *copy = malloc(strlen(text) + 1);
    CHECK(copy != NULL);
    strcpy(copy, text);
    vetted_free(v);
    return copy;
}

TEST(rich_is_good, "the file that the others break is accepted")
{
    tv_limits limits = tv_limits_default();
    struct file file = file_of(rich, RICH_DATA);
    struct vetted *v = vet(&file, &limits, 0);
    CHECK(v->status == TV_OK && v->index.count == 4 && v->index.metadata_count == 2);
    CHECK(tv_index_find(&v->index, tv_span_str("z\"q")) == &v->index.tensors[2]);
    CHECK(tv_index_find(&v->index, tv_span_str("z\\\"q")) == NULL);
    CHECK(tv_index_find(&v->index, tv_span_str("\xc3\xa9")) == &v->index.tensors[0]);
    vetted_free(v);
    file_free(&file);
}

TEST(reads_back, "names, shapes and metadata come out decoded")
{
    tv_limits limits = tv_limits_default();
    struct file file = file_of(rich, RICH_DATA);
    struct vetted *v = vet(&file, &limits, 0);
    tv_span key, value, name;
    uint32_t cursor = 0;
    uint64_t shape[2];
    char text[16];
    CHECK(tv_metadata_next(&v->index, &cursor, &key, &value) && tv_span_is(key, "format") && tv_span_is(value, "pt"));
    CHECK(tv_metadata_next(&v->index, &cursor, &key, &value) && tv_json_unescape(key, text, sizeof text) == 1);
    CHECK(text[0] == 'k' && tv_json_unescape(value, text, sizeof text) == 5 &&
          memcmp(text, "v\xf0\x9f\x98\x80", 5) == 0);
    CHECK(!tv_metadata_next(&v->index, &cursor, &key, &value) && !tv_metadata_next(&v->index, &cursor, &key, &value));
    CHECK(tv_tensor_name_span(&v->index, &v->index.tensors[3], &name) && tv_span_is(name, "scalar"));
    CHECK(!tv_tensor_name_span(&v->index, &v->index.tensors[2], &name) && name.size == 0);
    CHECK(tv_tensor_name(&v->index, &v->index.tensors[2], text, 2) == 3 && text[0] == 'z' && text[1] == '"');
    tv_tensor_shape(&v->index, &v->index.tensors[1], shape);
    CHECK(shape[0] == 0 && shape[1] == 99999 && v->index.tensors[3].rank == 0);
    vetted_free(v);
    file_free(&file);
    file = file_of("{}", 0);
    v = vet(&file, &limits, 0);
    cursor = 0;
    CHECK(v->status == TV_OK && !tv_metadata_next(&v->index, &cursor, &key, &value));
    vetted_free(v);
    file_free(&file);
}

/* The check of a file under the default limits, in brief. */
struct brief {
    tv_status status;
    tv_finding_id first; /* error, or TV_FIND_NONE */
    unsigned findings, errors;
};

static struct brief brief_of(const struct file *file)
{
    tv_limits limits = tv_limits_default();
    struct vetted *v = vet(file, &limits, 0);
    struct brief brief = {v->status, v->error == NULL ? TV_FIND_NONE : v->error->id, v->findings.count, 0};
    for (uint32_t i = 0; i < v->findings.count; i++)
        brief.errors += tv_finding_info_of(v->findings.items[i].id)->severity == TV_ERROR;
    vetted_free(v);
    return brief;
}

TEST(truncated_anywhere,
     "a file cut at any byte asks for more while the size is the old one, and is refused for its new size")
{
    struct file file = file_of(rich, RICH_DATA);
    for (size_t size = 0; size < file.size; size++) {
        struct file cut = {malloc(size + 1), size, file.file_size}; /* its own block: a read beyond it is seen */
        CHECK(cut.bytes != NULL);
        memcpy(cut.bytes, file.bytes, size);
        struct brief b = brief_of(&cut);
        CHECK(b.status == TV_MORE && b.findings == 0);
        cut.file_size = size;
        b = brief_of(&cut);
        CHECK(b.status == TV_REJECTED && b.first != TV_FIND_NONE);
        file_free(&cut);
    }
    for (uint64_t missing = 1; missing <= RICH_DATA; missing++) {
        struct file cut = {file.bytes, file.size, file.file_size - missing};
        struct brief b = brief_of(&cut);
        CHECK(b.status == TV_REJECTED && b.first == TV_FIND_OFFSETS_OUT_OF_RANGE);
    }
    file_free(&file);
}

TEST(any_bit_flipped,
     "any single flip, and any byte replaced, gives one verdict: exactly one error, or none and an index")
{
    struct file file = file_of(rich, RICH_DATA);
    for (size_t at = 0; at < file.size; at++) {
        uint8_t was = file.bytes[at];
        for (unsigned value = 0; value < 256; value++) {
            file.bytes[at] = (uint8_t)value;
            struct brief b = brief_of(&file);
            bool longer = at < 8 && b.status == TV_MORE; /* a longer header than is there */
            CHECK(b.status == TV_OK || longer ? b.errors == 0 : b.status == TV_REJECTED && b.errors == 1);
        }
        file.bytes[at] = was;
    }
    file_free(&file);
}

TEST(seed_does_not_matter, "the seed of the name table changes nothing that is seen")
{
    tv_limits limits = tv_limits_default();
    struct file file = file_of(rich, RICH_DATA);
    char *first = outcome_of(&file, &limits, 0);
    for (uint64_t seed = 1; seed < 200; seed++) {
        char *other = outcome_of(&file, &limits, seed * 0x123456789abcdefu);
        CHECK(strcmp(first, other) == 0);
        free(other);
    }
    free(first);
    file_free(&file);
}

TEST(small_arenas, "with an arena of any size below what is needed: TV_NO_MEMORY, or the result; never a crash")
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    struct file file = file_of(rich, RICH_DATA);
    size_t enough = (size_t)tv_index_memory(file.size - 8);
    bool worked = false;
    for (size_t size = 0; size <= enough; size += 16) {
        uint8_t *memory = malloc(size + 1);
        tv_arena arena = {memory, size, 0};
        tv_index index;
        memset(&findings, 0, sizeof findings);
        CHECK(memory != NULL);
        tv_status status =
            tv_index_parse(tv_span_of(file.bytes, file.size), file.file_size, &limits, 0, &arena, &index, &findings);
        CHECK(status == TV_OK || (status == TV_NO_MEMORY && !worked));
        worked = worked || status == TV_OK;
        free(memory);
    }
    CHECK(worked);
    file_free(&file);
}

/* A header of `count` members `"name":{}` with the name from a callback-free rule: the number in that base. */
static struct text many_names(uint64_t count, const char *value, bool metadata, unsigned same_prefix)
{
    struct text text = {0};
    add_text(&text, metadata ? "{\"__metadata__\":{" : "{");
    for (uint64_t i = 0; i < count; i++)
        add_text(&text, "%s\"%.*s%" PRIu64 "\":%s", i > 0 ? "," : "", (int)same_prefix,
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i, value);
    add_text(&text, metadata ? "}}" : "}");
    return text;
}

TEST(memory_is_as_said,
     "no header needs more than tv_index_memory, however it is made: many tensors, many metadata keys")
{
    static const char empty[] = "{\"dtype\":\"F4\",\"shape\":[0],\"data_offsets\":[0,0]}";
    tv_limits limits = tv_limits_default();
    for (uint64_t count = 0; count < 3000; count = count * 2 + 1) {
        for (unsigned kind = 0; kind < 2; kind++) {
            struct text text = many_names(count, kind == 0 ? empty : "\"\"", kind == 1, 0);
            struct file file = file_of(text.data, 0);
            struct vetted *v = vet(&file, &limits, 0); /* its arena has exactly that size */
            CHECK(v->status == TV_OK);
            CHECK((kind == 0 ? v->index.count : v->index.metadata_count) == count);
            vetted_free(v);
            file_free(&file);
            free(text.data);
        }
    }
}

TEST(duplicates_anywhere, "a duplicate is found wherever its two places are, the earliest second place first")
{
    tv_limits limits = tv_limits_default();
    uint64_t random = 1;
    for (unsigned round = 0; round < 300; round++) {
        struct text text = {0};
        uint64_t second = 0, places[64], names[64], count = 2 + next_random(&random) % 62;
        add_text(&text, "{");
        for (uint64_t i = 0; i < count; i++) {
            names[i] = next_random(&random) % 200;
            places[i] = 8 + text.size + (i > 0 ? 1 : 0);
            add_text(&text, "%s\"n%" PRIu64 "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                     i > 0 ? "," : "", names[i]);
            for (uint64_t j = 0; j < i && second == 0; j++)
                if (names[j] == names[i])
                    second = places[i];
        }
        add_text(&text, "}");
        struct file file = file_of(text.data, 0);
        struct vetted *v = vet(&file, &limits, next_random(&random));
        CHECK(second == 0 ? v->status == TV_OK : v->status == TV_REJECTED && v->error->offset == second);
        vetted_free(v);
        file_free(&file);
        free(text.data);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
