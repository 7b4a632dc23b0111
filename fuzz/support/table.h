/* Any source as a tensor table, by the steps that the worker's jobs take: identify, read, or parse and convert. */
#ifndef FUZZ_TABLE_H
#define FUZZ_TABLE_H

#include <checkpoint.h>
#include <tensorvet/writer.h>

#include "parse.h"

struct table {
    tv_kind kind;
    tv_status status;
    struct checkpoint checkpoint;
    tv_pair *pairs; /* of a safetensors source */
    uint64_t pair_count;
    bool no_metadata;
    struct parsed parsed;
};

/* Small limits, so that no input is slow: what they refuse is refused as it should be. */
tv_limits small_limits(void);
/* Opens the table of a source whose bytes are in memory. Close with table_close in any case. */
void table_open(struct table *table, const struct source *source, const struct ck_options *options,
                tv_findings *findings);
void table_close(struct table *table);

#endif
