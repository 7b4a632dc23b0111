/* The decoder of frames: a state machine over bytes that may come from an attacker.
 *
 * Trusts: nothing in the bytes. Promises: no read outside what was fed; memory of one largest frame, taken at the
 * start; every number is inside its enumeration, every text inside its frame, before anyone hears of it; the first
 * byte out of place stops it for good, and it says why. Never blocks, reads or writes anything itself. */
#ifndef GATE_DECODE_H
#define GATE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker.h"

enum decode_state {
    DECODE_FINE,
    DECODE_MISFIT, /* READY says that this worker is of another build, or that it is not locked */
    DECODE_FLOOD,  /* more bytes than limits.report_bytes */
    DECODE_LIE     /* no honest worker sends this */
};

struct decoder {
    const struct job *job;
    const char *build_id;
    const struct listener *listener; /* NULL: nobody listens */
    struct outcome *outcome;         /* receives all but the rows */
    uint8_t *payload;
    uint8_t head[8];
    uint32_t head_have, payload_have;
    uint32_t type, size; /* of the frame that has begun */
    uint64_t received;   /* bytes in all */
    bool ready, kind, output, omitted, finished, violated;
    uint32_t violation; /* where violated: the number it told */
    enum decode_state state;
    char why[128]; /* of any state but FINE; may hold untrusted bytes */
};

/* Starts before the first byte. All pointers are borrowed. False without memory. */
bool decoder_init(struct decoder *decoder, const struct job *job, const char *build_id, const struct listener *listener,
                  struct outcome *outcome);
void decoder_free(struct decoder *decoder);

/* Takes the next bytes, cut anywhere. After any state but FINE it only repeats that state. */
enum decode_state decoder_feed(struct decoder *decoder, tv_span bytes);
/* The same up to the end of RESULT: what comes after *used bytes is the next file's report, if one was asked for. */
enum decode_state decoder_take(struct decoder *decoder, tv_span bytes, uint64_t *used);

/* Is the report whole: RESULT came, and nothing after it? */
bool decoder_finished(const struct decoder *decoder);

/* The number of the last frame's VIOLATION, or -1. */
int decoder_violation(const struct decoder *decoder);

/* May a worker report that finding? Others are the trusted side's own (worker-killed, output-exists, …). */
bool decoder_worker_may_find(tv_finding_id id);

#endif
