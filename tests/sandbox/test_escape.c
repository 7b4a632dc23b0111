/* The escape table: each attempt, from inside the lock, ends in SIGSYS with its own number and leaves no trace; without
 * the lock the same attempt succeeds, so that the table is known to try something. With --user, all of it as an
 * ordinary user, where we are root. */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>
#include <jail.h>

#include "escape.h"

static const struct {
    const char *name;
    long number;
    const char *why;
} rows[] = {
#define ESCAPE(name, number, setup, attempt, why) {#name, number, why},
#include "escape.def"
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* What is allowed, but not that much of it. */
static const struct {
    const char *name;
    int error;
    const char *why;
} limited[] = {
#define LIMIT(name, setup, attempt, error, why) {#name, error, why},
#include "escape.def"
};
enum { LIMITED = sizeof(limited) / sizeof(limited[0]) };

static const struct jail_budget small = {MEMORY_MOST, OUTPUT_MOST, 60}, large = {UINT64_C(4) << 30, 64u << 20, 60};

static int program, null, source, output;
static char folder[] = "/tmp/tensorvet-escape-XXXXXX";
static char secret[16] = PLANTED;

/* How an attempt ended. */
struct end {
    bool got_report, got_attempt;
    struct escape_report report;
    int status;  /* as of waitpid */
    long number; /* locked: the last system call that was entered */
    uint32_t arch;
};

static void write_file(const char *name, mode_t mode, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
}

static int open_file(const char *name, int flags)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return open(path, flags | O_CLOEXEC);
}

/* The folder as it is before each attempt. */
static void prepare(void)
{
    static const char *const leftovers[] = {"fresh", "own"};
    char path[300];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, leftovers[i]);
        (void)(unlink(path) != 0 && rmdir(path) != 0);
    }
    write_file("victim", 0666, "do not touch");
    write_file("source", 0644, "the source of this job");
    write_file("output", 0600, "");
    (void)close(source);
    (void)close(output);
    source = open_file("source", O_RDONLY);
    output = open_file("output", O_RDWR);
    CHECK(source >= 0 && output >= 0);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

/* Names, modes, sizes, times and bytes of all but what a row's setup makes ("own"). */
static uint64_t traces(void)
{
    uint64_t sum = 0;
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, "own") == 0)
            continue;
        struct stat s;
        char bytes[64] = {0};
        CHECK(fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0);
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));
        (void)close(fd);
        uint64_t hash = mix(UINT64_C(14695981039346656037), e->d_name, strlen(e->d_name));
        hash = mix(hash, &s.st_mode, sizeof(s.st_mode));
        hash = mix(hash, &s.st_mtim, sizeof(s.st_mtim));
        sum += mix(hash, bytes, size < 0 ? 0 : (size_t)size);
    }
    (void)closedir(d);
    return sum;
}

/* mode: "free", "locked" (and followed by us), "untraced" (and locked). */
static struct jail_process start(const char *row, const char *mode, const struct jail_budget *budget, int report)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "%llx", (unsigned long long)(uintptr_t)secret);
    const char *const argv[] = {"escape_worker", row, mode, folder, address, NULL};
    const struct jail_spec spec = {.program = program,
                                   .null = null,
                                   .argv = (char *const *)(uintptr_t)argv,
                                   .source = source,
                                   .output = output,
                                   .report = report,
                                   .scratch = -1,
                                   .budget = *budget};
    struct jail_process process;
    const char *failed_at = "";
    int error = jail_start(&spec, &process, &failed_at);
    CHECK_MSG(error == 0, "%s: %s", failed_at, strerror(error));
    return process;
}

/* Follows every system call to the end, and keeps the last that was entered. */
static void follow(pid_t pid, struct end *end)
{
    CHECK(waitpid(pid, &end->status, __WALL) == pid && WIFSTOPPED(end->status));
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    long deliver = 0;
    while (WIFSTOPPED(end->status)) {
        CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, deliver) == 0);
        CHECK(waitpid(pid, &end->status, __WALL) == pid);
        if (!WIFSTOPPED(end->status))
            break;
        deliver = WSTOPSIG(end->status);
        if (deliver == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info = {0};
            deliver = 0;
            CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                end->number = (long)info.entry.nr;
                end->arch = info.arch;
            }
        }
    }
}

static void attempt(const char *row, const char *mode, const struct jail_budget *budget, struct end *end)
{
    int ends[2];
    *end = (struct end){.number = -2};
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    struct jail_process process = start(row, mode, budget, ends[1]);
    (void)close(ends[1]);
    if (strcmp(mode, "locked") == 0)
        follow(process.pid, end);
    else
        CHECK(waitpid(process.pid, &end->status, __WALL) == process.pid);
    (void)close(process.pidfd);
    const size_t first = offsetof(struct escape_report, attempt);
    ssize_t size = read(ends[0], &end->report, sizeof(end->report));
    end->got_report = size >= (ssize_t)first;
    end->got_attempt = size == (ssize_t)sizeof(end->report);
    if (size == (ssize_t)first)
        end->got_attempt = read(ends[0], &end->report.attempt, sizeof(end->report.attempt)) == sizeof(int32_t);
    (void)close(ends[0]);
}

static bool is_int80(size_t row)
{
    return strncmp(rows[row].name, "int80", 5) == 0;
}

