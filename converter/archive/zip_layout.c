/* The layout of a zip archive (zip.h): local headers, data and data descriptors, back to back from byte 0 to the
 * directory. Trusts: nothing. Promises: each agrees with its directory row, and no byte is left over or used twice. */
#include "../bytes.h"
#include "../refuse.h"
#include "../sort.h"
#include "zip.h"

#define LOCAL_SIZE       30u
#define LOCAL_MAGIC      0x04034b50u
#define DESCRIPTOR_MAGIC 0x08074b50u
#define DESCRIPTOR_SIZE  16u
#define DESCRIPTOR_WIDE  24u
#define WIDE32           UINT32_MAX

/* What the walk over the entries, in the order of the file, needs. */
struct layout {
    const struct source *source;
    struct zip *zip;
    tv_findings *findings;
    struct vector header; /* bytes: name and extra fields of the current local header */
    uint64_t at;          /* where the next entry must start */
};

/* A local header as it stands. */
struct local {
    tv_span fixed, name, extras;
    uint64_t packed, size;
    bool has_wide; /* it has a zip64 field */
};

static tv_status mismatch(struct layout *l, const struct zip_entry *e, const char *field, uint64_t a, uint64_t b)
{
    return refuse(l->findings, (struct refusal){TV_FIND_ZIP_HEADER_MISMATCH, e->header_at, e->name, field, a, b});
}

static tv_status bad_extra(struct layout *l, const struct zip_entry *e, const char *what, uint64_t id, uint64_t size)
{
    return refuse(l->findings, (struct refusal){TV_FIND_ZIP_EXTRA_FIELD, e->header_at, e->name, what, id, size});
}

/* Reads the local header at l->at. */
static tv_status read_local(struct layout *l, const struct zip_entry *e, uint8_t *fixed, struct local *local)
{
    uint64_t room = l->zip->directory_at - l->at;
    if (room < LOCAL_SIZE)
        return mismatch(l, e, "place: it reaches into the directory", room, LOCAL_SIZE);
    tv_status status = source_read(l->source, l->at, fixed, LOCAL_SIZE);
    if (status != TV_OK)
        return status;
    local->fixed = tv_span_of(fixed, LOCAL_SIZE);
    if (u32_at(local->fixed, 0) != LOCAL_MAGIC)
        return mismatch(l, e, "signature", u32_at(local->fixed, 0), LOCAL_MAGIC);
    uint64_t name_size = u16_at(local->fixed, 26), extra_size = u16_at(local->fixed, 28);
    if (room - LOCAL_SIZE < name_size + extra_size)
        return mismatch(l, e, "place: it reaches into the directory", room, LOCAL_SIZE + name_size + extra_size);
    l->header.count = 0;
    uint8_t *bytes = vector_extend(&l->header, name_size + extra_size);
    if (bytes == NULL)
        return refuse_memory(l->findings);
    tv_span rest = tv_span_of(bytes, (size_t)(name_size + extra_size));
    (void)tv_span_sub(rest, 0, name_size, &local->name);
    (void)tv_span_sub(rest, name_size, extra_size, &local->extras);
    return source_read(l->source, l->at + LOCAL_SIZE, bytes, name_size + extra_size);
}

/* A zip64 field of a local header: sizes where the entry is wide, and after them torch's own addition, the offset of
 * the header where that is wide (its writer, miniz, puts it there too). Packed size 0: not known yet when written. */
static tv_status check_wide(struct layout *l, const struct zip_entry *e, tv_span field, const struct local *local)
{
    uint64_t at = 0;
    bool announced = local->packed == WIDE32 || local->size == WIDE32;
    bool deferred = (e->flags & ZIP_FLAG_DESCRIPTOR) != 0;
    if (announced || (deferred && e->size >= WIDE32)) {
        uint64_t size = u64_at(field, 0), packed = u64_at(field, 8);
        if (size != e->size && !(deferred && size == 0))
            return mismatch(l, e, "size (zip64)", size, e->size);
        if (packed != e->packed && !(deferred && packed == 0))
            return mismatch(l, e, "packed size (zip64)", packed, e->packed);
        at = 16;
    }
    if (e->header_at >= WIDE32 && field.size == at + 8) {
        if (u64_at(field, at) != e->header_at)
            return mismatch(l, e, "offset (zip64)", u64_at(field, at), e->header_at);
        at += 8;
    }
    if (at == 0 || at != field.size)
        return bad_extra(l, e, "a zip64 field of another size than needed", ZIP_EXTRA_WIDE, field.size);
    return TV_OK;
}

/* torch's padding: nothing but 'Z'. */
static bool is_padding(tv_span field)
{
    for (size_t i = 0; i < field.size; i++)
        if (field.data[i] != 'Z')
            return false;
    return true;
}

