/* tensorvet inspect: lists what is in files or folders. */
#include "commands.h"

int run_inspect(const struct settings *settings)
{
    struct session session;
    struct progress progress;
    if (settings->count == 0)
        return usage_error(settings->command, "which file or folder?");
    if (!begin_session(&session, &progress, settings))
        return STATUS_UNDECIDED;
    for (size_t i = 0; i < settings->count && !session_stopped(&session); i++)
        session_inspect(&session, settings->paths[i]);
    return end_session(&session);
}
