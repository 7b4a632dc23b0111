/* Jobs on a safetensors file: check it, list it, write it anew, compare what was written.
 * The header's buffer grows with the bytes received, not with the length claimed. A file that is in memory anyhow is
 * read where it lies, and its index takes no memory of malloc's: for a small one that is most of the work. */
#include <stdalign.h>
#include <stdlib.h>

#include <table_of_index.h>

#include "jobs_internal.h"

#define PREFIX_BYTES 8u
#define FIRST_CHUNK  (64u << 10)
#define SMALL_INDEX  (64u << 10)

struct header {
    tv_span bytes; /* from offset 0 of the file */
    tv_index index;
    uint8_t *own_bytes, *own_index; /* what malloc gave, or NULL */
};

static void header_free(struct header *header)
{
    free(header->own_bytes);
    free(header->own_index);
}

/* Reads [0, size) of the file, doubling the buffer as long as bytes come. */
static tv_status read_growing(const struct source *source, uint64_t size, struct header *header)
{
    uint64_t got = 0, capacity = 0;
    for (; got < size; got = capacity) {
        capacity = capacity == 0 ? FIRST_CHUNK : capacity * 2;
        if (capacity > size)
            capacity = size;
        uint8_t *bytes = realloc(header->own_bytes, (size_t)capacity);
        if (bytes == NULL)
            return TV_NO_MEMORY;
        header->own_bytes = bytes;
        tv_status status = source_read(source, got, bytes + got, capacity - got);
        if (status != TV_OK)
            return status;
    }
    header->bytes = tv_span_of(header->own_bytes, (size_t)size);
    return TV_OK;
}

/* [0, size) of the file, and room for the index of the header there. */
static tv_status make_room(const struct source *source, uint64_t size, struct header *header, tv_arena *arena)
{
    static alignas(max_align_t) uint8_t small[SMALL_INDEX]; /* of the one source that is in memory */
    const bool in_memory = source_view(source, 0, size, &header->bytes);
    tv_status status = in_memory ? TV_OK : read_growing(source, size, header);
    if (status != TV_OK)
        return status;
    arena->size = (size_t)tv_index_memory(size - PREFIX_BYTES);
    arena->base = small;
    if (in_memory && arena->size <= sizeof(small))
        return TV_OK;
    arena->base = header->own_index = malloc(arena->size);
    return arena->base != NULL ? TV_OK : TV_NO_MEMORY;
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
    tv_arena arena = {0};
    tv_span json;
    status = make_room(&run->source, PREFIX_BYTES + length, header, &arena);
    if (status != TV_OK)
        return status;
    if (!tv_span_sub(header->bytes, PREFIX_BYTES, length, &json))
        return TV_MISUSE;
    digest_of(json, run->digest);
    run->has_digest = true;
    run->findings.count = 0; /* the parse starts with the prefix, and finds again what was found there */
    run->findings.omitted = 0;
    return tv_index_parse(header->bytes, run->source.size, limits, run->job->seed, &arena, &header->index,
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
