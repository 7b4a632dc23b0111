/* A session (session.h): one file after the other. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "begun.h"
#include "name.h"
#include "reproduce.h"
#include "vet.h"

int session_open(struct session *session)
{
    session->reporter.policy = &session->policy;
    session->torch.control = -1;
    int error = broker_open(&session->broker, session->stop);
    /* The digest is for JSON: text does not show it. */
    if (error == 0 && session->reporter.json && !policy_digest(&session->policy, session->reporter.policy_sha256)) {
        broker_close(&session->broker);
        error = ENOMEM;
    }
    if (error == 0 && session->namespaces)
        broker_namespaces(&session->broker);
    if (error == 0 && session->batch)
        broker_batch(&session->broker);
    session->window = error == 0 && session->batch ? begun_window() : 1;
    return error;
}

void session_close(struct session *session)
{
    begun_forget(session);
    torch_close(&session->torch);
    broker_close(&session->broker);
}

bool session_stopped(const struct session *session)
{
    return session->print_failed || (session->stop != NULL && *session->stop != 0);
}

int session_exit_status(const struct session *session)
{
    if (session->rejected)
        return 1;
    const bool open = session->undecided || session->print_failed || session->begun_count > 0;
    return open || session->examined == 0 ? 3 : 0;
}

struct job session_job(const struct session *session, enum job_kind kind)
{
    struct job job;
    memset(&job, 0, sizeof job);
    job.kind = kind;
    job.limits = session->policy.limits;
    /* Without randomness the tables are still n log n (index.h): the seed is an extra. */
    if (getrandom(&job.seed, sizeof job.seed, GRND_NONBLOCK) < 0)
        job.seed = 0;
    return job;
}

struct examination *examination_new(struct session *session)
{
    struct examination *examination = malloc(sizeof *examination);
    if (examination == NULL) {
        session->undecided = true;
        return NULL;
    }
    outcome_clear(&examination->outcome);
    rows_init(&examination->rows, session->reporter.json, session->progress);
    examination->rows.depth = session->reporter.depth;
    examination->reproduce = NULL;
    return examination;
}

void examination_free(struct examination *examination)
{
    if (examination != NULL) {
        rows_free(&examination->rows);
        free(examination->reproduce);
    }
    free(examination);
}

