/* Attending to one worker: from its start until it is reaped. Private to the broker. */
#ifndef GATE_ATTEND_H
#define GATE_ATTEND_H

#include <stdbool.h>
#include <stdint.h>

#include <jail.h>

#include "broker.h"
#include "decode.h"

/* All that is known of a worker that is gone. */
struct attended {
    int error; /* it could not be started, or heard: an errno, and the step */
    const char *failed_at;
    enum jail_reason reason;
    struct jail_result result;
    enum decode_state report;
    bool ready;          /* READY came: until then it had read nothing of its source */
    bool finished;       /* the report is whole */
    char why[128];       /* of the report's state, may hold untrusted bytes */
    int violation;       /* a diagnosed job's: the number of the call, or -1 */
    bool short_memory;   /* it was given less than its job's limit, because we have less */
    bool no_space;       /* the output does not fit */
    uint64_t free_bytes; /* then: what is free */
};

/* Runs the job in a fresh worker. What it reports goes to listener and outcome, what became of it to *attended.
 * Promises: one deadline, moved by nothing; the worker is reaped when this returns. */
void attend_worker(const struct broker *broker, const struct job *job, int source, int output,
                   const struct listener *listener, struct outcome *outcome, struct attended *attended);

/* What was read of a report pipe, and not decoded yet. */
struct inbox {
    size_t at, size;
    uint8_t bytes[32768];
};

/* The job's file has been handed to a worker that stays: hears its report until RESULT, or until it must end. What
 * comes after RESULT stays in the inbox. `since`, in microseconds of attend_clock, is when the file's time began. The
 * caller ends and reaps the worker where attended->finished is not set. */
struct attend_kept {
    const struct jail_process *process;
    int report;
    struct inbox *inbox;
    uint64_t since;
};
void attend_kept(const struct broker *broker, const struct job *job, const struct attend_kept *kept,
                 struct outcome *outcome, struct attended *attended);

/* Microseconds of the monotonic clock. */
uint64_t attend_clock(void);

/* What a worker of that job may use up. */
struct jail_budget attend_budget(const struct job *job);

/* Ends of workers, as one table: adds the finding that this end deserves, if any. Returns whether the job is complete.
 * A violation is left to the caller, who can ask further: it gets no finding here. */
bool attended_finding(const struct attended *attended, const struct job *job, struct outcome *outcome);

#endif
