/* The command that repeats a worker's last moments (reproduce.h). */
#define _GNU_SOURCE

#include "reproduce.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "attend.h"

bool reproduce_wanted(const struct outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->findings.count && i < TV_FINDINGS_MAX; i++) {
        tv_finding_id id = outcome->findings.items[i].id;
        if (id == TV_FIND_WORKER_CRASHED || id == TV_FIND_SANDBOX_VIOLATION)
            return true;
    }
    return false;
}

static bool printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* One word of the shell: '…', where a quote is '\''; or $'…', with three octal digits for what cannot be shown. */
static void put_word(FILE *out, const char *text)
{
    const bool plain = printable(text);
    (void)fputs(plain ? "'" : "$'", out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (plain && c == '\'')
            (void)fputs("'\\''", out);
        else if (!plain && (c < ' ' || c > '~' || c == '\'' || c == '\\'))
            fprintf(out, "\\%03o", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('\'', out);
}

/* As limits.c of the jail sets them, but for the number of descriptors, which the shell's own would exceed. */
static void put_limits(FILE *out, const struct jail_budget *budget)
{
    fprintf(out,
            "prlimit --as=%" PRIu64 " --fsize=%" PRIu64 " --cpu=%" PRIu64 ":%" PRIu64
            " --core=0 --nproc=0 --memlock=0 --msgqueue=0 ",
            budget->address_space, budget->file_size, budget->cpu_seconds, budget->cpu_seconds + 1);
}

char *reproduce_command(const char *worker, const struct job *job, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    char **argv = job_to_argv(job);
    FILE *out = argv == NULL ? NULL : open_memstream(&text, &size);
    if (out == NULL) {
        free(argv);
        return NULL;
    }
    const struct jail_budget budget = attend_budget(job);
    put_limits(out, &budget);
    put_word(out, worker);
    for (char **argument = argv + 1; *argument != NULL; argument++) /* letters, digits and =._/-% alone (job.h) */
        fprintf(out, " %s", *argument);
    (void)fputs(" 3<", out);
    put_word(out, path);
    (void)fputs(" 5>/dev/null", out);
    free(argv);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
