/* The jail: starts a confined process, confines the calling process, and says how a confined process ended.
 * Knows nothing of tensors.
 *
 * Two halves. The keeper (broker side): jail_start, jail_wait. The inmate (worker side): jail_lock.
 * Sources: seccomp(2), landlock(7), prctl(2), clone(2), execveat(2), pidfd_open(2). */
#ifndef SANDBOX_JAIL_H
#define SANDBOX_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Layers in force, as reported by the inmate. */
enum jail_layer {
    JAIL_NO_NEW_PRIVS = 1u << 0, /* mandatory */
    JAIL_RLIMITS = 1u << 1,      /* mandatory */
    JAIL_SECCOMP = 1u << 2,      /* mandatory */
    JAIL_LANDLOCK = 1u << 3,     /* where the kernel has it */
    JAIL_UNPRIVILEGED = 1u << 4, /* root was given up, or there was none; no capabilities */
    JAIL_MDWE = 1u << 5,         /* memory-deny-write-execute, where the kernel has it */
    JAIL_UNDUMPABLE = 1u << 6,   /* no core, no ptrace by the same user */
    JAIL_TIED = 1u << 7,         /* dies with the thread that started it */
    JAIL_NAMESPACES = 1u << 8,   /* where it was asked for: the only process of its pid namespace */
    JAIL_LAYER_COUNT = 9,
    JAIL_MANDATORY = JAIL_NO_NEW_PRIVS | JAIL_RLIMITS | JAIL_SECCOMP,
    JAIL_PYTHON_MANDATORY = JAIL_MANDATORY | JAIL_LANDLOCK /* a large program: two walls, or it does not run */
};

/* Profiles of system calls, as data (profile.def). */
enum jail_profile {
    JAIL_STRICT,         /* no path, no descriptor but the given, private anonymous non-executable memory */
    JAIL_STRICT_STREAM,  /* STRICT and read(2), for a source that is a pipe */
    JAIL_STRICT_TELLING, /* STRICT, but a violation is told (jail_tell_violations) before the process ends */
    JAIL_STRICT_BATCH,   /* STRICT without an output, which may receive one source after the other on JAIL_CHANNEL */
    JAIL_PYTHON,         /* CPython and torch, imported before: profile-python.def */
    JAIL_PYTHON_TELLING, /* the same, telling */
    JAIL_PROFILE_COUNT
};

/* The descriptors of an inmate. 0, 1 and 2 are /dev/null; there are no others. */
enum jail_descriptor {
    JAIL_SOURCE = 3,
    JAIL_OUTPUT = 4,
    JAIL_REPORT = 5,
    JAIL_SCRATCH = 6,
    JAIL_PROGRAM = 7,
    JAIL_CHANNEL = 7 /* free after the exec: where an inmate puts a socket on which it is given more */
};

/* What a process in the jail may use up. Zero means none of it, except where said. */
struct jail_budget {
    uint64_t address_space; /* bytes of RLIMIT_AS */
    uint64_t file_size;     /* bytes of RLIMIT_FSIZE: the largest output */
    uint64_t cpu_seconds;   /* RLIMIT_CPU, soft; hard is one more. The kernel reads 0 as 1 */
};

/* What jail_start is given. Descriptors of -1 are not passed. The caller keeps and closes its own. */
struct jail_spec {
    int program;                         /* descriptor of the static executable; O_PATH is enough */
    int null;                            /* descriptor of /dev/null, for reading and writing */
    char *const *argv;                   /* NULL-terminated; the environment is empty */
    int source, output, report, scratch; /* become 3, 4, 5, 6 */
    struct jail_budget budget;
};

struct jail_process {
    pid_t pid;
    int pidfd;            /* readable when the process has ended; -1 when reaped */
    uint64_t cpu_seconds; /* of its budget */
};

/* Does jail_start open /proc/self/fd in the child? Where close_range is missing or refused, and there alone. A caller
 * that confines itself has to leave it that. */
bool jail_lists_descriptors(void);

/* Does the caller have less memory to give than the budget says (ulimit -v, ulimit -d)? Then a child may meet that
 * limit before its own. */
