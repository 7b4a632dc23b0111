/* CONFIG: the architectures that a config.json names, as metadata rows, for the broker, which has the table of hints.
 */
#include <stdlib.h>

#include <config.h>

#include "jobs_internal.h"

enum { CONFIG_MOST = 16 << 20 };

static tv_status report_names(struct run *run, tv_span text)
{
    struct budget budget = {.bytes_left = run->job->limits.memory_bytes};
    struct vector names = {.each = sizeof(tv_span), .budget = &budget};
    tv_status status = config_architectures(text, &names) ? TV_OK : TV_NO_MEMORY;
    for (uint64_t i = 0; i < names.count && status == TV_OK; i++)
        report_metadata(run, tv_span_str("architecture"), *(const tv_span *)vector_at(&names, i));
    vector_free(&names);
    return status;
}

tv_status job_config(struct run *run)
{
    uint64_t size = run->source.size;
    if (size > CONFIG_MOST)
        return TV_OK; /* it names none */
    uint8_t *bytes = malloc((size_t)size + 1);
    if (bytes == NULL)
        return TV_NO_MEMORY;
    tv_status status = source_read(&run->source, 0, bytes, size);
    if (status == TV_OK)
        status = report_names(run, tv_span_of(bytes, (size_t)size));
    free(bytes);
    return status;
}
