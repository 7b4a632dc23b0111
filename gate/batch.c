/* Many files in one worker (workers.h). Trusts: the broker, and of the worker no more than an accept of a safetensors
 * file, which is what the user agreed to. Promises: whatever else it says or does, the file is examined again in a
 * fresh worker, and a worker that ended, lied or found something is not used again. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "hand.h"
#include "workers.h"

/* A worker's processor time and memory add up over its files; so many are well within what one file may use. */
#define FILES_MOST 1000

static bool start(const struct broker *broker, const struct job *job, struct workers *workers)
{
    struct job batch = *job;
    const struct jail_budget budget = attend_budget(job);
    const char *failed_at = "";
    int ends[2];
    batch.batch = true;
    batch.called_safetensors = false; /* it matters for other kinds alone */
    char **argv = job_to_argv(&batch);
    if (argv == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        free(argv);
        return false;
    }
    int error = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0
                    ? resident_start(broker, argv, ends[1], &budget, &workers->kept, &failed_at)
                    : errno;
    free(argv);
    (void)close(ends[1]);
    if (error != 0)
        (void)close(ends[0]);
    workers->report = error == 0 ? ends[0] : -1;
    workers->files = 0;
    return error == 0;
}

void batch_end(struct workers *workers)
{
    resident_end(&workers->kept);
    if (workers->report >= 0)
        (void)close(workers->report);
    workers->report = -1;
}

/* It said that this is a good safetensors file, or none at all and so nothing for it: then it may stay. */
static bool behaved(const struct attended *attended, const struct outcome *outcome)
{
    return attended->finished && (outcome->said == OUTCOME_DECLINED ||
                                  (outcome->said == OUTCOME_DONE && outcome->kind == TV_KIND_SAFETENSORS &&
                                   tv_findings_first_error(&outcome->findings) == NULL));
}

bool batch_run(const struct broker *broker, const struct job *job, int source, struct outcome *outcome)
{
    struct workers *workers = broker->workers;
    if (workers == NULL || !workers->batch || job->kind != JOB_CHECK || job->want_rows || job->diagnose || source < 0)
        return false;
    if (workers->kept.channel < 0 && !start(broker, job, workers))
        return false;
    const struct hand hand = {.argv = NULL, .source = source, .output = -1, .report = -1};
    struct job batch = *job;
    struct attended attended = {.finished = false};
    batch.batch = true;
    if (hand_over(workers->kept.channel, &hand))
        attend_kept(broker, &batch, &workers->kept.process, workers->report, outcome, &attended);
    bool stays = behaved(&attended, outcome);
    outcome->complete = stays && outcome->said == OUTCOME_DONE;
    if (!stays || ++workers->files == FILES_MOST)
        batch_end(workers);
    if (outcome->complete || outcome->interrupted)
        return true;
    *outcome = (struct outcome){.kind = TV_KIND_UNKNOWN, .said = OUTCOME_FAILED}; /* what it said is forgotten */
    return false;
}
