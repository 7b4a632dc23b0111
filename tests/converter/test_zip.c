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

/* An archive that is read. */
struct opened {
    struct zip zip;
    struct source source;
    tv_limits limits;
    struct budget budget;
    tv_findings *findings;
    tv_status status;
};

static void open_archive(struct opened *o, const struct archive *a)
{
    o->limits = tv_limits_default();
    o->budget = (struct budget){o->limits.memory_bytes};
    o->source = source_of_memory(span_of(&a->bytes));
    o->findings = calloc(1, sizeof *o->findings);
    CHECK(o->findings != NULL);
    o->status = zip_open(&o->source, &o->limits, &o->budget, &o->zip, o->findings);
}

static void close_archive(struct opened *o)
{
    zip_close(&o->zip);
    free(o->findings);
    CHECK(o->budget.bytes_left == o->limits.memory_bytes);
}

/* The id of the first error in the archive, or "". */
static const char *open_id(const struct archive *a, bool with_root)
{
    struct opened o;
    open_archive(&o, a);
    if (o.status == TV_OK && with_root)
        o.status = zip_find_root(&o.zip, o.findings);
    const char *id = first_error(o.findings);
    CHECK((o.status == TV_OK) == (id[0] == 0));
    close_archive(&o);
    return id;
}

TEST(torch_layout_passes, "an archive laid out as torch does it is read, and says where everything is")
{
    struct archive a = {0};
    struct opened o;
    make(&a);
    open_archive(&o, &a);
    CHECK(o.status == TV_OK);
    CHECK(zip_find_root(&o.zip, o.findings) == TV_OK && o.findings->count == 0 && o.zip.has_crcs);
    CHECK(o.zip.entries.count == 4 && tv_span_is(o.zip.root, "m"));
    const struct zip_entry *e = zip_find(&o.zip, tv_span_str("data/1"));
    CHECK(e != NULL && e->size == 16 && e->data_at == a.entry[A_STORAGE].data_at && e->data_at % 64 == 0);
    CHECK(zip_find(&o.zip, tv_span_str("DATA/1")) == NULL && zip_find(&o.zip, tv_span_str("data/2")) == NULL);
    CHECK(zip_verify(&o.source, &o.zip, e, o.findings) == TV_OK);
    a.bytes.data[e->data_at] ^= 1;
    CHECK(zip_verify(&o.source, &o.zip, e, o.findings) == TV_REJECTED);
    CHECK_MSG(strcmp(first_error(o.findings), "zip-crc-mismatch") == 0, "%s", first_error(o.findings));
    close_archive(&o);
    free_bytes(&a.bytes);
}

/* ---- lies: each changes one thing in a good archive ---- */

enum part { LOCAL, DATA, DESCRIPTOR, ROW, RECORD, LOCATOR, END };

/* A number written over what stands there: `size` bytes, `at` bytes into the part (of that entry, if entries have it).
 */
struct edit {
    enum part part;
    unsigned entry;
    int at;
    unsigned size;
    uint64_t value;
};

static size_t part_at(const struct archive *a, const struct edit *e)
{
    switch (e->part) {
    case LOCAL: return a->entry[e->entry].local_at;
    case DATA: return a->entry[e->entry].data_at;
    case DESCRIPTOR: return a->entry[e->entry].descriptor_at;
    case ROW: return a->entry[e->entry].row_at;
    case RECORD: return a->record_at;
    case LOCATOR: return a->locator_at;
    case END: return a->end_at;
    }
    return 0;
}

static void edit(struct archive *a, const struct edit *e)
{
    size_t at = part_at(a, e) + (size_t)e->at;
    for (unsigned i = 0; i < e->size; i++)
        a->bytes.data[at + i] = (uint8_t)(e->value >> (8 * i));
}

static void expect_id(struct archive *a, const char *id, const char *lie)
{
    const char *found = open_id(a, true);
    CHECK_MSG(strcmp(found, id) == 0, "%s: %s instead of %s", lie, found, id);
    free_bytes(&a->bytes);
}

enum { EDITS_MOST = 4 };

