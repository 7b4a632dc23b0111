/* UTF-8, strictly (text.h). Source: RFC 3629, table of well-formed sequences; surrogates are told apart, not accepted.
 */
#include "text.h"

/* Bytes of the sequence that this byte leads, 0 where it leads none. */
static unsigned sequence_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Is `second` a possible second byte after `lead`? Excludes overlong forms and what lies beyond U+10FFFF. */
static bool second_fits(uint8_t lead, int second)
{
    if (lead == 0xE0 && second < 0xA0)
        return false;
    if (lead == 0xF0 && second < 0x90)
        return false;
    return !(lead == 0xF4 && second > 0x8F);
}

/* The length of the well-formed sequence at `at`, surrogates included; 0 where there is none. */
static unsigned sequence_at(tv_span bytes, size_t at, bool *surrogate)
{
    uint8_t lead = bytes.data[at];
    unsigned length = sequence_length(lead);
    if (length < 2)
        return length;
    int second = tv_span_byte(bytes, at + 1);
    if (second < 0 || !second_fits(lead, second))
        return 0;
    for (unsigned i = 1; i < length; i++) {
        int byte = tv_span_byte(bytes, at + i);
        if (byte < 0x80 || byte > 0xBF)
            return 0;
    }
    if (lead == 0xED && second >= 0xA0)
        *surrogate = true;
    return length;
}

enum text_kind text_classify(tv_span bytes)
{
    bool surrogates = false;
    for (size_t at = 0; at < bytes.size;) {
        unsigned length = sequence_at(bytes, at, &surrogates);
        if (length == 0)
            return TEXT_INVALID;
        at += length;
    }
    return surrogates ? TEXT_SURROGATES : TEXT_VALID;
}

bool text_has_controls(tv_span utf8)
{
    for (size_t i = 0; i < utf8.size; i++) {
        uint8_t byte = utf8.data[i];
        if (byte < 0x20 || byte == 0x7F)
            return true;
        if (byte == 0xC2 && i + 1 < utf8.size && utf8.data[i + 1] < 0xA0)
            return true;
    }
    return false;
}
