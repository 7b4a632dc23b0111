/* The worker: one job, confined. Reads its job from argv, locks itself down, says READY, and only then looks at the
 * source. Trusts its argv (the broker wrote it) and nothing else; whoever reads its report trusts nothing of it. */
#include <unistd.h>

#include <build_id.h>
#include <jail.h>

#include "frame.h"
#include "job.h"
#include "jobs.h"

static struct frame_out frame;

static void send_ready(uint32_t layers, uint32_t landlock_abi, const char *failed_at)
{
    frame_begin(&frame, FRAME_READY);
    frame_put_text(&frame, tv_span_str(TV_BUILD_ID));
    frame_put_u32(&frame, layers);
    frame_put_u32(&frame, landlock_abi);
    frame_put_text(&frame, tv_span_str(failed_at));
    frame_send(&frame, WORKER_REPORT);
}

/* The last frame of a job that is diagnosed. What was being sent was sent whole: writing is allowed. */
static void send_violation(int number)
{
    frame_begin(&frame, FRAME_VIOLATION);
    frame_put_u32(&frame, (uint32_t)number);
    frame_send(&frame, WORKER_REPORT);
}

int main(int argc, char **argv)
{
    struct job job;
    if (!job_from_argv(argc, argv, &job))
        _exit(WORKER_EXIT_MISUSED);
    worker_prime();
    uint32_t landlock_abi = 0;
    const char *failed_at = "";
    if (job.diagnose)
        jail_tell_violations(send_violation);
    uint32_t layers = jail_lock(job.diagnose ? JAIL_STRICT_TELLING : JAIL_STRICT, &landlock_abi, &failed_at);
    send_ready(layers, landlock_abi, failed_at);
    if (layers == 0)
        _exit(WORKER_EXIT_UNLOCKED);
    /* _exit: libc's farewell would make calls that are no longer allowed. */
    _exit(worker_run(&job));
}
