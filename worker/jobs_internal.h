/* What the files of the jobs share: the report, and one function for each family of kinds. */
#ifndef WORKER_JOBS_INTERNAL_H
#define WORKER_JOBS_INTERNAL_H

#include <account.h>
#include <checkpoint.h>
#include <plan.h>
#include <tensorvet/index.h>

#include "digest.h"
#include "frame.h"
#include "jobs.h"

/* What a job works on, and what it will report in the end. */
struct received;
struct run {
    const struct job *job;
    struct received *received; /* of a job on a feed; else NULL */
    struct source source;
    tv_kind kind;
    uint64_t tensors, data_bytes; /* for RESULT */
    bool has_digest;
    uint8_t digest[DIGEST_BYTES];
    uint64_t told;        /* bytes done when PROGRESS was last sent */
    tv_findings findings; /* from its items on nothing needs clearing, and all is large */
    struct frame_out frame;
};

/* jobs_report.c: one frame each. */
void report_kind(struct run *run);
void report_tensor(struct run *run, const struct ck_tensor *tensor, uint64_t offset);
void report_metadata(struct run *run, tv_span key, tv_span value);
void report_global(struct run *run, const struct ck_global *global);
void report_pair(struct run *run, enum frame_type type, tv_span one, tv_span other);
void report_text(struct run *run, enum frame_type type, tv_span text);
void report_output(struct run *run, uint64_t size);
void report_result(struct run *run, enum frame_outcome outcome);
/* A progress_fn; its context is the run. Sends a frame only now and then. */
void report_progress(void *context, uint64_t done, uint64_t total);
/* The rows of a tensor table. */
void report_tensor_rows(struct run *run, const struct checkpoint *table);
void report_global_rows(struct run *run, const struct checkpoint *table);
void report_value_rows(struct run *run, const struct checkpoint *table);
void report_group_rows(struct run *run, const struct checkpoint *table);
void report_tie_rows(struct run *run, const struct checkpoint *table, const struct plan *plan);
void report_account(struct run *run, const struct account *account);
/* What the plan leaves out or changes. */
void report_plan(struct run *run, const struct checkpoint *table, const struct plan *plan);

/* Rows of what the torch engine's Python decided for the tensors that the plan writes. */
TV_MUST_CHECK tv_status report_decisions(struct run *run, const struct plan *plan);

/* The files of one family each. TV_OK: examined to the end. Else a status with a finding, but for TV_NO_MEMORY and
 * TV_IO, which jobs.c explains. */
TV_MUST_CHECK tv_status job_safetensors(struct run *run); /* CHECK, INSPECT, JUDGE, WRITE, COMPARE */
TV_MUST_CHECK tv_status job_checkpoint(struct run *run);  /* CHECK, INSPECT, WRITE, COMPARE */
TV_MUST_CHECK tv_status job_index(struct run *run);
TV_MUST_CHECK tv_status job_feed(struct run *run); /* WRITE, COMPARE */
TV_MUST_CHECK tv_status job_config(struct run *run);
TV_MUST_CHECK tv_status job_diff(struct run *run);
TV_MUST_CHECK tv_status job_selftest(struct run *run);
/* The tensor table of run->source, which is a safetensors file, with the aliases that its metadata records. Free the
 * table in any case. */
TV_MUST_CHECK tv_status table_of_safetensors(struct run *run, struct checkpoint *table);
/* CHECK of a safetensors file; JUDGE is nothing else. */
TV_MUST_CHECK tv_status check_safetensors(struct run *run);

/* jobs_convert.c: WRITE and COMPARE of a tensor table of any kind. metadata as in plan_options. */
struct kept_metadata {
    const tv_pair *pairs;
    uint64_t count;
    bool none;
};
TV_MUST_CHECK tv_status convert_table(struct run *run, struct checkpoint *table, const struct kept_metadata *kept);

#endif
