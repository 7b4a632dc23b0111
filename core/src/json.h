/* Strict JSON (RFC 8259) over a span: strings, numbers, and the grammar of a whole text. Internal to core.
 *
 * Trusts: that the text is well-formed UTF-8 (utf8_check). Promises: no recursion; no read outside the span; every
 * position it names is an offset in the span. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <tensorvet/span.h>

/* A string's place: the text between its quotes. */
typedef struct json_string {
    uint64_t begin, end; /* end is the closing quote */
    bool escaped;        /* holds a backslash */
    bool plain;          /* nothing but the ASCII characters 0x20 to 0x7e, and no backslash */
} json_string;

/* Scans the string whose opening quote is at `quote`. False: *string's end is the byte that is wrong (the backslash of
 * a bad escape or lone surrogate, a raw control character, the end of the text). */
bool json_scan_string(tv_span text, uint64_t quote, json_string *string);

static inline tv_span json_raw(tv_span text, const json_string *string)
{
    tv_span raw;
    (void)tv_span_sub(text, string->begin, string->end - string->begin, &raw);
    return raw;
}

/* The next code point of the raw text of a scanned string, escapes decoded; moves *at behind it. */
uint32_t json_next(tv_span raw, uint64_t *at);

/* Are two raw texts the same string once escapes are decoded? Less than, equal to or greater than 0, by UTF-8 bytes. */
int json_compare(tv_span a, tv_span b);

/* The offset of the first byte at or after `at` that is not JSON white space. */
static inline uint64_t json_space(tv_span text, uint64_t at)
{
    for (;; at++) {
        int c = tv_span_byte(text, at);
        if (c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r'))
            return at;
    }
}

typedef enum json_verdict {
    JSON_GOOD,
    JSON_BAD,      /* no valid text goes on like that */
    JSON_TOO_DEEP, /* a bracket opens level deepest + 1 */
    JSON_TRAILING  /* the value is over, and something but spaces follows */
} json_verdict;

enum { JSON_DEEPEST = 64 };

/* Judges a text that must be one value, nested at most `deepest` (up to JSON_DEEPEST) brackets deep, then spaces.
 * *at receives the offset of the first byte that is wrong. */
json_verdict json_check(tv_span text, unsigned deepest, uint64_t *at);

#endif
