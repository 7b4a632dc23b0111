/* Faults at every call of a worker: the calls are replaced at link time (--wrap), and fail by plan.
 *
 * A point is a call together with the calls that led to it. Each kind of fault strikes at each point once: the first
 * run that comes by a point where that kind has not struck yet is struck there, once, or from there on. What was struck
 * is kept in memory that forked runs share. */
#ifndef TESTS_FAULTS_WORKER_INJECT_H
#define TESTS_FAULTS_WORKER_INJECT_H

#include <stdbool.h>

/* FAULT(NAME, "name") */
#define FAULT_TABLE(FAULT)                                                                                             \
    FAULT(NONE, "nothing")                                                                                             \
    FAULT(MEMORY_ONCE, "one allocation fails")                                                                         \
    FAULT(MEMORY_ON, "allocations fail from here on")                                                                  \
    FAULT(SHORT, "a short read or write")                                                                              \
    FAULT(EINTR, "EINTR")                                                                                              \
    FAULT(EIO, "EIO")                                                                                                  \
    FAULT(ENOSPC, "ENOSPC")                                                                                            \
    FAULT(END, "the source ends early")

enum fault {
#define FAULT(NAME, name) FAULT_##NAME,
    FAULT_TABLE(FAULT)
#undef FAULT
        FAULT_COUNT
};

/* Takes the shared memory. Once, before the first fork. */
void inject_start(void);
/* The next run suffers this; FAULT_NONE: it runs quietly, and is watched. */
void inject_plan(enum fault fault);
/* Did the last quiet run come by a point where that has not struck? */
bool inject_fresh(enum fault fault);
/* From here to inject_off, in the run itself. */
void inject_on(void);
void inject_off(void);
/* Was the last run struck? And where: the name of the call, NULL if not. */
const char *inject_struck(void);

#endif
