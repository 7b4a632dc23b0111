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

enum crc_state { CRC_TO_DO, CRC_CARRIED, CRC_NONE };

struct writing {
    const struct source *source;
    const struct checkpoint *checkpoint;
    const struct plan *plan;
    struct sink sink;
    uint8_t *crc_states;  /* an enum crc_state for each storage */
    uint64_t done, total; /* bytes, for the progress */
    progress_fn progress;
    void *context;
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
    if (w->progress != NULL)
        w->progress(w->context, w->done, w->total);
}

static tv_status judge_crc(struct writing *w, const struct storage *storage, uint32_t crc)
{
    if (crc == storage->crc)
        return TV_OK;
    tv_finding *finding =
        tv_findings_add(w->findings, TV_FIND_ZIP_CRC_MISMATCH, storage->at, storage->key, tv_span_of(NULL, 0));
    finding->a = crc;
    finding->b = storage->crc;
    return TV_REJECTED;
}

/* Are its bytes in the output those of the source, one after the other? */
static bool is_copied(const struct plan_item *item, const struct ck_tensor *tensor)
{
    return item->contiguous && tensor->swap == 0 && tensor->signs == 0;
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
static tv_status copy(struct writing *w, const struct plan_item *item)
{
    const struct ck_tensor *tensor = tensor_of(w, item);
    const struct storage *storage = storage_of(w, tensor->storage);
    bool carries = w->crc_states[tensor->storage] == CRC_TO_DO && is_whole(item, tensor, storage);
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
    if (!carries)
        return TV_OK;
    w->crc_states[tensor->storage] = CRC_CARRIED;
    return judge_crc(w, storage, crc);
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

/* The header, the tensors, and the end of the file. */
static tv_status write_all(struct writing *w)
{
    const struct plan *plan = w->plan;
    if (sink_put(&w->sink, plan->header, plan->header_size) != TV_OK)
        return write_failed(w);
    for (uint64_t i = 0; i < plan->items.count; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        if (sink_position(&w->sink) != plan->header_size + item->begin)
            return TV_MISUSE;
        tv_status status = is_copied(item, tensor_of(w, item)) ? copy(w, item) : gather(w, item);
        if (status != TV_OK)
            return status;
    }
    if (sink_finish(&w->sink) != TV_OK)
        return write_failed(w);
    return sink_position(&w->sink) == plan->header_size + plan->data_size ? TV_OK : TV_MISUSE;
}

/* Storages that no single tensor carried. */
static tv_status check_other_crcs(struct writing *w)
{
    for (uint32_t i = 0; i < w->checkpoint->storages.count; i++) {
        const struct storage *storage = storage_of(w, i);
        uint32_t crc = 0;
        if (w->crc_states[i] != CRC_TO_DO)
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

/* Which storages have a CRC, and what all of the work comes to: bytes written, and bytes read for a CRC alone. */
static void prepare(struct writing *w)
{
    uint64_t count = w->checkpoint->storages.count;
    w->total = w->plan->data_size;
    for (uint32_t i = 0; i < count; i++) {
        w->crc_states[i] = storage_of(w, i)->has_crc ? CRC_TO_DO : CRC_NONE;
        if (w->crc_states[i] == CRC_TO_DO)
            w->total += storage_of(w, i)->size; /* at most the size of the source for each: no overflow in practice */
    }
    for (uint64_t i = 0; i < w->plan->items.count; i++) {
        const struct plan_item *item = vector_at(&w->plan->items, i);
        const struct ck_tensor *tensor = tensor_of(w, item);
        if (w->crc_states[tensor->storage] == CRC_TO_DO && is_whole(item, tensor, storage_of(w, tensor->storage))) {
            w->crc_states[tensor->storage] = CRC_CARRIED;
            w->total -= storage_of(w, tensor->storage)->size;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (w->crc_states[i] == CRC_CARRIED) /* by now only counted */
            w->crc_states[i] = CRC_TO_DO;
    }
}

tv_status plan_write(const struct source *source, const struct checkpoint *checkpoint, const struct plan *plan, int fd,
                     progress_fn progress, void *context, tv_findings *findings)
{
    struct writing w = {.source = source,
                        .checkpoint = checkpoint,
                        .plan = plan,
                        .progress = progress,
                        .context = context,
                        .findings = findings};
    tv_status status = sink_open(&w.sink, fd);
    w.crc_states = calloc((size_t)checkpoint->storages.count + 1, 1);
    if (w.crc_states == NULL)
        status = TV_NO_MEMORY;
    if (status == TV_OK) {
        prepare(&w);
        status = write_all(&w);
    }
    if (status == TV_OK)
        status = check_other_crcs(&w);
    free(w.crc_states);
    sink_close(&w.sink);
    return status;
}
