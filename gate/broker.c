/* The broker: finds the worker, runs jobs in it one by one, and leads a conversion through its three workers.
 * Trusts: its caller and the kernel. Promises: see broker.h; each worker is reaped before the next one starts. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attend.h"
#include "parts.h"
#include "program.h"
#include "workers.h"

/* A diagnosis is a courtesy, and a self-test a matter of milliseconds: neither shall double a long wait. */
#define ASIDE_SECONDS 60

/* TV_WORKER_PATH, relative to the folder of the running command, is set by the build. */

/* An ignored SIGCHLD, as some parents leave it, makes the kernel reap our workers before we can ask how they ended. */
static void stop_ignoring_children(void)
{
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN)
        (void)signal(SIGCHLD, SIG_DFL);
}

char *broker_worker_path(void)
{
    char folder[PATH_MAX], *path = NULL;
    ssize_t size = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (size < 0)
        return NULL;
    folder[size] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        errno = ENOENT;
        return NULL;
    }
    *slash = '\0';
    return asprintf(&path, "%s/%s", folder, TV_WORKER_PATH) < 0 ? NULL : path;
}

int broker_open(struct broker *broker, const volatile int *stop)
{
    *broker = (struct broker){.program = -1, .null = -1, .stop = stop};
    stop_ignoring_children();
    char *path = broker_worker_path();
    if (path == NULL)
        return errno;
    broker->program = program_open(path);
    int error = errno;
    free(path);
    if (broker->program < 0)
        return error;
    broker->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (broker->null < 0) {
        error = errno;
        broker_close(broker);
        return error;
    }
    return 0;
}

static struct workers *workers_of(struct broker *broker)
{
    if (broker->workers == NULL && (broker->workers = calloc(1, sizeof(*broker->workers))) != NULL) {
        broker->workers->spare.channel = -1;
        broker->workers->kept.channel = -1;
        broker->workers->report = -1;
    }
    return broker->workers;
}

/* Without memory it goes on as before. */
void broker_expect_more(struct broker *broker)
{
    struct workers *workers = workers_of(broker);
    if (workers != NULL)
        workers->ahead = true;
}

void broker_namespaces(struct broker *broker)
{
    struct workers *workers = workers_of(broker);
    if (workers != NULL)
        workers->apart = true;
}

void broker_batch(struct broker *broker)
{
    struct workers *workers = workers_of(broker);
    if (workers != NULL)
        workers->batch = true;
}

bool broker_begin(const struct broker *broker, const struct job *job, int source)
{
    return (broker->stop == NULL || *broker->stop == 0) && batch_begin(broker, job, source);
}

bool broker_for_thread(const struct broker *broker, struct broker *own)
{
    *own = *broker;
    own->workers = NULL;
    if (broker->workers == NULL || !broker->workers->apart)
        return true;
    broker_namespaces(own);
    return own->workers != NULL;
}

void broker_forget_workers(struct broker *broker)
{
    if (broker->workers != NULL) {
        resident_end(&broker->workers->spare);
        batch_end(broker->workers);
        free(broker->workers);
    }
    broker->workers = NULL;
}

void broker_close(struct broker *broker)
{
    broker_forget_workers(broker);
    if (broker->program >= 0)
        (void)close(broker->program);
    if (broker->null >= 0)
        (void)close(broker->null);
    broker->program = -1;
    broker->null = -1;
}

void outcome_clear(struct outcome *outcome)
{
    memset(outcome, 0, offsetof(struct outcome, findings.items));
    outcome->kind = TV_KIND_UNKNOWN;
    outcome->said = OUTCOME_FAILED;
}

