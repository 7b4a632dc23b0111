/* The inert machine: runs a pickle as data.
 *
 * Every operation moves values about; a global is a name, a call is a record. Nothing is looked up, imported or run.
 * Trusts: nothing. Promises: no recursion, every loop bounded by the stream or a limit, memory under the budget;
 * what was named and called is in the mentions even where the stream later proves broken. */
#ifndef CONVERTER_PICKLE_MACHINE_H
#define CONVERTER_PICKLE_MACHINE_H

#include <tensorvet/finding.h>
#include <tensorvet/limits.h>

#include "stream.h"
#include "value.h"

/* What all pickles of one file have used up together. */
struct pickle_use {
    uint64_t operations, objects;
    uint64_t steps; /* that single operations took beyond themselves: as many as operations may be, too */
};

struct pickle_options {
    const tv_limits *limits;
    struct pickle_use *use;
    bool ends_part; /* STOP must be the last byte of the part */
};

/* Whether a pickle can begin with that byte (-1: with none). */
bool pickle_can_begin(int byte);

/* Runs the pickle at [at, end) of the source. TV_OK: p->root is its object and p->end where it stopped.
 * TV_REJECTED: a finding says why, and p holds what was met so far. Call pickle_start before, pickle_free after. */
TV_MUST_CHECK tv_status pickle_run(const struct source *source, uint64_t at, uint64_t end,
                                   const struct pickle_options *options, struct pickle *p, tv_findings *findings);

#endif