bool jail_short_of_memory(const struct jail_budget *budget);

/* Starts the program with those descriptors and no others, an empty environment, 0-2 on /dev/null, a process group of
 * its own, signals reset, rlimits set, no_new_privs, and PDEATHSIG so that it dies with the calling thread. Under root
 * it gives up groups, uid, gid and capabilities first. The cost does not depend on the caller's size: the child shares
 * its memory until the exec (vfork semantics). Returns 0, or an errno; *failed_at then names the step (static).
 * May be called from any thread that outlives the process. */
int jail_start(const struct jail_spec *spec, struct jail_process *process, const char **failed_at);

/* The same, in namespaces of its own: pid, ipc, uts, mount and user. Where the kernel or its container refuses them, as
 * jail_start: what is in force the inmate says (JAIL_NAMESPACES). They cost a start about half as much again, and hide
 * nothing that the filter leaves in reach; they stand should it fall. */
int jail_start_apart(const struct jail_spec *spec, struct jail_process *process, const char **failed_at);
/* The same for a program that has yet to prepare itself with what its user may read (a Python that imports torch), and
 * confines itself later (python_lock.h): it keeps user, capabilities and limits until then. The budget is not used. */
int jail_start_preparing(const struct jail_spec *spec, struct jail_process *process, const char **failed_at);

/* How a jailed process ended: one table (ending.c), from wait status and what the keeper did. */
enum jail_ending {
    JAIL_ENDED_CLEAN,     /* exit 0 */
    JAIL_ENDED_EXIT,      /* exit with another status: code says which */
    JAIL_ENDED_VIOLATION, /* SIGSYS */
    JAIL_ENDED_CRASH,     /* a fault of its own: SEGV, BUS, ILL, FPE, ABRT, TRAP */
    JAIL_ENDED_CPU,       /* SIGXCPU, or SIGKILL by RLIMIT_CPU's hard limit */
    JAIL_ENDED_WALL,      /* killed by its keeper when the wall clock ran out */
    JAIL_ENDED_STOPPED,   /* killed by its keeper for another reason (it lied, or the user interrupted) */
    JAIL_ENDED_KILLED     /* SIGKILL or another signal from outside */
};

enum jail_reason { JAIL_NOT_KILLED, JAIL_KILLED_WALL, JAIL_KILLED_STOP };

struct jail_result {
    enum jail_ending ending;
    int code;            /* exit status or signal number */
    uint64_t peak_bytes; /* ru_maxrss; includes the caller's own pages at the start, so only an upper bound */
    double cpu_seconds;
};

/* Kills the process if reason is not JAIL_NOT_KILLED, then reaps it (blocking) and classifies. Closes pidfd.
 * Afterwards nothing of it is left running. */
void jail_wait(struct jail_process *process, enum jail_reason reason, struct jail_result *result);
/* The table behind jail_wait: a wait status (as of waitpid), what the keeper did, CPU used and allowed. Pure. */
enum jail_ending jail_classify(int status, enum jail_reason reason, double cpu_used, uint64_t cpu_allowed);
/* "openat (257)", cut to capacity; the number alone where it has no name. */
void jail_call_name(int number, char *text, size_t capacity);
/* "violation", for messages; static. */
const char *jail_ending_name(enum jail_ending ending);
/* "SIGSEGV" of a signal number, for messages; static. */
const char *jail_signal_name(int number);

/* For JAIL_STRICT_TELLING, before jail_lock: in the process's last moments `tell` gets the number of the call that was
 * not allowed, and was not made. It runs as a signal handler, and the process ends when it returns. */
void jail_tell_violations(void (*tell)(int number));

/* Confines the calling process for good: primes libc, no_new_privs, undumpable, MDWE, Landlock with nothing allowed,
 * then the filter of that profile. Returns the layers in force, which hold JAIL_MANDATORY; or 0, and *failed_at names
 * the step: then the process must end. *landlock_abi receives 0 where there is none. Call once, single-threaded. */
uint32_t jail_lock(enum jail_profile profile, uint32_t *landlock_abi, const char **failed_at);

#endif
