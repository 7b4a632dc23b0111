/* jail_start: clone that shares memory until the exec, the child's steps in order, and what went wrong where.
 * Trusts its caller. Promises: either a process with nothing but what the spec gives it, or an errno and no process. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "start.h"

#define CHILD_STACK 32768u

/* Shared with the child: it runs in the caller's memory while the caller waits. */
struct attempt {
    const struct jail_spec *spec;
    int namespaces; /* CLONE_NEW…, or 0 */
    bool prepares;  /* jail_start_preparing */
    pid_t keeper;
    int error;
    const char *step;
};

/* Every signal as after a boot, but the two that would kill a writer before its errno is seen. */
static int child_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &standard, NULL); /* KILL, STOP and libc's own answer EINVAL */
    if (sigaction(SIGPIPE, &ignored, NULL) != 0 || sigaction(SIGXFSZ, &ignored, NULL) != 0)
        return errno;
    return 0;
}

/* Ctrl-C is the keeper's business: the child is of another process group. It stays in the keeper's session: a new one
 * is a scheduler group of its own (sched_autogroup), which on a busy machine waits for its turn beside all others: up
 * to 12 ms, measured with bench/jail. The terminal is out of reach in either: no descriptor leads to it. */
static int child_surroundings(void)
{
    if (setpgid(0, 0) != 0 || chdir("/") != 0)
        return errno;
    (void)umask(077);
    return 0;
}

/* After the uid has changed, since that clears it; and if the keeper went before it was set, it is too late to ask. In
 * a pid namespace of its own the child sees no parent (0) either way: there the report pipe tells, which nobody reads
 * when the keeper is gone, so that the first word ends it. */
static int child_tie(const struct attempt *attempt)
{
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul) != 0)
        return errno;
    const pid_t expected = (attempt->namespaces & CLONE_NEWPID) != 0 ? 0 : attempt->keeper;
    return syscall(SYS_getppid) == expected ? 0 : ESRCH;
}

/* Root's inmate, an ordinary user by now, gets its user namespace last; the capabilities that come with it go at once.
 * Where it is refused, the others stand. */
static int child_user_namespace(int namespaces)
{
    if (namespaces == 0 || (namespaces & CLONE_NEWUSER) != 0 || unshare(CLONE_NEWUSER) != 0)
        return 0;
    return child_capabilities();
}

static int child_exec(const struct jail_spec *spec)
{
    char *const nothing[] = {NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        return errno;
    (void)syscall(SYS_execveat, JAIL_PROGRAM, "", spec->argv, nothing, AT_EMPTY_PATH);
    return errno;
}

/* User, capabilities and limits. */
static int child_confinement(struct attempt *attempt)
{
    int error = 0;
    attempt->step = "giving up privileges";
    if ((error = child_privileges()) != 0)
        return error;
    if ((error = child_user_namespace(attempt->namespaces)) != 0)
        return error;
    attempt->step = "setting resource limits";
    return child_limits(&attempt->spec->budget);
}

static int child_steps(struct attempt *attempt)
{
    int error = 0;
    attempt->step = "resetting signals";
    if ((error = child_signals()) != 0)
        return error;
    attempt->step = "arranging descriptors";
    if ((error = child_descriptors(attempt->spec)) != 0)
        return error;
    attempt->step = "leaving the process group";
    if ((error = child_surroundings()) != 0)
        return error;
    if (!attempt->prepares && (error = child_confinement(attempt)) != 0)
        return error;
    attempt->step = "setting no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) != 0)
        return errno;
    attempt->step = "tying it to its parent";
    if ((error = child_tie(attempt)) != 0)
        return error;
    attempt->step = "starting the program";
    return child_exec(attempt->spec);
}

static int child_main(void *context)
{
    struct attempt *attempt = (struct attempt *)context;
    attempt->error = child_steps(attempt);
    (void)syscall(SYS_exit_group, 127);
    return 127;
}

/* The child's change of uid makes the shared memory undumpable, the caller's with it: put back what was. */
static pid_t clone_child(struct attempt *attempt, int *pidfd)
{
    _Alignas(16) unsigned char stack[CHILD_STACK];
    int dumpable = prctl(PR_GET_DUMPABLE, 0ul, 0ul, 0ul, 0ul);
    const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | attempt->namespaces;
    pid_t pid = clone(child_main, stack + sizeof(stack), flags, attempt, pidfd);
    int error = errno;
    if (dumpable == 1)
        (void)prctl(PR_SET_DUMPABLE, 1ul, 0ul, 0ul, 0ul);
    errno = error;
    return pid;
}

static int start(const struct jail_spec *spec, int namespaces, bool prepares, struct jail_process *process,
                 const char **failed_at)
{
    struct attempt attempt = {spec, namespaces, prepares, getpid(), 0, "creating a process"};
    sigset_t all, before;
    *process = (struct jail_process){-1, -1, spec->budget.cpu_seconds};
    (void)sigfillset(&all);
    int cancellation = PTHREAD_CANCEL_ENABLE;
    /* Neither a handler nor a cancellation of the caller's may run in the child, on the caller's memory. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int pidfd = -1;
    pid_t pid = clone_child(&attempt, &pidfd);
    int error = pid < 0 ? errno : attempt.error;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_setcancelstate(cancellation, &cancellation);
    *failed_at = attempt.step;
    if (pid < 0)
        return error;
    process->pid = pid;
    process->pidfd = pidfd;
    if (error != 0) {
        struct jail_result ended;
        jail_wait(process, JAIL_NOT_KILLED, &ended);
        return error;
    }
    *failed_at = "";
    return 0;
}

int jail_start(const struct jail_spec *spec, struct jail_process *process, const char **failed_at)
{
    return start(spec, 0, false, process, failed_at);
}

int jail_start_preparing(const struct jail_spec *spec, struct jail_process *process, const char **failed_at)
{
    return start(spec, 0, true, process, failed_at);
}

/* By clone, not clone3: it takes the same namespaces, and libc gives its child a stack. libc has no clone3; called raw,
 * its child comes back from the call on another stack, or, vfork's way, on the caller's, in the middle of a C function
 * whose saved registers it may overwrite: assembly for each architecture, with clone still there for kernels
 * before 5.3. All it could save is CLONE_CLEAR_SIGHAND for child_signals, which takes about 15 us. Root needs
 * no user namespace to make the others, and would be stuck in one: its own number is all that an unmapped one has.
 * Without a process there is nothing to undo, whatever the kernel had against it. */
int jail_start_apart(const struct jail_spec *spec, struct jail_process *process, const char **failed_at)
{
    const int all = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
    int error = start(spec, geteuid() == 0 ? all : all | CLONE_NEWUSER, false, process, failed_at);
    return error != 0 && process->pid < 0 ? start(spec, 0, false, process, failed_at) : error;
}
