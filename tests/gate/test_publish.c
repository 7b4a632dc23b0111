/* Publishing: whole or not at all, whatever system call fails (they fail at link time: -Wl,--wrap). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "publish.h"
#include "scratch.h"

/* Which call fails, counted from 1; 0: none. And with what. */
static struct failing {
    int call, seen, error;
} fail_open, fail_link, fail_rename, fail_fsync;

static bool fails(struct failing *failing)
{
    failing->seen++;
    if (failing->call != 0 && failing->seen >= failing->call) {
        errno = failing->error;
        return true;
    }
    return false;
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((flags & O_TMPFILE) == O_TMPFILE && fails(&fail_open))
        return -1;
    return __real_openat(folder, path, flags, mode);
}

int __real_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags)
{
    return fails(&fail_link) ? -1 : __real_linkat(from, path, to, name, flags);
}

int __real_renameat(int from, const char *path, int to, const char *name);
int __wrap_renameat(int from, const char *path, int to, const char *name);
int __wrap_renameat(int from, const char *path, int to, const char *name)
{
    return fails(&fail_rename) ? -1 : __real_renameat(from, path, to, name);
}

int __real_renameat2(int from, const char *path, int to, const char *name, unsigned flags);
int __wrap_renameat2(int from, const char *path, int to, const char *name, unsigned flags);
int __wrap_renameat2(int from, const char *path, int to, const char *name, unsigned flags)
{
    return fails(&fail_rename) ? -1 : __real_renameat2(from, path, to, name, flags);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails(&fail_fsync) ? -1 : __real_fsync(fd);
}

static void begin(void)
{
    fail_open = fail_link = fail_rename = fail_fsync = (struct failing){0, 0, 0};
    scratch_begin();
}

/* Writes "new" and publishes it as `name` in the current folder; what publish_commit says. */
static int publish_new(const char *name, const struct publish_identity *replace)
{
    struct publish publish;
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = publish_begin(&publish, folder, name);
    if (error == 0)
        error = write(publish.fd, "new", 3) == 3 ? publish_commit(&publish, replace) : errno;
    publish_abort(&publish);
    (void)close(folder);
    return error;
}

static struct publish_identity look(const char *name)
{
    struct publish_identity identity;
    (void)publish_look(AT_FDCWD, name, &identity);
    return identity;
}

TEST(appears_whole, "a new output appears under its name, with the umask's mode, and nothing beside it")
{
    struct stat seen;
    begin();
    mode_t before = umask(027);
    int error = publish_new("out", NULL);
    (void)umask(before);
    CHECK(error == 0 && scratch_holds("out", "new") && scratch_entries(".") == 1);
    CHECK(stat("out", &seen) == 0 && (seen.st_mode & 0777) == 0640 && seen.st_nlink == 1);
    CHECK(fail_fsync.seen == 2); /* the file, then its folder */
}

TEST(nothing_before_the_commit, "before the commit nothing has the name, and an abort leaves nothing")
{
    struct publish publish;
    begin();
    for (int named = 0; named < 2; named++) {
        fail_open = (struct failing){named, 0, EOPNOTSUPP};
        int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(publish_begin(&publish, folder, "out") == 0 && scratch_entries(".") == named);
        CHECK(look("out").what == PUBLISH_FREE);
        publish_abort(&publish);
        CHECK(scratch_entries(".") == 0);
        (void)close(folder);
    }
}

TEST(never_replaces_unasked, "a name that is taken stays as it is, with and without O_TMPFILE")
{
    begin();
    scratch_file("out", "old");
    CHECK(publish_new("out", NULL) == EEXIST && scratch_holds("out", "old") && scratch_entries(".") == 1);
    fail_open = (struct failing){1, 0, EOPNOTSUPP};
    CHECK(publish_new("out", NULL) == EEXIST && scratch_holds("out", "old") && scratch_entries(".") == 1);
    fail_rename = (struct failing){1, 0, EINVAL}; /* no RENAME_NOREPLACE either */
    CHECK(publish_new("out", NULL) == EEXIST && scratch_holds("out", "old") && scratch_entries(".") == 1);
}

TEST(never_follows_a_link, "a symbolic link under the output's name is neither followed nor replaced")
{
    begin();
    scratch_file("victim", "old");
    scratch_link("victim", "out");
    scratch_link("nowhere", "dangling");
    CHECK(look("out").what == PUBLISH_OTHER);
    CHECK(publish_new("out", NULL) == EEXIST && publish_new("dangling", NULL) == EEXIST);
    CHECK(scratch_holds("victim", "old") && access("nowhere", F_OK) != 0 && scratch_entries(".") == 3);
}

