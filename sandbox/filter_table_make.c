/* Run by the build: the filter of each profile, as libseccomp makes it for this machine, written as a table of C. One
 * that depends on the process's own number is made for two of them: the instruction in which they differ is told.
 * Trusts the source tree. Promises: nothing is written in part that exits 0. */
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter.h"

static const struct {
    enum jail_profile profile;
    const char *name;
} profiles[] = {{JAIL_STRICT, "JAIL_STRICT"},
                {JAIL_STRICT_STREAM, "JAIL_STRICT_STREAM"},
                {JAIL_STRICT_TELLING, "JAIL_STRICT_TELLING"},
                {JAIL_STRICT_BATCH, "JAIL_STRICT_BATCH"},
                {JAIL_PYTHON, "JAIL_PYTHON"},
                {JAIL_PYTHON_TELLING, "JAIL_PYTHON_TELLING"}};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };
enum { SOMEBODY = 0x51c5a1f3, ANOTHER = 0x2e3a5e0c }; /* numbers that no process has, and no row a constant of */

/* How many instructions; 0 where it failed. */
static size_t make(enum jail_profile profile, uint32_t own, struct sock_filter code[FILTER_MOST])
{
    int error = 0, fd = memfd_create("filter", MFD_CLOEXEC);
    const struct filter_wish wish = {.profile = profile, .own = own};
    scmp_filter_ctx filter = filter_make(&wish, &error);
    ssize_t size = -1;
    if (filter != NULL && fd >= 0 && seccomp_export_bpf(filter, fd) == 0)
        size = pread(fd, code, sizeof(code[0]) * FILTER_MOST, 0);
    seccomp_release(filter);
    (void)close(fd);
    const bool whole = size > 0 && (size_t)size < sizeof(code[0]) * FILTER_MOST;
    return whole ? (size_t)size / sizeof(code[0]) : 0;
}

/* Where the two programs differ, in their constant alone; count: nowhere. False: they are not that alike. */
static bool find_own(const struct sock_filter *one, const struct sock_filter *other, size_t count, size_t *at)
{
    *at = count;
    for (size_t i = 0; i < count; i++) {
        const bool same = one[i].code == other[i].code && one[i].jt == other[i].jt && one[i].jf == other[i].jf;
        const bool own = one[i].k == SOMEBODY && other[i].k == ANOTHER;
        if (!same || (one[i].k != other[i].k && (!own || *at < count)))
            return false;
        if (own)
            *at = i;
    }
    return true;
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
    size_t counts[PROFILES], own_at[PROFILES];
    bool fine = printf("/* Made by filter_table_make of profile.def and profile-python.def. */\n") > 0;
    for (size_t i = 0; i < PROFILES; i++) {
        static struct sock_filter code[FILTER_MOST], other[FILTER_MOST];
        counts[i] = make(profiles[i].profile, SOMEBODY, code);
        fine = counts[i] > 0 && make(profiles[i].profile, ANOTHER, other) == counts[i] &&
               find_own(code, other, counts[i], &own_at[i]) && write_program(profiles[i].name, i, code, counts[i]) &&
               fine;
    }
    fine = printf("static const struct {\n    const struct sock_filter *code;\n    unsigned short count, own_at;\n"
                  "} filter_table[JAIL_PROFILE_COUNT] = {\n") > 0 &&
           fine;
    for (size_t i = 0; i < PROFILES && fine; i++)
        fine = printf("    [%s] = {program_%zu, %zu, %zu},\n", profiles[i].name, i, counts[i], own_at[i]) > 0;
    return printf("};\n") > 0 && fflush(stdout) == 0 && fine ? 0 : 1;
}
