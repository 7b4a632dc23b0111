/* A job survives its way through argv, whatever bytes its texts hold; what job_to_argv would not write is refused. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <job.h>

static struct job back;

static int count_of(char *const *argv)
{
    int count = 0;
    while (argv[count] != NULL)
        count++;
    return count;
}

TEST(plain_job, "a job with defaults is two words")
{
    for (int kind = 0; kind < JOB_COUNT; kind++) {
        const struct job job = {.kind = (enum job_kind)kind, .limits = tv_limits_default()};
        char **argv = job_to_argv(&job);
        CHECK(argv != NULL && count_of(argv) == 2);
        CHECK(strcmp(argv[0], "tensorvet-worker") == 0 && strcmp(argv[1], job_name(job.kind)) == 0);
        CHECK(job_from_argv(2, argv, &back) && back.kind == job.kind && back.key == NULL && back.discards == 0);
        CHECK(memcmp(&back.limits, &job.limits, sizeof(job.limits)) == 0);
        free(argv);
    }
}

TEST(full_job, "every field arrives, and every byte of a text")
{
    char text[256];
    for (int i = 0; i < 255; i++)
        text[i] = (char)(unsigned char)(i + 1);
    text[255] = '\0';
    struct job job = {.kind = JOB_WRITE,
                      .limits = tv_limits_default(),
                      .key = text,
                      .ties = TIES_COPY,
                      .disarm = true,
                      .want_rows = true,
                      .diagnose = true,
                      .seed = UINT64_MAX,
                      .skip_unsupported = true,
                      .strip = text,
                      .discards = JOB_LIST_MAX,
                      .includes = JOB_LIST_MAX,
                      .excludes = 1,
                      .exclude = {"*.bias"}};
    for (uint32_t i = 0; i < JOB_LIST_MAX; i++) {
        job.discard[i] = i % 2 == 0 ? "" : "a=b %41\n";
        job.include[i] = i % 2 == 0 ? "include=*" : text;
    }
    size_t limits = 0;
    const tv_limit_info *rows = tv_limit_table(&limits);
    for (size_t i = 0; i < limits; i++)
        CHECK(tv_limit_set(&job.limits, rows[i].name, i == 0 ? UINT64_MAX : i));
    char **argv = job_to_argv(&job);
    CHECK(argv != NULL && job_from_argv(count_of(argv), argv, &back));
    CHECK(back.kind == JOB_WRITE && back.ties == TIES_COPY && back.disarm && back.want_rows && back.diagnose);
    CHECK(back.seed == UINT64_MAX && strcmp(back.key, text) == 0 && back.discards == JOB_LIST_MAX);
    CHECK(strcmp(back.discard[0], "") == 0 && strcmp(back.discard[63], "a=b %41\n") == 0);
    CHECK(back.includes == JOB_LIST_MAX && strcmp(back.include[62], "include=*") == 0);
    CHECK(strcmp(back.include[63], text) == 0 && back.excludes == 1 && strcmp(back.exclude[0], "*.bias") == 0);
    CHECK(back.skip_unsupported && strcmp(back.strip, text) == 0);
    CHECK(memcmp(&back.limits, &job.limits, sizeof(job.limits)) == 0);
    free(argv);
}

TEST(refused, "what is not as job_to_argv writes it is no job")
{
    static const char *const bad[] = {
        "",
        "key",
        "=",
        "color=1",
        "key=%4",
        "key=%zz",
        "key=%00",
        "key=%ff",
        "key=a b",
        "ties=2",
        "ties=-1",
        "disarm=01",
        "disarm=yes",
        "seed=",
        "seed=+1",
        "seed= 1",
        "seed=0x1",
        "seed=1x",
        "seed=18446744073709551616",
        "limit.=1",
        "limit.none=1",
        "limit.rank",
        "limit.rank=",
        "limit.rank=a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char program[] = "tensorvet-worker", kind[] = "check", field[64];
        strncpy(field, bad[i], sizeof(field) - 1);
        field[sizeof(field) - 1] = '\0';
        char *argv[] = {program, kind, field, NULL};
        CHECK_MSG(!job_from_argv(3, argv, &back), "taken: %s", bad[i]);
    }
    char program[] = "tensorvet-worker", kind[] = "dance";
    char *argv[] = {program, kind, NULL};
    CHECK(!job_from_argv(2, argv, &back) && !job_from_argv(1, argv, &back) && !job_from_argv(0, argv, &back));
}

TEST(too_many, "no more texts than there is room for")
{
    char program[] = "tensorvet-worker", kind[] = "write", fields[JOB_LIST_MAX + 1][16];
    char *argv[JOB_LIST_MAX + 4] = {program, kind};
    for (int i = 0; i <= JOB_LIST_MAX; i++) {
        memcpy(fields[i], "discard=x", 10);
        argv[2 + i] = fields[i];
    }
    CHECK(!job_from_argv(JOB_LIST_MAX + 3, argv, &back));
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
