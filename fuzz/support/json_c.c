/* json-c as a second reader (json_c.h). */
#include "json_c.h"

#include "oracle.h"

enum { ESCAPE_BYTES = 6 /* \uXXXX */ };

/* The hash of its objects has a random seed, or this one: a run of the same inputs is then the same run. */
json_object *json_c_read(tv_span text, int depth, int flags)
{
    PROMISE(json_global_set_string_hash(JSON_C_STR_HASH_PERLLIKE) == 0);
    struct json_tokener *tokener = json_tokener_new_ex(depth);
    PROMISE(tokener != NULL);
    json_tokener_set_flags(tokener, flags);
    json_object *whole = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    json_tokener_free(tokener);
    return whole;
}

static int hex_digit(int byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The unit that is escaped at `at`, or -1. */
static int unit_at(tv_span text, uint64_t at)
{
    int unit = 0;
    if (tv_span_byte(text, at) != '\\' || tv_span_byte(text, at + 1) != 'u')
        return -1;
    for (uint64_t i = at + 2; i < at + ESCAPE_BYTES; i++) {
        int digit = hex_digit(tv_span_byte(text, i));
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The last six bits of a high surrogate, less the plane's, become bits 10 to 15 of the code point: 11011x looks like
 * one. */
bool json_c_misreads(tv_span text)
{
    for (uint64_t at = 0; at < text.size; at++) {
        int unit = unit_at(text, at);
        if (unit >= 0 && (unit & 0xfc3e) == 0xd836)
            return true;
    }
    return false;
}
