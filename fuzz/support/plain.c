/* plain.h: one pass over the bytes, by the rules of RFC 3629 and the Unicode property Bidi_Control. */
#include "plain.h"

#include <stdint.h>

/* Bytes of the character at text; 0 where it is not well formed. */
static size_t character(const uint8_t *text, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || text[0] > 0xf4)
        return 0;
    *code = size == 1 ? text[0] : text[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    return *code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : size;
}

static bool harmless(uint32_t code)
{
    if ((code < 0x20 && code != '\n') || (code >= 0x7f && code <= 0x9f))
        return false;
    return code != 0x061c && code != 0x200e && code != 0x200f && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2066 && code <= 0x2069);
}

bool plain_text(const char *text, size_t size)
{
    uint32_t code = 0;
    size_t length = 0;
    for (size_t at = 0; at < size; at += length) {
        length = character((const uint8_t *)text + at, size - at, &code);
        if (length == 0 || !harmless(code))
            return false;
    }
    return true;
}
