/* How a worker looks from outside. Trusts /proc. Promises: the worker is reaped in any case, within a few seconds. */
#define _GNU_SOURCE

#include "doctor_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jail.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKS      5000 /* of a millisecond each, at most */
#define LINE_BYTES 256

/* A pipe that takes not one byte more. */
static bool full_pipe(int ends[2])
{
    static const char bytes[4096];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        continue;
    return fcntl(ends[1], F_SETFL, 0) == 0;
}

/* The value of "name:\tvalue" in a line of /proc/PID/status. */
static void take(const char *line, const char *name, int base, long *value)
{
    size_t size = strlen(name);
    if (strncmp(line, name, size) == 0 && line[size] == ':')
        *value = strtol(line + size + 1, NULL, base);
}

/* Reads the state; true while the worker sleeps, as it does in a write to a full pipe. */
static bool read_status(pid_t pid, struct look *look)
{
    char path[64], line[LINE_BYTES];
    bool asleep = false;
    long capabilities = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        asleep = asleep || strncmp(line, "State:\tS", 8) == 0;
        take(line, "Seccomp", 10, &look->seccomp);
        take(line, "NoNewPrivs", 10, &look->no_new_privs);
        take(line, "Uid", 10, &look->uid);
        take(line, "Threads", 10, &look->threads);
        take(line, "CapEff", 16, &capabilities);
    }
    look->capabilities = (unsigned long long)capabilities;
    if (f != NULL)
        (void)fclose(f);
    return asleep;
}

/* Only root may look into a process that is undumpable. */
static void read_descriptors(pid_t pid, struct look *look)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    bool open_there[32] = {false};
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL; entry = readdir(folder)) {
        long number = strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && number >= 0 && number < 32)
            open_there[number] = true;
    }
    if (folder != NULL)
        (void)closedir(folder);
    for (int i = 0; i < 32; i++) {
        size_t used = strlen(look->descriptors);
        if (open_there[i])
            (void)snprintf(look->descriptors + used, sizeof(look->descriptors) - used, used == 0 ? "%d" : " %d", i);
    }
}

/* Until it is locked and asleep, or gone. */
static bool wait_until_blocked(const struct jail_process *process, struct look *look)
{
    struct pollfd end = {.fd = process->pidfd, .events = POLLIN};
    for (int i = 0; i < LOOKS; i++) {
        if (read_status(process->pid, look) && look->seccomp == 2)
            return true;
        if (poll(&end, 1, 1) != 0)
            return false;
    }
    return false;
}

static bool look_through(const struct broker *broker, int report, struct look *look)
{
    const struct job job = {.kind = JOB_SELFTEST, .limits = tv_limits_default()};
    char **argv = job_to_argv(&job);
    const struct jail_spec spec = {.program = broker->program,
                                   .null = broker->null,
                                   .argv = argv,
                                   .source = -1,
                                   .output = -1,
                                   .report = report,
                                   .scratch = -1,
                                   .budget = {UINT64_C(1) << 30, 0, 60}};
    struct jail_process process;
    int error = argv == NULL ? ENOMEM : jail_start(&spec, &process, &look->failed_at);
    free(argv);
    if (error != 0)
        return false;
    struct jail_result ended;
    look->failed_at = "it did not lock itself down";
    bool blocked = wait_until_blocked(&process, look);
    if (blocked)
        read_descriptors(process.pid, look);
    jail_wait(&process, JAIL_KILLED_STOP, &ended);
    return blocked;
}

bool doctor_look(const struct broker *broker, struct look *look)
{
    int ends[2] = {-1, -1};
    *look = (struct look){.failed_at = "making a pipe"};
    bool looked = full_pipe(ends) && look_through(broker, ends[1], look);
    if (ends[0] >= 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    return looked;
}
