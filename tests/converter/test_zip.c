/* The strict zip reader: an archive as torch writes it passes, and each single lie in it gets its own id. */
#include <stdlib.h>

#include "archive/zip.h"
#include "assemble.h"
#include "check.h"

enum { A_DATA, A_EMPTY, A_STORAGE, A_VERSION };

static void make(struct archive *a)
{
    add_entry(a, "m/data.pkl", "pickle", 6);
    add_entry(a, "m/data/0", "", 0);
    add_entry(a, "m/data/1", "0123456789abcdef", 16);
    add_entry(a, "m/version", "3\n", 2);
    finish_archive(a);
}

/* Opens the archive; the id of the first error, or "". */
static const char *open_id(const struct archive *a, bool with_root)
{
    struct zip zip;
    tv_limits limits = tv_limits_default();
    struct budget budget = {limits.memory_bytes};
    struct source source = source_of_memory(span_of(&a->bytes));
    tv_findings *findings = calloc(1, sizeof *findings);
    CHECK(findings != NULL);
    tv_status status = zip_open(&source, &limits, &budget, &zip, findings);
    if (status == TV_OK && with_root)
        status = zip_find_root(&zip, findings);
    const char *id = first_error(findings);
    zip_close(&zip);
    free(findings);
    CHECK((status == TV_OK) == (id[0] == 0));
    CHECK(budget.bytes_left == limits.memory_bytes);
    return id;
}

TEST(torch_layout_passes, "an archive laid out as torch does it is read, and says where everything is")
{
    struct archive a = {0};
    struct zip zip;
    tv_limits limits = tv_limits_default();
    struct budget budget = {limits.memory_bytes};
    tv_findings *findings = calloc(1, sizeof *findings);
    make(&a);
    struct source source = source_of_memory(span_of(&a.bytes));
    CHECK(findings != NULL && zip_open(&source, &limits, &budget, &zip, findings) == TV_OK);
    CHECK(zip_find_root(&zip, findings) == TV_OK && findings->count == 0 && zip.has_crcs);
    CHECK(zip.entries.count == 4 && tv_span_is(zip.root, "m"));
    const struct zip_entry *e = zip_find(&zip, tv_span_str("data/1"));
    CHECK(e != NULL && e->size == 16 && e->data_at == a.entry[A_STORAGE].data_at && e->data_at % 64 == 0);
    CHECK(zip_find(&zip, tv_span_str("DATA/1")) == NULL && zip_find(&zip, tv_span_str("data/2")) == NULL);
    CHECK(zip_verify(&source, &zip, e, findings) == TV_OK);
    a.bytes.data[e->data_at] ^= 1;
    CHECK(zip_verify(&source, &zip, e, findings) == TV_REJECTED);
    CHECK_MSG(strcmp(first_error(findings), "zip-crc-mismatch") == 0, "%s", first_error(findings));
    zip_close(&zip);
    free(findings);
    free_bytes(&a.bytes);
}

