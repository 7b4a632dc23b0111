/* The end of a jailed process: kill, reap, classify by one table.
 * Trusts the kernel's wait status; an exit status is the process's own word, and is passed on as no more than that. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail.h"

/* Signals that tell something; every other one came from outside. */
static const struct {
    int number;
    enum jail_ending ending;
    const char *name;
} signals[] = {
    {SIGSYS, JAIL_ENDED_VIOLATION, "SIGSYS"}, {SIGSEGV, JAIL_ENDED_CRASH, "SIGSEGV"},
    {SIGBUS, JAIL_ENDED_CRASH, "SIGBUS"},     {SIGILL, JAIL_ENDED_CRASH, "SIGILL"},
    {SIGFPE, JAIL_ENDED_CRASH, "SIGFPE"},     {SIGABRT, JAIL_ENDED_CRASH, "SIGABRT"},
    {SIGTRAP, JAIL_ENDED_CRASH, "SIGTRAP"},   {SIGXCPU, JAIL_ENDED_CPU, "SIGXCPU"},
    {SIGKILL, JAIL_ENDED_KILLED, "SIGKILL"},  {SIGTERM, JAIL_ENDED_KILLED, "SIGTERM"},
    {SIGINT, JAIL_ENDED_KILLED, "SIGINT"},    {SIGHUP, JAIL_ENDED_KILLED, "SIGHUP"},
};

static const char *const names[] = {
    [JAIL_ENDED_CLEAN] = "clean",         [JAIL_ENDED_EXIT] = "exit",
    [JAIL_ENDED_VIOLATION] = "violation", [JAIL_ENDED_CRASH] = "crash",
    [JAIL_ENDED_CPU] = "processor time",  [JAIL_ENDED_WALL] = "wall clock",
    [JAIL_ENDED_STOPPED] = "stopped",     [JAIL_ENDED_KILLED] = "killed from outside",
};

const char *jail_ending_name(enum jail_ending ending)
{
    return (size_t)ending < sizeof(names) / sizeof(names[0]) ? names[ending] : "?";
}

const char *jail_signal_name(int number)
{
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i].number == number)
            return signals[i].name;
    }
    return "a signal";
}

static enum jail_ending classify_signal(int number, double cpu_used, uint64_t cpu_allowed)
{
    if (number == SIGKILL && cpu_used >= (double)cpu_allowed)
        return JAIL_ENDED_CPU;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i].number == number)
            return signals[i].ending;
    }
    return JAIL_ENDED_KILLED;
}

/* The keeper's reason stands first: what a process did after it was condemned does not matter. */
enum jail_ending jail_classify(int status, enum jail_reason reason, double cpu_used, uint64_t cpu_allowed)
{
    if (reason == JAIL_KILLED_WALL)
        return JAIL_ENDED_WALL;
    if (reason == JAIL_KILLED_STOP)
        return JAIL_ENDED_STOPPED;
    if (WIFSIGNALED(status))
        return classify_signal(WTERMSIG(status), cpu_used, cpu_allowed);
    return WEXITSTATUS(status) == 0 ? JAIL_ENDED_CLEAN : JAIL_ENDED_EXIT;
}

/* Not reaped yet, so the pid is still its own: kill is as safe as the pidfd where that call is missing. */
static void kill_process(const struct jail_process *process)
{
    if (process->pidfd < 0 || syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0u) != 0)
        (void)kill(process->pid, SIGKILL);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void jail_wait(struct jail_process *process, enum jail_reason reason, struct jail_result *result)
{
    if (reason != JAIL_NOT_KILLED)
        kill_process(process);
    int status = SIGKILL; /* where somebody else reaped it: its end is not known, and not clean */
    struct rusage usage = {0};
    while (wait4(process->pid, &status, 0, &usage) < 0 && errno == EINTR)
        continue;
    if (process->pidfd >= 0)
        (void)close(process->pidfd);
    process->pidfd = -1;
    result->cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    result->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
    result->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    result->ending = jail_classify(status, reason, result->cpu_seconds, process->cpu_seconds);
}
