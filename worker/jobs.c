/* A worker's run: open the source, say what it is, do the job, explain every failure, report (jobs.h). */
#include "jobs.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jobs_internal.h"

#define WHOLE_BYTES (16u << 10) /* of a file that is read in one piece */
#define RANK_MOST   64u         /* of the frames and of the walks, whatever the limit says */

void worker_prime_for_many(void)
{
    digest_prepare();
}

/* The size by fstat itself: glibc's goes by newfstatat, which is stat of any path, and not allowed in the jail. */
static bool look_at(int fd, struct stat *about)
{
    return syscall(SYS_fstat, fd, about) == 0 && about->st_size >= 0;
}

static tv_finding *add_finding(struct run *run, tv_finding_id id, const char *detail)
{
    return tv_findings_add(&run->findings, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_str(detail));
}

static bool has_machine_finding(const struct run *run)
{
    for (uint32_t i = 0; i < run->findings.count; i++) {
        const tv_finding_info *info = tv_finding_info_of(run->findings.items[i].id);
        if (info->class_ == TV_CLASS_MACHINE && info->severity == TV_ERROR)
            return true;
    }
    return false;
}

static bool is_checkpoint(tv_kind kind)
{
    switch ((unsigned)kind) {
    case TV_KIND_TORCH_ZIP:
    case TV_KIND_TORCH_LEGACY:
    case TV_KIND_TORCH_TAR:
    case TV_KIND_TORCHSCRIPT:
    case TV_KIND_PICKLE:
    case TV_KIND_NUMPY:
    case TV_KIND_NPZ: return true;
    default: return false;
    }
}

static bool converts(const struct job *job)
{
    return job->kind == JOB_WRITE || job->kind == JOB_COMPARE;
}

/* A kind that is not judged: what `check` says of it; converting one that is merely not ours is refused as such, while
 * an empty file, a git-lfs pointer or a web page has a remedy of its own in either case. */
static tv_status refuse_kind(struct run *run)
{
    const char *what = tv_kind_what(run->kind);
    tv_finding_id id = tv_kind_finding(run->kind);
    if (id == TV_FIND_UNSUPPORTED_KIND && (run->job->kind == JOB_WRITE || run->job->kind == JOB_COMPARE))
        tv_findings_add(&run->findings, TV_FIND_CONVERT_REFUSED, TV_NO_OFFSET, tv_span_str(what), tv_span_of(NULL, 0));
    else
        add_finding(run, id, what);
    return TV_REJECTED;
}

/* A file that is called safetensors and is of no kind that is read: what a safetensors loader would trip over says more
 * than that the kind is not supported. */
static bool judged_as_safetensors(const struct run *run)
{
    return run->job->kind == JOB_JUDGE || run->kind == TV_KIND_SAFETENSORS ||
           (run->job->called_safetensors && !is_checkpoint(run->kind));
}

static tv_status do_job(struct run *run)
{
    if (judged_as_safetensors(run))
        return job_safetensors(run);
    if (!is_checkpoint(run->kind))
        return refuse_kind(run);
    if (tv_kind_finding(run->kind) != TV_FIND_NONE && !converts(run->job)) /* says nothing of its tensors */
        add_finding(run, tv_kind_finding(run->kind), tv_kind_what(run->kind));
    return job_checkpoint(run);
}

/* A batch's worker looks no further where a header cannot be: telling kinds apart takes more than one reader. */
static tv_status identify_for_batch(struct run *run)
{
    uint8_t head[9];
    if (run->source.size < sizeof(head))
        return TV_MORE;
    tv_status status = source_read(&run->source, 0, head, sizeof(head));
    if (status == TV_OK && head[8] == '{')
        return source_identify(&run->source, &run->job->limits, &run->kind);
    return status == TV_OK ? TV_MORE : status;
}

