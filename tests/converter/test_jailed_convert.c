/* Converting through the real broker and the real worker, jailed: what is right is verified, and what each of three bad
 * workers writes is refused. Arguments of the build: WORKER, BAD_WORKERS, CHECKPOINT. */
#define _GNU_SOURCE
#include <broker.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct outcome outcome;

static struct broker open_broker(const char *program)
{
    struct broker broker = {open(program, O_PATH | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC), NULL, NULL};
    CHECK_MSG(broker.program >= 0, "%s: %s", program, strerror(errno));
    return broker;
}

static int temporary_file(void)
{
    char name[] = "/tmp/tensorvet-test-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    CHECK(fd >= 0);
    unlink(name);
    return fd;
}

static bool found(tv_finding_id id)
{
    for (uint32_t i = 0; i < outcome.findings.count; i++) {
        if (outcome.findings.items[i].id == id)
            return true;
    }
    return false;
}

static const char *findings_text(void)
{
    static char text[1024];
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < outcome.findings.count && used + 300 < sizeof text; i++)
        used += tv_finding_message(&outcome.findings.items[i], text + used, 300);
    return text;
}

/* Converts the source with that worker; the output stays in the returned descriptor. */
static int convert(const char *program, int source, struct job job)
{
    struct broker broker = open_broker(program);
    int output = temporary_file();
    job.kind = JOB_WRITE;
    memset(&outcome, 0, sizeof outcome);
    broker_convert(&broker, &job, source, output, NULL, &outcome);
    broker_close(&broker);
    return output;
}

static struct job plain_job(void)
{
    struct job job = {.limits = tv_limits_default()};
    job.limits.wall_seconds = 600;
    return job;
}

static int open_checkpoint(void)
{
    int source = open(CHECKPOINT, O_RDONLY | O_CLOEXEC);
    CHECK_MSG(source >= 0, "%s: %s", CHECKPOINT, strerror(errno));
    return source;
}

TEST(good_worker, "a real checkpoint is converted and verified, and its conversion converts to itself")
{
    int source = open_checkpoint();
    int first = convert(WORKER, source, plain_job());
    CHECK_MSG(outcome.verified && outcome.complete && outcome.has_digest, "%s", findings_text());
    int second = convert(WORKER, first, plain_job());
    CHECK_MSG(outcome.verified, "%s", findings_text());
    struct stat a, b;
    CHECK(fstat(first, &a) == 0 && fstat(second, &b) == 0 && a.st_size == b.st_size && a.st_size > 0);
    char *one = malloc((size_t)a.st_size), *other = malloc((size_t)a.st_size);
    CHECK(one != NULL && other != NULL);
    CHECK(pread(first, one, (size_t)a.st_size, 0) == a.st_size &&
          pread(second, other, (size_t)a.st_size, 0) == a.st_size);
    CHECK(memcmp(one, other, (size_t)a.st_size) == 0);
    free(one);
    free(other);
    close(first);
    close(second);
    close(source);
}

static void check_bad(const char *program)
{
    int source = open_checkpoint();
    int output = convert(program, source, plain_job());
    CHECK_MSG(!outcome.verified && !outcome.complete, "%s", program);
    CHECK_MSG(found(TV_FIND_VERIFY_FAILED), "%s: %s", program, findings_text());
    close(output);
    close(source);
}

TEST(swapping_worker, "a writer that swaps two equal-shaped tensors is refused")
{
    check_bad(BAD_WORKERS "swap");
}

TEST(transposing_worker, "a writer that transposes a tensor is refused")
{
    check_bad(BAD_WORKERS "transpose");
}

TEST(dropping_worker, "a writer that leaves a tensor out is refused")
{
    check_bad(BAD_WORKERS "drop");
}

/* A safetensors file with one tensor of that many bytes, which are a hole. */
static int sparse_file(uint64_t bytes)
{
    char json[128];
    int fd = temporary_file();
    memset(json, ' ', sizeof json);
    json[8 + snprintf(json + 8, 100, "{\"t\":{\"dtype\":\"U8\",\"shape\":[%llu],\"data_offsets\":[0,%llu]}}",
                      (unsigned long long)bytes, (unsigned long long)bytes)] = ' ';
    memcpy(json, "\x78\0\0\0\0\0\0\0", 8);
    CHECK(pwrite(fd, json, sizeof json, 0) == sizeof json);
    CHECK(ftruncate(fd, (off_t)(sizeof json + bytes)) == 0);
    return fd;
}

TEST(bounded_memory, "a file many times larger than the worker's memory is converted")
{
    struct job job = plain_job();
    job.limits.memory_bytes = 32 << 20;
    int source = sparse_file(300 << 20);
    int output = convert(WORKER, source, job);
    CHECK_MSG(outcome.verified, "%s", findings_text());
    close(output);
    close(source);
}

TEST(plan_only, "a plan alone says how large the output would be, and writes nothing")
{
    struct broker broker = open_broker(WORKER);
    struct job job = plain_job();
    job.kind = JOB_WRITE;
    job.plan_only = true;
    int source = sparse_file(1 << 20);
    memset(&outcome, 0, sizeof outcome);
    broker_run(&broker, &job, source, -1, NULL, &outcome);
    CHECK_MSG(outcome.complete && outcome.output_size > 1 << 20, "%s", findings_text());
    broker_close(&broker);
    close(source);
}

TEST(tiny_memory, "a worker that runs out of its memory says so, and is not a crash")
{
    struct job job = plain_job();
    job.limits.memory_bytes = 4096;
    int source = open_checkpoint();
    int output = convert(WORKER, source, job);
    CHECK_MSG(found(TV_FIND_LIMIT_MEMORY), "%s", findings_text());
    CHECK(!found(TV_FIND_WORKER_CRASHED) && !found(TV_FIND_SANDBOX_VIOLATION));
    close(output);
    close(source);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
