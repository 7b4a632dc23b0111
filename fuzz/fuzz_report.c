/* The report writers, from what a hostile worker says: frames, rows, policy, report, in both forms.
 * The last two bytes of an input choose which report; a path is made of the first finding's subject.
 *
 * Oracles: those of support/printed.h. */
#include "printed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct said said;
    struct tail tail = {tv_span_of(data, size)};
    uint32_t flags = tail_u8(&tail), of = tail_u8(&tail);
    const struct job job = {.kind = of % 4 == REPORT_CONVERT   ? JOB_WRITE
                                    : of % 4 == REPORT_INSPECT ? JOB_INSPECT
                                                               : JOB_CHECK,
                            .limits = tv_limits_default()};
    flags |= (uint32_t)(oracle_hash(data, size) % 0x1000) << 8;
    oracle_ran(data, size);
    printed_check(tail.rest, &job, (enum report_of)(of % 4), flags, true, &said);
    if (said.finished)
        oracle_accepted();
    printed_check(tail.rest, &job, (enum report_of)(of % 4), flags, false, &said);
    return 0;
}