/* Lies: each changes one thing in a good archive. */
static void swap_local_name(struct archive *a)
{
    a->bytes.data[a->entry[A_DATA].local_at + 30 + 2] = 'D';
}
static void lie_in_local_flags(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].local_at + 6, 0x808 | 1);
}
static void lie_in_local_method(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].local_at + 8, 8);
}
static void lie_in_local_time(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].local_at + 10, 7);
}
static void lie_in_local_size(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_DATA].local_at + 22, 5);
}
static void lie_in_local_crc(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_DATA].local_at + 14, 5);
}
static void spoil_padding(struct archive *a)
{
    a->bytes.data[a->entry[A_STORAGE].data_at - 1] = 'Y';
}
static void other_local_extra(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_STORAGE].local_at + 30 + 8, 0x7075);
}
static void lie_in_descriptor_crc(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_STORAGE].descriptor_at + 4, 1);
}
static void lie_in_descriptor_size(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_STORAGE].descriptor_at + 12, 17);
}
static void spoil_descriptor_magic(struct archive *a)
{
    a->bytes.data[a->entry[A_STORAGE].descriptor_at] = 'p';
}
static void encrypt_row(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 8, 0x809);
}
static void strange_method(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 10, 12);
}
static void two_sizes(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_DATA].row_at + 24, 7);
}
static void comment_in_row(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 32, 1);
}
static void row_of_other_disk(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 34, 1);
}
static void symbolic_link(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 4, 3 << 8);
    set_u32(&a->bytes, a->entry[A_DATA].row_at + 38, (uint64_t)0xA1FF << 16);
}
static void newer_version(struct archive *a)
{
    set_u16(&a->bytes, a->entry[A_DATA].row_at + 6, 51);
}
static void shared_header(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_STORAGE].row_at + 42, a->entry[A_DATA].local_at);
}
static void header_beyond(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_VERSION].row_at + 42, a->directory_at + 1);
}
static void wide_without_field(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_DATA].row_at + 42, UINT32_MAX);
}
static void duplicate_case(struct archive *a)
{
    const char name[] = "m/DATA/0";
    memcpy(a->bytes.data + a->entry[A_STORAGE].row_at + 46, name, 8);
    memcpy(a->bytes.data + a->entry[A_STORAGE].local_at + 30, name, 8);
}
static void rename_entry(struct archive *a, const char *name)
{
    memcpy(a->bytes.data + a->entry[A_STORAGE].row_at + 46, name, 8);
    memcpy(a->bytes.data + a->entry[A_STORAGE].local_at + 30, name, 8);
}
static void climb(struct archive *a)
{
    rename_entry(a, "m/../a/1");
}
static void backslash(struct archive *a)
{
    rename_entry(a, "m/data\\1");
}
static void absolute(struct archive *a)
{
    rename_entry(a, "/m/data1");
}
static void control(struct archive *a)
{
    rename_entry(a, "m/data/\n");
}
static void not_utf8(struct archive *a)
{
    rename_entry(a, "m/data/\xFF");
}
static void other_root(struct archive *a)
{
    rename_entry(a, "n/data/1");
}
static void no_folder(struct archive *a)
{
    rename_entry(a, "m-data-1");
}
static void trailing(struct archive *a)
{
    put_text(&a->bytes, "x");
}
static void comment(struct archive *a)
{
    set_u16(&a->bytes, a->end_at + 20, 3);
    put_text(&a->bytes, "abc");
}
static void empty_comment_lie(struct archive *a)
{
    set_u16(&a->bytes, a->end_at + 20, 3);
}
static void cut(struct archive *a)
{
    a->bytes.size = a->entry[A_STORAGE].data_at;
}
static void prefix(struct archive *a)
{
    insert(&a->bytes, 0, "#!/bin/sh\n", 10);
}
static void hidden_gap(struct archive *a)
{
    insert(&a->bytes, a->directory_at, "hidden", 6);
    set_u64(&a->bytes, a->record_at + 6 + 48, a->directory_at + 6);
    set_u64(&a->bytes, a->locator_at + 6 + 8, a->record_at + 6);
    set_u32(&a->bytes, a->end_at + 6 + 16, a->directory_at + 6);
}
static void gap_before_end(struct archive *a)
{
    insert(&a->bytes, a->record_at, "hidden", 6);
    set_u64(&a->bytes, a->locator_at + 6 + 8, a->record_at + 6);
}
static void disk_in_end(struct archive *a)
{
    set_u16(&a->bytes, a->end_at + 4, 1);
}
static void disks_in_locator(struct archive *a)
{
    set_u32(&a->bytes, a->locator_at + 16, 2);
}
static void count_lie(struct archive *a)
{
    set_u16(&a->bytes, a->end_at + 8, 3);
    set_u16(&a->bytes, a->end_at + 10, 3);
}
static void count_lie_everywhere(struct archive *a)
{
    count_lie(a);
    set_u64(&a->bytes, a->record_at + 24, 3);
    set_u64(&a->bytes, a->record_at + 32, 3);
}
static void record_offset_lie(struct archive *a)
{
    set_u64(&a->bytes, a->locator_at + 8, a->record_at - 1);
}
static void record_size_lie(struct archive *a)
{
    set_u64(&a->bytes, a->record_at + 4, 45);
}
static void directory_offset_lie(struct archive *a)
{
    set_u32(&a->bytes, a->end_at + 16, a->directory_at - 1);
}
static void directory_size_overflows(struct archive *a)
{
    set_u64(&a->bytes, a->record_at + 40, UINT64_MAX);
    set_u32(&a->bytes, a->end_at + 12, UINT32_MAX);
}
static void no_locator(struct archive *a)
{
    a->bytes.data[a->locator_at] = 0;
    set_u16(&a->bytes, a->end_at + 8, UINT16_MAX);
    set_u16(&a->bytes, a->end_at + 10, UINT16_MAX);
}
static void too_many(struct archive *a)
{
    set_u16(&a->bytes, a->end_at + 8, UINT16_MAX);
    set_u16(&a->bytes, a->end_at + 10, UINT16_MAX);
    set_u64(&a->bytes, a->record_at + 24, 5000000);
    set_u64(&a->bytes, a->record_at + 32, 5000000);
}

