/* torch-zip: the archive that torch.save has written since 1.6 (source: torch/serialization.py and
 * caffe2/serialize/inline_container.cc). One folder with data.pkl, the storages in data/, and small records.
 * torchscript: the same with code beside; its modules are objects whose state is their attributes.
 * Trusts: nothing. Promises: every record is known, has a possible value, and its checksum is right. */
#include "../archive/zip.h"

#include "graph.h"
#include "reading.h"

enum { RECORD_MAX = 64, OLDEST_VERSION = 1, NEWEST_VERSION = 10, ID_DIGITS = 40 };

static const struct zip_entry *record(struct zip *zip, const char *name)
{
    return zip_find(zip, tv_span_str(name));
}

/* Digits, and perhaps one line end, as a number up to `most`. */
static bool is_number(tv_span text, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (tv_span_ends(text, tv_span_str("\n")))
        text.size--;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *number > most)
            return false;
        *number = *number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.size > 0 && text.size < RECORD_MAX && *number <= most;
}

static bool is_version(tv_span text)
{
    uint64_t number = 0;
    return is_number(text, NEWEST_VERSION, &number) && number >= OLDEST_VERSION;
}

static bool is_small_number(tv_span text)
{
    uint64_t number = 0;
    return is_number(text, 1u << 30, &number);
}

static bool is_byte_order(tv_span text)
{
    return tv_span_is(text, "little") || tv_span_is(text, "big");
}

/* Two numbers of twenty digits: hashes of the names and of the checksums. */
static bool is_serialization_id(tv_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size == ID_DIGITS;
}

/* The small records and what they may hold. */
static const struct small_record {
    const char *name;
    bool (*is_possible)(tv_span text);
} small_records[] = {
    {"version", is_version},
    {".data/version", is_version},
    {"byteorder", is_byte_order},
    {".format_version", is_small_number},
    {".storage_alignment", is_small_number},
    {".data/serialization_id", is_serialization_id},
};

/* Where an entry that zip_verify has passed can be read: that source, at that offset. NULL where memory ends. */
static const struct source *entry_source(struct reading *r, const struct zip *zip, const struct zip_entry *e,
                                         uint64_t *at)
{
    *at = e->method == ZIP_DEFLATED ? 0 : e->data_at;
    return e->method == ZIP_DEFLATED ? keep_deflated(r, zip_deflated(zip, e), e->size) : r->source;
}

static tv_status check_small_record(struct reading *r, struct zip *zip, const struct small_record *row)
{
    uint8_t bytes[RECORD_MAX];
    const struct zip_entry *e = record(zip, row->name);
    if (e == NULL)
        return TV_OK;
    tv_status status = zip_verify(r->source, zip, e, r->findings);
    uint64_t size = e->size < RECORD_MAX ? e->size : RECORD_MAX, at = 0;
    const struct source *from = status == TV_OK ? entry_source(r, zip, e, &at) : NULL;
    if (status == TV_OK && from == NULL)
        status = refuse_memory(r->findings);
    if (status == TV_OK)
        status = source_read(from, at, bytes, size);
    if (status != TV_OK)
        return status;
    tv_span text = tv_span_of(bytes, (size_t)size);
    if (e->size >= RECORD_MAX || !row->is_possible(text)) {
        tv_findings_add(r->findings, TV_FIND_RECORD_INVALID, e->data_at, tv_span_str(row->name), text);
        return TV_REJECTED;
    }
    if (tv_span_is(text, "big")) {
        r->is_big_endian = true;
        remark(r->findings, (struct refusal){.id = TV_FIND_BIG_ENDIAN, .offset = e->data_at});
    }
    return TV_OK;
}

static bool is_storage_name(tv_span name)
{
    tv_span folder = tv_span_str("data/");
    return tv_span_starts(name, folder) && name.size > folder.size;
}

