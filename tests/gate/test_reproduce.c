/* The command that repeats a crash does so, typed into a shell; and a file's name in it is only ever a name. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <build_id.h>
#include <check.h>
#include <decode.h>
#include <jail.h>
#include <reproduce.h>

#include "scratch.h"

/* Names that a shell would run, cut, expand or take for an option, and one that a terminal would obey. */
static const char *const names[] = {"plain.bin",      "two words; touch run", "$(touch run)`touch run`",         "-n",
                                    "it's \"$HOME\"", "\\\n'; touch run",     "\x1b[2J\xff\xC3\xA9'$(touch run)"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static struct job a_job(const char *key)
{
    return (struct job){.kind = JOB_CHECK, .key = key, .limits = tv_limits_default(), .seed = UINT64_MAX};
}

/* What bash makes of that line: an exit status as shells tell it. */
static int run(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("bash", "bash", "-c", command, (char *)NULL);
        _exit(126);
    }
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_on(const char *worker, const struct job *job, const char *path, const char *more)
{
    char *command = reproduce_command(worker, job, path), *line = NULL;
    CHECK(command != NULL && asprintf(&line, "%s%s", command, more) > 0);
    for (const char *at = command; *at != '\0'; at++)
        CHECK_MSG(*at >= ' ' && *at <= '~', "%s is not printable", path);
    int status = run(line);
    free(command);
    free(line);
    return status;
}

TEST(repeats, "a worker that crashed, or broke the rules, does so again, whatever its file is called")
{
    const struct job crash = a_job("crash-segv"), violation = a_job("violate"), fine = a_job("honest");
    scratch_begin();
    for (int i = 0; i < NAMES; i++) {
        scratch_file(names[i], "");
        CHECK_MSG(run_on(FAKE_WORKER, &crash, names[i], "") == 128 + SIGSEGV, "%s", names[i]);
        CHECK(run_on(FAKE_WORKER, &violation, names[i], "") == 128 + SIGSYS);
        CHECK(run_on(FAKE_WORKER, &fine, names[i], "") == 0);
        CHECK_MSG(scratch_entries(".") == i + 1, "%s was more than a name", names[i]);
    }
    scratch_end();
}

/* The first error of the report in that file; TV_FIND_NONE. */
static tv_finding_id reported(const struct job *job, const char *path)
{
    static struct outcome outcome;
    static uint8_t bytes[65536];
    struct decoder decoder;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, bytes, sizeof(bytes));
    (void)close(fd);
    outcome = (struct outcome){.kind = TV_KIND_UNKNOWN};
    CHECK(size > 0 && decoder_init(&decoder, job, TV_BUILD_ID, NULL, &outcome));
    CHECK(decoder_feed(&decoder, tv_span_of(bytes, (size_t)size)) == DECODE_FINE && decoder_finished(&decoder));
    decoder_free(&decoder);
    CHECK((outcome.layers & JAIL_MANDATORY) == JAIL_MANDATORY);
    const tv_finding *first = tv_findings_first_error(&outcome.findings);
    return first == NULL ? TV_FIND_NONE : first->id;
}

TEST(real_worker, "the shipped worker locks itself down as always, and does that very job under those limits")
{
    static const char good[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,0],\"data_offsets\":[0,0]}}";
    struct job job = a_job(NULL);
    job.called_safetensors = true;
    scratch_begin();
    int fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const uint64_t length = sizeof(good) - 1;
    CHECK(write(fd, &length, sizeof(length)) == sizeof(length) && write(fd, good, length) == (ssize_t)length);
    (void)close(fd);
    CHECK(run_on(SHIPPED_WORKER, &job, "file", " 5>&1 | cat >report; exit ${PIPESTATUS[0]}") == 0);
    CHECK(reported(&job, "report") == TV_FIND_NONE);
    job.limits.rank = 2;
    CHECK(run_on(SHIPPED_WORKER, &job, "file", " 5>&1 | cat >report; exit ${PIPESTATUS[0]}") == 0);
    CHECK(reported(&job, "report") == TV_FIND_RANK_TOO_LARGE);
    scratch_end();
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
