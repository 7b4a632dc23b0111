/* The rule for symbolic links in a folder (folder.h, DESIGN section 2).
 *
 * Inside the tree the kernel resolves them beneath the top (openat2: no "..", no absolute path leads out, no magic
 * link). Into the Hub's cache they are not resolved at all: the text must be the one that huggingface_hub writes,
 * ../ as often as the link lies deep, then blobs/ and one name, and that name is opened in blobs/ itself.
 * Sources: openat2(2); huggingface_hub, file_download.py (_create_symlink: relative paths within the model's folder).
 */
#define _GNU_SOURCE
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

static int open_beneath(int top, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (unsigned)flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, top, path, &how, sizeof how);
}

static bool same_folder(int a, int b)
{
    struct stat one, two;
    return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static int open_folder(int in, const char *name)
{
    return openat(in, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Is `here` what its parent calls snapshots/? Then the model's blobs/ are beside it. */
static bool is_snapshots(int here, int above)
{
    int named = open_folder(above, "snapshots");
    bool is = named >= 0 && same_folder(here, named);
    if (named >= 0)
        close(named);
    return is;
}

void hub_cache_find(struct hub_cache *cache, int top)
{
    enum { LEVELS = 16 }; /* a revision's subfolders are few */
    cache->blobs = -1;
    cache->depth = 0;
    int here = open_folder(top, "."); /* no folder, no cache */
    for (uint32_t depth = 1; depth <= LEVELS && here >= 0; depth++) {
        int above = open_folder(here, "..");
        if (above >= 0 && is_snapshots(here, above)) {
            cache->blobs = open_folder(above, "blobs");
            cache->depth = depth;
        }
        bool root = above >= 0 && same_folder(here, above);
        close(here);
        here = above;
        if (cache->blobs >= 0 || root)
            break;
    }
    if (here >= 0)
        close(here);
}

void hub_cache_close(struct hub_cache *cache)
{
    if (cache->blobs >= 0)
        close(cache->blobs);
    cache->blobs = -1;
}

const char *link_blob_name(const char *text, uint32_t levels)
{
    static const char up[] = "../", blobs[] = "blobs/";
    for (uint32_t i = 0; i < levels; i++) {
        if (strncmp(text, up, sizeof up - 1) != 0)
            return NULL;
        text += sizeof up - 1;
    }
    if (strncmp(text, blobs, sizeof blobs - 1) != 0)
        return NULL;
    text += sizeof blobs - 1;
    bool single = *text != '\0' && strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    return single ? text : NULL;
}

static uint32_t slashes(const char *path)
{
    uint32_t count = 0;
    for (; *path != '\0'; path++)
        count += *path == '/';
    return count;
}

const char link_to_folder[] = "a symbolic link to a folder of this tree, whose files are examined there";

/* What openat2's refusal means to a reader; NULL where errno says it best. */
static const char *why_not(int error)
{
    switch (error) {
    case ENOENT: return "a symbolic link that leads nowhere";
    case ELOOP: return "a symbolic link in a circle";
    case EXDEV:
    case ENOSYS: /* a kernel before 5.6, or a filter around us: then no link is followed */
    case EPERM: return "a symbolic link that leaves the folder";
    default: return NULL;
    }
}

/* Opens what the link leads to inside the tree. It is looked at (O_PATH) before it is opened: opening a device can have
 * effects, and a FIFO's writer would notice. */
static int open_inside(int top, const char *path, const char **why)
{
    const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    struct stat seen;
    int fd = open_beneath(top, path, O_PATH | O_CLOEXEC, resolve);
    *why = fd < 0 ? why_not(errno) : NULL;
    if (fd < 0)
        return -1;
    bool known = fstat(fd, &seen) == 0;
    close(fd);
    if (known && S_ISREG(seen.st_mode))
        return open_beneath(top, path, OPEN_FLAGS, resolve);
    *why = known && S_ISDIR(seen.st_mode) ? link_to_folder : "a symbolic link to something that is no regular file";
    return -1;
}

int link_open(int top, const char *path, const struct hub_cache *cache, const char **why)
{
    char text[PATH_MAX];
    int fd = open_inside(top, path, why);
    if (fd >= 0 || cache->blobs < 0 || errno != EXDEV)
        return fd;
    ssize_t size = readlinkat(top, path, text, sizeof text - 1);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    const char *blob = link_blob_name(text, cache->depth + slashes(path));
    if (blob == NULL)
        return -1;
    fd = openat(cache->blobs, blob, OPEN_FLAGS | O_NOFOLLOW);
    *why = fd < 0 && errno == ENOENT ? "a symbolic link to a blob that is missing" : NULL;
    return fd;
}
