/* The comparer (compare.h): names, dtypes, shapes, metadata and length; the bits are compared by compare_bits.c.
 * Uses core's reader for the output and nothing of plan, gather or write. */
#include "compare.h"

#include <stdlib.h>

#include <tensorvet/index.h>

#include "compare_bits.h"
#include "sort.h"

#define HEADER_PREFIX 8u

enum seen { SEEN_NOT, SEEN_TENSOR, SEEN_ALIAS };

struct comparing {
    const struct source *source, *output;
    const struct checkpoint *checkpoint;
    const struct compare_options *options;
    tv_findings *findings;
    const struct ck_tensor *tensors; /* of the source */
    uint32_t count;
    uint32_t *by_name; /* the source's tensors, sorted by name */
    uint8_t *seen;     /* an enum seen for each tensor of the source */
    uint32_t *matches; /* for each tensor of the output, the source's */
    uint8_t *header;   /* the output's first bytes */
    char *key, *value; /* room for a name of the output each, unescaped */
    tv_arena arena;
    tv_index index;
    progress_fn progress;
    void *context;
    uint64_t done, total;
};

static tv_status differ(struct comparing *c, tv_span subject, const char *how)
{
    tv_findings_add(c->findings, TV_FIND_VERIFY_FAILED, TV_NO_OFFSET, subject, tv_span_str(how));
    return TV_REJECTED;
}

/* Reads the output's header and has core judge it. */
static tv_status read_index(struct comparing *c)
{
    uint8_t prefix[HEADER_PREFIX] = {0};
    uint64_t size = c->output->size < HEADER_PREFIX ? c->output->size : HEADER_PREFIX, length = 0;
    tv_status status = source_read(c->output, 0, prefix, size);
    if (status == TV_OK)
        status = tv_header_length(tv_span_of(prefix, (size_t)size), c->output->size, c->options->limits, &length,
                                  c->findings);
    if (status != TV_OK)
        return status;
    size = length + HEADER_PREFIX;
    c->header = malloc((size_t)size);
    c->key = malloc((size_t)size);
    c->value = malloc((size_t)size);
    c->arena.size = (size_t)tv_index_memory(length);
    c->arena.base = malloc(c->arena.size);
    if (c->header == NULL || c->key == NULL || c->value == NULL || c->arena.base == NULL)
        return TV_NO_MEMORY;
    status = source_read(c->output, 0, c->header, size);
    if (status != TV_OK)
        return status;
    return tv_index_parse(tv_span_of(c->header, (size_t)size), c->output->size, c->options->limits, c->options->seed,
                          &c->arena, &c->index, c->findings);
}

static bool name_before(const void *context, uint32_t a, uint32_t b)
{
    const struct comparing *c = context;
    return tv_span_compare(c->tensors[a].name, c->tensors[b].name) < 0;
}

