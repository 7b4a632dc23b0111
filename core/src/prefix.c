/* Stages foreign and prefix: the 8 bytes that say how long the header is, or that belong to something else.
 * Decides from those 8 bytes and the file's size alone, so that more bytes never change the answer. */
#include "prefix.h"

#include "magic.h"

enum { HUB_HEADER_MOST = 25000000 }; /* huggingface_hub: SAFETENSORS_MAX_HEADER_LENGTH */

static tv_status reject(tv_findings *findings, tv_finding_id id, uint64_t a, uint64_t b)
{
    tv_finding *finding = tv_findings_add(findings, id, 0, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
    finding->a = a;
    finding->b = b;
    return TV_REJECTED;
}

/* What a core parse says of a file that starts with the magic of that kind; TV_FIND_NONE for UNKNOWN. */
static tv_finding_id foreign_finding(tv_kind kind)
{
    switch ((unsigned)kind) {
    case TV_KIND_UNKNOWN: return TV_FIND_NONE;
    case TV_KIND_PICKLE:
    case TV_KIND_TORCH_LEGACY: return TV_FIND_PICKLE_IN_DISGUISE;
    case TV_KIND_ZIP:
    case TV_KIND_GZIP:
    case TV_KIND_BZIP2:
    case TV_KIND_XZ:
    case TV_KIND_ZSTD:
    case TV_KIND_LZ4:
    case TV_KIND_SEVEN_ZIP:
    case TV_KIND_RAR: return TV_FIND_ARCHIVE_IN_DISGUISE;
    case TV_KIND_GIT_LFS_POINTER: return TV_FIND_GIT_LFS_POINTER;
    case TV_KIND_HTML: return TV_FIND_HTML_PAGE;
    default: return TV_FIND_UNSUPPORTED_KIND;
    }
}

tv_status prefix_foreign(tv_span prefix, unsigned least, tv_findings *findings)
{
    tv_kind kind = magic_kind(prefix, least, prefix.size == PREFIX_BYTES);
    tv_finding_id id = foreign_finding(kind);
    if (id == TV_FIND_NONE)
        return TV_OK;
    (void)tv_findings_add(findings, id, 0, tv_span_of(NULL, 0), tv_span_str(tv_kind_what(kind)));
    return TV_REJECTED;
}

tv_status tv_header_length(tv_span bytes, uint64_t file_size, const tv_limits *limits, uint64_t *length,
                           tv_findings *findings)
{
    tv_span prefix;
    uint64_t most = limits->header_bytes < HEADER_MOST ? limits->header_bytes : HEADER_MOST;
    *length = 0;
    if (file_size == 0)
        return reject(findings, TV_FIND_EMPTY_FILE, 0, 0);
    if (!tv_span_sub(bytes, 0, file_size < PREFIX_BYTES ? file_size : PREFIX_BYTES, &prefix))
        return TV_MORE;
    bool beyond = !tv_span_u64(prefix, 0, length) || *length > HEADER_MOST;
    bool cut = !beyond && *length > file_size - PREFIX_BYTES;
    tv_status status = beyond || cut ? prefix_foreign(prefix, beyond ? 0 : MAGIC_SURE, findings) : TV_OK;
    if (status != TV_OK)
        return status;
    if (prefix.size < PREFIX_BYTES)
        return reject(findings, TV_FIND_FILE_TOO_SHORT, file_size, 0);
    if (*length > most)
        return reject(findings, TV_FIND_HEADER_TOO_LARGE, *length, most);
    if (cut)
        return reject(findings, TV_FIND_HEADER_LENGTH_BEYOND_FILE, *length, file_size - PREFIX_BYTES);
    return TV_OK;
}

static void note(tv_findings *findings, tv_finding_id id, uint64_t a)
{
    tv_findings_add(findings, id, 0, tv_span_of(NULL, 0), tv_span_of(NULL, 0))->a = a;
}

void prefix_notes(uint64_t length, tv_findings *findings)
{
    if (length % PREFIX_BYTES != 0)
        note(findings, TV_FIND_HEADER_UNALIGNED, length);
    if (length > HUB_HEADER_MOST)
        note(findings, TV_FIND_HEADER_OVER_25MB, length);
}
