/* The broker's own confinement: what it was not asked for is out of its reach, and of its workers'. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine.h"
#include "publish.h"
#include "scratch.h"

enum { CONFINED = 0, NO_LANDLOCK = 77 };

/* Runs it in a process of its own, because confinement is for good; its result, or -1. */
static int in_child(int (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(body());
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_error(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    (void)close(fd);
    return 0;
}

/* Writes "new" to out/made/name, as a conversion does. 0, or an errno. */
static int publish_into(const char *folder_path)
{
    struct out_folder folder;
    struct publish publish;
    int error = out_folder_open(&folder, AT_FDCWD, folder_path, OUT_FOLLOW | OUT_MAKE);
    if (error != 0)
        return error;
    error = publish_begin(&publish, folder.fd, "name");
    if (error == 0)
        error = write(publish.fd, "new", 3) == 3 ? publish_commit(&publish, NULL) : errno;
    out_folder_close(&folder);
    return error;
}

/* Each test of this has a number of its own, so that the parent can say which failed. */
static int confined(void)
{
    struct confine confine;
    confine_begin(&confine);
    confine_allow_read(&confine, "in/file");
    confine_allow_read(&confine, "tree");
    confine_allow_read(&confine, "missing");
    confine_allow_outputs(&confine, "out/made/deep");
    if (!confine_apply(&confine))
        return NO_LANDLOCK;
    if (open_error("in/file", O_RDONLY) != 0 || open_error("tree/sub/file", O_RDONLY) != 0)
        return 1;
    if (open_error("in/other", O_RDONLY) != EACCES || open_error("/etc/passwd", O_RDONLY) != EACCES)
        return 2;
    if (open_error("in/file", O_WRONLY) != EACCES || open_error("tree/sub/file", O_RDWR) != EACCES)
        return 3;
    if (open_error("tree/new", O_WRONLY | O_CREAT) != EACCES || unlink("tree/sub/file") == 0)
        return 4;
    if (open_error("missing", O_RDONLY) != ENOENT)
        return 5;
    if (publish_into("out/made/deep") != 0 || !scratch_holds("out/made/deep/name", "new"))
        return 6;
    if (publish_into("elsewhere") != EACCES)
        return 7;
    if (execl("/bin/true", "true", (char *)NULL) == 0 || errno != EACCES)
        return 8;
    return CONFINED;
}

TEST(only_what_was_asked_for, "inputs can be read, outputs be made, and nothing else")
{
    scratch_begin();
    scratch_file("in/file", "1");
    scratch_file("in/other", "2");
    scratch_file("tree/sub/file", "3");
    scratch_file("out/old", "4");
    int result = in_child(confined);
    if (result == NO_LANDLOCK)
        skip_test("this kernel has no Landlock");
    CHECK_MSG(result == CONFINED, "step %d", result);
}

static int without(void)
{
    struct confine confine;
    confine_begin(&confine);
    confine_allow_read(&confine, "in");
    confine.broken = true;
    return confine_apply(&confine) || open_error("out/old", O_RDONLY) != 0;
}

TEST(all_or_nothing, "where a rule could not be added, nothing is confined, rather than the wrong thing")
{
    scratch_begin();
    scratch_file("out/old", "4");
    CHECK(in_child(without) == 0);
}

int main(int argc, char **argv)
{
    int status = run_tests(argc, argv);
    scratch_end();
    return status;
}
