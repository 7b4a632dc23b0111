/* The filter as libseccomp makes it now: for a profile that depends on the process, and so cannot be a table.
 * Trusts the profile's rows and libseccomp. Promises: see filter_load.h. */
#include <errno.h>

#include "filter.h"

int filter_load(enum jail_profile profile)
{
    int error = 0;
    if (seccomp_api_get() < 3) /* without it KILL_PROCESS is not understood */
        return ENOSYS;
    scmp_filter_ctx filter = filter_make(profile, 0, &error);
    if (filter == NULL)
        return error;
    error = -seccomp_load(filter);
    seccomp_release(filter);
    return error;
}
