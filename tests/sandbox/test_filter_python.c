/* The filter of the torch engine's Python as a golden table: every number, against what is written down here a second
 * time, by hand. x86-64 alone: on other machines the rows are the same, and libseccomp knows their numbers. */
#define _GNU_SOURCE

#include <errno.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>
#include <filter.h>

#include "bpf.h"

enum rule { ANY, WAKE, SOURCE, STREAM, MAP, REMAP, SELF, NO_ACCESS, NO_TERMINAL };
static const struct {
    int number; /* of x86-64, from the kernel's table */
    enum rule rule;
} golden[] = {
    {0, SOURCE},      {1, STREAM},      {2, NO_ACCESS},   {4, NO_ACCESS},   {5, NO_ACCESS},   {6, NO_ACCESS},
    {8, SOURCE},      {9, MAP},         {11, ANY},        {12, ANY},        {14, ANY},        {16, NO_TERMINAL},
    {21, NO_ACCESS},  {25, REMAP},      {39, ANY},        {79, NO_ACCESS},  {89, NO_ACCESS},  {186, ANY},
    {202, WAKE},      {217, NO_ACCESS}, {231, ANY},       {234, SELF},      {257, NO_ACCESS}, {262, NO_ACCESS},
    {267, NO_ACCESS}, {269, NO_ACCESS}, {332, NO_ACCESS}, {439, NO_ACCESS},
};

struct program {
    size_t count;
    struct sock_filter code[4096];
};

static bool allows(enum rule rule, const uint64_t *a)
{
    switch (rule) {
    case ANY: return true;
    case WAKE: return a[1] == 1 || a[1] == 129;
    case SOURCE: return (uint32_t)a[0] == 3;
    case STREAM: return (uint32_t)a[0] == 5;
    case MAP: return (a[2] & ~UINT64_C(3)) == 0 && (a[3] & ~UINT64_C(0x24000)) == 0x22; /* NORESERVE, STACK */
    case REMAP: return a[3] == 1;
    case SELF: return a[0] == (uint64_t)getpid();
    case NO_ACCESS:
    case NO_TERMINAL: break;
    }
    return false;
}

static uint32_t expected(uint32_t arch, int number, const uint64_t *args, enum jail_profile profile)
{
    const uint32_t otherwise = profile == JAIL_PYTHON_TELLING ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
    if (arch != AUDIT_ARCH_X86_64 || number >= 0x40000000)
        return SECCOMP_RET_KILL_PROCESS;
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        if (golden[i].number != number)
            continue;
        if (golden[i].rule == NO_ACCESS)
            return SECCOMP_RET_ERRNO | EACCES;
        if (golden[i].rule == NO_TERMINAL)
            return SECCOMP_RET_ERRNO | ENOTTY;
        return allows(golden[i].rule, args) ? SECCOMP_RET_ALLOW : otherwise;
    }
    return otherwise;
}

/* Each small descriptor, its own and another's number, protections and flags, and garbage in the upper halves. */
static size_t arguments(uint64_t (*sets)[6])
{
    static const uint64_t flags[] = {0x22, 0x4022, 0x20022, 0x32, 0x21, 0x02, 0x20, 1, 2, 0x22 | UINT64_C(1) << 32};
    size_t count = 0;
    for (uint64_t fd = 0; fd < 9; fd++) {
        sets[count++][0] = fd;
        sets[count++][0] = fd | UINT64_C(7) << 32;
    }
    sets[count++][0] = (uint64_t)getpid();
    sets[count++][0] = (uint64_t)getppid();
    for (uint64_t prot = 0; prot < 8; prot++) {
        for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
            sets[count][2] = prot;
            sets[count++][3] = flags[f];
        }
    }
    for (uint64_t op = 0; op < 140; op++)
        sets[count++][1] = op;
    sets[count++][1] = 1 | UINT64_C(1) << 32;
    sets[count][2] = 3 | UINT64_C(1) << 40;
    sets[count++][3] = 0x22;
    return count;
}

static void make_program(enum jail_profile profile, struct program *program)
{
    int error = 0, fd = memfd_create("filter", MFD_CLOEXEC);
    const struct filter_wish wish = {.profile = profile, .architecture = SCMP_ARCH_X86_64, .own = (uint32_t)getpid()};
    scmp_filter_ctx filter = filter_make(&wish, &error);
    CHECK(filter != NULL && fd >= 0 && seccomp_export_bpf(filter, fd) == 0);
    ssize_t size = pread(fd, program->code, sizeof(program->code), 0);
    CHECK(size > 0 && (size_t)size % sizeof(struct sock_filter) == 0);
    program->count = (size_t)size / sizeof(struct sock_filter);
    seccomp_release(filter);
    (void)close(fd);
}

static void sweep(enum jail_profile profile)
{
    static const uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
    static struct program program;
    static uint64_t sets[512][6];
    size_t tried = arguments(sets);
    make_program(profile, &program);
    for (size_t a = 0; a < sizeof(architectures) / sizeof(architectures[0]); a++) {
        for (int n = -1; n < 2 * 1024; n++) {
            struct seccomp_data d = {.arch = architectures[a], .nr = n < 1024 ? n : 0x40000000 + n - 1024};
            for (size_t s = 0; s < tried; s++) {
                memcpy(d.args, sets[s], sizeof(d.args));
                uint32_t action = bpf_run(program.code, program.count, &d);
                CHECK_MSG(action == expected(d.arch, d.nr, sets[s], profile), "arch %x number %d set %zu: %x", d.arch,
                          d.nr, s, action);
            }
        }
    }
}

TEST(python, "every number on three architectures, as the table here says")
{
    sweep(JAIL_PYTHON);
}

TEST(python_telling, "the same, but a violation raises SIGSYS")
{
    sweep(JAIL_PYTHON_TELLING);
}

/* What is put on is the program that the build made, with this process's number in it. */
TEST(as_put_on, "the build's programs are those that libseccomp makes here and now")
{
    static const enum jail_profile profiles[] = {JAIL_PYTHON, JAIL_PYTHON_TELLING};
    static struct program made;
    static struct sock_filter code[FILTER_MOST];
    if (seccomp_arch_native() != SCMP_ARCH_X86_64)
        skip_test("the programs here are of x86-64");
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        make_program(profiles[i], &made);
        CHECK(filter_program(profiles[i], (uint32_t)getpid(), code) == made.count);
        CHECK(memcmp(code, made.code, made.count * sizeof(code[0])) == 0);
        CHECK(filter_program(profiles[i], (uint32_t)getppid(), code) == made.count);
        CHECK(memcmp(code, made.code, made.count * sizeof(code[0])) != 0);
    }
    CHECK(filter_program(JAIL_PROFILE_COUNT, 1, code) == 0);
}

/* No row gives executable memory, and every row that allows says why. */
TEST(rows, "no row gives a program or executable memory")
{
    uint32_t count = 0;
    const struct profile_call *rows = profile_python_calls(&count);
    CHECK(count > 20);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(strcmp(rows[i].name, "mprotect") != 0 && strcmp(rows[i].name, "execve") != 0);
        CHECK(rows[i].reason != NULL && rows[i].reason[0] != '\0');
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
