/* The filter from a table: the worker starts for every file, and libseccomp's making of the same program takes longer
 * than the kernel's taking it. test_filter compares the kernel's copy with what libseccomp makes.
 * Trusts the build. Promises: the process is killed, not a thread, or there is no filter and an errno. */
#include "filter_load.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filter_table.h>

int filter_load(enum jail_profile profile)
{
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    if ((size_t)profile >= sizeof(filter_table) / sizeof(filter_table[0]) || filter_table[profile].count == 0)
        return EINVAL;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &kill) != 0) /* before Linux 4.14 it is not understood */
        return errno;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel only reads it, its type has no const */
    struct sock_filter *code = (struct sock_filter *)(uintptr_t)filter_table[profile].code;
    const struct sock_fprog program = {.len = filter_table[profile].count, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) == 0 ? 0 : errno;
}
