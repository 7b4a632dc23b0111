/* UTF-8 checking, decoding and encoding. Trusts nothing; reads through the span alone. */
#include "utf8.h"

#define HIGH_BITS 0x8080808080808080u

/* RFC 3629 section 4: is there a character of n bytes at `at`? */
/*@ predicate tail(integer byte) = 0x80 <= byte <= 0xbf;
  @ predicate character(tv_span t, integer at, integer n) =
  @   at + n <= t.size &&
  @   ((n == 1 && t.data[at] <= 0x7f) ||
  @    (n == 2 && 0xc2 <= t.data[at] <= 0xdf && tail(t.data[at + 1])) ||
  @    (n == 3 && t.data[at] == 0xe0 && 0xa0 <= t.data[at + 1] <= 0xbf && tail(t.data[at + 2])) ||
  @    (n == 3 && (0xe1 <= t.data[at] <= 0xec || 0xee <= t.data[at] <= 0xef) && tail(t.data[at + 1]) &&
  @     tail(t.data[at + 2])) ||
  @    (n == 3 && t.data[at] == 0xed && 0x80 <= t.data[at + 1] <= 0x9f && tail(t.data[at + 2])) ||
  @    (n == 4 && t.data[at] == 0xf0 && 0x90 <= t.data[at + 1] <= 0xbf && tail(t.data[at + 2]) &&
  @     tail(t.data[at + 3])) ||
  @    (n == 4 && 0xf1 <= t.data[at] <= 0xf3 && tail(t.data[at + 1]) && tail(t.data[at + 2]) &&
  @     tail(t.data[at + 3])) ||
  @    (n == 4 && t.data[at] == 0xf4 && 0x80 <= t.data[at + 1] <= 0x8f && tail(t.data[at + 2]) &&
  @     tail(t.data[at + 3]))); */

enum { BLOCK = 64 };

/* Goes on over whole blocks of ASCII, because headers are nearly nothing else. */
/*@ requires tv_readable(text) && at <= text.size;
  @ assigns \nothing;
  @ ensures at <= \result <= text.size; */
static uint64_t ascii_run(tv_span text, uint64_t at)
{
    tv_span block;
    /*@ loop invariant \at(at, Pre) <= at <= text.size;
      @ loop assigns at, block;
      @ loop variant text.size - at; */
    for (; tv_span_sub(text, at, BLOCK, &block); at += BLOCK) {
        uint64_t word = 0, all = 0;
        /*@ loop invariant 0 <= i <= BLOCK && i % 8 == 0;
          @ loop assigns i, word, all;
          @ loop variant BLOCK - i; */
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
/*@ logic integer low_of(integer first) =
  @   first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  @ logic integer high_of(integer first) =
  @   first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; */
/*@ requires \valid(low) && \valid(high) && \separated(low, high);
  @ assigns *low, *high;
  @ ensures *low == low_of(first) && *high == high_of(first);
  @ ensures \result == (first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 :
  0); */
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
/*@ requires tv_readable(text) && at < text.size;
  @ assigns \nothing;
  @ ensures \result <= 4;
  @ ensures \result != 0 ==> character(text, at, \result);
  @ ensures \result == 0 ==> !character(text, at, 1) && !character(text, at, 2) && !character(text, at, 3) &&
  @                         !character(text, at, 4); */
static unsigned sequence(tv_span text, uint64_t at)
{
    int low = 0, high = 0;
    unsigned size = lead(tv_span_byte(text, at), &low, &high);
    /*@ loop invariant 1 <= i;
      @ loop invariant i <= size || size == 0;
      @ loop invariant at + i <= text.size || size == 0;
      @ loop invariant i == 1 ==> low == low_of(text.data[at]) && high == high_of(text.data[at]);
      @ loop invariant i > 1 ==> low == 0x80 && high == 0xbf;
      @ loop invariant i > 1 ==> low_of(text.data[at]) <= text.data[at + 1] <= high_of(text.data[at]);
      @ loop invariant i > 2 ==> tail(text.data[at + 2]);
      @ loop invariant i > 3 ==> tail(text.data[at + 3]);
      @ loop assigns i, low, high;
      @ loop variant size - i; */
    for (unsigned i = 1; i < size; i++) {
        int c = tv_span_byte(text, at + i);
        if (c < low || c > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

/*@ requires tv_readable(text);
  @ assigns \nothing;
  @ ensures \result <= text.size;
  @ ensures \result < text.size ==> \forall integer n; 1 <= n <= 4 ==> !character(text, \result, n); */
uint64_t utf8_check(tv_span text)
{
    uint64_t at = 0;
    /*@ loop invariant 0 <= at <= text.size;
      @ loop assigns at;
      @ loop variant text.size - at; */
    while (at < text.size) {
        unsigned size = 0;
        at = ascii_run(text, at);
        /*@ loop invariant \at(at, LoopEntry) + i <= at <= text.size && 0 <= i <= BLOCK;
          @ loop assigns i, at, size;
          @ loop variant BLOCK - i; */
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

/*@ requires \valid(bytes + (0 .. 3));
  @ assigns bytes[0 .. 3];
  @ ensures 1 <= \result <= 4; */
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