TEST(works_without_o_tmpfile, "where the file system has no nameless files, a name of its own does")
{
    begin();
    fail_open = (struct failing){1, 0, EOPNOTSUPP};
    CHECK(publish_new("out", NULL) == 0 && scratch_holds("out", "new") && scratch_entries(".") == 1);
    fail_rename = (struct failing){1, 0, EINVAL};
    CHECK(publish_new("two", NULL) == 0 && scratch_holds("two", "new") && scratch_entries(".") == 2);
}

TEST(replaces_what_was_looked_at, "overwriting replaces exactly the file that was examined")
{
    begin();
    scratch_file("out", "old");
    struct publish_identity seen = look("out");
    CHECK(publish_new("out", &seen) == 0 && scratch_holds("out", "new") && scratch_entries(".") == 1);
    /* Another file by now: not the one that was examined. */
    CHECK(publish_new("out", &seen) == EEXIST && scratch_holds("out", "new") && scratch_entries(".") == 1);
    CHECK(unlink("out") == 0 && publish_new("out", &seen) == EEXIST && scratch_entries(".") == 0);
}

TEST(every_failure_leaves_nothing, "whichever call fails, the old file stays, and no new one is left")
{
    for (int named = 0; named < 2; named++)
        for (int call = 1; call <= 2; call++) {
            struct failing *const all[] = {&fail_link, &fail_rename, &fail_fsync};
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                begin();
                fail_open = (struct failing){named, 0, EOPNOTSUPP};
                *all[i] = (struct failing){call, 0, EIO};
                int error = publish_new("out", NULL);
                bool reached = all[i]->seen >= call;
                CHECK_MSG(error == (reached ? EIO : 0), "named %d, call %d of %zu: %d", named, call, i, error);
                CHECK_MSG(scratch_entries(".") == (reached ? 0 : 1), "named %d, call %d of %zu", named, call, i);
            }
        }
}

TEST(failed_replacement_keeps_the_old, "a replacement that fails leaves what was there")
{
    struct failing *const all[] = {&fail_link, &fail_rename, &fail_fsync};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin();
        scratch_file("out", "old");
        struct publish_identity seen = look("out");
        *all[i] = (struct failing){1, 0, EIO};
        CHECK(publish_new("out", &seen) == EIO && scratch_holds("out", "old") && scratch_entries(".") == 1);
    }
}

TEST(parents_are_made_and_taken_away, "missing parents are made, and go again where nothing came of it")
{
    struct out_folder folder;
    begin();
    scratch_file("a/keep", "1");
    CHECK(out_folder_open(&folder, AT_FDCWD, "a/b//c/d/", OUT_FOLLOW | OUT_MAKE) == 0 && folder.made == 3);
    out_folder_undo(&folder);
    CHECK(scratch_entries("a") == 1 && scratch_entries(".") == 1);
    CHECK(out_folder_open(&folder, AT_FDCWD, "x/y", OUT_FOLLOW | OUT_MAKE) == 0);
    scratch_file("x/other", "2"); /* somebody uses it by now */
    out_folder_undo(&folder);
    CHECK(scratch_entries("x") == 1);
    CHECK(out_folder_open(&folder, AT_FDCWD, "p/q", OUT_FOLLOW | OUT_MAKE) == 0);
    out_folder_close(&folder);
    CHECK(scratch_entries("p") == 1);
}

TEST(parents_that_cannot_be_made, "a path through a file or beyond what is allowed leaves nothing")
{
    struct out_folder folder;
    begin();
    scratch_file("file", "1");
    CHECK(out_folder_open(&folder, AT_FDCWD, "n/../file/x", OUT_FOLLOW | OUT_MAKE) == ENOTDIR);
    CHECK(out_folder_open(&folder, AT_FDCWD, "n/m", OUT_FOLLOW) == ENOENT);
    scratch_link(".", "link");
    CHECK(out_folder_open(&folder, AT_FDCWD, "link/sub", OUT_MAKE) == ENOTDIR); /* O_NOFOLLOW with O_DIRECTORY */
    CHECK(out_folder_open(&folder, AT_FDCWD, "../x", OUT_MAKE) == EXDEV);
    CHECK(out_folder_open(&folder, AT_FDCWD, "link/sub", OUT_FOLLOW | OUT_MAKE) == 0 && folder.made == 1);
    out_folder_undo(&folder);
    CHECK(scratch_entries("n") <= 0 && access("sub", F_OK) != 0);
}

int main(int argc, char **argv)
{
    int status = run_tests(argc, argv);
    scratch_end();
    return status;
}