/* What TorchScript archives hold besides: code and constants, which nothing here looks into. */
static bool is_script_record(tv_span name)
{
    static const char *const places[] = {"code/", "constants/", "extra/", "traced_inputs/"};
    static const char *const files[] = {"constants.pkl", "bytecode.pkl", "mobile_debug_handles.pkl",
                                        "traced_inputs.pkl"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (tv_span_starts(name, tv_span_str(places[i])))
            return true;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (tv_span_is(name, files[i]))
            return true;
    return false;
}

static bool is_known_record(tv_span name)
{
    for (size_t i = 0; i < sizeof small_records / sizeof small_records[0]; i++)
        if (tv_span_is(name, small_records[i].name))
            return true;
    return tv_span_is(name, "data.pkl") || is_storage_name(name);
}

static tv_status meet_extra(struct reading *r, const struct zip_entry *e)
{
    if (!r->options->allow_extra)
        return refuse(r->findings, (struct refusal){TV_FIND_ZIP_EXTRA_ENTRY, e->row_at, e->name, NULL, 0, 0});
    remark(r->findings, (struct refusal){TV_FIND_ZIP_EXTRA_LET_THROUGH, e->row_at, e->name, NULL, 0, 0});
    return TV_OK;
}

/* Every entry is a record of a checkpoint; the folder itself is a note. */
static tv_status check_entries(struct reading *r, const struct zip *zip)
{
    bool script = r->out->kind == TV_KIND_TORCHSCRIPT;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        tv_span name = e->is_stray ? tv_span_str("") : zip_record_name(zip, e);
        tv_status status = TV_OK;
        if (!e->is_stray && e->is_folder && name.size == 0)
            remark(r->findings, (struct refusal){TV_FIND_ZIP_FOLDER_ENTRY, e->row_at, e->name, NULL, 0, 0});
        else if (e->is_stray || e->is_folder || (!is_known_record(name) && !(script && is_script_record(name))))
            status = meet_extra(r, e);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

static tv_status missing(struct reading *r, const char *name)
{
    return refuse(r->findings,
                  (struct refusal){.id = TV_FIND_RECORD_MISSING, .offset = TV_NO_OFFSET, .subject = tv_span_str(name)});
}

static tv_status check_records(struct reading *r, struct zip *zip)
{
    tv_status status = check_entries(r, zip);
    if (status == TV_OK)
        status = open_deflated(r, zip, is_known_record);
    for (size_t i = 0; i < sizeof small_records / sizeof small_records[0] && status == TV_OK; i++)
        status = check_small_record(r, zip, &small_records[i]);
    if (status != TV_OK)
        return status;
    if (record(zip, "version") == NULL && record(zip, ".data/version") == NULL)
        return missing(r, "version");
    return record(zip, "data.pkl") == NULL ? missing(r, "data.pkl") : TV_OK;
}

/* A compressed storage is unpacked once to be checked, when it is first referred to; its CRC is then done with. */
static tv_status place_deflated(struct reading *r, const struct zip *zip, const struct zip_entry *e,
                                struct place *place)
{
    const uint32_t *slot = vector_at(&r->slots, place->slot);
    if (slot == NULL || *slot != 0)
        return slot == NULL ? TV_MISUSE : TV_OK;
    tv_status status = zip_verify(r->source, zip, e, r->findings);
    if (status != TV_OK)
        return status;
    place->has_crc = false;
    place->from = entry_source(r, zip, e, &place->at);
    return place->from == NULL ? refuse_memory(r->findings) : TV_OK;
}

/* The storage `key` is the entry data/key. */
static tv_status find_entry(struct reading *r, tv_span key, struct place *place)
{
    struct zip *zip = r->container;
    const struct zip_entry *e = key.size == 0 ? NULL : zip_find_in(zip, tv_span_str("data/"), key);
    if (e == NULL)
        return refuse(r->findings, (struct refusal){TV_FIND_STORAGE_MISSING, TV_NO_OFFSET, key, NULL, 0, 0});
    *place = (struct place){.at = e->data_at,
                            .size = e->size,
                            .crc = e->crc,
                            .has_crc = zip->has_crcs,
                            .slot = (uint32_t)(e - (const struct zip_entry *)zip->entries.data)};
    return e->method == ZIP_DEFLATED ? place_deflated(r, zip, e, place) : TV_OK;
}

/* torch writes no storage that nothing refers to. */
static void note_unused(struct reading *r, const struct zip *zip)
{
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        const uint32_t *slot = vector_at(&r->slots, i);
        if (*slot == 0 && !e->is_stray && !e->is_folder && is_storage_name(zip_record_name(zip, e)))
            remark(r->findings,
                   (struct refusal){TV_FIND_STORAGE_UNUSED, e->header_at, zip_record_name(zip, e), NULL, e->size, 0});
    }
}

/* Runs data.pkl and interprets what it made. */
static tv_status read_pickle(struct reading *r, struct zip *zip)
{
    const struct zip_entry *e = record(zip, "data.pkl");
    struct pickle_options options = {r->options->limits, &r->use, true};
    tv_status status = zip_verify(r->source, zip, e, r->findings);
    if (status != TV_OK)
        return status;
    uint64_t at = 0;
    r->stream = entry_source(r, zip, e, &at);
    if (r->stream == NULL)
        return refuse_memory(r->findings);
    status = pickle_run(r->stream, at, at + e->size, &options, &r->pickle, r->findings);
    tv_status reported = report_globals(r, &r->pickle);
    if (status == TV_OK)
        status = reported;
    if (status == TV_OK && vector_extend(&r->slots, zip->entries.count) == NULL)
        status = refuse_memory(r->findings);
    if (status == TV_OK)
        status = find_meanings(r);
    if (status == TV_OK)
        note_unused(r, zip);
    if (status == TV_OK && r->options->want_tensors)
        status = walk_tensors(r);
    return status;
}

tv_status read_torch_zip(struct reading *r)
{
    struct zip zip;
    tv_status status = zip_open(r->source, r->options->limits, &r->out->budget, &zip, r->findings);
    zip.allow_strays = r->options->allow_extra;
    if (status == TV_OK)
        status = zip_find_root(&zip, r->findings);
    if (status == TV_OK)
        status = check_records(r, &zip);
    r->container = &zip;
    r->find = find_entry;
    if (status == TV_OK)
        status = read_pickle(r, &zip);
    zip_close(&zip);
    return status;
}
