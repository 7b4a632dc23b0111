/* Sorting without libc: glibc's qsort asks the kernel for the size of memory (sysinfo), which the jail kills.
 * Heapsort: in place, no recursion, n log n whatever the input; not stable, so give a total order. */
#ifndef CONVERTER_SORT_H
#define CONVERTER_SORT_H

#include <stdbool.h>
#include <stdint.h>

/* Does item a go before item b? */
typedef bool (*sort_before)(const void *context, uint32_t a, uint32_t b);

/* Sorts `count` numbers, which mean whatever `before` takes them for. */
void sort_items(uint32_t *items, uint64_t count, sort_before before, const void *context);

#endif
