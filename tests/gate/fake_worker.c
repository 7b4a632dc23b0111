/* A worker that misbehaves on purpose, for tests of the broker: never locked, never linked into anything installed.
 * What it does is chosen by the key of the job that it was started for; without one, by how it was built. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <build_id.h>
#include <tensorvet/finding.h>
#include <tensorvet/kind.h>

#include "frames.h"
#include "hand.h"

static struct bytes out;
static const char *job;
static bool diagnosed;
static uint64_t seed; /* of the job */

static void flush(void)
{
    size_t at = 0;
    while (at < out.size) {
        ssize_t size = write(WORKER_REPORT, out.data + at, out.size - at);
        if (size < 0)
            _exit(99);
        at += (size_t)size;
    }
    out.size = 0;
}

static void ready(void)
{
    add_ready_of(&out, TV_BUILD_ID, JAIL_MANDATORY, "", seed);
    add_kind(&out, TV_KIND_SAFETENSORS);
    flush();
}

static void done(void)
{
    add_result(&out, OUTCOME_DONE, 0);
    flush();
}

static void note(const char *text)
{
    add_note(&out, FRAME_NOTE, text);
    flush();
}

static void number_note(long number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%ld", number);
    note(text);
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        (void)pause();
}

static void burn(void)
{
    for (volatile unsigned long i = 0;; i++)
        continue;
}

static void die_of(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void honest(void)
{
    done();
}
static void silent(void) {}
static void flood(void)
{
    for (;;)
        note("and another thing");
}
static void progress_flood(void)
{
    for (;;) {
        add_progress(&out, 1, 2);
        flush();
    }
}
static void hang(void)
{
    wait_for_ever();
}
static void hang_after_result(void)
{
    done();
    wait_for_ever();
}
static void stop_itself(void)
{
    (void)raise(SIGSTOP);
    wait_for_ever();
}
static void ignore_xcpu(void)
{
    (void)signal(SIGXCPU, SIG_IGN);
    burn();
}
static void crash_segv(void)
{
    die_of(SIGSEGV);
}
static void crash_bus(void)
{
    die_of(SIGBUS);
}
static void crash_abrt(void)
{
    die_of(SIGABRT);
}
static void crash_ill(void)
{
    die_of(SIGILL);
}
static void violate(void)
{
    die_of(SIGSYS);
}
/* As the telling jail does: on the second try it says which call it was, number 41 of any machine. */
static void violate_and_tell(void)
{
    if (!diagnosed)
        die_of(SIGSYS);
    size_t at = begin_frame(&out, FRAME_VIOLATION);
    add32(&out, 41);
    end_frame(&out, at);
    flush();
}
/* Told without being asked. */
static void tell_unasked(void)
{
    diagnosed = true;
    violate_and_tell();
}
static void accept_then_violate(void)
{
    done();
    die_of(SIGSYS);
}
static void accept_then_crash(void)
{
    done();
    die_of(SIGSEGV);
}
static void accept_then_exit(void)
{
    done();
    _exit(3);
}
static void be_killed(void)
{
    (void)raise(SIGKILL);
}
static void garbage(void)
{
    add_text(&out, "not a frame at all");
    flush();
}
static void half_frame(void)
{
    add_note(&out, FRAME_NOTE, "interrupted");
    out.size -= 3;
    flush();
}
static void result_twice(void)
{
    done();
    done();
}
static void allocate(void)
{
    static const size_t too_much = (size_t)300 << 20;
    void *volatile block = malloc(too_much);
    if (block == NULL)
        add_finding(&out, TV_FIND_LIMIT_MEMORY, "");
    add_result(&out, block == NULL ? OUTCOME_REJECTED : OUTCOME_DONE, 0);
    flush();
}
/* Every descriptor that is open, as one note each. */
static void list_descriptors(void)
{
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            number_note(fd);
    done();
}
static void list_environment(void)
{
    for (char **e = environ; *e != NULL; e++)
        note(*e);
    done();
}
static void tell_pid(void)
{
    number_note((long)getpid());
    wait_for_ever();
}
static void tell_limits(void)
{
    static const __rlimit_resource_t which[] = {RLIMIT_AS, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_CORE, RLIMIT_NPROC};
    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        struct rlimit limit = {0, 0};
        (void)getrlimit(which[i], &limit);
        number_note((long)limit.rlim_cur);
    }
    done();
}
/* More than is free anywhere. */
static void huge_output(void)
{
    add_output(&out, UINT64_C(1) << 61);
    flush();
    wait_for_ever();
}
/* And says so itself, at once. */
static void huge_output_known(void)
{
    add_output(&out, UINT64_C(1) << 61);
    add_finding(&out, TV_FIND_NO_SPACE, "");
    add_result(&out, OUTCOME_FAILED, 0);
    flush();
}
static void write_bytes(uint64_t announced, size_t size)
{
    static const char bytes[64];
    add_output(&out, announced);
    ssize_t written = pwrite(WORKER_OUTPUT, bytes, size, 0);
    if (written != (ssize_t)size)
        note(errno == EFBIG ? "EFBIG" : "short");
    done();
}
static void write_rightly(void)
{
    write_bytes(64, 64);
}
static void write_less(void)
{
    write_bytes(64, 63);
}
static void write_beyond_limit(void)
{
    write_bytes(64, 64);
}

