/* The writer: its order, its bytes, and its refusals, which are the reader's. */
#include <stdlib.h>

#include "vet.h"

static tv_entry entry_of(const char *name, tv_dtype dtype, const uint64_t *shape, uint16_t rank)
{
    tv_entry entry = {tv_span_str(name), shape, rank, dtype, 0, 0};
    return entry;
}

/* Writes with defaults; the text of the header, or the id of the refusal in brackets. Static storage. */
static const char *written(tv_entry *entries, uint64_t count, tv_pair *pairs, uint64_t pair_count, bool has_metadata)
{
    static char out[4096];
    static tv_findings findings;
    tv_limits limits = tv_limits_default();
    uint64_t size = 0, needed = 0;
    memset(&findings, 0, sizeof findings);
    memset(out, 'x', sizeof out);
    tv_status status = tv_layout(entries, count, &findings);
    if (status == TV_OK) {
        status = tv_header_write(entries, count, pairs, pair_count, has_metadata, &limits, NULL, 0, &needed, &findings);
        CHECK(status != TV_OK);
        if (status == TV_NO_MEMORY)
            status = tv_header_write(entries, count, pairs, pair_count, has_metadata, &limits, (uint8_t *)out, needed,
                                     &size, &findings);
    }
    if (status != TV_OK) {
        CHECK(status == TV_REJECTED && findings.count == 1);
        (void)snprintf(out, sizeof out, "[%s]", tv_finding_info_of(findings.items[0].id)->id);
        return out;
    }
    CHECK(size == needed && size % 8 == 0 && out[size] == 'x');
    CHECK((uint8_t)out[0] + 256u * (uint8_t)out[1] == size - 8);
    out[size] = '\0';
    return out + 8;
}

/* Is that what is written, but for the padding? */
static void check_written(const char *found, const char *wanted)
{
    size_t size = strlen(wanted);
    CHECK_MSG(strncmp(found, wanted, size) == 0 && strspn(found + size, " ") == strlen(found) - size &&
                  strlen(found) - size < 8,
              "%s\n%s", found, wanted);
}

TEST(order_and_layout, "wide dtypes first, then names by their bytes; offsets back to back")
{
    uint64_t two[] = {2}, none[] = {3, 0};
    tv_entry entries[] = {entry_of("b", TV_U8, two, 1), entry_of("a", TV_U8, NULL, 0), entry_of("z", TV_F64, none, 2),
                          entry_of("B", TV_U8, two, 1), entry_of("m", TV_F4, two, 1)};
    check_written(written(entries, 5, NULL, 0, false),
                  "{\"z\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[0,0]},"
                  "\"B\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                  "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[2,3]},"
                  "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]},"
                  "\"m\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[5,6]}}");
}

TEST(escapes_and_metadata, "metadata comes first, sorted; strings are escaped as the reference escapes them")
{
    tv_pair pairs[] = {{tv_span_str("b"), tv_span_str("/\x7f\xc3\xa9")},
                       {tv_span_str("a"), tv_span_str("\"\\\b\f\n\r\t\x01\x1f")}};
    check_written(written(NULL, 0, pairs, 2, true),
                  "{\"__metadata__\":{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\",\"b\":\"/\x7f\xc3\xa9\"}}");
    check_written(written(NULL, 0, NULL, 0, true), "{\"__metadata__\":{}}");
    check_written(written(NULL, 0, NULL, 0, false), "{}");
}

