/* Workers besides the one at work. Private to the broker.
 *
 * One may be started ahead, so that the next file finds it ready: as fresh as any, since it has seen no file. And one
 * may be kept for many files, where the user asked for it (--isolation batch); SECURITY.md says what that gives up. Of
 * one thread: workers die with the thread that started them, so that another one starts its own. */
#ifndef GATE_WORKERS_H
#define GATE_WORKERS_H

#include <stdbool.h>

#include <jail.h>

#include "attend.h"

/* A worker and our end of the socket on which it is handed what it works on; -1: there is none. */
struct resident {
    struct jail_process process;
    int channel;
    pid_t thread; /* that started it, and with which it dies */
};

/* A file that the kept worker was handed, and whose report has not been heard. */
struct given {
    int source;
    uint64_t seed, since; /* of its job; when its time began (attend_kept) */
};

struct workers {
    bool apart;                /* --namespaces */
    bool ahead;                /* more files will come: have the next worker ready */
    struct resident spare;     /* started ahead, within that budget */
    struct jail_budget budget; /* of the spare */
    bool batch;                /* --isolation batch */
    struct resident kept;
    tv_limits limits;                  /* of the jobs that the kept one takes */
    int report;                        /* our end of the kept worker's pipe */
    struct inbox inbox;                /* of that pipe */
    unsigned files;                    /* that the kept one has had */
    struct given given[BROKER_WINDOW]; /* in order */
    unsigned given_count;
    unsigned singly; /* so many files are handed over one at a time, since a kept worker went wrong */
};

/* ahead.c: jail_start, or jail_start_apart where that is asked for. */
int worker_start(const struct broker *broker, const struct jail_spec *spec, struct jail_process *process,
                 const char **failed_at);

/* ahead.c: starts a worker with a socket in the source's place. 0 or an errno, with the step. */
int resident_start(const struct broker *broker, char *const *argv, int report, const struct jail_budget *budget,
                   struct resident *resident, const char **failed_at);
/* Is there one, and shall it outlive what we have for it? Another thread's may die any moment. */
bool resident_is_ours(const struct resident *resident);
/* Ends it, if there is one. */
void resident_end(struct resident *resident);

/* ahead.c: the spare takes the job and becomes *process: true. Else it has to be a new one. */
bool ahead_take(struct workers *workers, const struct job *job, char *const *argv, int source, int output, int report,
                struct jail_process *process);
/* Starts a spare for the jobs that will be like this one, where that is asked for. A failure is not told: the next
 * worker that is needed will be started then, and tells. */
void ahead_start(const struct broker *broker, const struct job *job);

/* batch.c: hands the file over to the worker that is kept. False where it is none for it, or there is no room. */
bool batch_begin(const struct broker *broker, const struct job *job, int source);
/* batch.c: the file in the worker that is kept. True if that settles it: an accept, or we were told to stop. Everything
 * else is a fresh worker's to say, with *outcome empty, as it was. */
bool batch_run(const struct broker *broker, const struct job *job, int source, struct outcome *outcome);
/* Ends the worker that is kept, if there is one. */
void batch_end(struct workers *workers);

#endif
