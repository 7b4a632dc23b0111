/* The filter from a table: the worker starts for every file, and libseccomp's making of the same program takes longer
 * than the kernel's taking it. test_filter compares the kernel's copy with what libseccomp makes.
 * Trusts the build. Promises: the process is killed, not a thread, or there is no filter and an errno. */
#include "filter_load.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filter_table.h>

uint16_t filter_program(enum jail_profile profile, uint32_t own, struct sock_filter code[FILTER_MOST])
{
    if ((size_t)profile >= sizeof(filter_table) / sizeof(filter_table[0]) || filter_table[profile].count == 0)
        return 0;
    const uint16_t count = filter_table[profile].count, own_at = filter_table[profile].own_at;
    memcpy(code, filter_table[profile].code, count * sizeof(code[0]));
    if (own_at < count)
        code[own_at].k = own;
    return count;
}

int filter_load(enum jail_profile profile)
{
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    struct sock_filter code[FILTER_MOST];
    const struct sock_fprog program = {.len = filter_program(profile, (uint32_t)getpid(), code), .filter = code};
    if (program.len == 0)
        return EINVAL;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &kill) != 0) /* before Linux 4.14 it is not understood */
        return errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) == 0 ? 0 : errno;
}
