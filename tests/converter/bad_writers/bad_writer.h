/* What each bad writer does: makes the right plan, then spoils it. The comparer makes no plan, so that it stays good.
 */
#ifndef TESTS_CONVERTER_BAD_WRITER_H
#define TESTS_CONVERTER_BAD_WRITER_H

#include <plan.h>

tv_status __real_plan_make(struct checkpoint *table, const struct plan_options *options, struct plan *plan,
                           tv_findings *findings);
tv_status __wrap_plan_make(struct checkpoint *table, const struct plan_options *options, struct plan *plan,
                           tv_findings *findings);

#endif
