/* The walk of a folder tree (folder.h): by descriptors, depth first, without recursion. */
#define _GNU_SOURCE
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder on the way down. */
struct level {
    int fd;
    char **names; /* sorted; each malloc'd */
    size_t count, next;
    size_t path_size; /* length of the path of this folder, with its '/' */
};

struct walk {
    int top;
    const tv_limits *limits;
    folder_visit visit;
    void *context;
    struct hub_cache cache;
    uint64_t entries;
    struct level *levels;
    size_t depth, capacity;
    char path[PATH_MAX];
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_level(struct level *level)
{
    for (size_t i = 0; i < level->count; i++)
        free(level->names[i]);
    free(level->names);
    if (level->fd >= 0)
        close(level->fd);
}

static bool add_name(struct level *level, size_t *capacity, const char *name)
{
    if (level->count == *capacity) {
        size_t more = *capacity == 0 ? 64 : *capacity * 2;
        char **names = realloc(level->names, more * sizeof *names);
        if (names == NULL)
            return false;
        level->names = names;
        *capacity = more;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    level->names[level->count++] = copy;
    return true;
}

/* Reads the names of the folder `fd` into level, sorted. The level owns fd even on failure. */
static enum folder_end read_level(struct walk *walk, struct level *level, int fd)
{
    size_t capacity = 0;
    memset(level, 0, sizeof *level);
    level->fd = fd;
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* an offset of its own */
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (stream == NULL) {
        if (again >= 0)
            close(again);
        return FOLDER_FAILED;
    }
    enum folder_end end = FOLDER_DONE;
    const struct dirent *entry;
    while (end == FOLDER_DONE && ((void)(errno = 0), entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (walk->entries++ >= walk->limits->folder_entries)
            end = FOLDER_TOO_LARGE;
        else if (!add_name(level, &capacity, entry->d_name))
            end = FOLDER_FAILED;
    }
    if (end == FOLDER_DONE && errno != 0)
        end = FOLDER_FAILED;
    closedir(stream);
    if (level->count > 0)
        qsort(level->names, level->count, sizeof *level->names, by_bytes);
    return end;
}

static bool push_level(struct walk *walk, const struct level *level)
{
    if (walk->depth == walk->capacity) {
        size_t more = walk->capacity == 0 ? 16 : walk->capacity * 2;
        struct level *levels = realloc(walk->levels, more * sizeof *levels);
        if (levels == NULL)
            return false;
        walk->levels = levels;
        walk->capacity = more;
    }
    walk->levels[walk->depth++] = *level;
    return true;
}

/* Goes down into the folder `fd`, whose path is in walk->path and path_size bytes long. */
static enum folder_end descend(struct walk *walk, int fd, size_t path_size)
{
    struct level level;
    enum folder_end end = read_level(walk, &level, fd);
    level.path_size = path_size;
    if (end == FOLDER_DONE && walk->depth > walk->limits->folder_depth)
        end = FOLDER_TOO_LARGE;
    if (end == FOLDER_DONE && !push_level(walk, &level))
        end = FOLDER_FAILED;
    if (end != FOLDER_DONE)
        free_level(&level);
    return end;
}

static enum folder_end tell(struct walk *walk, int fd, const char *why, int error, const char *target)
{
    struct folder_entry entry = {.path = walk->path, .target = target, .fd = fd, .error = error, .why = why};
    bool go_on = walk->visit(walk->context, &entry);
    if (entry.fd >= 0)
        close(entry.fd);
    return go_on ? FOLDER_DONE : FOLDER_STOPPED;
}

static enum folder_end visit_link(struct walk *walk, const struct level *level, const char *name)
{
    char text[PATH_MAX];
    const char *why = NULL;
    ssize_t size = readlinkat(level->fd, name, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    int fd = link_open(walk->top, walk->path, &walk->cache, &why);
    return tell(walk, fd, why, fd < 0 ? errno : 0, text);
}

/* One name of a level, whose path is already in walk->path. */
static enum folder_end visit_name(struct walk *walk, const struct level *level, const char *name, size_t path_size)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
    struct stat seen;
    if (fstatat(level->fd, name, &seen, AT_SYMLINK_NOFOLLOW) != 0)
        return tell(walk, -1, NULL, errno, NULL);
    if (S_ISLNK(seen.st_mode))
        return visit_link(walk, level, name);
    if (!S_ISREG(seen.st_mode) && !S_ISDIR(seen.st_mode))
        return tell(walk, -1, "no regular file", 0, NULL);
    /* One component, never a link: it cannot leave its folder. What was opened is looked at again, for it may have
     * been exchanged since. */
    int fd = openat(level->fd, name, S_ISDIR(seen.st_mode) ? flags | O_DIRECTORY : flags);
    if (fd < 0)
        return tell(walk, -1, NULL, errno, NULL);
    if (S_ISREG(seen.st_mode)) {
        if (fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode))
            return tell(walk, fd, NULL, 0, NULL);
        close(fd);
        return tell(walk, -1, "no regular file", 0, NULL);
    }
    if (path_size + 1 >= sizeof walk->path) {
        close(fd);
        return tell(walk, -1, NULL, ENAMETOOLONG, NULL);
    }
    walk->path[path_size] = '/';
    walk->path[path_size + 1] = '\0';
    return descend(walk, fd, path_size + 1);
}

/* The next name of the deepest level, or up one level where there is none. */
static enum folder_end step(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    if (level->next == level->count) {
        free_level(level);
        walk->depth--;
        return FOLDER_DONE;
    }
    const char *name = level->names[level->next++];
    size_t room = sizeof walk->path - level->path_size;
    int size = snprintf(walk->path + level->path_size, room, "%s", name);
    if (size < 0 || (size_t)size >= room)
        return tell(walk, -1, NULL, ENAMETOOLONG, NULL);
    /* descend() may move walk->levels: pass a copy. */
    struct level here = *level;
    return visit_name(walk, &here, name, level->path_size + (size_t)size);
}

enum folder_end folder_walk(int top, const tv_limits *limits, folder_visit visit, void *context)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return FOLDER_FAILED;
    walk->top = top;
    walk->limits = limits;
    walk->visit = visit;
    walk->context = context;
    hub_cache_find(&walk->cache, top);
    int fd = fcntl(top, F_DUPFD_CLOEXEC, 3);
    enum folder_end end = fd < 0 ? FOLDER_FAILED : descend(walk, fd, 0);
    while (end == FOLDER_DONE && walk->depth > 0)
        end = step(walk);
    while (walk->depth > 0)
        free_level(&walk->levels[--walk->depth]);
    free(walk->levels);
    hub_cache_close(&walk->cache);
    free(walk);
    return end;
}

/* The folder that holds the entry, opened without following a link; *name is its last component. */
static int open_parent(int top, const char *path, const char **name)
{
    char component[NAME_MAX + 1];
    int fd = fcntl(top, F_DUPFD_CLOEXEC, 3);
    for (const char *slash; fd >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        int size = snprintf(component, sizeof component, "%.*s", (int)(slash - path), path);
        bool fits = size > 0 && (size_t)size < sizeof component && strcmp(component, "..") != 0;
        int next = fits ? openat(fd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        close(fd);
        fd = next;
    }
    *name = path;
    return fd;
}

int folder_open(int top, const char *path, const char **why)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
    struct hub_cache cache;
    struct stat seen;
    const char *name;
    *why = NULL;
    int parent = open_parent(top, path, &name);
    if (parent < 0)
        return -1;
    int fd = openat(parent, name, flags);
    if (fd < 0 && errno == ELOOP) { /* O_NOFOLLOW met a link */
        hub_cache_find(&cache, top);
        fd = link_open(top, path, &cache, why);
        hub_cache_close(&cache);
    }
    close(parent);
    if (fd >= 0 && fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        *why = "no regular file";
    }
    return -1;
}
