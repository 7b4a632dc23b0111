/* A conversion by the torch engine (engine_torch.h): the container is passed by a worker first; then a Python feeds the
 * writer, and another the comparer; the judge is as ever. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tensorvet/checked.h>

#include "engine_torch.h"

#define PIPE_BYTES       (1 << 20)
#define PATIENCE_MS      5000u /* for a Python that has sent everything */
#define DIAGNOSE_MS      30000u
#define DIAGNOSE_SECONDS 20u

struct conversion_by_torch {
    struct torch_engine *engine;
    const struct broker *broker;
    uint64_t memory; /* of a Python, beyond what it has at its start */
    bool *code_ran;
};

static tv_finding *add(struct outcome *outcome, tv_finding_id id, const char *detail)
{
    return tv_findings_add(&outcome->findings, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_str(detail));
}

/* A Python needs its objects and torch's tensors besides the file: memory_bytes, and twice the file. */
static uint64_t memory_for(const struct job *job, int source)
{
    struct stat about;
    uint64_t memory = 0, twice = 0;
    if (fstat(source, &about) != 0 || about.st_size < 0 || !tv_mul((uint64_t)about.st_size, 2, &twice) ||
        !tv_add(job->limits.memory_bytes, twice, &memory))
        return UINT64_MAX / 2;
    return memory;
}

static void describe_run(const struct conversion_by_torch *by, const struct job *job, bool telling, char *line,
                         size_t capacity)
{
    const struct torch_settings *settings = by->engine->settings;
    (void)snprintf(line, capacity,
                   "run code=%d densify=%d dequantize=%d telling=%d memory=%" PRIu64 " seconds=%" PRIu64,
                   settings->allow_code, settings->densify, settings->dequantize, telling, by->memory,
                   telling ? DIAGNOSE_SECONDS : job->limits.cpu_seconds);
}

static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    (void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

/* Which call was it? A second Python tells before it ends; what it writes is four bytes, and may be a lie. */
static void name_violation(const struct conversion_by_torch *by, const struct job *job, int source, char *text,
                           size_t capacity)
{
    struct torch_child child;
    char line[256], name[64];
    int ends[2];
    int32_t number = -1;
    (void)snprintf(text, capacity, "SIGSYS");
    if (make_pipe(ends) != 0)
        return;
    describe_run(by, job, true, line, sizeof(line));
    if (torch_start(by->engine, line, source, ends[1], &child))
        (void)torch_end(by->engine, &child, DIAGNOSE_MS);
    (void)close(ends[1]);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && read(ends[0], &number, sizeof(number)) == sizeof(number) &&
        number >= 0) {
        jail_call_name(number, name, sizeof(name));
        (void)snprintf(text, capacity, "system call %s", name);
    }
    (void)close(ends[0]);
}

static bool has(const tv_findings *findings, tv_finding_id id)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        if (findings->items[i].id == id)
            return true;
    }
    return false;
}

/* That the feed ended is no news where it is known why. */
static void forget(tv_findings *findings, tv_finding_id id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < findings->count; i++) {
        if (findings->items[i].id != id)
            findings->items[kept++] = findings->items[i];
    }
    findings->count = kept;
}

static void add_instead(struct outcome *outcome, tv_finding_id id, const char *detail, uint64_t a)
{
    forget(&outcome->findings, TV_FIND_TORCH_ENDED_EARLY);
    outcome->complete = false;
    add(outcome, id, detail)->a = a;
}

/* What the end of a Python says of its file. */
static void judge_end(const struct conversion_by_torch *by, const struct job *job, int source,
                      const struct torch_ended *ended, struct outcome *outcome)
{
    char text[128];
    enum jail_ending ending =
        jail_classify(ended->status, JAIL_NOT_KILLED, ended->cpu_seconds, job->limits.cpu_seconds);
    int number = WIFSIGNALED(ended->status) ? WTERMSIG(ended->status) : 0;
    switch (ending) {
    case JAIL_ENDED_VIOLATION:
        name_violation(by, job, source, text, sizeof(text));
        add_instead(outcome, TV_FIND_TORCH_VIOLATION, text, 0);
        torch_renew(by->engine);
        break;
    case JAIL_ENDED_CRASH: add_instead(outcome, TV_FIND_TORCH_CRASHED, jail_signal_name(number), 0); break;
    case JAIL_ENDED_CPU: add_instead(outcome, TV_FIND_TORCH_TIME, "", job->limits.cpu_seconds); break;
    case JAIL_ENDED_KILLED: add_instead(outcome, TV_FIND_WORKER_KILLED, "", 0); break;
    case JAIL_ENDED_CLEAN:
    case JAIL_ENDED_EXIT:
    case JAIL_ENDED_WALL:
    case JAIL_ENDED_STOPPED: break; /* the feed says what there is to say */
    }
}

static void add_failure(const struct torch_engine *engine, struct outcome *outcome)
{
    bool stopped = engine->stop != NULL && *engine->stop != 0;
    outcome->complete = false;
    outcome->interrupted = outcome->interrupted || stopped;
    if (!stopped)
        (void)add(outcome, engine->failure == TV_FIND_NONE ? TV_FIND_TORCH_FAILED : engine->failure, engine->why);
}

