/* The folder that outputs go to (publish.h): opened component by component, made where it is missing. */
#define _GNU_SOURCE
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The length of the first component of the path, and of the slashes after it. */
static size_t component(const char *path, size_t *with_slashes)
{
    size_t size = strcspn(path, "/");
    *with_slashes = size + strspn(path + size, "/");
    return size;
}

/* Opens one component, making it if it is missing and we may; *made says so. */
static int enter(int fd, const char *name, unsigned flags, bool *made)
{
    int how = O_PATH | O_DIRECTORY | O_CLOEXEC | ((flags & OUT_FOLLOW) != 0 ? 0 : O_NOFOLLOW);
    *made = false;
    if ((flags & OUT_FOLLOW) == 0 && strcmp(name, "..") == 0) {
        errno = EXDEV;
        return -1;
    }
    int next = openat(fd, name, how);
    if (next >= 0 || errno != ENOENT || (flags & OUT_MAKE) == 0)
        return next;
    *made = mkdirat(fd, name, 0777) == 0;
    if (!*made && errno != EEXIST)
        return -1;
    return openat(fd, name, how | O_NOFOLLOW);
}

/* Goes down by one component of folder->path, which starts at `at`; its end goes to *end. 0, or an errno. */
static int go_down(struct out_folder *folder, size_t at, unsigned flags, size_t *end)
{
    char name[NAME_MAX + 1];
    size_t with_slashes, length = component(folder->path + at, &with_slashes);
    if (length >= sizeof name)
        return ENAMETOOLONG;
    memcpy(name, folder->path + at, length);
    name[length] = '\0';
    bool made = false;
    int next = enter(folder->fd, name, flags, &made);
    folder->made += made;
    *end = made ? at + length : at;
    if (next < 0)
        return errno;
    close(folder->fd);
    folder->fd = next;
    *end = at + with_slashes;
    return 0;
}

/* The folders on the way are only passed through (O_PATH: reading them may be denied); this one is used, and synced. */
static int open_for_use(struct out_folder *folder)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(folder->fd);
    folder->fd = fd;
    return 0;
}

int out_folder_open(struct out_folder *folder, int top, const char *path, unsigned flags)
{
    memset(folder, 0, sizeof *folder);
    folder->top = top;
    folder->fd = -1;
    int size = snprintf(folder->path, sizeof folder->path, "%s", path);
    if (size < 0 || (size_t)size >= sizeof folder->path)
        return ENAMETOOLONG;
    folder->fd = openat(top, *path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        return errno;
    size_t at = strspn(path, "/");
    int error = 0;
    while (error == 0 && folder->path[at] != '\0')
        error = go_down(folder, at, flags, &at);
    if (error == 0)
        error = open_for_use(folder);
    if (error != 0) {
        folder->path[at] = '\0'; /* what lies beyond was not reached */
        out_folder_undo(folder);
    }
    return error;
}

void out_folder_undo(struct out_folder *folder)
{
    size_t size = strlen(folder->path);
    while (folder->made > 0 && size > 0) {
        while (size > 0 && folder->path[size - 1] == '/')
            folder->path[--size] = '\0';
        if (unlinkat(folder->top, folder->path, AT_REMOVEDIR) != 0)
            break; /* somebody uses it by now */
        folder->made--;
        while (size > 0 && folder->path[size - 1] != '/')
            folder->path[--size] = '\0';
    }
    out_folder_close(folder);
}

void out_folder_close(struct out_folder *folder)
{
    if (folder->fd >= 0)
        close(folder->fd);
    folder->fd = -1;
    folder->made = 0;
}