/* The second look: tries to change what it is to judge. */
static void look_and_write(void)
{
    if (pwrite(WORKER_OUTPUT, "x", 1, 0) >= 0 || errno != EBADF)
        _exit(98);
    if (pwrite(WORKER_SOURCE, "x", 1, 0) >= 0 || errno != EBADF)
        _exit(97);
    done();
}
static void find_fault(void)
{
    add_finding(&out, TV_FIND_VERIFY_FAILED, "layer.weight");
    add_result(&out, OUTCOME_REJECTED, 0);
    flush();
}

/* A source of a batch: a letter, which says what is done with it, and a number, which a report says again. */
struct letter {
    char what;
    uint8_t number;
};

static struct letter read_letter(void)
{
    struct letter letter;
    if (pread(WORKER_SOURCE, &letter, sizeof(letter), 0) != sizeof(letter))
        _exit(95);
    return letter;
}

static void add_whole(uint64_t of, uint8_t number)
{
    add_ready_of(&out, TV_BUILD_ID, JAIL_MANDATORY, "", of);
    add_kind(&out, TV_KIND_SAFETENSORS);
    add_result_of(&out, OUTCOME_DONE, 0, number);
}

/* What the file says is done with it: kept for many, or fresh. */
static void act_by_file(bool kept)
{
    const struct letter letter = read_letter();
    const char what = letter.what;
    if (!kept)
        note("fresh");
    if (what == 'p') { /* a pickle is declined by the one, and examined by the other */
        add_result(&out, kept ? OUTCOME_DECLINED : OUTCOME_DONE, 0);
        flush();
        return;
    }
    if (kept && what == 'c')
        crash_segv();
    if (kept && what == 'g')
        garbage();
    if (kept && what == 'x') { /* it says good, and goes */
        add_result_of(&out, OUTCOME_DONE, 0, letter.number);
        flush();
        _exit(0);
    }
    if (kept && what == 'h')
        wait_for_ever();
    if (what == 'r') {
        find_fault();
        return;
    }
    add_result_of(&out, OUTCOME_DONE, 0, letter.number);
    if (kept && what == 't') /* twice */
        add_whole(seed, letter.number);
    if (kept && what == 'e') /* and of a file that it has not got */
        add_whole(0, letter.number);
    flush();
}
static void by_file(void)
{
    act_by_file(false);
}

/* The next file first, and then this one. */
static _Noreturn void answer_out_of_turn(struct handed *handed, struct letter letter)
{
    const uint64_t own = handed->seed;
    (void)close(WORKER_SOURCE);
    if (!hand_take(handed))
        _exit(92);
    add_whole(handed->seed, read_letter().number);
    add_whole(own, letter.number);
    flush();
    wait_for_ever();
}

/* As the worker's own: one file after the other, each from READY to RESULT. */
static _Noreturn void work_through_batch(void)
{
    static struct handed handed;
    if (!hand_open())
        _exit(94);
    while (hand_take(&handed)) {
        const struct letter letter = read_letter();
        seed = handed.seed;
        if (letter.what == 'w') { /* withholds its report until the next one's */
            add_whole(seed, letter.number);
            (void)close(WORKER_SOURCE);
            continue;
        }
        if (letter.what == 'o')
            answer_out_of_turn(&handed, letter);
        add_ready_of(&out, TV_BUILD_ID, JAIL_MANDATORY, "", seed);
        add_kind(&out, letter.what == 'p' ? TV_KIND_PICKLE : TV_KIND_SAFETENSORS);
        act_by_file(true);
        (void)close(WORKER_SOURCE);
    }
    _exit(0);
}

