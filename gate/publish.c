/* Publishing (publish.h). */
#define _GNU_SOURCE
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 }; /* temporary names that may be taken before we give up */

int publish_look(int folder, const char *name, struct publish_identity *identity)
{
    struct stat seen;
    memset(identity, 0, sizeof *identity);
    if (fstatat(folder, name, &seen, AT_SYMLINK_NOFOLLOW) != 0) {
        identity->what = PUBLISH_FREE;
        return errno == ENOENT ? 0 : errno;
    }
    identity->what = S_ISREG(seen.st_mode) ? PUBLISH_FILE : PUBLISH_OTHER;
    identity->device = seen.st_dev;
    identity->inode = seen.st_ino;
    return 0;
}

/* The name for this try, another one for each. */
static void draw_temporary(char temporary[32], int attempt)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number =
            (uint64_t)getpid() * TRIES + (uint64_t)attempt; /* exclusive creation counts, not what can be guessed */
    snprintf(temporary, 32, ".tensorvet-%016llx", (unsigned long long)number);
}

/* A file without a name can get one later only through /proc. */
static bool can_link(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

int publish_begin(struct publish *publish, int folder, const char *name)
{
    memset(publish, 0, sizeof *publish);
    publish->folder = folder;
    publish->fd = -1;
    int size = snprintf(publish->name, sizeof publish->name, "%s", name);
    if (size <= 0 || (size_t)size >= sizeof publish->name)
        return ENAMETOOLONG;
    publish->fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (publish->fd >= 0 && can_link(publish->fd))
        return 0;
    if (publish->fd >= 0)
        close(publish->fd);
    /* The file system has no O_TMPFILE (or there is no /proc): a name of its own, made exclusively. */
    for (int i = 0; i < TRIES; i++) {
        draw_temporary(publish->temporary, i);
        publish->fd = openat(folder, publish->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (publish->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    int error = errno;
    publish->temporary[0] = '\0';
    return error;
}

/* Gives a file without a name that name. 0, or an errno. */
static int link_as(const struct publish *publish, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", publish->fd);
    return linkat(AT_FDCWD, path, publish->folder, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* Makes sure that the file has a temporary name. */
static int name_temporarily(struct publish *publish)
{
    int error = 0;
    for (int i = 0; i < TRIES && publish->temporary[0] == '\0'; i++) {
        char temporary[32];
        draw_temporary(temporary, i);
        error = link_as(publish, temporary);
        if (error == 0)
            memcpy(publish->temporary, temporary, sizeof temporary);
        else if (error != EEXIST)
            break;
    }
    return error;
}

/* Renames the temporary name to the final one, which must be free. File systems without RENAME_NOREPLACE get a link,
 * which never replaces either. */
static int rename_free(struct publish *publish)
{
    if (renameat2(publish->folder, publish->temporary, publish->folder, publish->name, RENAME_NOREPLACE) == 0) {
        publish->temporary[0] = '\0';
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    return linkat(publish->folder, publish->temporary, publish->folder, publish->name, 0) == 0 ? 0 : errno;
}

/* Renames over the file that was looked at, if it is still there. */
static int rename_over(struct publish *publish, const struct publish_identity *replace)
{
    struct publish_identity now;
    int error = name_temporarily(publish);
    if (error == 0)
        error = publish_look(publish->folder, publish->name, &now);
    if (error != 0)
        return error;
    if (now.what != PUBLISH_FILE || now.device != replace->device || now.inode != replace->inode)
        return EEXIST;
    if (renameat(publish->folder, publish->temporary, publish->folder, publish->name) != 0)
        return errno;
    publish->temporary[0] = '\0';
    return 0;
}

int publish_commit(struct publish *publish, const struct publish_identity *replace)
{
    int error = fsync(publish->fd) == 0 ? 0 : errno;
    if (error == 0) {
        if (replace != NULL)
            error = rename_over(publish, replace);
        else
            error = publish->temporary[0] == '\0' ? link_as(publish, publish->name) : rename_free(publish);
        if (error == 0 && fsync(publish->folder) != 0) {
            /* The name may not survive a crash: take it back rather than promise it. A replaced file stays replaced,
             * for its own name is gone. */
            error = errno;
            if (replace == NULL)
                (void)unlinkat(publish->folder, publish->name, 0);
        }
    }
    publish_abort(publish);
    return error;
}

void publish_abort(struct publish *publish)
{
    if (publish->temporary[0] != '\0')
        (void)unlinkat(publish->folder, publish->temporary, 0);
    publish->temporary[0] = '\0';
    if (publish->fd >= 0)
        close(publish->fd);
    publish->fd = -1;
}
