/* Run by the build: the filters of the profiles that are the same for every process, as libseccomp makes them for this
 * machine, written as a table of C. Trusts the source tree. Promises: nothing is written in part that exits 0. */
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter.h"

enum { INSTRUCTIONS = 1024 };

static const struct {
    enum jail_profile profile;
    const char *name;
} profiles[] = {{JAIL_STRICT, "JAIL_STRICT"},
                {JAIL_STRICT_STREAM, "JAIL_STRICT_STREAM"},
                {JAIL_STRICT_TELLING, "JAIL_STRICT_TELLING"},
                {JAIL_STRICT_BATCH, "JAIL_STRICT_BATCH"}};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

/* How many instructions; 0 where it failed. */
static size_t make(enum jail_profile profile, struct sock_filter code[INSTRUCTIONS])
{
    int error = 0, fd = memfd_create("filter", MFD_CLOEXEC);
    scmp_filter_ctx filter = filter_make(profile, 0, &error);
    ssize_t size = -1;
    if (filter != NULL && fd >= 0 && seccomp_export_bpf(filter, fd) == 0)
        size = pread(fd, code, sizeof(code[0]) * INSTRUCTIONS, 0);
    seccomp_release(filter);
    (void)close(fd);
    const bool whole = size > 0 && (size_t)size < sizeof(code[0]) * INSTRUCTIONS;
    return whole ? (size_t)size / sizeof(code[0]) : 0;
}

static bool write_program(const char *name, size_t index, const struct sock_filter *code, size_t count)
{
    bool fine = printf("static const struct sock_filter program_%zu[] = { /* %s */\n", index, name) > 0;
    for (size_t i = 0; i < count; i++)
        fine = printf("    {0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf, code[i].k) > 0 && fine;
    return printf("};\n") > 0 && fine;
}

int main(void)
{
    size_t counts[PROFILES];
    bool fine = printf("/* Made by filter_table_make of profile.def. */\n") > 0;
    for (size_t i = 0; i < PROFILES; i++) {
        struct sock_filter code[INSTRUCTIONS];
        counts[i] = make(profiles[i].profile, code);
        fine = counts[i] > 0 && write_program(profiles[i].name, i, code, counts[i]) && fine;
    }
    fine = printf("static const struct {\n    const struct sock_filter *code;\n    unsigned short count;\n"
                  "} filter_table[JAIL_PROFILE_COUNT] = {\n") > 0 &&
           fine;
    for (size_t i = 0; i < PROFILES; i++)
        fine = printf("    [%s] = {program_%zu, %zu},\n", profiles[i].name, i, counts[i]) > 0 && fine;
    return printf("};\n") > 0 && fflush(stdout) == 0 && fine ? 0 : 1;
}