static const struct {
    const char *job, *key;
    void (*act)(void);
} acts[] = {
    {"selftest", "", SELFTEST_ACT},
    {"check", "", CHECK_ACT},
    {"check", "honest", honest},
    {"check", "silent", silent},
    {"check", "flood", flood},
    {"check", "progress-flood", progress_flood},
    {"check", "hang", hang},
    {"check", "hang-after-result", hang_after_result},
    {"check", "stop-itself", stop_itself},
    {"check", "burn", burn},
    {"check", "ignore-xcpu", ignore_xcpu},
    {"check", "crash-segv", crash_segv},
    {"check", "crash-bus", crash_bus},
    {"check", "crash-abrt", crash_abrt},
    {"check", "crash-ill", crash_ill},
    {"check", "violate", violate},
    {"check", "violate-and-tell", violate_and_tell},
    {"check", "tell-unasked", tell_unasked},
    {"check", "accept-then-violate", accept_then_violate},
    {"check", "accept-then-crash", accept_then_crash},
    {"check", "accept-then-exit", accept_then_exit},
    {"check", "be-killed", be_killed},
    {"check", "garbage", garbage},
    {"check", "half-frame", half_frame},
    {"check", "result-twice", result_twice},
    {"check", "allocate", allocate},
    {"check", "descriptors", list_descriptors},
    {"check", "environment", list_environment},
    {"check", "pid", tell_pid},
    {"check", "limits", tell_limits},
    {"check", "by-file", by_file},
    {"write", "huge-output", huge_output},
    {"write", "huge-output-known", huge_output_known},
    {"write", "write-beyond-limit", write_beyond_limit},
    {"write", "write-less", write_less},
    {"write", "convert", write_rightly},
    {"compare", "convert", look_and_write},
    {"judge", "convert", look_and_write},
    {"write", "compare-finds", write_rightly},
    {"compare", "compare-finds", find_fault},
    {"write", "compare-crashes", write_rightly},
    {"compare", "compare-crashes", crash_segv},
    {"write", "judge-finds", write_rightly},
    {"compare", "judge-finds", honest},
    {"judge", "judge-finds", find_fault},
};

/* Those that come before READY. */
static void unready(const char *key)
{
    if (strcmp(key, "unready-exit") == 0)
        _exit(0);
    if (strcmp(key, "unready-crash") == 0)
        die_of(SIGSEGV);
    if (strcmp(key, "unready-violate") == 0)
        die_of(SIGSYS);
    if (strcmp(key, "unready-garbage") == 0)
        garbage();
    if (strcmp(key, "unready-other-build") == 0)
        add_ready(&out, "0000", JAIL_MANDATORY, "");
    if (strcmp(key, "unready-unlocked") == 0)
        add_ready(&out, TV_BUILD_ID, 0, "Landlock");
    flush();
    _exit(65);
}

int main(int argc, char **argv)
{
    static struct handed handed;
    if (argc == 2 && strcmp(argv[1], WORKER_AHEAD) == 0) {
        if (!hand_open() || !hand_take(&handed))
            _exit(0);
        if (!hand_close())
            _exit(93);
        argc = handed.count;
        argv = handed.words;
    }
    job = argc > 1 ? argv[1] : "";
    const char *key = "";
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "key=", 4) == 0)
            key = argv[i] + 4;
        if (strncmp(argv[i], "seed=", 5) == 0)
            seed = strtoull(argv[i] + 5, NULL, 10);
        if (strcmp(argv[i], "batch=1") == 0)
            work_through_batch();
        diagnosed = diagnosed || strcmp(argv[i], "diagnose=1") == 0;
    }
    if (strncmp(key, "unready", 7) == 0)
        unready(key);
    ready();
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(acts[i].job, job) == 0 && strcmp(acts[i].key, key) == 0) {
            acts[i].act();
            _exit(0);
        }
    }
    _exit(96);
}
