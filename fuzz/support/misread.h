/* Where json-c's word is no evidence. */
#ifndef FUZZ_MISREAD_H
#define FUZZ_MISREAD_H

#include <stdbool.h>

#include <tensorvet/span.h>

/* A pair of escaped surrogates may stand for a code point whose low 16 bits look like a surrogate themselves, U+1D800
 * to U+1DFFF and their like in each further plane: json-c (seen in 0.16) takes the decoded one for half a pair again
 * and puts U+FFFD in its place (its pull request 893). True if the text has the first half of such a pair, escaped. */
bool json_c_misreads(tv_span json);

#endif
