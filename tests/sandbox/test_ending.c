/* How jailed processes end, and what the keeper makes of it: a crash is no violation, a limit is neither. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <jail.h>

static struct jail_result run_inmate(const char *act, bool apart)
{
    const char *const argv[] = {"ending_worker", act, NULL};
    const struct jail_spec spec = {.program = open(ENDING_WORKER, O_PATH | O_CLOEXEC),
                                   .null = open("/dev/null", O_RDWR | O_CLOEXEC),
                                   .argv = (char *const *)(uintptr_t)argv,
                                   .source = -1,
                                   .output = -1,
                                   .report = -1,
                                   .scratch = -1,
                                   .budget = {256u << 20, 0, 1}};
    struct jail_process process;
    struct jail_result result;
    const char *failed_at = "";
    int error = (apart ? jail_start_apart : jail_start)(&spec, &process, &failed_at);
    CHECK_MSG(error == 0, "%s: %s", failed_at, strerror(error));
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    (void)close(spec.program);
    (void)close(spec.null);
    CHECK(process.pidfd == -1 && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    return result;
}

/* glibc's deaths go through abort, which is an illegal instruction here (trap.c); musl's own is a privileged one. */
#define BY_LIBC (-1)

/* The first process of a pid namespace does not hear SIGXCPU: for it the hard limit counts, a second later. */
static void check_endings(bool apart)
{
    static const struct {
        const char *act;
        enum jail_ending ending;
        int code;
    } rows[] = {
        {"clean", JAIL_ENDED_CLEAN, 0},
        {"memory", JAIL_ENDED_CLEAN, 0},
        {"qsort", JAIL_ENDED_CLEAN, 0},
        {"exhaust", JAIL_ENDED_CLEAN, 0},
        {"status", JAIL_ENDED_EXIT, 7},
        {"violate", JAIL_ENDED_VIOLATION, SIGSYS},
        {"null-read", JAIL_ENDED_CRASH, SIGSEGV},
        {"overflow-stack", JAIL_ENDED_CRASH, SIGSEGV},
        {"change-table", JAIL_ENDED_CRASH, SIGSEGV},
        {"abort", JAIL_ENDED_CRASH, SIGILL},
        {"double-free", JAIL_ENDED_CRASH, BY_LIBC},
        {"heap-overrun", JAIL_ENDED_CRASH, BY_LIBC},
        {"smash", JAIL_ENDED_CRASH, BY_LIBC},
        {"copy-within", JAIL_ENDED_CLEAN, 0},
#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
        {"copy-beyond", JAIL_ENDED_CRASH, SIGILL},
        {"move-beyond", JAIL_ENDED_CRASH, SIGILL},
        {"set-beyond", JAIL_ENDED_CRASH, SIGILL},
        {"print-beyond", JAIL_ENDED_CRASH, SIGILL},
#endif
        {"burn", JAIL_ENDED_CPU, SIGXCPU},
#ifdef __x86_64__
        {"divide", JAIL_ENDED_CRASH, SIGFPE},
#endif
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct jail_result result = run_inmate(rows[i].act, apart);
        bool late = apart && result.ending == JAIL_ENDED_CPU && result.code == SIGKILL;
        bool libc = rows[i].code == BY_LIBC && (result.code == SIGILL || result.code == SIGSEGV);
        CHECK_MSG(result.ending == rows[i].ending && (late || libc || result.code == rows[i].code), "%s: %s %d",
                  rows[i].act, jail_ending_name(result.ending), result.code);
    }
}

TEST(inmates, "each death has its place in the table; what a worker needs of libc is allowed")
{
    check_endings(false);
}

TEST(inmates_apart, "and in namespaces of its own, where it is the first process")
{
    check_endings(true);
}