static double now_seconds(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool passed(const struct outcome *outcome)
{
    return outcome->complete && outcome->said == OUTCOME_DONE && tv_findings_first_error(&outcome->findings) == NULL;
}

bool broker_selftest(const struct broker *broker, struct outcome *outcome)
{
    struct job job = {.kind = JOB_SELFTEST, .limits = tv_limits_default()};
    job.limits.wall_seconds = ASIDE_SECONDS;
    broker_run(broker, &job, -1, -1, NULL, outcome);
    return passed(outcome);
}

static void add(struct outcome *outcome, tv_finding_id id, const char *detail)
{
    (void)tv_findings_add(&outcome->findings, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_str(detail));
}

/* Runs the job once more, in a jail that tells before it kills. It may not happen again: then there is no number.
 * What that run finds is forgotten. */
static int diagnose(const struct broker *broker, const struct job *job, int source, int output,
                    struct outcome *forgotten)
{
    struct job again = *job;
    struct attended attended;
    outcome_clear(forgotten);
    again.diagnose = true;
    if (again.limits.wall_seconds > ASIDE_SECONDS)
        again.limits.wall_seconds = ASIDE_SECONDS;
    attend_worker(broker, &again, source, output, NULL, forgotten, &attended);
    return attended.violation;
}

/* A violation rejects only where the jail works: else it may be this kernel or libc that calls what nobody allowed.
 * Where we are stopped before that is known, it is not known. */
static void find_violation(const struct broker *broker, const struct job *job, int source, int output,
                           struct outcome *outcome)
{
    char name[64], detail[128] = "SIGSYS";
    struct outcome test;
    if (job->kind == JOB_SELFTEST || !broker_selftest(broker, &test)) {
        outcome->interrupted = job->kind != JOB_SELFTEST && test.interrupted;
        if (outcome->interrupted)
            return;
        add(outcome, TV_FIND_WORKER_FAILED, "the jail does not work here: the self-test fails in it");
        return;
    }
    /* what a feed held is gone: it cannot be read again */
    int number = job->feed ? -1 : diagnose(broker, job, source, output, &test);
    if (number >= 0) {
        jail_call_name(number, name, sizeof(name));
        (void)snprintf(detail, sizeof(detail), "system call %s", name);
    }
    add(outcome, TV_FIND_SANDBOX_VIOLATION, detail);
}

void broker_run(const struct broker *broker, const struct job *job, int source, int output,
                const struct listener *listener, struct outcome *outcome)
{
    struct attended attended;
    double start = now_seconds();
    outcome_clear(outcome);
    if (batch_run(broker, job, source, outcome))
        return;
    attend_worker(broker, job, source, output, listener, outcome, &attended);
    outcome->complete = attended_finding(&attended, job, outcome);
    if (attended.error == 0 && attended.ready && attended.result.ending == JAIL_ENDED_VIOLATION)
        find_violation(broker, job, source, output, outcome);
    outcome->cpu_seconds = attended.result.cpu_seconds;
    outcome->seconds = now_seconds() - start;
}

/* Is the file that the writer left as long as it said? Its exit and its words are worth nothing. */
static bool as_long_as_said(int output, struct outcome *outcome)
{
    struct stat status;
    if (fstat(output, &status) != 0) {
        add(outcome, TV_FIND_OUTPUT_UNWRITABLE, strerror(errno));
        return false;
    }
    if (status.st_size >= 0 && (uint64_t)status.st_size == outcome->output_size)
        return true;
    add(outcome, TV_FIND_WORKER_LIED, "the output's size is not what was announced");
    return false;
}

/* What comparer or judge found becomes the conversion's; one that says no without a reason is given one. */
static void take_over(const struct outcome *of, const char *who, struct outcome *outcome)
{
    outcome->interrupted = outcome->interrupted || of->interrupted;
    for (uint32_t i = 0; i < of->findings.count; i++) {
        const tv_finding *found = &of->findings.items[i];
        tv_finding *copy = tv_findings_add(&outcome->findings, found->id, found->offset, tv_finding_subject(found),
                                           tv_finding_detail(found));
        copy->a = found->a;
        copy->b = found->b;
        copy->subject_size = found->subject_size;
        copy->detail_size = found->detail_size;
    }
    const uint32_t room = UINT32_MAX - outcome->findings.omitted;
    outcome->findings.omitted += of->findings.omitted < room ? of->findings.omitted : room;
    if (tv_findings_first_error(&of->findings) == NULL && !of->interrupted)
        add(outcome, TV_FIND_VERIFY_FAILED, who);
}

/* The comparer reads the source once more, and meets its globals again: they are the writer's to report and the
 * policy's to judge, and no difference between source and output. */
static void forget_globals(tv_findings *findings)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < findings->count; i++) {
        if (strcmp(tv_finding_info_of(findings->items[i].id)->stage, "globals") != 0)
            findings->items[kept++] = findings->items[i];
    }
    findings->count = kept;
}

