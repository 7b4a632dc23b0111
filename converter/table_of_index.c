/* A safetensors file as a tensor table (table_of_index.h). */
#include "table_of_index.h"

#include "sort.h"

/* The text of a JSON string that core has accepted. */
static tv_span take_text(struct pool *pool, tv_span raw)
{
    char *text = pool_take(pool, (uint64_t)raw.size + 1, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    return tv_span_of(text, tv_json_unescape(raw, text, raw.size));
}

static tv_span take_name(struct pool *pool, const tv_index *index, const tv_tensor *tensor)
{
    char *text = pool_take(pool, (uint64_t)tensor->name_size + 1, 1);
    if (text == NULL)
        return tv_span_of(NULL, 0);
    return tv_span_of(text, tv_tensor_name(index, tensor, text, tensor->name_size));
}

/* Shape and the strides that say "contiguous". An empty tensor's are never stepped. */
static bool take_shape(struct pool *pool, const tv_index *index, const tv_tensor *from, struct ck_tensor *to)
{
    uint64_t *shape = pool_take(pool, (uint64_t)from->rank + 1, sizeof *shape);
    uint64_t *stride = pool_take(pool, (uint64_t)from->rank + 1, sizeof *stride);
    if (shape == NULL || stride == NULL)
        return false;
    tv_tensor_shape(index, from, shape);
    to->elements = 1;
    for (uint32_t d = from->rank; d > 0; d--) {
        stride[d - 1] = to->elements;
        to->elements *= shape[d - 1]; /* core has checked that this fits, dimensions of 0 aside: those leave 0 */
    }
    to->rank = from->rank;
    to->shape = shape;
    to->stride = stride;
    return true;
}

static tv_status add_tensor(struct checkpoint *table, const tv_index *index, const tv_tensor *from)
{
    struct storage *storage = vector_push(&table->storages);
    struct ck_tensor *tensor = vector_push(&table->tensors);
    if (storage == NULL || tensor == NULL)
        return TV_NO_MEMORY;
    tensor->dtype = (tv_dtype)from->dtype;
    tensor->source_dtype = tv_dtype_name(tensor->dtype);
    tensor->storage = (uint32_t)(table->storages.count - 1);
    tensor->bytes = from->end - from->begin;
    tensor->name = take_name(&table->pool, index, from);
    if (tensor->name.data == NULL || !take_shape(&table->pool, index, from, tensor))
        return TV_NO_MEMORY;
    *storage = (struct storage){
        .key = tensor->name, .at = index->data_start + from->begin, .size = tensor->bytes, .elem_size = 1};
    return TV_OK;
}

static bool key_before(const void *context, uint32_t a, uint32_t b)
{
    const tv_pair *pairs = context;
    return tv_span_compare(pairs[a].key, pairs[b].key) < 0;
}

/* The pairs, sorted. */
static tv_status take_metadata(struct checkpoint *table, const tv_index *index, tv_pair **pairs)
{
    uint64_t count = index->metadata_count, i = 0;
    tv_pair *found = pool_take(&table->pool, count + 1, sizeof *found);
    uint32_t *order = pool_take(&table->pool, count + 1, sizeof *order);
    uint32_t cursor = 0;
    tv_span key, value;
    *pairs = pool_take(&table->pool, count + 1, sizeof **pairs);
    if (found == NULL || order == NULL || *pairs == NULL)
        return TV_NO_MEMORY;
    for (; i < count && tv_metadata_next(index, &cursor, &key, &value); i++) {
        order[i] = (uint32_t)i;
        found[i] = (tv_pair){take_text(&table->pool, key), take_text(&table->pool, value)};
        if (found[i].key.data == NULL || found[i].value.data == NULL)
            return TV_NO_MEMORY;
    }
    if (i != count)
        return TV_MISUSE;
    sort_items(order, count, key_before, found);
    for (i = 0; i < count; i++)
        (*pairs)[i] = found[order[i]];
    return TV_OK;
}

tv_status table_of_index(const tv_index *index, const tv_limits *limits, struct checkpoint *out, tv_pair **pairs,
                         uint64_t *count)
{
    *out = (struct checkpoint){.kind = TV_KIND_SAFETENSORS, .budget = {.bytes_left = limits->memory_bytes}};
    out->pool.budget = &out->budget;
    out->storages = (struct vector){.each = sizeof(struct storage), .budget = &out->budget};
    out->tensors = (struct vector){.each = sizeof(struct ck_tensor), .budget = &out->budget};
    out->globals = (struct vector){.each = sizeof(struct ck_global), .budget = &out->budget};
    out->dropped = (struct vector){.each = sizeof(struct ck_dropped), .budget = &out->budget};
    out->values = (struct vector){.each = sizeof(struct ck_value), .budget = &out->budget};
    out->groups = (struct vector){.each = sizeof(struct ck_group), .budget = &out->budget};
    *count = index->metadata_count;
    for (uint64_t i = 0; i < index->count; i++) {
        tv_status status = add_tensor(out, index, &index->tensors[i]);
        if (status != TV_OK)
            return status;
    }
    return take_metadata(out, index, pairs);
}
