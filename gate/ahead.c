/* A worker that is started before it is needed (workers.h). Trusts: the broker. Promises: it is handed one job, once;
 * its budget is the one that the job would have started it with. */
#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand.h"
#include "workers.h"

int worker_start(const struct broker *broker, const struct jail_spec *spec, struct jail_process *process,
                 const char **failed_at)
{
    const bool apart = broker->workers != NULL && broker->workers->apart;
    return apart ? jail_start_apart(spec, process, failed_at) : jail_start(spec, process, failed_at);
}

int resident_start(const struct broker *broker, char *const *argv, int report, const struct jail_budget *budget,
                   struct resident *resident, const char **failed_at)
{
    int ends[2];
    *failed_at = "making a socket";
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    const struct jail_spec spec = {.program = broker->program,
                                   .null = broker->null,
                                   .argv = argv,
                                   .source = ends[1],
                                   .output = -1,
                                   .report = report,
                                   .scratch = -1,
                                   .budget = *budget};
    int error = worker_start(broker, &spec, &resident->process, failed_at);
    (void)close(ends[1]);
    if (error != 0)
        (void)close(ends[0]);
    resident->channel = error == 0 ? ends[0] : -1;
    resident->thread = gettid();
    return error;
}

bool resident_is_ours(const struct resident *resident)
{
    return resident->channel >= 0 && resident->thread == gettid();
}

void resident_end(struct resident *resident)
{
    struct jail_result ended;
    if (resident->channel < 0)
        return;
    (void)close(resident->channel);
    resident->channel = -1;
    jail_wait(&resident->process, JAIL_KILLED_STOP, &ended);
}

static bool same_budget(const struct jail_budget *a, const struct jail_budget *b)
{
    return a->address_space == b->address_space && a->file_size == b->file_size && a->cpu_seconds == b->cpu_seconds;
}

bool ahead_take(struct workers *workers, const struct job *job, char *const *argv, int source, int output, int report,
                struct jail_process *process)
{
    const struct jail_budget budget = attend_budget(job);
    if (workers == NULL || workers->spare.channel < 0 || !same_budget(&budget, &workers->budget))
        return false;
    if (!resident_is_ours(&workers->spare)) {
        resident_end(&workers->spare);
        return false;
    }
    const struct hand hand = {.argv = argv, .source = source, .output = output, .report = report};
    if (!hand_over(workers->spare.channel, &hand)) {
        resident_end(&workers->spare);
        return false;
    }
    *process = workers->spare.process;
    (void)close(workers->spare.channel);
    workers->spare.channel = -1;
    return true;
}

/* Conversions go through workers of several budgets, and take longer than a start. */
void ahead_start(const struct broker *broker, const struct job *job)
{
    char name[] = "tensorvet-worker", task[] = WORKER_AHEAD;
    char *const argv[] = {name, task, NULL};
    struct workers *workers = broker->workers;
    const char *failed_at = "";
    if (workers == NULL || !workers->ahead || workers->spare.channel >= 0 ||
        (job->kind != JOB_CHECK && job->kind != JOB_INSPECT))
        return;
    workers->budget = attend_budget(job);
    (void)resident_start(broker, argv, -1, &workers->budget, &workers->spare, &failed_at);
}
