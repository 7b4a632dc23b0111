/* tensorvet diff: compares two files, tensor by tensor. */
#include "commands.h"

#include "diff.h"

int run_diff(const struct settings *settings)
{
    struct session session;
    struct progress progress;
    if (settings->count != 2)
        return usage_error(settings->command, "which two files?");
    if (!begin_session(&session, &progress, settings))
        return STATUS_UNDECIDED;
    enum diff_end end = session_diff(&session, settings->convert.key, settings->paths[0], settings->paths[1]);
    int stopped = end_session(&session);
    if (stopped > 128)
        return stopped;
    return end == DIFF_SAME ? 0 : end == DIFF_FAILED ? STATUS_UNDECIDED : 1;
}