static tv_status check_extras(struct layout *l, const struct zip_entry *e, struct local *local)
{
    bool padded = false;
    for (uint64_t at = 0; at < local->extras.size;) {
        tv_span field;
        tv_status status = TV_OK;
        uint64_t id = u16_at(local->extras, at), size = u16_at(local->extras, at + 2);
        if (!tv_span_sub(local->extras, at + 4, size, &field))
            return bad_extra(l, e, "one that reaches beyond its end", id, size);
        at += 4 + size;
        if (id == ZIP_EXTRA_WIDE && !local->has_wide) {
            local->has_wide = true;
            status = check_wide(l, e, field, local);
        } else if (id == ZIP_EXTRA_PADDING && !padded && is_padding(field)) {
            padded = true;
        } else if (!zip_extra_is_time(id)) {
            status = bad_extra(l, e, "not one of the allowed", id, size);
        }
        if (status != TV_OK)
            return status;
    }
    if (!local->has_wide && (local->packed == WIDE32 || local->size == WIDE32))
        return bad_extra(l, e, "a missing zip64 field", ZIP_EXTRA_WIDE, 0);
    return TV_OK;
}

/* Checksum and sizes: those of the row; with a data descriptor they may all be left to it, as zeroes. */
static tv_status check_numbers(struct layout *l, const struct zip_entry *e, const struct local *local)
{
    uint64_t crc = u32_at(local->fixed, 14);
    bool deferred = (e->flags & ZIP_FLAG_DESCRIPTOR) != 0;
    if (deferred && crc == 0 && local->packed == 0 && local->size == 0)
        return TV_OK;
    if (crc != e->crc && !(deferred && crc == 0 && local->size == WIDE32))
        return mismatch(l, e, "checksum", crc, e->crc);
    if (local->packed != e->packed && local->packed != WIDE32)
        return mismatch(l, e, "packed size", local->packed, e->packed);
    if (local->size != e->size && local->size != WIDE32)
        return mismatch(l, e, "size", local->size, e->size);
    return TV_OK;
}

static tv_status check_local(struct layout *l, const struct zip_entry *e, struct local *local)
{
    tv_span fixed = local->fixed;
    local->packed = u32_at(fixed, 18);
    local->size = u32_at(fixed, 22);
    if (!tv_span_equal(local->name, e->name)) {
        tv_findings_add(l->findings, TV_FIND_ZIP_HEADER_MISMATCH, e->header_at, e->name, tv_span_str("name"));
        return TV_REJECTED;
    }
    if (u16_at(fixed, 6) != e->flags)
        return mismatch(l, e, "flags", u16_at(fixed, 6), e->flags);
    if (u16_at(fixed, 8) != e->method)
        return mismatch(l, e, "method", u16_at(fixed, 8), e->method);
    if (u16_at(fixed, 10) != e->time || u16_at(fixed, 12) != e->date)
        return mismatch(l, e, "time", u16_at(fixed, 12) << 16 | u16_at(fixed, 10), (uint64_t)e->date << 16 | e->time);
    tv_status status = check_numbers(l, e, local);
    return status != TV_OK ? status : check_extras(l, e, local);
}

static tv_status bad_descriptor(struct layout *l, const struct zip_entry *e, const char *field, uint64_t a, uint64_t b)
{
    return refuse(l->findings, (struct refusal){TV_FIND_ZIP_DESCRIPTOR_MISMATCH, l->at, e->name, field, a, b});
}

/* The data descriptor at l->at. torch makes it wide for entries of or beyond 4 GiB; others where they use zip64. */
static tv_status check_descriptor(struct layout *l, const struct zip_entry *e, const struct local *local)
{
    uint8_t raw[DESCRIPTOR_WIDE] = {0};
    bool wide = local->has_wide || e->size >= WIDE32 || e->header_at >= WIDE32;
    uint64_t length = wide ? DESCRIPTOR_WIDE : DESCRIPTOR_SIZE, room = l->zip->directory_at - l->at;
    if (room < length)
        return bad_descriptor(l, e, "room", room, length);
    tv_status status = source_read(l->source, l->at, raw, length);
    if (status != TV_OK)
        return status;
    tv_span bytes = tv_span_of(raw, sizeof raw);
    uint64_t packed = wide ? u64_at(bytes, 8) : u32_at(bytes, 8), size = wide ? u64_at(bytes, 16) : u32_at(bytes, 12);
    if (u32_at(bytes, 0) != DESCRIPTOR_MAGIC)
        return bad_descriptor(l, e, "signature", u32_at(bytes, 0), DESCRIPTOR_MAGIC);
    if (u32_at(bytes, 4) != e->crc)
        return bad_descriptor(l, e, "checksum", u32_at(bytes, 4), e->crc);
    if (packed != e->packed)
        return bad_descriptor(l, e, "packed size", packed, e->packed);
    if (size != e->size)
        return bad_descriptor(l, e, "size", size, e->size);
    l->at += length;
    return TV_OK;
}

