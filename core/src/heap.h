/* Heap sort, made for a type and an order: n log n in place, no memory, no recursion, no libc (glibc's qsort asks the
 * system for its memory, a call that the jail forbids). Internal to core. */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdint.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): TYPE is a type */
/* Defines `static void NAME(TYPE *items, uint64_t count)`, which sorts so that !BEFORE(&items[i + 1], &items[i]). */
#define DEFINE_HEAP_SORT(NAME, TYPE, BEFORE)                                                                           \
    static void NAME##_sift(TYPE *items, uint64_t count, uint64_t root)                                                \
    {                                                                                                                  \
        TYPE moved = items[root];                                                                                      \
        while (root < count / 2) {                                                                                     \
            uint64_t child = 2 * root + 1;                                                                             \
            if (child + 1 < count && BEFORE(&items[child], &items[child + 1]))                                         \
                child++;                                                                                               \
            if (!BEFORE(&moved, &items[child]))                                                                        \
                break;                                                                                                 \
            items[root] = items[child];                                                                                \
            root = child;                                                                                              \
        }                                                                                                              \
        items[root] = moved;                                                                                           \
    }                                                                                                                  \
    static void NAME(TYPE *items, uint64_t count)                                                                      \
    {                                                                                                                  \
        for (uint64_t root = count / 2; root > 0; root--)                                                              \
            NAME##_sift(items, count, root - 1);                                                                       \
        for (uint64_t last = count; last > 1; last--) {                                                                \
            TYPE moved = items[0];                                                                                     \
            items[0] = items[last - 1];                                                                                \
            items[last - 1] = moved;                                                                                   \
            NAME##_sift(items, last - 1, 0);                                                                           \
        }                                                                                                              \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
