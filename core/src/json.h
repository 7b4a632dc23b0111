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

#define JSON_EACH_BYTE(b) (0x0101010101010101u * (b))
#define JSON_HIGH_BITS    JSON_EACH_BYTE(0x80u)

/* The high bit of each byte of `word` that is zero. Bytes above the first such byte may be wrong (the subtraction
 * borrows), so only the lowest bit of the result counts. */
static inline uint64_t json_zero_bytes(uint64_t word)
{
    return (word - JSON_EACH_BYTE(1u)) & ~word & JSON_HIGH_BITS;
}

/* Likewise for bytes below 0x20. */
static inline uint64_t json_control_bytes(uint64_t word)
{
    return (word - JSON_EACH_BYTE(0x20u)) & ~word & JSON_HIGH_BITS;
}

/* The index of the lowest byte that is marked: all bits below the mark, one counted from each byte. */
static inline uint64_t json_lowest_byte(uint64_t marks)
{
    uint64_t below = (marks & (0 - marks)) - 1;
    return ((below >> 7 & JSON_EACH_BYTE(1u)) * JSON_EACH_BYTE(1u)) >> 56;
}

/* Walks over characters that need no attention, 8 at a time: to the first quote, backslash or control character, or
 * to within 8 bytes of the end. Clears *plain where it meets anything that is not 0x20 to 0x7e. */
static inline uint64_t json_plain_run(tv_span text, uint64_t at, bool *plain)
{
    uint64_t word = 0, odd = 0;
    while (tv_span_u64(text, at, &word)) {
        uint64_t stop = json_zero_bytes(word ^ JSON_EACH_BYTE('"')) | json_zero_bytes(word ^ JSON_EACH_BYTE('\\')) |
                        json_control_bytes(word);
        /* bytes of 0x80 and more, and 0x7f, which becomes one; only a byte of 0xff, strange itself, carries */
        uint64_t strange = (word | (word + JSON_EACH_BYTE(1u))) & JSON_HIGH_BITS;
        if (stop != 0) {
            odd |= strange & (stop ^ (stop - 1)); /* only what comes before the stop */
            at += json_lowest_byte(stop);
            break;
        }
        odd |= strange;
        at += 8;
    }
    if (odd != 0)
        *plain = false;
    return at;
}

/* The rest of a string from `at` on; *string's other members are set. As json_scan_string. */
bool json_scan_rest(tv_span text, uint64_t at, json_string *string);

/* Scans the string whose opening quote is at `quote`. False: *string's end is the byte that is wrong (the backslash of
 * a bad escape or lone surrogate, a raw control character, the end of the text). */
static inline bool json_scan_string(tv_span text, uint64_t quote, json_string *string)
{
    string->begin = quote + 1;
    string->escaped = false;
    string->plain = true;
    string->end = json_plain_run(text, quote + 1, &string->plain);
    return tv_span_byte(text, string->end) == '"' || json_scan_rest(text, string->end, string);
}

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

/* The digits at `at`, up to 8 of them, at once: how many, and their value. 0 too where 8 bytes are not there.
 *
 * XOR with '0' makes digits 0 to 9; adding 0x76 to a byte sets its high bit where it was more (a carry comes only from
 * a byte that is no digit, and only the first of those counts). Shifted up, the digits stand behind zeroes, the first
 * lowest; then neighbours are added with their weights: bytes to pairs, pairs to fours, fours to all. */
static inline unsigned json_digits(tv_span text, uint64_t at, uint64_t *value)
{
    uint64_t word = 0;
    if (!tv_span_u64(text, at, &word))
        return 0;
    word ^= JSON_EACH_BYTE('0');
    uint64_t other = (word | (word + JSON_EACH_BYTE(0x76u))) & JSON_HIGH_BITS;
    unsigned count = other == 0 ? 8 : (unsigned)json_lowest_byte(other);
    if (count == 0)
        return 0;
    word <<= 8 * (8 - count);
    word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ffu;
    word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffffu;
    *value = (word * 10000 + (word >> 32)) & 0xffffffffu;
    return count;
}

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
