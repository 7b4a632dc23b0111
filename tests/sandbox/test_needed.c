/* The profile allows nothing that no job needs: real workers are followed through every kind of job, and each row of
 * profile.def that allows must be met, but for those of the scratch descriptor, which no job is given yet, and brk:
 * musl's malloc needs it beyond some hundred kinds and groups of blocks, which no job has. */
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <check.h>
#include <filter.h>

#include "blocked.h"

enum { ROWS_MOST = 64 };
static bool met[ROWS_MOST];

static bool row_allows(const struct profile_call *row, const struct __ptrace_syscall_info *info)
{
    if ((row->profiles & (1u << JAIL_STRICT)) == 0 || info->entry.nr != (uint64_t)row->number)
        return false;
    for (uint32_t i = 0; i < row->count; i++) {
        const struct profile_condition *c = &row->conditions[i];
        if ((info->entry.args[c->argument] & c->mask) != c->value)
            return false;
    }
    return true;
}

static void meet(const struct __ptrace_syscall_info *info)
{
    uint32_t count = 0;
    const struct profile_call *rows = profile_calls(&count);
    for (uint32_t i = 0; i < count && i < ROWS_MOST; i++)
        met[i] = met[i] || row_allows(&rows[i], info);
}

/* From READY to the end, call by call. The report stays in the pipe, which is large enough by then. */
static int follow(pid_t pid, int report)
{
    char bytes[4096];
    int status = 0;
    CHECK(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, &status, __WALL) == pid);
    CHECK(fcntl(report, F_SETPIPE_SZ, 1 << 20) >= 0);
    while (read(report, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        continue;
    while (WIFSTOPPED(status)) {
        struct __ptrace_syscall_info info = {0};
        bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (at_call && ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
            info.op == PTRACE_SYSCALL_INFO_ENTRY)
            meet(&info);
        CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, 0L) == 0 && waitpid(pid, &status, __WALL) == pid);
    }
    return status;
}

static void run_job(const char *kind, int source, int output)
{
    const char *const argv[] = {"tensorvet-worker", kind, NULL};
    int ends[2];
    full_pipe(ends);
    const struct jail_spec spec = {.program = open(SHIPPED_WORKER, O_PATH | O_CLOEXEC),
                                   .null = open("/dev/null", O_RDWR | O_CLOEXEC),
                                   .argv = (char *const *)(uintptr_t)argv,
                                   .source = source,
                                   .output = output,
                                   .report = ends[1],
                                   .scratch = -1,
                                   .budget = {1u << 30, 1u << 30, 60}};
    struct jail_process process;
    const char *failed_at = "";
    CHECK(jail_start(&spec, &process, &failed_at) == 0 && wait_until_blocked(process.pid));
    int status = follow(process.pid, ends[0]);
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", kind, status);
    (void)close(process.pidfd);
    (void)close(spec.program);
    (void)close(spec.null);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* A file of many tensors of one byte: its header needs large blocks of memory, which grow. */
static int large_file(void)
{
    enum { TENSORS = 20000 };
    FILE *f = tmpfile();
    CHECK(f != NULL && fseek(f, 8, SEEK_SET) == 0 && fputc('{', f) == '{');
    for (int i = 0; i < TENSORS; i++)
        (void)fprintf(f, "%s\"layer.%d.weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                      i == 0 ? "" : ",", i, i, i + 1);
    (void)fputc('}', f);
    long end = ftell(f);
    while (end % 8 != 0) {
        (void)fputc(' ', f);
        end++;
    }
    const uint64_t length = (uint64_t)end - 8;
    static const char data[TENSORS];
    CHECK(fwrite(data, 1, TENSORS, f) == TENSORS && fseek(f, 0, SEEK_SET) == 0);
    CHECK(fwrite(&length, sizeof(length), 1, f) == 1 && fflush(f) == 0);
    int fd = dup(fileno(f));
    (void)fclose(f);
    return fd;
}

TEST(every_row, "each call that the profile allows is made by some job")
{
    int checkpoint = open(CHECKPOINT, O_RDONLY | O_CLOEXEC), large = large_file(), large_output = large_file();
    FILE *output = tmpfile();
    if (geteuid() != 0)
        skip_test("only root may follow a process that is undumpable");
    CHECK(checkpoint >= 0 && large >= 0 && output != NULL && ftruncate(large_output, 0) == 0);
    run_job("selftest", -1, -1);
    run_job("check", large, -1);
    run_job("inspect", checkpoint, -1);
    run_job("write", checkpoint, fileno(output));
    run_job("compare", checkpoint, fileno(output));
    run_job("judge", fileno(output), -1);
    run_job("write", large, large_output);
    run_job("compare", large, large_output);
    uint32_t count = 0;
    const struct profile_call *rows = profile_calls(&count);
    CHECK(count <= ROWS_MOST);
    for (uint32_t i = 0; i < count; i++) {
        bool strict = (rows[i].profiles & (1u << JAIL_STRICT)) != 0 && rows[i].answer == 0;
        bool lists = strcmp(rows[i].name, "brk") == 0; /* test_ending's act "memory" */
        bool scratch =
            rows[i].count == 1 && rows[i].conditions[0].argument == 0 && rows[i].conditions[0].value == JAIL_SCRATCH;
        CHECK_MSG(!strict || scratch || lists || met[i], "nobody needs %s: %s", rows[i].name, rows[i].reason);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
