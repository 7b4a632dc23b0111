/* What a file is, and whether it is two things at once (checkpoint.h). Decided from bytes alone.
 * Trusts: nothing. Zip directories are listed, pickles are run inertly; what either finds wrong is for the readers. */
#include "archive/zip.h"
#include "bytes.h"
#include "checkpoint.h"
#include "pickle/machine.h"
#include "refuse.h"

#include <stdlib.h>

static bool name_ends(tv_span name, const char *tail)
{
    return tv_span_ends(name, tv_span_str(tail));
}

/* Names that tell zip archives apart. The first column that matches an entry votes for its kind; the votes are
 * weighed in zip_kind. Source: the writers of each (torch, torch.package, torch.export, TorchServe, NumPy). */
struct names_seen {
    bool data, constants, code, package, export, mar, numpy, other;
};

static void look_at_name(tv_span name, struct names_seen *seen)
{
    if (name_ends(name, "/data.pkl"))
        seen->data = true;
    else if (name_ends(name, "/constants.pkl"))
        seen->constants = true;
    else if (name_ends(name, "/model.json"))
        seen->code = true;
    else if (name_ends(name, "/.data/extern_modules"))
        seen->package = true;
    else if (name_ends(name, "/archive_format") || name_ends(name, "serialized_exported_program.json"))
        seen->export = true;
    else if (name_ends(name, "MAR-INF/MANIFEST.json"))
        seen->mar = true;
    else if (name_ends(name, ".npy"))
        seen->numpy = true;
    else
        seen->other = true;
}

static tv_kind kind_of_names(const struct names_seen *seen)
{
    if (seen->mar)
        return TV_KIND_MAR;
    if (seen->export)
        return TV_KIND_PT2;
    if (seen->package)
        return TV_KIND_TORCH_PACKAGE;
    if (seen->constants || seen->code)
        return TV_KIND_TORCHSCRIPT;
    if (seen->data)
        return TV_KIND_TORCH_ZIP;
    return seen->numpy && !seen->other ? TV_KIND_NPZ : TV_KIND_ZIP;
}

/* An archive whose directory cannot be read: its first entry tells. torch puts everything into a folder. */
static tv_kind kind_of_broken_zip(tv_span head)
{
    enum { NAME_SIZE_AT = 26, NAME_AT = 30 };
    tv_span name;
    if (!tv_span_sub(head, NAME_AT, u16_at(head, NAME_SIZE_AT), &name))
        return TV_KIND_ZIP;
    return name_ends(name, "/data.pkl") || name_ends(name, "/data/0") || name_ends(name, "/version") ? TV_KIND_TORCH_ZIP
                                                                                                     : TV_KIND_ZIP;
}

/* Findings of an attempt, which are nobody's business but ours. */
static tv_findings *scratch_findings(void)
{
    tv_findings *findings = malloc(sizeof *findings); /* large: what lies beyond the count is not touched */
    if (findings != NULL)
        findings->count = findings->omitted = 0;
    return findings;
}

/* A trial that refused says what the file is not; one that ran out of memory says nothing. */
static tv_status trial_status(tv_status status, const tv_findings *findings)
{
    const tv_finding *error = tv_findings_first_error(findings);
    if (error != NULL && error->id == TV_FIND_LIMIT_MEMORY)
        return TV_NO_MEMORY;
    return status == TV_REJECTED ? TV_OK : status;
}

static tv_status zip_kind(const struct source *source, const tv_limits *limits, tv_span head, tv_kind *kind)
{
    struct zip zip;
    struct budget budget = {limits->memory_bytes};
    struct names_seen seen = {0};
    tv_findings *findings = scratch_findings();
    if (findings == NULL)
        return TV_NO_MEMORY;
    tv_status status = zip_list(source, limits, &budget, &zip, findings);
    for (uint64_t i = 0; status == TV_OK && i < zip.entries.count; i++)
        look_at_name(((const struct zip_entry *)vector_at(&zip.entries, i))->name, &seen);
    *kind = status == TV_OK ? kind_of_names(&seen) : kind_of_broken_zip(head);
    zip_close(&zip);
    status = trial_status(status, findings);
    free(findings);
    return status;
}

/* Runs what may be a pickle. *stopped: it ran to STOP, or until a limit stopped it; *named: it named a global on the
 * way.
 */
