/* Patterns of names (glob.h). Trusts the pattern, not the name. fnmatch(3) is not used: it allocates, goes by the
 * locale, and takes exponential time for some patterns. */
#include "glob.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at `at`: the first, and those that continue it in UTF-8. */
static uint64_t width_at(tv_span name, uint64_t at)
{
    uint64_t size = 1;
    for (int byte = tv_span_byte(name, at + 1); byte >= 0x80 && byte < 0xC0; byte = tv_span_byte(name, at + size))
        size++;
    return size;
}

/* Where the set that opens at `pattern` ends, or NULL where it never does: then the bracket stands for itself. A
 * bracket that comes first in a set belongs to it. */
static const char *set_end(const char *pattern)
{
    const char *first = pattern[1] == '!' ? pattern + 2 : pattern + 1;
    return *first == '\0' ? NULL : strchr(first + 1, ']');
}

static bool in_set(const char *pattern, const char *end, int byte)
{
    bool negated = pattern[1] == '!', found = false;
    for (const char *at = pattern + (negated ? 2 : 1); at < end; at++) {
        bool range = at[1] == '-' && at + 2 < end;
        int low = (unsigned char)at[0], high = range ? (unsigned char)at[2] : low;
        found = found || (byte >= low && byte <= high);
        at += range ? 2 : 0;
    }
    return found != negated;
}

/* Matches one character of the name with one step of the pattern, no star. Returns the next step, or NULL. */
static const char *match_one(const char *pattern, tv_span name, uint64_t at, uint64_t *width)
{
    int byte = tv_span_byte(name, at);
    const char *end = *pattern == '[' ? set_end(pattern) : NULL;
    *width = *pattern == '?' || end != NULL ? width_at(name, at) : 1;
    if (end != NULL)
        return in_set(pattern, end, byte) ? end + 1 : NULL;
    bool same = *pattern == '?' || (*pattern != '\0' && (unsigned char)*pattern == byte);
    return same ? pattern + 1 : NULL;
}

bool glob_match(const char *pattern, tv_span name)
{
    const char *star = NULL; /* the pattern behind the last star */
    uint64_t at = 0, star_at = 0, width = 0;
    while (at < name.size) {
        if (*pattern == '*') {
            star = ++pattern;
            star_at = at;
            continue;
        }
        const char *next = match_one(pattern, name, at, &width);
        if (next == NULL && star == NULL)
            return false;
        if (next == NULL) { /* the last star takes one character more */
            star_at += width_at(name, star_at);
            at = star_at;
            pattern = star;
        } else {
            pattern = next;
            at += width;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
