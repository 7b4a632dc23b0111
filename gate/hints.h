/* Hints for ties (DESIGN 5.3): which names the model's own library does not keep, by the architecture that the
 * config.json beside the checkpoint names. The table is made from a pinned transformers (scripts/tie-hints).
 *
 * Trusts: the folder's descriptor. config.json is parsed in a worker; what it says chooses a row of our own table. */
#ifndef GATE_HINTS_H
#define GATE_HINTS_H

#include "session.h"

struct hints {
    const char *architecture; /* of our table: static; NULL: there is no hint */
    const char *names[JOB_LIST_MAX];
    uint32_t count;
};

/* The hints of that architecture; without a row there are none. */
struct hints hints_of(tv_span architecture);
/* Reads the config.json in the folder of the file `inside`, below `top`; the first architecture that has hints counts.
 */
struct hints hints_find(struct session *session, int top, const char *inside);

#endif
