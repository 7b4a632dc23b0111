/* What a jailed worker costs a file: plain spawn, each layer added, and the whole job, interleaved, in microseconds.
 * Usage: bench_jail FILE [ROUNDS [MIB]]: FILE is checked by the whole job; MIB of memory are held by the caller.
 * Prints one line a variant: median, 99th percentile and largest; all samples go to samples.csv if that can be made. As
 * root also a worker's VmHWM beside the length of the header (ru_maxrss would be the caller's: it is kept over vfork).
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <broker.h>
#include <jail.h>

#define ROUNDS_MOST 100000

static int inmate, null, source;
static struct broker broker, ahead, batch, apart;

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_jail: %s\n", what);
    exit(1);
}

static void spawn_plain(const char *unused)
{
    (void)unused;
    char *const argv[] = {(char *)(uintptr_t) "inmate", NULL}, *const nothing[] = {NULL};
    pid_t pid = -1;
    int status = 0;
    if (posix_spawn(&pid, BENCH_INMATE, NULL, NULL, argv, nothing) != 0 || waitpid(pid, &status, 0) != pid ||
        status != 0)
        fail("plain spawn");
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

static void run_batch(const char *unused)
{
    (void)unused;
    run_job_of(&batch);
}

static const struct {
    const char *name;
    void (*run)(const char *argument);
    const char *argument;
} variants[] = {
    {"posix_spawn of a static program, no jail", spawn_plain, ""},
    {"jail_start: descriptors, privileges, limits, tie", start_jailed, "nothing"},
    {"  and Landlock", start_jailed, "landlock"},
    {"  and the filter", start_jailed, "filter"},
    {"  and the whole lock", start_jailed, "lock"},
    {"broker_run: a whole check of the file", run_job, ""},
    {"  the same, the next worker started meanwhile", run_ahead, ""},
    {"  the same, in namespaces (--namespaces)", run_apart, ""},
    {"  the same, in one worker (--isolation batch)", run_batch, ""},
};
enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };
static double samples[VARIANTS][ROUNDS_MOST];

static double now_us(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
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

int main(int argc, char **argv)
{
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
    size_t held = argc > 3 ? (size_t)strtol(argv[3], NULL, 10) << 20 : 0;
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MOST || broker_open(&broker, NULL) != 0)
        fail("usage: bench_jail FILE [ROUNDS [MIB]], beside an installed worker");
    if (broker_open(&ahead, NULL) != 0 || broker_open(&batch, NULL) != 0 || broker_open(&apart, NULL) != 0)
        fail("opening the worker");
    broker_expect_more(&ahead);
    broker_batch(&batch);
    broker_namespaces(&apart);
    inmate = open(BENCH_INMATE, O_PATH | O_CLOEXEC);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    source = open(argv[1], O_RDONLY | O_CLOEXEC);
    char *volatile memory = malloc(held + 1);
    if (inmate < 0 || null < 0 || source < 0 || memory == NULL)
        fail("opening");
    for (size_t i = 0; i < held; i += 4096)
        memory[i] = 1;
    for (long i = 0; i < rounds; i++) {
        for (long n = 0; n < VARIANTS; n++) {
            const long v =
                (i + n) % VARIANTS; /* none always follows the same: ends are cleaned up in the next's time */
            double start = now_us();
            variants[v].run(variants[v].argument);
            samples[v][i] = now_us() - start;
        }
    }
    write_samples(rounds);
    (void)printf("%ld rounds, interleaved; caller holds %zu MiB\n%-52s %9s %9s %9s\n", rounds, held >> 20,
                 "microseconds", "median", "p99", "largest");
    for (int v = 0; v < VARIANTS; v++) {
        qsort(samples[v], (size_t)rounds, sizeof(double), by_size);
        (void)printf("%-52s %9.0f %9.0f %9.0f\n", variants[v].name, samples[v][rounds / 2],
                     samples[v][rounds * 99 / 100], samples[v][rounds - 1]);
    }
    broker_close(&ahead);
    broker_close(&batch);
    broker_close(&apart);
    print_memory();
    return 0;
}
