/* A job: what a worker is asked to do, as the broker writes it into argv and the worker reads it back.
 * argv = {"tensorvet-worker", job name, "field=value", …}. The broker is trusted, so a bad field is a bug: exit 64.
 * Texts with arbitrary bytes (names, keys) are percent-encoded (every byte but [A-Za-z0-9._/-]). */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/limits.h>

/* JOB(NAME, "name", what) */
#define JOB_TABLE(JOB)                                                                                                 \
    JOB(CHECK, "check", "identify and judge the source")                                                               \
    JOB(INSPECT, "inspect", "identify and list what is in the source")                                                 \
    JOB(WRITE, "write", "convert the source into the output")                                                          \
    JOB(COMPARE, "compare", "walk source and output, bit for bit")                                                     \
    JOB(INDEX, "index", "list the shards of a shard index")                                                            \
    JOB(CONFIG, "config", "list the architectures that a config.json names")                                           \
    JOB(DIFF, "diff", "compare the tensors of two files")                                                              \
    JOB(JUDGE, "judge", "core's strict check of the output alone, given as the source")                                \
    JOB(SELFTEST, "selftest", "lock down, say READY, judge the built-in file")

enum job_kind {
#define JOB(NAME, name, what) JOB_##NAME,
    JOB_TABLE(JOB)
#undef JOB
        JOB_COUNT
};

enum job_ties { TIES_DROP, TIES_COPY };

#define JOB_LIST_MAX 64

/* All that a job can be told. Texts are NUL-terminated and owned by whoever filled the struct. */
struct job {
    enum job_kind kind;
    tv_limits limits;
    const char *key; /* --key, or NULL: choose */
    enum job_ties ties;
    bool disarm;             /* convert a source that names dangerous globals */
    bool plan_only;          /* WRITE: send OUTPUT and RESULT, write nothing; there is no output (-n) */
    bool called_safetensors; /* the source's name promises safetensors: bytes of no kind that is read as
                                something else are judged by that promise, not as of an unsupported kind */
    bool want_rows;          /* send TENSOR, METADATA and GLOBAL rows (inspect; -v) */
    bool diagnose;           /* the jail tells which call it did not allow; the broker tries so after a violation */
    bool batch;              /* the worker stays for more files, and declines what is no safetensors file */
    uint64_t seed;           /* for the name tables: the broker draws it */
    bool skip_unsupported;   /* leave out tensors that safetensors cannot hold */
    bool container_only;     /* CHECK: container, pickle and storages, but no names of tensors */
    bool feed;               /* WRITE, COMPARE: the source is a feed of the torch engine (harness/feed.h) */
    uint64_t feed_kind;      /* then: the tv_kind of the file that it is fed from */
    bool want_values;        /* send VALUE rows: what is no tensor */
    bool only_models;        /* refuse what is the state of an optimizer, a scheduler or generators */
    bool allow_crc;          /* --allow zip-crc-mismatch */
    bool allow_extra;        /* --allow zip-extra-entry */
    uint64_t part, parts;    /* WRITE, COMPARE: which of so many parts of the tensors; parts 0: all */
    const char *strip;       /* --strip-prefix, or NULL */
    const char *discard[JOB_LIST_MAX]; /* --discard */
    const char *include[JOB_LIST_MAX]; /* --include */
    const char *exclude[JOB_LIST_MAX]; /* --exclude */
    const char *hint[JOB_LIST_MAX];    /* names that the model's own library would not keep of a tie */
    uint32_t discards, includes, excludes, hints;
};

/* "check"; "?" outside the table. */
const char *job_name(enum job_kind kind);
/* Broker side: an argv for that job, in one malloc'd block to free(); NULL without memory. */
char **job_to_argv(const struct job *job);
/* Worker side: false where a field is not as job_to_argv writes it. Decodes in place: argv's strings must be writable
 * and outlive the job. */
bool job_from_argv(int argc, char **argv, struct job *job);

#endif
