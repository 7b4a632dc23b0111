/* Parts of a file that are not tensors' bytes as they stand: entries of a zip archive that a tool compressed.
 * Trusts: nothing. Promises: what they unpack to, all together, is within the limit before any of it is unpacked. */
#include <tensorvet/checked.h>

#include "../archive/zip.h"
#include "reading.h"

struct inflater *reading_inflater(struct reading *r)
{
    if (r->out->inflater == NULL)
        r->out->inflater = inflater_new(r->source);
    return r->out->inflater;
}

const struct source *keep_source(struct reading *r, struct source source)
{
    struct source *kept = pool_take(&r->out->pool, 1, sizeof *kept);
    if (kept != NULL)
        *kept = source;
    return kept;
}

const struct source *keep_deflated(struct reading *r, struct deflated part, uint64_t size)
{
    struct deflated *kept = pool_take(&r->out->pool, 1, sizeof *kept);
    if (kept == NULL)
        return NULL;
    *kept = part;
    return keep_source(r, source_of_deflated(kept, size));
}

tv_status open_deflated(struct reading *r, struct zip *zip, bool (*is_read)(tv_span record))
{
    const uint64_t free_bytes = 16u << 20;
    const struct zip_entry *first = NULL;
    uint64_t unpacked = 0, allowed = 0;
    for (uint64_t i = 0; i < zip->entries.count; i++) {
        const struct zip_entry *e = vector_at(&zip->entries, i);
        if (e->method != ZIP_DEFLATED || (is_read != NULL && !is_read(zip_record_name(zip, e))))
            continue;
        first = first == NULL ? e : first;
        if (!tv_add(unpacked, e->size, &unpacked))
            unpacked = UINT64_MAX;
    }
    if (first == NULL)
        return TV_OK;
    if (!tv_mul(r->source->size, r->options->limits->zip_inflation, &allowed))
        allowed = UINT64_MAX;
    if (unpacked > free_bytes && unpacked > allowed)
        return refuse(r->findings, (struct refusal){.id = TV_FIND_ZIP_INFLATION,
                                                    .offset = first->row_at,
                                                    .a = unpacked,
                                                    .b = allowed < free_bytes ? free_bytes : allowed});
    remark(r->findings,
           (struct refusal){TV_FIND_ZIP_DEFLATED, first->row_at, first->name, NULL, first->packed, first->size});
    zip->inflater = reading_inflater(r);
    return zip->inflater == NULL ? refuse_memory(r->findings) : TV_OK;
}
