/* diff: two files of any kind, tensor by tensor, in one worker.
 *
 * Trusts: the user's paths. Promises: nothing of either file is parsed here; what could not be compared to the end is
 * never called the same. */
#ifndef GATE_DIFF_H
#define GATE_DIFF_H

#include "session.h"

/* REFUSED: one of the files is, as by `convert`; FAILED: it or the machine got in the way. */
enum diff_end { DIFF_SAME, DIFF_DIFFERENT, DIFF_REFUSED, DIFF_FAILED };

/* Compares and reports. key: which part of checkpoints, as of convert; NULL: their state_dict, or all. */
enum diff_end session_diff(struct session *session, const char *key, const char *a, const char *b);

#endif
