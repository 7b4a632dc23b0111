/* The doctor: what this kernel and container offer, and what is in force in a real worker. For `tensorvet doctor`.
 *
 * Trusts: the kernel's answers. Promises: starts a real worker and looks at it from outside, runs the self-test, and
 * never calls the jail working unless a real job would run; leaves nothing behind. */
#ifndef GATE_DOCTOR_H
#define GATE_DOCTOR_H

#include <stdbool.h>

#include "broker.h"
#include "engine_torch.h"

enum doctor_state {
    DOCTOR_GOOD,   /* there, and in force */
    DOCTOR_LESS,   /* missing; we work without */
    DOCTOR_REFUSES /* missing; no work is done without */
};

#define DOCTOR_ROWS 28
#define DOCTOR_TEXT 160

struct doctor_row {
    const char *group; /* "this machine", "a worker, by its own word", "a worker, seen from outside", … */
    const char *what;  /* "system call filter (seccomp)"; static */
    enum doctor_state state;
    char found[DOCTOR_TEXT]; /* "Landlock ABI 7", "missing: …"; printable */
};

struct doctor {
    struct doctor_row rows[DOCTOR_ROWS];
    unsigned count;
    bool works;                  /* else every command that needs a worker exits 3 */
    bool torch_works;            /* the torch engine's Python was looked at, and can be used */
    tv_finding_id torch_failure; /* what convert would say where it was looked at and cannot; else TV_FIND_NONE */
};

/* Fills *doctor. `broker_error` is what broker_open returned: with an errno there is no worker to look at, and a row
 * says so. With torch->wanted its Python is looked at too, which takes seconds; NULL: not. */
void doctor_examine(const struct broker *broker, int broker_error, const struct torch_settings *torch,
                    struct doctor *doctor);
/* "good", "less", "refuses". */
const char *doctor_state_name(enum doctor_state state);

#endif