/* One of the two workers that look at what was written. Only their progress is for the listener. */
static bool second_look(const struct broker_way *way, const struct job *writer, enum job_kind kind, int source,
                        int output, const struct listener *listener, struct outcome *outcome)
{
    struct job job = *writer;
    job.kind = kind;
    job.want_rows = job.want_values = false;
    if (kind == JOB_JUDGE)
        job.parts = 0;
    const struct listener only_progress = {.context = listener == NULL ? NULL : listener->context,
                                           .progress = listener == NULL ? NULL : listener->progress};
    struct outcome look;
    way->run(way->context, &job, source, output, &only_progress, &look);
    if (kind == JOB_COMPARE)
        forget_globals(&look.findings);
    outcome->seconds += look.seconds;
    outcome->cpu_seconds += look.cpu_seconds;
    if (!passed(&look)) {
        take_over(&look, job_name(kind), outcome);
        return false;
    }
    if (kind == JOB_JUDGE) {
        outcome->has_digest = look.has_digest;
        memcpy(outcome->digest, look.digest, sizeof(outcome->digest));
    }
    return true;
}

/* The same file through a new opening that cannot write: what a writer's descriptor could do ended with the writer. */
static int reopen_for_reading(int output, struct outcome *outcome)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", output);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        char detail[TV_SUBJECT_BYTES];
        (void)snprintf(detail, sizeof(detail), "reopening the output: %s", strerror(errno));
        add(outcome, TV_FIND_WORKER_FAILED, detail);
    }
    return fd;
}

/* A broker_runner; its context is the broker. */
static void run_plainly(void *context, const struct job *job, int source, int output, const struct listener *listener,
                        struct outcome *outcome)
{
    parts_run(context, job, source, output, listener, outcome);
}

/* The two looks at what is in `output`: of the writer, or of whoever wrote it before. */
static bool verify(const struct broker *broker, const struct broker_way *way, const struct job *job, int source,
                   int output, const struct listener *listener, struct outcome *outcome)
{
    struct broker plain_broker = *broker;
    const struct broker_way plain = {run_plainly, &plain_broker};
    struct job judge = *job;
    int written = reopen_for_reading(output, outcome);
    if (written < 0)
        return false;
    judge.feed = false;
    bool verified = second_look(way, job, JOB_COMPARE, source, written, listener, outcome) &&
                    second_look(&plain, &judge, JOB_JUDGE, written, -1, listener, outcome);
    (void)close(written);
    return verified;
}

void broker_verify(const struct broker *broker, const struct job *job, int source, int output,
                   const struct listener *listener, struct outcome *outcome)
{
    struct broker plain_broker = *broker;
    const struct broker_way plain = {run_plainly, &plain_broker};
    struct job plan = *job;
    plan.kind = JOB_WRITE;
    plan.plan_only = true;
    plan.parts = 0;
    broker_run(broker, &plan, source, -1, listener, outcome);
    if (!outcome->complete || outcome->said != OUTCOME_DONE)
        return;
    outcome->verified =
        as_long_as_said(output, outcome) && verify(broker, &plain, job, source, output, listener, outcome);
    outcome->complete = outcome->verified;
}

void broker_convert_by(const struct broker *broker, const struct broker_way *way, const struct job *job, int source,
                       int output, const struct listener *listener, struct outcome *outcome)
{
    struct broker plain_broker = *broker;
    const struct broker_way plain = {run_plainly, &plain_broker};
    way = way == NULL ? &plain : way;
    way->run(way->context, job, source, output, listener, outcome);
    if (!outcome->complete || outcome->said != OUTCOME_DONE)
        return;
    outcome->complete = false;
    if (!as_long_as_said(output, outcome))
        return;
    outcome->verified = verify(broker, way, job, source, output, listener, outcome);
    outcome->complete = outcome->verified;
}

void broker_convert(const struct broker *broker, const struct job *job, int source, int output,
                    const struct listener *listener, struct outcome *outcome)
{
    broker_convert_by(broker, NULL, job, source, output, listener, outcome);
}
