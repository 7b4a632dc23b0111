/* Resource limits of the child: one table. Limits only ever go down; where the caller has less, less it stays. */
#include <errno.h>
#include <sys/resource.h>

#include "start.h"

/* rlim_t is unsigned; RLIM_INFINITY is its largest value, so the smaller of two is the stricter. */
static rlim_t smaller(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

int child_limits(const struct jail_budget *budget)
{
    /* NOFILE leaves one number beyond the given descriptors, for Landlock; the lock lowers it to 0. NPROC has no
     * effect on root, who is gone by now. */
    const struct {
        __rlimit_resource_t resource;
        rlim_t soft, hard;
    } table[] = {
        {RLIMIT_AS, budget->address_space, budget->address_space},
        {RLIMIT_FSIZE, budget->file_size, budget->file_size},
        {RLIMIT_CPU, budget->cpu_seconds,
         budget->cpu_seconds == RLIM_INFINITY ? RLIM_INFINITY : budget->cpu_seconds + 1},
        {RLIMIT_STACK, 8u << 20, 8u << 20},
        {RLIMIT_CORE, 0, 0},
        {RLIMIT_NPROC, 0, 0},
        {RLIMIT_MEMLOCK, 0, 0},
        {RLIMIT_MSGQUEUE, 0, 0},
        {RLIMIT_NOFILE, JAIL_PROGRAM + 1, JAIL_PROGRAM + 1},
    };
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct rlimit limit;
        if (getrlimit(table[i].resource, &limit) != 0)
            return errno;
        limit.rlim_max = smaller(limit.rlim_max, table[i].hard);
        limit.rlim_cur = smaller(limit.rlim_max, table[i].soft);
        if (setrlimit(table[i].resource, &limit) != 0)
            return errno;
    }
    return 0;
}
