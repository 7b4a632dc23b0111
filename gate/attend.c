/* One worker from start to reaping. Trusts: the job it is given and the kernel; nothing that the worker sends.
 * Promises: see attend.h. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <build_id.h>
#include <tensorvet/checked.h>

#include "attend.h"
#include "workers.h"

/* A worker's address space: its limit, and what any worker needs: program, stack, frame, libc's slack. */
#define WORKER_FIXED_BYTES (UINT64_C(64) << 20)
/* How long a poll may sleep before the stop flag is looked at again: a signal may have come just before it. */
#define STOP_LOOK_MS  100
#define PIPE_BYTES    (1 << 20)
#define RESERVE_TIMES 4 /* the default of the limit expansion */

struct run {
    const struct broker *broker;
    const struct job *job;
    int source, output;
    int report; /* our end of the pipe */
    struct jail_process process;
    struct decoder decoder;
    struct inbox *inbox;
    struct outcome *outcome;
    struct attended *attended;
    uint64_t deadline; /* ms of the monotonic clock */
    bool room_checked;
    bool kept; /* the worker stays when it has reported */
};

uint64_t attend_clock(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return attend_clock() / 1000;
}

static uint64_t deadline_after(uint64_t since_ms, uint64_t seconds)
{
    uint64_t ms = 0, deadline = 0;
    return tv_mul(seconds, 1000, &ms) && tv_add(since_ms, ms, &deadline) ? deadline : UINT64_MAX;
}

struct jail_budget attend_budget(const struct job *job)
{
    struct jail_budget budget = {.cpu_seconds = job->limits.cpu_seconds};
    const uint64_t most = UINT64_MAX - 2; /* as good as none, and still a limit: the largest means none to the kernel */
    if (!tv_add(job->limits.memory_bytes, WORKER_FIXED_BYTES, &budget.address_space) || budget.address_space > most)
        budget.address_space = most;
    if (budget.cpu_seconds > most)
        budget.cpu_seconds = most;
    if (job->kind == JOB_WRITE) /* the kernel compares it as an offset, which is signed */
        budget.file_size = job->limits.output_bytes > INT64_MAX ? INT64_MAX : job->limits.output_bytes;
    return budget;
}

static int start_with(struct run *run, int report)
{
    char **argv = job_to_argv(run->job);
    if (argv == NULL)
        return ENOMEM;
    const struct jail_spec spec = {.program = run->broker->program,
                                   .null = run->broker->null,
                                   .argv = argv,
                                   .source = run->source,
                                   .output = run->output,
                                   .report = report,
                                   .scratch = -1,
                                   .budget = attend_budget(run->job)};
    int error = 0;
    run->attended->short_memory = jail_short_of_memory(&spec.budget);
    if (!ahead_take(run->broker->workers, run->job, argv, run->source, run->output, report, &run->process))
        error = worker_start(run->broker, &spec, &run->process, &run->attended->failed_at);
    free(argv);
    return error;
}

/* Starts the worker with a pipe to us. 0 or an errno. */
static int start(struct run *run)
{
    int ends[2];
    run->attended->failed_at = "making a pipe";
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    run->report = ends[0];
    (void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES); /* fewer wake-ups, where the user may */
    int error = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? start_with(run, ends[1]) : errno;
    (void)close(ends[1]);
    return error;
}

/* Reserves the output's room in one piece, which the file system then fills faster; where it cannot, writing goes on
 * without. Only for an output not much larger than its source: the size is the worker's word, and a word alone shall
 * not fill a disk. (Measured with start_writing_back: a third less time for 1 GiB; bench/RESULTS.md.) */
static void reserve_room(const struct run *run)
{
    struct stat source;
    if (fstat(run->source, &source) != 0 || source.st_size < 0 ||
        run->outcome->output_size / RESERVE_TIMES > (uint64_t)source.st_size)
        return;
    (void)fallocate(run->output, FALLOC_FL_KEEP_SIZE, 0, (off_t)run->outcome->output_size);
}

/* Has the disk begin with what is written so far, so that it works while the workers do, and the last fsync is short.
 */
