/* The end of a zip archive and its directory (zip.h): end record, zip64 record and locator, central directory rows.
 * Trusts: nothing. Promises: all records that speak of one thing agree on it, and the directory ends where they begin.
 */
#include <stdlib.h>

#include <tensorvet/checked.h>

#include "../bytes.h"
#include "../refuse.h"
#include "../text.h"
#include "zip.h"

#define END_SIZE       22u
#define LOCATOR_SIZE   20u
#define RECORD64_SIZE  56u
#define ROW_SIZE       46u
#define END_MAGIC      0x06054b50u
#define LOCATOR_MAGIC  0x07064b50u
#define RECORD64_MAGIC 0x06064b50u
#define LOCAL_MAGIC    0x04034b50u
#define ROW_MAGIC      0x02014b50u
#define COMMENT_MAX    65535u
#define WIDE32         UINT32_MAX /* "see the zip64 field" */
#define WIDE16         UINT16_MAX

/* What the end records say, whichever of them say it. */
struct ending {
    uint64_t start; /* offset of the first end record: where the directory ends */
    uint64_t entries, directory_size, directory_at;
    bool is_wide; /* there is a zip64 record */
};

static tv_status end_mismatch(tv_findings *findings, uint64_t at, const char *field, uint64_t a, uint64_t b)
{
    return refuse(findings, (struct refusal){TV_FIND_ZIP_END_MISMATCH, at, {0}, field, a, b});
}

static tv_status bad_directory(tv_findings *findings, uint64_t at, const char *what, uint64_t met, uint64_t expected)
{
    return refuse(findings, (struct refusal){TV_FIND_ZIP_DIRECTORY_INVALID, at, {0}, what, met, expected});
}

/* There is no end record where it must be: says what is there instead, looking as far back as readers do. */
static tv_status explain_missing_end(const struct source *source, tv_findings *findings)
{
    uint64_t size = source->size < END_SIZE + COMMENT_MAX ? source->size : END_SIZE + COMMENT_MAX;
    uint64_t start = source->size - size;
    struct refusal why = {.id = TV_FIND_ZIP_END_MISSING, .offset = source->size, .a = size};
    uint8_t *tail = malloc((size_t)size + 1);
    if (tail == NULL)
        return TV_NO_MEMORY;
    tv_status status = source_read(source, start, tail, size);
    if (status != TV_OK)
        goto out;
    tv_span bytes = tv_span_of(tail, (size_t)size);
    for (uint64_t at = size < END_SIZE ? 0 : size - END_SIZE + 1; at-- > 0;) {
        if (u32_at(bytes, at) != END_MAGIC)
            continue;
        uint64_t comment = u16_at(bytes, at + 20), rest = size - at - END_SIZE;
        why.id = comment == rest ? TV_FIND_ZIP_COMMENT : TV_FIND_ZIP_TRAILING_DATA;
        why.offset = start + at + END_SIZE;
        why.a = rest;
        break;
    }
    status = refuse(findings, why);
out:
    free(tail);
    return status;
}

/* The 22 bytes of the end record. */
static tv_status read_end(const struct source *source, uint8_t *end, tv_findings *findings)
{
    if (source->size < END_SIZE)
        return explain_missing_end(source, findings);
    tv_status status = source_read(source, source->size - END_SIZE, end, END_SIZE);
    if (status != TV_OK)
        return status;
    tv_span bytes = tv_span_of(end, END_SIZE);
    if (u32_at(bytes, 0) != END_MAGIC)
        return explain_missing_end(source, findings);
    if (u16_at(bytes, 20) != 0)
        return end_mismatch(findings, source->size - END_SIZE, "comment's size", u16_at(bytes, 20), 0);
    return TV_OK;
}

/* One field that both records have: the narrow one holds the same number, or says "look in the wide one". */
static bool same_or_sentinel(uint64_t narrow, uint64_t wide, uint64_t sentinel)
{
    return narrow == wide || narrow == sentinel;
}

/* Are the end records those of an archive that starts at `start`, right behind another one?
 * torch.distributed.checkpoint writes shards so. */
static tv_status follows_another(const struct source *source, uint64_t start, bool *follows)
{
    uint8_t raw[END_SIZE + 4] = {0};
    *follows = false;
    if (start < END_SIZE)
        return TV_OK;
    tv_status status = source_read(source, start - END_SIZE, raw, sizeof raw);
    tv_span bytes = tv_span_of(raw, sizeof raw);
    *follows = status == TV_OK && u32_at(bytes, 0) == END_MAGIC && u32_at(bytes, END_SIZE) == LOCAL_MAGIC;
    return status;
}

