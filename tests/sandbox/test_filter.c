/* The filter as a golden table: every number on every architecture, against a table written down here a second time,
 * by hand, from what the worker needs. And the filter that the kernel holds for a real worker is that very program. */
#define _GNU_SOURCE

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <filter.h>

#include "blocked.h"
#include "bpf.h"

struct program {
    size_t count;
    struct sock_filter code[4096];
};

/* What is allowed or answered, with the numbers of x86-64 and of aarch64, from the kernel's tables. */
enum rule {
    ANY,
    SOURCE_OUTPUT_SCRATCH,
    OUTPUT_SCRATCH,
    SOURCE_OUTPUT,
    REPORT,
    MAP,
    REMAP,
    SOURCE_OF_STREAM,
    CHANNEL_OF_BATCH,
    SOURCE_OF_BATCH,
    MAP_NOTHING,
    FREE_PAGES
};
static const struct {
    const char *name;
    int x86_64, aarch64;
    enum rule rule;
    uint32_t answer; /* an errno, or 0: allowed */
} golden[] = {
    {"read", 0, 63, SOURCE_OF_STREAM, 0},
    {"write", 1, 64, REPORT, 0},
    {"close", 3, 57, SOURCE_OF_BATCH, 0},
    {"fstat", 5, 80, SOURCE_OUTPUT, 0},
    {"mmap", 9, 222, MAP, 0},
    {"mmap", 9, 222, MAP_NOTHING, ENOMEM},
    {"munmap", 11, 215, ANY, 0},
    {"brk", 12, 214, ANY, 0},
    {"pread64", 17, 67, SOURCE_OUTPUT_SCRATCH, 0},
    {"pwrite64", 18, 68, OUTPUT_SCRATCH, 0},
    {"mremap", 25, 216, REMAP, 0},
    {"madvise", 28, 233, FREE_PAGES, ENOSYS},
    {"recvmsg", 47, 212, CHANNEL_OF_BATCH, 0},
    {"ftruncate", 77, 46, OUTPUT_SCRATCH, 0},
    {"exit_group", 231, 94, ANY, 0},
};
enum { GOLDEN = sizeof(golden) / sizeof(golden[0]) };

static bool rule_holds(enum rule rule, const uint64_t *args, enum jail_profile profile)
{
    const uint32_t fd = (uint32_t)args[0];
    const bool batch = profile == JAIL_STRICT_BATCH;
    switch (rule) {
    case ANY: return true;
    case SOURCE_OUTPUT_SCRATCH: return fd == 3 || (!batch && (fd == 4 || fd == 6));
    case OUTPUT_SCRATCH: return !batch && (fd == 4 || fd == 6);
    case SOURCE_OUTPUT: return fd == 3 || (!batch && fd == 4);
    case REPORT: return fd == 5;
    case MAP: return args[2] == 3 && args[3] == 0x22;
    case MAP_NOTHING: return args[2] == 0 && args[3] == 0x22;
    case REMAP: return args[3] == 1;
    case FREE_PAGES: return args[2] == 8;
    case CHANNEL_OF_BATCH: return batch && fd == 7;
    case SOURCE_OF_BATCH: return batch && fd == 3;
    case SOURCE_OF_STREAM: return profile == JAIL_STRICT_STREAM && fd == 3;
    }
    return false;
}

/* What a call gets that is in the table; 0: it is not. */
static uint32_t golden_action(uint32_t arch, const struct seccomp_data *d, enum jail_profile profile)
{
    if (d->arch != arch)
        return 0;
    for (size_t i = 0; i < GOLDEN; i++) {
        int number = arch == AUDIT_ARCH_X86_64 ? golden[i].x86_64 : golden[i].aarch64;
        if (d->nr == number && rule_holds(golden[i].rule, (const uint64_t *)d->args, profile))
            return golden[i].answer == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | golden[i].answer;
    }
    return 0;
}

