/* A feed's storages, in their order, into the places where the plan or the output has them (receive.h). One buffer, one
 * pass; a storage that nobody wants is read and forgotten.
 * Trusts: plan and index, which were made from the table. Promises: nothing is written outside the planned file. */
#define _XOPEN_SOURCE 700

#include "receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../equal.h"
#include "../sort.h"

#define PIECE (1u << 20)

/* Where the bytes of one storage belong: `begin` in the file. Several where ties are copied. */
struct target {
    uint32_t storage; /* number in the feed */
    uint32_t tensor;  /* of the table, for messages */
    uint64_t begin, size;
};

struct delivery {
    struct received *r;
    struct target *targets;
    uint32_t *order; /* of targets, by storage */
    uint32_t count, next;
    uint8_t *buffer, *other;     /* PIECE bytes each */
    int fd;                      /* writing, or */
    const struct source *output; /* comparing */
    progress_fn progress;
    void *context;
    uint64_t done;
    tv_findings *findings;
};

static bool storage_before(const void *context, uint32_t a, uint32_t b)
{
    const struct target *targets = context;
    return targets[a].storage != targets[b].storage ? targets[a].storage < targets[b].storage : a < b;
}

static tv_status begin(struct delivery *d, uint64_t count)
{
    d->targets = calloc((size_t)count + 1, sizeof *d->targets);
    d->order = calloc((size_t)count + 1, sizeof *d->order);
    d->buffer = malloc(PIECE);
    d->other = malloc(PIECE);
    return d->targets == NULL || d->order == NULL || d->buffer == NULL || d->other == NULL ? TV_NO_MEMORY : TV_OK;
}

static void end(struct delivery *d)
{
    free(d->targets);
    free(d->order);
    free(d->buffer);
    free(d->other);
}

/* A tensor of the table is the whole of its storage: the structure says so, or this is no structure of ours. One
 * without elements is nowhere in the file, whatever its storage holds. */
static tv_status add_target(struct delivery *d, uint32_t index, uint64_t at, uint64_t size)
{
    const struct ck_tensor *tensor = vector_at(&d->r->table.tensors, index);
    const struct storage *storage = tensor == NULL ? NULL : vector_at(&d->r->table.storages, tensor->storage);
    if (storage == NULL)
        return TV_MISUSE;
    if (size == 0)
        return TV_OK;
    if (tensor->offset != 0 || storage->size != size || tensor->bytes != size)
        return feed_refuse(d->r->feed, "a tensor that is not the whole of its storage");
    d->targets[d->count] = (struct target){(uint32_t)storage->at, index, at, size};
    d->order[d->count] = d->count;
    d->count++;
    return TV_OK;
}

static tv_status write_failed(struct delivery *d, int error)
{
    tv_span why = tv_span_str(strerror(error));
    bool full = error == ENOSPC || error == EDQUOT;
    tv_findings_add(d->findings, full ? TV_FIND_NO_SPACE : TV_FIND_OUTPUT_UNWRITABLE, TV_NO_OFFSET, tv_span_of(NULL, 0),
                    why)
        ->a = d->r->bytes;
    return TV_IO;
}

static tv_status write_at(struct delivery *d, uint64_t at, const uint8_t *bytes, uint64_t size)
{
    while (size > 0) {
        ssize_t written = pwrite(d->fd, bytes, (size_t)size, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return write_failed(d, written < 0 ? errno : EIO);
        bytes += written;
        at += (uint64_t)written;
        size -= (uint64_t)written;
    }
    return TV_OK;
}

static tv_status compare_at(struct delivery *d, const struct target *target, uint64_t at, uint64_t size)
{
    tv_status status = source_read(d->output, at, d->other, size);
    if (status != TV_OK || equal_bytes(d->buffer, d->other, size))
        return status;
    const struct ck_tensor *tensor = vector_at(&d->r->table.tensors, target->tensor);
    tv_findings_add(d->findings, TV_FIND_VERIFY_FAILED, TV_NO_OFFSET, tensor->name, tv_span_str("other bits"));
    return TV_REJECTED;
}

/* The `size` bytes in the buffer, which are at `offset` in the storage, to all of its targets [from, to). */
static tv_status deliver_piece(struct delivery *d, uint32_t from, uint32_t to, uint64_t offset, uint64_t size)
{
    tv_status status = TV_OK;
    for (uint32_t i = from; i < to && status == TV_OK; i++) {
        const struct target *target = &d->targets[d->order[i]];
        status = d->output == NULL ? write_at(d, target->begin + offset, d->buffer, size)
                                   : compare_at(d, target, target->begin + offset, size);
    }
    d->done += size;
    if (d->progress != NULL)
        d->progress(d->context, d->done, d->r->bytes);
    return status;
}

static tv_status deliver_storage(struct delivery *d, uint32_t number, uint64_t bytes)
{
    struct feed *feed = d->r->feed;
    uint32_t from = d->next;
    while (d->next < d->count && d->targets[d->order[d->next]].storage == number)
        d->next++;
    tv_status status = feed_expect(feed, FEED_DATA);
    if (status == TV_OK && feed->left != bytes)
        status = feed_refuse(feed, "a storage of another size than announced");
    while (status == TV_OK && feed->left > 0) {
        uint64_t offset = bytes - feed->left, size = feed->left < PIECE ? feed->left : PIECE;
        status = feed_read(feed, d->buffer, size);
        if (status == TV_OK)
            status = deliver_piece(d, from, d->next, offset, size);
    }
    return status;
}

/* All storages, and the end of the feed. */
static tv_status deliver_all(struct delivery *d)
{
    tv_status status = TV_OK;
    sort_items(d->order, d->count, storage_before, d->targets);
    for (uint64_t i = 0; i < d->r->storages.count && status == TV_OK; i++) {
        const struct announced *storage = vector_at(&d->r->storages, i);
        status = deliver_storage(d, (uint32_t)i, storage->bytes);
    }
    return status == TV_OK ? feed_finish(d->r->feed) : status;
}

static tv_status write_planned(struct delivery *d, const struct plan *plan)
{
    tv_status status = begin(d, plan->items.count);
    for (uint64_t i = 0; i < plan->items.count && status == TV_OK; i++) {
        const struct plan_item *item = vector_at(&plan->items, i);
        status = add_target(d, item->tensor, plan->header_size + item->begin, item->end - item->begin);
    }
    if (status == TV_OK && ftruncate(d->fd, (off_t)(plan->header_size + plan->data_size)) != 0)
        status = write_failed(d, errno);
    if (status == TV_OK)
        status = write_at(d, 0, plan->header, plan->header_size);
    return status == TV_OK ? deliver_all(d) : status;
}

tv_status received_write(struct received *r, const struct plan *plan, int fd, progress_fn progress, void *context)
{
    struct delivery d = {.r = r, .fd = fd, .progress = progress, .context = context, .findings = r->feed->findings};
    tv_status status = write_planned(&d, plan);
    end(&d);
    return status;
}

tv_status received_compare(void *context, const struct compared *output, tv_findings *findings)
{
    struct received *r = context;
    struct delivery d = {.r = r, .fd = -1, .output = output->output, .findings = findings};
    tv_status status = begin(&d, output->index->count);
    for (uint64_t i = 0; i < output->index->count && status == TV_OK; i++) {
        const tv_tensor *tensor = &output->index->tensors[i];
        status =
            add_target(&d, output->matches[i], output->index->data_start + tensor->begin, tensor->end - tensor->begin);
    }
    if (status == TV_OK)
        status = deliver_all(&d);
    end(&d);
    return status;
}
