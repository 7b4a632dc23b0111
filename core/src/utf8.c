/* UTF-8 checking, decoding and encoding. Trusts nothing; reads through the span alone. */
#include "utf8.h"

#define HIGH_BITS 0x8080808080808080u

enum { BLOCK = 64 };

/* Goes on over whole blocks of ASCII, because headers are nearly nothing else. */
static uint64_t ascii_run(tv_span text, uint64_t at)
{
    tv_span block;
    for (; tv_span_sub(text, at, BLOCK, &block); at += BLOCK) {
        uint64_t word = 0, all = 0;
        for (uint64_t i = 0; i < BLOCK; i += 8) {
            (void)tv_span_u64(block, i, &word);
            all |= word;
        }
        if ((all & HIGH_BITS) != 0)
            break;
    }
    return at;
}

/* How long the sequence is that starts with this byte (0: none does), and the bounds of its second byte
 * (RFC 3629 section 4: the first byte bounds the second so that no form is overlong, a surrogate or too large). */
static unsigned lead(int first, int *low, int *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0) {
        *low = first == 0xe0 ? 0xa0 : 0x80;
        *high = first == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    *low = first == 0xf0 ? 0x90 : 0x80;
    *high = first == 0xf4 ? 0x8f : 0xbf;
    return first < 0xf5 ? 4 : 0;
}

/* The length of the well-formed sequence at `at`, or 0. */
static unsigned sequence(tv_span text, uint64_t at)
{
    int low = 0, high = 0;
    unsigned size = lead(tv_span_byte(text, at), &low, &high);
    for (unsigned i = 1; i < size; i++) {
        int c = tv_span_byte(text, at + i);
        if (c < low || c > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

uint64_t utf8_check(tv_span text)
{
    uint64_t at = 0;
    while (at < text.size) {
        unsigned size = 0;
        at = ascii_run(text, at);
        for (unsigned i = 0; i < BLOCK && at < text.size; i++, at += size) {
            size = sequence(text, at);
            if (size == 0)
                return at;
        }
    }
    return at;
}

uint32_t utf8_next(tv_span text, uint64_t *at)
{
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    int low = 0, high = 0, first = tv_span_byte(text, *at);
    if (first < 0)
        return 0;
    unsigned size = lead(first, &low, &high);
    uint32_t code = (uint32_t)first & first_bits[size];
    *at += 1;
    for (unsigned i = 1; i < size && *at < text.size; i++, *at += 1)
        code = code << 6 | ((uint32_t)tv_span_byte(text, *at) & 0x3f);
    return code;
}

bool utf8_has_control(tv_span text)
{
    for (uint64_t at = 0; at < text.size;)
        if (utf8_is_control(utf8_next(text, &at)))
            return true;
    return false;
}

unsigned utf8_put(uint32_t code, uint8_t bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code >> 6);
        bytes[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code >> 12);
        bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | (code >> 18 & 0x07));
    bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}