/* Arguments worth trying: each small descriptor, protections, flags, and garbage in the upper halves. */
static size_t arguments(uint64_t (*sets)[6])
{
    static const uint64_t flags[] = {0x22, 0x02, 0x20, 0x21, 0x01, 0x32, 0x122, 0x4022, 0x22 | UINT64_C(1) << 32,
                                     1,    2,    3};
    size_t count = 0;
    for (uint64_t fd = 0; fd < 9; fd++) {
        sets[count++][0] = fd;
        sets[count++][0] = fd | UINT64_C(7) << 32;
    }
    sets[count++][0] = UINT64_MAX;
    for (uint64_t prot = 0; prot < 9; prot++) { /* and the advice MADV_FREE */
        for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
            sets[count][2] = prot;
            sets[count++][3] = flags[f];
            sets[count][2] = prot | UINT64_C(1) << 40;
            sets[count++][3] = flags[f];
        }
    }
    return count;
}

static void export_program(scmp_filter_ctx filter, struct program *program)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    CHECK(fd >= 0 && seccomp_export_bpf(filter, fd) == 0);
    ssize_t size = pread(fd, program->code, sizeof(program->code), 0);
    CHECK(size > 0 && (size_t)size % sizeof(struct sock_filter) == 0);
    program->count = (size_t)size / sizeof(struct sock_filter);
    (void)close(fd);
}

static void make_program(enum jail_profile profile, uint32_t arch, struct program *program)
{
    int error = 0;
    const struct filter_wish wish = {.profile = profile, .architecture = arch};
    scmp_filter_ctx filter = filter_make(&wish, &error);
    CHECK_MSG(filter != NULL, "%s", strerror(error));
    export_program(filter, program);
    seccomp_release(filter);
}

static const uint32_t architectures[] = {
    AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, AUDIT_ARCH_S390X, 0};

/* What a call gets that is not allowed. Numbers of x32 count as another architecture's. */
static uint32_t refusal(enum jail_profile profile, uint32_t arch, const struct seccomp_data *d)
{
    bool foreign = d->arch != arch || (arch == AUDIT_ARCH_X86_64 && d->nr >= 0x40000000);
    return profile == JAIL_STRICT_TELLING && !foreign ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
}

static unsigned sweep(enum jail_profile profile, uint32_t arch, const struct program *program)
{
    static uint64_t sets[512][6];
    size_t tried = arguments(sets);
    unsigned allowed = 0;
    for (size_t a = 0; a < sizeof(architectures) / sizeof(architectures[0]); a++) {
        for (int n = -1; n < 2 * 1024; n++) {
            struct seccomp_data d = {.arch = architectures[a], .nr = n < 1024 ? n : 0x40000000 + n - 1024};
            for (size_t s = 0; s < tried; s++) {
                memcpy(d.args, sets[s], sizeof(d.args));
                uint32_t expected = golden_action(arch, &d, profile);
                uint32_t action = bpf_run(program->code, program->count, &d);
                allowed += expected == SECCOMP_RET_ALLOW;
                uint32_t wanted = expected != 0 ? expected : refusal(profile, arch, &d);
                CHECK_MSG(action == wanted, "arch %x number %d set %zu: action %x", d.arch, d.nr, s, action);
            }
        }
    }
    return allowed;
}

/* The whole program of a profile, swept on both machines. */
static void sweep_x86_64(enum jail_profile profile)
{
    static struct program program;
    make_program(profile, SCMP_ARCH_X86_64, &program);
    CHECK(sweep(profile, AUDIT_ARCH_X86_64, &program) > 0);
}

static void sweep_aarch64(enum jail_profile profile)
{
    static struct program program;
    make_program(profile, SCMP_ARCH_AARCH64, &program);
    CHECK(sweep(profile, AUDIT_ARCH_AARCH64, &program) > 0);
}

TEST(strict_x86_64, "STRICT on x86-64 allows the golden table and kills for all else, on every architecture")
{
    sweep_x86_64(JAIL_STRICT);
}

TEST(strict_aarch64, "STRICT on aarch64 does the same with that machine's numbers")
{
    sweep_aarch64(JAIL_STRICT);
}

