/* Parts of a job (parts.h): a thread for each worker but the first. */
#define _GNU_SOURCE
#include "parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct part {
    pthread_t thread;
    bool started;
    struct broker broker; /* its own */
    struct job job;
    int source, output;
    struct outcome outcome;
};

static void *run_part(void *context)
{
    struct part *part = context;
    broker_run(&part->broker, &part->job, part->source, part->output, NULL, &part->outcome);
    return NULL;
}

static bool is_known(const tv_findings *findings, const tv_finding *finding)
{
    for (uint32_t i = 0; i < findings->count; i++)
        if (findings->items[i].id == finding->id && findings->items[i].offset == finding->offset &&
            tv_span_equal(tv_finding_subject(&findings->items[i]), tv_finding_subject(finding)))
            return true;
    return false;
}

/* What a part found that the others have not: a wrong checksum, say. */
static void merge_findings(tv_findings *into, const tv_findings *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const tv_finding *found = &from->items[i];
        if (is_known(into, found))
            continue;
        tv_finding *copy =
            tv_findings_add(into, found->id, found->offset, tv_finding_subject(found), tv_finding_detail(found));
        copy->a = found->a;
        copy->b = found->b;
        copy->subject_size = found->subject_size;
        copy->detail_size = found->detail_size;
    }
}

static void merge(struct outcome *outcome, const struct part *part)
{
    const struct outcome *of = &part->outcome;
    bool both = outcome->complete && of->complete && outcome->said == OUTCOME_DONE && of->said == OUTCOME_DONE;
    merge_findings(&outcome->findings, &of->findings);
    outcome->interrupted |= of->interrupted;
    outcome->cpu_seconds += of->cpu_seconds;
    if (both &&
        (outcome->kind != of->kind || outcome->output_size != of->output_size ||
         outcome->has_digest != of->has_digest || memcmp(outcome->digest, of->digest, sizeof of->digest) != 0)) {
        (void)tv_findings_add(&outcome->findings, TV_FIND_WORKER_LIED, TV_NO_OFFSET, tv_span_of(NULL, 0),
                              tv_span_str("two workers disagree on the output"));
        both = false;
    }
    if (both || (outcome->complete && outcome->said != OUTCOME_DONE))
        return;
    outcome->said = of->said;
    outcome->complete = of->complete && of->said != OUTCOME_DONE;
}

/* The first part, whose rows and progress stand for all. */
static void run_first(const struct broker *broker, const struct job *job, int source, int output,
                      const struct listener *listener, struct outcome *outcome)
{
    struct job first = *job;
    first.part = 0;
    broker_run(broker, &first, source, output, listener, outcome);
}

static void start(struct part *part, const struct broker *broker, const struct job *job, uint64_t index, int source,
                  int output)
{
    *part = (struct part){.job = *job, .source = source, .output = output};
    part->job.part = index;
    part->job.want_rows = part->job.want_values = false;
    part->outcome.said = OUTCOME_FAILED;
    part->started =
        broker_for_thread(broker, &part->broker) && pthread_create(&part->thread, NULL, run_part, part) == 0;
}

static void finish(const struct broker *broker, struct part *part, struct outcome *outcome)
{
    if (part->started)
        (void)pthread_join(part->thread, NULL);
    else /* no thread: then one after the other */
        broker_run(broker, &part->job, part->source, part->output, NULL, &part->outcome);
    broker_forget_workers(&part->broker);
    merge(outcome, part);
}

void parts_run(const struct broker *broker, const struct job *job, int source, int output,
               const struct listener *listener, struct outcome *outcome)
{
    uint64_t count = job->parts < PARTS_MOST ? job->parts : PARTS_MOST;
    struct part *parts = count < 2 ? NULL : calloc(count - 1, sizeof *parts);
    struct job whole = *job;
    if (parts == NULL) {
        whole.part = whole.parts = 0;
        broker_run(broker, &whole, source, output, listener, outcome);
        return;
    }
    whole.parts = count;
    for (uint64_t i = 1; i < count; i++)
        start(&parts[i - 1], broker, &whole, i, source, output);
    run_first(broker, &whole, source, output, listener, outcome);
    for (uint64_t i = 1; i < count; i++)
        finish(broker, &parts[i - 1], outcome);
    free(parts);
}
