/* The broker against workers that misbehave: whatever they do becomes the right finding, and nothing stays behind. */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <broker.h>
#include <check.h>
#include <program.h>
#include <workers.h>

/* What number 41 is called. */
#ifdef __x86_64__
#define CALL_41 "socket (41)"
#else
#define CALL_41 "pivot_root (41)"
#endif

static volatile int stop;
static struct outcome outcome;

struct notes {
    unsigned count;
    char last[64];
    char all[4096];
    bool stop_at_note;
};

static void hear_note(void *context, tv_span text)
{
    struct notes *n = context;
    n->count++;
    (void)snprintf(n->last, sizeof(n->last), "%.*s", (int)text.size, (const char *)text.data);
    size_t used = strlen(n->all);
    (void)snprintf(n->all + used, sizeof(n->all) - used, "%s ", n->last);
    if (n->stop_at_note)
        stop = 1;
}

static struct broker open_broker(const char *program)
{
    struct broker broker = {open(program, O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC), &stop, NULL};
    CHECK_MSG(broker.program >= 0, "%s: %s", program, strerror(errno));
    return broker;
}

static struct job job_of(enum job_kind kind, const char *key)
{
    struct job job = {.kind = kind, .key = key, .limits = tv_limits_default()};
    job.limits.wall_seconds = 600; /* where it is not what is tested, a busy machine must not matter */
    return job;
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    CHECK(d != NULL);
    while (readdir(d) != NULL)
        count++;
    (void)closedir(d);
    return count;
}

/* Runs a job, and checks what must hold after every run: no child and no descriptor is left. */
static void run_with(const struct broker *broker, const struct job *job, int source, int output, struct notes *notes)
{
    const bool alone = broker->workers == NULL;
    const struct listener listener = {.context = notes, .note = hear_note};
    int before = open_descriptors();
    if (job->kind == JOB_WRITE)
        broker_convert(broker, job, source, output, notes == NULL ? NULL : &listener, &outcome);
    else
        broker_run(broker, job, source, output, notes == NULL ? NULL : &listener, &outcome);
    CHECK_MSG(!alone || (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD), "a worker was left behind");
    CHECK_MSG(!alone || open_descriptors() == before, "a descriptor was left behind");
}

static void run_job(const struct job *job, struct notes *notes)
{
    struct broker broker = open_broker(FAKE_WORKER);
    stop = 0;
    run_with(&broker, job, -1, -1, notes);
    broker_close(&broker);
}

static void run_key(const char *key)
{
    const struct job job = job_of(JOB_CHECK, key);
    run_job(&job, NULL);
}

static const char *found(void)
{
    const tv_finding *finding = tv_findings_first_error(&outcome.findings);
    return finding == NULL ? "nothing" : tv_finding_info_of(finding->id)->id;
}

static const char *detail(void)
{
    static char text[TV_SUBJECT_BYTES + 1];
    text[0] = '\0';
    const tv_finding *finding = tv_findings_first_error(&outcome.findings);
    if (finding != NULL)
        (void)snprintf(text, sizeof(text), "%.*s", (int)tv_finding_detail(finding).size, finding->detail);
    return text;
}

TEST(honest_worker, "an honest worker's job is complete")
{
    run_key("honest");
    CHECK_MSG(outcome.complete && outcome.said == OUTCOME_DONE, "%s %s", found(), detail());
    CHECK(outcome.findings.count == 0 && outcome.kind == TV_KIND_SAFETENSORS && outcome.tensors == 3);
}

