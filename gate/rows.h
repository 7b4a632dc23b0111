/* Rows: what a worker lists of a file (tensors, globals, what was dropped), rendered at once and kept within bounds.
 *
 * Trusts: the shape of rows as the broker decoded them; none of their bytes. Promises: memory of at most
 * ROWS_BYTES_MAX a list, whatever a worker sends; what does not fit is counted. */
#ifndef GATE_ROWS_H
#define GATE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker.h"
#include "tree.h"
#include "values.h"

enum row_list {
    ROWS_TENSORS,
    ROWS_METADATA,
    ROWS_GLOBALS,
    ROWS_SHARED,
    ROWS_CONTIGUOUS,
    ROWS_OBJECTS,
    ROWS_DECISIONS,
    ROWS_NOTES,
    ROWS_GROUPS,
    ROWS_VALUES,    /* text only: JSON has them as a tree */
    ROWS_UNKNOWN,   /* text only: names of reviewed and unknown globals */
    ROWS_DANGEROUS, /* text only: names of dangerous globals */
    ROW_LISTS
};

#define ROWS_BYTES_MAX (256u << 20) /* of one list */

/* One list, rendered: JSON values, each followed by ',', or sanitized lines, each followed by '\n'. */
struct row_text {
    char *text;
    size_t size, capacity;
    uint64_t count;   /* rows in the text */
    uint64_t omitted; /* rows that found no room */
};

/* Who hears of progress: bytes done and in all. NULL: nobody. */
struct progress_to {
    void (*heard)(void *context, uint64_t done, uint64_t total);
    void *context;
};

struct rows {
    bool json;
    bool keep_values; /* as JSON, whatever the form of the rest (--save-extras) */
    uint32_t depth;   /* --depth: levels of the trees that are listed; 0: all */
    struct progress_to progress;
    struct row_text lists[ROW_LISTS];
    struct values values;
    struct tree tree; /* of tensors */
    struct row_account account;
    bool has_account;
    uint64_t rules[TIE_RULES]; /* how many ties each rule decided */
};

void rows_init(struct rows *rows, bool json, struct progress_to progress);
void rows_free(struct rows *rows);
/* A listener that collects into rows and passes progress on. */
struct listener rows_listener(struct rows *rows);

#endif
