/* Builds the filter from profile.def or profile-python.def with libseccomp. Trusts the tables alone.
 * Promises: allow or answer what a row says, kill the process for everything else; nothing partial on failure. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "filter.h"

#define STRICT       (1u << JAIL_STRICT)
#define STREAM       (1u << JAIL_STRICT_STREAM)
#define BATCH        (1u << JAIL_STRICT_BATCH)
#define PYTHON       (1u << JAIL_PYTHON)
#define NO_CONDITION {{0}}, 0
#define CONDITION_FD(n)                                                                                                \
    {                                                                                                                  \
        .argument = 0, .mask = UINT32_MAX, .value = (n)                                                                \
    }
#define CONDITION_EQ(i, v)                                                                                             \
    {                                                                                                                  \
        .argument = (i), .mask = UINT64_MAX, .value = (v)                                                              \
    }
#define FD(n)              {CONDITION_FD(n)}, 1
#define EQUAL(i, v)        {CONDITION_EQ(i, v)}, 1
#define EQUALS(i, v, j, w) {CONDITION_EQ(i, v), CONDITION_EQ(j, w)}, 2
#define CONDITION_MASK(i, m, v)                                                                                        \
    {                                                                                                                  \
        .argument = (i), .mask = (m), .value = (v)                                                                     \
    }
#define MASKED(i, m, v)           {CONDITION_MASK(i, m, v)}, 1
#define MASKEDS(i, m, v, j, n, w) {CONDITION_MASK(i, m, v), CONDITION_MASK(j, n, w)}, 2
#define OWN(i)                    {{.argument = (i), .mask = UINT64_MAX, .own_pid = true}}, 1

#define CALL(profiles, name, conditions, reason)   {profiles, SCMP_SYS(name), #name, conditions, 0, reason},
#define ANSWER(profiles, name, conditions, number) {profiles, SCMP_SYS(name), #name, conditions, number, #number},
static const struct profile_call calls[] = {
#include "profile.def"
};
static const struct profile_call python_calls[] = {
#include "profile-python.def"
};
#undef CALL
#undef ANSWER

const struct profile_call *profile_calls(uint32_t *count)
{
    *count = sizeof(calls) / sizeof(calls[0]);
    return calls;
}

const struct profile_call *profile_python_calls(uint32_t *count)
{
    *count = sizeof(python_calls) / sizeof(python_calls[0]);
    return python_calls;
}

/* exact: libseccomp refuses a rule rather than rewrite it for an architecture that lacks the call. */
static int add_call(scmp_filter_ctx filter, const struct profile_call *call, uint32_t own)
{
    struct scmp_arg_cmp compare[2];
    for (uint32_t i = 0; i < call->count; i++) {
        const struct profile_condition *c = &call->conditions[i];
        uint64_t value = c->own_pid ? own : c->value;
        compare[i] =
            (struct scmp_arg_cmp){.arg = c->argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = c->mask, .datum_b = value};
    }
    uint32_t action = call->answer == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint16_t)call->answer);
    return seccomp_rule_add_exact_array(filter, action, call->number, call->count, compare);
}

/* The table that a profile's rows are in. */
static const struct profile_call *rows_of(enum jail_profile profile, uint32_t *count)
{
    bool python = profile == JAIL_PYTHON || profile == JAIL_PYTHON_TELLING;
    return python ? profile_python_calls(count) : profile_calls(count);
}

/* Another architecture's calls have other numbers: the default there is to kill one thread, ours is the process.
 * System errors come back as they are, instead of as ECANCELED. */
static int set_attributes(scmp_filter_ctx filter)
{
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return error != 0 ? error : seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
}

static int set_architecture(scmp_filter_ctx filter, uint32_t architecture)
{
    if (architecture == 0 || architecture == seccomp_arch_native())
        return 0;
    int error = seccomp_arch_add(filter, architecture);
    return error != 0 ? error : seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
}

static int add_calls(scmp_filter_ctx filter, const struct filter_wish *wish)
{
    const enum jail_profile profile = wish->profile;
    const uint32_t rows = 1u << (profile == JAIL_STRICT_TELLING   ? JAIL_STRICT
                                 : profile == JAIL_PYTHON_TELLING ? JAIL_PYTHON
                                                                  : profile);
    uint32_t count = 0;
    int failed = 0;
    const struct profile_call *table = rows_of(profile, &count);
    for (uint32_t i = 0; failed == 0 && i < count; i++) {
        const bool left_out = wish->without != NULL && strcmp(wish->without, table[i].name) == 0;
        if ((table[i].profiles & rows) != 0 && !left_out)
            failed = add_call(filter, &table[i], wish->own);
    }
    return failed;
}

scmp_filter_ctx filter_make(const struct filter_wish *wish, int *error)
{
    *error = ENOMEM;
    const bool telling = wish->profile == JAIL_STRICT_TELLING || wish->profile == JAIL_PYTHON_TELLING;
    scmp_filter_ctx filter = seccomp_init(telling ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return NULL;
    int failed = set_attributes(filter);
    if (failed == 0)
        failed = set_architecture(filter, wish->architecture);
    if (failed == 0)
        failed = add_calls(filter, wish);
    if (failed != 0) {
        seccomp_release(filter);
        *error = -failed;
        return NULL;
    }
    *error = 0;
    return filter;
}
