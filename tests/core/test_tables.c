/* The tables: findings, limits, dtypes, kinds, magics; and messages, lists of findings, the arena. */
#include <ctype.h>
#include <stdlib.h>

#include "vet.h"

static bool is_kebab(const char *id)
{
    for (const char *c = id; *c != '\0'; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && (*c != '-' || c == id || c[1] == '\0'))
            return false;
    return id[0] != '\0';
}

TEST(findings_table, "ids are kebab-case and unique, every text is there and plain ASCII, templates name what exists")
{
    for (unsigned i = TV_FIND_NONE + 1; i < TV_FIND_COUNT; i++) {
        const tv_finding_info *info = tv_finding_info_of((tv_finding_id)i);
        const char *const texts[] = {info->stage, info->message, info->cause, info->example, info->todo};
        CHECK_MSG(is_kebab(info->id), "%s", info->id);
        CHECK_MSG(tv_finding_by_name(info->id) == (tv_finding_id)i, "%s is there twice", info->id);
        CHECK(tv_severity_name(info->severity)[0] != '?' && tv_class_name(info->class_)[0] != '?');
        CHECK(tv_remedy_name(info->remedy)[0] != '?');
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
            CHECK_MSG(texts[t][0] != '\0', "%s lacks a text", info->id);
            for (const char *c = texts[t]; *c != '\0'; c++)
                CHECK_MSG(*c >= 0x20 && *c < 0x7f, "%s: not ASCII", info->id);
        }
        for (const char *c = strchr(info->message, '%'); c != NULL; c = strchr(c + 1, '%'))
            CHECK_MSG(c[1] != '\0' && strchr("absd", c[1]) != NULL, "%s: %s", info->id, c);
    }
    CHECK(tv_finding_by_name("no-such-id") == TV_FIND_NONE && tv_finding_by_name("") == TV_FIND_NONE);
    CHECK(tv_finding_info_of(TV_FIND_COUNT) == tv_finding_info_of(TV_FIND_NONE));
    CHECK(tv_severity_name((tv_severity)9)[0] == '?' && tv_class_name((tv_class)99)[0] == '?');
    CHECK(tv_remedy_name((tv_remedy)99)[0] == '?');
}

TEST(messages, "subject and detail are quoted so that they cannot end their quotes, and say when they were cut")
{
    tv_findings list = {0};
    char text[2048], small[8], longer[400];
    memset(longer, 'n', sizeof longer);
    tv_finding *f = tv_findings_add(&list, TV_FIND_UNKNOWN_FIELD, 1, tv_span_str("a\"\\"), tv_span_str("f"));
    CHECK(tv_finding_message(f, text, sizeof text) == strlen(text));
    CHECK(strstr(text, "\"a\\\"\\\\\"") != NULL && strstr(text, "\"f\"") != NULL);
    CHECK(tv_finding_message(f, small, sizeof small) == 7 && strlen(small) == 7);
    CHECK(tv_finding_message(f, small, 0) == 0);
    f = tv_findings_add(&list, TV_FIND_NAME_TOO_LONG, 1, tv_span_of(longer, sizeof longer), tv_span_of(NULL, 0));
    f->a = UINT64_MAX;
    (void)tv_finding_message(f, text, sizeof text);
    CHECK(strstr(text, "\"... (400 bytes)") != NULL && strstr(text, "18446744073709551615") != NULL);
    CHECK(f->subject_size == 400 && tv_finding_subject(f).size == TV_SUBJECT_BYTES);
}

