/* The command line as values: commands and options are rows of two tables (options.c), from which parsing and --help
 * are both made. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "convert.h"
#include "policy.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_NEVER, PROGRESS_JSON };

/* What was asked for. Texts are argv's. */
struct settings {
    const struct command *command;
    bool help;
    bool json, quiet, verbose, reproducible;
    enum progress_mode progress;
    bool batch, namespaces; /* --isolation batch, --namespaces */
    uint32_t depth;         /* --depth; 0: all */
    struct policy policy;
    struct convert_options convert;
    const char *const *paths; /* what is left of argv */
    size_t count;
};

enum command_bit { CHECK = 1, CONVERT = 2, INSPECT = 4, DOCTOR = 8, EXPLAIN = 16, DIFF = 32, EVERY = 63 };

struct command {
    const char *name;
    unsigned bit;
    const char *synopsis; /* what follows the name */
    const char *summary;
    int (*run)(const struct settings *settings);
};

/* The rows of commands.c; the last has a NULL name. */
extern const struct command commands[];
const struct command *command_by_name(const char *name);

/* Parses what follows the command's name (argv[0] is the name). False after a message to stderr: usage. */
bool options_parse(struct settings *settings, int argc, char **argv);

void help_overview(void);
void help_command(const struct command *command);

/* "tensorvet: …" and a hint to stderr; returns the exit status of wrong usage. */
int usage_error(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum { STATUS_USAGE = 2, STATUS_UNDECIDED = 3 };

#endif
