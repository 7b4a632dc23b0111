/* Starting an inmate whose report pipe is full: it locks itself down and blocks at its first word. For tests. */
#ifndef TESTS_BLOCKED_H
#define TESTS_BLOCKED_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <jail.h>

/* A pipe that takes not one byte more. */
static inline void full_pipe(int ends[2])
{
    static const char bytes[4096];
    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        continue;
    CHECK(errno == EAGAIN && fcntl(ends[1], F_SETFL, 0) == 0);
}

/* The value after "name:" in /proc/PID/status, or -1. */
static inline long status_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            (void)sscanf(line + strlen(name) + 1, "%ld", &value);
    }
    if (f != NULL)
        (void)fclose(f);
    return value;
}

/* The state letter of /proc/PID/stat; 0 where the process is gone. */
static inline char state_of(pid_t pid)
{
    char path[64], line[256], state = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f != NULL && fgets(line, sizeof(line), f) != NULL && strrchr(line, ')') != NULL)
        state = strrchr(line, ')')[2];
    if (f != NULL)
        (void)fclose(f);
    return state;
}

/* Until the inmate is locked (Seccomp 2) and sleeps in its write. No time is asserted: the bound is for a hung test. */
static inline bool wait_until_blocked(pid_t pid)
{
    for (time_t end = time(NULL) + 60; time(NULL) < end; (void)sched_yield()) {
        if (status_of(pid, "Seccomp") == 2 && state_of(pid) == 'S')
            return true;
        if (state_of(pid) == 'Z' || state_of(pid) == 0)
            return false;
    }
    return false;
}

#endif
