/* Standard input, output and error (standard.h). Trusts: nothing of how it was started. */
#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "signals.h"

/* Open the other way round, as libc does for a program that is set-user-id: whoever reads or writes it is told EBADF.
 * The lowest free number is taken, and those below are taken by now. */
static bool fill(int number)
{
    if (fcntl(number, F_GETFD) >= 0 || errno != EBADF)
        return true;
    int taken = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (taken >= 0 && taken != number)
        (void)close(taken);
    return taken == number;
}

bool standard_open(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
        if (fill(number))
            continue;
        fprintf(stderr, "tensorvet: a standard descriptor is closed, and /dev/null cannot be opened in its place: %s\n",
                strerror(errno));
        return false;
    }
    return true;
}

int standard_finish(int status)
{
    bool now = fflush(stdout) != 0; /* what failed before has left a mark, but not its reason */
    int error = errno;
    if ((!now && ferror(stdout) == 0) || signal_seen != 0)
        return status;
    fprintf(stderr, "tensorvet: the report could not be written%s%s\n", now ? ": " : "", now ? strerror(error) : "");
    return status == 0 ? STATUS_UNDECIDED : status;
}
