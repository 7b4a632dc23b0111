/* The shipped worker, as the kernel sees it: locked before its first byte, alone with its descriptors; and on kernels
 * that lack one thing or another it is refused or goes on without, exactly as written down here. */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <broker.h>
#include <check.h>
#include <doctor.h>
#include <hand.h>

#include "blocked.h"

static struct outcome outcome;
static struct doctor doctor;

static struct broker open_broker(void)
{
    struct broker broker = {open(SHIPPED_WORKER, O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC), NULL,
                            NULL};
    CHECK(broker.program >= 0 && broker.null >= 0);
    return broker;
}

/* The rows that say no, for messages. */
static const char *doctor_refuses(void)
{
    static char text[1024];
    text[0] = '\0';
    for (unsigned i = 0; i < doctor.count; i++) {
        size_t used = strlen(text);
        if (doctor.rows[i].state == DOCTOR_REFUSES)
            (void)snprintf(text + used, sizeof(text) - used, "%s: %s; ", doctor.rows[i].what, doctor.rows[i].found);
    }
    return text;
}

TEST(doctor_here, "the doctor finds this machine fit, and a worker locked, from inside and outside")
{
    struct broker broker = open_broker();
    doctor_examine(&broker, 0, NULL, &doctor);
    broker_close(&broker);
    CHECK_MSG(doctor.works && doctor.count > 15, "%s", doctor_refuses());
    CHECK(doctor.count < DOCTOR_ROWS);
    const struct broker none = {-1, -1, NULL, NULL};
    doctor_examine(&none, ENOENT, NULL, &doctor);
    CHECK(!doctor.works && strstr(doctor_refuses(), strerror(ENOENT)) != NULL);
}

TEST(selftest, "a real worker locks itself down, judges the built-in file, and says what is in force")
{
    struct broker broker = open_broker();
    bool works = broker_selftest(&broker, &outcome);
    const tv_finding *error = tv_findings_first_error(&outcome.findings);
    CHECK_MSG(works, "%.*s", error == NULL ? 0 : (int)tv_finding_detail(error).size,
              error == NULL ? "" : error->detail);
    const uint32_t always = JAIL_MANDATORY | JAIL_UNPRIVILEGED | JAIL_UNDUMPABLE | JAIL_TIED;
    CHECK_MSG((outcome.layers & always) == always, "layers %x", outcome.layers);
    CHECK(((outcome.layers & JAIL_LANDLOCK) != 0) == (outcome.landlock_abi > 0));
    broker_close(&broker);
}

TEST(ignored_children, "a parent that left SIGCHLD ignored does not make every worker look killed")
{
    struct broker broker;
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    int error = broker_open(&broker, NULL); /* the tests' folder lies beside the command's */
    CHECK_MSG(error == 0, "%s", strerror(error));
    CHECK(broker_selftest(&broker, &outcome));
    broker_close(&broker);
}

static bool was_read(int watch)
{
    char events[4096];
    return read(watch, events, sizeof(events)) > 0;
}

/* The numbers in /proc/PID/fd, as "0 1 2 3 5 ", sorted; only root may look into an undumpable process. */
static void list_descriptors(pid_t pid, char *text, size_t size)
{
    char path[64];
    bool open_there[64] = {false};
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        long number = strtol(e->d_name, NULL, 10);
        if (e->d_name[0] != '.' && number >= 0 && number < 64)
            open_there[number] = true;
    }
    if (d != NULL)
        (void)closedir(d);
    text[0] = '\0';
    for (int i = 0; i < 64; i++) {
        size_t used = strlen(text);
        if (open_there[i])
            (void)snprintf(text + used, size - used, "%d ", i);
    }
}

/* `expected` are its descriptors. */
static void look_at(pid_t pid, const char *expected)
{
    char descriptors[256];
    CHECK(status_of(pid, "Seccomp") == 2 && status_of(pid, "NoNewPrivs") == 1);
    CHECK(status_of(pid, "Threads") == 1);
    if (geteuid() == 0) {
        CHECK(status_of(pid, "Uid") >= 65534);
        list_descriptors(pid, descriptors, sizeof(descriptors));
        CHECK_MSG(strcmp(descriptors, expected) == 0, "it holds %s", descriptors);
    }
}

