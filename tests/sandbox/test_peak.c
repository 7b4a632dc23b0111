/* What a worker's memory grows to: 8 MiB, and three times the header. Seen from outside in its last moment: its report
 * pipe takes READY and KIND and not a byte more, so that it waits in RESULT, when all is done. (VmHWM of /proc;
 * ru_maxrss would be the caller's, which is kept over vfork.) */
#define _GNU_SOURCE

#include <stdint.h>
#include <stdlib.h>

#include <check.h>
#include <frame.h>

#include "blocked.h"

enum { PIPE_BYTES = 4096, FIXED_KIB = 8 << 10 };

/* A check of that source, reporting into that pipe. */
static struct jail_process start_check(int source, int report)
{
    static const char *const argv[] = {"tensorvet-worker", "check", NULL};
    const struct jail_spec spec = {.program = open(SHIPPED_WORKER, O_PATH | O_CLOEXEC),
                                   .null = open("/dev/null", O_RDWR | O_CLOEXEC),
                                   .argv = (char *const *)(uintptr_t)argv,
                                   .source = source,
                                   .output = -1,
                                   .report = report,
                                   .scratch = -1,
                                   .budget = {1u << 30, 0, 600}};
    struct jail_process process;
    const char *failed_at = "";
    CHECK_MSG(jail_start(&spec, &process, &failed_at) == 0, "%s", failed_at);
    (void)close(spec.program);
    (void)close(spec.null);
    return process;
}

/* Bytes of READY and KIND. */
static size_t first_words(int source)
{
    uint8_t bytes[PIPE_BYTES];
    uint32_t ready = 0, kind = 0;
    int ends[2];
    struct jail_result result;
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    struct jail_process process = start_check(source, ends[1]);
    (void)close(ends[1]);
    jail_wait(&process, JAIL_NOT_KILLED, &result);
    ssize_t size = read(ends[0], bytes, sizeof(bytes));
    (void)close(ends[0]);
    CHECK(size > 24);
    memcpy(&ready, bytes + 4, 4);
    CHECK(ready < 1000 && (size_t)size > 16 + ready);
    memcpy(&kind, bytes + 8 + ready + 4, 4);
    CHECK(kind == 4);
    return 8 + ready + 8 + kind;
}

/* A file of so many tensors of one byte each; *length receives its header's. */
static int file_of(int tensors, uint64_t *length)
{
    FILE *f = tmpfile();
    CHECK(f != NULL && fseek(f, 8, SEEK_SET) == 0 && fputc('{', f) == '{');
    for (int i = 0; i < tensors; i++)
        (void)fprintf(f, "%s\"model.layers.%d.weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                      i == 0 ? "" : ",", i, i, i + 1);
    (void)fputc('}', f);
    while (ftell(f) % 8 != 0)
        (void)fputc(' ', f);
    *length = (uint64_t)ftell(f) - 8;
    for (int i = 0; i < tensors; i++)
        (void)fputc(0, f);
    CHECK(fseek(f, 0, SEEK_SET) == 0 && fwrite(length, sizeof(*length), 1, f) == 1 && fflush(f) == 0);
    int fd = dup(fileno(f));
    (void)fclose(f);
    return fd;
}

static long peak_kib(int source, size_t room)
{
    static const char filling[PIPE_BYTES];
    int ends[2];
    struct jail_result result;
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES);
    CHECK(write(ends[1], filling, PIPE_BYTES - room) == (ssize_t)(PIPE_BYTES - room));
    struct jail_process process = start_check(source, ends[1]);
    (void)close(ends[1]);
    CHECK_MSG(wait_until_blocked(process.pid), "it did not come as far as its last word");
    long peak = status_of(process.pid, "VmHWM");
    jail_wait(&process, JAIL_KILLED_STOP, &result);
    (void)close(ends[0]);
    return peak;
}

TEST(header, "a check takes at most 8 MiB and three times the header, from one tensor to two hundred thousand")
{
    static const int tensors[] = {1, 2000, 20000, 200000};
    for (size_t i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++) {
        uint64_t length = 0;
        int source = file_of(tensors[i], &length);
        long peak = peak_kib(source, first_words(source));
        const long allowed = FIXED_KIB + 3 * (long)(length >> 10);
        printf("%d tensors, a header of %llu KiB: VmHWM %ld KiB of %ld allowed\n", tensors[i],
               (unsigned long long)(length >> 10), peak, allowed);
        CHECK_MSG(peak > 0 && peak <= allowed, "%d tensors: %ld KiB", tensors[i], peak);
        (void)close(source);
    }
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
