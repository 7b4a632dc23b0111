/* What goes wrong under a worker: memory ends, reads and writes come short, are interrupted or fail, the disk is full,
 * the source ends early; at every point that the seeds reach, once each. Runs worker_run, forked, without its jail,
 * over the files and folders given.
 *
 * Promises: a short or interrupted call changes nothing; whatever else fails, either changes nothing (the report and
 * the output are those of a quiet run, to the byte) or RESULT says REJECTED for memory, FAILED for the machine, or the
 * worker ends because nobody can be told. Never a crash; under a sanitizer, no leak and no bad access. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "job.h"
#include "jobs.h"
#include "payload.h"
#include "worker_inject.h"

enum { LARGEST = 1 << 16, REPORT_MOST = 1 << 20, OUTPUT_MOST = 1 << 18, EXIT_LEAK = 99 };

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static const char *const fault_names[] = {
#define FAULT(NAME, name) name,
    FAULT_TABLE(FAULT)
#undef FAULT
};

/* What one run left behind. */
struct ran {
    int status; /* of the process, as wait gives it */
    uint8_t report[REPORT_MOST], output[OUTPUT_MOST];
    size_t report_size, output_size;
};

static int source, output, report; /* files of memory, but for the source */
static const char *path;
static struct ran quiet, struck;
static unsigned long points[FAULT_COUNT], jobs, inputs;

static int memory_file(const char *name)
{
    int fd = memfd_create(name, 0);
    if (fd < 0)
        abort();
    return fd;
}

static void put_back(int fd, const void *bytes, size_t size)
{
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
}

static size_t read_back(int fd, void *bytes, size_t most)
{
    ssize_t size = pread(fd, bytes, most, 0);
    CHECK(size >= 0 && (size_t)size < most);
    return (size_t)size;
}

