/* Jobs on a feed of the torch engine: the table that it makes is converted or compared like any other. */
#include <jail.h>

#include <harness/receive.h>

#include "jobs_internal.h"

tv_status job_feed(struct run *run)
{
    struct feed feed = {.fd = WORKER_SOURCE, .wanted = JAIL_PYTHON_MANDATORY, .findings = &run->findings};
    const struct ck_options options = {.limits = &run->job->limits,
                                       .key = run->job->key,
                                       .want_tensors = true,
                                       .skip_unsupported = run->job->skip_unsupported};
    static const struct kept_metadata own = {0};
    struct received received;
    if (run->job->feed_kind >= TV_KIND_COUNT)
        return TV_MISUSE;
    run->kind = (tv_kind)run->job->feed_kind;
    report_kind(run);
    tv_status status = received_open(&received, &feed, run->kind, &options);
    run->received = &received;
    if (status == TV_OK)
        status = convert_table(run, &received.table, &own);
    run->received = NULL;
    received_free(&received);
    return status;
}