/* Identifies the source, says so, and does the job. */
static tv_status examine(struct run *run)
{
    tv_status status = TV_OK;
    if (run->job->feed)
        return job_feed(run);
    if (run->job->kind == JOB_SELFTEST || run->job->kind == JOB_JUDGE)
        run->kind = TV_KIND_SAFETENSORS;
    else if (run->job->kind == JOB_INDEX)
        run->kind = TV_KIND_SHARD_INDEX;
    else if (run->job->batch)
        status = identify_for_batch(run);
    else if (run->job->kind == JOB_CONFIG)
        run->kind = TV_KIND_UNKNOWN;
    else
        status = source_identify(&run->source, &run->job->limits, &run->kind);
    report_kind(run);
    if (status != TV_OK)
        return status;
    if (run->job->batch && run->kind != TV_KIND_SAFETENSORS)
        return TV_MORE;
    if (run->job->kind == JOB_INDEX)
        return job_index(run);
    if (run->job->kind == JOB_CONFIG)
        return job_config(run);
    if (run->job->kind == JOB_DIFF && (run->kind == TV_KIND_SAFETENSORS || is_checkpoint(run->kind)))
        return job_diff(run);
    return run->job->kind == JOB_SELFTEST ? job_selftest(run) : do_job(run);
}

/* Turns what stopped the job into a finding, if it is none yet, and into the word for RESULT. False: a bug of ours. */
static bool explain(struct run *run, tv_status status, int error, enum frame_outcome *outcome)
{
    switch (status) {
    case TV_OK: *outcome = OUTCOME_DONE; return true;
    case TV_REJECTED: *outcome = OUTCOME_REJECTED; return tv_findings_first_error(&run->findings) != NULL;
    case TV_NO_MEMORY:
        add_finding(run, TV_FIND_LIMIT_MEMORY, "");
        *outcome = OUTCOME_REJECTED;
        return true;
    case TV_IO:
        if (!has_machine_finding(run))
            add_finding(run, TV_FIND_UNREADABLE, error == ENODATA ? "it ends before its size" : strerror(error));
        *outcome = OUTCOME_FAILED;
        return true;
    case TV_MORE: *outcome = OUTCOME_DECLINED; return run->job->batch;
    case TV_MISUSE:
    default: return false;
    }
}

static bool changed(const struct stat *before, const struct stat *after)
{
    return before->st_size != after->st_size || before->st_mtim.tv_sec != after->st_mtim.tv_sec ||
           before->st_mtim.tv_nsec != after->st_mtim.tv_nsec;
}

/* A small file is read once: every reader sees the same bytes of it, and the kernel is asked once. What writes or
 * compares reads as it would read a large one. */
static tv_status open_source(struct run *run, uint64_t size)
{
    static uint8_t whole[WHOLE_BYTES];
    const enum job_kind kind = run->job->kind;
    run->source = (struct source){.fd = WORKER_SOURCE, .size = size};
    if (size > sizeof(whole)) /* what was said of others does not wait for a large one */
        frame_flush(WORKER_REPORT);
    if (size > sizeof(whole) || (kind != JOB_CHECK && kind != JOB_INSPECT && kind != JOB_JUDGE))
        return TV_OK;
    tv_status status = source_read(&run->source, 0, whole, size);
    if (status == TV_OK)
        run->source = source_of_memory(tv_span_of(whole, (size_t)size));
    return status;
}

/* The job on the descriptor; the self-test has none. */
static tv_status run_on_source(struct run *run, int *error)
{
    struct stat before = {0}, after = {0};
    if (run->job->kind == JOB_SELFTEST || run->job->feed) { /* a pipe has no size, and always changes */
        tv_status done = examine(run);
        *error = errno;
        return done;
    }
    if (!look_at(WORKER_SOURCE, &before)) {
        *error = errno;
        report_kind(run);
        return TV_IO;
    }
    tv_status status = open_source(run, (uint64_t)before.st_size);
    if (status == TV_OK)
        status = examine(run);
    else
        report_kind(run);
    *error = errno;
    if (!look_at(WORKER_SOURCE, &after) || !changed(&before, &after))
        return status;
    add_finding(run, TV_FIND_SOURCE_CHANGED, "");
    return TV_IO;
}

int worker_run(const struct job *job)
{
    static struct run run; /* its frame is large */
    static struct job own;
    enum frame_outcome outcome = OUTCOME_FAILED;
    int error = 0;
    memset(&run, 0, offsetof(struct run, findings.items)); /* a worker that is kept runs many */
    own = *job;
    if (own.limits.rank > RANK_MOST)
        own.limits.rank = RANK_MOST;
    run.job = &own;
    run.kind = TV_KIND_UNKNOWN;
    tv_status status = run_on_source(&run, &error);
    if (!explain(&run, status, error, &outcome))
        return WORKER_EXIT_BUG;
    report_result(&run, outcome);
    return 0;
}
