/* The plain values of a checkpoint: what lies beside its tensors, as rows that keep types and nesting, so that others
 * can show them or write them down without knowing pickles. Bounded in number, depth and text. */
#ifndef CONVERTER_CHECKPOINT_VALUES_H
#define CONVERTER_CHECKPOINT_VALUES_H

#include "reading.h"

/* Adds the rows of everything in checkpoint.dropped that is a value, in that order. What finds no room is counted in
 * checkpoint.values_omitted. */
TV_MUST_CHECK tv_status collect_values(struct reading *r);

#endif
