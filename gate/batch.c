/* Many files in one worker (workers.h), several of them handed over at once, so that neither side waits for the other.
 * Trusts: the broker, and of the worker no more than an accept of a safetensors file, which is what the user agreed to.
 * Promises: whatever else it says or does, the file is examined again in a fresh worker, and a worker that ended, lied
 * or found something is not used again; what it was handed besides is handed to another. A report is taken for that of
 * the file whose seed it names, in the order in which files were handed over, and for no other. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
    workers->limits = job->limits;
    return error == 0;
}

void batch_end(struct workers *workers)
{
    resident_end(&workers->kept);
    if (workers->report >= 0)
        (void)close(workers->report);
    workers->report = -1;
    workers->inbox.at = workers->inbox.size = 0;
    workers->given_count = 0;
    workers->files = 0;
}

/* Is it a job for the worker that is kept, or would be? */
static bool takes(struct workers *workers, const struct job *job, int source)
{
    if (workers == NULL || !workers->batch || job->kind != JOB_CHECK || job->want_rows || job->diagnose || source < 0)
        return false;
    if (!resident_is_ours(&workers->kept))
        batch_end(workers);
    tv_limits limits = job->limits;
    limits.wall_seconds = workers->limits.wall_seconds; /* the clock is ours */
    return workers->kept.channel < 0 || memcmp(&workers->limits, &limits, sizeof(limits)) == 0;
}

static bool is_of(const struct given *given, const struct job *job, int source)
{
    return given->source == source && given->seed == job->seed;
}

static bool is_given(const struct workers *workers, const struct job *job, int source)
{
    for (unsigned i = 0; i < workers->given_count; i++) {
        if (is_of(&workers->given[i], job, source))
            return true;
    }
    return false;
}

bool batch_begin(const struct broker *broker, const struct job *job, int source)
{
    struct workers *workers = broker->workers;
    if (workers != NULL && is_given(workers, job, source))
        return true;
    if (!takes(workers, job, source))
        return false;
    const unsigned most = workers->singly > 0 ? 1 : BROKER_WINDOW;
    if (workers->given_count == most || workers->files == FILES_MOST)
        return false;
    if (workers->kept.channel < 0 && !start(broker, job, workers))
        return false;
    const struct hand hand = {.argv = NULL, .source = source, .output = -1, .report = -1, .seed = job->seed};
    if (!hand_over(workers->kept.channel, &hand))
        return false;
    workers->given[workers->given_count++] = (struct given){source, job->seed, attend_clock()};
    workers->files++;
    return true;
}

/* The file is the next whose report the worker owes; it is handed over here where that was not done before. */
static bool is_next(const struct broker *broker, const struct job *job, int source)
{
    const struct workers *workers = broker->workers;
    if (workers->given_count == 0)
        (void)batch_begin(broker, job, source);
    return workers->given_count > 0 && is_of(&workers->given[0], job, source);
}

/* A worker that hangs or dies may have held back what it knew of files before the one that is to blame. Alone, that one
 * takes nobody's time but its own. */
static void be_careful(struct workers *workers, bool went_wrong)
{
    if (went_wrong)
        workers->singly = BROKER_WINDOW;
    else if (workers->singly > 0)
        workers->singly--;
}

/* Takes the file from the head of those that were handed over. The next one's time begins at the earliest now, when
 * this one's report is done. */
static void forget_first(struct workers *workers)
{
    workers->given_count--;
    memmove(&workers->given[0], &workers->given[1], workers->given_count * sizeof(workers->given[0]));
    if (workers->given_count > 0)
        workers->given[0].since = attend_clock();
}

/* It said that this is a good safetensors file, or none at all and so nothing for it, and said nothing of a file that
 * it was not handed: then it may stay. */
static bool behaved(const struct workers *workers, const struct attended *attended, const struct outcome *outcome)
{
    if (!attended->finished || (workers->given_count == 0 && workers->inbox.at < workers->inbox.size))
        return false;
    return outcome->said == OUTCOME_DECLINED ||
           (outcome->said == OUTCOME_DONE && outcome->kind == TV_KIND_SAFETENSORS &&
            tv_findings_first_error(&outcome->findings) == NULL);
}

bool batch_run(const struct broker *broker, const struct job *job, int source, struct outcome *outcome)
{
    struct workers *workers = broker->workers;
    if (!takes(workers, job, source))
        return false;
    if (!is_next(broker, job, source)) { /* it cannot be handed over, or files are asked for in another order */
        batch_end(workers);
        return false;
    }
    struct job batch = *job;
    struct attended attended;
    batch.batch = true;
    const uint64_t since = workers->given[0].since;
    const struct attend_kept kept = {&workers->kept.process, workers->report, &workers->inbox, since};
    attend_kept(broker, &batch, &kept, outcome, &attended);
    forget_first(workers);
    be_careful(workers, !attended.finished);
    bool stays = behaved(workers, &attended, outcome);
    outcome->complete = stays && outcome->said == OUTCOME_DONE;
    outcome->seconds = (double)(attend_clock() - since) / 1e6;
    if (!stays || (workers->files == FILES_MOST && workers->given_count == 0))
        batch_end(workers);
    if (outcome->complete || outcome->interrupted)
        return true;
    outcome_clear(outcome); /* what it said is forgotten */
    return false;
}
