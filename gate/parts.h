/* One job in several workers at once, each for its part of the tensors (job.h: part, parts). Every worker reads the
 * source and makes its plan anew; what they say is merged, and agrees in what it has in common, or somebody lied. */
#ifndef GATE_PARTS_H
#define GATE_PARTS_H

#include "broker.h"

#define PARTS_MOST 64

/* As broker_run; all workers are reaped when it returns. Rows come from the first part alone. */
void parts_run(const struct broker *broker, const struct job *job, int source, int output,
               const struct listener *listener, struct outcome *outcome);

#endif
