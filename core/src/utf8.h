/* UTF-8, as RFC 3629 has it. Internal to core. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <tensorvet/span.h>

/* The offset of the first byte of the first ill-formed sequence, or text.size where there is none. Ill-formed are
 * overlong forms, surrogates, code points above U+10FFFF, stray and missing continuation bytes. */
uint64_t utf8_check(tv_span text);

/* The code point at *at of well-formed UTF-8; moves *at behind it. Beyond the end: 0, and *at at the end. */
uint32_t utf8_next(tv_span text, uint64_t *at);

/* Unicode's category Cc. */
static inline bool utf8_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Does well-formed UTF-8 hold a character of category Cc? */
bool utf8_has_control(tv_span text);

/* Writes the code point's 1 to 4 bytes and returns how many. */
unsigned utf8_put(uint32_t code, uint8_t bytes[4]);

#endif
