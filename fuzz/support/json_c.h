/* json-c, as a second reader of what a target read or wrote. */
#ifndef FUZZ_JSON_C_H
#define FUZZ_JSON_C_H

#include <stdbool.h>

#include <json-c/json.h>

#include <tensorvet/span.h>

/* The text parsed, at most `depth` levels of it, with json-c's own flags of a tokener; NULL where json-c refuses it.
 * The caller puts it. */
json_object *json_c_read(tv_span text, int depth, int flags);

/* Where json-c's word is no evidence: a pair of escaped surrogates may stand for a code point whose low 16 bits look
 * like a surrogate themselves, U+1D800 to U+1DFFF and their like in each further plane. json-c (seen in 0.16) takes the
 * decoded one for half a pair again and puts U+FFFD in its place (its pull request 893). True if the text has the first
 * half of such a pair, escaped. */
bool json_c_misreads(tv_span text);

#endif
