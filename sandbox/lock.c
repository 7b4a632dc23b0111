/* The lock: what the inmate does to itself before it touches anything of its job.
 * Trusts its own program and the kernel. Promises: the layers it returns are in force, and the mandatory ones always.
 * Order as in minijail's minijail_enter: no_new_privs, then Landlock, then the filter, which forbids all the others. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter_load.h"
#include "landlock.h"
#include "libc.h"

#ifndef PR_SET_MDWE /* Linux 6.3; older headers lack it */
#define PR_SET_MDWE 65
#endif
#define MDWE_REFUSE_EXEC_GAIN 1ul

/* Of the limits that jail_start sets: these are zero, whatever the budget. */
static bool limits_in_force(void)
{
    static const libc_limit zero[] = {RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE};
    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
        struct rlimit now;
        if (getrlimit(zero[i], &now) != 0 || now.rlim_max != 0)
            return false;
    }
    static const libc_limit bounded[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE};
    for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0]); i++) {
        struct rlimit now;
        if (getrlimit(bounded[i], &now) != 0 || now.rlim_max == RLIM_INFINITY)
            return false;
    }
    return true;
}

/* The last descriptor there will ever be was Landlock's: from here on none can be opened. A batch's inmate gives its
 * source back, and so gets the next one under the same number, the only one below this limit that is ever free. */
static bool close_the_limits(enum jail_profile profile)
{
    const rlim_t most = profile == JAIL_STRICT_BATCH ? JAIL_SOURCE + 1 : 0;
    const struct rlimit none = {most, most};
    return setrlimit(RLIMIT_NOFILE, &none) == 0 && limits_in_force();
}

static bool unprivileged(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (geteuid() == 0 || getuid() == 0 || syscall(SYS_capget, &header, sets) != 0)
        return false;
    uint32_t any = 0;
    for (int i = 0; i < 2; i++)
        any |= sets[i].effective | sets[i].permitted | sets[i].inheritable;
    return any == 0;
}

static bool tied(void)
{
    int number = 0;
    return prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGKILL;
}

static bool lock_landlock(uint32_t *abi, uint32_t *layers)
{
    int found = landlock_abi();
    *abi = 0;
    if (found <= 0)
        return true;
    const struct landlock_ruleset all = landlock_everything(found);
    if (landlock_deny(&all) != 0)
        return false;
    *abi = (uint32_t)found;
    *layers |= JAIL_LANDLOCK;
    return true;
}

uint32_t jail_lock(enum jail_profile profile, uint32_t *abi, const char **failed_at)
{
    uint32_t layers = 0;
    *abi = 0;
    *failed_at = "preparing libc";
    if (!libc_prepare())
        return 0;
    *failed_at = "no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) != 0)
        return 0;
    layers |= JAIL_NO_NEW_PRIVS;
    layers |= unprivileged() ? (uint32_t)JAIL_UNPRIVILEGED : 0;
    layers |= getpid() == 1 ? (uint32_t)JAIL_NAMESPACES : 0;
    layers |= tied() ? (uint32_t)JAIL_TIED : 0;
    layers |= prctl(PR_SET_DUMPABLE, 0ul, 0ul, 0ul, 0ul) == 0 ? (uint32_t)JAIL_UNDUMPABLE : 0;
    layers |= prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0ul, 0ul, 0ul) == 0 ? (uint32_t)JAIL_MDWE : 0;
    *failed_at = "Landlock";
    if (!lock_landlock(abi, &layers))
        return 0;
    *failed_at = "resource limits";
    if (!close_the_limits(profile))
        return 0;
    layers |= JAIL_RLIMITS;
    *failed_at = "the system call filter (seccomp)";
    if (filter_load(profile) != 0)
        return 0;
    *failed_at = "";
    return layers | JAIL_SECCOMP;
}
