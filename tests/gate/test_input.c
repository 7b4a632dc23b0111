/* Inputs: opening never hangs; what is no regular file is spooled within its bound. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "input.h"
#include "scratch.h"

static const volatile int never, now = 2;

static struct input opened(const char *path)
{
    struct input input;
    input_open(&input, path, 100, &never);
    return input;
}

/* Are the input's bytes exactly that text? */
static bool holds(const struct input *input, const char *text)
{
    char bytes[256];
    ssize_t size = pread(input->fd, bytes, sizeof bytes, 0);
    return size == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0 && input->seen.st_size == size;
}

TEST(files_folders_and_nothing, "a path is a file, a folder, or has an error")
{
    scratch_begin();
    scratch_file("f", "text");
    struct input file = opened("f"), folder = opened("."), none = opened("missing");
    CHECK(file.state == INPUT_FILE && holds(&file, "text") && file.target == NULL);
    CHECK(folder.state == INPUT_FOLDER);
    CHECK(none.state == INPUT_FAILED && none.error == ENOENT);
    input_close(&file);
    input_close(&folder);
    input_close(&none);
}

TEST(links_report_their_target, "a link on the command line is followed, and where it led is known")
{
    scratch_begin();
    scratch_file("real", "text");
    scratch_link("real", "link");
    struct input input = opened("link");
    CHECK(input.state == INPUT_FILE && input.target != NULL);
    CHECK(strcmp(strrchr(input.target, '/'), "/real") == 0);
    input_close(&input);
}

TEST(change_is_seen, "a file that was written to or replaced meanwhile is not unchanged")
{
    scratch_begin();
    scratch_file("f", "text");
    struct input input = opened("f");
    CHECK(input_unchanged(&input));
    CHECK(truncate("f", 2) == 0);
    CHECK(!input_unchanged(&input));
    input_close(&input);
}

/* A FIFO with that many bytes in it, and no writer any more once it is read. */
static int fill_fifo(const char *path, size_t size)
{
    char bytes[256];
    memset(bytes, 'x', sizeof bytes);
    if (mkfifo(path, 0600) != 0)
        return -1;
    int keep = open(path, O_RDWR | O_CLOEXEC);
    return write(keep, bytes, size) == (ssize_t)size ? keep : -1;
}

TEST(pipes_are_spooled, "what comes from a pipe is kept, to the byte, up to its bound")
{
    int ends[2], spool = -1, error = 0;
    for (size_t size = 99; size <= 101; size++) {
        char bytes[101] = {0};
        CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], bytes, size) == (ssize_t)size && close(ends[1]) == 0);
        enum input_state state = input_spool(ends[0], 100, &never, &spool, &error);
        CHECK(state == (size <= 100 ? INPUT_FILE : INPUT_TOO_LARGE) && (spool >= 0) == (size <= 100));
        struct stat seen;
        CHECK(spool < 0 || (fstat(spool, &seen) == 0 && (size_t)seen.st_size == size && seen.st_nlink == 0));
        if (spool >= 0)
            (void)close(spool);
        (void)close(ends[0]);
    }
}

TEST(an_empty_pipe_is_empty, "a pipe that ends at once is a file without bytes")
{
    int ends[2], spool = -1, error = 0;
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && close(ends[1]) == 0);
    CHECK(input_spool(ends[0], 100, &never, &spool, &error) == INPUT_FILE && lseek(spool, 0, SEEK_END) == 0);
    (void)close(spool);
    (void)close(ends[0]);
}

TEST(waiting_can_be_stopped, "a FIFO that nobody writes to neither hangs the opening nor outlives a signal")
{
    struct input input;
    scratch_begin();
    CHECK(mkfifo("fifo", 0600) == 0);
    input_open(&input, "fifo", 100, &now);
    CHECK(input.state == INPUT_STOPPED && input.fd == -1);
    input_close(&input);
    int keep = fill_fifo("full", 10);
    CHECK(keep >= 0);
    input_open(&input, "full", 9, &never);
    CHECK(input.state == INPUT_TOO_LARGE);
    input_close(&input);
    (void)close(keep);
}

TEST(sockets_are_refused, "a socket in the file system cannot be opened, and that is an error like another")
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    scratch_begin();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof name) == 0);
    struct input input = opened("socket");
    CHECK(input.state == INPUT_FAILED && input.error == ENXIO);
    input_close(&input);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    int status = run_tests(argc, argv);
    scratch_end();
    return status;
}