TEST(stream, "STRICT_STREAM adds read of the source, and nothing else")
{
    sweep_x86_64(JAIL_STRICT_STREAM);
    sweep_aarch64(JAIL_STRICT_STREAM);
}

TEST(batch, "STRICT_BATCH adds receiving on the channel and closing the source, and takes the output away")
{
    static struct program program;
    make_program(JAIL_STRICT_BATCH, SCMP_ARCH_X86_64, &program);
    CHECK(sweep(JAIL_STRICT_BATCH, AUDIT_ARCH_X86_64, &program) > 0);
    make_program(JAIL_STRICT_BATCH, SCMP_ARCH_AARCH64, &program);
    CHECK(sweep(JAIL_STRICT_BATCH, AUDIT_ARCH_AARCH64, &program) > 0);
}

TEST(telling, "STRICT_TELLING allows what STRICT allows, and traps where that kills")
{
    sweep_x86_64(JAIL_STRICT_TELLING);
}

TEST(reasons, "every row of the profile has a reason")
{
    uint32_t count = 0;
    const struct profile_call *calls = profile_calls(&count);
    CHECK(count >= GOLDEN);
    for (uint32_t i = 0; i < count; i++)
        CHECK(calls[i].profiles != 0 && strlen(calls[i].reason) > 5 && calls[i].number >= 0);
}

/* The newest filter that the kernel holds for that process. */
static void read_back(pid_t pid, struct program *program)
{
    CHECK_MSG(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, "seize: %s", strerror(errno));
    CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
    CHECK(waitpid(pid, NULL, __WALL) == pid);
    long count = 0;
    for (unsigned long offset = 0; offset < 32; offset++) {
        long size = ptrace((enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid, offset, NULL);
        if (size < 0)
            break;
        CHECK(size <= (long)(sizeof(program->code) / sizeof(program->code[0])));
        count = ptrace((enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid, offset, program->code);
    }
    if (count <= 0)
        skip_test("this kernel does not give filters back (CONFIG_CHECKPOINT_RESTORE)");
    program->count = (size_t)count;
}

static void check_real(const char *path, const char *const *argv, const struct program *made)
{
    static struct program real;
    int ends[2], channel[2];
    full_pipe(ends);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0);
    const struct jail_spec spec = {.program = open(path, O_PATH | O_CLOEXEC),
                                   .null = open("/dev/null", O_RDWR | O_CLOEXEC),
                                   .argv = (char *const *)(uintptr_t)argv,
                                   .source = channel[1],
                                   .output = -1,
                                   .report = ends[1],
                                   .scratch = -1,
                                   .budget = {1u << 30, 0, 60}};
    struct jail_process process;
    struct jail_result result;
    const char *failed_at = "";
    CHECK(spec.program >= 0 && jail_start(&spec, &process, &failed_at) == 0);
    bool blocked = wait_until_blocked(process.pid);
    if (blocked)
        read_back(process.pid, &real);
    jail_wait(&process, JAIL_KILLED_STOP, &result);
    (void)close(channel[0]);
    (void)close(channel[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(spec.program);
    (void)close(spec.null);
    CHECK_MSG(blocked, "%s did not lock itself down", path);
    CHECK_MSG(real.count == made->count && memcmp(real.code, made->code, made->count * sizeof(struct sock_filter)) == 0,
              "the kernel holds another filter for %s", path);
}

TEST(in_the_kernel, "the shipped worker and the escape tests' binary run under exactly this filter")
{
    static struct program made;
    static const char *const worker[] = {"tensorvet-worker", "selftest", NULL};
    static const char *const batch[] = {"tensorvet-worker", "check", "batch=1", NULL};
    static const char *const escape[] = {"escape_worker", "getpid", "untraced", "/", "0", NULL};
    if (geteuid() != 0)
        skip_test("only root may read a filter back");
    make_program(JAIL_STRICT, 0, &made);
    check_real(SHIPPED_WORKER, worker, &made);
    check_real(ESCAPE_WORKER, escape, &made);
    make_program(JAIL_STRICT_BATCH, 0, &made);
    check_real(SHIPPED_WORKER, batch, &made);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
