/* tensorvet convert: makes safetensors files. Here only what is wrong usage, and the form `convert IN OUT`. */
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "name.h"

static bool is_folder(const char *path)
{
    struct stat seen;
    return stat(path, &seen) == 0 && S_ISDIR(seen.st_mode);
}

/* `convert IN OUT`: only where OUT ends in .safetensors or is a folder, so that a shell's glob never names a checkpoint
 * as the output. */
static void take_second_as_output(struct settings *settings)
{
    struct convert_options *convert = &settings->convert;
    if (settings->count != 2 || convert->output != NULL || convert->out_dir != NULL)
        return;
    const char *second = settings->paths[1];
    if (is_folder(second))
        convert->out_dir = second;
    else if (name_ends(second, ".safetensors"))
        convert->output = second;
    else
        return;
    settings->count = 1;
}

/* 0, or the exit status of wrong usage. */
static int judge_usage(const struct settings *settings)
{
    const struct convert_options *convert = &settings->convert;
    const struct command *command = settings->command;
    if (settings->count == 0)
        return usage_error(command, "which file or folder?");
    if (convert->output != NULL && convert->out_dir != NULL)
        return usage_error(command, "-o and --out-dir exclude each other");
    const struct torch_settings *torch = &convert->torch;
    if (!torch->wanted &&
        (torch->allow_code || torch->densify || torch->dequantize || torch->preloads > 0 || torch->python != NULL))
        return usage_error(command,
                           "--python, --densify, --dequantize, --preload and --allow-code need --engine torch");
    if (torch->wanted && convert->disarm)
        return usage_error(command, "--disarm is the native engine's: leave out --engine torch");
    if (torch->wanted && convert->extras != NULL) /* the feed has their types and no more */
        return usage_error(command, "--save-extras is the native engine's: leave out --engine torch");
    if (convert->output != NULL && settings->count > 1)
        return usage_error(command, "-o takes one input; --out-dir takes many");
    if (convert->output != NULL && (is_folder(convert->output) || name_ends(convert->output, "/")))
        return usage_error(command, "-o names a file; %s is a folder: --out-dir", convert->output);
    if (convert->extras != NULL && (settings->count > 1 || is_folder(settings->paths[0])))
        return usage_error(command, "--save-extras takes the values of one input");
    for (size_t i = 0; i < settings->count; i++) {
        if (convert->output != NULL && is_folder(settings->paths[i]))
            return usage_error(command, "%s is a folder: --out-dir instead of -o", settings->paths[i]);
        if (convert->output == NULL && strcmp(settings->paths[i], "-") == 0)
            return usage_error(command, "standard input has no name: say -o FILE");
    }
    return 0;
}

int run_convert(const struct settings *given)
{
    struct settings settings = *given;
    struct session session;
    struct progress progress;
    take_second_as_output(&settings);
    int wrong = judge_usage(&settings);
    if (wrong != 0)
        return wrong;
    if (!begin_session(&session, &progress, &settings))
        return STATUS_UNDECIDED;
    session_convert(&session, &settings.convert, settings.paths, settings.count);
    return end_session(&session);
}
