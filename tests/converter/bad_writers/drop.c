/* A bad writer: leaves the last tensor out, in a file that is well formed. Linked with --wrap=plan_make. */
#include "bad_writer.h"

tv_status __wrap_plan_make(struct checkpoint *table, const struct plan_options *options, struct plan *plan,
                           tv_findings *findings)
{
    uint64_t count = table->tensors.count;
    table->tensors.count = count > 1 ? count - 1 : count;
    tv_status status = __real_plan_make(table, options, plan, findings);
    table->tensors.count = count;
    return status;
}
