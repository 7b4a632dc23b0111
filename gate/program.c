/* Opening the worker's program. Trusts the installation. Promises: a regular file, and one that jail_start can run. */
#define _GNU_SOURCE

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC /* Linux 6.3: says that a program is meant; older kernels allow it anyway, and refuse the flag */
#define MFD_EXEC 0x0010U
#endif

static int new_memory_file(void)
{
    int fd = memfd_create("tensorvet-worker", MFD_CLOEXEC | MFD_EXEC);
    return fd >= 0 || errno != EINVAL ? fd : memfd_create("tensorvet-worker", MFD_CLOEXEC);
}

static int copy(int from, int to, off_t size)
{
    for (off_t at = 0; at < size;) {
        ssize_t sent = sendfile(to, from, &at, (size_t)(size - at));
        if (sent <= 0)
            return sent < 0 ? errno : EIO;
    }
    return 0;
}

/* A program that is being written cannot be run: a second opening, for reading, takes the place of the first. */
static int reopen(int fd)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Built or installed under a umask that keeps others out: a worker that has given root up could not be started from
 * that file. A copy in memory has the same bytes, and no owner to ask. */
static int open_copy(int program, off_t size)
{
    int fd = new_memory_file();
    if (fd < 0)
        return -1;
    int error = copy(program, fd, size);
    int runnable = error == 0 ? reopen(fd) : -1;
    error = error != 0 ? error : errno;
    (void)close(fd);
    errno = error;
    return runnable;
}

int program_open(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        errno = ENOEXEC;
        return -1;
    }
    if (geteuid() != 0 || (status.st_mode & S_IXOTH) != 0)
        return fd;
    int runnable = open_copy(fd, status.st_size);
    int error = errno;
    (void)close(fd);
    errno = error;
    return runnable;
}
