/* The table of options, and how it is read (options.h). */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Sets what the option says. False where the argument is wrong. */
typedef bool (*setter)(struct settings *settings, const char *argument);

static bool set_help(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->help = true;
    return true;
}

static bool set_format(struct settings *settings, const char *argument)
{
    settings->json = strcmp(argument, "json") == 0;
    return settings->json || strcmp(argument, "text") == 0;
}

static bool set_quiet(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->quiet = true;
    return true;
}

static bool set_verbose(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->verbose = true;
    return true;
}

static bool set_reproducible(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->reproducible = true;
    return true;
}

static bool set_progress(struct settings *settings, const char *argument)
{
    static const char *const modes[] = {"auto", "never", "json"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argument, modes[i]) == 0) {
            settings->progress = (enum progress_mode)i;
            return true;
        }
    return false;
}

static bool set_isolation(struct settings *settings, const char *argument)
{
    settings->batch = strcmp(argument, "batch") == 0;
    return settings->batch || strcmp(argument, "file") == 0;
}

static bool set_namespaces(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->namespaces = true;
    return true;
}

static bool set_limit(struct settings *settings, const char *argument)
{
    char name[64], *end = NULL;
    const char *equals = strchr(argument, '=');
    size_t size = equals == NULL ? sizeof name : (size_t)(equals - argument);
    if (size >= sizeof name || equals[1] < '0' || equals[1] > '9')
        return false;
    memcpy(name, argument, size);
    name[size] = '\0';
    errno = 0;
    unsigned long long value = strtoull(equals + 1, &end, 10);
    return errno == 0 && *end == '\0' && tv_limit_set(&settings->policy.limits, name, value);
}

static bool set_output(struct settings *settings, const char *argument)
{
    settings->convert.output = argument;
    return *argument != '\0';
}

static bool set_out_dir(struct settings *settings, const char *argument)
{
    settings->convert.out_dir = argument;
    return *argument != '\0';
}

static bool set_key(struct settings *settings, const char *argument)
{
    settings->convert.key = argument;
    return true;
}

static bool set_ties(struct settings *settings, const char *argument)
{
    settings->convert.ties = strcmp(argument, "copy") == 0 ? TIES_COPY : TIES_DROP;
    return settings->convert.ties == TIES_COPY || strcmp(argument, "drop") == 0;
}

/* Adds to a list of as many as a job can carry. */
static bool add_text(const char **list, uint32_t *count, const char *argument)
{
    if (*count == JOB_LIST_MAX)
        return false;
    list[(*count)++] = argument;
    return true;
}

static bool set_discard(struct settings *settings, const char *argument)
{
    return add_text(settings->convert.discard, &settings->convert.discards, argument);
}

static bool set_include(struct settings *settings, const char *argument)
{
    return add_text(settings->convert.include, &settings->convert.includes, argument);
}

static bool set_exclude(struct settings *settings, const char *argument)
{
    return add_text(settings->convert.exclude, &settings->convert.excludes, argument);
}

static bool set_strip_prefix(struct settings *settings, const char *argument)
{
    settings->convert.strip = argument;
    return *argument != '\0';
}

static bool set_skip_unsupported(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.skip_unsupported = true;
    return true;
}

static bool set_disarm(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.disarm = true;
    return true;
}

static bool set_all(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.all = true;
    return true;
}

static bool set_allow(struct settings *settings, const char *argument)
{
    bool crc = strcmp(argument, "zip-crc-mismatch") == 0, extra = strcmp(argument, "zip-extra-entry") == 0;
    settings->convert.allow_crc |= crc;
    settings->convert.allow_extra |= extra;
    return crc || extra;
}

static bool set_extras(struct settings *settings, const char *argument)
{
    settings->convert.extras = argument;
    return *argument != '\0';
}

/* A number from 1 on. */
static bool set_count(const char *argument, uint32_t most, uint32_t *count)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = *argument < '0' || *argument > '9' ? 0 : strtoul(argument, &end, 10);
    *count = value > most ? most : (uint32_t)value;
    return value > 0 && errno == 0 && *end == '\0';
}

static bool set_jobs(struct settings *settings, const char *argument)
{
    return set_count(argument, 1024, &settings->convert.jobs);
}

static bool set_depth(struct settings *settings, const char *argument)
{
    return set_count(argument, 1024, &settings->depth);
}

static bool set_overwrite(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.overwrite = true;
    return true;
}

static bool set_dry_run(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.dry_run = true;
    return true;
}

static bool set_engine(struct settings *settings, const char *argument)
{
    settings->convert.torch.wanted = strcmp(argument, "torch") == 0;
    return settings->convert.torch.wanted || strcmp(argument, "native") == 0;
}

