/* Resource limits of the child: one table. Limits only ever go down; where the caller has less, less it stays, and
 * jail_short_of_memory tells: what then ends a worker is the machine's, not its file's. */
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

/* RLIMIT_DATA counts private memory since Linux 4.7: nearly all that an inmate takes. */
bool jail_short_of_memory(const struct jail_budget *budget)
{
    static const __rlimit_resource_t memory[] = {RLIMIT_AS, RLIMIT_DATA};
    for (unsigned i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
        struct rlimit limit;
        if (getrlimit(memory[i], &limit) == 0 && limit.rlim_max < budget->address_space)
            return true;
    }
    return false;
}