/* With a socket to us in the source's place; *channel is our end. */
static struct jail_process start_resident(const struct broker *broker, const char *const *argv, int report,
                                          int *channel)
{
    int pair[2];
    struct jail_process process;
    const char *failed_at = "";
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    const struct jail_spec spec = {
        broker->program, broker->null, (char *const *)(uintptr_t)argv, pair[1], -1, report, -1, {1u << 30, 0, 60}};
    CHECK(jail_start(&spec, &process, &failed_at) == 0);
    (void)close(pair[1]);
    *channel = pair[0];
    return process;
}

static const char *const check_argv[] = {"tensorvet-worker", "check", NULL};
static const char *const ahead_argv[] = {"tensorvet-worker", WORKER_AHEAD, NULL};
static const char *const batch_argv[] = {"tensorvet-worker", "check", "batch=1", NULL};

/* A check of that source with that report; ahead: in a worker that was there before. */
static struct jail_process start_check(const struct broker *broker, bool ahead, int source, int report)
{
    if (ahead) {
        int channel = -1;
        struct jail_process process = start_resident(broker, ahead_argv, -1, &channel);
        const struct hand hand = {(char *const *)(uintptr_t)check_argv, source, -1, report, 0};
        CHECK(hand_over(channel, &hand) && close(channel) == 0);
        return process;
    }
    struct jail_process process;
    const char *failed_at = "";
    const struct jail_spec spec = {
        broker->program, broker->null, (char *const *)(uintptr_t)check_argv, source, -1, report, -1, {1u << 30, 0, 60}};
    CHECK(jail_start(&spec, &process, &failed_at) == 0);
    return process;
}

static void check_lock_before_read(bool ahead)
{
    char path[] = "/tmp/tensorvet-source-XXXXXX";
    struct broker broker = open_broker();
    int ends[2], made = mkstemp(path), watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(made >= 0 && write(made, "not a model", 11) == 11 && watch >= 0);
    int source = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(source >= 0 && inotify_add_watch(watch, path, IN_ACCESS) >= 0);
    full_pipe(ends);
    struct jail_process process = start_check(&broker, ahead, source, ends[1]);
    struct jail_result result;
    (void)close(ends[1]);
    CHECK(wait_until_blocked(process.pid));
    look_at(process.pid, "0 1 2 3 5 ");
    CHECK_MSG(!was_read(watch), "it read of the source before READY was heard");
    char bytes[4096];
    while (read(ends[0], bytes, sizeof(bytes)) > 0)
        continue;
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    CHECK_MSG(result.ending == JAIL_ENDED_CLEAN, "%s %d", jail_ending_name(result.ending), result.code);
    CHECK_MSG(was_read(watch), "the watch sees nothing: this test could not have failed");
    (void)unlink(path);
    (void)close(made);
    (void)close(source);
    (void)close(watch);
    (void)close(ends[0]);
    broker_close(&broker);
}

TEST(locked_before_first_byte,
     "a full report pipe stops the worker in READY: locked, and nothing read of the source yet")
{
    check_lock_before_read(false);
}

TEST(ahead_locked, "the same of a worker that was started ahead; the socket over which its job came is closed by then")
{
    check_lock_before_read(true);
}

TEST(ahead_unneeded, "a worker that was started ahead goes when nobody has a job for it")
{
    struct broker broker = open_broker();
    struct jail_result result;
    int channel = -1;
    struct jail_process process = start_resident(&broker, ahead_argv, -1, &channel);
    CHECK(close(channel) == 0);
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    CHECK_MSG(result.ending == JAIL_ENDED_CLEAN, "%s %d", jail_ending_name(result.ending), result.code);
    broker_close(&broker);
}

/* RLIMIT_NOFILE, hard; -1 where it cannot be read. */
static long open_files_of(pid_t pid)
{
    char path[64], line[256];
    long soft = -1, hard = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        (void)sscanf(line, "Max open files %ld %ld", &soft, &hard);
    if (f != NULL)
        (void)fclose(f);
    return hard;
}

