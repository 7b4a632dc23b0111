/* The one sanitizer (text.h). UTF-8 is decoded here strictly (RFC 3629: no overlong forms, no surrogates). */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

/* Code points that are escaped, ascending, with the reason. Source: Unicode 15 (Cc, Cf, bidi classes, noncharacters);
 * "Trojan Source", CVE-2021-42574, for the bidirectional ones. U+200C and U+200D stay: scripts and emoji need them. */
static const struct {
    uint32_t first, last;
    const char *why;
} escaped[] = {
    {0x0000, 0x001F, "C0 controls: terminal sequences, line breaks"},
    {0x007F, 0x009F, "DEL and C1 controls: terminal sequences in one character"},
    {0x00AD, 0x00AD, "soft hyphen: invisible"},
    {0x061C, 0x061C, "Arabic letter mark: bidirectional"},
    {0x115F, 0x1160, "Hangul fillers: invisible"},
    {0x17B4, 0x17B5, "Khmer inherent vowels: invisible"},
    {0x180B, 0x180F, "Mongolian selectors: invisible"},
    {0x200B, 0x200B, "zero width space: invisible"},
    {0x200E, 0x200F, "bidirectional marks"},
    {0x2028, 0x202E, "line and paragraph separator; bidirectional embeddings and overrides"},
    {0x2060, 0x206F, "word joiner, invisible operators; bidirectional isolates; deprecated format characters"},
    {0x3164, 0x3164, "Hangul filler: invisible"},
    {0xD800, 0xDFFF, "surrogates are no characters"},
    {0xFDD0, 0xFDEF, "noncharacters"},
    {0xFEFF, 0xFEFF, "byte order mark: invisible"},
    {0xFFA0, 0xFFA0, "halfwidth Hangul filler: invisible"},
    {0xFFF0, 0xFFFB, "unassigned specials; interlinear annotation"},
    {0x1D173, 0x1D17A, "musical format characters: invisible"},
    {0xE0000, 0xE0FFF, "tags and selectors: invisible"},
};

bool text_is_plain(uint32_t code_point)
{
    if ((code_point & 0xFFFE) == 0xFFFE || code_point > 0x10FFFF) /* the last two of each plane are noncharacters */
        return false;
    for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++)
        if (code_point >= escaped[i].first && code_point <= escaped[i].last)
            return false;
    return true;
}

/* The code point at `at` and its size in bytes; 0 where no well-formed character starts there. */
static size_t decode(tv_span bytes, size_t at, uint32_t *code_point)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least; /* smaller code points have a shorter form */
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    int lead = tv_span_byte(bytes, at);
    for (size_t size = 1; lead >= 0 && size <= 4; size++) {
        if ((lead & forms[size - 1].mask) != forms[size - 1].lead)
            continue;
        uint32_t value = (uint32_t)lead & (uint8_t)~forms[size - 1].mask;
        for (size_t i = 1; i < size; i++) {
            int next = tv_span_byte(bytes, at + i);
            if (next < 0 || (next & 0xC0) != 0x80)
                return 0;
            value = (value << 6) | ((uint32_t)next & 0x3F);
        }
        bool valid = value >= forms[size - 1].least && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
        *code_point = value;
        return valid ? size : 0;
    }
    return 0;
}

/* Appends; the caller has made sure of the room. */
static void append(struct text *text, const char *bytes, size_t size)
{
    if (bytes == NULL)
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

/* One character, or one bad byte, of `bytes` at `at`; returns how many bytes it took. */
static size_t clean_one(struct text *text, tv_span bytes, size_t at)
{
    char escape[16];
    int written;
    uint32_t code_point = 0;
    size_t size = decode(bytes, at, &code_point);
    if (size > 0 && text_is_plain(code_point)) {
        tv_span one;
        (void)tv_span_sub(bytes, at, size, &one);
        append(text, (const char *)one.data, size);
        return size;
    }
    if (size <= 1) /* ASCII controls look more familiar as bytes */
        written = snprintf(escape, sizeof escape, "\\x%02x", (unsigned)tv_span_byte(bytes, at));
    else
        written = snprintf(escape, sizeof escape, "\\u{%x}", (unsigned)code_point);
    append(text, escape, (size_t)written);
    text->exact = false;
    return size == 0 ? 1 : size;
}

/* Cleans `bytes`, of which `full` is the length before any cut. Each byte becomes at most four. */
static struct text clean(tv_span bytes, size_t full)
{
    enum { NOTICE = 48 };
    struct text text = {NULL, 0, true};
    if (bytes.size > (SIZE_MAX - NOTICE) / 4)
        return text;
    text.bytes = malloc(bytes.size * 4 + NOTICE);
    if (text.bytes == NULL)
        return text;
    for (size_t at = 0; at < bytes.size;)
        at += clean_one(&text, bytes, at);
    if (full > bytes.size) {
        char notice[NOTICE];
        int written = snprintf(notice, sizeof notice, "\xE2\x80\xA6 (%zu bytes)", full);
        append(&text, notice, (size_t)written);
        text.exact = false;
    }
    text.bytes[text.size] = '\0';
    return text;
}

struct text text_of(tv_span bytes)
{
    return clean(bytes, bytes.size);
}

/* The bytes without a last character that a cut has left incomplete. */
static tv_span whole_characters(tv_span bytes)
{
    for (size_t back = 1; back <= 3 && back <= bytes.size; back++) {
        int byte = tv_span_byte(bytes, bytes.size - back);
        if ((byte & 0xC0) == 0x80)
            continue;
        size_t needs = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        if (needs > back)
            (void)tv_span_sub(bytes, 0, bytes.size - back, &bytes);
        break;
    }
    return bytes;
}

struct text text_cut(tv_span bytes, size_t full)
{
    tv_span head = bytes;
    if (head.size > TEXT_CUT)
        (void)tv_span_sub(bytes, 0, TEXT_CUT, &head);
    if (head.size < full)
        head = whole_characters(head);
    return clean(head, full);
}

void text_free(struct text *text)
{
    free(text->bytes);
    text->bytes = NULL;
}

char *text_base64(tv_span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    if (bytes.size > SIZE_MAX / 2)
        return NULL;
    char *out = malloc(bytes.size / 3 * 4 + 5), *to = out;
    if (out == NULL)
        return NULL;
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t here = bytes.size - at < 3 ? bytes.size - at : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++)
            group = (group << 8) | (i < here ? (uint32_t)tv_span_byte(bytes, at + i) : 0);
        for (size_t i = 0; i < 4; i++)
            *to++ = digits[i <= here ? (group >> (18 - 6 * i)) & 63 : 64];
    }
    *to = '\0';
    return out;
}