TEST(refuses_names, "a name that the reader refuses is not written")
{
    static char longest[1025];
    memset(longest, 'n', sizeof longest);
    uint64_t one[] = {1};
    static const struct {
        const char *name, *outcome;
    } cases[] = {{"__metadata__", "[name-reserved]"},  {"\n", "[name-control-character]"},
                 {"\x7f", "[name-control-character]"}, {"\xc2\x80", "[name-control-character]"},
                 {"\xff", "[header-invalid-utf8]"},    {"\xed\xa0\x80", "[header-invalid-utf8]"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tv_entry entry = entry_of(cases[i].name, TV_U8, one, 1);
        tv_pair pair = {tv_span_str(cases[i].name), tv_span_str("")};
        CHECK(strcmp(written(&entry, 1, NULL, 0, false), cases[i].outcome) == 0);
        CHECK(i == 0 || strcmp(written(NULL, 0, &pair, 1, true), cases[i].outcome) == 0);
    }
    tv_pair value = {tv_span_str("k"), tv_span_str("\xff")};
    CHECK(strcmp(written(NULL, 0, &value, 1, true), "[header-invalid-utf8]") == 0);
    tv_entry entry = entry_of("", TV_U8, one, 1);
    entry.name = tv_span_of(longest, 1025);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[name-too-long]") == 0);
    entry.name = tv_span_of(longest, 1024);
    CHECK(written(&entry, 1, NULL, 0, false)[0] == '{');
}

TEST(refuses_duplicates, "two entries or two pairs of one name are refused, whatever their dtypes")
{
    uint64_t one[] = {1};
    tv_entry entries[] = {entry_of("a", TV_U8, one, 1), entry_of("b", TV_F32, one, 1), entry_of("c", TV_I64, one, 1),
                          entry_of("a", TV_F64, one, 1)};
    CHECK(strcmp(written(entries, 4, NULL, 0, false), "[duplicate-key]") == 0);
    tv_entry same[] = {entry_of("a", TV_U8, one, 1), entry_of("a", TV_U8, one, 1)};
    CHECK(strcmp(written(same, 2, NULL, 0, false), "[duplicate-key]") == 0);
    tv_pair pairs[] = {{tv_span_str("k"), tv_span_str("1")},
                       {tv_span_str("j"), tv_span_str("1")},
                       {tv_span_str("k"), tv_span_str("2")}};
    CHECK(strcmp(written(NULL, 0, pairs, 3, true), "[duplicate-key]") == 0);
}

TEST(refuses_shapes, "shapes and dtypes that the reader refuses")
{
    uint64_t big[] = {1ull << 32, 1ull << 32}, three[] = {3}, over[] = {1ull << 63}, half[] = {1ull << 60, 7};
    static uint64_t deep[65];
    for (unsigned i = 0; i < 65; i++)
        deep[i] = 1;
    tv_entry entry = entry_of("a", TV_U8, big, 2);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[shape-overflow]") == 0);
    entry = entry_of("a", TV_F4, three, 1);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[sub-byte-misaligned]") == 0);
    entry = entry_of("a", TV_U8, over, 1);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[integer-out-of-range]") == 0);
    entry = entry_of("a", TV_U8, deep, 65);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[rank-too-large]") == 0);
    entry = entry_of("a", (tv_dtype)TV_DTYPE_COUNT, three, 1);
    CHECK(strcmp(written(&entry, 1, NULL, 0, false), "[unknown-dtype]") == 0);
    tv_entry sum[] = {entry_of("a", TV_F4, half, 2), entry_of("b", TV_F4, half, 2), entry_of("c", TV_F4, half, 2)};
    CHECK(strcmp(written(sum, 3, NULL, 0, false), "[shape-overflow]") == 0);
    uint64_t eighth[] = {(1ull << 61) - 1};
    tv_entry nine[9];
    for (unsigned i = 0; i < 9; i++)
        nine[i] = entry_of((const char *[]){"a", "b", "c", "d", "e", "f", "g", "h", "i"}[i], TV_U8, eighth, 1);
    CHECK(strcmp(written(nine, 9, NULL, 0, false), "[integer-out-of-range]") == 0);
    CHECK(written(nine, 4, NULL, 0, false)[0] == '{');
}

TEST(misuse_is_seen, "entries that tv_layout did not make, and pairs without metadata, are misuse")
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    uint64_t one[] = {1}, size = 0;
    tv_entry entries[] = {entry_of("a", TV_U8, one, 1), entry_of("b", TV_U8, one, 1)};
    tv_pair pair = {tv_span_str("k"), tv_span_str("v")};
    CHECK(tv_header_write(entries, 2, NULL, 0, false, &limits, NULL, 0, &size, &findings) == TV_MISUSE);
    CHECK(tv_layout(entries, 2, &findings) == TV_OK);
    entries[0].name = tv_span_str("c");
    CHECK(tv_header_write(entries, 2, NULL, 0, false, &limits, NULL, 0, &size, &findings) == TV_MISUSE);
    CHECK(tv_header_write(NULL, 0, &pair, 1, false, &limits, NULL, 0, &size, &findings) == TV_MISUSE);
    CHECK(findings.count == 0);
}