TEST(endings, "each way of going wrong has its finding, and none is complete")
{
    static const struct {
        const char *key, *id, *detail;
    } rows[] = {
        {"silent", "worker-lied", "the report ends early"},
        {"half-frame", "worker-lied", "the report ends early"},
        {"garbage", "worker-lied", ""},
        {"result-twice", "worker-lied", "RESULT: out of order"},
        {"accept-then-exit", "worker-lied", "exit status 3"},
        {"crash-segv", "worker-crashed", "SIGSEGV"},
        {"crash-bus", "worker-crashed", "SIGBUS"},
        {"crash-abrt", "worker-crashed", "SIGABRT"},
        {"crash-ill", "worker-crashed", "SIGILL"},
        {"accept-then-crash", "worker-crashed", "SIGSEGV"},
        {"violate", "sandbox-violation", "SIGSYS"},
        {"violate-and-tell", "sandbox-violation", "system call " CALL_41},
        {"tell-unasked", "worker-lied", "VIOLATION: out of order"},
        {"accept-then-violate", "sandbox-violation", "SIGSYS"},
        {"be-killed", "worker-killed", ""},
        {"unready-exit", "worker-failed", "it ended before it was ready"},
        {"unready-crash", "worker-failed", "it ended before it was ready"},
        {"unready-violate", "worker-failed", "it ended before it was ready"},
        {"unready-garbage", "worker-failed", ""},
        {"unready-other-build", "worker-failed", "it is of another build"},
        {"unready-unlocked", "worker-failed", "the jail could not be locked, at: Landlock"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_key(rows[i].key);
        CHECK_MSG(!outcome.complete, "%s: taken for complete", rows[i].key);
        CHECK_MSG(strcmp(found(), rows[i].id) == 0, "%s: %s (%s)", rows[i].key, found(), detail());
        CHECK_MSG(strncmp(detail(), rows[i].detail, strlen(rows[i].detail)) == 0, "%s: %s", rows[i].key, detail());
    }
}

TEST(jail_unusable, "a violation is the machine's fault where the self-test violates too")
{
    const struct job job = job_of(JOB_CHECK, "violate");
    struct broker broker = open_broker(FAKE_WORKER_BROKEN);
    stop = 0;
    run_with(&broker, &job, -1, -1, NULL);
    CHECK_MSG(strcmp(found(), "worker-failed") == 0, "%s", found());
    CHECK(strstr(detail(), "self-test") != NULL);
    CHECK(!broker_selftest(&broker, &outcome) && strcmp(found(), "worker-failed") == 0);
    broker_close(&broker);
    broker = open_broker(FAKE_WORKER);
    CHECK(broker_selftest(&broker, &outcome));
    broker_close(&broker);
}

/* Is there a child of this process whose job that is? */
static bool child_has_job(const char *name)
{
    char path[64], list[256] = "", words[128] = "";
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool any = fd >= 0 && read(fd, list, sizeof(list) - 1) > 0;
    (void)close(fd);
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", atoi(list));
    fd = any ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const bool read_it = fd >= 0 && read(fd, words, sizeof(words) - 1) > 0;
    if (fd >= 0)
        (void)close(fd);
    return read_it && strcmp(words + strlen(words) + 1, name) == 0;
}

static void *stop_at_selftest(void *unused)
{
    while (!child_has_job("selftest"))
        (void)sched_yield();
    stop = 1;
    return unused;
}

TEST(selftest_stopped, "a stop while it is asked whether the jail works says nothing of the jail")
{
    const struct job job = job_of(JOB_CHECK, "violate");
    struct broker broker = open_broker(FAKE_WORKER_HANGING);
    pthread_t watcher;
    stop = 0;
    CHECK(pthread_create(&watcher, NULL, stop_at_selftest, NULL) == 0);
    broker_run(&broker, &job, -1, -1, NULL, &outcome);
    CHECK(pthread_join(watcher, NULL) == 0);
    CHECK_MSG(outcome.interrupted && !outcome.complete, "%s %s", found(), detail());
    CHECK_MSG(strcmp(found(), "nothing") == 0, "%s", found());
    stop = 0;
    broker_close(&broker);
}

TEST(wall_clock, "the deadline ends a worker that hangs, stops itself, or is done and does not go")
{
    static const char *const keys[] = {"hang", "stop-itself", "hang-after-result"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct job job = job_of(JOB_CHECK, keys[i]);
        job.limits.wall_seconds = 1;
        run_job(&job, NULL);
        CHECK_MSG(strcmp(found(), "limit-time") == 0 && !outcome.complete, "%s: %s", keys[i], found());
        CHECK(outcome.findings.items[0].a == 1);
    }
}

TEST(endless_progress, "progress never moves the deadline")
{
    struct job job = job_of(JOB_CHECK, "progress-flood");
    job.limits.wall_seconds = 1;
    job.limits.report_bytes = UINT64_MAX;
    run_job(&job, NULL);
    CHECK_MSG(strcmp(found(), "limit-time") == 0, "%s", found());
}

TEST(flood, "a flood of honest frames ends at report_bytes")
{
    struct job job = job_of(JOB_CHECK, "flood");
    job.limits.report_bytes = 1u << 20;
    run_job(&job, NULL);
    CHECK_MSG(strcmp(found(), "limit-report") == 0 && outcome.findings.items[0].a == 1u << 20, "%s", found());
}

TEST(processor_time, "CPU time ends at its limit, even for a worker that ignores the first signal")
{
    static const char *const keys[] = {"burn", "ignore-xcpu"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct job job = job_of(JOB_CHECK, keys[i]);
        job.limits.cpu_seconds = 1;
        run_job(&job, NULL);
        CHECK_MSG(strcmp(found(), "limit-cpu") == 0, "%s: %s", keys[i], found());
    }
}

TEST(address_space, "memory ends at memory_bytes beyond a worker's fixed needs")
{
    struct job job = job_of(JOB_CHECK, "allocate"); /* 300 MiB */
    job.limits.memory_bytes = 200u << 20;
    run_job(&job, NULL);
    CHECK_MSG(strcmp(found(), "limit-memory") == 0 && outcome.complete, "%s", found());
    job.limits.memory_bytes = 400u << 20;
    run_job(&job, NULL);
    CHECK_MSG(strcmp(found(), "nothing") == 0 && outcome.complete, "%s %s", found(), detail());
}

/* In a child: a hard limit cannot be taken back. */
static void short_of_memory(void)
{
    const struct rlimit less = {UINT64_C(1) << 60, UINT64_C(1) << 60};
    const struct jail_budget within = {.address_space = less.rlim_max}, beyond = {.address_space = less.rlim_max + 1};
    if (jail_short_of_memory(&beyond) || setrlimit(RLIMIT_AS, &less) != 0)
        _exit(1);
    _exit(jail_short_of_memory(&beyond) && !jail_short_of_memory(&within) ? 0 : 2);
}

TEST(less_memory_than_asked, "a worker that met our own limit of memory, and not its job's, is no fault of its file")
{
    const struct attended less = {.ready = true, .finished = true, .short_memory = true, .report = DECODE_FINE};
    const struct attended enough = {.ready = true, .finished = true, .report = DECODE_FINE};
    const struct job job = job_of(JOB_CHECK, "");
    for (int i = 0; i < 2; i++) {
        outcome_clear(&outcome);
        (void)tv_findings_add(&outcome.findings, TV_FIND_LIMIT_MEMORY, TV_NO_OFFSET, tv_span_str(""), tv_span_str(""));
        CHECK(attended_finding(i == 0 ? &less : &enough, &job, &outcome));
        CHECK_MSG(strcmp(found(), i == 0 ? "memory-short" : "limit-memory") == 0, "%s", found());
    }
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        short_of_memory();
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_MSG(status == 0, "%d", status);
}

TEST(limits_in_force, "limits reach the worker: address space, file size, CPU; no core, no process")
{
    struct notes notes = {0};
    struct job job = job_of(JOB_CHECK, "limits");
    job.limits.memory_bytes = 1u << 30;
    job.limits.cpu_seconds = 77;
    run_job(&job, &notes);
    CHECK_MSG(strcmp(notes.all, "1140850688 0 77 0 0 ") == 0, "%s", notes.all);
}

TEST(stop_flag, "a stop ends the worker at once, whether it came before or during the run")
{
    struct notes notes = {.stop_at_note = true};
    const struct job job = job_of(JOB_CHECK, "pid"); /* says one note, then hangs */
    run_job(&job, &notes);
    CHECK(outcome.interrupted && !outcome.complete && outcome.findings.count == 0 && notes.count == 1);
    struct broker broker = open_broker(FAKE_WORKER);
    stop = 1;
    run_with(&broker, &job, -1, -1, NULL);
    CHECK(outcome.interrupted && !outcome.complete);
    stop = 0;
    broker_close(&broker);
}

TEST(leaked_descriptors, "of fifty descriptors that we leak on purpose the worker has none")
{
    struct notes notes = {0};
    const struct job job = job_of(JOB_CHECK, "descriptors");
    int leaked[50];
    for (int i = 0; i < 50; i++)
        CHECK((leaked[i] = open("/dev/null", O_RDONLY)) >= 0); /* no O_CLOEXEC */
    run_job(&job, &notes);
    CHECK_MSG(strcmp(notes.all, "0 1 2 5 ") == 0, "%s", notes.all);
    notes = (struct notes){0};
    struct broker broker = open_broker(FAKE_WORKER);
    run_with(&broker, &job, leaked[0], leaked[1], &notes);
    CHECK_MSG(strcmp(notes.all, "0 1 2 3 4 5 ") == 0, "%s", notes.all);
    broker_close(&broker);
    for (int i = 0; i < 50; i++)
        CHECK(close(leaked[i]) == 0);
}

TEST(any_numbers, "it does not matter which numbers our own descriptors have")
{
    struct notes notes = {0};
    const struct job job = job_of(JOB_CHECK, "descriptors");
    struct broker low = open_broker(FAKE_WORKER);
    const struct broker broker = {fcntl(low.program, F_DUPFD_CLOEXEC, 20), fcntl(low.null, F_DUPFD_CLOEXEC, 20), &stop,
                                  NULL};
    const int place[] = {3, 4, 5, 7}; /* the very numbers that the worker's will have, crossed */
    int kept[4];
    for (int i = 0; i < 4; i++) {
        kept[i] = fcntl(place[i], F_DUPFD_CLOEXEC, 30);
        CHECK(dup3(broker.null, place[i], O_CLOEXEC) == place[i]);
    }
    stop = 0;
    run_with(&broker, &job, 4, 3, &notes);
    CHECK_MSG(strcmp(notes.all, "0 1 2 3 4 5 ") == 0, "%s %s %s", notes.all, found(), detail());
    for (int i = 0; i < 4; i++) {
        (void)(kept[i] < 0 ? close(place[i]) : dup3(kept[i], place[i], O_CLOEXEC));
        (void)close(kept[i]);
    }
    (void)close(broker.program);
    (void)close(broker.null);
    broker_close(&low);
}

TEST(no_environment, "a secret in our environment is not in the worker's")
{
    struct notes notes = {0};
    const struct job job = job_of(JOB_CHECK, "environment");
    CHECK(setenv("TENSORVET_TEST_SECRET", "hunter2", 1) == 0);
    run_job(&job, &notes);
    CHECK_MSG(outcome.complete && notes.count == 0, "%s", notes.all);
}

static void write_note(void *context, tv_span text)
{
    const int *fd = context;
    if (write(*fd, text.data, text.size) < 0)
        _exit(2);
}

TEST(keeper_killed, "a worker dies with its keeper, even by SIGKILL")
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    (void)fflush(NULL);
    pid_t keeper = fork();
    if (keeper == 0) {
        const struct job job = job_of(JOB_CHECK, "pid");
        const struct listener tell = {.context = &ends[1], .note = write_note};
        const struct broker broker = {open(FAKE_WORKER, O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC),
                                      NULL, NULL};
        broker_run(&broker, &job, -1, -1, &tell, &outcome);
        _exit(1);
    }
    (void)close(ends[1]);
    char text[32] = "";
    CHECK(keeper > 0 && read(ends[0], text, sizeof(text) - 1) > 0);
    pid_t worker = (pid_t)strtol(text, NULL, 10);
    int pidfd = (int)syscall(SYS_pidfd_open, worker, 0u);
    CHECK_MSG(worker > 0 && pidfd >= 0, "the worker is not there: %s", text);
    CHECK(kill(keeper, SIGKILL) == 0 && waitpid(keeper, NULL, 0) == keeper);
    struct pollfd gone = {.fd = pidfd, .events = POLLIN};
    CHECK_MSG(poll(&gone, 1, 60000) == 1, "the worker outlives its keeper");
    (void)close(pidfd);
    (void)close(ends[0]);
}

