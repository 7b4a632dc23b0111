/* tensorvet check: vets files or folders. */
#include "commands.h"

int run_check(const struct settings *settings)
{
    return for_each_path(settings, session_check);
}
