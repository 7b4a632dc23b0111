/* A session: files, folders and conversions under one policy, each examined in a fresh worker and reported at once.
 *
 * Trusts: the broker and the policy. Promises: one bad or unreadable file never stops the others; whatever was not
 * examined to the end counts as undecided; every path that was asked for gets a report. */
#ifndef GATE_SESSION_H
#define GATE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "broker.h"
#include "engine_torch.h"
#include "input.h"
#include "policy.h"
#include "report.h"
#include "rows.h"

/* A file whose examination has begun and that is not reported yet. */
struct begun;

struct session {
    struct broker broker;
    struct torch_engine torch; /* opened by the caller where it is wanted (engine_torch.h) */
    struct policy policy;
    struct reporter reporter;
    struct progress_to progress;
    /* Told which file is being read, before anything is, and NULL before a report is printed. May be NULL. */
    void (*on_file)(void *context, const char *path);
    void *on_file_context;
    const volatile int *stop; /* non-zero once a signal asked us to stop */
    bool batch, namespaces;   /* --isolation batch, --namespaces */

    /* What the exit status is made of. */
    bool rejected, undecided, print_failed;
    uint64_t examined;
    bool first_is_over; /* one file was examined: there may be more */

    struct begun *begun[BROKER_WINDOW]; /* in the order in which they are reported (begun.c) */
    unsigned begun_count, window;       /* of how many at most, this one included, the next may begin */
};

/* Opens the broker and fills the policy's digest. The caller has filled policy, reporter and stop. 0, or an errno. */
int session_open(struct session *session);
void session_close(struct session *session);
/* DESIGN 5.1: 1 if anything was rejected or refused; else 3 if anything is undecided or nothing was examined; else 0.
 */
int session_exit_status(const struct session *session);
bool session_stopped(const struct session *session);

/* Checks or inspects a file or a folder, and reports; in a batch the last ones' reports wait for session_finish. */
void session_check(struct session *session, const char *path);
void session_inspect(struct session *session, const char *path);
/* Examines to the end, and reports, what has begun; before anything else is reported. A stop forgets it. */
void session_finish(struct session *session);

/* One file's examination: what a worker said, with what was found before and after it. On the heap: findings are large.
 */
struct examination {
    struct outcome outcome;
    struct rows rows;
    char *reproduce; /* after a crash: the command that repeats it; else NULL */
};

/* A file on its way (begun.c). `report` is told when it has been examined, unless a stop came; nobody else frees it. */
struct begun {
    struct input input;
    char *path;
    struct job job;
    struct examination *examination;
    void (*report)(void *context, struct session *session, struct begun *begun);
    void *context;
};
/* Begins to examine the input, which then belongs to the session; the path is copied. Files are reported in this order,
 * at the latest by session_finish, until which the context must live. */
void session_begin(struct session *session, enum job_kind kind, const struct input *input, const char *path,
                   void (*report)(void *context, struct session *session, struct begun *begun), void *context);

/* A job for that session with a fresh seed. */
struct job session_job(const struct session *session, enum job_kind kind);
/* An empty one; NULL without memory, and then the session counts one undecided. Free with examination_free. */
struct examination *examination_new(struct session *session);
void examination_free(struct examination *examination);
/* The job that examines a file of that path. */
struct job session_file_job(const struct session *session, enum job_kind kind, const char *path);
/* Runs that job on that input, and adds what the trusted side sees: source-changed, disguises. Where the input could
 * not be opened, the one finding says why. */
void session_examine_by(struct session *session, struct examination *examination, const struct job *job,
                        const struct input *input, const char *path);
/* The same in one step. */
void session_examine(struct session *session, struct examination *examination, enum job_kind kind,
                     const struct input *input, const char *path);
/* A report of it, judged by that policy; what `of` alone needs is the caller's to fill. */
struct report examination_report(struct examination *examination, const struct policy *policy, enum report_of of,
                                 const struct input *input, const char *path);
/* Seconds of the monotonic clock. */
double clock_seconds(void);
/* Adds a finding without offset. */
void add_finding(tv_findings *findings, tv_finding_id id, const char *subject, const char *detail);
/* Counts the judgement for the exit status and prints the report. */
void session_report(struct session *session, const struct report *report);

#endif