TEST(private_program, "a worker that only root may execute still runs after root was given up")
{
    static char block[65536];
    char path[] = "/tmp/tensorvet-program-XXXXXX";
    int from = open(FAKE_WORKER, O_RDONLY | O_CLOEXEC), to = mkostemp(path, O_CLOEXEC);
    CHECK(from >= 0 && to >= 0);
    for (ssize_t size = 0; (size = read(from, block, sizeof(block))) > 0;)
        CHECK(write(to, block, (size_t)size) == size);
    CHECK(fchmod(to, 0700) == 0 && close(to) == 0 && close(from) == 0);
    const struct job job = job_of(JOB_CHECK, "honest");
    const struct broker broker = {program_open(path), open("/dev/null", O_RDWR | O_CLOEXEC), NULL, NULL};
    (void)unlink(path);
    CHECK(broker.program >= 0);
    run_with(&broker, &job, -1, -1, NULL);
    CHECK_MSG(outcome.complete, "%s %s", found(), detail());
    (void)close(broker.program);
    (void)close(broker.null);
    CHECK(program_open("/") < 0 && errno == ENOEXEC);
    CHECK(program_open("/nonexistent") < 0 && errno == ENOENT);
}

TEST(no_program, "a worker that cannot be started is the machine's fault, and says at which step")
{
    const struct job job = job_of(JOB_CHECK, "honest");
    const struct broker broker = {open("/dev/null", O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC), NULL,
                                  NULL};
    run_with(&broker, &job, -1, -1, NULL);
    CHECK(strcmp(found(), "worker-failed") == 0 && strncmp(detail(), "starting the program: ", 22) == 0);
    (void)close(broker.program);
    (void)close(broker.null);
}