static tv_status try_pickle(const struct source *source, const tv_limits *limits, tv_span head, bool *stopped,
                            bool *named)
{
    if (!pickle_can_begin(tv_span_byte(head, 0))) /* so most safetensors files cost no memory here */
        return TV_OK;
    struct pickle pickle;
    struct budget budget = {limits->memory_bytes};
    struct pickle_use use = {0};
    struct pickle_options options = {limits, &use, false};
    tv_findings *findings = scratch_findings();
    if (findings == NULL)
        return TV_NO_MEMORY;
    pickle_start(&pickle, &budget);
    tv_status status = pickle_run(source, 0, source->size, &options, &pickle, findings);
    const tv_finding *error = tv_findings_first_error(findings);
    *stopped = status == TV_OK || (error != NULL && error->id == TV_FIND_LIMIT_PICKLE);
    *named = pickle.mentions.count != 0;
    pickle_free(&pickle);
    status = trial_status(status, findings);
    free(findings);
    return status;
}

/* The magic number that a legacy checkpoint begins with, as each protocol pickles it. */
static bool is_legacy(tv_span head)
{
#define MAGIC "\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."
    static const char binary[] = MAGIC, framed[] = "\x95\x0D\0\0\0\0\0\0\0" MAGIC;
    static const char text[] = "L119547037146038801333356L\n.";
#undef MAGIC
    tv_span rest;
    if (tv_span_starts(head, tv_span_of(text, sizeof text - 1)))
        return true;
    if (tv_span_byte(head, 0) != 0x80 || !tv_span_sub(head, 2, head.size - 2, &rest))
        return false;
    return tv_span_starts(rest, tv_span_of(binary, sizeof binary - 1)) ||
           tv_span_starts(rest, tv_span_of(framed, sizeof framed - 1));
}

/* Starts with PROTO and a protocol that exists: broken or not, nothing else begins so. */
static bool is_surely_pickle(tv_span head)
{
    return tv_span_byte(head, 0) == 0x80 && tv_span_byte(head, 1) >= 2 && tv_span_byte(head, 1) <= 5;
}

static tv_status pickle_kind(const struct source *source, const tv_limits *limits, tv_span head, tv_kind *kind)
{
    bool stopped = false, named = false;
    *kind = is_legacy(head) ? TV_KIND_TORCH_LEGACY : TV_KIND_PICKLE;
    if (*kind == TV_KIND_TORCH_LEGACY || is_surely_pickle(head))
        return TV_OK;
    tv_status status = try_pickle(source, limits, head, &stopped, &named);
    if (status == TV_OK && !stopped && !named)
        *kind = TV_KIND_UNKNOWN;
    return status;
}

/* The size field of a tar header: octal digits. */
static uint64_t tar_size(tv_span header)
{
    enum { SIZE_AT = 124, SIZE_DIGITS = 11 };
    uint64_t size = 0;
    for (uint64_t i = 0; i < SIZE_DIGITS; i++) {
        int digit = tv_span_byte(header, SIZE_AT + i);
        if (digit < '0' || digit > '7')
            break;
        size = size * 8 + (uint64_t)(digit - '0');
    }
    return size;
}

