/* The torch engine, from the trusted side: one Python that has imported torch and only forks (the zygote,
 * converter/harness), and a conversion whose writer and comparer are fed by its children.
 *
 * Trusts: the Python that the user named, as long as it has read nothing; of its children only what the kernel says of
 * their ends. Promises: no byte of a file reaches a Python before a worker has passed its container; no Python ever
 * holds an output; nothing of it is left running when torch_close returns. */
#ifndef GATE_ENGINE_TORCH_H
#define GATE_ENGINE_TORCH_H

#include <jail.h>

#include "broker.h"

#define TORCH_TEXT 256

/* What the user asked for. */
struct torch_settings {
    bool wanted;        /* --engine torch */
    const char *python; /* --python; NULL: python3 of the PATH */
    bool allow_code, densify, dequantize;
    const char *preload[JOB_LIST_MAX];
    uint32_t preloads;
};

enum torch_state { TORCH_ABSENT, TORCH_STARTING, TORCH_READY, TORCH_DEAD };

struct torch_engine {
    const struct torch_settings *settings;
    const volatile int *stop;
    enum torch_state state;
    struct jail_process zygote;
    int control;
    unsigned files;              /* since it was started */
    char python[TORCH_TEXT * 4]; /* the path that is run */
    char version[TORCH_TEXT];    /* READY: "torch 2.13.0, Python 3.11.2" */
    tv_finding_id failure;       /* DEAD: why, and what it said */
    char why[TORCH_TEXT];
};

/* Starts the Python; it imports torch while the caller goes on. Before the caller confines itself: Python's files are
 * many. A failure is kept, and told of each file. */
void torch_open(struct torch_engine *engine, const struct torch_settings *settings, const struct broker *broker);
void torch_close(struct torch_engine *engine);
/* Waits until it is ready; false: failure and why are filled, or a signal asked us to stop. */
bool torch_ready(struct torch_engine *engine);

/* How a child ended. */
struct torch_ended {
    bool known; /* the zygote said how */
    int status; /* as of waitpid */
    double cpu_seconds;
    uint64_t peak_bytes;
};

/* A child that is asked for something, from its start to its end. */
struct torch_child {
    int pidfd;
    bool running;
    struct torch_ended ended;
};
/* Starts a child on those descriptors, which the caller closes. `what` is a line of tv_zygote.py. */
bool torch_start(struct torch_engine *engine, const char *what, int source, int stream, struct torch_child *child);
/* Waits for its end; kills it after that many milliseconds. True if it had to be killed. */
bool torch_end(struct torch_engine *engine, struct torch_child *child, unsigned patience_ms);
/* Has the Python start anew: after a violation. */
void torch_renew(struct torch_engine *engine);
/* Counts a file that it was started for; after so many the Python starts anew too. */
enum { TORCH_FILES = 500 };
void torch_file_done(struct torch_engine *engine);

/* Does the lock hold in that Python? Two children try what they must not: to open a file, and a socket. `null` is
 * /dev/null; `found` receives a line for people. */
bool torch_probe(struct torch_engine *engine, int null, char found[TORCH_TEXT]);

/* Converts as broker_convert does, or plans (job->plan_only), with `job` as for a WRITE. *code_ran: code of the file
 * was allowed to run, and a Python was started for it. */
void torch_convert(struct torch_engine *engine, const struct broker *broker, const struct job *job, int source,
                   int output, const struct listener *listener, struct outcome *outcome, bool *code_ran);

#endif
