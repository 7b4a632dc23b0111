/* Saying no in one line: adds a finding with its values and gives the status that goes with it. */
#ifndef CONVERTER_REFUSE_H
#define CONVERTER_REFUSE_H

#include <tensorvet/finding.h>

/* What a finding says; offset is TV_NO_OFFSET where there is none. detail is a C string or NULL. */
struct refusal {
    tv_finding_id id;
    uint64_t offset;
    tv_span subject;
    const char *detail;
    uint64_t a, b;
};

/* Adds it and returns TV_REJECTED. */
tv_status refuse(tv_findings *findings, struct refusal why);
/* Adds a finding that is no error. */
void remark(tv_findings *findings, struct refusal what);
/* The budget is used up: adds limit-memory and returns TV_REJECTED. */
tv_status refuse_memory(tv_findings *findings);

#endif
