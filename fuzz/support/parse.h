/* A header parsed as a caller of core would: the arena sized as core says, one error at most. */
#ifndef FUZZ_PARSE_H
#define FUZZ_PARSE_H

#include <tensorvet/tensorvet.h>

#include "oracle.h"

struct parsed {
    tv_arena arena;
    tv_index index;
    tv_findings findings;
    tv_status status;
};

/* Parses and checks what holds of any answer: memory as promised, a refusal has exactly one error, with a place inside
 * the file and a message. Free with parsed_free in any case. */
void parse(struct parsed *p, tv_span bytes, uint64_t file_size, uint64_t seed);
void parsed_free(struct parsed *p);

/* The findings of a status: exactly one error where it is TV_REJECTED, else none. */
void check_refusal(tv_status status, const tv_findings *findings, uint64_t file_size);

/* Empties the list; cheaper than clearing all of it. */
void findings_clear(tv_findings *findings);

#endif
