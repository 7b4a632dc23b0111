/* The filter: profile.def as a table, and as a libseccomp filter. For the lock and for tests of the filter. */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <seccomp.h>
#include <stdint.h>

#include "filter_load.h"

struct profile_condition {
    uint8_t argument;
    uint64_t mask, value; /* (argument & mask) == value */
    bool own_pid;         /* the value is the process's own number */
};

struct profile_call {
    uint32_t profiles; /* bit 1 << enum jail_profile */
    int number;        /* of this machine's own table, as libseccomp resolves it */
    const char *name;
    struct profile_condition conditions[2];
    uint8_t count; /* of conditions */
    int answer;    /* 0: allowed; else the call is not made, and answers with this errno */
    const char *reason;
};

/* The rows of profile.def; *count receives how many. Static. */
const struct profile_call *profile_calls(uint32_t *count);
/* The rows of profile-python.def. */
const struct profile_call *profile_python_calls(uint32_t *count);

struct filter_wish {
    enum jail_profile profile;
    uint32_t architecture; /* 0: this machine's */
    uint32_t own;          /* the number of the process that it is for, where a row asks for it */
    const char *without;   /* a call whose rows are left out, for tests that ask what it is there for; else NULL */
};

/* The filter of that profile: what is not in the table kills the process (the TELLING ones: raises SIGSYS), and so does
 * another architecture. NULL, with *error an errno, where libseccomp refuses. seccomp_release it. */
scmp_filter_ctx filter_make(const struct filter_wish *wish, int *error);

#endif
