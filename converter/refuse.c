/* Findings in one line (refuse.h). */
#include "refuse.h"

void remark(tv_findings *findings, struct refusal what)
{
    tv_span detail = what.detail == NULL ? tv_span_of(NULL, 0) : tv_span_str(what.detail);
    tv_finding *finding = tv_findings_add(findings, what.id, what.offset, what.subject, detail);
    finding->a = what.a;
    finding->b = what.b;
}

tv_status refuse(tv_findings *findings, struct refusal why)
{
    remark(findings, why);
    return TV_REJECTED;
}

tv_status refuse_memory(tv_findings *findings)
{
    return refuse(findings, (struct refusal){.id = TV_FIND_LIMIT_MEMORY, .offset = TV_NO_OFFSET});
}
