/* Steps through a JSON text that core's scanner has checked whole (json_check): strings and values are passed over, one
 * after the other. Trusts: that check, and nothing else: a wrong call stays inside the text. */
#ifndef CONVERTER_JSON_WALK_H
#define CONVERTER_JSON_WALK_H

#include <tensorvet/span.h>

/* The text without the white space around it, which core's scanner allows a header only in part. */
tv_span json_walk_trim(tv_span text, uint64_t *start);
/* The raw inside of the string whose opening quote is at `at`; moves *at behind it. */
tv_span json_walk_string(tv_span text, uint64_t *at);
/* Where the value that begins at `at` ends. */
uint64_t json_walk_value(tv_span text, uint64_t at);

#endif