static const struct field_lie {
    const char *id, *lie;
    struct edit edits[EDITS_MOST];
} field_lies[] = {
    {"zip-header-mismatch", "the name before the data", {{LOCAL, A_DATA, 32, 1, 'D'}}},
    {"zip-header-mismatch", "the flags before the data", {{LOCAL, A_DATA, 6, 2, 0x809}}},
    {"zip-header-mismatch", "the method before the data", {{LOCAL, A_DATA, 8, 2, 8}}},
    {"zip-header-mismatch", "the time before the data", {{LOCAL, A_DATA, 10, 2, 7}}},
    {"zip-header-mismatch", "the CRC before the data", {{LOCAL, A_DATA, 14, 4, 5}}},
    {"zip-header-mismatch", "the size before the data", {{LOCAL, A_DATA, 22, 4, 5}}},
    {"zip-extra-field", "padding of other bytes", {{DATA, A_STORAGE, -1, 1, 'Y'}}},
    {"zip-extra-field", "another extra field before the data", {{LOCAL, A_STORAGE, 38, 2, 0x7075}}},
    {"zip-extra-field", "an offset in a zip64 field that is not there", {{ROW, A_DATA, 42, 4, UINT32_MAX}}},
    {"zip-descriptor-mismatch", "the CRC behind the data", {{DESCRIPTOR, A_STORAGE, 4, 4, 1}}},
    {"zip-descriptor-mismatch", "the size behind the data", {{DESCRIPTOR, A_STORAGE, 12, 4, 17}}},
    {"zip-descriptor-mismatch", "the magic behind the data", {{DESCRIPTOR, A_STORAGE, 0, 1, 'p'}}},
    {"zip-flags", "encrypted", {{ROW, A_DATA, 8, 2, 0x809}}},
    {"zip-flags", "a symbolic link", {{ROW, A_DATA, 4, 2, 3 << 8}, {ROW, A_DATA, 38, 4, 0xA1FF0000}}},
    {"zip-flags", "a newer version needed", {{ROW, A_DATA, 6, 2, 51}}},
    {"zip-method", "method 12", {{ROW, A_DATA, 10, 2, 12}}},
    {"zip-size-mismatch", "stored, with two sizes", {{ROW, A_DATA, 24, 4, 7}}},
    {"zip-directory-invalid", "a comment in the row", {{ROW, A_DATA, 32, 2, 1}}},
    {"zip-directory-invalid",
     "fewer entries, said everywhere",
     {{END, 0, 8, 2, 3}, {END, 0, 10, 2, 3}, {RECORD, 0, 24, 8, 3}, {RECORD, 0, 32, 8, 3}}},
    {"zip-directory-invalid",
     "a directory of 2^64-1 bytes",
     {{RECORD, 0, 40, 8, UINT64_MAX}, {END, 0, 12, 4, UINT32_MAX}}},
    {"zip-multi-disk", "a row of another disk", {{ROW, A_DATA, 34, 2, 1}}},
    {"zip-multi-disk", "another disk in the end record", {{END, 0, 4, 2, 1}}},
    {"zip-multi-disk", "two disks in the locator", {{LOCATOR, 0, 16, 4, 2}}},
    {"zip-end-mismatch", "a comment's length without one", {{END, 0, 20, 2, 3}}},
    {"zip-end-mismatch", "fewer entries, said in one place", {{END, 0, 8, 2, 3}, {END, 0, 10, 2, 3}}},
    {"zip-end-mismatch", "a zip64 record of 45 bytes", {{RECORD, 0, 4, 8, 45}}},
    {"zip-end-mismatch",
     "no locator where one is needed",
     {{LOCATOR, 0, 0, 1, 0}, {END, 0, 8, 2, UINT16_MAX}, {END, 0, 10, 2, UINT16_MAX}}},
    {"zip-too-many-entries",
     "5 000 000 entries",
     {{END, 0, 8, 2, UINT16_MAX},
      {END, 0, 10, 2, UINT16_MAX},
      {RECORD, 0, 24, 8, 5000000},
      {RECORD, 0, 32, 8, 5000000}}},
};

TEST(each_field_has_its_id, "one field changed in a good archive is refused, with the id that names the lie")
{
    for (size_t i = 0; i < sizeof field_lies / sizeof field_lies[0]; i++) {
        struct archive a = {0};
        make(&a);
        for (unsigned k = 0; k < EDITS_MOST; k++)
            edit(&a, &field_lies[i].edits[k]);
        expect_id(&a, field_lies[i].id, field_lies[i].lie);
    }
}

enum { NAME_SIZE = 8 }; /* of m/data/1, which takes these names */

