/* The worker: one job, confined. Reads its job from argv, locks itself down, says READY, and only then looks at the
 * source. Trusts its argv (the broker wrote it) and nothing else; whoever reads its report trusts nothing of it. */
#include <string.h>
#include <unistd.h>

#include <build_id.h>
#include <jail.h>

#include "frame.h"
#include "hand.h"
#include "job.h"
#include "jobs.h"

#define REPORTS_TOGETHER 8

static struct frame_out frame;

struct in_force {
    uint32_t layers, landlock_abi;
    const char *failed_at;
};

static void send_ready(const struct in_force *now, uint64_t seed)
{
    frame_begin(&frame, FRAME_READY);
    frame_put_text(&frame, tv_span_str(TV_BUILD_ID));
    frame_put_u32(&frame, now->layers);
    frame_put_u32(&frame, now->landlock_abi);
    frame_put_text(&frame, tv_span_str(now->failed_at));
    frame_put_u64(&frame, seed);
    frame_send(&frame, WORKER_REPORT);
}

/* The last frame of a job that is diagnosed. What was being sent was sent whole: writing is allowed. */
static void send_violation(int number)
{
    frame_begin(&frame, FRAME_VIOLATION);
    frame_put_u32(&frame, (uint32_t)number);
    frame_send(&frame, WORKER_REPORT);
}

static struct in_force lock(enum jail_profile profile, uint64_t seed)
{
    struct in_force now = {0, 0, ""};
    now.layers = jail_lock(profile, &now.landlock_abi, &now.failed_at);
    if (now.layers == 0) {
        send_ready(&now, seed);
        _exit(WORKER_EXIT_UNLOCKED);
    }
    return now;
}

/* Started ahead: the job comes when there is one. Nothing of it was read before the lock either: descriptors alone
 * come, and the socket they came over is closed first. */
static void take_job(struct job *job)
{
    static struct handed handed;
    if (!hand_open() || !hand_take(&handed))
        _exit(0); /* nobody had a job */
    if (!hand_close() || !job_from_argv(handed.count, handed.words, job))
        _exit(WORKER_EXIT_MISUSED);
}

/* What is said of small files goes out together as long as more are there: the broker need not wake up for each. */
static bool take_next(struct handed *handed)
{
    static unsigned unsent;
    if (++unsent < REPORTS_TOGETHER && hand_take_now(handed))
        return true;
    unsent = 0;
    frame_flush(WORKER_REPORT);
    return hand_take(handed);
}

/* Many files of one owner, one after the other, each reported as if it were the only one, from
 * READY to RESULT. */
static _Noreturn void work_through_batch(struct job *job)
{
    static struct handed handed;
    if (!hand_open())
        _exit(WORKER_EXIT_MISUSED);
    worker_prime_for_many();
    const struct in_force now = lock(JAIL_STRICT_BATCH, job->seed);
    frame_hold();
    while (take_next(&handed)) {
        job->seed = handed.seed;
        send_ready(&now, job->seed);
        int status = worker_run(job);
        if (status != 0)
            _exit(status);
        (void)close(WORKER_SOURCE);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    static struct job job;
    const bool ahead = argc == 2 && strcmp(argv[1], WORKER_AHEAD) == 0;
    if (!ahead && !job_from_argv(argc, argv, &job))
        _exit(WORKER_EXIT_MISUSED);
    if (ahead)
        take_job(&job);
    if (job.batch)
        work_through_batch(&job);
    if (job.diagnose)
        jail_tell_violations(send_violation);
    const enum jail_profile profile = job.feed ? JAIL_STRICT_STREAM : job.diagnose ? JAIL_STRICT_TELLING : JAIL_STRICT;
    const struct in_force now = lock(profile, job.seed);
    send_ready(&now, job.seed);
    /* _exit: libc's farewell would make calls that are no longer allowed. */
    _exit(worker_run(&job));
}