/* Finds the source's tensor of that name. */
static bool find_tensor(const struct comparing *c, tv_span name, uint32_t *found)
{
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = tv_span_compare(c->tensors[c->by_name[middle]].name, name);
        if (order == 0) {
            *found = c->by_name[middle];
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A string of the header, unescaped into `room`, which is as large as the header. */
static tv_span unescape(tv_span raw, char *room)
{
    return tv_span_of(room, tv_json_unescape(raw, room, raw.size));
}

/* The name of a tensor of the output; valid until the next. */
static tv_span output_name(struct comparing *c, const tv_tensor *tensor)
{
    tv_span name;
    if (tv_tensor_name_span(&c->index, tensor, &name))
        return name;
    return tv_span_of(c->key, tv_tensor_name(&c->index, tensor, c->key, tensor->name_size));
}

/* Has the output's tensor the source's dtype and shape? */
static tv_status compare_type(struct comparing *c, const tv_tensor *out, const struct ck_tensor *tensor)
{
    uint64_t *shape = NULL;
    bool same = true;
    if (out->dtype != tensor->dtype)
        return differ(c, tensor->name, "another dtype");
    if (out->rank != tensor->rank)
        return differ(c, tensor->name, "another rank");
    if (out->end - out->begin != tensor->bytes)
        return differ(c, tensor->name, "another size");
    if (out->rank == 0)
        return TV_OK;
    shape = malloc(out->rank * sizeof *shape);
    if (shape == NULL)
        return TV_NO_MEMORY;
    tv_tensor_shape(&c->index, out, shape);
    for (uint32_t d = 0; d < out->rank; d++)
        same = same && shape[d] == tensor->shape[d];
    free(shape);
    return same ? TV_OK : differ(c, tensor->name, "another shape");
}

/* Every tensor of the output is one of the source's. */
static tv_status match_tensors(struct comparing *c)
{
    for (uint64_t i = 0; i < c->index.count; i++) {
        const tv_tensor *out = &c->index.tensors[i];
        tv_span name = output_name(c, out);
        uint32_t found = 0;
        if (!find_tensor(c, name, &found))
            return differ(c, name, "the source has no such tensor");
        if (c->seen[found] != SEEN_NOT)
            return differ(c, name, "it is there twice");
        tv_status status = compare_type(c, out, &c->tensors[found]);
        if (status != TV_OK)
            return status;
        c->seen[found] = SEEN_TENSOR;
        c->matches[i] = found;
    }
    return TV_OK;
}

/* Do two tensors of the source show the same elements of the same storage in the same order? */
static bool identical(const struct ck_tensor *a, const struct ck_tensor *b)
{
    if (a->storage != b->storage || a->offset != b->offset || a->dtype != b->dtype || a->rank != b->rank)
        return false;
    if (a->swap != b->swap || a->signs != b->signs || a->pairs != b->pairs)
        return false;
    for (uint32_t d = 0; d < a->rank; d++) {
        if (a->shape[d] != b->shape[d] || (a->shape[d] != 1 && a->stride[d] != b->stride[d]))
            return false;
    }
    return true;
}

/* An alias: a tensor of the source that is not in the output, and one that is, the same view. */
static tv_status check_alias(struct comparing *c, tv_span dropped_name, tv_span kept_name)
{
    uint32_t dropped = 0, kept = 0;
    if (c->options->copy_ties)
        return differ(c, dropped_name, "the metadata records an alias where none was asked for");
    if (!find_tensor(c, dropped_name, &dropped))
        return differ(c, dropped_name, "the metadata has a key that is no tensor of the source");
    if (!find_tensor(c, kept_name, &kept) || c->seen[kept] != SEEN_TENSOR)
        return differ(c, dropped_name, "it is recorded as an alias of a tensor that is not there");
    if (c->seen[dropped] != SEEN_NOT)
        return differ(c, dropped_name, "it is recorded as an alias and there as a tensor");
    if (c->tensors[dropped].elements == 0 || !identical(&c->tensors[dropped], &c->tensors[kept]))
        return differ(c, dropped_name, "it is recorded as an alias of a tensor that differs");
    c->seen[dropped] = SEEN_ALIAS;
    return TV_OK;
}

/* The metadata of a converted checkpoint: the format, and aliases. */
static tv_status check_own_metadata(struct comparing *c)
{
    uint32_t cursor = 0;
    tv_span raw_key, raw_value;
    bool has_format = false;
    while (tv_metadata_next(&c->index, &cursor, &raw_key, &raw_value)) {
        tv_span key = unescape(raw_key, c->key), value = unescape(raw_value, c->value);
        if (tv_span_is(key, "format")) {
            has_format = true;
            if (!tv_span_is(value, "pt"))
                return differ(c, key, "the metadata says another format");
            continue;
        }
        tv_status status = check_alias(c, key, value);
        if (status != TV_OK)
            return status;
    }
    return has_format ? TV_OK : differ(c, tv_span_str("format"), "the metadata does not say the format");
}

/* The metadata of a safetensors source: the same pairs. Keys are unique on both sides, so equal counts and every pair
 * found mean equal sets. Both sides come in the order of their bytes: the options hold them sorted, the writer writes
 * so. */
static tv_status check_kept_metadata(struct comparing *c)
{
    uint32_t cursor = 0;
    uint64_t found = 0;
    tv_span raw_key, raw_value;
    if ((c->index.metadata_at == 0) != c->options->no_metadata || c->index.metadata_count != c->options->pairs)
        return differ(c, tv_span_str("__metadata__"), "the metadata has another number of pairs");
    while (tv_metadata_next(&c->index, &cursor, &raw_key, &raw_value)) {
        tv_span key = unescape(raw_key, c->key), value = unescape(raw_value, c->value);
        const tv_pair *pair = found < c->options->pairs ? &c->options->metadata[found] : NULL;
        if (pair == NULL || !tv_span_equal(pair->key, key) || !tv_span_equal(pair->value, value))
            return differ(c, key, "the metadata differs");
        found++;
    }
    return TV_OK;
}

/* Every tensor of the source is in the output or an alias. */
static tv_status check_all_seen(struct comparing *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->seen[i] == SEEN_NOT)
            return differ(c, c->tensors[i].name, "it is missing");
    }
    return TV_OK;
}

