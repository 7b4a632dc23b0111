/* What the end of a worker says of its file: one decision, in the order in which reasons outweigh each other.
 * Trusts: what attend.h says was seen. Promises: nothing but a whole report and a clean exit is complete; before READY
 * nothing of the file was read, so nothing that happened until then is the file's fault. */
#include <stdio.h>
#include <string.h>

#include "attend.h"

static tv_finding *add(struct outcome *outcome, tv_finding_id id, const char *detail)
{
    return tv_findings_add(&outcome->findings, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_str(detail));
}

static void add_number(struct outcome *outcome, tv_finding_id id, uint64_t a, uint64_t b)
{
    tv_finding *finding = add(outcome, id, "");
    finding->a = a;
    finding->b = b;
}

/* It never came so far as to read. */
static void find_failed(const struct attended *attended, struct outcome *outcome)
{
    char detail[TV_SUBJECT_BYTES];
    if (attended->error != 0)
        (void)snprintf(detail, sizeof(detail), "%s: %s", attended->failed_at, strerror(attended->error));
    else if (attended->report != DECODE_FINE)
        (void)snprintf(detail, sizeof(detail), "%s", attended->why);
    else
        (void)snprintf(detail, sizeof(detail), "it ended before it was ready (%s, %d)",
                       jail_ending_name(attended->result.ending), attended->result.code);
    (void)add(outcome, TV_FIND_WORKER_FAILED, detail);
}

/* The writer may have met the end of the disk itself, before it was stopped for what it announced. */
static void find_no_space(const struct attended *attended, struct outcome *outcome)
{
    const tv_finding *first = tv_findings_first_error(&outcome->findings);
    if (first == NULL || first->id != TV_FIND_NO_SPACE)
        add_number(outcome, TV_FIND_NO_SPACE, outcome->output_size, attended->free_bytes);
}

/* What the keeper stopped it for, or the report's own fault. True if that settles it. */
static bool find_stopped(const struct attended *attended, const struct job *job, struct outcome *outcome)
{
    if (outcome->interrupted)
        return true;
    if (attended->reason == JAIL_KILLED_WALL) {
        add_number(outcome, TV_FIND_LIMIT_TIME, job->limits.wall_seconds, 0);
    } else if (attended->error != 0 || !attended->ready || attended->report == DECODE_MISFIT) {
        find_failed(attended, outcome);
    } else if (attended->no_space) {
        find_no_space(attended, outcome);
    } else if (attended->report == DECODE_FLOOD) {
        add_number(outcome, TV_FIND_LIMIT_REPORT, job->limits.report_bytes, 0);
    } else if (attended->report == DECODE_LIE) {
        (void)add(outcome, TV_FIND_WORKER_LIED, attended->why);
    } else {
        return false;
    }
    return true;
}

static void find_exit(int status, struct outcome *outcome)
{
    char detail[64];
    (void)snprintf(detail, sizeof(detail), "exit status %d", status);
    (void)add(outcome, TV_FIND_WORKER_LIED, detail);
}

/* What reading needed beyond memory that is not there is no fault of the file's. */
static void excuse_memory(struct outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->findings.count && i < TV_FINDINGS_MAX; i++) {
        if (outcome->findings.items[i].id == TV_FIND_LIMIT_MEMORY)
            outcome->findings.items[i].id = TV_FIND_MEMORY_SHORT;
    }
}

bool attended_finding(const struct attended *attended, const struct job *job, struct outcome *outcome)
{
    if (find_stopped(attended, job, outcome))
        return false;
    const struct jail_result *result = &attended->result;
    if (attended->short_memory)
        excuse_memory(outcome);
    switch (result->ending) {
    case JAIL_ENDED_CLEAN:
        if (!attended->finished)
            (void)add(outcome, TV_FIND_WORKER_LIED, "the report ends early");
        return attended->finished;
    case JAIL_ENDED_EXIT: find_exit(result->code, outcome); break;
    case JAIL_ENDED_VIOLATION: break;
    case JAIL_ENDED_CRASH: (void)add(outcome, TV_FIND_WORKER_CRASHED, jail_signal_name(result->code)); break;
    case JAIL_ENDED_CPU: add_number(outcome, TV_FIND_LIMIT_CPU, job->limits.cpu_seconds, 0); break;
    case JAIL_ENDED_WALL:
    case JAIL_ENDED_STOPPED:
    case JAIL_ENDED_KILLED: (void)add(outcome, TV_FIND_WORKER_KILLED, ""); break;
    }
    return false;
}