/* A broker_runner: a worker that is fed by a Python. */
static void run_fed(void *context, const struct job *job, int source, int output, const struct listener *listener,
                    struct outcome *outcome)
{
    const struct conversion_by_torch *by = context;
    struct torch_child child;
    char line[256];
    int ends[2];
    *outcome = (struct outcome){.kind = (tv_kind)job->feed_kind, .said = OUTCOME_FAILED};
    int error = make_pipe(ends);
    if (error != 0) {
        (void)add(outcome, TV_FIND_WORKER_FAILED, strerror(error));
        return;
    }
    describe_run(by, job, false, line, sizeof(line));
    bool started = torch_start(by->engine, line, source, ends[1], &child);
    (void)close(ends[1]); /* now the Python's end is the only one */
    if (started) {
        *by->code_ran = *by->code_ran || by->engine->settings->allow_code;
        broker_run(by->broker, job, ends[0], output, listener, outcome);
    }
    (void)close(ends[0]);
    if (!started) {
        add_failure(by->engine, outcome);
        return;
    }
    /* one that sent everything, or closed the feed, is about to end; another may be on for long */
    bool ending = has(&outcome->findings, TV_FIND_TORCH_ENDED_EARLY) ||
                  (outcome->complete && outcome->said == OUTCOME_DONE && !job->plan_only);
    bool killed = torch_end(by->engine, &child, ending ? PATIENCE_MS : 0);
    bool by_us = killed && WIFSIGNALED(child.ended.status) && WTERMSIG(child.ended.status) == SIGKILL;
    if (!child.ended.known) {
        add_instead(outcome, TV_FIND_WORKER_KILLED, "", 0); /* the zygote is gone: that is nothing against the file */
    } else if (!by_us) {
        judge_end(by, job, source, &child.ended, outcome);
    }
}

static bool is_of_globals(const tv_finding *finding)
{
    return strcmp(tv_finding_info_of(finding->id)->stage, "globals") == 0;
}

/* Has the container passed? What the pickle names is torch's to refuse, or the user's to allow; what is dangerous is
 * refused here unless they did. */
static bool may_load(const struct torch_settings *settings, struct outcome *look)
{
    if (!look->complete)
        return false;
    if (look->kind != TV_KIND_TORCH_ZIP && look->kind != TV_KIND_TORCH_LEGACY) {
        look->findings = (tv_findings){0};
        (void)add(look, TV_FIND_TORCH_KIND, tv_kind_what(look->kind));
        return false;
    }
    if (has(&look->findings, TV_FIND_BIG_ENDIAN)) { /* torch 1.13 does not swap at all, later ones not every type */
        (void)add(look, TV_FIND_TORCH_KIND, "it was written by a big-endian machine");
        return false;
    }
    for (uint32_t i = 0; i < look->findings.count; i++) {
        const tv_finding *finding = &look->findings.items[i];
        if (tv_finding_info_of(finding->id)->severity != TV_ERROR)
            continue;
        if (!is_of_globals(finding) || (finding->id == TV_FIND_DANGEROUS_GLOBAL && !settings->allow_code))
            return false;
    }
    return look->said == OUTCOME_DONE;
}

/* The findings of the look come first; those of the conversion follow. */
static void put_first(const tv_findings *first, struct outcome *outcome, tv_findings *room)
{
    *room = outcome->findings;
    outcome->findings = *first;
    outcome->findings.omitted += room->omitted;
    for (uint32_t i = 0; i < room->count; i++) {
        const tv_finding *found = &room->items[i];
        tv_finding *copy =
            tv_findings_add(&outcome->findings, found->id, found->offset, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
        *copy = *found;
    }
}

static void look_first(const struct broker *broker, const struct job *job, int source, const struct listener *listener,
                       struct outcome *look)
{
    struct job check = *job;
    check.kind = JOB_CHECK;
    check.container_only = true;
    check.want_rows = true;
    const struct listener globals = {.context = listener == NULL ? NULL : listener->context,
                                     .global = listener == NULL ? NULL : listener->global};
    broker_run(broker, &check, source, -1, &globals, look);
}

void torch_convert(struct torch_engine *engine, const struct broker *broker, const struct job *job, int source,
                   int output, const struct listener *listener, struct outcome *outcome, bool *code_ran)
{
    struct conversion_by_torch by = {engine, broker, memory_for(job, source), code_ran};
    const struct broker_way way = {run_fed, &by};
    struct outcome *look = calloc(1, sizeof *look);
    tv_findings *room = calloc(1, sizeof *room);
    *code_ran = false;
    *outcome = (struct outcome){.kind = TV_KIND_UNKNOWN, .said = OUTCOME_FAILED};
    if (look == NULL || room == NULL) {
        (void)add(outcome, TV_FIND_WORKER_FAILED, strerror(ENOMEM));
    } else {
        look_first(broker, job, source, listener, look);
        *outcome = *look;
        if (may_load(engine->settings, look)) {
            struct job fed = *job;
            fed.feed = true;
            fed.feed_kind = (uint64_t)look->kind;
            if (job->plan_only)
                run_fed(&by, &fed, source, output, listener, outcome);
            else
                broker_convert_by(broker, &way, &fed, source, output, listener, outcome);
            torch_file_done(engine);
            outcome->seconds += look->seconds;
            put_first(&look->findings, outcome, room);
        } else if (look->complete) {
            outcome->said = OUTCOME_REJECTED;
            outcome->findings = look->findings;
        }
    }
    free(look);
    free(room);
}
