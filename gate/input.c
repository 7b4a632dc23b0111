/* Inputs (input.h). Sources: open(2), poll(2), fifo(7), memfd_create(2). */
#define _GNU_SOURCE
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *input_spool_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder == NULL || *folder == '\0' ? "/var/tmp" : folder;
}

/* A readable, writable file without a name, there or else in memory; -1 and errno. */
static int nameless_file(void)
{
    const char *folder = input_spool_folder();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char name[PATH_MAX];
    int size = snprintf(name, sizeof name, "%s/tensorvet-XXXXXX", folder);
    if (size > 0 && (size_t)size < sizeof name && (fd = mkostemp(name, O_CLOEXEC)) >= 0) {
        (void)unlink(name);
        return fd;
    }
    return memfd_create("tensorvet-spool", MFD_CLOEXEC);
}

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(fd, bytes + done, size - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

/* Waits until `fd` has bytes or its writer is gone. A FIFO that nobody has opened for writing yet gives neither, so
 * that an early reader does not take it for empty. False where we are to stop. */
static bool wait_readable(int fd, const volatile int *stop)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    while (stop == NULL || *stop == 0) {
        int ready = poll(&one, 1, 200); /* now and then, for a signal between the test of stop and the poll */
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
    return false;
}

enum input_state input_spool(int from, uint64_t most, const volatile int *stop, int *spool, int *error)
{
    static unsigned char block[1 << 16];
    uint64_t taken = 0;
    *error = 0;
    *spool = nameless_file();
    enum input_state state = *spool < 0 ? INPUT_FAILED : INPUT_FILE;
    while (state == INPUT_FILE) {
        if (!wait_readable(from, stop)) {
            state = INPUT_STOPPED;
            break;
        }
        ssize_t got = read(from, block, sizeof block);
        if (got == 0)
            break;
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0 || !write_all(*spool, block, (size_t)got))
            state = INPUT_FAILED;
        else if ((uint64_t)got > most - taken)
            state = INPUT_TOO_LARGE;
        else
            taken += (uint64_t)got;
    }
    if (state == INPUT_FAILED)
        *error = errno;
    if (state != INPUT_FILE && *spool >= 0) {
        close(*spool);
        *spool = -1;
    }
    return state;
}

/* What the kernel calls the file that is open, as a malloc'd path; NULL where it has none. */
static char *open_path(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0)
        return NULL;
    path[size] = '\0';
    return *path == '/' ? strdup(path) : NULL; /* a pipe's or socket's link leads to no path */
}

char *input_link_target(const char *path, int fd)
{
    struct stat named;
    return lstat(path, &named) == 0 && S_ISLNK(named.st_mode) ? open_path(fd) : NULL;
}

static void fail(struct input *input, int error)
{
    input->state = INPUT_FAILED;
    input->error = error;
}

/* Replaces a pipe, device or socket by a spool of what comes from it. */
static void spool(struct input *input, uint64_t most, const volatile int *stop)
{
    int copy = -1;
    input->state = input_spool(input->fd, most, stop, &copy, &input->error);
    close(input->fd);
    input->fd = copy;
    if (copy >= 0 && fstat(copy, &input->seen) != 0)
        fail(input, errno);
}

void input_of(struct input *input, int fd)
{
    memset(input, 0, sizeof *input);
    input->fd = fd;
    if (fstat(fd, &input->seen) != 0)
        fail(input, errno);
    else
        input->state = S_ISDIR(input->seen.st_mode) ? INPUT_FOLDER : INPUT_FILE;
}

void input_open(struct input *input, const char *path, uint64_t spool_bytes, const volatile int *stop)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                            : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        memset(input, 0, sizeof *input);
        input->fd = -1;
        fail(input, errno);
        return;
    }
    input_of(input, fd);
    if (!standard_input)
        input->target = input_link_target(path, fd);
    if (input->state == INPUT_FILE && !S_ISREG(input->seen.st_mode))
        spool(input, spool_bytes, stop);
}

bool input_unchanged(const struct input *input)
{
    struct stat now;
    const struct stat *then = &input->seen;
    return fstat(input->fd, &now) == 0 && now.st_size == then->st_size && now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == then->st_mtim.tv_nsec && now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

void input_close(struct input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    free(input->target);
    input->fd = -1;
    input->target = NULL;
}