TEST(limits_are_the_readers, "what exceeds a limit is refused with the reader's id")
{
    static tv_findings findings;
    uint64_t one[] = {1}, size = 0;
    tv_entry entry = entry_of("a", TV_U8, one, 1);
    tv_pair pair = {tv_span_str("k"), tv_span_str("v")};
    CHECK(tv_layout(&entry, 1, &findings) == TV_OK);
    static const struct {
        const char *name, *id;
    } cases[] = {{"header_bytes", "header-too-large"},
                 {"rank", "rank-too-large"},
                 {"name_bytes", "name-too-long"},
                 {"metadata_bytes", "metadata-too-large"},
                 {"tensors", "too-many-tensors"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tv_limits limits = tv_limits_default();
        CHECK(tv_limit_set(&limits, cases[i].name, 0));
        memset(&findings, 0, sizeof findings);
        CHECK(tv_header_write(&entry, 1, &pair, 1, true, &limits, NULL, 0, &size, &findings) == TV_REJECTED);
        CHECK(findings.count == 1 && strcmp(tv_finding_info_of(findings.items[0].id)->id, cases[i].id) == 0);
    }
}

TEST(reads_back, "what is written is accepted, without a warning, and is what was meant: random dictionaries")
{
    uint64_t random = 11;
    tv_limits limits = tv_limits_default();
    for (unsigned round = 0; round < 500; round++) {
        tv_entry entries[32];
        uint64_t shapes[32][3], size = 0, count = next_random(&random) % 32, end = 0;
        char names[32][24];
        static tv_findings findings;
        static uint8_t out[16384];
        memset(&findings, 0, sizeof findings);
        for (uint64_t i = 0; i < count; i++) {
            (void)snprintf(names[i], sizeof names[i], "\xc3\xa9\"%u.%u", (unsigned)i,
                           (unsigned)(next_random(&random) % 99));
            for (unsigned d = 0; d < 3; d++)
                shapes[i][d] = next_random(&random) % 4 * 4;
            entries[i] = entry_of(names[i], (tv_dtype)(next_random(&random) % TV_DTYPE_COUNT), shapes[i],
                                  (uint16_t)(1 + next_random(&random) % 3));
        }
        CHECK(tv_layout(entries, count, &findings) == TV_OK);
        tv_status status = tv_header_write(entries, count, NULL, 0, false, &limits, out, sizeof out, &size, &findings);
        CHECK_MSG(status == TV_OK, "%s", outcome_text(status, &findings, NULL));
        if (count > 0)
            end = entries[count - 1].end;
        struct file file = file_of_bytes(out + 8, (size_t)size - 8, end);
        struct vetted *v = vet(&file, &limits, random);
        CHECK(v->status == TV_OK && v->findings.count == 0 && v->index.count == count);
        for (uint64_t i = 0; i < count; i++) {
            const tv_tensor *t = tv_index_find(&v->index, entries[i].name);
            uint64_t shape[3];
            CHECK(t != NULL && t->begin == entries[i].begin && t->end == entries[i].end && t->rank == entries[i].rank);
            tv_tensor_shape(&v->index, t, shape);
            CHECK(memcmp(shape, entries[i].shape, t->rank * sizeof shape[0]) == 0);
        }
        vetted_free(v);
        file_free(&file);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