static bool set_python(struct settings *settings, const char *argument)
{
    settings->convert.torch.python = argument;
    return *argument != '\0';
}

static bool set_allow_code(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.torch.allow_code = true;
    return true;
}

/* A dotted name, as Python has it: it becomes an argument of its own, and must not look like an option. */
static bool set_preload(struct settings *settings, const char *argument)
{
    bool plain = *argument != '\0' && *argument != '-';
    return plain && add_text(settings->convert.torch.preload, &settings->convert.torch.preloads, argument);
}

static bool set_densify(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.torch.densify = true;
    return true;
}

static bool set_dequantize(struct settings *settings, const char *argument)
{
    (void)argument;
    settings->convert.torch.dequantize = true;
    return true;
}

static const struct row {
    unsigned commands; /* bits of those that take it */
    char letter;       /* 0: none */
    const char *name, *argument, *help;
    setter set;
} rows[] = {
    {CONVERT, 'o', "output", "FILE", "write the one output there", set_output},
    {CONVERT, 0, "out-dir", "DIR", "write outputs into that folder, made if missing", set_out_dir},
    {CONVERT | DIFF, 0, "key", "PATH", "convert what is at that path: names joined by dots, or a JSON array; . is all",
     set_key},
    {CONVERT, 0, "include", "GLOB", "take only tensors whose names match; may be repeated", set_include},
    {CONVERT, 0, "exclude", "GLOB", "leave out tensors whose names match; may be repeated", set_exclude},
    {CONVERT, 0, "strip-prefix", "PREFIX", "take that off the names that begin with it", set_strip_prefix},
    {CONVERT, 0, "skip-unsupported", NULL, "leave out tensors that safetensors cannot hold, and list them",
     set_skip_unsupported},
    {CONVERT, 0, "ties", "drop|copy", "tensors of several names: keep one name (default), or write each", set_ties},
    {CONVERT, 0, "discard", "NAME", "do not keep that name of a tie; may be repeated", set_discard},
    {CONVERT, 0, "disarm", NULL, "take the tensors even of files that name dangerous globals; nothing is run",
     set_disarm},
    {CONVERT, 0, "allow", "zip-crc-mismatch|zip-extra-entry",
     "let a wrong checksum of a storage, or stray entries, through; may be repeated", set_allow},
    {CONVERT, 0, "save-extras", "FILE.json", "write the values beside the tensors there, typed", set_extras},
    {CONVERT, 0, "all", NULL, "of folders, take the state of optimizers, schedulers and generators too", set_all},
    {CONVERT, 0, "jobs", "N", "work on so many files, or parts of a file, at a time", set_jobs},
    {CONVERT, 0, "overwrite", NULL, "replace outputs that exist, if they are safetensors files", set_overwrite},
    {CONVERT, 'n', "dry-run", NULL, "say what would be written, and write nothing", set_dry_run},
    {CONVERT, 0, "engine", "native|torch", "our own reader (default), or torch.load itself, in a jail", set_engine},
    {CONVERT | DOCTOR, 0, "python", "PATH", "the Python with torch; default: the PATH's python3", set_python},
    {CONVERT, 0, "densify", NULL, "torch engine: write sparse tensors dense", set_densify},
    {CONVERT, 0, "dequantize", NULL, "torch engine: write quantized tensors as floats", set_dequantize},
    {CONVERT, 0, "preload", "MODULE", "torch engine: import it first; you trust that module; may be repeated",
     set_preload},
    {CONVERT, 0, "allow-code", NULL, "torch engine: let code in the file run, in the jail; its numbers may be lies",
     set_allow_code},
    {INSPECT, 0, "depth", "N", "list only so many levels; below, how many tensors there are", set_depth},
    {CHECK | CONVERT | INSPECT | DIFF, 0, "limit", "NAME=VALUE",
     "set a limit; may be repeated (man tensorvet lists them)", set_limit},
    {CHECK, 0, "isolation", "file|batch",
     "a fresh worker for each file (default), or one for many safetensors files of one owner (faster; see SECURITY.md)",
     set_isolation},
    {CHECK | CONVERT | INSPECT | DIFF, 0, "namespaces", NULL, "confine in namespaces too, where the kernel offers them",
     set_namespaces},
    {CHECK | CONVERT | INSPECT | DIFF, 0, "reproducible", NULL, "leave out of reports what varies from run to run",
     set_reproducible},
    {EVERY, 0, "format", "text|json", "reports for people (default), or one JSON object a line", set_format},
    {EVERY, 'q', "quiet", NULL, "say nothing of what is accepted or done", set_quiet},
    {EVERY, 'v', "verbose", NULL, "say everything: whole lists, notes, files left alone", set_verbose},
    {EVERY, 0, "progress", "auto|never|json", "a bar on a terminal (default), none, or JSON lines on standard error",
     set_progress},
    {EVERY, 'h', "help", NULL, "say what the command does, and end", set_help},
};
enum { ROWS = sizeof rows / sizeof *rows, LONG_OPTION = 256 };

