/* Carries a plan out (plan.h): header, then every tensor in the output's order, in bounded memory.
 * Trusts: the plan and the tensor table. Promises: the CRC of each storage that has one is checked exactly once, while
 * copying where one tensor is the whole storage, else in a pass of its own; the file ends where the plan ends. */
#include "plan.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include <tensorvet/checked.h>

#include "gather.h"
#include "sink.h"
#include "view.h"

#define NOBODY UINT32_MAX

struct writing {
    const struct source *source;
    const struct checkpoint *checkpoint;
    const struct plan *plan;
    struct sink sink;
    const struct plan_writing *how;
    uint32_t *carriers;   /* for each storage, the item whose copying checks its CRC, or NOBODY */
    uint64_t done, total; /* bytes, for the progress */
    tv_findings *findings;
};

static const struct ck_tensor *tensor_of(const struct writing *w, const struct plan_item *item)
{
    return vector_at(&w->checkpoint->tensors, item->tensor);
}

static const struct storage *storage_of(const struct writing *w, uint32_t index)
{
    return vector_at(&w->checkpoint->storages, index);
}

/* The writer's own failures, as findings. Reading that fails is for the caller to explain. */
static tv_status write_failed(struct writing *w)
{
    int error = w->sink.error;
    tv_span why = tv_span_str(strerror(error));
    if (error == ENOSPC || error == EDQUOT) {
        tv_finding *finding = tv_findings_add(w->findings, TV_FIND_NO_SPACE, TV_NO_OFFSET, tv_span_of(NULL, 0), why);
        finding->a = w->plan->header_size + w->plan->data_size;
    } else {
        tv_findings_add(w->findings, TV_FIND_OUTPUT_UNWRITABLE, TV_NO_OFFSET, tv_span_of(NULL, 0), why);
    }
    return TV_IO;
}

static void advance(void *context, uint64_t bytes)
{
    struct writing *w = context;
    w->done += bytes;
    if (w->how->progress != NULL)
        w->how->progress(w->how->context, w->done, w->total);
}

static tv_status judge_crc(struct writing *w, const struct storage *storage, uint32_t crc)
{
    if (crc == storage->crc)
        return TV_OK;
    tv_finding_id id = w->how->allow_crc ? TV_FIND_ZIP_CRC_LET_THROUGH : TV_FIND_ZIP_CRC_MISMATCH;
    tv_finding *finding = tv_findings_add(w->findings, id, storage->at, storage->key, tv_span_of(NULL, 0));
    finding->a = crc;
    finding->b = storage->crc;
    return w->how->allow_crc ? TV_OK : TV_REJECTED;
}

/* Are its bytes in the output those of the source, one after the other? No bytes are. */
static bool is_copied(const struct plan_item *item, const struct ck_tensor *tensor)
{
    return item->begin == item->end || (item->contiguous && tensor->swap == 0 && tensor->signs == 0);
}

/* Is this tensor the whole of its storage, so that copying it sees every byte in order? */
static bool is_whole(const struct plan_item *item, const struct ck_tensor *tensor, const struct storage *storage)
{
    return is_copied(item, tensor) && tensor->offset == 0 && item->end - item->begin == storage->size;
}

/* Where the `size` bytes of a contiguous tensor start in the source. False where they leave the storage, which the
 * reader has excluded. */
static bool find_bytes(const struct ck_tensor *tensor, const struct storage *storage, uint64_t size, uint64_t *at)
{
    uint64_t offset = 0;
    if (size == 0)
        return true;
    if (!tv_mul(tensor->offset, tv_dtype_bits(tensor->dtype), &offset) || offset % 8 != 0)
        return false;
    offset /= 8;
    if (offset > storage->size || size > storage->size - offset)
        return false;
    *at = storage->at + offset;
    return true;
}

/* Copies a contiguous tensor, and checks the CRC of its storage if it carries that. */
static tv_status copy(struct writing *w, uint32_t index)
{
    const struct plan_item *item = vector_at(&w->plan->items, index);
    const struct ck_tensor *tensor = tensor_of(w, item);
    const struct storage *storage = storage_of(w, tensor->storage);
    bool carries = w->carriers[tensor->storage] == index;
    uint64_t at = 0, left = item->end - item->begin;
    uint32_t crc = 0;
    if (!find_bytes(tensor, storage, left, &at))
        return TV_MISUSE;
    while (left > 0) {
        uint64_t size = 0;
        uint8_t *to = sink_room(&w->sink, &size);
        if (to == NULL)
            return write_failed(w);
        if (size > left)
            size = left;
        tv_status status = source_read(storage_source(w->source, storage), at, to, size);
        if (status != TV_OK)
            return status;
        if (carries)
            crc = libdeflate_crc32(crc, to, (size_t)size);
        sink_advance(&w->sink, size);
        at += size;
        left -= size;
        advance(w, size);
    }
    return carries ? judge_crc(w, storage, crc) : TV_OK;
}

