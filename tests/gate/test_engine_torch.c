/* What the trusted side makes of the words of a Python (engine_torch.h), without one: the test is at the other end. */
#define _GNU_SOURCE

#include <sys/socket.h>
#include <unistd.h>

#include <string.h>

#include <check.h>
#include <engine_torch.h>

/* A Python that has just been started, and its end of the socket. */
static int begin(struct torch_engine *engine)
{
    static const struct torch_settings settings = {.wanted = true};
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    *engine = (struct torch_engine){.settings = &settings, .state = TORCH_STARTING, .control = ends[0]};
    return ends[1];
}

static void say(int theirs, const char *line)
{
    CHECK(send(theirs, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line));
}

/* Nothing was said to it, or exactly that. */
static bool was_told(int theirs, const char *line)
{
    char heard[256] = "";
    ssize_t size = recv(theirs, heard, sizeof(heard) - 1, MSG_DONTWAIT);
    return line == NULL ? size < 0 : size == (ssize_t)strlen(line) && strcmp(heard, line) == 0;
}

static void end(struct torch_engine *engine, int theirs)
{
    (void)close(engine->control);
    (void)close(theirs);
}

TEST(renewed, "after 500 files the Python starts anew, and then counts from the beginning")
{
    struct torch_engine engine;
    int theirs = begin(&engine);
    say(theirs, "ready 3.11.2 2.13.0");
    CHECK(torch_ready(&engine) && strcmp(engine.version, "torch 2.13.0, Python 3.11.2") == 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < 500; i++)
            torch_file_done(&engine);
        CHECK(engine.state == TORCH_READY && was_told(theirs, NULL));
        torch_file_done(&engine);
        CHECK(engine.state == TORCH_STARTING && was_told(theirs, "again"));
        say(theirs, "ready 3.11.2 2.13.0");
        CHECK(torch_ready(&engine));
    }
    end(&engine, theirs);
}

TEST(words, "what it says of its failure is kept, with the right id; another word is a failure too")
{
    static const struct {
        const char *line;
        tv_finding_id id;
        const char *why;
    } rows[] = {{"failed missing numpy is not installed", TV_FIND_TORCH_MISSING, "numpy is not installed"},
                {"failed broken import torch: x", TV_FIND_TORCH_FAILED, "import torch: x"},
                {"hello", TV_FIND_TORCH_FAILED, "it said something else"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct torch_engine engine;
        int theirs = begin(&engine);
        say(theirs, rows[i].line);
        CHECK(!torch_ready(&engine) && engine.state == TORCH_DEAD);
        CHECK_MSG(engine.failure == rows[i].id && strcmp(engine.why, rows[i].why) == 0, "%s: %s", rows[i].line,
                  engine.why);
        end(&engine, theirs);
    }
}

TEST(gone, "a Python that went away is a failure, whenever it does")
{
    struct torch_engine engine;
    struct torch_child child;
    int theirs = begin(&engine);
    (void)close(theirs);
    CHECK(!torch_ready(&engine) && engine.state == TORCH_DEAD && engine.failure == TV_FIND_TORCH_FAILED);
    (void)close(engine.control);
    theirs = begin(&engine);
    say(theirs, "ready 3.11.2 2.13.0");
    CHECK(torch_ready(&engine));
    (void)close(theirs);
    CHECK(!torch_start(&engine, "run", STDIN_FILENO, STDIN_FILENO, &child) && !child.running);
    CHECK(engine.state == TORCH_DEAD && engine.failure == TV_FIND_TORCH_FAILED);
    torch_renew(&engine);
    CHECK(engine.state == TORCH_DEAD);
    (void)close(engine.control);
}

TEST(no_child, "a child without a descriptor to watch it by is none")
{
    struct torch_engine engine;
    struct torch_child child;
    int theirs = begin(&engine);
    say(theirs, "ready 3.11.2 2.13.0");
    say(theirs, "started");
    CHECK(!torch_start(&engine, "run", STDIN_FILENO, STDIN_FILENO, &child) && !child.running);
    CHECK(engine.state == TORCH_DEAD && was_told(theirs, "run"));
    end(&engine, theirs);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
