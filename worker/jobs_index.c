/* INDEX: the rows of a shard index, for the broker, which opens the shards by name. */
#include <stdlib.h>

#include <shard_index.h>

#include "jobs_internal.h"

static tv_status report_rows(struct run *run, const struct shard_index *index)
{
    run->tensors = index->rows.count;
    for (uint64_t i = 0; i < index->rows.count; i++) {
        const struct shard_row *row = vector_at(&index->rows, i);
        report_metadata(run, row->tensor, row->shard);
    }
    return TV_OK;
}

tv_status job_index(struct run *run)
{
    struct shard_index index;
    uint64_t size = run->source.size, most = run->job->limits.header_bytes;
    if (size > most) {
        tv_finding *finding = tv_findings_add(&run->findings, TV_FIND_INDEX_TOO_LARGE, TV_NO_OFFSET,
                                              tv_span_of(NULL, 0), tv_span_of(NULL, 0));
        finding->a = size;
        finding->b = most;
        return TV_REJECTED;
    }
    uint8_t *bytes = malloc((size_t)size + 1);
    if (bytes == NULL)
        return TV_NO_MEMORY;
    tv_status status = source_read(&run->source, 0, bytes, size);
    if (status == TV_OK) {
        status = shard_index_read(tv_span_of(bytes, (size_t)size), &run->job->limits, &index, &run->findings);
        if (status == TV_OK)
            status = report_rows(run, &index);
        shard_index_free(&index);
    }
    free(bytes);
    return status;
}