TEST(no_descriptors, "where we may not open enough, that is the machine's fault and says so")
{
    const struct job job = job_of(JOB_CHECK, "honest");
    struct broker broker = open_broker(FAKE_WORKER);
    struct rlimit before = {0, 0};
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    static const struct {
        rlim_t most;
        const char *detail;
    } rows[] = {{0, "making a pipe: "}, {12, "arranging descriptors: "}};
    for (size_t i = 0; i < 2; i++) {
        const struct rlimit few = {rows[i].most, before.rlim_max};
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        broker_run(&broker, &job, -1, -1, NULL, &outcome);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        CHECK_MSG(strcmp(found(), "worker-failed") == 0 &&
                      strncmp(detail(), rows[i].detail, strlen(rows[i].detail)) == 0,
                  "%s: %s", found(), detail());
    }
    broker_close(&broker);
}

/* A conversion on an unnamed file. */
static void convert(const char *key, uint64_t output_bytes, struct notes *notes)
{
    struct job job = job_of(JOB_WRITE, key);
    job.limits.output_bytes = output_bytes;
    struct broker broker = open_broker(FAKE_WORKER);
    FILE *file = tmpfile();
    int source = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(file != NULL && source >= 0);
    stop = 0;
    run_with(&broker, &job, source, fileno(file), notes);
    (void)fclose(file);
    (void)close(source);
    broker_close(&broker);
}