/* The locator names another offset than the record's, which is at `at`. Archives one after the other are refused as any
 * others that can be read in two ways, but said to be what they may well be. */
static tv_status bad_locator(const struct source *source, uint64_t at, uint64_t said, tv_findings *findings)
{
    bool follows = false;
    tv_status status = said < at ? follows_another(source, at - said, &follows) : TV_OK;
    if (status != TV_OK)
        return status;
    const char *what = follows ? "zip64 record's offset; archives lie one after the other, as in a .distcp shard of "
                                 "torch.distributed.checkpoint"
                               : "zip64 record's offset";
    return end_mismatch(findings, at, what, said, at);
}

/* Takes the zip64 record and its locator into account. end->start is the offset of the end record. */
static tv_status read_wide(const struct source *source, tv_span narrow, struct ending *end, tv_findings *findings)
{
    uint8_t raw[RECORD64_SIZE + LOCATOR_SIZE] = {0};
    if (end->start < sizeof raw)
        return end_mismatch(findings, 0, "room for the zip64 record", end->start, sizeof raw);
    uint64_t at = end->start - sizeof raw;
    tv_status status = source_read(source, at, raw, sizeof raw);
    if (status != TV_OK)
        return status;
    tv_span wide = tv_span_of(raw, RECORD64_SIZE), locator = tv_span_of(raw + RECORD64_SIZE, LOCATOR_SIZE);
    if (u64_at(locator, 8) != at)
        return bad_locator(source, at, u64_at(locator, 8), findings);
    if (u32_at(wide, 0) != RECORD64_MAGIC)
        return end_mismatch(findings, at, "zip64 record's signature", u32_at(wide, 0), RECORD64_MAGIC);
    if (u64_at(wide, 4) != RECORD64_SIZE - 12)
        return end_mismatch(findings, at, "zip64 record's size", u64_at(wide, 4), RECORD64_SIZE - 12);
    if (u32_at(locator, 4) != 0 || u32_at(locator, 16) > 1 || u32_at(wide, 16) != 0 || u32_at(wide, 20) != 0)
        return refuse(findings, (struct refusal){.id = TV_FIND_ZIP_MULTI_DISK, .offset = at, .a = u32_at(locator, 16)});
    if (u64_at(wide, 24) != u64_at(wide, 32))
        return end_mismatch(findings, at, "number of entries", u64_at(wide, 24), u64_at(wide, 32));
    if (!same_or_sentinel(end->entries, u64_at(wide, 32), WIDE16))
        return end_mismatch(findings, at, "number of entries", end->entries, u64_at(wide, 32));
    if (!same_or_sentinel(end->directory_size, u64_at(wide, 40), WIDE32))
        return end_mismatch(findings, at, "directory's size", end->directory_size, u64_at(wide, 40));
    if (!same_or_sentinel(u32_at(narrow, 16), u64_at(wide, 48), WIDE32))
        return end_mismatch(findings, at, "directory's offset", u32_at(narrow, 16), u64_at(wide, 48));
    *end = (struct ending){at, u64_at(wide, 32), u64_at(wide, 40), u64_at(wide, 48), true};
    return TV_OK;
}

static tv_status read_ending(const struct source *source, struct ending *end, tv_findings *findings)
{
    uint8_t raw[END_SIZE] = {0}, magic[4] = {0};
    tv_status status = read_end(source, raw, findings);
    if (status != TV_OK)
        return status;
    tv_span bytes = tv_span_of(raw, END_SIZE);
    uint64_t at = source->size - END_SIZE;
    *end = (struct ending){at, u16_at(bytes, 10), u32_at(bytes, 12), u32_at(bytes, 16), false};
    if (u16_at(bytes, 4) != 0 || u16_at(bytes, 6) != 0)
        return refuse(findings, (struct refusal){.id = TV_FIND_ZIP_MULTI_DISK, .offset = at, .a = u16_at(bytes, 4)});
    if (u16_at(bytes, 8) != end->entries)
        return end_mismatch(findings, at, "number of entries", u16_at(bytes, 8), end->entries);
    if (at >= LOCATOR_SIZE) {
        status = source_read(source, at - LOCATOR_SIZE, magic, sizeof magic);
        if (status != TV_OK)
            return status;
    }
    if (u32_at(tv_span_of(magic, sizeof magic), 0) == LOCATOR_MAGIC)
        return read_wide(source, bytes, end, findings);
    if (end->entries == WIDE16 || end->directory_size == WIDE32 || end->directory_at == WIDE32)
        return end_mismatch(findings, at, "zip64 record, announced and not there", 0, 1);
    return TV_OK;
}