/* One entry, which must start at l->at; moves l->at behind it. */
static tv_status walk_entry(struct layout *l, struct zip_entry *e)
{
    uint8_t fixed[LOCAL_SIZE] = {0};
    struct local local = {0};
    if (e->header_at < l->at)
        return refuse(l->findings,
                      (struct refusal){TV_FIND_ZIP_OVERLAP, e->row_at, e->name, NULL, e->header_at, l->at});
    if (e->header_at > l->zip->directory_at)
        return refuse(l->findings, (struct refusal){TV_FIND_ZIP_HEADER_MISMATCH, e->row_at, e->name,
                                                    "place: beyond the directory", e->header_at, l->zip->directory_at});
    if (e->header_at > l->at)
        return refuse(l->findings,
                      (struct refusal){TV_FIND_ZIP_GAP, l->at, e->name, NULL, l->at, e->header_at - l->at});
    tv_status status = read_local(l, e, fixed, &local);
    if (status == TV_OK)
        status = check_local(l, e, &local);
    if (status != TV_OK)
        return status;
    e->data_at = l->at + LOCAL_SIZE + local.name.size + local.extras.size;
    if (e->packed > l->zip->directory_at - e->data_at)
        return mismatch(l, e, "place: its data reach into the directory", e->packed, l->zip->directory_at - e->data_at);
    l->at = e->data_at + e->packed;
    return (e->flags & ZIP_FLAG_DESCRIPTOR) != 0 ? check_descriptor(l, e, &local) : TV_OK;
}

/* By place in the file, then by place in the directory, which makes the order total. */
static bool before(const void *context, uint32_t a, uint32_t b)
{
    const struct zip *zip = context;
    const struct zip_entry *x = vector_at(&zip->entries, a), *y = vector_at(&zip->entries, b);
    return x->header_at != y->header_at ? x->header_at < y->header_at : a < b;
}

static tv_status walk_entries(struct layout *l, const uint32_t *order)
{
    for (uint64_t i = 0; i < l->zip->entries.count; i++) {
        tv_status status = walk_entry(l, vector_at(&l->zip->entries, order[i]));
        if (status != TV_OK)
            return status;
    }
    if (l->at != l->zip->directory_at)
        return refuse(
            l->findings,
            (struct refusal){.id = TV_FIND_ZIP_GAP, .offset = l->at, .a = l->at, .b = l->zip->directory_at - l->at});
    return TV_OK;
}

static tv_status check_layout(const struct source *source, struct zip *zip, tv_findings *findings)
{
    struct layout l = {source, zip, findings, {.each = 1, .budget = zip->budget}, 0};
    struct vector order = {.each = sizeof(uint32_t), .budget = zip->budget};
    tv_status status = TV_OK;
    uint32_t *items = vector_extend(&order, zip->entries.count);
    if (items == NULL)
        return refuse_memory(findings);
    for (uint64_t i = 0; i < zip->entries.count; i++)
        items[i] = (uint32_t)i;
    sort_items(items, zip->entries.count, before, zip);
    status = walk_entries(&l, items);
    vector_free(&order);
    vector_free(&l.header);
    return status;
}

/* torch can be told to skip checksums: then all of them are zero, and none can be checked. */
static void note_missing_crcs(struct zip *zip, tv_findings *findings)
{
    bool any_content = false;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        any_content = any_content || e->size != 0;
        zip->has_crcs = zip->has_crcs || e->crc != 0;
    }
    if (any_content && !zip->has_crcs)
        remark(findings, (struct refusal){.id = TV_FIND_ZIP_CRC_MISSING, .offset = TV_NO_OFFSET});
}

tv_status zip_open(const struct source *source, const tv_limits *limits, struct budget *budget, struct zip *zip,
                   tv_findings *findings)
{
    tv_status status = zip_list(source, limits, budget, zip, findings);
    if (status == TV_OK)
        status = zip_check_names(zip, findings);
    if (status == TV_OK)
        status = check_layout(source, zip, findings);
    if (status == TV_OK)
        note_missing_crcs(zip, findings);
    return status;
}

struct deflated zip_deflated(const struct zip *zip, const struct zip_entry *entry)
{
    return (struct deflated){zip->inflater, entry->data_at, entry->packed};
}

static tv_status verify_deflated(const struct zip *zip, const struct zip_entry *entry, uint32_t *crc,
                                 tv_findings *findings)
{
    const struct deflated part = zip_deflated(zip, entry);
    const struct source unpacked = source_of_deflated(&part, entry->size);
    const char *trouble = NULL;
    if (zip->inflater == NULL)
        return TV_MISUSE;
    tv_status status = inflate_check(&unpacked, crc, &trouble);
    if (status != TV_REJECTED)
        return status;
    return refuse(findings, (struct refusal){TV_FIND_ZIP_STREAM_INVALID, entry->data_at, entry->name, trouble,
                                             entry->packed, entry->size});
}

tv_status zip_verify(const struct source *source, const struct zip *zip, const struct zip_entry *entry,
                     tv_findings *findings)
{
    uint32_t crc = 0;
    tv_status status = TV_OK;
    if (entry->method == ZIP_DEFLATED)
        status = verify_deflated(zip, entry, &crc, findings);
    else if (zip->has_crcs)
        status = source_crc(source, entry->data_at, entry->packed, &crc);
    if (status == TV_OK && zip->has_crcs && crc != entry->crc)
        return refuse(findings,
                      (struct refusal){TV_FIND_ZIP_CRC_MISMATCH, entry->data_at, entry->name, NULL, crc, entry->crc});
    return status;
}