static void check_locked(size_t row)
{
    struct end end;
    const char *name = rows[row].name;
    prepare();
    uint64_t before = traces();
    attempt(name, "locked", &large, &end);
    CHECK_MSG(end.got_report && end.report.setup == 0, "%s: its setup failed: %s", name, strerror(-end.report.setup));
    CHECK_MSG((end.report.layers & JAIL_MANDATORY) == JAIL_MANDATORY, "%s: not locked", name);
    if (is_int80(row) && WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGSEGV)
        return; /* a kernel without the 32-bit door: the instruction itself faults */
    CHECK_MSG(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGSYS, "%s: status %x, attempt %s", name, end.status,
              end.got_attempt ? strerror(-end.report.attempt) : "without word");
    CHECK_MSG((int32_t)end.number == (int32_t)rows[row].number, "%s: it was call %ld", name, end.number);
    CHECK_MSG((end.arch == AUDIT_ARCH_I386) == is_int80(row), "%s: architecture %x", name, end.arch);
    CHECK_MSG(traces() == before, "%s left a trace", name);
    CHECK(strcmp(secret, PLANTED) == 0);
}

static void check_free(const char *name, const char *why)
{
    struct end end;
    prepare();
    attempt(name, "free", &large, &end);
    bool success = WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0 && end.got_report && end.report.setup == 0 &&
                   (!end.got_attempt || end.report.attempt == 0);
    CHECK_MSG(success || why != NULL, "%s does not even work without the lock: status %x, setup %s, attempt %s", name,
              end.status, strerror(-end.report.setup), strerror(-end.report.attempt));
}

TEST(locked, "every escape is killed with SIGSYS, at its own number, without a trace")
{
    for (size_t row = 0; row < ROWS; row++)
        check_locked(row);
}

TEST(free_of_lock, "the same attempts succeed without the lock, or the table says what else stands in their way")
{
    for (size_t row = 0; row < ROWS; row++)
        check_free(rows[row].name, rows[row].why);
    for (size_t row = 0; row < LIMITED; row++)
        check_free(limited[row].name, limited[row].why);
}

TEST(beyond_limits, "more memory or output than was given, or what was never given, is refused with the stated errno")
{
    for (size_t row = 0; row < LIMITED; row++) {
        struct end end;
        const char *name = limited[row].name;
        prepare();
        uint64_t before = traces();
        attempt(name, "untraced", &small, &end);
        CHECK_MSG(end.got_report && end.report.setup == 0, "%s: its setup failed: %s", name,
                  strerror(-end.report.setup));
        CHECK_MSG((end.report.layers & JAIL_MANDATORY) == JAIL_MANDATORY, "%s: not locked", name);
        CHECK_MSG(WIFEXITED(end.status) && end.got_attempt, "%s: status %x", name, end.status);
        CHECK_MSG(end.report.attempt == -limited[row].error, "%s: %s", name, strerror(-end.report.attempt));
        CHECK_MSG(traces() == before, "%s left a trace", name);
    }
}

/* Its end, by the clock if it has none of its own within a second. The report is never read: a full pipe waits. */
static struct jail_result end_of(const char *row, uint64_t cpu_seconds)
{
    int ends[2];
    struct jail_budget budget = small;
    struct jail_result result;
    budget.cpu_seconds = cpu_seconds;
    prepare();
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    struct jail_process process = start(row, "untraced", &budget, ends[1]);
    (void)close(ends[1]);
    struct pollfd end = {.fd = process.pidfd, .events = POLLIN};
    const bool by_clock = cpu_seconds > 1;
    bool ended = poll(&end, 1, by_clock ? 1000 : 60000) == 1;
    jail_wait(&process, ended ? JAIL_NOT_KILLED : JAIL_KILLED_WALL, &result);
    (void)close(ends[0]);
    return result;
}

TEST(endless, "processor time ends at its limit; what only waits is ended by the keeper's clock, and is gone")
{
    struct jail_result result = end_of("more_processor_time", 1);
    CHECK_MSG(result.ending == JAIL_ENDED_CPU && result.code == SIGXCPU, "%d", result.code);
    result = end_of("more_time", 60);
    CHECK_MSG(result.ending == JAIL_ENDED_WALL, "%s %d", jail_ending_name(result.ending), result.code);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void become_user(void)
{
    const id_t nobody_in_particular = 54321;
    if (geteuid() != 0)
        return;
    if (setgroups(0, NULL) != 0 || setresgid(nobody_in_particular, nobody_in_particular, nobody_in_particular) != 0 ||
        setresuid(nobody_in_particular, nobody_in_particular, nobody_in_particular) != 0)
        exit(2);
    /* As a process is that this user has started: its own processes may trace it and read its memory. */
    if (prctl(PR_SET_DUMPABLE, 1ul, 0ul, 0ul, 0ul) != 0)
        exit(2);
}

/* Descriptors and an environment that are not meant for the worker. */
static void leak(void)
{
    for (int i = 0; i < LEAKED; i++)
        if (dup2(null, LEAKED_FIRST + i) < 0)
            exit(2);
    if (setenv("TENSORVET_TEST_SECRET", PLANTED, 1) != 0)
        exit(2);
}

static void remove_folder(void)
{
    static const char *const files[] = {"fresh", "own", "victim", "source", "output"};
    char path[300];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)(unlink(path) != 0 && rmdir(path) != 0);
    }
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    program = open(ESCAPE_WORKER, O_PATH | O_CLOEXEC);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    source = output = -1;
    if (argc > 1 && strcmp(argv[1], "--user") == 0) {
        become_user();
        argc--;
        argv++;
    }
    if (program < 0 || null < 0 || mkdtemp(folder) == NULL || chmod(folder, 0777) != 0)
        return 2;
    leak();
    int status = run_tests(argc, argv);
    remove_folder();
    return status;
}
