/* The user's selection from a tensor table: which tensors are converted, and under which names. Writer and comparer
 * both see the table that is left. */
#ifndef CONVERTER_SELECT_H
#define CONVERTER_SELECT_H

#include "checkpoint.h"

struct selection {
    const char *const *include; /* patterns (glob.h): one must match; none: all do */
    uint32_t includes;
    const char *const *exclude; /* patterns: none may match */
    uint32_t excludes;
    const char *strip; /* taken off the front of the names that begin with it; NULL: nothing is */
};

/* Patterns see the names before `strip`. What is left out is listed in table->dropped. TV_REJECTED: nothing-selected,
 * or names that cannot be written as they are left. */
TV_MUST_CHECK tv_status select_tensors(struct checkpoint *table, const struct selection *selection,
                                       tv_findings *findings);

/* Refuses a table with two tensors of one name: tensor-name-clash. */
TV_MUST_CHECK tv_status check_unique_names(struct checkpoint *table, tv_findings *findings);

#endif
