/* A folder of a test's own (scratch.h). */
#define _GNU_SOURCE
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *seen, int type, struct FTW *where)
{
    (void)seen;
    (void)type;
    (void)where;
    return remove(path);
}

static void must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    exit(1);
}

void scratch_end(void)
{
    if (folder[0] == '\0')
        return;
    must(chdir("/") == 0, "chdir");
    must(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, folder);
    folder[0] = '\0';
}

void scratch_begin(void)
{
    const char *base = getenv("TMPDIR");
    scratch_end();
    (void)snprintf(folder, sizeof folder, "%s/tensorvet-XXXXXX", base == NULL || *base == '\0' ? "/tmp" : base);
    must(mkdtemp(folder) != NULL && chdir(folder) == 0, folder);
}

static void make_parents(const char *path)
{
    char part[PATH_MAX];
    (void)snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        must(mkdir(part, 0777) == 0 || errno == EEXIST, part);
        *slash = '/';
    }
}

void scratch_file(const char *path, const char *text)
{
    make_parents(path);
    FILE *file = fopen(path, "we");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

void scratch_link(const char *target, const char *path)
{
    make_parents(path);
    must(symlink(target, path) == 0, path);
}

bool scratch_holds(const char *path, const char *text)
{
    char held[256];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(held, 1, sizeof held, file);
    (void)fclose(file);
    return size == strlen(text) && memcmp(held, text, size) == 0;
}

int scratch_entries(const char *path)
{
    int count = -2;
    DIR *stream = opendir(path);
    if (stream == NULL)
        return -1;
    while (readdir(stream) != NULL)
        count++;
    (void)closedir(stream);
    return count;
}
