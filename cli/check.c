/* tensorvet check: vets files or folders. */
#include "commands.h"

int run_check(const struct settings *settings)
{
    struct session session;
    struct progress progress;
    if (settings->count == 0)
        return usage_error(settings->command, "which file or folder?");
    if (!begin_session(&session, &progress, settings))
        return STATUS_UNDECIDED;
    for (size_t i = 0; i < settings->count && !session_stopped(&session); i++)
        session_check(&session, settings->paths[i]);
    return end_session(&session);
}
