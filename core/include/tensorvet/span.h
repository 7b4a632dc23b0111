/* The one door to untrusted bytes: a pointer with a length, whose every take is checked.
 *
 * Trusts: nothing but the (pointer, length) pair it was made from.
 * Promises: no function here reads outside the span or forms a pointer beyond its end; failure is a value.
 * Pointer arithmetic on input lives in this file alone. All functions are pure and safe in any thread. */
#ifndef TENSORVET_SPAN_H
#define TENSORVET_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed view of bytes. Whoever made the bytes owns them; a span never frees. */
typedef struct tv_span {
    const uint8_t *data; /* may be NULL only when size is 0 */
    size_t size;         /* bytes */
} tv_span;

/* Comments that begin with an at sign are contracts; docs/proof.md says what is proved of them. A span that they speak
 * of can be read, and as any object has less than 2^63 bytes. */
/*@ predicate tv_readable(tv_span s) =
  @   s.size <= INT64_MAX && (s.size == 0 || \valid_read(s.data + (0 .. s.size - 1))); */

/*@ assigns \nothing;
  @ ensures \result.data == data && \result.size == size; */
static inline tv_span tv_span_of(const void *data, size_t size)
{
    tv_span s = {(const uint8_t *)data, size};
    return s;
}

/* The bytes of a C string, without its NUL. */
static inline tv_span tv_span_str(const char *text)
{
    return tv_span_of(text, strlen(text));
}

/* The part [at, at + size). False, and an empty *out, where that is not wholly inside s. */
/*@ requires tv_readable(s) && \valid(out);
  @ assigns *out;
  @ ensures \result <==> at + size <= s.size;
  @ ensures tv_readable(*out);
  @ ensures \result && s.data != \null ==> out->size == size && out->data == s.data + at;
  @ ensures !\result ==> out->size == 0; */
static inline bool tv_span_sub(tv_span s, uint64_t at, uint64_t size, tv_span *out)
{
    if (at > s.size || size > s.size - at) {
        *out = tv_span_of(NULL, 0);
        return false;
    }
    if (s.data == NULL) { /* then s.size is 0; said so that compilers see it */
        *out = s;
        return size == 0;
    }
    *out = tv_span_of(s.data + at, (size_t)size);
    return true;
}

/* The byte at `at`, or -1 beyond the end. */
/*@ requires tv_readable(s);
  @ assigns \nothing;
  @ ensures at < s.size ==> \result == s.data[at];
  @ ensures at >= s.size ==> \result == -1; */
static inline int tv_span_byte(tv_span s, uint64_t at)
{
    return at < s.size ? s.data[at] : -1;
}

/* Are those `size` bytes at `at`? */
/*@ requires tv_readable(s) && \valid_read(bytes + (0 .. size - 1));
  @ assigns \nothing;
  @ ensures at + size > s.size ==> !\result; */
static inline bool tv_span_holds(tv_span s, uint64_t at, const char *bytes, size_t size)
{
    return at <= s.size && size <= s.size - at && (size == 0 || memcmp(s.data + at, bytes, size) == 0);
}

/* Copies the `size` bytes at `at`. False, and zeroes, where they are not wholly inside s. */
/*@ requires tv_readable(s) && (size == 0 || \valid((char *)out + (0 .. size - 1)));
  @ assigns ((char *)out)[0 .. size - 1];
  @ ensures \result <==> at + size <= s.size; */
static inline bool tv_span_copy(tv_span s, uint64_t at, void *out, size_t size)
{
    if (s.size < size || at > s.size - size) {
        memset(out, 0, size);
        return false;
    }
    memcpy(out, s.data + at, size);
    return true;
}

/* Integers at `at`, in the byte order of the platform, which is little-endian (CMakeLists.txt). False, and *out = 0,
 * where they are not wholly inside s. */
/*@ requires tv_readable(s) && \valid(out);
  @ assigns *out;
  @ ensures \result <==> at + 2 <= s.size; */
static inline bool tv_span_u16(tv_span s, uint64_t at, uint16_t *out)
{
    return tv_span_copy(s, at, out, sizeof *out);
}

/*@ requires tv_readable(s) && \valid(out);
  @ assigns *out;
  @ ensures \result <==> at + 4 <= s.size; */
static inline bool tv_span_u32(tv_span s, uint64_t at, uint32_t *out)
{
    return tv_span_copy(s, at, out, sizeof *out);
}

/*@ requires tv_readable(s) && \valid(out);
  @ assigns *out;
  @ ensures \result <==> at + 8 <= s.size; */
static inline bool tv_span_u64(tv_span s, uint64_t at, uint64_t *out)
{
    return tv_span_copy(s, at, out, sizeof *out);
}

/*@ requires tv_readable(a) && tv_readable(b);
  @ assigns \nothing;
  @ ensures \result ==> a.size == b.size; */
static inline bool tv_span_equal(tv_span a, tv_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Is s exactly this C string? */
static inline bool tv_span_is(tv_span s, const char *text)
{
    return tv_span_equal(s, tv_span_str(text));
}

/*@ requires tv_readable(s) && tv_readable(prefix);
  @ assigns \nothing;
  @ ensures \result ==> s.size >= prefix.size; */
static inline bool tv_span_starts(tv_span s, tv_span prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

/*@ requires tv_readable(s) && tv_readable(suffix);
  @ assigns \nothing;
  @ ensures \result ==> s.size >= suffix.size; */
static inline bool tv_span_ends(tv_span s, tv_span suffix)
{
    tv_span tail;
    return s.size >= suffix.size && tv_span_sub(s, s.size - suffix.size, suffix.size, &tail) &&
           tv_span_equal(tail, suffix);
}

/* Order by bytes, shorter first: the order of UTF-8 names everywhere in tensorvet. */
/*@ requires tv_readable(a) && tv_readable(b);
  @ assigns \nothing; */
static inline int tv_span_compare(tv_span a, tv_span b)
{
    size_t both = a.size < b.size ? a.size : b.size;
    int order = both == 0 ? 0 : memcmp(a.data, b.data, both);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

#ifdef __cplusplus
}
#endif
#endif
