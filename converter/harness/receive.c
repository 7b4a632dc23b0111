/* From a feed to a tensor table (receive.h). The structure is read by the pickle machine, as any checkpoint's pickle is
 * and for the same reasons; a Python that was taken over can write any. */
#include "receive.h"

#include <tensorvet/checked.h>

#include "../bytes.h"
#include "../refuse.h"

enum { ROW = 12, WAS_NOT_CONTIGUOUS = 1, DECISION_MOST = 256 };

/* Sizes are added up, so that no later sum of some of them can overflow. */
static tv_status take_row(struct received *r)
{
    uint8_t row[ROW];
    struct announced *storage = vector_push(&r->storages);
    if (storage == NULL || r->storages.count >= UINT32_MAX)
        return refuse_memory(r->feed->findings);
    tv_status status = feed_read(r->feed, row, sizeof row);
    if (status != TV_OK)
        return status;
    uint64_t flags = u32_at(tv_span_of(row, sizeof row), 8);
    *storage = (struct announced){u64_at(tv_span_of(row, sizeof row), 0), (flags & WAS_NOT_CONTIGUOUS) == 0};
    if (flags > WAS_NOT_CONTIGUOUS || !tv_add(r->bytes, storage->bytes, &r->bytes) || r->bytes > INT64_MAX)
        return feed_refuse(r->feed, "a storage that cannot be");
    return TV_OK;
}

static tv_status take_table(struct received *r)
{
    tv_status status = feed_expect(r->feed, FEED_TABLE);
    if (status == TV_OK && r->feed->left % ROW != 0)
        status = feed_refuse(r->feed, "a table of another form");
    while (status == TV_OK && r->feed->left > 0)
        status = take_row(r);
    return status;
}

static tv_status take_decision(struct received *r)
{
    uint8_t bytes[4 + DECISION_MOST];
    uint64_t size = r->feed->left;
    if (size < 4 || size > sizeof bytes || r->decisions.count >= r->storages.count * 2)
        return feed_refuse(r->feed, "a decision of another form");
    tv_status status = feed_read(r->feed, bytes, size);
    struct decision *decision = status == TV_OK ? vector_push(&r->decisions) : NULL;
    if (status != TV_OK)
        return status;
    if (decision == NULL)
        return refuse_memory(r->feed->findings);
    decision->storage = (uint32_t)u32_at(tv_span_of(bytes, 4), 0);
    decision->text = pool_copy(&r->table.pool, tv_span_of(bytes + 4, (size_t)size - 4));
    return decision->text.data == NULL ? refuse_memory(r->feed->findings) : TV_OK;
}

/* Decisions, and then the structure into `pickle`. */
static tv_status take_structure(struct received *r, const struct ck_options *options, struct vector *pickle)
{
    for (;;) {
        tv_status status = feed_next(r->feed);
        if (status != TV_OK)
            return status;
        if (r->feed->type == FEED_STRUCTURE)
            break;
        if (r->feed->type != FEED_DECISION)
            return feed_refuse(r->feed, "a frame out of order");
        status = take_decision(r);
        if (status != TV_OK)
            return status;
    }
    if (r->feed->left > options->limits->pickle_bytes)
        return feed_refuse(r->feed, "a structure that is too long");
    return feed_collect(r->feed, pickle);
}

tv_status received_find_names(struct received *r)
{
    vector_free(&r->users);
    uint32_t *users = vector_extend(&r->users, r->storages.count);
    if (users == NULL)
        return refuse_memory(r->feed->findings);
    for (uint64_t i = r->table.tensors.count; i > 0; i--) {
        const struct ck_tensor *tensor = vector_at(&r->table.tensors, i - 1);
        const struct storage *storage = vector_at(&r->table.storages, tensor->storage);
        uint32_t *user = storage == NULL ? NULL : vector_at(&r->users, storage->at);
        if (user != NULL)
            *user = (uint32_t)i;
    }
    return TV_OK;
}

tv_span received_name(const struct received *r, uint32_t number)
{
    const uint32_t *user = vector_at(&r->users, number);
    const struct ck_tensor *tensor = user == NULL || *user == 0 ? NULL : vector_at(&r->table.tensors, *user - 1);
    return tensor == NULL ? tv_span_of(NULL, 0) : tensor->name;
}

tv_status received_open(struct received *r, struct feed *feed, tv_kind kind, const struct ck_options *options)
{
    *r = (struct received){.feed = feed};
    checkpoint_begin(&r->table, kind, options->limits);
    struct budget *budget = &r->table.budget;
    struct vector pickle = {.each = 1, .budget = budget};
    r->storages = (struct vector){.each = sizeof(struct announced), .budget = budget};
    r->decisions = (struct vector){.each = sizeof(struct decision), .budget = budget};
    r->users = (struct vector){.each = sizeof(uint32_t), .budget = budget};
    tv_status status = feed_expect(feed, FEED_HELLO);
    if (status == TV_OK)
        status = take_table(r);
    if (status == TV_OK)
        status = take_structure(r, options, &pickle);
    if (status == TV_OK) {
        const struct structure structure = {.pickle = tv_span_of(pickle.data, (size_t)pickle.count),
                                            .storages = r->storages.data,
                                            .count = r->storages.count};
        status = checkpoint_read_structure(&structure, options, &r->table, feed->findings);
    }
    vector_free(&pickle);
    return status;
}

void received_free(struct received *r)
{
    vector_free(&r->storages);
    vector_free(&r->decisions);
    vector_free(&r->users);
    checkpoint_free(&r->table);
}

const struct announced *received_storage(const struct received *r, const struct ck_tensor *tensor)
{
    const struct storage *storage = vector_at(&r->table.storages, tensor->storage);
    return storage == NULL ? NULL : vector_at(&r->storages, storage->at);
}
