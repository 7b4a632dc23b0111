/* Several conversions at once (--jobs): files first, each by its own thread and workers; their reports are kept and
 * come out in the order in which they were planned.
 *
 * Trusts: the planning. Promises: what is printed, and the exit status, are those of one conversion after the other. */
#ifndef GATE_CONVERT_JOBS_H
#define GATE_CONVERT_JOBS_H

#include "convert.h"

struct convert_jobs;

/* Starts to convert the items that are no indexes. NULL: one at a time will do, or there is no memory; and says to each
 * item how many workers it may have. */
struct convert_jobs *convert_jobs_start(struct session *session, const struct convert_options *options,
                                        struct conversion *items, size_t count);
/* Waits for that item, prints its report and counts it in the session. */
void convert_jobs_finish(struct convert_jobs *jobs, size_t item, struct judgement *judgement);
/* Waits for everything that has begun, begins nothing more, and takes folders away that nothing came to be in. */
void convert_jobs_end(struct convert_jobs *jobs);

#endif
