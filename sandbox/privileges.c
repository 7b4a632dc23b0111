/* Gives up root and every capability, in the child of jail_start.
 * Promises: afterwards no capability in any set, and under root an uid and gid that nothing else on the machine has. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "start.h"

/* In a pid namespace every inmate is number 1, and they share an id; but there they cannot name each other.
 * Nobody is given these numbers (systemd's "Users, Groups, UIDs and GIDs" lists them as unused); one for each process,
 * so that inmates cannot signal each other. A user namespace may lack them: then the overflow id that `nobody` has. */
#define UNUSED_IDS  UINT32_C(0x70000000)
#define OVERFLOW_ID UINT32_C(65534)
#define PID_MASK    UINT32_C(0x3fffff) /* the kernel's largest pid */

static int become(uint32_t id)
{
    if (syscall(SYS_setresgid, id, id, id) != 0 || syscall(SYS_setresuid, id, id, id) != 0)
        return errno;
    return 0;
}

/* What a later exec could gain is cut off first, while there is still the right to do so. */
static int drop_bounding_set(void)
{
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0ul, 0ul, 0ul) != 0)
            return errno == EINVAL && capability > CAP_AUDIT_READ ? 0 : errno; /* beyond the kernel's last */
    }
    return 0;
}

/* In a user namespace that maps root alone no other id exists, and groups may be frozen: there root is an ordinary
 * user outside, and the inmate reports that it kept the number. */
static int leave_root(void)
{
    int error = drop_bounding_set();
    if (error != 0)
        return error;
    if (syscall(SYS_setgroups, (size_t)0, NULL) != 0 && errno != EPERM)
        return errno;
    error = become(UNUSED_IDS + ((uint32_t)syscall(SYS_getpid) & PID_MASK));
    if (error == EINVAL)
        error = become(OVERFLOW_ID);
    return error == EINVAL ? 0 : error;
}

int child_capabilities(void)
{
    (void)prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0ul, 0ul, 0ul);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

int child_privileges(void)
{
    if (geteuid() == 0 || getuid() == 0) {
        int error = leave_root();
        if (error != 0)
            return error;
    }
    return child_capabilities();
}