/* The child: the descriptors as the broker deals them, then the job. */
static _Noreturn void be_worker(const struct job *job, int from)
{
    int copies[] = {fcntl(from, F_DUPFD, 20), fcntl(output, F_DUPFD, 20), fcntl(report, F_DUPFD, 20)};
    (void)dup2(copies[0], WORKER_SOURCE);
    (void)dup2(copies[1], WORKER_OUTPUT);
    (void)dup2(copies[2], WORKER_REPORT);
    inject_on();
    int status = worker_run(job);
    inject_off();
    if (inject_struck() != NULL && __lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        status = EXIT_LEAK;
    _exit(status);
}

static void run(const struct job *job, int from, enum fault fault, struct ran *ran)
{
    CHECK(ftruncate(report, 0) == 0 && lseek(report, 0, SEEK_SET) == 0);
    inject_plan(fault);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        be_worker(job, from);
    CHECK(waitpid(pid, &ran->status, 0) == pid);
    ran->report_size = read_back(report, ran->report, sizeof ran->report);
    ran->output_size = read_back(output, ran->output, sizeof ran->output);
}

/* What a report says. */
struct said {
    int word;                      /* of RESULT; -1 where it does not end with one */
    bool memory, machine, unknown; /* findings: limit-memory, any error of class machine, one that is in no table */
};

static void note_finding(struct said *said, uint32_t id)
{
    said->unknown = said->unknown || id == TV_FIND_NONE || id >= TV_FIND_COUNT;
    said->memory = said->memory || id == TV_FIND_LIMIT_MEMORY;
    if (id < TV_FIND_COUNT)
        said->machine = said->machine || tv_finding_info_of((tv_finding_id)id)->class_ == TV_CLASS_MACHINE;
}

static struct said said_by(const struct ran *ran)
{
    struct payload whole = payload_of(tv_span_of(ran->report, ran->report_size));
    struct said said = {.word = -1};
    while (!payload_whole(&whole) && !whole.broken) {
        uint32_t type = payload_u32(&whole), size = payload_u32(&whole);
        struct payload frame = payload_of(payload_bytes(&whole, size));
        said.word = type == FRAME_RESULT ? (int)payload_u32(&frame) : -1;
        if (type == FRAME_FINDING)
            note_finding(&said, payload_u32(&frame));
    }
    said.word = whole.broken ? -1 : said.word;
    return said;
}

static bool same_run(const struct ran *a, const struct ran *b, bool writes)
{
    return a->status == b->status && a->report_size == b->report_size &&
           memcmp(a->report, b->report, a->report_size) == 0 &&
           (!writes || (a->output_size == b->output_size && memcmp(a->output, b->output, a->output_size) == 0));
}

static bool is_memory(enum fault fault)
{
    return fault == FAULT_MEMORY_ONCE || fault == FAULT_MEMORY_ON;
}

/* A run that was struck, and did not end as the quiet one: does it say why? */
static bool ended_well(const struct ran *ran, enum fault fault)
{
    struct said said = said_by(ran);
    if (!WIFEXITED(ran->status) || said.unknown || fault == FAULT_SHORT || fault == FAULT_EINTR)
        return false;
    if (WEXITSTATUS(ran->status) == WORKER_EXIT_UNHEARD)
        return fault == FAULT_EIO && strcmp(inject_struck(), "write") == 0;
    if (WEXITSTATUS(ran->status) != 0)
        return false;
    return is_memory(fault) ? said.word == OUTCOME_REJECTED && said.memory
                            : said.word == OUTCOME_FAILED && said.machine;
}

/* One job on one source: quietly, then struck by each fault until it meets no new point. */
static void strike(struct job *job, int from, const void *before, size_t size)
{
    bool writes = job->kind == JOB_WRITE;
    put_back(output, before, size);
    run(job, from, FAULT_NONE, &quiet);
    jobs++;
    CHECK_MSG(WIFEXITED(quiet.status) && WEXITSTATUS(quiet.status) == 0, "%s %s: status %x", path, job_name(job->kind),
              quiet.status);
    for (unsigned fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
        if (!inject_fresh((enum fault)fault))
            continue;
        do {
            put_back(output, before, size);
            run(job, from, (enum fault)fault, &struck);
            points[fault] += inject_struck() != NULL;
            CHECK_MSG(same_run(&quiet, &struck, writes) || (inject_struck() && ended_well(&struck, (enum fault)fault)),
                      "%s, job %s: %s at %s: status %x, RESULT %d", path, job_name(job->kind), fault_names[fault],
                      inject_struck() == NULL ? "no point" : inject_struck(), (unsigned)struck.status,
                      said_by(&struck).word);
        } while (inject_struck() != NULL);
    }
}

/* Every job on one file; what WRITE writes is what COMPARE compares and JUDGE judges. */
static int strike_file(const char *file, const struct stat *about, int type, struct FTW *where)
{
    (void)where;
    if (type != FTW_F || about->st_size > LARGEST)
        return 0;
    static uint8_t converted[OUTPUT_MOST];
    struct job job = {.kind = JOB_CHECK, .limits = tv_limits_default(), .want_rows = true, .disarm = true};
    job.limits.memory_bytes = 1 << 24;
    job.limits.pickle_ops = 20000; /* bombs are no slower than the rest */
    job.limits.output_bytes = OUTPUT_MOST / 2;
    path = file;
    source = open(file, O_RDONLY | O_CLOEXEC);
    CHECK_MSG(source >= 0, "cannot open %s", file);
    strike(&job, source, "", 0);
    job.kind = JOB_WRITE;
    strike(&job, source, "", 0);
    if (said_by(&quiet).word == OUTCOME_DONE) {
        size_t size = quiet.output_size;
        memcpy(converted, quiet.output, size);
        job.kind = JOB_COMPARE;
        strike(&job, source, converted, size);
        job.kind = JOB_JUDGE;
        strike(&job, output, converted, size);
    }
    (void)close(source);
    inputs++;
    return 0;
}

static char **paths;

TEST(every_point, "no fault at any call makes a worker crash, leak, or say what is not so")
{
    inject_start();
    output = memory_file("output");
    report = memory_file("report");
    for (char **each = paths; *each != NULL; each++)
        CHECK_MSG(nftw(*each, strike_file, 16, FTW_PHYS) == 0, "cannot read %s", *each);
    CHECK(inputs > 0);
    for (unsigned fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
        printf("# %lu inputs, %lu jobs, %s: at %lu points\n", inputs, jobs, fault_names[fault], points[fault]);
        CHECK_MSG(points[fault] > 0, "%s never happened", fault_names[fault]);
    }
}

int main(int argc, char **argv)
{
    paths = argv + 1;
    return argc < 2 ? 2 : run_tests(1, argv);
}
