/* What a jailed worker costs a file: plain spawn, each layer added, and the whole job, interleaved, in microseconds.
 * Usage: bench_jail FILE [ROUNDS]: FILE is checked by the whole job.
 * Prints one line a variant: median, 99th percentile, largest, and the median as a multiple of the plain spawn's; all
 * samples go to samples.csv if that can be made. As root also a worker's VmHWM beside the length of the header
 * (ru_maxrss would be the caller's: it is kept over vfork). */
#define _GNU_SOURCE

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <broker.h>
#include <jail.h>

#define ROUNDS_MOST 100000
#define SMALL_BYTES (64 << 10)  /* the goals are of such a file */
#define HELD_BYTES  (1ul << 30) /* by the large caller */

static int inmate, null, source;
static struct broker broker, ahead, batch, apart;
static const char *file_path;
static bool is_small;
static unsigned batch_files; /* of one sample */

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_jail: %s\n", what);
    exit(1);
}

static void spawn(const char *program, const char *const *argv)
{
    char *const nothing[] = {NULL};
    pid_t pid = -1;
    int status = 0;
    if (posix_spawn(&pid, program, NULL, NULL, (char *const *)(uintptr_t)argv, nothing) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        fail(program);
}

static void spawn_plain(const char *unused)
{
    (void)unused;
    spawn(BENCH_INMATE, (const char *const[]){"inmate", NULL});
}

static void start_jailed(const char *layers)
{
    const char *const argv[] = {"inmate", layers, NULL};
    const struct jail_spec spec = {inmate, null, (char *const *)(uintptr_t)argv, -1, -1, -1, -1, {1u << 30, 0, 60}};
    struct jail_process process;
    struct jail_result result;
    const char *failed_at = "";
    if (jail_start(&spec, &process, &failed_at) != 0)
        fail(failed_at);
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    if (result.ending != JAIL_ENDED_CLEAN)
        fail(layers);
}

static void run_job_of(const struct broker *one)
{
    static struct outcome outcome;
    const struct job job = {.kind = JOB_CHECK, .limits = tv_limits_default()};
    broker_run(one, &job, source, -1, NULL, &outcome);
    if (!outcome.complete || outcome.findings.count != 0)
        fail("the job found something");
}

static void run_job(const char *unused)
{
    (void)unused;
    run_job_of(&broker);
}

static void run_ahead(const char *unused)
{
    (void)unused;
    run_job_of(&ahead);
}

static void run_apart(const char *unused)
{
    (void)unused;
    run_job_of(&apart);
}

/* As a session does: a window of files is begun, half of it is finished, and so on. */
static void run_batch(const char *unused)
{
    (void)unused;
    static struct outcome outcome;
    struct job job = {.kind = JOB_CHECK, .limits = tv_limits_default()}, next = job;
    for (uint64_t file = 0; file < batch_files; file++) {
        if (file % (BROKER_WINDOW / 2) == 0) {
            bool room = true;
            for (next.seed = file; room && next.seed < batch_files; next.seed++)
                room = broker_begin(&batch, &next, source);
        }
        job.seed = file;
        broker_run(&batch, &job, source, -1, NULL, &outcome);
        if (!outcome.complete || outcome.findings.count != 0)
            fail("the job found something");
    }
}

static void run_command(const char *unused)
{
    (void)unused;
    spawn(BENCH_COMMAND, (const char *const[]){"tensorvet", "check", "-q", file_path, NULL});
}

/* The same job asked for by a caller that holds much memory: another process, told to by a byte, answers with the time.
 */
static struct {
    pid_t pid;
    int ask, answer;
} large;

static double now_us(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void be_large(int asked, int answer)
{
    char byte = 0;
    char *volatile memory = malloc(HELD_BYTES);
    for (size_t i = 0; memory != NULL && i < HELD_BYTES; i += 4096)
        memory[i] = 1;
    while (memory != NULL && read(asked, &byte, 1) == 1) {
        double start = now_us();
        run_job_of(&broker);
        double took = now_us() - start;
        if (write(answer, &took, sizeof(took)) != sizeof(took))
            break;
    }
    _exit(0);
}

static void start_large(void)
{
    int asks[2], answers[2];
    if (pipe2(asks, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0 || (large.pid = fork()) < 0)
        fail("starting a large caller");
    if (large.pid == 0) {
        (void)close(asks[1]);
        be_large(asks[0], answers[1]);
    }
    (void)close(asks[0]);
    (void)close(answers[1]);
    large.ask = asks[1];
    large.answer = answers[0];
}

static double run_large(void)
{
    double took = 0;
    if (write(large.ask, "", 1) != 1 || read(large.answer, &took, sizeof(took)) != sizeof(took))
        fail("the large caller");
    return took;
}

/* NULL: run_large. The goals are issue 4's, in microseconds; 0: none. */
static const struct {
    const char *name;
    void (*run)(const char *argument);
    const char *argument;
    double median, p99;
} variants[] = {
    {"posix_spawn of a static program, no jail", spawn_plain, "", 0, 0},
    {"jail_start: descriptors, privileges, limits, tie", start_jailed, "nothing", 0, 0},
    {"  and Landlock", start_jailed, "landlock", 0, 0},
    {"  and the filter", start_jailed, "filter", 0, 0},
    {"  and the whole lock", start_jailed, "lock", 0, 0},
    {"broker_run: a whole check of the file", run_job, "", 1000, 3000},
    {"  the same, the caller holds 1 GiB", NULL, "", 1000, 3000},
    {"  the same, the next worker started meanwhile", run_ahead, "", 1000, 3000},
    {"  the same, in namespaces (--namespaces)", run_apart, "", 0, 0},
    {"  the same, in one worker (--isolation batch)", run_batch, "", 50, 0},
    {"tensorvet check -q FILE: the whole command", run_command, "", 0, 0},
};
enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };
static double samples[VARIANTS][ROUNDS_MOST];

/* Microseconds a file. */
static double sample(long v)
{
    if (variants[v].run == NULL)
        return run_large();
    double start = now_us();
    variants[v].run(variants[v].argument);
    return (now_us() - start) / (variants[v].run == run_batch ? batch_files : 1);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Kilobytes, from /proc. */
static long peak_of(pid_t pid)
{
    char path[64], line[256];
    long peak = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        (void)sscanf(line, "VmHWM: %ld", &peak);
    if (f != NULL)
        (void)fclose(f);
    return peak;
}

/* A worker's peak, read in the moment before its end; -1 where it may not be followed. It waits at its first word for
 * room in its report pipe, so that it cannot be gone before it is followed. */
static long peak_of_worker(void)
{
    static const char bytes[4096];
    const char *const argv[] = {"tensorvet-worker", "check", NULL};
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) != 4096 ||
        write(ends[1], bytes, sizeof(bytes)) != sizeof(bytes))
        fail("a pipe");
    const struct jail_spec spec = {broker.program, null, (char *const *)(uintptr_t)argv, source, -1,
                                   ends[1],        -1,   {UINT64_C(4) << 30, 0, 60}};
    struct jail_process process;
    const char *failed_at = "";
    if (jail_start(&spec, &process, &failed_at) != 0)
        fail(failed_at);
    long peak = -1;
    if (ptrace(PTRACE_SEIZE, process.pid, NULL, PTRACE_O_TRACEEXIT) == 0) {
        if (fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0 || waitpid(process.pid, &status, __WALL) != process.pid ||
            status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
            fail("following a worker");
        peak = peak_of(process.pid);
        (void)ptrace(PTRACE_DETACH, process.pid, NULL, 0L);
    }
    struct jail_result result;
    (void)close(ends[0]);
    (void)close(ends[1]);
    jail_wait(&process, peak < 0 ? JAIL_KILLED_STOP : JAIL_NOT_KILLED, &result);
    return peak;
}

static void print_memory(void)
{
    uint64_t length = 0;
    long peak = peak_of_worker();
    if (pread(source, &length, sizeof(length), 0) != sizeof(length))
        fail("the file's header");
    if (peak < 0)
        (void)printf("a worker's VmHWM: only root may look\n");
    else
        (void)printf("a worker's VmHWM: %ld KiB, for a header of %" PRIu64 " KiB\n", peak, length >> 10);
}

static void write_samples(long rounds)
{
    FILE *f = fopen("samples.csv", "we");
    if (f == NULL)
        return;
    (void)fprintf(f, "variant,microseconds\n");
    for (int v = 0; v < VARIANTS; v++)
        for (long i = 0; i < rounds; i++)
            (void)fprintf(f, "%d,%.1f\n", v, samples[v][i]);
    (void)fclose(f);
}

static const char *verdict(double value, double goal)
{
    return goal <= 0 || !is_small ? "" : value <= goal ? "met" : "NOT met";
}

static void print_table(long rounds)
{
    double plain = 0;
    (void)printf("%ld rounds, interleaved; microseconds a file\n%-52s %8s %8s %9s %6s %7s  %s\n", rounds, "", "median",
                 "p99", "largest", "ratio", "added", "goal (median, p99)");
    for (int v = 0; v < VARIANTS; v++) {
        qsort(samples[v], (size_t)rounds, sizeof(double), by_size);
        const double median = samples[v][rounds / 2], p99 = samples[v][rounds * 99 / 100];
        plain = v == 0 ? median : plain;
        (void)printf("%-52s %8.0f %8.0f %9.0f %6.2f %+7.0f  %s %s\n", variants[v].name, median, p99,
                     samples[v][rounds - 1], median / plain, median - plain, verdict(median, variants[v].median),
                     verdict(p99, variants[v].p99));
    }
}

static void open_all(const char *path)
{
    if (broker_open(&broker, NULL) != 0 || broker_open(&ahead, NULL) != 0 || broker_open(&batch, NULL) != 0 ||
        broker_open(&apart, NULL) != 0)
        fail("opening the worker, which has to be beside this program as beside the command");
    broker_expect_more(&ahead);
    broker_batch(&batch);
    broker_namespaces(&apart);
    inmate = open(BENCH_INMATE, O_PATH | O_CLOEXEC);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    source = open(path, O_RDONLY | O_CLOEXEC);
    file_path = path;
    struct stat about;
    if (inmate < 0 || null < 0 || source < 0 || fstat(source, &about) != 0)
        fail("opening");
    is_small = about.st_size <= SMALL_BYTES;
    batch_files = is_small ? 64 : 4;
    start_large();
}

static void close_all(void)
{
    broker_close(&ahead);
    broker_close(&batch);
    broker_close(&apart);
    (void)close(large.ask);
    (void)waitpid(large.pid, NULL, 0);
}

int main(int argc, char **argv)
{
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MOST)
        fail("usage: bench_jail FILE [ROUNDS]");
    open_all(argv[1]);
    for (long i = 0; i < rounds; i++) {
        for (long n = 0; n < VARIANTS; n++) {
            const long v =
                (i + n) % VARIANTS; /* none always follows the same: ends are cleaned up in the next's time */
            samples[v][i] = sample(v);
        }
    }
    write_samples(rounds);
    print_table(rounds);
    close_all();
    print_memory();
    return 0;
}