int usage_error(const struct command *command, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct text clean = text_of(tv_span_str(message));
    fprintf(stderr, "tensorvet: %s\nTry 'tensorvet %s%s--help'.\n", clean.bytes == NULL ? "?" : clean.bytes,
            command == NULL ? "" : command->name, command == NULL ? "" : " ");
    text_free(&clean);
    return STATUS_USAGE;
}

/* The limits' names, for who mistyped one. */
static void list_limits(void)
{
    size_t count = 0;
    const tv_limit_info *table = tv_limit_table(&count);
    (void)fputs("Limits:", stderr);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, " %s", table[i].name);
    (void)fputc('\n', stderr);
}

/* getopt's two forms of the rows that this command takes. Value LONG_OPTION + i is row i. */
static void make_getopt(const struct command *command, struct option *longs, char *letters)
{
    for (int i = 0; i < ROWS; i++) {
        if ((rows[i].commands & command->bit) == 0)
            continue;
        int has = rows[i].argument == NULL ? no_argument : required_argument;
        *longs++ = (struct option){.name = rows[i].name, .has_arg = has, .val = LONG_OPTION + i};
        if (rows[i].letter == 0)
            continue;
        *letters++ = rows[i].letter;
        if (has == required_argument)
            *letters++ = ':';
    }
    memset(longs, 0, sizeof *longs);
    *letters = '\0';
}

static const struct row *row_of(int value)
{
    if (value >= LONG_OPTION && value < LONG_OPTION + ROWS)
        return &rows[value - LONG_OPTION];
    for (int i = 0; i < ROWS && value > 0 && value < LONG_OPTION; i++)
        if (rows[i].letter == (char)value)
            return &rows[i];
    return NULL;
}

/* What getopt had to say. Of letters in one word (-vx) it tells which one it is. */
static void wrong_option(const struct command *command, int value, const char *word)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    if (value == '?' && optopt > 0 && optopt < LONG_OPTION)
        word = letter;
    (void)usage_error(command, value == ':' ? "%s needs an argument" : "there is no option %s here", word);
}

bool options_parse(struct settings *settings, int argc, char **argv)
{
    struct option longs[ROWS + 1];
    char letters[2 * ROWS + 2] = ":"; /* we say what is wrong, not getopt */
    make_getopt(settings->command, longs, letters + 1);
    opterr = 0;
    optind = 1;
    for (int value; (value = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (value == '?' || value == ':') {
            wrong_option(settings->command, value, argv[optind - 1]);
            return false;
        }
        const struct row *row = row_of(value);
        if (row != NULL && row->set(settings, optarg))
            continue;
        (void)usage_error(settings->command, "--%s does not take '%s'", row == NULL ? "?" : row->name, optarg);
        if (row != NULL && row->set == set_limit)
            list_limits();
        return false;
    }
    settings->paths = (const char *const *)(argv + optind);
    settings->count = (size_t)(argc - optind);
    return true;
}

void help_command(const struct command *command)
{
    printf("Usage: tensorvet %s %s\n%s\n\nOptions:\n", command->name, command->synopsis, command->summary);
    for (int i = 0; i < ROWS; i++) {
        if ((rows[i].commands & command->bit) == 0)
            continue;
        char left[64], letter[8] = "    ";
        if (rows[i].letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i].name, rows[i].argument == NULL ? "" : " ",
                 rows[i].argument == NULL ? "" : rows[i].argument);
        printf("  %-32s %s\n", left, rows[i].help);
    }
    printf("\nmanual: man tensorvet-%s\n", command->name);
}

void help_overview(void)
{
    printf("Usage: tensorvet COMMAND ...\n"
           "Vets model weights strictly, and makes safetensors of pickled checkpoints without running them.\n\n"
           "Commands:\n");
    for (const struct command *command = commands; command->name != NULL; command++)
        printf("  %-9s %-40s %s\n", command->name, command->synopsis, command->summary);
    printf("\nOptions:\n"
           "  --help     this text; tensorvet COMMAND --help says more\n"
           "  --version  version and commit\n\n"
           "Exit status: 0 all is well; 1 something was rejected or refused; 2 wrong usage;\n"
           "3 something could not be decided, or nothing was examined.\n");
}
