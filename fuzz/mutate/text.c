/* Mutates texts: inserts, erases and copies whole code points in UTF-8, chosen from where the rules change, so that
 * most texts stay ones that could be shown as they are. */
#include "mutate.h"

enum { POINT_MOST = 4 };

static const char *const points[] = {
    "a",
    "Z",
    "0",
    ".",
    "/",
    " ",
    "\xc2\xa0",         /* no-break space */
    "\xc3\xa9",         /* a letter of two bytes */
    "\xe2\x82\xac",     /* three */
    "\xf0\x9f\x90\x8d", /* four */
    "\xed\x9f\xbf",     /* right below the surrogates */
    "\xee\x80\x80",     /* right above */
    "\xef\xbf\xbd",
};
static const char *const rare[] = {
    "\"",           "\\",           "\n",           "\t",           "\x1b[31m",
    "\x7f",         "\xc2\x85",     "\xc2\x9b",     "\xff",         "\xc0\x80",
    "\xed\xa0\x80", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xf4\x90\x80\x80",
    "\xef\xbb\xbf", "\xe2\x80\x8b",
};

/* Where the code point at or before `at` begins, as far as the bytes are UTF-8. */
static size_t start_of(const uint8_t *data, size_t size, size_t at)
{
    for (unsigned back = 0; back < POINT_MOST && at > 0 && at < size && (data[at] & 0xc0) == 0x80; back++)
        at--;
    return at;
}

static size_t insert(uint8_t *data, size_t size, size_t max_size, size_t at, const char *text)
{
    size_t added = strlen(text);
    if (added > max_size - size)
        return size;
    memmove(data + at + added, data + at, size - at);
    memcpy(data + at, text, added);
    return size + added;
}

static size_t erase(uint8_t *data, size_t size, size_t at)
{
    size_t next = at + 1;
    while (next < size && (data[next] & 0xc0) == 0x80)
        next++;
    if (at >= size)
        return size;
    memmove(data + at, data + next, size - next);
    return size - (next - at);
}

size_t mutate_input(uint8_t *data, size_t size, size_t max_size, struct rng *rng)
{
    if (rng_one_in(rng, 4))
        return LLVMFuzzerMutate(data, size, max_size);
    for (size_t rounds = 1 + rng_below(rng, 8); rounds > 0; rounds--) {
        size_t at = start_of(data, size, rng_below(rng, size + 1));
        if (rng_one_in(rng, 3))
            size = erase(data, size, at);
        else if (rng_one_in(rng, 12))
            size = insert(data, size, max_size, at, rare[rng_below(rng, sizeof rare / sizeof *rare)]);
        else
            size = insert(data, size, max_size, at, points[rng_below(rng, sizeof points / sizeof *points)]);
    }
    return size;
}
