/* Jobs as argv: the input's lines (ended by NUL) are a worker's arguments.
 * Oracle: what is accepted writes itself out again, and that reads back as the same job. */
#include <string.h>

#include "job.h"
#include "oracle.h"

enum { ARGUMENTS = 96 };

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct job *a, const struct job *b)
{
    PROMISE(a->kind == b->kind && a->ties == b->ties && a->disarm == b->disarm && a->plan_only == b->plan_only);
    PROMISE(a->want_rows == b->want_rows && a->seed == b->seed && a->discards == b->discards);
    PROMISE(a->includes == b->includes && a->excludes == b->excludes && a->skip_unsupported == b->skip_unsupported);
    PROMISE(same_text(a->key, b->key) && same_text(a->strip, b->strip));
    for (uint32_t i = 0; i < a->discards; i++)
        PROMISE(same_text(a->discard[i], b->discard[i]));
    for (uint32_t i = 0; i < a->includes; i++)
        PROMISE(same_text(a->include[i], b->include[i]));
    for (uint32_t i = 0; i < a->excludes; i++)
        PROMISE(same_text(a->exclude[i], b->exclude[i]));
    PROMISE(memcmp(&a->limits, &b->limits, sizeof a->limits) == 0);
}

static void check_round_trip(const struct job *job)
{
    struct job again;
    int argc = 0;
    char **argv = job_to_argv(job);
    PROMISE(argv != NULL);
    while (argv[argc] != NULL)
        argc++;
    PROMISE(job_from_argv(argc, argv, &again));
    check_same(job, &again);
    free(argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *argv[ARGUMENTS + 1] = {NULL};
    struct job job;
    int argc = 0;
    PROMISE(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t at = 0; at < size && argc < ARGUMENTS; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    oracle_ran(data, size);
    if (job_from_argv(argc, argv, &job)) {
        PROMISE(job.kind < JOB_COUNT && job.discards <= JOB_LIST_MAX && job.includes <= JOB_LIST_MAX &&
                job.excludes <= JOB_LIST_MAX);
        check_round_trip(&job);
        oracle_accepted();
    }
    free(text);
    return 0;
}
