/* Jobs on a safetensors file: check it, list it, write it anew, compare what was written.
 * The header's buffer grows with the bytes received, not with the length claimed. */
#include <stdlib.h>

#include <table_of_index.h>

#include "jobs_internal.h"

#define PREFIX_BYTES 8u
#define FIRST_CHUNK  (64u << 10)

struct header {
    uint8_t *bytes; /* from offset 0 of the file */
    uint64_t size;
    tv_arena arena;
    tv_index index;
};

static void header_free(struct header *header)
{
    free(header->bytes);
    free(header->arena.base);
}

/* Reads [0, size) of the file, doubling the buffer as long as bytes come. */
static tv_status read_growing(const struct source *source, uint64_t size, struct header *header)
{
    uint64_t capacity = 0;
    for (header->size = 0; header->size < size; header->size = capacity) {
        capacity = capacity == 0 ? FIRST_CHUNK : capacity * 2;
        if (capacity > size)
            capacity = size;
        uint8_t *bytes = realloc(header->bytes, (size_t)capacity);
        if (bytes == NULL)
            return TV_NO_MEMORY;
        header->bytes = bytes;
        tv_status status = source_read(source, header->size, bytes + header->size, capacity - header->size);
        if (status != TV_OK)
            return status;
    }
    return TV_OK;
}

/* The whole of core's check: prefix, text, names, tensors, layout. */
static tv_status read_header(struct run *run, struct header *header)
{
    const tv_limits *limits = &run->job->limits;
    uint8_t prefix[PREFIX_BYTES] = {0};
    uint64_t size = run->source.size < PREFIX_BYTES ? run->source.size : PREFIX_BYTES, length = 0;
    tv_status status = source_read(&run->source, 0, prefix, size);
    if (status == TV_OK)
        status = tv_header_length(tv_span_of(prefix, (size_t)size), run->source.size, limits, &length, &run->findings);
    if (status != TV_OK)
        return status;
    if (tv_index_memory(length) > limits->memory_bytes || length > limits->memory_bytes - tv_index_memory(length))
        return TV_NO_MEMORY;
    status = read_growing(&run->source, PREFIX_BYTES + length, header);
    if (status != TV_OK)
        return status;
    tv_span bytes = tv_span_of(header->bytes, (size_t)header->size), json;
    if (!tv_span_sub(bytes, PREFIX_BYTES, length, &json))
        return TV_MISUSE;
    digest_of(json, run->digest);
    run->has_digest = true;
    header->arena.size = (size_t)tv_index_memory(length);
    header->arena.base = malloc(header->arena.size);
    if (header->arena.base == NULL)
        return TV_NO_MEMORY;
    run->findings.count = 0; /* the parse starts with the prefix, and finds again what was found there */
    run->findings.omitted = 0;
    return tv_index_parse(bytes, run->source.size, limits, run->job->seed, &header->arena, &header->index,
                          &run->findings);
}

static bool converts(const struct run *run)
{
    return run->job->kind == JOB_WRITE || run->job->kind == JOB_COMPARE;
}

/* TENSOR and METADATA rows. Goes through a tensor table: the same form as for checkpoints. A conversion lists the
 * tensors that it selects itself. */
static tv_status report_rows(struct run *run, const tv_index *index)
{
    struct checkpoint table;
    tv_pair *pairs = NULL;
    uint64_t count = 0;
    tv_status status = table_of_index(index, &run->job->limits, &table, &pairs, &count);
    if (status == TV_OK) {
        if (!converts(run))
            report_tensor_rows(run, &table);
        for (uint64_t i = 0; i < count; i++)
            report_metadata(run, pairs[i].key, pairs[i].value);
    }
    checkpoint_free(&table);
    return status;
}

static tv_status examine(struct run *run, struct header *header)
{
    tv_status status = read_header(run, header);
    if (status != TV_OK)
        return status;
    run->tensors = header->index.count;
    run->data_bytes = header->index.data_size;
    if (run->job->kind == JOB_INSPECT || run->job->want_rows) {
        status = report_rows(run, &header->index);
        if (status != TV_OK)
            return status;
    }
    return source_polyglot(&run->source, &run->job->limits, &run->findings);
}

tv_status check_safetensors(struct run *run)
{
    struct header header = {0};
    tv_status status = examine(run, &header);
    header_free(&header);
    return status;
}

static bool has_tensor(const struct checkpoint *table, tv_span name, struct ck_tensor *found)
{
    for (uint64_t i = 0; i < table->tensors.count; i++) {
        const struct ck_tensor *tensor = vector_at(&table->tensors, i);
        if (!tv_span_equal(tensor->name, name))
            continue;
        *found = *tensor;
        return true;
    }
    return false;
}

/* What a conversion records of ties: {"dropped": "kept"}. Each costs a walk over the tensors, so that no more are
 * looked at than files of ours have reason to hold. */
static tv_status add_aliases(struct checkpoint *table, const tv_pair *pairs, uint64_t count)
{
    const uint64_t most = 4096;
    for (uint64_t i = 0; i < count && i < most; i++) {
        struct ck_tensor kept, other;
        if (!has_tensor(table, pairs[i].value, &kept) || has_tensor(table, pairs[i].key, &other))
            continue;
        struct ck_tensor *alias = vector_push(&table->tensors);
        if (alias == NULL)
            return TV_NO_MEMORY;
        *alias = kept;
        alias->name = pairs[i].key;
    }
    return TV_OK;
}

tv_status table_of_safetensors(struct run *run, struct checkpoint *table)
{
    struct header header = {0};
    tv_pair *pairs = NULL;
    uint64_t count = 0;
    *table = (struct checkpoint){.kind = TV_KIND_SAFETENSORS};
    tv_status status = read_header(run, &header);
    if (status == TV_OK)
        status = table_of_index(&header.index, &run->job->limits, table, &pairs, &count);
    if (status == TV_OK)
        status = add_aliases(table, pairs, count);
    run->has_digest = false; /* there are two files */
    header_free(&header);
    return status;
}

/* WRITE and COMPARE: the upload is judged first, and then taken as a tensor table. */
static tv_status convert_safetensors(struct run *run)
{
    struct header header = {0};
    struct checkpoint table;
    tv_pair *pairs = NULL;
    uint64_t count = 0;
    tv_status status = examine(run, &header);
    if (status == TV_OK) {
        status = table_of_index(&header.index, &run->job->limits, &table, &pairs, &count);
        struct kept_metadata kept = {.pairs = pairs, .count = count, .none = header.index.metadata_at == 0};
        if (status == TV_OK)
            status = convert_table(run, &table, &kept);
        checkpoint_free(&table);
    }
    header_free(&header);
    return status;
}

tv_status job_safetensors(struct run *run)
{
    return converts(run) ? convert_safetensors(run) : check_safetensors(run);
}