/* An old checkpoint is a tar whose first members are among these four. */
static bool is_torch_member(tv_span header)
{
    static const char *const names[] = {"sys_info", "pickle", "tensors", "storages"};
    tv_span name = header;
    if (tv_span_starts(header, tv_span_str("./")))
        (void)tv_span_sub(header, 2, header.size - 2, &name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (tv_span_starts(name, tv_span_of(names[i], strlen(names[i]) + 1)))
            return true;
    return false;
}

static tv_status tar_kind(const struct source *source, tv_kind *kind)
{
    enum { BLOCK = 512, MEMBERS = 16 };
    uint8_t header[BLOCK];
    uint64_t at = 0, found = 0;
    *kind = TV_KIND_TAR;
    for (unsigned i = 0; i < MEMBERS && at <= source->size && source->size - at >= BLOCK; i++) {
        tv_status status = source_read(source, at, header, BLOCK);
        if (status != TV_OK)
            return status;
        tv_span bytes = tv_span_of(header, BLOCK);
        found += is_torch_member(bytes) ? 1 : 0;
        at += BLOCK + (tar_size(bytes) + BLOCK - 1) / BLOCK * BLOCK;
    }
    if (found >= 3)
        *kind = TV_KIND_TORCH_TAR;
    return TV_OK;
}

static tv_status read_head(const struct source *source, uint8_t *bytes, tv_span *head)
{
    uint64_t size = source->size < TV_IDENTIFY_BYTES ? source->size : TV_IDENTIFY_BYTES;
    *head = tv_span_of(bytes, (size_t)size);
    return source_read(source, 0, bytes, size);
}

tv_status source_identify(const struct source *source, const tv_limits *limits, tv_kind *kind)
{
    uint8_t bytes[TV_IDENTIFY_BYTES];
    tv_span head;
    tv_status status = read_head(source, bytes, &head);
    if (status != TV_OK)
        return status;
    *kind = tv_identify(head, source->size);
    if (*kind == TV_KIND_ZIP)
        return zip_kind(source, limits, head, kind);
    if (*kind == TV_KIND_PICKLE || *kind == TV_KIND_UNKNOWN)
        return pickle_kind(source, limits, head, kind);
    return *kind == TV_KIND_TAR ? tar_kind(source, kind) : TV_OK;
}

static tv_status polyglot(tv_findings *findings, uint64_t at, const char *what)
{
    return refuse(findings, (struct refusal){TV_FIND_POLYGLOT, at, {0}, what, 0, 0});
}

/* Does a directory start `size` bytes before `at`? A friendly reader asks no more. */
static tv_status has_directory(const struct source *source, uint64_t at, uint64_t size, bool *found)
{
    uint8_t magic[4];
    if (*found || size < sizeof magic || size > at)
        return TV_OK;
    tv_status status = source_read(source, at - size, magic, sizeof magic);
    *found = u32_at(tv_span_of(magic, sizeof magic), 0) == 0x02014b50u;
    return status;
}

/* Is there a directory for the end record at `at`, right before it or before the zip64 records? An empty one always
 * is. */
static tv_status is_zip_end(const struct source *source, uint64_t at, uint64_t size, bool *found)
{
    enum { WIDE_RECORDS = 76 };
    *found = size == 0;
    tv_status status = has_directory(source, at, size, found);
    if (status == TV_OK && at >= WIDE_RECORDS)
        status = has_directory(source, at - WIDE_RECORDS, size, found);
    return status;
}

/* How far the window of four bytes may move, by its last one, without passing an end record's "PK\5\6" (Horspool's
 * way): in most bytes there is no part of it, and every safetensors file is looked through so. */
static uint64_t to_next_window(int last)
{
    switch (last) {
    case 'P': return 3;
    case 'K': return 2;
    case 5: return 1;
    default: return 4;
    }
}

/* The bytes from `start` on: where they lie, or in memory of their own, which the caller frees. */
static tv_status take_tail(const struct source *source, uint64_t start, uint64_t size, uint8_t **own, tv_span *bytes)
{
    if (source_view(source, start, size, bytes))
        return TV_OK;
    *own = malloc((size_t)size + 1);
    if (*own == NULL)
        return TV_NO_MEMORY;
    *bytes = tv_span_of(*own, (size_t)size);
    return source_read(source, start, *own, size);
}

/* Looks for an end record as lenient zip readers do: anywhere in the last 64 KiB, whatever its comment says. */
static tv_status find_zip_end(const struct source *source, bool *found, uint64_t *where)
{
    enum { END_SIZE = 22, COMMENT_MAX = 65535, DIRECTORY_SIZE_AT = 12 };
    uint64_t size = source->size < END_SIZE + COMMENT_MAX ? source->size : END_SIZE + COMMENT_MAX;
    uint64_t start = source->size - size;
    uint8_t *tail = NULL;
    tv_span bytes;
    tv_status status = take_tail(source, start, size, &tail, &bytes);
    *found = false;
    uint64_t step = 0;
    for (uint64_t at = 0; status == TV_OK && !*found && at + END_SIZE <= size; at += step) {
        const int last = tv_span_byte(bytes, at + 3);
        step = to_next_window(last);
        if (last != 6 || u32_at(bytes, at) != 0x06054b50u)
            continue;
        *where = start + at;
        status = is_zip_end(source, *where, u32_at(bytes, at + DIRECTORY_SIZE_AT), found);
    }
    free(tail);
    return status;
}

tv_status source_polyglot(const struct source *source, const tv_limits *limits, tv_findings *findings)
{
    uint8_t bytes[TV_IDENTIFY_BYTES];
    tv_span head;
    bool found = false, stopped = false, named = false;
    uint64_t where = 0;
    tv_status status = read_head(source, bytes, &head);
    if (status != TV_OK)
        return status;
    if (tv_span_starts(head, tv_span_str("PK\3\4")) || tv_span_starts(head, tv_span_str("PK\5\6")))
        return polyglot(findings, 0, "it starts like a zip archive");
    status = find_zip_end(source, &found, &where);
    if (status == TV_OK && found)
        return polyglot(findings, where, "it ends like a zip archive");
    if (status == TV_OK)
        status = try_pickle(source, limits, head, &stopped, &named);
    if (status == TV_OK && named)
        return polyglot(findings, 0, "it runs as a pickle that names a global");
    return status;
}