TEST(full_list, "a full list counts what it leaves out, and an error always finds a place while a note is left")
{
    tv_findings list = {0};
    tv_span none = tv_span_of(NULL, 0);
    for (unsigned i = 0; i < TV_FINDINGS_MAX + 3; i++)
        (void)tv_findings_add(&list, TV_FIND_NAME_BIDI, i, none, none);
    CHECK(list.count == TV_FINDINGS_MAX && list.omitted == 3 && tv_findings_first_error(&list) == NULL);
    for (unsigned i = 0; i < TV_FINDINGS_MAX + 2; i++)
        tv_findings_add(&list, TV_FIND_EMPTY_FILE, 1000 + i, none, none)->a = i;
    CHECK(list.count == TV_FINDINGS_MAX && list.omitted == TV_FINDINGS_MAX + 5);
    CHECK(tv_findings_first_error(&list) == &list.items[0]);
    CHECK(list.items[TV_FINDINGS_MAX - 1].offset == 1000); /* the first error took the last note's place */
}

TEST(limits_table, "limits are found by name, set and read, and have the documented defaults")
{
    tv_limits limits = tv_limits_default();
    size_t count = 0;
    const tv_limit_info *rows = tv_limit_table(&count);
    CHECK(count > 10 && limits.header_bytes == 100000000 && limits.rank == 64 && limits.name_bytes == 1024);
    CHECK(limits.metadata_bytes == 16777216 && limits.tensors == 2000000);
    for (size_t i = 0; i < count; i++) {
        CHECK(tv_limit_get(&limits, &rows[i]) == rows[i].standard);
        CHECK(tv_limit_set(&limits, rows[i].name, 7 + i) && tv_limit_get(&limits, &rows[i]) == 7 + i);
    }
    CHECK(!tv_limit_set(&limits, "nothing", 1));
}

TEST(dtypes_table, "22 dtypes, by exact name")
{
    CHECK(TV_DTYPE_COUNT == 22);
    for (unsigned i = 0; i < TV_DTYPE_COUNT; i++) {
        const char *name = tv_dtype_name((tv_dtype)i);
        CHECK(tv_dtype_by_name(tv_span_str(name)) == (tv_dtype)i && tv_dtype_bits((tv_dtype)i) >= 4);
        CHECK(tv_dtype_by_name(tv_span_of(name, strlen(name) - 1)) == TV_DTYPE_COUNT);
    }
    CHECK(tv_dtype_by_name(tv_span_str("f32")) == TV_DTYPE_COUNT &&
          tv_dtype_by_name(tv_span_str("")) == TV_DTYPE_COUNT);
    CHECK(tv_dtype_bits(TV_DTYPE_COUNT) == 0 && strcmp(tv_dtype_name(TV_DTYPE_COUNT), "?") == 0);
}

TEST(arena, "an arena gives zeroed, aligned memory until it is used up, and no overflow fools it")
{
    static _Alignas(16) uint8_t block[256];
    memset(block, 0xee, sizeof block);
    tv_arena arena = {block, sizeof block, 0};
    uint8_t *first = tv_arena_take(&arena, 1, 1);
    uint8_t *second = tv_arena_take(&arena, 3, 5);
    CHECK(first == block && second == block + 16 && arena.used == 32 && first[0] == 0 && second[14] == 0);
    CHECK(tv_arena_take(&arena, UINT64_MAX, 2) == NULL && tv_arena_take(&arena, UINT64_MAX, 1) == NULL);
    CHECK(tv_arena_take(&arena, 225, 1) == NULL && tv_arena_take(&arena, 224, 1) != NULL);
    CHECK(tv_arena_take(&arena, 1, 1) == NULL);
}

static void expect_kind(const void *bytes, size_t size, uint64_t file_size, tv_kind kind)
{
    static uint8_t head[TV_IDENTIFY_BYTES];
    memset(head, 0, sizeof head);
    memcpy(head, bytes, size);
    tv_kind found = tv_identify(tv_span_of(head, size), file_size);
    CHECK_MSG(found == kind, "%s, not %s", tv_kind_name(found), tv_kind_name(kind));
}
#define EXPECT_KIND(text, kind) expect_kind(text, sizeof(text) - 1, 100000, kind)

