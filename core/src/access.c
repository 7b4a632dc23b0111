/* What an index holds, decoded on demand. Trusts the index to come from tv_index_parse; reads through the span. */
#include <tensorvet/index.h>

#include "json.h"
#include "utf8.h"

static tv_span raw_name(const tv_index *index, const tv_tensor *tensor)
{
    tv_span raw;
    (void)tv_span_sub(index->header, tensor->name_at, tensor->name_size, &raw);
    return raw;
}

size_t tv_tensor_name(const tv_index *index, const tv_tensor *tensor, char *text, size_t capacity)
{
    return tv_json_unescape(raw_name(index, tensor), text, capacity);
}

bool tv_tensor_name_span(const tv_index *index, const tv_tensor *tensor, tv_span *name)
{
    *name = tensor->name_escaped ? tv_span_of(NULL, 0) : raw_name(index, tensor);
    return !tensor->name_escaped;
}

void tv_tensor_shape(const tv_index *index, const tv_tensor *tensor, uint64_t *shape)
{
    uint64_t at = (uint64_t)tensor->shape_at + 1;
    for (unsigned i = 0; i < tensor->rank; i++) {
        at = json_space(index->header, at);
        shape[i] = 0;
        for (int c = tv_span_byte(index->header, at); c >= '0' && c <= '9'; c = tv_span_byte(index->header, ++at))
            shape[i] = shape[i] * 10 + (uint64_t)(c - '0');
        at = json_space(index->header, at) + 1; /* behind the comma */
    }
}

/* Is this raw text, decoded, that name? The name is not JSON: a backslash in it stands for itself. */
static bool is_name(tv_span raw, bool escaped, tv_span name)
{
    uint64_t i = 0, j = 0;
    if (!escaped)
        return tv_span_equal(raw, name);
    while (i < raw.size && j < name.size)
        if (json_next(raw, &i) != utf8_next(name, &j))
            return false;
    return i == raw.size && j == name.size;
}

const tv_tensor *tv_index_find(const tv_index *index, tv_span name)
{
    for (uint64_t i = 0; i < index->count; i++) {
        const tv_tensor *tensor = &index->tensors[i];
        if (is_name(raw_name(index, tensor), tensor->name_escaped != 0, name))
            return tensor;
    }
    return NULL;
}

bool tv_metadata_next(const tv_index *index, uint32_t *cursor, tv_span *raw_key, tv_span *raw_value)
{
    json_string key, value;
    if (index->metadata_count == 0 || index->metadata_at == 0)
        return false;
    uint64_t at = *cursor == 0 ? (uint64_t)index->metadata_at + 1 : *cursor;
    at = json_space(index->header, at);
    if (tv_span_byte(index->header, at) != '"' || !json_scan_string(index->header, at, &key))
        return false;
    at = json_space(index->header, key.end + 1); /* the colon */
    at = json_space(index->header, at + 1);      /* the value */
    if (!json_scan_string(index->header, at, &value))
        return false;
    at = json_space(index->header, value.end + 1);
    *cursor = (uint32_t)(tv_span_byte(index->header, at) == ',' ? at + 1 : at); /* at the brace: the end */
    *raw_key = json_raw(index->header, &key);
    *raw_value = json_raw(index->header, &value);
    return true;
}