TEST(telling, "the telling jail says which call it was, and ends the process all the same")
{
    const char *const argv[] = {"ending_worker", "violate", "tell", NULL};
    int ends[2], number = 0;
    char name[64];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    const struct jail_spec spec = {open(ENDING_WORKER, O_PATH | O_CLOEXEC),
                                   open("/dev/null", O_RDWR | O_CLOEXEC),
                                   (char *const *)(uintptr_t)argv,
                                   -1,
                                   -1,
                                   ends[1],
                                   -1,
                                   {256u << 20, 0, 1}};
    struct jail_process process;
    struct jail_result result;
    const char *failed_at = "";
    CHECK(jail_start(&spec, &process, &failed_at) == 0);
    (void)close(ends[1]);
    CHECK(read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number) && number == SYS_getpid);
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    CHECK(result.ending == JAIL_ENDED_CLEAN);
    jail_call_name(number, name, sizeof(name));
    CHECK_MSG(strncmp(name, "getpid (", 8) == 0, "%s", name);
    jail_call_name(100000, name, sizeof(name));
    CHECK(strcmp(name, "100000") == 0);
    (void)close(ends[0]);
    (void)close(spec.program);
    (void)close(spec.null);
}

static int exited(int status)
{
    return status << 8;
}

TEST(table, "the table itself: the keeper's reason stands first, then the signal, then the status")
{
    static const struct {
        int status;
        enum jail_reason reason;
        double cpu;
        enum jail_ending ending;
    } rows[] = {
        {0, JAIL_NOT_KILLED, 0, JAIL_ENDED_CLEAN},
        {SIGSYS, JAIL_NOT_KILLED, 0, JAIL_ENDED_VIOLATION},
        {SIGSYS | 0x80, JAIL_NOT_KILLED, 0, JAIL_ENDED_VIOLATION}, /* with a core */
        {SIGSEGV, JAIL_NOT_KILLED, 0, JAIL_ENDED_CRASH},
        {SIGBUS, JAIL_NOT_KILLED, 0, JAIL_ENDED_CRASH},
        {SIGTRAP, JAIL_NOT_KILLED, 0, JAIL_ENDED_CRASH},
        {SIGXCPU, JAIL_NOT_KILLED, 1, JAIL_ENDED_CPU},
        {SIGKILL, JAIL_NOT_KILLED, 11, JAIL_ENDED_CPU}, /* the hard limit of 10 and one */
        {SIGKILL, JAIL_NOT_KILLED, 1, JAIL_ENDED_KILLED},
        {SIGTERM, JAIL_NOT_KILLED, 1, JAIL_ENDED_KILLED},
        {SIGKILL, JAIL_KILLED_WALL, 1, JAIL_ENDED_WALL},
        {SIGKILL, JAIL_KILLED_STOP, 1, JAIL_ENDED_STOPPED},
        {0, JAIL_KILLED_WALL, 1, JAIL_ENDED_WALL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_MSG(jail_classify(rows[i].status, rows[i].reason, rows[i].cpu, 10) == rows[i].ending, "row %zu", i);
    CHECK(jail_classify(exited(3), JAIL_NOT_KILLED, 0, 10) == JAIL_ENDED_EXIT);
    CHECK(strcmp(jail_ending_name(JAIL_ENDED_VIOLATION), "violation") == 0);
}

TEST(no_core, "no core file is ever written")
{
    struct rlimit limit = {0, 0};
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_CORE, &limit) == 0); /* ours is open; the inmate's is not */
    const char *const argv[] = {"ending_worker", "null-read", NULL};
    const struct jail_spec spec = {open(ENDING_WORKER, O_PATH | O_CLOEXEC),
                                   open("/dev/null", O_RDWR | O_CLOEXEC),
                                   (char *const *)(uintptr_t)argv,
                                   -1,
                                   -1,
                                   -1,
                                   -1,
                                   {256u << 20, 0, 1}};
    struct jail_process process;
    const char *failed_at = "";
    int status = 0;
    CHECK(jail_start(&spec, &process, &failed_at) == 0);
    CHECK(waitpid(process.pid, &status, 0) == process.pid && WIFSIGNALED(status) && !WCOREDUMP(status));
    (void)close(process.pidfd);
    (void)close(spec.program);
    (void)close(spec.null);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
