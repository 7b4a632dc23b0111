/* The broker: runs one job in a fresh worker and turns its frames, exit and silence into plain values.
 * Parses nothing but frames, and believes none of them beyond their shape. */
#ifndef GATE_BROKER_H
#define GATE_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/dtype.h>
#include <tensorvet/finding.h>
#include <tensorvet/kind.h>

#include "frame.h"
#include "job.h"

/* Rows, decoded. Every text is untrusted and valid only during the call. */
struct row_tensor {
    tv_span name;
    tv_dtype dtype; /* TV_DTYPE_COUNT: none in safetensors */
    tv_span source_dtype;
    uint64_t offset, bytes;
    uint32_t rank;
    uint64_t shape[64];
};
struct row_global {
    tv_span module, name;
    tv_class class_;
    bool called;
    uint64_t offset;
};

struct row_group {
    tv_span key; /* as --key takes it */
    uint64_t tensors, bytes;
};
struct row_value {
    uint32_t depth, key_type, type; /* enum frame_key_type, enum frame_value_type */
    tv_span key;                    /* of depth 0: a path */
    bool is_cut;
    uint64_t number;
    tv_span text;
};
/* Bytes: converter/account.h says which. */
struct row_account {
    uint64_t source, container, unused, used, hidden, repeated, header, output;
};
struct row_difference {
    tv_span name;
    enum frame_difference what;
    tv_span a, b;
};

/* Who hears of rows as they stream in; each may be NULL. */
struct listener {
    void *context;
    void (*tensor)(void *context, const struct row_tensor *row);
    void (*metadata)(void *context, tv_span key, tv_span value);
    void (*global)(void *context, const struct row_global *row);
    void (*dropped_shared)(void *context, tv_span name, tv_span kept, enum frame_tie_rule rule);
    void (*made_contiguous)(void *context, tv_span name);
    void (*dropped_object)(void *context, tv_span path, tv_span type);
    void (*decision)(void *context, tv_span name, tv_span what);
    void (*note)(void *context, tv_span text);
    void (*group)(void *context, const struct row_group *row);
    void (*value)(void *context, const struct row_value *row);
    void (*account)(void *context, const struct row_account *row);
    void (*difference)(void *context, const struct row_difference *row);
    void (*progress)(void *context, uint64_t done, uint64_t total);
};

/* What became of a job. Findings include the broker's own (worker-crashed, limit-time, …). */
struct outcome {
    tv_kind kind;
    bool complete;           /* a RESULT frame came, and the worker ended clean after it; convert: all three did */
    enum frame_outcome said; /* the worker's word, if complete: DONE, or it stopped at a finding */
    bool interrupted;        /* SIGINT or SIGTERM asked us to stop */
    bool verified;           /* convert: the comparer and the judge found nothing wrong with what was written */
    uint64_t tensors, data_bytes;
    bool has_digest;
    uint8_t digest[32];   /* SHA-256 of the header; convert: of the output's */
    uint64_t output_size; /* from the OUTPUT frame */
    uint32_t layers, landlock_abi;
    double seconds, cpu_seconds;
    tv_findings findings; /* last: they are large, and what lies beyond their count is not touched */
};
/* As before a job. */
void outcome_clear(struct outcome *outcome);

struct broker {
    int program;              /* descriptor of the worker's executable */
    int null;                 /* /dev/null */
    const volatile int *stop; /* non-zero once a signal asked us to stop; NULL: never */
    struct workers *workers;  /* started ahead or kept (broker_expect_more, broker_batch); NULL: none */
};

/* Where the worker is: ../libexec/tensorvet/tensorvet-worker beside the running command. malloc'd; NULL, with errno. */
char *broker_worker_path(void);
/* Opens the worker. 0, or an errno. Later frames,
 * jobs and findings need no other file, so that the caller may confine itself. Where SIGCHLD is ignored, it is set to
 * its default. */
int broker_open(struct broker *broker, const volatile int *stop);
void broker_close(struct broker *broker);

/* Ends workers that are ahead or kept, and forgets what was asked for of them. broker_close does so too. */
void broker_forget_workers(struct broker *broker);

/* More files will come: from now on the next worker is started while one works. The broker is then one thread's. */
void broker_expect_more(struct broker *broker);
/* Workers get namespaces of their own as well, where the kernel offers them. The broker is then one thread's. */
void broker_namespaces(struct broker *broker);
/* Safetensors files are checked in one worker, one after the other, and everything else in a fresh one: for one owner's
 * files (SECURITY.md). The broker is then one thread's. */
void broker_batch(struct broker *broker);

/* The file will be examined soon, by broker_run with the same job and source, in the order of these calls: a batch's
 * worker gets it while it has others to do, up to BROKER_WINDOW in all. False where it cannot have it now: then it
 * shall not be asked for a later one either. Nothing is owed for a call, and another one for the same file changes
 * nothing. */
#define BROKER_WINDOW 16
bool broker_begin(const struct broker *broker, const struct job *job, int source);

/* A broker for another thread: it has no workers ahead or kept of its own or of others, and keeps the namespaces. False
 * without memory. broker_forget_workers when that thread is done; never broker_close. */
bool broker_for_thread(const struct broker *broker, struct broker *own);

/* Does a fresh worker lock itself down and judge the built-in file rightly? *outcome says what is in force. */
bool broker_selftest(const struct broker *broker, struct outcome *outcome);

/* Runs the job on those descriptors (-1: none). Always fills *outcome; nothing is left running when it returns.
 * May be called from several threads at once, each of which must outlive its call. */
void broker_run(const struct broker *broker, const struct job *job, int source, int output,
                const struct listener *listener, struct outcome *outcome);

/* Writer, comparer, judge, each a fresh worker, each after the last was reaped. `output` is opened for reading and
 * writing, and empty; the comparer and judge get a fresh read-only reopening of it. *outcome is the writer's, and where
 * one of the others found something, its findings are added. Publish only what is `verified`. */
void broker_convert(const struct broker *broker, const struct job *job, int source, int output,
                    const struct listener *listener, struct outcome *outcome);
/* The same look at an output that is there already: is it what the job would write? *outcome is as of a conversion, and
 * `output`, open for reading, stays as it is. */
void broker_verify(const struct broker *broker, const struct job *job, int source, int output,
                   const struct listener *listener, struct outcome *outcome);

/* The same, where something else than broker_run runs the jobs that read the source: writer and comparer. */
typedef void (*broker_runner)(void *context, const struct job *job, int source, int output,
                              const struct listener *listener, struct outcome *outcome);
struct broker_way {
    broker_runner run;
    void *context;
};
void broker_convert_by(const struct broker *broker, const struct broker_way *way, const struct job *job, int source,
                       int output, const struct listener *listener, struct outcome *outcome);

#endif
