/* The escapes that json-c reads as something else (misread.h). */
#include "misread.h"

enum { ESCAPE_BYTES = 6 /* \uXXXX */ };

static int hex_digit(int byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The unit that is escaped at `at`, or -1. */
static int unit_at(tv_span json, uint64_t at)
{
    int unit = 0;
    if (tv_span_byte(json, at) != '\\' || tv_span_byte(json, at + 1) != 'u')
        return -1;
    for (uint64_t i = at + 2; i < at + ESCAPE_BYTES; i++) {
        int digit = hex_digit(tv_span_byte(json, i));
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The last six bits of a high surrogate, less the plane's, become bits 10 to 15 of the code point: 11011x looks like
 * one. */
bool json_c_misreads(tv_span json)
{
    for (uint64_t at = 0; at < json.size; at++) {
        int unit = unit_at(json, at);
        if (unit >= 0 && (unit & 0xfc3e) == 0xd836)
            return true;
    }
    return false;
}