double clock_seconds(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void add_finding(tv_findings *findings, tv_finding_id id, const char *subject, const char *detail)
{
    (void)tv_findings_add(findings, id, TV_NO_OFFSET, tv_span_str(subject), tv_span_str(detail));
}

/* Why an input could not be opened or spooled. */
static void add_input_failure(const struct session *session, const struct input *input, tv_findings *findings)
{
    if (input->state != INPUT_TOO_LARGE) {
        add_finding(findings, TV_FIND_UNREADABLE, "", strerrordesc_np(input->error));
        return;
    }
    tv_finding *finding =
        tv_findings_add(findings, TV_FIND_INPUT_TOO_LARGE, TV_NO_OFFSET, tv_span_str(""), tv_span_str(""));
    finding->a = session->policy.limits.spool_bytes;
}

/* NULL for what came through standard input: it has no name under which it could be read again. */
static char *how_to_reproduce(const struct job *job, const char *path)
{
    char *worker = broker_worker_path();
    char *command = worker == NULL || strcmp(path, "-") == 0 ? NULL : reproduce_command(worker, job, path);
    free(worker);
    return command;
}

struct job session_file_job(const struct session *session, enum job_kind kind, const char *path)
{
    struct job job = session_job(session, kind);
    job.want_rows = job.want_values = kind == JOB_INSPECT;
    job.called_safetensors = name_is_safetensors(path);
    return job;
}

void session_examine(struct session *session, struct examination *examination, enum job_kind kind,
                     const struct input *input, const char *path)
{
    const struct job job = session_file_job(session, kind, path);
    session_examine_by(session, examination, &job, input, path);
}

void session_examine_by(struct session *session, struct examination *examination, const struct job *job,
                        const struct input *input, const char *path)
{
    struct outcome *outcome = &examination->outcome;
    if (input->state != INPUT_FILE) {
        add_input_failure(session, input, &outcome->findings);
        return;
    }
    if (session->on_file != NULL)
        session->on_file(session->on_file_context, path);
    if (session->first_is_over)
        broker_expect_more(&session->broker);
    session->first_is_over = true;
    struct listener listener = rows_listener(&examination->rows);
    broker_run(&session->broker, job, input->fd, -1, &listener, outcome);
    if (reproduce_wanted(outcome))
        examination->reproduce = how_to_reproduce(job, path);
    tv_finding_id disguise = name_disguise(path, outcome->kind);
    if (outcome->complete && disguise != TV_FIND_NONE)
        add_finding(&outcome->findings, disguise, "", tv_kind_what(outcome->kind));
    if (!input_unchanged(input))
        add_finding(&outcome->findings, TV_FIND_SOURCE_CHANGED, "", "");
}

struct report examination_report(struct examination *examination, const struct policy *policy, enum report_of of,
                                 const struct input *input, const char *path)
{
    const struct outcome *outcome = &examination->outcome;
    struct report report = {
        .of = of,
        .path = path,
        .target = input->target,
        .kind = outcome->kind,
        .complete = outcome->complete,
        .judgement = policy_judge(policy, &outcome->findings, outcome->complete),
        .findings = &outcome->findings,
        .has_size = input->state == INPUT_FILE,
        .size = (uint64_t)input->seen.st_size,
        .has_digest = outcome->has_digest,
        .tensors = outcome->tensors,
        .data_bytes = outcome->data_bytes,
        .seconds = outcome->seconds,
        .rows = &examination->rows,
        .reproduce = examination->reproduce,
        .output_size = outcome->output_size,
    };
    memcpy(report.digest, outcome->digest, sizeof report.digest);
    return report;
}

void session_report(struct session *session, const struct report *report)
{
    enum verdict verdict = report->judgement.verdict;
    session->rejected |= verdict == VERDICT_REJECT || report->judgement.refused;
    session->undecided |= verdict == VERDICT_UNDECIDED;
    session->examined += report->of != REPORT_FOLDER && (verdict == VERDICT_ACCEPT || verdict == VERDICT_REJECT);
    if (session->on_file != NULL)
        session->on_file(session->on_file_context, NULL);
    if (!report_print(&session->reporter, report))
        session->print_failed = true;
}

/* One file that was named by the user. */
static void report_named(void *context, struct session *session, struct begun *begun)
{
    (void)context;
    enum report_of of = begun->job.kind == JOB_INSPECT ? REPORT_INSPECT : REPORT_CHECK;
    struct report report = examination_report(begun->examination, &session->policy, of, &begun->input, begun->path);
    session_report(session, &report);
}

/* A pipe may keep us waiting: not with reports that are due. */
static void finish_before_waiting(struct session *session, const char *path)
{
    struct stat seen;
    if (session->begun_count > 0 && (stat(path, &seen) != 0 || !S_ISREG(seen.st_mode)))
        session_finish(session);
}

static void vet(struct session *session, enum job_kind kind, const char *path)
{
    struct input input;
    finish_before_waiting(session, path);
    input_open(&input, path, session->policy.limits.spool_bytes, session->stop);
    if (input.state == INPUT_FOLDER)
        vet_folder(session, kind, &input, path);
    else if (input.state == INPUT_FILE && kind == JOB_CHECK && name_is_index(path))
        vet_index_file(session, &input, path);
    else if (input.state != INPUT_STOPPED) {
        session_begin(session, kind, &input, path, report_named, NULL);
        return;
    }
    input_close(&input);
}

void session_check(struct session *session, const char *path)
{
    vet(session, JOB_CHECK, path);
}

void session_inspect(struct session *session, const char *path)
{
    vet(session, JOB_INSPECT, path);
}
