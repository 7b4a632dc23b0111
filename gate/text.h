/* The one sanitizer: untrusted bytes become text that is safe to print on a terminal and to put into JSON.
 *
 * Trusts: nothing in the bytes. Promises: the result is valid UTF-8 without control, bidirectional, invisible or
 * noncharacter code points; what was escaped is visible as \xNN (a byte) or \u{N} (a code point). A backslash stays as
 * it is: whoever needs the exact bytes finds them in base64 beside, wherever the text is not exact. */
#ifndef GATE_TEXT_H
#define GATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <tensorvet/span.h>

#define TEXT_CUT 256 /* bytes of a subject that are shown */

/* Sanitized text, NUL-terminated. exact: the text is the bytes, none escaped and none cut. */
struct text {
    char *bytes; /* malloc'd; NULL without memory */
    size_t size;
    bool exact;
};

/* All of the bytes, however many. Free with text_free. */
struct text text_of(tv_span bytes);
/* As text_of, but at most TEXT_CUT bytes, cut where a character ends, and then followed by "… (N bytes)". `full` is the
 * length before whoever gave the bytes cut them; bytes.size where nobody did. */
struct text text_cut(tv_span bytes, size_t full);
void text_free(struct text *text);

/* RFC 4648 base64 of the bytes, malloc'd and NUL-terminated; NULL without memory. */
char *text_base64(tv_span bytes);

/* Is that code point shown as it is? Decided by the table of ranges in text.c alone. */
bool text_is_plain(uint32_t code_point);

#endif