static const struct lie {
    void (*tell)(struct archive *a);
    const char *id;
} lies[] = {
    {swap_local_name, "zip-header-mismatch"},
    {lie_in_local_flags, "zip-header-mismatch"},
    {lie_in_local_method, "zip-header-mismatch"},
    {lie_in_local_time, "zip-header-mismatch"},
    {lie_in_local_size, "zip-header-mismatch"},
    {lie_in_local_crc, "zip-header-mismatch"},
    {header_beyond, "zip-header-mismatch"},
    {spoil_padding, "zip-extra-field"},
    {other_local_extra, "zip-extra-field"},
    {wide_without_field, "zip-extra-field"},
    {lie_in_descriptor_crc, "zip-descriptor-mismatch"},
    {lie_in_descriptor_size, "zip-descriptor-mismatch"},
    {spoil_descriptor_magic, "zip-descriptor-mismatch"},
    {encrypt_row, "zip-flags"},
    {symbolic_link, "zip-flags"},
    {newer_version, "zip-flags"},
    {strange_method, "zip-method"},
    {two_sizes, "zip-size-mismatch"},
    {comment_in_row, "zip-directory-invalid"},
    {count_lie_everywhere, "zip-directory-invalid"},
    {directory_size_overflows, "zip-directory-invalid"},
    {row_of_other_disk, "zip-multi-disk"},
    {disk_in_end, "zip-multi-disk"},
    {disks_in_locator, "zip-multi-disk"},
    {shared_header, "zip-overlap"},
    {hidden_gap, "zip-gap"},
    {gap_before_end, "zip-gap"},
    {duplicate_case, "zip-duplicate-name"},
    {climb, "zip-name-invalid"},
    {backslash, "zip-name-invalid"},
    {absolute, "zip-name-invalid"},
    {control, "zip-name-invalid"},
    {not_utf8, "zip-name-invalid"},
    {other_root, "zip-root-mismatch"},
    {no_folder, "zip-root-mismatch"},
    {trailing, "zip-trailing-data"},
    {comment, "zip-comment"},
    {empty_comment_lie, "zip-end-mismatch"},
    {count_lie, "zip-end-mismatch"},
    {prefix, "zip-end-mismatch"},
    {record_offset_lie, "zip-end-mismatch"},
    {record_size_lie, "zip-end-mismatch"},
    {directory_offset_lie, "zip-end-mismatch"},
    {no_locator, "zip-end-mismatch"},
    {cut, "zip-end-missing"},
    {too_many, "zip-too-many-entries"},
};

TEST(each_lie_has_its_id, "one thing changed in a good archive is refused, with the id that names it")
{
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct archive a = {0};
        make(&a);
        lies[i].tell(&a);
        const char *id = open_id(&a, true);
        CHECK_MSG(strcmp(id, lies[i].id) == 0, "lie %zu: %s instead of %s", i, id, lies[i].id);
        free_bytes(&a.bytes);
    }
}

TEST(truncation_is_refused, "an archive cut anywhere is refused")
{
    struct archive a = {0};
    make(&a);
    for (size_t size = a.bytes.size; size-- > 0;) {
        a.bytes.size = size;
        CHECK_MSG(open_id(&a, false)[0] != 0, "cut at %zu", size);
    }
    free_bytes(&a.bytes);
}

static bool within(size_t at, size_t start, size_t from, size_t to)
{
    return at >= start + from && at < start + to;
}

/* Bytes that no reader takes anything from: data, versions, attributes, the locator's count of disks (0 or 1). */
static bool is_free(const struct archive *a, size_t at)
{
    for (unsigned i = 0; i < a->entries; i++)
        if (within(at, a->entry[i].data_at, 0, a->entry[i].size) || within(at, a->entry[i].local_at, 4, 6) ||
            within(at, a->entry[i].row_at, 4, 8) || within(at, a->entry[i].row_at, 36, 42))
            return true;
    return within(at, a->record_at, 12, 16) || within(at, a->locator_at, 16, 20);
}

TEST(flipped_bits_are_refused, "no flipped bit goes unseen, except where nothing is ever read")
{
    struct archive a = {0};
    make(&a);
    for (size_t at = 0; at < a.bytes.size; at++)
        for (unsigned bit = 0; bit < 8 && !is_free(&a, at); bit++) {
            a.bytes.data[at] ^= (uint8_t)(1u << bit);
            CHECK_MSG(open_id(&a, true)[0] != 0, "bit %u of byte %zu", bit, at);
            a.bytes.data[at] ^= (uint8_t)(1u << bit);
        }
    free_bytes(&a.bytes);
}

TEST(plain_zip_passes, "an archive without zip64 records is read too, as zip tools write it")
{
    struct archive a = {0};
    make(&a);
    memmove(a.bytes.data + a.record_at, a.bytes.data + a.end_at, 22);
    a.bytes.size = a.record_at + 22;
    CHECK_MSG(open_id(&a, true)[0] == 0, "%s", open_id(&a, true));
    free_bytes(&a.bytes);
}

TEST(missing_crcs_are_a_warning, "checksums that are all zero are noted; one zero among others is a wrong checksum")
{
    struct archive a = {0};
    struct zip zip;
    tv_limits limits = tv_limits_default();
    struct budget budget = {limits.memory_bytes};
    tv_findings *findings = calloc(1, sizeof *findings);
    make(&a);
    for (unsigned i = 0; i < a.entries; i++) {
        set_u32(&a.bytes, a.entry[i].row_at + 16, 0);
        if (a.entry[i].size != 0)
            set_u32(&a.bytes, a.entry[i].descriptor_at + 4, 0);
    }
    struct source source = source_of_memory(span_of(&a.bytes));
    CHECK(findings != NULL && zip_open(&source, &limits, &budget, &zip, findings) == TV_OK);
    CHECK(!zip.has_crcs && findings->count == 1 && findings->items[0].id == TV_FIND_ZIP_CRC_MISSING);
    zip_close(&zip);
    free(findings);
    free_bytes(&a.bytes);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
