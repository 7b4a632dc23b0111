/* What a worker said, decoded as the broker decodes it, and the report of it printed and judged. */
#ifndef FUZZ_PRINTED_H
#define FUZZ_PRINTED_H

#include <decode.h>
#include <report.h>

#include "oracle.h"

struct said {
    enum decode_state state;
    bool finished;
    struct outcome outcome;
};

/* How a report is asked for and what it has to tell, one bit each. */
enum printed_flag {
    PRINTED_QUIET = 1 << 0,
    PRINTED_VERBOSE = 1 << 1,
    PRINTED_REPRODUCIBLE = 1 << 2,
    PRINTED_DISARM = 1 << 3,
    PRINTED_TARGET = 1 << 4,
    PRINTED_OUTPUT = 1 << 5,
    PRINTED_TORCH = 1 << 6,
    PRINTED_CODE_RAN = 1 << 7,
    PRINTED_EXTRAS = 1 << 8,
    PRINTED_HINTS = 1 << 9,
    PRINTED_EXISTING = 1 << 10,
    PRINTED_PLANNED = 1 << 11,
    PRINTED_FREE = 1 << 12,
    PRINTED_SIZE = 1 << 13,
    PRINTED_REPRODUCE = 1 << 14,
    PRINTED_KEEP_VALUES = 1 << 15,
    PRINTED_DEPTH = 1 << 16,
    PRINTED_VERIFIED = 1 << 17,
    PRINTED_LONG = 1 << 18
};

/* Decodes the frames of that job and prints the report of them.
 * Promised of JSON: one line, strict, plain text, which says what was judged; of text: plain; of an accept: complete
 * and without an error; of the values: JSON. */
void printed_check(tv_span frames, const struct job *job, enum report_of of, uint32_t flags, bool json,
                   struct said *said);

#endif
