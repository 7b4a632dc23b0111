/* Each rule of the header: its id, the exact byte and the subject of the finding, and a neighbour that is accepted. */
#include "vet.h"

#define A "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"

TEST(accepts_the_plain, "the smallest files and the ordinary ones are accepted")
{
    expect("{}", 0, NULL, 0, "");
    expect("{}      ", 0, NULL, 0, "");
    expect("{" A "}", 1, NULL, 0, "");
    expect("{ \"a\" : { \"shape\" :\t[ 1 ] ,\r\n\"data_offsets\": [ 0 , 1 ], \"dtype\":\"U8\" } }", 1, NULL, 0, "");
    expect("{\"__metadata__\":{}," A "}", 1, NULL, 0, "");
    expect("{" A ",\"__metadata__\":{\"k\":\"v\\n\",\"\":\"\"}}", 1, NULL, 0, "");
    expect("{\"\\u0061\":{\"\\u0064type\":\"U\\u0038\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, NULL, 0, "");
    expect("{\"\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, NULL, 0, "");
}

TEST(text_comes_first, "a fault of the text is found before one that stands earlier in the header")
{
    expect("", 0, "header-not-object", 8, "");
    expect(" {}", 0, "header-not-object", 8, "");
    expect("\xef\xbb\xbf{}", 0, "header-not-object", 8, "");
    expect("[]", 0, "header-not-object", 8, "");
    expect("{\"a\":1,\"\xff\":2}", 0, "header-invalid-utf8", 16, "");
    expect("{\"a\":1,\"b\":}", 0, "header-invalid-json", 19, "");
    expect("{\"a\":[[[1]]],\"b\":1}", 0, "header-too-deep", 15, "");
    expect("{\"a\":1}\n", 0, "header-trailing-bytes", 15, "");
    expect("{} {}", 0, "header-trailing-bytes", 11, "");
    expect("{}\t", 0, "header-trailing-bytes", 10, "");
}

TEST(json_is_strict, "RFC 8259, to the byte where it breaks")
{
    static const struct {
        const char *text;
        uint64_t offset;
    } cases[] = {
        {"{", 9},
        {"{\"", 10},
        {"{\"a", 11},
        {"{\"a\"", 12},
        {"{\"a\":", 13},
        {"{\"a\":1", 14},
        {"{,}", 9},
        {"{\"a\":1,}", 15},
        {"{\"a\":[1,]}", 16},
        {"{\"a\":[,1]}", 14},
        {"{\"a\" 1}", 13},
        {"{\"a\":1 \"b\":1}", 15},
        {"{'a':1}", 9},
        {"{a:1}", 9},
        {"{1:1}", 9},
        {"{\"a\":01}", 14},
        {"{\"a\":+1}", 13},
        {"{\"a\":-}", 14},
        {"{\"a\":.5}", 13},
        {"{\"a\":1.}", 15},
        {"{\"a\":1e}", 15},
        {"{\"a\":1e+}", 16},
        {"{\"a\":NaN}", 13},
        {"{\"a\":nul}", 16},
        {"{\"a\":True}", 13},
        {"{\"a\":\"\t\"}", 14},
        {"{\"a\":\"x\\x41\"}", 15},
        {"{\"a\":\"\\u12G4\"}", 14},
        {"{\"a\":\"\\ud83d\"}", 14},
        {"{\"a\":\"\\ude00\"}", 14},
        {"{\"a\":\"\\ud83d\\u0041\"}", 14},
        {"{\"a\":\"\\ud83d\\ud83d\"}", 14},
        {"{\"a\":\"\\U0041\"}", 14},
        {"{\"a\":1]", 14},
        {"{\"a\":[1}", 15},
        {"{/**/}", 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].text, 0, "header-invalid-json", cases[i].offset, "");
}

TEST(names, "names are unique once decoded, printable, and of bounded length")
{
    expect("{" A ",\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "duplicate-key", 61, "a");
    expect("{" A ",\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "duplicate-key", 61, "a");
    expect("{\"__metadata__\":{\"k\":\"1\",\"\\u006b\":\"2\"}}", 0, "duplicate-key", 33, "k");
    expect("{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0, "duplicate-key", 27, "__metadata__");
    expect("{\"__metadata__\":{\"a\":\"\"}," A "}", 1, NULL, 0, "");
    expect("{\"x\\n\":1}", 0, "name-control-character", 9, "x\n");
    expect("{\"\x7f\":1}", 0, "name-control-character", 9, "\x7f");
    expect("{\"\xc2\x85\":1}", 0, "name-control-character", 9, "\xc2\x85");
    expect("{\"__metadata__\":{\"\\u0001\":\"\"}}", 0, "name-control-character", 25, "\x01");
    expect("{\"\xc2\xa0\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, NULL, 0, "");
}

TEST(the_first_error_wins, "within names and tensors the earliest place decides, whatever the rule")
{
    expect("{" A ",\"b\":{\"dtype\":\"u8\"}," A "}", 1, "unknown-dtype", 74, "b");
    expect("{" A "," A ",\"b\":{\"dtype\":\"u8\"}}", 1, "duplicate-key", 61, "a");
    expect("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"},\"a\":1}", 0, "duplicate-key", 32, "k");
    expect("{\"a\":1,\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "wrong-type", 13, "a");
    expect("{\"__metadata__\":{\"k\":\"\",\"k\":1}}", 0, "duplicate-key", 32, "k");
}

TEST(metadata, "metadata is an object of strings")
{
    expect("{\"__metadata__\":null}", 0, "metadata-wrong-type", 24, "__metadata__");
    expect("{\"__metadata__\":[]}", 0, "metadata-wrong-type", 24, "__metadata__");
    expect("{\"__metadata__\":{\"k\":1}}", 0, "metadata-wrong-type", 29, "k");
    expect("{\"__metadata__\":{\"k\":null}}", 0, "metadata-wrong-type", 29, "k");
    expect("{\"__metadata__\":{\"k\":[\"v\"]}}", 0, "metadata-wrong-type", 29, "k");
    expect("{\"__metadata__\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "name-reserved", 46,
           "__metadata__");
}

#define T(fields) "{\"t\":{" fields "}}"

TEST(fields, "a tensor has three fields, once each, and no other")
{
    expect("{\"t\":[\"U8\",[1],[0,1]]}", 1, "wrong-type", 13, "t");
    expect("{\"t\":null}", 1, "wrong-type", 13, "t");
    expect("{\"t\":{}}", 0, "missing-field", 13, "t");
    expect(T("\"shape\":[1],\"data_offsets\":[0,1]"), 1, "missing-field", 13, "t");
    expect(T("\"dtype\":\"U8\",\"data_offsets\":[0,1]"), 1, "missing-field", 13, "t");
    expect(T("\"dtype\":\"U8\",\"shape\":[1]"), 1, "missing-field", 13, "t");
    expect(T("\"dtype\":\"U8\",\"shape\":[1],\"x\":0,\"data_offsets\":[0,1]"), 1, "unknown-field", 39, "t");
    expect(T("\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"), 1, "duplicate-field", 27, "t");
    expect(T("\"dtype\":\"U8\",\"\\u0064type\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"), 1, "duplicate-field", 27,
           "t");
}

TEST(types, "each field has its type")
{
    expect(T("\"dtype\":{\"U8\":null}"), 1, "wrong-type", 22, "t");
    expect(T("\"dtype\":null"), 1, "wrong-type", 22, "t");
    expect(T("\"dtype\":\"u8\""), 1, "unknown-dtype", 22, "t");
    expect(T("\"dtype\":\"\""), 1, "unknown-dtype", 22, "t");
    expect(T("\"dtype\":\"F128\""), 1, "unknown-dtype", 22, "t");
    expect(T("\"shape\":1"), 1, "wrong-type", 22, "t");
    expect(T("\"shape\":{}"), 1, "wrong-type", 22, "t");
    expect(T("\"shape\":[\"1\"]"), 1, "wrong-type", 23, "t");
    expect(T("\"shape\":[true]"), 1, "wrong-type", 23, "t");
    expect(T("\"shape\":[[1]]"), 1, "header-too-deep", 23, "");
}

TEST(layout, "tensors tile the data section")
{
#define P(name, b, e, n) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" n "],\"data_offsets\":[" b "," e "]}"
    expect("{" P("a", "4", "6", "2") "," P("b", "0", "4", "4") "}", 6, NULL, 0, "");
    expect("{" P("a", "4", "6", "2") "," P("b", "0", "3", "3") "}", 6, "offsets-gap", 9, "a");
    expect("{" P("a", "1", "2", "1") "}", 2, "offsets-gap", 9, "a");
    expect("{" P("a", "0", "4", "4") "," P("b", "3", "6", "3") "}", 6, "offsets-overlap", 61, "b");
    expect("{" P("a", "0", "4", "4") "," P("b", "0", "4", "4") "}", 4, "offsets-overlap", 61, "b");
    expect("{" P("a", "0", "4", "4") "}", 3, "offsets-out-of-range", 9, "a");
    expect("{" P("a", "0", "4", "4") "}", 5, "trailing-data", 8 + 53 + 4, "");
    expect("{}", 1, "trailing-data", 10, "");
    expect("{" P("a", "0", "0", "0") "," P("b", "0", "4", "4") "," P("c", "4", "4", "0") "}", 4, NULL, 0, "");
    expect("{" P("a", "0", "4", "4") "," P("b", "2", "2", "0") "}", 4, "offsets-overlap", 61, "b");
}

TEST(limits, "every limit holds at its value and breaks one above it")
{
    tv_limits limits = tv_limits_default();
    limits.name_bytes = 1;
    expect_limits("{" A "}", 1, &limits, NULL, 0, "");
    limits.name_bytes = 0;
    expect_limits("{" A "}", 1, &limits, "name-too-long", 9, "a");
    limits = tv_limits_default();
    limits.rank = 1;
    expect_limits("{" A "}", 1, &limits, NULL, 0, "");
    limits.rank = 0;
    expect_limits("{" A "}", 1, &limits, "rank-too-large", 35, "a");
    limits = tv_limits_default();
    limits.tensors = 1;
    expect_limits("{" A "}", 1, &limits, NULL, 0, "");
    limits.tensors = 0;
    expect_limits("{" A "}", 1, &limits, "too-many-tensors", 9, "a");
    limits = tv_limits_default();
    limits.metadata_bytes = 2;
    expect_limits("{\"__metadata__\":{\"a\":\"1\",\"b\":\"\\n\"}}", 0, &limits, NULL, 0, "");
    limits.metadata_bytes = 1;
    expect_limits("{\"__metadata__\":{\"a\":\"1\",\"b\":\"\\n\"}}", 0, &limits, "metadata-too-large", 37, "b");
    limits = tv_limits_default();
    limits.header_bytes = 2;
    expect_limits("{}", 0, &limits, NULL, 0, "");
    limits.header_bytes = 1;
    expect_limits("{}", 0, &limits, "header-too-large", 0, "");
}

TEST(notes, "what is notable does not reject, and is counted once")
{
    tv_limits limits = tv_limits_default();
    struct file file = file_of("{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"\xe2\x80\xae"
                               "a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]},\"b\":{\"dtype\":\"F16\","
                               "\"shape\":[1],\"data_offsets\":[5,7]}}",
                               7);
    struct vetted *v = vet(&file, &limits, 0);
    CHECK(v->status == TV_OK && v->findings.count == 4);
    CHECK(v->findings.items[0].id == TV_FIND_HEADER_UNALIGNED && v->findings.items[0].offset == 0);
    CHECK(v->findings.items[1].id == TV_FIND_NAME_BIDI && v->findings.items[1].offset == 60);
    CHECK(v->findings.items[2].id == TV_FIND_NAME_EMPTY && v->findings.items[2].offset == 9);
    CHECK(v->findings.items[3].id == TV_FIND_TENSOR_MISALIGNED && v->findings.items[3].a > 0);
    vetted_free(v);
    file_free(&file);
}

static void expect_prefix(const void *bytes, size_t size, uint64_t file_size, const char *id)
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    uint64_t length = 0;
    memset(&findings, 0, sizeof findings);
    tv_status status = tv_header_length(tv_span_of(bytes, size), file_size, &limits, &length, &findings);
    CHECK_MSG(status == TV_REJECTED && findings.count == 1 &&
                  strcmp(tv_finding_info_of(findings.items[0].id)->id, id) == 0,
              "%s: %s", id, tv_finding_info_of(findings.items[0].id)->id);
}

TEST(foreign, "what stands where a length should be is named")
{
    expect_prefix("", 0, 0, "empty-file");
    expect_prefix("abc", 3, 3, "file-too-short");
    expect_prefix("version https://git-lfs.github.com/spec/v1\n", 43, 130, "git-lfs-pointer");
    expect_prefix("version ", 8, 130, "git-lfs-pointer");
    expect_prefix("<!DOCTYPE html>", 15, 500, "html-page");
    expect_prefix("<html", 5, 5, "html-page");
    expect_prefix("\x80\x02}q\x01(X\x05", 8, 500, "pickle-in-disguise");
    expect_prefix("\x80\x02}.", 4, 4, "pickle-in-disguise");
    expect_prefix("PK\x03\x04\x14\x00\x08\x08", 8, 500, "archive-in-disguise");
    expect_prefix("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10, 500, "archive-in-disguise");
    expect_prefix("GGUF\x03\x00\x00\x00", 8, 500, "unsupported-kind");
    expect_prefix("\x93NUMPY\x01\x00", 8, 500, "unsupported-kind");
    expect_prefix("\xff\xff\xff\xff\xff\xff\xff\xff", 8, 500, "header-too-large");
    expect_prefix("\x80\x02\x00\x00\x00\x00\x00\x00", 8, 500, "header-length-beyond-file");
    expect_prefix("\x01\x00\x00\x00\x00\x00\x00\x00", 8, 8, "header-length-beyond-file");
}

TEST(prefix_needs_eight_bytes, "nothing is decided before the bytes that decide it are there")
{
    tv_limits limits = tv_limits_default();
    static tv_findings findings;
    uint64_t length = 0;
    for (size_t i = 0; i < 8; i++)
        CHECK(tv_header_length(tv_span_of("\x02\0\0\0\0\0\0\0", i), 10, &limits, &length, &findings) == TV_MORE);
    CHECK(tv_header_length(tv_span_of("\x02\0\0\0\0\0\0\0", 8), 10, &limits, &length, &findings) == TV_OK &&
          length == 2);
    CHECK(findings.count == 0);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
