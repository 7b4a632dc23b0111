/* Whole jobs of a worker, as it does them behind its lock: a source, a second file, and the arguments of a job, from
 * bytes to the report that is printed. An input is a source, and may end with what support/asked.h reads; what does not
 * is inspected and converted.
 *
 * Oracles: the worker comes to an end and says nothing that the decoder of the gate calls a lie; the reports are what
 * support/printed.h promises; what it says is written is as long as it said, and a comparer and a judge find nothing
 * wrong with it. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <frame.h>
#include <jobs.h>

#include "asked.h"
#include "printed.h"
#include "table.h"

enum { REPORT_MOST = 1 << 22 };
#define LAYERS 7u /* of the jail: the ones it cannot do without */

static uint8_t report[REPORT_MOST];
static struct said said;

/* The worker's descriptors, before an engine opens files of its own there. */
__attribute__((constructor)) static void open_places(void)
{
    static const int places[] = {WORKER_SOURCE, WORKER_OUTPUT, WORKER_REPORT};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int file = memfd_create("place", 0);
        if (file < 0 || (file != places[i] && (dup2(file, places[i]) != places[i] || close(file) != 0)))
            abort();
    }
}

void __wrap__exit(int status);
/* A worker that ends its process has no report: the tests of the broker are about that. */
void __wrap__exit(int status)
{
    fprintf(stderr, "the worker ended with status %d\n", status);
    abort();
}

static void put(int file, tv_span bytes)
{
    PROMISE(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
    PROMISE(pwrite(file, bytes.data, bytes.size, 0) == (ssize_t)bytes.size);
}

static void send_ready(uint64_t seed)
{
    static struct frame_out frame;
    PROMISE(ftruncate(WORKER_REPORT, 0) == 0 && lseek(WORKER_REPORT, 0, SEEK_SET) == 0);
    frame_begin(&frame, FRAME_READY);
    frame_put_text(&frame, tv_span_str("fuzz"));
    frame_put_u32(&frame, LAYERS);
    frame_put_u32(&frame, 0);
    frame_put_text(&frame, tv_span_str(""));
    frame_put_u64(&frame, seed);
    frame_send(&frame, WORKER_REPORT);
}

/* One run on what lies at the descriptors. True where the worker is done and found nothing. */
static bool run(const struct job *job, uint64_t hash, bool printed)
{
    const enum report_of of = job->kind == JOB_WRITE     ? REPORT_CONVERT
                              : job->kind == JOB_INSPECT ? REPORT_INSPECT
                                                         : REPORT_CHECK;
    PROMISE(lseek(WORKER_SOURCE, 0, SEEK_SET) == 0);
    send_ready(job->seed);
    PROMISE(worker_run(job) == 0);
    ssize_t size = pread(WORKER_REPORT, report, sizeof report, 0);
    PROMISE(size > 0);
    if (size == (ssize_t)sizeof report) /* longer than what is looked at */
        return false;
    const tv_span frames = tv_span_of(report, (size_t)size);
    if (printed)
        printed_check(frames, job, of, (uint32_t)hash | PRINTED_KEEP_VALUES, false, &said);
    printed_check(frames, job, of, (uint32_t)hash, true, &said);
    PROMISE(said.state == DECODE_FINE && said.finished);
    PROMISE(said.outcome.said != OUTCOME_DECLINED || job->batch);
    return said.outcome.said == OUTCOME_DONE;
}

/* All parts of a conversion, or a comparison. */
static bool run_parts(struct job *job, uint64_t hash)
{
    bool good = true;
    for (job->part = 0; good && (job->part == 0 || job->part < job->parts); job->part++)
        good = run(job, hash, job->kind == JOB_WRITE && job->part == 0);
    return good;
}

/* A good conversion: the two that look at what was written. */
static void look_at_output(struct job *job, uint64_t hash)
{
    static uint8_t written[(1 << 18) + 1];
    ssize_t size = pread(WORKER_OUTPUT, written, sizeof written, 0);
    PROMISE(size >= 0 && (uint64_t)size == said.outcome.output_size);
    job->kind = JOB_COMPARE;
    PROMISE(run_parts(job, hash));
    struct job judge = {.kind = JOB_JUDGE, .limits = tv_limits_default()};
    put(WORKER_SOURCE, tv_span_of(written, (size_t)size));
    PROMISE(run(&judge, hash, false));
}

static bool work(struct asked *asked, uint64_t hash)
{
    struct job *job = &asked->job;
    put(WORKER_SOURCE, asked->source);
    put(WORKER_OUTPUT, job->kind == JOB_WRITE ? tv_span_of("", 0) : asked->other);
    if (job->kind != JOB_WRITE)
        return run(job, hash, true);
    bool good = run_parts(job, hash);
    if (good && !job->plan_only)
        look_at_output(job, hash);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct asked asked;
    uint64_t hash = oracle_hash(data, size);
    oracle_ran(data, size);
    if (asked_read(&asked, tv_span_of(data, size))) {
        if (work(&asked, hash))
            oracle_accepted();
        return 0;
    }
    asked.job = (struct job){.kind = JOB_INSPECT, .limits = small_limits(), .want_values = true};
    (void)work(&asked, hash);
    asked.job = (struct job){.kind = JOB_WRITE, .limits = small_limits(), .want_rows = true, .disarm = true};
    if (work(&asked, hash))
        oracle_accepted();
    return 0;
}
