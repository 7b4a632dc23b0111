/* The table of commands, and what they have in common: a session with these settings. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"

const struct command commands[] = {
    {"check", CHECK, "PATH...", "vet files or folders", run_check},
    {"convert", CONVERT, "INPUT... [-o FILE | --out-dir DIR]", "make safetensors files of checkpoints", run_convert},
    {"inspect", INSPECT, "PATH...", "list what is in a file", run_inspect},
    {"explain", EXPLAIN, "[ID...]", "say what a finding means", run_explain},
    {NULL, 0, NULL, NULL, NULL},
};

const struct command *command_by_name(const char *name)
{
    for (const struct command *command = commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* https://no-color.org: any value but the empty one. */
static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool refused = no_color != NULL && *no_color != '\0';
    bool dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    return !refused && !dumb && isatty(STDOUT_FILENO) == 1;
}

bool begin_session(struct session *session, struct progress *progress, const struct settings *settings)
{
    memset(session, 0, sizeof *session);
    progress_init(progress, settings);
    session->policy = settings->policy;
    session->stop = &signal_seen;
    session->progress = (struct progress_to){progress_bytes, progress};
    session->on_file = progress_file;
    session->on_file_context = progress;
    session->reporter = (struct reporter){
        .out = stdout,
        .json = settings->json,
        .colour = wants_colour(),
        .quiet = settings->quiet,
        .verbose = settings->verbose,
        .reproducible = settings->reproducible,
    };
    signals_catch();
    int error = session_open(session);
    if (error == 0)
        return true;
    fprintf(stderr, "tensorvet: the jailed reader cannot be opened: %s\n", strerror(error));
    return false;
}

int end_session(struct session *session)
{
    int status = session_exit_status(session);
    session_close(session);
    return signal_seen != 0 ? 128 + signal_seen : status;
}
