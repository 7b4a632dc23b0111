/* After a crash: the command that runs the worker by hand, on that file, with that job and those limits.
 *
 * Trusts: the job, and where the worker is. Promises: the command is printable ASCII, whatever the file is called, and
 * no byte of a path is taken for syntax by the shell. */
#ifndef GATE_REPRODUCE_H
#define GATE_REPRODUCE_H

#include <stdbool.h>

#include "broker.h"

/* Did the worker die of a fault of its own, or of a call that the jail does not allow? */
bool reproduce_wanted(const struct outcome *outcome);

/* "prlimit … tensorvet-worker check … 3<FILE 5>/dev/null" for bash, malloc'd; NULL without memory. The limits are those
 * that a keeper sets, without which the worker refuses to start; it locks itself down as it always does. Paths with
 * bytes that are not printable ASCII are written as $'…'. Of jobs without an output. */
char *reproduce_command(const char *worker, const struct job *job, const char *path);

#endif
