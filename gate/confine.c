/* The broker's own confinement (confine.h). Constants are Landlock's, vendored: distributions' headers lag behind. */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jail.h>

#include "folder.h"

/* include/uapi/linux/landlock.h. Bits are dense; an ABI version handles the first `files` of them. */
enum {
    RIGHT_EXECUTE = 1 << 0,
    RIGHT_WRITE_FILE = 1 << 1,
    RIGHT_READ_FILE = 1 << 2,
    RIGHT_READ_DIR = 1 << 3,
    RIGHT_REMOVE_DIR = 1 << 4,
    RIGHT_REMOVE_FILE = 1 << 5,
    RIGHT_MAKE_DIR = 1 << 7,
    RIGHT_MAKE_REG = 1 << 8,
    RIGHT_REFER = 1 << 13,    /* from ABI 2: linking and renaming between folders */
    RIGHT_TRUNCATE = 1 << 14, /* from ABI 3 */
    RIGHTS_FOR_FILES = RIGHT_EXECUTE | RIGHT_WRITE_FILE | RIGHT_READ_FILE | RIGHT_TRUNCATE,
    RIGHTS_TO_READ = RIGHT_READ_FILE | RIGHT_READ_DIR,
    RIGHTS_TO_WRITE = RIGHTS_TO_READ | RIGHT_WRITE_FILE | RIGHT_REMOVE_DIR | RIGHT_REMOVE_FILE | RIGHT_MAKE_DIR |
                      RIGHT_MAKE_REG | RIGHT_REFER | RIGHT_TRUNCATE
};

struct ruleset {
    uint64_t files, network; /* handled_access_fs, handled_access_net */
};

/* struct landlock_path_beneath_attr, which is packed. */
struct __attribute__((packed)) beneath {
    uint64_t allowed;
    int32_t parent;
};

/* What the kernel of that ABI version can deny, and we do. */
static struct ruleset handled(int abi)
{
    static const unsigned files[] = {0, 13, 14, 15, 15, 16};
    unsigned known = sizeof files / sizeof *files;
    unsigned count = abi <= 0 ? 0 : (unsigned)abi < known ? files[abi] : files[known - 1];
    struct ruleset all = {.files = (UINT64_C(1) << count) - 1, .network = abi >= 4 ? 3 : 0};
    return all;
}

void confine_begin(struct confine *confine)
{
    const unsigned query_version = 1;
    *confine = (struct confine){.ruleset = -1};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, query_version);
    if (abi <= 0)
        return;
    struct ruleset all = handled((int)abi);
    confine->abi = (int)abi;
    /* Older kernels know the first field alone, and take a larger struct only if the rest is zero: it is. */
    confine->ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0u);
}

static void allow(struct confine *confine, int fd, uint64_t rights)
{
    struct stat seen;
    const int path_beneath = 1;
    if (confine->ruleset < 0 || fstat(fd, &seen) != 0)
        return;
    rights &= handled(confine->abi).files;
    if (!S_ISDIR(seen.st_mode))
        rights &= RIGHTS_FOR_FILES;
    const struct beneath rule = {.allowed = rights, .parent = fd};
    if (syscall(SYS_landlock_add_rule, confine->ruleset, path_beneath, &rule, 0u) != 0)
        confine->broken = true;
}

/* What is not there or may not be looked at needs no leave. But where the system lacks the means to say what is
 * allowed, everything would be refused, for a reason that is none: then there is no second wall, and the first that
 * needs what is lacking says so. */
static void note_failure(struct confine *confine, int error)
{
    confine->broken = confine->broken || error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* A worker finds by a list in /proc what it was not given, where the kernel does not close it. Lists, not files; and
 * of all processes, since its number is not known yet. */
static void allow_lists(struct confine *confine)
{
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        note_failure(confine, errno);
        return;
    }
    allow(confine, fd, RIGHT_READ_DIR);
    (void)close(fd);
}

void confine_allow_run(struct confine *confine, int program)
{
    allow(confine, program, RIGHT_EXECUTE | RIGHT_READ_FILE);
    if (jail_lists_descriptors())
        allow_lists(confine);
}

void confine_allow_read(struct confine *confine, const char *path)
{
    struct hub_cache cache;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        note_failure(confine, errno);
        return;
    }
    allow(confine, fd, RIGHTS_TO_READ);
    hub_cache_find(&cache, fd);
    if (cache.blobs >= 0)
        allow(confine, cache.blobs, RIGHTS_TO_READ);
    hub_cache_close(&cache);
    (void)close(fd);
}

void confine_allow_outputs(struct confine *confine, const char *folder)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s", folder);
    if (size <= 0 || (size_t)size >= sizeof path)
        return;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (slash == path)
            path[1] = '\0';
        else if (slash != NULL)
            *slash = '\0';
        else
            (void)strcpy(path, ".");
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (slash == NULL || slash == path)
            break;
    }
    if (fd < 0) {
        note_failure(confine, errno);
        return;
    }
    allow(confine, fd, RIGHTS_TO_WRITE);
    (void)close(fd);
}

bool confine_apply(struct confine *confine)
{
    bool ready = confine->ruleset >= 0 && !confine->broken && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    bool done = ready && syscall(SYS_landlock_restrict_self, confine->ruleset, 0u) == 0;
    if (confine->ruleset >= 0)
        (void)close(confine->ruleset);
    confine->ruleset = -1;
    return done;
}