static void advance(void *context, uint64_t bytes)
{
    struct comparing *c = context;
    c->done += bytes;
    if (c->progress != NULL)
        c->progress(c->context, c->done, c->total);
}

/* The parts of a comparison are cut by a rule of its own, at the tensors' first bytes. */
static bool is_mine(const struct comparing *c, uint64_t begin)
{
    uint32_t parts = c->options->parts;
    return parts < 2 || begin / (c->index.data_size / parts + 1) == c->options->part;
}

/* The bits of every tensor of this part, in the order of the output. */
static tv_status compare_storages(struct comparing *c)
{
    struct bits bits;
    tv_status status = bits_open(&bits, c->source, c->output);
    for (uint64_t i = 0; i < c->index.count; i++)
        if (is_mine(c, c->index.tensors[i].begin))
            c->total += c->index.tensors[i].end - c->index.tensors[i].begin;
    bits.advance = advance;
    bits.context = c;
    for (uint64_t i = 0; i < c->index.count && status == TV_OK; i++) {
        const struct ck_tensor *tensor = &c->tensors[c->matches[i]];
        const struct storage *storage = vector_at(&c->checkpoint->storages, tensor->storage);
        bool same = false;
        if (!is_mine(c, c->index.tensors[i].begin))
            continue;
        if (storage == NULL)
            status = TV_MISUSE;
        else
            status = bits_compare(&bits, tensor, storage, c->index.data_start + c->index.tensors[i].begin, &same);
        if (status == TV_OK && !same)
            status = differ(c, tensor->name, "other bits");
    }
    bits_close(&bits);
    return status;
}

static tv_status compare(struct comparing *c)
{
    tv_status status = read_index(c);
    if (status != TV_OK)
        return status;
    c->matches = calloc((size_t)c->index.count + 1, sizeof *c->matches);
    c->by_name = calloc((size_t)c->count + 1, sizeof *c->by_name);
    c->seen = calloc((size_t)c->count + 1, sizeof *c->seen);
    if (c->matches == NULL || c->by_name == NULL || c->seen == NULL)
        return TV_NO_MEMORY;
    for (uint32_t i = 0; i < c->count; i++)
        c->by_name[i] = i;
    sort_items(c->by_name, c->count, name_before, c);
    status = match_tensors(c);
    if (status == TV_OK)
        status =
            c->options->metadata != NULL || c->options->no_metadata ? check_kept_metadata(c) : check_own_metadata(c);
    if (status == TV_OK)
        status = check_all_seen(c);
    if (status != TV_OK)
        return status;
    const struct compared compared = {.output = c->output, .index = &c->index, .matches = c->matches};
    return c->options->data != NULL ? c->options->data(c->options->data_context, &compared, c->findings)
                                    : compare_storages(c);
}

tv_status compare_output(const struct source *source, const struct checkpoint *checkpoint, const struct source *output,
                         const struct compare_options *options, progress_fn progress, void *context,
                         tv_findings *findings)
{
    struct comparing c = {.source = source,
                          .output = output,
                          .checkpoint = checkpoint,
                          .options = options,
                          .findings = findings,
                          .tensors = checkpoint->tensors.data,
                          .progress = progress,
                          .context = context};
    if (checkpoint->tensors.count > UINT32_MAX - 1)
        return TV_MISUSE;
    c.count = (uint32_t)checkpoint->tensors.count;
    tv_status status = compare(&c);
    free(c.matches);
    free(c.by_name);
    free(c.seen);
    free(c.header);
    free(c.key);
    free(c.value);
    free(c.arena.base);
    return status;
}
