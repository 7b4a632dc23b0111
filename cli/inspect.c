/* tensorvet inspect: lists what is in files or folders. */
#include "commands.h"

int run_inspect(const struct settings *settings)
{
    return for_each_path(settings, session_inspect);
}
