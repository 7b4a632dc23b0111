/* Patterns of names, as users write them. */
#ifndef CONVERTER_GLOB_H
#define CONVERTER_GLOB_H

#include <stdbool.h>

#include <tensorvet/span.h>

/* Does the whole name match? `*` is any run of characters, dots included, `?` one character, `[a-z]` one of a set,
 * `[!a-z]` one outside it; all else stands for itself. Time: the lengths' product, whatever the name. */
bool glob_match(const char *pattern, tv_span name);

#endif
