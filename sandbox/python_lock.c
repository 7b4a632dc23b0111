/* The lock of the torch engine (python_lock.h). Trusts the harness, which has read nothing yet.
 * Promises: afterwards the process is as confined as a worker, but for the rows of profile-python.def; or layers is 0.
 */
#include "python_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail.h"
#include "start.h"

uint32_t tensorvet_lock_version(void)
{
    return PYTHON_LOCK_VERSION;
}

/* Bytes of address space in use: the first number of /proc/self/statm, in pages. 0 where it cannot be read. */
static uint64_t mapped_bytes(void)
{
    char text[128] = {0};
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    return size <= 0 ? 0 : strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Processor time so far, in whole seconds, rounded up. */
static uint64_t used_seconds(void)
{
    struct rusage used = {0};
    (void)getrusage(RUSAGE_SELF, &used);
    return (uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec + 1;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    const uint64_t most = UINT64_MAX - 2; /* as good as none, and still a limit */
    return b > most || a > most - b ? most : a + b;
}

static void tell(int number)
{
    const int32_t told = number;
    (void)!write(JAIL_REPORT, &told, sizeof(told));
}

/* After the uid has changed, since that clears it; and if the keeper went before it was set, it is too late to ask. */
static int tie(uint32_t keeper)
{
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul) != 0)
        return errno;
    return (uint32_t)getppid() == keeper ? 0 : ESRCH;
}

static const char *limit(const struct python_lock *lock)
{
    uint64_t mapped = mapped_bytes();
    const struct jail_budget budget = {.address_space = sum(mapped, lock->memory_bytes),
                                       .cpu_seconds = sum(used_seconds(), lock->cpu_seconds)};
    if (mapped == 0)
        return "reading its own size";
    return child_limits(&budget) == 0 ? NULL : "setting resource limits";
}

static const char *lock_down(struct python_lock *lock)
{
    const char *failed = "";
    if (child_privileges() != 0)
        return "giving up privileges";
    if ((failed = limit(lock)) != NULL)
        return failed;
    if (tie(lock->keeper) != 0)
        return "tying it to its parent";
    if (lock->telling != 0)
        jail_tell_violations(tell);
    lock->layers = jail_lock(lock->telling != 0 ? JAIL_PYTHON_TELLING : JAIL_PYTHON, &lock->landlock_abi, &failed);
    if (lock->layers == 0)
        return failed;
    return (lock->layers & JAIL_PYTHON_MANDATORY) == JAIL_PYTHON_MANDATORY ? NULL : "Landlock, which this kernel lacks";
}

void tensorvet_lock(struct python_lock *lock)
{
    lock->layers = 0;
    lock->landlock_abi = 0;
    const char *failed = lock_down(lock);
    (void)snprintf(lock->failed_at, sizeof(lock->failed_at), "%s", failed == NULL ? "" : failed);
    if (failed != NULL)
        lock->layers = 0;
}