static const struct name_lie {
    const char *id, *name;
} name_lies[] = {
    {"zip-duplicate-name", "m/DATA/0"}, {"zip-name-invalid", "m/../a/1"},  {"zip-name-invalid", "m/data\\1"},
    {"zip-name-invalid", "/m/data1"},   {"zip-name-invalid", "m/data/\n"}, {"zip-name-invalid", "m/data/\xFF"},
    {"zip-root-mismatch", "n/data/1"},  {"zip-root-mismatch", "m-data-1"},
};

TEST(each_name_has_its_id, "a name that is no plain path below the one folder, or is there already, is refused")
{
    for (size_t i = 0; i < sizeof name_lies / sizeof name_lies[0]; i++) {
        struct archive a = {0};
        make(&a);
        memcpy(a.bytes.data + a.entry[A_STORAGE].row_at + 46, name_lies[i].name, NAME_SIZE);
        memcpy(a.bytes.data + a.entry[A_STORAGE].local_at + 30, name_lies[i].name, NAME_SIZE);
        expect_id(&a, name_lies[i].id, name_lies[i].name);
    }
}

static void shared_header(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_STORAGE].row_at + 42, a->entry[A_DATA].local_at);
}
static void header_beyond(struct archive *a)
{
    set_u32(&a->bytes, a->entry[A_VERSION].row_at + 42, a->directory_at + 1);
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
static void cut(struct archive *a)
{
    a->bytes.size = a->entry[A_STORAGE].data_at;
}
static void prefix(struct archive *a)
{
    insert(&a->bytes, 0, "#!/bin/sh\n", 10);
}
static void gap_before_end(struct archive *a)
{
    insert(&a->bytes, a->record_at, "hidden", 6);
    set_u64(&a->bytes, a->locator_at + 6 + 8, a->record_at + 6);
}
static void hidden_gap(struct archive *a)
{
    insert(&a->bytes, a->directory_at, "hidden", 6);
    set_u64(&a->bytes, a->record_at + 6 + 48, a->directory_at + 6);
    set_u64(&a->bytes, a->locator_at + 6 + 8, a->record_at + 6);
    set_u32(&a->bytes, a->end_at + 6 + 16, a->directory_at + 6);
}
static void record_offset_lie(struct archive *a)
{
    set_u64(&a->bytes, a->locator_at + 8, a->record_at - 1);
}
static void directory_offset_lie(struct archive *a)
{
    set_u32(&a->bytes, a->end_at + 16, a->directory_at - 1);
}

static const struct layout_lie {
    const char *id, *lie;
    void (*tell)(struct archive *a);
} layout_lies[] = {
    {"zip-overlap", "two rows, one entry", shared_header},
    {"zip-header-mismatch", "an entry in the directory", header_beyond},
    {"zip-trailing-data", "a byte behind the end", trailing},
    {"zip-comment", "a comment", comment},
    {"zip-end-missing", "no end", cut},
    {"zip-end-mismatch", "a script in front", prefix},
    {"zip-gap", "bytes before the zip64 record", gap_before_end},
    {"zip-gap", "bytes before the directory", hidden_gap},
    {"zip-end-mismatch", "a locator that points elsewhere", record_offset_lie},
    {"zip-end-mismatch", "a directory said to be elsewhere", directory_offset_lie},
};

TEST(each_layout_has_its_id, "bytes moved, added or cut in a good archive are refused, with the id that names the lie")
{
    for (size_t i = 0; i < sizeof layout_lies / sizeof layout_lies[0]; i++) {
        struct archive a = {0};
        make(&a);
        layout_lies[i].tell(&a);
        expect_id(&a, layout_lies[i].id, layout_lies[i].lie);
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
    struct opened o;
    make(&a);
    for (unsigned i = 0; i < a.entries; i++) {
        set_u32(&a.bytes, a.entry[i].row_at + 16, 0);
        if (a.entry[i].size != 0)
            set_u32(&a.bytes, a.entry[i].descriptor_at + 4, 0);
    }
    open_archive(&o, &a);
    CHECK(o.status == TV_OK);
    CHECK(!o.zip.has_crcs && o.findings->count == 1 && o.findings->items[0].id == TV_FIND_ZIP_CRC_MISSING);
    close_archive(&o);
    free_bytes(&a.bytes);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
