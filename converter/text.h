/* Text: what of UTF-8 the readers need to know. */
#ifndef CONVERTER_TEXT_H
#define CONVERTER_TEXT_H

#include <stdbool.h>

#include <tensorvet/span.h>

enum text_kind {
    TEXT_INVALID,    /* not UTF-8 */
    TEXT_SURROGATES, /* UTF-8 but for lone surrogates, as Python's surrogatepass writes them */
    TEXT_VALID       /* UTF-8 (RFC 3629) */
};

enum text_kind text_classify(tv_span bytes);
/* Any C0, DEL or C1 control character in valid UTF-8? */
bool text_has_controls(tv_span utf8);

#endif