static void start_writing_back(const struct run *run)
{
    if (run->job->kind == JOB_WRITE && run->output >= 0 && run->decoder.output)
        (void)sync_file_range(run->output, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* When the writer has said how large the output will be: is there room for it? */
static bool room_enough(struct run *run)
{
    struct statvfs fs;
    if (!run->decoder.output || run->room_checked)
        return true;
    run->room_checked = true;
    if (fstatvfs(run->output, &fs) != 0 || fs.f_blocks == 0)
        return true; /* not every file system says; writing will tell */
    uint64_t free_bytes = 0;
    if (!tv_mul(fs.f_bavail, fs.f_frsize, &free_bytes) || run->outcome->output_size <= free_bytes) {
        reserve_room(run);
        return true;
    }
    run->attended->no_space = true;
    run->attended->free_bytes = free_bytes;
    return false;
}

enum heard {
    HEARD_SOME,
    HEARD_NOTHING, /* the pipe is empty, for now */
    HEARD_ALL,     /* the pipe is at its end */
    HEARD_ENOUGH   /* the worker must end */
};

/* Reads on, where nothing is left of what was read. */
static enum heard fill(struct run *run)
{
    struct inbox *inbox = run->inbox;
    if (inbox->at < inbox->size)
        return HEARD_SOME;
    ssize_t size = -1;
    do /* "nothing" would be taken for the end of one that has ended */
        size = read(run->report, inbox->bytes, sizeof(inbox->bytes));
    while (size < 0 && errno == EINTR);
    inbox->at = 0;
    inbox->size = size > 0 ? (size_t)size : 0;
    if (size > 0)
        return HEARD_SOME;
    if (size < 0 && errno == EAGAIN)
        return HEARD_NOTHING;
    if (size < 0) { /* we are deaf: no fault of the worker's */
        run->attended->error = errno;
        run->attended->failed_at = "hearing its report";
    }
    return size < 0 ? HEARD_ENOUGH : HEARD_ALL;
}

/* A kept worker's words go no further than its file's RESULT; another's have nothing to come after it. */
static enum decode_state decode(struct run *run)
{
    struct inbox *inbox = run->inbox;
    const tv_span bytes = tv_span_of(inbox->bytes + inbox->at, inbox->size - inbox->at);
    uint64_t used = bytes.size;
    enum decode_state state =
        run->kept ? decoder_take(&run->decoder, bytes, &used) : decoder_feed(&run->decoder, bytes);
    inbox->at += (size_t)used;
    return state;
}

static bool has_all(const struct run *run)
{
    return run->kept && decoder_finished(&run->decoder);
}

static enum heard listen_once(struct run *run)
{
    enum heard heard = has_all(run) ? HEARD_NOTHING : fill(run);
    if (heard != HEARD_SOME)
        return heard;
    if (decode(run) != DECODE_FINE || !room_enough(run))
        return HEARD_ENOUGH;
    start_writing_back(run);
    return HEARD_SOME;
}

/* What is in the pipe: all that is left of the report, where the worker has ended. Bounded, by report_bytes. */
static enum heard listen_to_the_end(struct run *run)
{
    enum heard heard = HEARD_SOME;
    while (heard == HEARD_SOME)
        heard = listen_once(run);
    return heard;
}

static int poll_ms(uint64_t deadline, bool watch_stop)
{
    uint64_t now = now_ms();
    uint64_t left = deadline > now ? deadline - now : 0;
    if (watch_stop && left > STOP_LOOK_MS)
        return STOP_LOOK_MS;
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits for the worker's end or its next words, but not beyond the deadline. False if even poll fails. */
static bool wait_for(struct run *run, struct pollfd watched[2])
{
    watched[0].revents = 0;
    watched[1].revents = 0;
    return poll(watched, 2, poll_ms(run->deadline, run->broker->stop != NULL)) >= 0 || errno == EINTR;
}

/* Until the worker has ended by itself, or must be ended: returns why. A kept worker began while we were elsewhere:
 * what it has said by now counts, whatever the clock says. */
static enum jail_reason attend(struct run *run)
{
    const volatile int *stop = run->broker->stop;
    struct pollfd watched[2] = {{.fd = run->process.pidfd, .events = POLLIN}, {.fd = run->report, .events = POLLIN}};
    enum heard heard = run->kept ? listen_to_the_end(run) : HEARD_NOTHING;
    for (;;) {
        if (has_all(run))
            return JAIL_NOT_KILLED;
        if (heard == HEARD_ENOUGH)
            return JAIL_KILLED_STOP;
        if (heard == HEARD_ALL)
            watched[1].fd = -1;
        if (stop != NULL && *stop != 0) {
            run->outcome->interrupted = true;
            return JAIL_KILLED_STOP;
        }
        if (now_ms() >= run->deadline)
            return JAIL_KILLED_WALL;
        if (!wait_for(run, watched))
            return JAIL_KILLED_STOP;
        if (watched[0].revents != 0) {
            (void)listen_to_the_end(run);
            return JAIL_NOT_KILLED;
        }
        heard = watched[1].revents != 0 ? listen_once(run) : HEARD_NOTHING;
    }
}

/* Keeps what the decoder knows beyond its life. */
static void note_report(struct run *run)
{
    struct attended *attended = run->attended;
    attended->report = run->decoder.state;
    attended->ready = run->decoder.ready;
    attended->violation = decoder_violation(&run->decoder);
    attended->finished = decoder_finished(&run->decoder);
    memcpy(attended->why, run->decoder.why, sizeof(attended->why));
}

void attend_worker(const struct broker *broker, const struct job *job, int source, int output,
                   const struct listener *listener, struct outcome *outcome, struct attended *attended)
{
    struct inbox inbox;
    struct run run = {.broker = broker,
                      .job = job,
                      .source = source,
                      .output = output,
                      .report = -1,
                      .inbox = &inbox,
                      .outcome = outcome,
                      .attended = attended,
                      .deadline = deadline_after(now_ms(), job->limits.wall_seconds)};
    inbox.at = inbox.size = 0;
    *attended = (struct attended){.error = ENOMEM, .failed_at = "taking memory", .violation = -1};
    if (decoder_init(&run.decoder, job, TV_BUILD_ID, listener, outcome))
        attended->error = start(&run);
    if (attended->error == 0) {
        ahead_start(broker, job); /* while this one works */
        attended->reason = attend(&run);
        jail_wait(&run.process, attended->reason, &attended->result);
        note_report(&run);
    }
    if (run.report >= 0)
        (void)close(run.report);
    decoder_free(&run.decoder);
}

void attend_kept(const struct broker *broker, const struct job *job, const struct attend_kept *kept,
                 struct outcome *outcome, struct attended *attended)
{
    struct run run = {.broker = broker,
                      .job = job,
                      .source = -1,
                      .output = -1,
                      .report = kept->report,
                      .process = *kept->process,
                      .inbox = kept->inbox,
                      .outcome = outcome,
                      .attended = attended,
                      .deadline = deadline_after(kept->since / 1000, job->limits.wall_seconds),
                      .kept = true};
    *attended = (struct attended){.failed_at = "", .violation = -1};
    if (decoder_init(&run.decoder, job, TV_BUILD_ID, NULL, outcome)) {
        attended->reason = attend(&run);
        note_report(&run);
    }
    decoder_free(&run.decoder);
}