/* The directory lies right before the end records, and is large enough for its rows. */
static tv_status place_directory(const struct ending *end, const tv_limits *limits, tv_findings *findings)
{
    uint64_t stop = 0, least = 0;
    if (end->entries > limits->zip_entries)
        return refuse(findings, (struct refusal){.id = TV_FIND_ZIP_TOO_MANY_ENTRIES,
                                                 .offset = end->start,
                                                 .a = end->entries,
                                                 .b = limits->zip_entries});
    if (!tv_add(end->directory_at, end->directory_size, &stop) || stop > end->start)
        return bad_directory(findings, end->start, "it reaches beyond its end", stop, end->start);
    if (stop < end->start)
        return refuse(findings,
                      (struct refusal){.id = TV_FIND_ZIP_GAP, .offset = stop, .a = stop, .b = end->start - stop});
    if (!tv_mul(end->entries, ROW_SIZE, &least) || end->directory_size < least)
        return bad_directory(findings, end->directory_at, "too small for its entries", end->directory_size, least);
    return TV_OK;
}

bool zip_extra_is_time(uint64_t id)
{
    enum { NTFS = 0x000A, EXTENDED_TIME = 0x5455, UNIX_OLD = 0x5855, UNIX_OWNER = 0x7855, UNIX_OWNER_NEW = 0x7875 };
    return id == NTFS || id == EXTENDED_TIME || id == UNIX_OLD || id == UNIX_OWNER || id == UNIX_OWNER_NEW;
}

static tv_status bad_extra(tv_findings *findings, const struct zip_entry *e, const char *what, uint64_t id,
                           uint64_t size)
{
    return refuse(findings, (struct refusal){TV_FIND_ZIP_EXTRA_FIELD, e->row_at, e->name, what, id, size});
}

/* Takes from a zip64 field of the directory exactly those values whose 32-bit places ask for it. */
static tv_status take_wide(tv_span field, struct zip_entry *e, tv_findings *findings)
{
    uint64_t at = 0;
    uint64_t *values[3] = {&e->size, &e->packed, &e->header_at};
    for (int i = 0; i < 3; i++)
        if (*values[i] == WIDE32) {
            *values[i] = u64_at(field, at);
            at += 8;
        }
    if (at == 0 || at != field.size)
        return bad_extra(findings, e, "a zip64 field of another size than needed", 1, field.size);
    return TV_OK;
}

/* Walks the extra fields of a directory row. */
static tv_status read_row_extras(tv_span extras, struct zip_entry *e, tv_findings *findings)
{
    bool wide_seen = false, wide_needed = e->size == WIDE32 || e->packed == WIDE32 || e->header_at == WIDE32;
    for (uint64_t at = 0; at < extras.size;) {
        tv_span field;
        uint64_t id = u16_at(extras, at), size = u16_at(extras, at + 2);
        if (!tv_span_sub(extras, at + 4, size, &field))
            return bad_extra(findings, e, "one that reaches beyond its end", id, size);
        at += 4 + size;
        if (id == ZIP_EXTRA_WIDE && !wide_seen) {
            wide_seen = true;
            tv_status status = take_wide(field, e, findings);
            if (status != TV_OK)
                return status;
        } else if (!zip_extra_is_time(id)) {
            return bad_extra(findings, e, "not one of the allowed", id, size);
        }
    }
    if (wide_needed && !wide_seen)
        return bad_extra(findings, e, "a missing zip64 field", ZIP_EXTRA_WIDE, 0);
    return TV_OK;
}

static tv_status bad_flags(tv_findings *findings, const struct zip_entry *e, const char *what, uint64_t value)
{
    return refuse(findings, (struct refusal){TV_FIND_ZIP_FLAGS, e->row_at, e->name, what, value, 0});
}