TEST(kinds, "every magic gives its kind")
{
    expect_kind("", 0, 0, TV_KIND_EMPTY);
    EXPECT_KIND("\x10\0\0\0\0\0\0\0{\"", TV_KIND_SAFETENSORS);
    EXPECT_KIND("\x10\0\0\0\0\0\0\0  {\"", TV_KIND_SAFETENSORS);
    EXPECT_KIND("\x10\0\0\0\0\0\0\0\xef\xbb\xbf{\"", TV_KIND_SAFETENSORS);
    EXPECT_KIND("\x80\x02\0\0\0\0\0\0{\"", TV_KIND_SAFETENSORS);
    EXPECT_KIND("PK\x03\x04\0\0\0\0{\"", TV_KIND_SAFETENSORS);
    EXPECT_KIND("\x10\0\0\0\0\0\0\0 \n\t", TV_KIND_SAFETENSORS); /* blanks as far as one sees */
    EXPECT_KIND("\x10\0\0\0\0\0\0\0abc", TV_KIND_UNKNOWN);
    EXPECT_KIND("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", TV_KIND_TORCH_LEGACY);
    EXPECT_KIND("\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", TV_KIND_TORCH_LEGACY);
    EXPECT_KIND("L119547037146038801333356L\n.", TV_KIND_TORCH_LEGACY);
    EXPECT_KIND("\x80\x02}q\0.", TV_KIND_PICKLE);
    EXPECT_KIND("\x80\x05\x95\x10\0\0\0\0\0\0\0}.", TV_KIND_PICKLE);
    EXPECT_KIND("\x80\x06}.", TV_KIND_UNKNOWN);
    EXPECT_KIND("PK\x03\x04\x14\0", TV_KIND_ZIP);
    EXPECT_KIND("\x93NUMPY\x01", TV_KIND_NUMPY);
    EXPECT_KIND("PYTORCH1", TV_KIND_TORCH_PREVIEW);
    EXPECT_KIND("\x1f\x8b\x08\0", TV_KIND_GZIP);
    EXPECT_KIND("BZh9", TV_KIND_BZIP2);
    EXPECT_KIND("\xfd"
                "7zXZ\0",
                TV_KIND_XZ);
    EXPECT_KIND("\x28\xb5\x2f\xfd", TV_KIND_ZSTD);
    EXPECT_KIND("\x04\x22\x4d\x18", TV_KIND_LZ4);
    EXPECT_KIND("7z\xbc\xaf\x27\x1c", TV_KIND_SEVEN_ZIP);
    EXPECT_KIND("Rar!", TV_KIND_RAR);
    EXPECT_KIND("GGUF\x03", TV_KIND_GGUF);
    EXPECT_KIND("lmgg", TV_KIND_GGML);
    EXPECT_KIND("\x89HDF\r\n\x1a\n", TV_KIND_HDF5);
    EXPECT_KIND("\x1c\0\0\0PTMF", TV_KIND_TORCH_MOBILE);
    EXPECT_KIND("\x1c\0\0\0"
                "ET12",
                TV_KIND_EXECUTORCH);
    EXPECT_KIND("\x08\x07\x12\x07pytorch\x1a", TV_KIND_ONNX);
    EXPECT_KIND("\x08\x07\x12\x07pyt\x01rch\x1a", TV_KIND_UNKNOWN);
    EXPECT_KIND("version https://git-lfs.github.com/spec/v1\n", TV_KIND_GIT_LFS_POINTER);
    EXPECT_KIND("<!DOCTYPE html>", TV_KIND_HTML);
    EXPECT_KIND("\n<!DOCTYPE html>", TV_KIND_HTML);
    EXPECT_KIND("{\"error\":\"Not found\"}", TV_KIND_HTML);
    EXPECT_KIND("hello", TV_KIND_UNKNOWN);
    for (unsigned i = 0; i < TV_KIND_COUNT; i++)
        CHECK(tv_kind_name((tv_kind)i)[0] != '\0' && tv_kind_what((tv_kind)i)[0] != '\0');
    CHECK(tv_kind_finding(TV_KIND_SAFETENSORS) == TV_FIND_NONE && tv_kind_finding(TV_KIND_HTML) == TV_FIND_HTML_PAGE);
}

