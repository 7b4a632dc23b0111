/* What tensors are built with besides their numbers, where that could change the numbers. */
#ifndef CONVERTER_CHECKPOINT_STATES_H
#define CONVERTER_CHECKPOINT_STATES_H

#include "reading.h"

/* Can that state be set on a tensor without changing what it holds? torch._utils._set_obj_state hands every item to
 * setattr: "data" would be other numbers. */
TV_MUST_CHECK tv_status state_keeps_numbers(struct reading *r, uint32_t state, bool *keeps);
/* The tensor that Parameter(data ...) takes its numbers from, whether given or built with; NO_VALUE where it is built
 * in a way that is not known to leave them alone. */
uint32_t parameter_data(const struct pickle *p, const struct record *record);

#endif