TEST(conversion, "writer, comparer and judge: the latter two cannot write what they judge")
{
    static const uint64_t limits[] = {1u << 20, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX}; /* as good as none */
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        convert("convert", limits[i], NULL);
        CHECK_MSG(outcome.verified && outcome.complete && outcome.findings.count == 0, "%s %s", found(), detail());
        CHECK(outcome.output_size == 64);
    }
}

TEST(conversion_refused, "what comparer or judge says against an output counts, and their failure too")
{
    static const struct {
        const char *key, *id;
    } rows[] = {
        {"compare-finds", "verify-failed"},
        {"compare-crashes", "worker-crashed"},
        {"judge-finds", "verify-failed"},
        {"write-less", "worker-lied"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        convert(rows[i].key, 1u << 20, NULL);
        CHECK_MSG(!outcome.verified && !outcome.complete, "%s: taken for good", rows[i].key);
        CHECK_MSG(strcmp(found(), rows[i].id) == 0, "%s: %s", rows[i].key, found());
    }
}

TEST(output_limit, "no byte is written beyond output_bytes, and an output announced beyond it is a lie")
{
    struct notes notes = {0};
    convert("write-beyond-limit", 63, &notes);
    CHECK_MSG(strcmp(found(), "worker-lied") == 0, "%s", found());
    struct job job = job_of(JOB_CHECK, "limits"); /* a job that is no writer may not write at all */
    notes = (struct notes){0};
    run_job(&job, &notes);
    CHECK(strstr(notes.all, " 0 ") != NULL);
}

TEST(no_room, "an output that does not fit is told before it is written")
{
    convert("huge-output", UINT64_MAX, NULL);
    CHECK_MSG(strcmp(found(), "no-space") == 0, "%s", found());
    CHECK(outcome.findings.count == 1 && outcome.findings.items[0].a == UINT64_C(1) << 61 &&
          outcome.findings.items[0].b < UINT64_C(1) << 61);
    convert("huge-output-known", UINT64_MAX, NULL);
    CHECK_MSG(strcmp(found(), "no-space") == 0 && outcome.findings.count == 1, "%s", found());
}

/* Closes it, and checks that nothing stays. */
static void close_broker(struct broker *broker, int before)
{
    broker_close(broker);
    CHECK_MSG(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a worker outlives its broker");
    CHECK_MSG(open_descriptors() == before, "a descriptor was left behind");
}

TEST(ahead, "a worker that was started ahead is like any: its job, its descriptors, its limits, its ways to end")
{
    static const struct {
        const char *key, *id, *notes;
    } rows[] = {
        {"honest", "nothing", ""},
        {"descriptors", "nothing", "0 1 2 3 5 "},
        {"limits", "nothing", "1140850688 0 3600 0 0 "},
        {"environment", "nothing", ""},
        {"crash-segv", "worker-crashed", ""},
        {"violate", "sandbox-violation", ""},
        {"unready-exit", "worker-failed", ""},
        {"garbage", "worker-lied", ""},
        {"honest", "nothing", ""},
    };
    int before = open_descriptors(), source = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct broker broker = open_broker(FAKE_WORKER);
    stop = 0;
    broker_expect_more(&broker);
    CHECK(broker_selftest(&broker, &outcome)); /* is no check, and has no spare */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notes notes = {0};
        struct job job = job_of(JOB_CHECK, rows[i].key);
        job.limits.memory_bytes = 1u << 30;
        run_with(&broker, &job, source, -1, &notes);
        CHECK_MSG(strcmp(found(), rows[i].id) == 0, "%s: %s (%s)", rows[i].key, found(), detail());
        CHECK_MSG(strcmp(notes.all, rows[i].notes) == 0, "%s: %s", rows[i].key, notes.all);
        CHECK_MSG(waitpid(-1, NULL, WNOHANG) == 0, "%s: no worker is ready for the next file", rows[i].key);
    }
    struct job other = job_of(JOB_CHECK, "limits"); /* with other limits it must be another worker */
    struct notes notes = {0};
    other.limits.cpu_seconds = 77;
    run_with(&broker, &other, source, -1, &notes);
    CHECK_MSG(strstr(notes.all, " 77 ") != NULL, "%s", notes.all);
    (void)close(source);
    close_broker(&broker, before);
}

TEST(spare_dies, "a worker that dies before it gets its job is replaced, and nobody hears of it")
{
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    const struct job job = job_of(JOB_CHECK, "honest");
    stop = 0;
    broker_expect_more(&broker);
    for (int i = 0; i < 3; i++) {
        run_with(&broker, &job, -1, -1, NULL);
        CHECK_MSG(outcome.complete, "%s %s", found(), detail());
        siginfo_t gone;
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        FILE *f = fopen(path, "re");
        int child = 0;
        CHECK(f != NULL && fscanf(f, "%d", &child) == 1 && kill(child, SIGKILL) == 0);
        CHECK(fclose(f) == 0 && waitid(P_PID, (id_t)child, &gone, WEXITED | WNOWAIT) == 0);
    }
    close_broker(&broker, before);
}

/* A source of a letter and a number (fake_worker.c). */
static int letter_of(char what, uint8_t number)
{
    const uint8_t bytes[] = {(uint8_t)what, number};
    int fd = memfd_create("source", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
    return fd;
}
static int letter(char what)
{
    return letter_of(what, 3);
}

TEST(batch, "one worker's accepts of safetensors files are taken; whatever else it says or does, a fresh one decides")
{
    static const struct {
        char what;
        const char *id;
        bool fresh; /* a fresh worker was asked */
    } rows[] = {{'s', "nothing", false}, {'s', "nothing", false}, {'p', "nothing", true}, {'s', "nothing", false},
                {'c', "nothing", true},  {'s', "nothing", false}, {'g', "nothing", true}, {'r', "verify-failed", true},
                {'h', "nothing", true},  {'x', "nothing", false}, {'s', "nothing", true}, {'s', "nothing", false}};
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    stop = 0;
    broker_batch(&broker);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notes notes = {0};
        struct job job = job_of(JOB_CHECK, "by-file");
        int source = letter(rows[i].what);
        job.limits.wall_seconds = rows[i].what == 'h' ? 1 : 600;
        run_with(&broker, &job, source, -1, &notes);
        (void)close(source);
        CHECK_MSG(strcmp(found(), rows[i].id) == 0, "file %zu: %s (%s)", i, found(), detail());
        CHECK_MSG(outcome.complete, "file %zu is not complete", i);
        CHECK_MSG((strcmp(notes.all, "fresh ") == 0) == rows[i].fresh, "file %zu: %s", i, notes.all);
    }
    close_broker(&broker, before);
}

TEST(batch_stopped, "a stop during a batch is a stop")
{
    int before = open_descriptors(), source = letter('h');
    struct broker broker = open_broker(FAKE_WORKER);
    const struct job job = job_of(JOB_CHECK, "by-file");
    broker_batch(&broker);
    stop = 1;
    run_with(&broker, &job, source, -1, NULL);
    CHECK(outcome.interrupted && !outcome.complete && outcome.findings.count == 0);
    stop = 0;
    (void)close(source);
    close_broker(&broker, before);
}

/* Begins all the files that fit, runs the first, and so on: as a session does. `fresh` has an F where a fresh worker
 * was asked. */
static void run_window(const struct broker *broker, const char *files, const char *fresh)
{
    static struct job jobs[64];
    int sources[64];
    const size_t count = strlen(files);
    CHECK(count == strlen(fresh) && count <= 64);
    for (size_t i = 0; i < count; i++) {
        jobs[i] = job_of(JOB_CHECK, "by-file");
        jobs[i].seed = 1000 + i;
        jobs[i].limits.wall_seconds = files[i] == 'h' ? 1 : 600;
        sources[i] = letter_of(files[i], (uint8_t)(i + 10));
    }
    for (size_t i = 0; i < count; i++) {
        struct notes notes = {0};
        for (size_t ahead = i; ahead < count && broker_begin(broker, &jobs[ahead], sources[ahead]); ahead++)
            continue;
        run_with(broker, &jobs[i], sources[i], -1, &notes);
        (void)close(sources[i]);
        const bool asked = strcmp(notes.all, "fresh ") == 0, bad = files[i] == 'r';
        CHECK_MSG(asked == (fresh[i] == 'F'), "%s, file %zu: %s", files, i, notes.all);
        CHECK_MSG(outcome.complete && strcmp(found(), bad ? "verify-failed" : "nothing") == 0, "%s, file %zu: %s (%s)",
                  files, i, found(), detail());
        const bool declined = files[i] == 'p';
        CHECK_MSG(bad || declined || outcome.tensors == i + 10, "%s, file %zu: it got the report of %d", files, i,
                  (int)outcome.tensors - 10);
    }
}

TEST(batch_window, "files wait at the worker, and whatever it does, each gets its own report, once, and none is lost")
{
    static const struct {
        const char *files, *fresh;
    } rows[] = {
        {"ssssssssssss", "............"}, /* more than wait at once */
        {"sscssss", "..F...."},           /* it dies, and the others go to the next */
        {"ccccc", "FFFFF"},               /* each of them */
        {"swss", "...."},                 /* it reports of two at once */
        {"swcs", ".FF."},                 /* and dies before it does */
        {"ssgss", "..F.."},               /* garbage */
        {"srsrs", ".F.F."},               /* found something: another says so */
        {"spsps", ".F.F."},               /* declined: it stays, and goes on meanwhile */
        {"sshss", "..F.."},               /* it never answers: the time is that file's, not the next one's */
        {"stss", "..F."},                 /* twice: the second is nobody's, least of all the next one's */
        {"sst", "..F"},                   /* the same with none behind it */
        {"sess", "..F."},                 /* of a file that it has not got */
        {"sse", "..F"},
        {"soss", ".F.."},   /* the next one's before its own */
        {"sxsss", "..F.."}, /* says good and goes: what it said stands, the rest is another's */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int before = open_descriptors();
        struct broker broker = open_broker(FAKE_WORKER);
        stop = 0;
        broker_batch(&broker);
        run_window(&broker, rows[i].files, rows[i].fresh);
        close_broker(&broker, before);
    }
}

TEST(batch_asked_otherwise, "a file that is asked for out of order, or was begun and never asked for, harms no other")
{
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    struct job jobs[4];
    int sources[4];
    stop = 0;
    broker_batch(&broker);
    for (uint8_t i = 0; i < 4; i++) {
        jobs[i] = job_of(JOB_CHECK, "by-file");
        jobs[i].seed = i;
        sources[i] = letter_of('s', i);
        CHECK(broker_begin(&broker, &jobs[i], sources[i]) && broker_begin(&broker, &jobs[i], sources[i]));
    }
    static const uint8_t order[] = {0, 2, 3, 1};
    for (size_t i = 0; i < 4; i++) {
        run_with(&broker, &jobs[order[i]], sources[order[i]], -1, NULL);
        CHECK_MSG(outcome.complete && outcome.tensors == order[i], "file %d got %d", order[i], (int)outcome.tensors);
    }
    CHECK(broker_begin(&broker, &jobs[1], sources[1]));
    jobs[0].limits.cpu_seconds = 77; /* other limits than the worker was started with: not for it */
    CHECK(!broker_begin(&broker, &jobs[0], sources[0]));
    run_with(&broker, &jobs[0], sources[0], -1, NULL);
    CHECK(outcome.complete && outcome.tensors == 0);
    for (uint8_t i = 0; i < 4; i++)
        (void)close(sources[i]);
    close_broker(&broker, before);
}

TEST(batch_careful, "after a worker that went wrong files go singly for a while: only the one to blame takes its time")
{
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    struct job jobs[2] = {job_of(JOB_CHECK, "by-file"), job_of(JOB_CHECK, "by-file")};
    int bad = letter('c'), sources[2] = {letter('s'), letter('s')};
    stop = 0;
    jobs[1].seed = 1;
    broker_batch(&broker);
    run_with(&broker, &jobs[0], bad, -1, NULL);
    for (int i = 0; i < BROKER_WINDOW; i++) {
        CHECK(broker_begin(&broker, &jobs[0], sources[0]) && !broker_begin(&broker, &jobs[1], sources[1]));
        run_with(&broker, &jobs[0], sources[0], -1, NULL);
        CHECK(outcome.complete);
    }
    CHECK(broker_begin(&broker, &jobs[0], sources[0]) && broker_begin(&broker, &jobs[1], sources[1]));
    (void)close(bad);
    (void)close(sources[0]);
    (void)close(sources[1]);
    close_broker(&broker, before);
}

static void *run_one(void *context)
{
    struct job job = job_of(JOB_CHECK, "by-file");
    int source = letter('s');
    broker_run(context, &job, source, -1, NULL, &outcome);
    CHECK(outcome.complete);
    (void)close(source);
    return NULL;
}

TEST(other_threads, "a worker that another thread started ahead or keeps, and that dies with it, gets nobody's file")
{
    for (int batch = 0; batch < 2; batch++) {
        int before = open_descriptors();
        struct broker broker = open_broker(FAKE_WORKER);
        stop = 0;
        broker_expect_more(&broker);
        if (batch)
            broker_batch(&broker);
        for (int i = 0; i < 20; i++) {
            pthread_t thread;
            CHECK(pthread_create(&thread, NULL, run_one, &broker) == 0 && pthread_join(thread, NULL) == 0);
            const struct resident *left = batch ? &broker.workers->kept : &broker.workers->spare;
            CHECK(left->channel >= 0 && !resident_is_ours(left));
            (void)run_one(&broker);
            CHECK(resident_is_ours(left));
        }
        close_broker(&broker, before);
    }
}

TEST(batch_renewed, "after as many files as a worker may have comes another, without a fresh one in between")
{
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    stop = 0;
    broker_batch(&broker);
    for (int i = 0; i < 40; i++)
        run_window(&broker, "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
                   "............................................................");
    close_broker(&broker, before);
}

TEST(batch_time, "a report that is there counts, whatever the clock says and whatever became of its worker since")
{
    int before = open_descriptors();
    struct broker broker = open_broker(FAKE_WORKER);
    struct job jobs[] = {job_of(JOB_CHECK, "by-file"), job_of(JOB_CHECK, "by-file")};
    const int sources[] = {letter_of('s', 5), letter_of('x', 6)};
    stop = 0;
    broker_batch(&broker);
    for (int i = 0; i < 2; i++) {
        jobs[i].seed = 1 + (uint64_t)i;
        jobs[i].limits.wall_seconds = 0;
        CHECK(broker_begin(&broker, &jobs[i], sources[i]));
    }
    struct pollfd ended = {.fd = broker.workers->kept.process.pidfd, .events = POLLIN};
    CHECK(poll(&ended, 1, -1) == 1);
    for (int i = 0; i < 2; i++) {
        run_with(&broker, &jobs[i], sources[i], -1, NULL);
        CHECK_MSG(outcome.complete && outcome.tensors == 5 + (uint64_t)i, "file %d: %s", i, found());
        (void)close(sources[i]);
    }
    close_broker(&broker, before);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
