/* The `tensorvet` command. Thin: it chooses the command, reads its options and returns its exit status. */
#include <stdio.h>
#include <string.h>

#include <tensorvet/api.h>

#include "build_id.h"
#include "options.h"
#include "standard.h"

static int run(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help_overview();
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("tensorvet %s (commit %s)\n", tv_version(), TV_COMMIT);
        return 0;
    }
    struct settings settings;
    memset(&settings, 0, sizeof settings);
    settings.policy = policy_hub();
    settings.command = command_by_name(name);
    if (settings.command == NULL)
        return *name == '\0' ? usage_error(NULL, "which command?")
                             : usage_error(NULL, "there is no command '%s'", name);
    if (!options_parse(&settings, argc - 1, argv + 1))
        return STATUS_USAGE;
    if (settings.help) {
        help_command(settings.command);
        return 0;
    }
    return settings.command->run(&settings);
}

int main(int argc, char **argv)
{
    if (!standard_open())
        return STATUS_UNDECIDED;
    return standard_finish(run(argc, argv));
}