/* What a row may say apart from sizes and places. */
static tv_status check_row(tv_span row, const struct zip_entry *e, tv_findings *findings)
{
    enum { MADE_BY_UNIX = 3, TYPE_MASK = 0xF000, SYMBOLIC_LINK = 0xA000, NEWEST = 45 };
    uint16_t allowed = ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_UTF8;
    if (e->method == ZIP_DEFLATED)
        allowed |= ZIP_FLAG_DEFLATE_HINTS;
    if ((e->flags & ~allowed) != 0)
        return bad_flags(findings, e, "encryption, patches or reserved bits", e->flags);
    if (u16_at(row, 6) > NEWEST)
        return bad_flags(findings, e, "needs a newer format version", u16_at(row, 6));
    if (tv_span_byte(row, 5) == MADE_BY_UNIX && ((u32_at(row, 38) >> 16) & TYPE_MASK) == SYMBOLIC_LINK)
        return bad_flags(findings, e, "a symbolic link", e->flags);
    if (u16_at(row, 34) != 0)
        return refuse(findings,
                      (struct refusal){.id = TV_FIND_ZIP_MULTI_DISK, .offset = e->row_at, .a = u16_at(row, 34)});
    if (e->method != ZIP_STORED && e->method != ZIP_DEFLATED)
        return refuse(findings, (struct refusal){TV_FIND_ZIP_METHOD, e->row_at, e->name, NULL, e->method, 0});
    if (e->method == ZIP_STORED && e->packed != e->size)
        return refuse(findings,
                      (struct refusal){TV_FIND_ZIP_SIZE_MISMATCH, e->row_at, e->name, NULL, e->packed, e->size});
    return TV_OK;
}

/* One row at `at` of the directory; *next is where the next one starts. */
static tv_status read_row(const struct zip *zip, tv_span directory, uint64_t at, struct zip_entry *e, uint64_t *next,
                          tv_findings *findings)
{
    tv_span row, extras;
    e->row_at = zip->directory_at + at;
    if (!tv_span_sub(directory, at, ROW_SIZE, &row) || u32_at(row, 0) != ROW_MAGIC)
        return bad_directory(findings, e->row_at, "no row where one must start", u32_at(directory, at), ROW_MAGIC);
    uint64_t name_size = u16_at(row, 28), extra_size = u16_at(row, 30), comment_size = u16_at(row, 32);
    if (!tv_span_sub(directory, at + ROW_SIZE, name_size, &e->name) ||
        !tv_span_sub(directory, at + ROW_SIZE + name_size, extra_size, &extras))
        return bad_directory(findings, e->row_at, "a row reaches beyond its end", name_size + extra_size,
                             directory.size - at - ROW_SIZE);
    if (comment_size != 0)
        return bad_directory(findings, e->row_at, "an entry has a comment", comment_size, 0);
    e->flags = (uint16_t)u16_at(row, 8);
    e->method = (uint16_t)u16_at(row, 10);
    e->time = (uint16_t)u16_at(row, 12);
    e->date = (uint16_t)u16_at(row, 14);
    e->crc = (uint32_t)u32_at(row, 16);
    e->packed = u32_at(row, 20);
    e->size = u32_at(row, 24);
    e->header_at = u32_at(row, 42);
    e->is_folder = tv_span_ends(e->name, tv_span_str("/"));
    *next = at + ROW_SIZE + name_size + extra_size;
    tv_status status = read_row_extras(extras, e, findings);
    return status != TV_OK ? status : check_row(row, e, findings);
}

static tv_status read_rows(struct zip *zip, uint64_t entries, tv_findings *findings)
{
    tv_span directory = tv_span_of(zip->directory.data, (size_t)zip->directory.count);
    uint64_t at = 0;
    for (uint64_t i = 0; i < entries; i++) {
        struct zip_entry *e = vector_push(&zip->entries);
        if (e == NULL)
            return refuse_memory(findings);
        tv_status status = read_row(zip, directory, at, e, &at, findings);
        if (status != TV_OK)
            return status;
    }
    if (at != directory.size)
        return bad_directory(findings, zip->directory_at + at, "bytes after its last row", directory.size, at);
    return TV_OK;
}

tv_status zip_list(const struct source *source, const tv_limits *limits, struct budget *budget, struct zip *zip,
                   tv_findings *findings)
{
    struct ending end;
    *zip = (struct zip){.budget = budget,
                        .directory = {.each = 1, .budget = budget},
                        .entries = {.each = sizeof(struct zip_entry), .budget = budget},
                        .by_name = {.each = sizeof(uint32_t), .budget = budget}};
    tv_status status = read_ending(source, &end, findings);
    if (status == TV_OK)
        status = place_directory(&end, limits, findings);
    if (status != TV_OK)
        return status;
    zip->directory_at = end.directory_at;
    zip->directory_size = end.directory_size;
    uint8_t *bytes = vector_extend(&zip->directory, end.directory_size);
    if (bytes == NULL)
        return refuse_memory(findings);
    status = source_read(source, end.directory_at, bytes, end.directory_size);
    return status != TV_OK ? status : read_rows(zip, end.entries, findings);
}

void zip_close(struct zip *zip)
{
    vector_free(&zip->directory);
    vector_free(&zip->entries);
    vector_free(&zip->by_name);
}
