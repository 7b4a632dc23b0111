/* The table of commands, and what they have in common: a session with these settings. */
#include "commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "input.h"
#include "name.h"
#include "signals.h"

const struct command commands[] = {
    {"check", CHECK, "PATH...", "vet files or folders", run_check},
    {"convert", CONVERT, "INPUT... [-o FILE | --out-dir DIR]", "make safetensors files of checkpoints", run_convert},
    {"inspect", INSPECT, "PATH...", "list what is in a file", run_inspect},
    {"diff", DIFF, "A B", "compare two files, tensor by tensor", run_diff},
    {"doctor", DOCTOR, "", "say what of the jail is in force here", run_doctor},
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

/* The folder that a file is in. */
static void allow_folder(struct confine *confine, const char *path, void (*allow)(struct confine *, const char *))
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    if (snprintf(folder, sizeof folder, "%.*s", size, slash == NULL ? "." : path) < (int)sizeof folder)
        allow(confine, folder);
}

/* The folder that a conversion of that input writes to; on a dry run it is looked at all the same. */
static void allow_output_of(struct confine *confine, const struct convert_options *convert, const char *input)
{
    void (*allow)(struct confine *, const char *) = convert->dry_run ? confine_allow_read : confine_allow_outputs;
    struct stat seen;
    if (convert->out_dir != NULL)
        allow(confine, convert->out_dir);
    else if (convert->output == NULL && stat(input, &seen) == 0 && S_ISDIR(seen.st_mode))
        allow(confine, input);
    else
        allow_folder(confine, convert->output != NULL ? convert->output : input, allow);
}

/* Each file that was named is one more rule, which every worker gets a copy of: ten thousand files took minutes. From
 * so many on the folders of files are allowed in place of the files. What a link leads to may lie anywhere. */
enum { FILES_ALLOWED = 256 };

static void allow_input(struct confine *confine, const char *path, bool one_of_many)
{
    struct stat seen;
    if (one_of_many && lstat(path, &seen) == 0 && S_ISREG(seen.st_mode))
        allow_folder(confine, path, confine_allow_read);
    else
        confine_allow_read(confine, path);
}

/* Gives up every file that these settings do not name. Coverage is written to files of its own at the end. */
static void confine_to(const struct session *session, const struct settings *settings)
{
    struct confine confine;
    struct stat seen;
    confine_begin(&confine);
    confine_allow_run(&confine, session->broker.program);
    for (size_t i = 0; i < settings->count; i++) {
        const char *path = settings->paths[i];
        bool named = stat(path, &seen) == 0;
        allow_input(&confine, path, settings->count > FILES_ALLOWED);
        if (name_is_index(path)) /* its shards lie beside it */
            allow_folder(&confine, path, confine_allow_read);
        if (strcmp(path, "-") == 0 || (named && !S_ISREG(seen.st_mode) && !S_ISDIR(seen.st_mode)))
            confine_allow_outputs(&confine, input_spool_folder());
        if (settings->command->bit == CONVERT)
            allow_output_of(&confine, &settings->convert, path);
    }
    if (settings->convert.extras != NULL && !settings->convert.dry_run)
        allow_folder(&confine, settings->convert.extras, confine_allow_outputs);
#ifdef TV_COVERAGE
    confine.broken = true;
#endif
    (void)confine_apply(&confine);
}

bool begin_session(struct session *session, struct progress *progress, const struct settings *settings)
{
    memset(session, 0, sizeof *session);
    progress_init(progress, settings);
    session->policy = settings->policy;
    session->stop = &signal_seen;
    session->batch = settings->batch;
    session->namespaces = settings->namespaces;
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
        .depth = settings->depth,
    };
    signals_catch();
    int error = session_open(session);
    if (error != 0) {
        fprintf(
            stderr,
            "tensorvet: the jailed reader cannot be opened (it takes /proc, /dev/null and the installed worker): %s\n",
            strerror(error));
        return false;
    }
    if (settings->command->bit == CONVERT)
        torch_open(&session->torch, &settings->convert.torch, &session->broker);
    confine_to(session, settings);
    return true;
}

int end_session(struct session *session)
{
    int status = session_exit_status(session);
    session_close(session);
    return signal_seen != 0 ? 128 + signal_seen : status;
}

int for_each_path(const struct settings *settings, void (*examine)(struct session *session, const char *path))
{
    struct session session;
    struct progress progress;
    if (settings->count == 0)
        return usage_error(settings->command, "which file or folder?");
    if (!begin_session(&session, &progress, settings))
        return STATUS_UNDECIDED;
    for (size_t i = 0; i < settings->count && !session_stopped(&session); i++)
        examine(&session, settings->paths[i]);
    session_finish(&session);
    return end_session(&session);
}