TEST(batch_locked, "a worker of a batch is locked before it gets a file, and can hold one at a time")
{
    struct broker broker = open_broker();
    struct jail_result result;
    int channel = -1, ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    struct jail_process process = start_resident(&broker, batch_argv, ends[1], &channel);
    (void)close(ends[1]);
    CHECK(wait_until_blocked(process.pid));
    look_at(process.pid, "0 1 2 5 7 ");
    CHECK_MSG(open_files_of(process.pid) == JAIL_SOURCE + 1, "%ld", open_files_of(process.pid));
    CHECK(close(channel) == 0);
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    CHECK_MSG(result.ending == JAIL_ENDED_CLEAN, "%s %d", jail_ending_name(result.ending), result.code);
    (void)close(ends[0]);
    broker_close(&broker);
}

/* Is that namespace of the process another than ours? Only root may look. */
static bool apart_in(pid_t pid, const char *kind)
{
    char path[64], ours[64] = "", its[64] = "";
    (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
    CHECK(readlink(path, ours, sizeof(ours) - 1) > 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
    CHECK(readlink(path, its, sizeof(its) - 1) > 0);
    return strcmp(ours, its) != 0;
}

/* Not in a chroot, for one: the kernel gives none there. The other kinds do not hang on it. */
static bool offers_user_namespaces(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

TEST(namespaces, "where it is asked for, a worker has pid, ipc, uts, mount and user namespaces of its own, and works")
{
    static const char *const kinds[] = {"pid", "ipc", "uts", "mnt", "user"};
    const size_t count = sizeof(kinds) / sizeof(kinds[0]) - (offers_user_namespaces() ? 0 : 1);
    struct broker broker = open_broker();
    broker_namespaces(&broker);
    CHECK(broker_selftest(&broker, &outcome));
    const bool there = (outcome.layers & JAIL_NAMESPACES) != 0;
    int ends[2];
    full_pipe(ends);
    const struct jail_spec spec = {
        broker.program, broker.null, (char *const *)(uintptr_t)check_argv, -1, -1, ends[1], -1, {1u << 30, 0, 60}};
    struct jail_process process;
    struct jail_result result;
    const char *failed_at = "";
    CHECK(jail_start_apart(&spec, &process, &failed_at) == 0 && wait_until_blocked(process.pid));
    for (size_t i = 0; geteuid() == 0 && there && i < count; i++)
        CHECK_MSG(apart_in(process.pid, kinds[i]), "it shares our %s namespace", kinds[i]);
    look_at(process.pid, "0 1 2 5 ");
    jail_wait(&process, JAIL_KILLED_STOP, &result);
    (void)close(ends[0]);
    (void)close(ends[1]);
    broker_close(&broker);
    if (!there)
        skip_test("the kernel or its container refuses namespaces");
}

/* A kernel or container that answers so to one call. */
struct oddity {
    const char *what;
    int number;
    int first_argument; /* -1: any */
    int error;
    uint32_t missing;    /* works, without these layers */
    const char *refused; /* NULL: works; else where it stops */
};

/* clone, of a process with a pid namespace of its own: the broker is asked for that where it is refused. */
enum { NEW_NAMESPACES = -1000 };

static const struct oddity oddities[] = {
    {"no Landlock", SCMP_SYS(landlock_create_ruleset), -1, ENOSYS, JAIL_LANDLOCK, NULL},
    {"Landlock off at boot", SCMP_SYS(landlock_create_ruleset), -1, EOPNOTSUPP, JAIL_LANDLOCK, NULL},
    {"Landlock that refuses", SCMP_SYS(landlock_restrict_self), -1, EPERM, 0, "at: Landlock"},
    {"no clone3", SCMP_SYS(clone3), -1, ENOSYS, 0, NULL},
    {"no close_range", SCMP_SYS(close_range), -1, ENOSYS, 0, NULL},
    {"no execveat", SCMP_SYS(execveat), -1, ENOSYS, 0, "starting the program: "},
    {"no clone", SCMP_SYS(clone), -1, EPERM, 0, "creating a process: "},
    {"no pidfd_send_signal", SCMP_SYS(pidfd_send_signal), -1, ENOSYS, 0, NULL},
    {"no seccomp call", SCMP_SYS(seccomp), -1, ENOSYS, 0, "at: the system call filter"},
    {"seccomp forbidden", SCMP_SYS(seccomp), -1, EPERM, 0, "at: the system call filter"},
    {"no limits", SCMP_SYS(prlimit64), -1, EPERM, 0, "setting resource limits: "},
    {"no capset", SCMP_SYS(capset), -1, EPERM, 0, "giving up privileges: "},
    {"no no_new_privs", SCMP_SYS(prctl), PR_SET_NO_NEW_PRIVS, EINVAL, 0, "setting no_new_privs: "},
    {"no PDEATHSIG", SCMP_SYS(prctl), PR_SET_PDEATHSIG, EINVAL, 0, "tying it to its parent: "},
    {"no MDWE", SCMP_SYS(prctl), 65, EINVAL, JAIL_MDWE, NULL},
    {"no namespaces", NEW_NAMESPACES, -1, EPERM, JAIL_NAMESPACES, NULL},
    {"no namespaces left", NEW_NAMESPACES, -1, ENOSPC, JAIL_NAMESPACES, NULL},
};

static bool install(const struct oddity *odd)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    const uint32_t action = SCMP_ACT_ERRNO((uint32_t)odd->error);
    const struct scmp_arg_cmp first = {0, SCMP_CMP_EQ, (scmp_datum_t)odd->first_argument, 0};
    const struct scmp_arg_cmp pid_namespace = {0, SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID};
    if (odd->number == NEW_NAMESPACES)
        return seccomp_rule_add(filter, action, SCMP_SYS(clone), 1, pid_namespace) == 0 && seccomp_load(filter) == 0;
    int error = odd->first_argument < 0 ? seccomp_rule_add(filter, action, odd->number, 0)
                                        : seccomp_rule_add(filter, action, odd->number, 1, first);
    return error == 0 && seccomp_load(filter) == 0;
}

/* Has the doctor a row that is not good? */
static bool doctor_says(void)
{
    for (unsigned i = 0; i < doctor.count; i++)
        if (doctor.rows[i].state != DOCTOR_GOOD)
            return true;
    return false;
}

/* In a child, since a filter stays: the whole outcome comes back through a pipe. */
static bool selftest_on(const struct oddity *odd)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct broker broker = {open(SHIPPED_WORKER, O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC), NULL,
                                NULL};
        if (!install(odd))
            _exit(2);
        if (odd->number == NEW_NAMESPACES)
            broker_namespaces(&broker);
        bool works = broker_selftest(&broker, &outcome);
        doctor_examine(&broker, 0, NULL, &doctor);
        if (doctor.works != works)
            _exit(4);
        if ((odd->missing != 0 || odd->refused != NULL) && !doctor_says())
            _exit(5);
        _exit(write(ends[1], &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome) ? works : 3);
    }
    (void)close(ends[1]);
    size_t have = 0;
    ssize_t size = 0;
    while ((size = read(ends[0], (char *)&outcome + have, sizeof(outcome) - have)) > 0)
        have += (size_t)size;
    (void)close(ends[0]);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK_MSG(WEXITSTATUS(status) != 4, "%s: the doctor is of another opinion than a job", odd->what);
    CHECK_MSG(WEXITSTATUS(status) != 5, "%s: the doctor says nothing of it", odd->what);
    CHECK(have == sizeof(outcome));
    return WEXITSTATUS(status) == 1;
}

TEST(odd_kernels, "what a kernel lacks is either missing from the layers, or a refusal that names the step")
{
    struct broker broker = open_broker();
    CHECK(broker_selftest(&broker, &outcome));
    broker_close(&broker);
    const uint32_t usual = outcome.layers;
    for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
        const struct oddity *odd = &oddities[i];
        bool works = selftest_on(odd);
        const tv_finding *error = tv_findings_first_error(&outcome.findings);
        char detail[TV_SUBJECT_BYTES + 1] = "";
        if (error != NULL)
            (void)snprintf(detail, sizeof(detail), "%.*s", (int)tv_finding_detail(error).size, error->detail);
        CHECK_MSG(works == (odd->refused == NULL), "%s: %s %s", odd->what, works ? "works" : "is refused", detail);
        if (works)
            CHECK_MSG(outcome.layers == (usual & ~odd->missing), "%s: layers %x", odd->what, outcome.layers);
        else
            CHECK_MSG(error->id == TV_FIND_WORKER_FAILED && strstr(detail, odd->refused) != NULL, "%s: %s", odd->what,
                      detail);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