static tv_status gather(struct writing *w, const struct plan_item *item)
{
    const struct ck_tensor *tensor = tensor_of(w, item);
    struct view view;
    const struct storage *storage = storage_of(w, tensor->storage);
    tv_status status = view_of(tensor, storage, &view, w->findings);
    if (status != TV_OK)
        return status;
    status = gather_view(storage_source(w->source, storage), &view, &w->sink, advance, w);
    return status == TV_IO && w->sink.error != 0 ? write_failed(w) : status;
}

/* Each byte of the data section belongs to exactly one part, and a tensor to the part of its first. */
static bool is_mine(const struct writing *w, const struct plan_item *item)
{
    uint32_t parts = w->how->parts;
    return parts < 2 || item->begin / (w->plan->data_size / parts + 1) == w->how->part;
}

static bool is_last(const struct writing *w)
{
    return w->how->parts < 2 || w->how->part == w->how->parts - 1;
}

/* Where this part begins: tensors of no bytes lie where their neighbours do, whosever those are. */
static void find_start(struct writing *w)
{
    w->sink.base = 0;
    if (w->how->part == 0)
        return;
    w->sink.base = w->plan->header_size;
    for (uint64_t i = 0; i < w->plan->items.count; i++) {
        const struct plan_item *item = vector_at(&w->plan->items, i);
        w->sink.base = w->plan->header_size + item->begin;
        if (is_mine(w, item))
            return;
    }
}

/* The tensors of this part, which follow each other. */
static tv_status write_items(struct writing *w)
{
    for (uint32_t i = 0; i < w->plan->items.count; i++) {
        const struct plan_item *item = vector_at(&w->plan->items, i);
        if (!is_mine(w, item))
            continue;
        if (sink_position(&w->sink) != w->plan->header_size + item->begin)
            return TV_MISUSE;
        tv_status status = is_copied(item, tensor_of(w, item)) ? copy(w, i) : gather(w, item);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

/* The header, the tensors, and the end of the file. */
static tv_status write_all(struct writing *w)
{
    const struct plan *plan = w->plan;
    find_start(w);
    if (w->how->part == 0 && sink_put(&w->sink, plan->header, plan->header_size) != TV_OK)
        return write_failed(w);
    tv_status status = write_items(w);
    if (status != TV_OK)
        return status;
    if (sink_flush(&w->sink) != TV_OK)
        return write_failed(w);
    if (is_last(w) && sink_end(&w->sink, plan->header_size + plan->data_size) != TV_OK)
        return write_failed(w);
    bool whole = w->how->parts < 2;
    return !whole || sink_position(&w->sink) == plan->header_size + plan->data_size ? TV_OK : TV_MISUSE;
}

/* Is the storage's CRC for this part to check in a pass of its own? */
static bool is_to_read(const struct writing *w, uint32_t storage)
{
    bool mine = w->how->parts < 2 || storage % w->how->parts == w->how->part;
    return mine && storage_of(w, storage)->has_crc && w->carriers[storage] == NOBODY;
}

/* Storages that no single tensor carried. */
static tv_status check_other_crcs(struct writing *w)
{
    for (uint32_t i = 0; i < w->checkpoint->storages.count; i++) {
        const struct storage *storage = storage_of(w, i);
        uint32_t crc = 0;
        if (!is_to_read(w, i))
            continue;
        tv_status status = source_crc(storage_source(w->source, storage), storage->at, storage->size, &crc);
        if (status == TV_OK)
            status = judge_crc(w, storage, crc);
        if (status != TV_OK)
            return status;
        advance(w, storage->size);
    }
    return TV_OK;
}

/* Who checks which CRC, and what all of the work comes to: bytes written, and bytes read for a CRC alone. */
static void prepare(struct writing *w)
{
    uint64_t count = w->checkpoint->storages.count;
    for (uint32_t i = 0; i < count; i++)
        w->carriers[i] = NOBODY;
    for (uint32_t i = 0; i < w->plan->items.count; i++) {
        const struct plan_item *item = vector_at(&w->plan->items, i);
        const struct ck_tensor *tensor = tensor_of(w, item);
        const struct storage *storage = storage_of(w, tensor->storage);
        if (storage->has_crc && w->carriers[tensor->storage] == NOBODY && is_whole(item, tensor, storage))
            w->carriers[tensor->storage] = i;
        if (is_mine(w, item))
            w->total += item->end - item->begin;
    }
    for (uint32_t i = 0; i < count; i++)
        if (is_to_read(w, i))
            w->total += storage_of(w, i)->size; /* at most the size of the source for each: no overflow in practice */
}

tv_status plan_write(const struct source *source, const struct checkpoint *checkpoint, const struct plan *plan, int fd,
                     const struct plan_writing *how, tv_findings *findings)
{
    struct writing w = {.source = source, .checkpoint = checkpoint, .plan = plan, .how = how, .findings = findings};
    tv_status status = sink_open(&w.sink, fd);
    w.carriers = calloc((size_t)checkpoint->storages.count + 1, sizeof *w.carriers);
    if (w.carriers == NULL)
        status = TV_NO_MEMORY;
    if (status == TV_OK) {
        prepare(&w);
        status = write_all(&w);
    }
    if (status == TV_OK)
        status = check_other_crcs(&w);
    free(w.carriers);
    sink_close(&w.sink);
    return status;
}