/* A tar header of that name, its checksum right, or wrong by one. */
static void make_tar(uint8_t *block, const char *name, unsigned wrong)
{
    unsigned sum = wrong;
    memset(block, 0, 512);
    memcpy(block, name, strlen(name));
    memcpy(block + 257, "ustar", 5);
    memset(block + 148, ' ', 8);
    for (unsigned i = 0; i < 512; i++)
        sum += block[i];
    (void)snprintf((char *)block + 148, 8, "%06o", sum);
    block[155] = ' ';
}

TEST(tars, "a tar is known by its checksum, which beats even a plausible length")
{
    uint8_t block[512];
    make_tar(block, "sys_info", 0);
    expect_kind(block, 512, 10240, TV_KIND_TORCH_TAR);
    make_tar(block, "./pickle", 0);
    expect_kind(block, 512, 10240, TV_KIND_TORCH_TAR);
    make_tar(block, "other", 0);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    make_tar(block, "other", 1);
    expect_kind(block, 512, 10240, TV_KIND_UNKNOWN);
    make_tar(block, "other", 0);
    expect_kind(block, 511, 10240, TV_KIND_UNKNOWN);
    make_tar(block, "a\0\0\0\0\0\0\0{", 0);
    block[8] = '{';
    expect_kind(block, 512, 10240, TV_KIND_SAFETENSORS);
}

/* Puts another spelling of the checksum into the header, which leaves the sum as it is. */
static void restate(uint8_t *block, const char *spelling, size_t size)
{
    memset(block + 148, 0, 8);
    memcpy(block + 148, spelling, size);
}

TEST(tar_sums, "a tar is known however its checksum is spelled, as long as Python's tarfile reads that")
{
    static const struct {
        const char *before, *behind;
        tv_kind kind;
    } spellings[] = {{"", "", TV_KIND_TAR},      {"+", "", TV_KIND_TAR},      {"0o", "", TV_KIND_TAR},
                     {"\t", "\n", TV_KIND_TAR},  {"0_", "", TV_KIND_TAR},     {"", " ", TV_KIND_TAR},
                     {"-", "", TV_KIND_UNKNOWN}, {"", " x", TV_KIND_UNKNOWN}, {"", "8", TV_KIND_UNKNOWN}};
    uint8_t block[512];
    char text[16];
    unsigned sum = 0;
    make_tar(block, "other", 0);
    (void)sscanf((const char *)block + 148, "%o", &sum);
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        (void)snprintf(text, sizeof text, "%s%o%s", spellings[i].before, sum, spellings[i].behind);
        restate(block, text, strlen(text));
        expect_kind(block, 512, 10240, spellings[i].kind);
    }
    int size = snprintf(text, sizeof text, "%o", sum);
    text[size + 1] = 'x'; /* behind the NUL */
    restate(block, text, (size_t)size + 2);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    const char wide[8] = {(char)0x80, 0, 0, 0, 0, 0, (char)(sum >> 8 & 0xFF), (char)(sum & 0xFF)};
    restate(block, wide, 8);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
}

TEST(tar_signed, "a checksum of signed bytes counts, also one of 0 or below, which blanks and 0xff state")
{
    uint8_t block[512] = {0x80};
    memset(block + 200, 0xff, 100); /* 256 - 128 - 100 = 28 */
    restate(block, "34", 2);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    memset(block + 200, 0xff, 128); /* 0 */
    restate(block, "", 0);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    memset(block + 200, 0xff, 129); /* -1 */
    restate(block, "-1", 2);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    memset(block + 148, 0xff, 8);
    expect_kind(block, 512, 10240, TV_KIND_TAR);
    memset(block, 0, sizeof block);
    expect_kind(block, 512, 10240, TV_KIND_UNKNOWN);
}

TEST(version, "the library says which release it is: numbers and dots")
{
    const char *version = tv_version();
    CHECK(version[0] != '\0' && strspn(version, "0123456789.") == strlen(version));
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
